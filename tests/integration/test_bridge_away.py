"""The bridge is away for five minutes at the default settings, and receipts keep coming."""
import collections
import itertools
import json
import time

import pytest

from harness.process import wait_for

RECEIPTS, AWAY_S, SETTLED_S = 1500, 300, 60
HOLD_S, HOLD_MAX, BUSY, S = 8, 100, 0x14, 1e9
# New receipts all the time, and more unanswered ones than may be held.
MNO = ["--receipt-delay-ms", f"2000-{AWAY_S * 1000}", "--deliver-window", "200", "--enquire-link-ms", "30000"]

Deliver = collections.namedtuple("Deliver", "id sent answered status")


class Seen:
    """By the MNO, between two moments of the monotonic clock."""

    def __init__(self, rows, begin, end):
        self.delivers, self.enquiries, asked = [], {"in": [], "out": []}, {}
        for row in rows:
            if not begin <= row["t"] / S <= end:
                continue
            request = row["c"].removesuffix("_resp")
            if row["c"] == request and request in ("deliver_sm", "enquire_link"):
                asked[request, row["d"], row["q"]] = row
            before = asked.pop((request, "in" if row["d"] == "out" else "out", row.get("q")), None)
            if before and request == "deliver_sm":
                self.delivers.append(Deliver(before["id"], before["t"] / S, row["t"] / S, row["r"]))
            elif before:
                self.enquiries[before["d"]].append(before["t"] / S)
        self.unanswered_enquiries = sum(request == "enquire_link" for request, _, _ in asked)

    def held(self):
        return [d for d in self.delivers if d.answered - d.sent > HOLD_S / 2]

    def most_held(self):
        """At a time; what is cut off at the ends is for the ways in between."""
        changes = sorted([(d.sent + 0.05, 1) for d in self.held()] + [(d.answered - 0.05, -1) for d in self.held()])
        return max(itertools.accumulate(change for _, change in changes))


def read_history(stack, path):
    stack.mno.control("history flush")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.long
def test_receipts_while_the_bridge_is_away_for_five_minutes(make_stack, tmp_path):
    """As many as may be held wait DELIVER_HOLD_MS for the busy status, the rest not at all, and the MNO repeats all."""
    history = tmp_path / "history.jsonl"
    stack = make_stack(mno_options=[*MNO, "--history", history]).start()
    ids = stack.send(RECEIPTS)
    stack.wait_acknowledged()
    stack.bridge.kill()
    began = time.monotonic()
    wait_for(lambda: time.monotonic() >= began + SETTLED_S, SETTLED_S + 5, "as many are held as may be", 0.2)
    cpu, sizes = stack.agent.cpu_seconds(), []
    wait_for(lambda: sizes.append(stack.agent.anonymous_kib()) or time.monotonic() >= began + AWAY_S, AWAY_S, "five minutes", 1)
    ended, cpu = time.monotonic(), stack.agent.cpu_seconds() - cpu
    stack.restart_bridge()
    wait_for(lambda: stack.mno.stats()["receipts_acked"] == RECEIPTS, 60, "all are answered", 0.1)

    seen = Seen(read_history(stack, history), began, ended)
    took = [d.answered - d.sent for d in seen.held()]
    print(f"{len(seen.delivers)} deliver_sm, {len(took)} of them held, {seen.most_held()} at a time, "
          f"{min(took):.2f} to {max(took):.2f} s; agent: {min(sizes)} to {max(sizes)} KiB, {cpu:.2f} s of CPU")
    assert {d.status for d in seen.delivers} == {BUSY}
    assert HOLD_S - 0.1 < min(took) and max(took) < HOLD_S + 2
    assert 0.9 * HOLD_MAX <= seen.most_held() <= HOLD_MAX
    repeated = [i for i, n in collections.Counter(d.id for d in seen.delivers).items() if n > 1]
    assert len(repeated) > RECEIPTS / 2
    events = stack.dlr_events()
    assert sorted(e["messageId"] for e in events) == sorted(ids)
    assert {e["operatorMessageId"] for e in events} >= set(repeated) and len({e["eventId"] for e in events}) == RECEIPTS

    for times in seen.enquiries.values():
        assert len(times) >= AWAY_S / 30 - 1
        assert all(29 < later - earlier < 32 for earlier, later in itertools.pairwise(times)), times
    assert seen.unanswered_enquiries == 0
    stats = stack.mno.stats()
    assert stats["binds"] == stats["connections"] == stats["bound"] == 1 and stats["receipts_lost"] == 0, stats
    assert max(sizes) - min(sizes) <= 128, "eight octets a deliver_sm would be more"
    assert cpu < 0.01 * (AWAY_S - SETTLED_S)
