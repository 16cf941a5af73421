"""Knows the invariants; reads what outside observers wrote (commands and faults in journal.jsonl, the
MNO's PDUs in mno.jsonl, the stored events in events.jsonl, final.json) and counts.

checker.py DIRECTORY checks a kept run again."""
import collections
import json
import os
import re
import sys

from faults import CORRELATION_FAULTS, SESSION_FAULTS

# The MNO's stamps are of its reads, which a busy machine makes up to 50 ms late and never early: what was
# written within a second may seem closer by that much, or a little more. The agent's own count is exact.
WINDOW_NS = 950_000_000
LATE_READS = 1.05
FINAL_WITHOUT_SUBMIT = {"EXPIRED", "REJECTED", "UNKNOWN"}


class Result:
    def __init__(self):
        self.counts = collections.OrderedDict()
        self.violations = []

    def violation(self, text):
        self.violations.append(text)

    def print(self):
        for name, value in self.counts.items():
            print(f"    {name:44} {value}")
        for text in self.violations[:20]:
            print(f"    VIOLATED  {text}")
        if len(self.violations) > 20:
            print(f"    … and {len(self.violations) - 20} more")


class Submit:
    __slots__ = ("t", "session", "system", "token", "part", "parts", "sequence", "status", "id", "answered")

    def __init__(self, row, token):
        self.t, self.session, self.system, self.sequence = row["t"], row["n"], row["s"], row["q"]
        self.token, self.part, self.parts = token, row.get("part", 1), row.get("parts", 1)
        self.status = self.id = self.answered = None


def lines(directory, name):
    path = os.path.join(directory, name)
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.endswith("\n"):
                yield json.loads(line)


class History:
    """The MNO's view."""

    def __init__(self, directory):
        self.submits, self.binds, self.ends = [], collections.defaultdict(list), collections.defaultdict(list)
        self.session_end = {}
        self.receipts_acked = []
        self.enquire = collections.defaultdict(list)
        by_sequence, receipt_of, token_of_message = {}, {}, {}
        for row in lines(directory, "mno.jsonl"):
            c, d = row["c"], row.get("d")
            if d == "event":
                if c == "closed":
                    self.session_end[row["n"]] = row["t"]
                    self.ends[row["s"]].append(row["t"])
                continue
            if c == "submit_sm" and d == "in":
                token = self._token(row, token_of_message)
                s = Submit(row, token)
                self.submits.append(s)
                by_sequence[row["n"], row["q"]] = s
            elif c == "submit_sm_resp" and d == "out":
                s = by_sequence.get((row["n"], row["q"]))
                if s and s.answered is None:
                    s.answered, s.status, s.id = row["t"], row["r"], row.get("id")
            elif c == "deliver_sm" and d == "out":
                receipt_of[row["n"], row["q"]] = row.get("id")
            elif c == "deliver_sm_resp" and d == "in" and row["r"] == 0:
                self.receipts_acked.append((row["t"], receipt_of.get((row["n"], row["q"]))))
            elif c.startswith("bind_") and c.endswith("_resp") and d == "out" and row["r"] == 0:
                self.binds[row["s"]].append(row["t"])
        self.submits.sort(key=lambda s: s.t)

    @staticmethod
    def _token(row, token_of_message):
        """The first word of the text; later segments carry only the reference of the first."""
        raw = bytes.fromhex(row.get("text", ""))
        text = raw.decode("utf-16-be", "replace") if b"\x00T\x000" in raw[:12] else raw.decode("latin-1")
        match = re.search(r"T\d{7}", text[:16])
        key = (row["s"], row.get("to"), row.get("ref"))
        if match:
            if "ref" in row:
                token_of_message[key] = match.group()
            return match.group()
        return token_of_message.get(key)


def fault_times(journal, names):
    spans, begun = [], None
    for row in journal:
        if row["kind"] == "fault" and row["name"] in names:
            if row["phase"] == "begin":
                begun = row["t"]
            else:
                spans.append((begun, row["t"]))
    return spans


def within(t, spans, after_s):
    return any(b - 200_000_000 <= t <= e + after_s * 1_000_000_000 for b, e in spans)


def check_commands(result, journal, history, events):
    commands = {r["token"]: r for r in journal if r["kind"] == "command"}
    stored = {r["token"] for r in journal if r["kind"] == "stored"}
    accepted = collections.defaultdict(set)
    parts = {}
    for s in history.submits:
        if s.token is None:
            result.violation(f"a submit_sm without a token, session {s.session} sequence {s.sequence}")
            continue
        parts[s.token] = s.parts
        if s.status == 0:
            accepted[s.token].add(s.part)
    ends = collections.defaultdict(set)
    for e in events:
        if e["messageId"]:
            ends[e["messageId"]].add(e["status"])
    lost = incomplete = sent_expired = 0
    for token in stored:
        command = commands[token]
        told = ends[command["messageId"]]
        if command["expired"]:
            if token in parts:
                sent_expired += 1
                result.violation(f"{token} was sent after its expiresAt")
            if "EXPIRED" not in told:
                lost += 1
                result.violation(f"{token} had expired and nobody was told")
        elif token not in accepted:
            if not told & FINAL_WITHOUT_SUBMIT:
                lost += 1
                result.violation(f"{token} ({command['messageId']}) was stored, never accepted and never reported")
        elif len(accepted[token]) < parts[token] and not told & FINAL_WITHOUT_SUBMIT:
            incomplete += 1
            result.violation(f"{token}: only segments {sorted(accepted[token])} of {parts[token]} were accepted")
    result.counts.update({"commands stored": len(stored), "submit_sm at the MNO": len(history.submits),
                          "lost commands": lost, "incomplete long messages": incomplete,
                          "sent after expiry": sent_expired})
    return commands


def check_doubles(result, journal, history):
    session_faults = fault_times(journal, SESSION_FAULTS)
    seen = {}
    doubled = unknown = retried = 0
    for s in history.submits:
        before = seen.get((s.token, s.part))
        seen[s.token, s.part] = s
        if before is None:
            continue
        if before.status not in (None, 0):
            retried += 1
            continue
        ended = history.session_end.get(before.session)
        if before.session != s.session and ended and ended <= s.t and within(ended, session_faults, 10):
            unknown += 1
        elif before.answered is None and s.t - before.t > 4_500_000_000:
            unknown += 1
        else:
            doubled += 1
            result.violation(f"{s.token} part {s.part} sent twice without cause, {(s.t - before.t) / 1e9:.2f} s apart")
    result.counts.update({"retried after a refusal": retried, "sent again after an unknown outcome": unknown,
                          "doubled": doubled})


def check_receipts(result, journal, history, events):
    message_of = {}
    id_of_command = {r["token"]: r["messageId"] for r in journal if r["kind"] == "command"}
    for s in history.submits:
        if s.id:
            message_of[s.id] = id_of_command.get(s.token)
    by_id = collections.Counter()
    event_ids = collections.Counter(e["eventId"] for e in events)
    uncorrelated = wrong = 0
    lawful = bool(fault_times(journal, CORRELATION_FAULTS))
    for e in events:
        if e["source"] != "MNO":
            continue
        by_id[e["operatorMessageId"]] += 1
        if e["messageId"] is None:
            uncorrelated += 1
            if not lawful:
                result.violation(f"receipt of {e['operatorMessageId']} was not correlated")
        elif message_of.get(e["operatorMessageId"]) != e["messageId"]:
            wrong += 1
            result.violation(f"receipt of {e['operatorMessageId']} was correlated with the wrong message")
    lost = 0
    for _, message_id in history.receipts_acked:
        if message_id and not by_id[message_id]:
            lost += 1
            result.violation(f"the receipt of {message_id} was answered ROK and has no event")
    doubled = sum(n - 1 for n in event_ids.values())
    if doubled:
        result.violation(f"{doubled} events are in the stream twice")
    result.counts.update({"receipts answered ROK": len(history.receipts_acked), "events": len(events),
                          "lost receipts": lost, "doubled events": doubled,
                          "uncorrelated events": uncorrelated, "wrongly correlated": wrong})


def check_binds(result, journal, history):
    spans = fault_times(journal, SESSION_FAULTS)
    dropped = 0
    for system, ends in history.ends.items():
        for t in ends:
            if not within(t, spans, 10):
                dropped += 1
                result.violation(f"a session of {system} ended without a fault that ends sessions")
    result.counts.update({"binds": sum(map(len, history.binds.values())), "binds dropped without cause": dropped})


def check_rate(result, history, tps, peaks):
    peak, worst_gap = 0, 0
    by_system = collections.defaultdict(list)
    for s in history.submits:
        by_system[s.system].append(s.t)
    for system, times in by_system.items():
        first = 0
        for i, t in enumerate(times):
            while times[first] <= t - WINDOW_NS:
                first += 1
            peak = max(peak, i - first + 1)
            if i:
                worst_gap = max(worst_gap, t - times[i - 1])
        if peak > tps * LATE_READS:
            result.violation(f"{system}: {peak} submit_sm in one second, tpsLimit {tps}")
    for exact in peaks:
        if exact > tps:
            result.violation(f"the agent wrote {exact:.0f} submit_sm in one second, tpsLimit {tps}")
    result.counts.update({"most written in one second, by the agent's own count": int(max(peaks, default=0)),
                          f"most submit_sm in one second (limit {tps})": peak,
                          "longest gap between submit_sm, s": round(worst_gap / 1e9, 2)})


def check_final(result, final):
    for oid, n in final["unacknowledged"].items():
        if n:
            result.violation(f"{n} commands of {oid} were never acknowledged")
    if final["mno"]["receipts_lost"]:
        result.violation(f"{final['mno']['receipts_lost']} receipts were answered with a final error")
    if final["mno"]["protocol_errors"]:
        result.violation(f"the MNO saw {final['mno']['protocol_errors']} protocol errors")
    if not (final["bridgeAlive"] and final["agentAlive"]):
        result.violation("a process is not there at the end")
    result.counts.update({"RSS of the agent, KiB": final["agentRssKib"], "RSS of the bridge, KiB": final["bridgeRssKib"]})


def check(directory):
    result = Result()
    journal = list(lines(directory, "journal.jsonl"))
    history = History(directory)
    events = list(lines(directory, "events.jsonl"))
    with open(os.path.join(directory, "final.json"), encoding="utf-8") as f:
        final = json.load(f)
    check_commands(result, journal, history, events)
    check_doubles(result, journal, history)
    check_receipts(result, journal, history, events)
    check_binds(result, journal, history)
    check_rate(result, history, final["tps"], final["peaks"])
    check_final(result, final)
    return result


if __name__ == "__main__":
    outcome = check(sys.argv[1])
    outcome.print()
    sys.exit(1 if outcome.violations else 0)
