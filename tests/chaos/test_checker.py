"""The checker on invented histories: a run in which all is well, and one change for each kind of violation."""
import copy
import json
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import checker  # noqa: E402

S = 1_000_000_000
MS = 1_000_000
SYSTEM = "smsgw0001"


def token(n):
    return f"T{n:07d}"


class Run:
    """Commands stored 100 ms apart from 1 s on, each sent 10 ms later, accepted after 20 ms more, acknowledged, and
    its receipt delivered; message n is 'm<n>' and 'mno<n>' at the MNO."""

    def __init__(self, commands=10):
        self.journal, self.stream, self.mno, self.events = [], [], [], []
        self.letters = []
        self.health = [{"eventId": "h0", "operatorId": "o", "previousStatus": None, "status": "BOUND", "occurredAt": "x"}]
        self.samples = [{"t": t * S, "agent": 1, "agentKib": 9000, "bridge": 2, "bridgeKib": 9000} for t in range(120)]
        self.final = {"t": 100 * S, "unacknowledged": {"o": 0}, "inStream": 0, "peaks": [100], "tps": 100,
                      "bridgeAlive": True, "agentAlive": True, "agentRssKib": 1, "bridgeRssKib": 1, "window": 20,
                      "unknown": 100, "flows": None, "logs": [], "mno": {"receipts_lost": 0, "protocol_errors": 0}}
        self.sequence = 0
        self.bind(1, 0)
        for n in range(commands):
            t = S + n * 100 * MS
            self.command(n, t)
            self.stored(n, t + MS)
            self.submit(n, t + 10 * MS, "mno%d" % n)
            self.ack(n, t + 40 * MS)
            self.receipt(n, t + 500 * MS)

    def bind(self, session, t):
        self.mno.append({"t": t, "n": session, "s": SYSTEM, "d": "out", "c": "bind_transceiver_resp", "q": 1, "r": 0})

    def end(self, session, t):
        self.mno.append({"t": t, "n": session, "s": SYSTEM, "d": "event", "c": "closed"})

    def command(self, n, t, expired=False, poison=False, life=100 * S):
        self.journal.append({"t": t, "kind": "command", "token": token(n), "messageId": f"m{n}", "system": SYSTEM, "expired": expired,
                             "poison": poison, "until": t + life})

    def letter(self, n):
        self.letters.append({"sequence": n, "reason": "expired", "text": token(n)})

    def stored(self, n, t, sequence=None, seen=True, **more):
        """Stored and confirmed to the publisher."""
        if seen:
            self.stream.append({"t": t, "kind": "stored", "sequence": sequence or n + 1, "messageId": f"m{n}"})
        self.journal.append({"t": t + MS, "kind": "stored", "token": token(n), "sequence": sequence or n + 1,
                             "attempts": 1, "begun": t - MS, "duplicate": False, **more})

    def ack(self, n, t, sequence=None):
        self.stream.append({"t": t, "kind": "ack", "sequence": sequence or n + 1})

    def submit(self, n, t, message_id, status=0, session=1, answered=20 * MS, **more):
        self.sequence += 1
        self.mno.append({"t": t, "n": session, "s": SYSTEM, "d": "in", "c": "submit_sm", "q": self.sequence, "r": 0,
                         "to": "x", "text": token(n).encode().hex(), **more})
        if answered is not None:
            self.mno.append({"t": t + answered, "n": session, "s": SYSTEM, "d": "out", "c": "submit_sm_resp",
                             "q": self.sequence, "r": status, "id": message_id})

    def receipt(self, n, t, rok=10 * MS, event=5 * MS, **more):
        self.sequence += 1
        row = {"n": 1, "s": SYSTEM, "q": self.sequence, "r": 0}
        self.mno.append({"t": t, "d": "out", "c": "deliver_sm", "id": f"mno{n}", **row})
        self.mno.append({"t": t + rok, "d": "in", "c": "deliver_sm_resp", **row})
        if event is not None:
            self.event(f"m{n}", storedAt=t + event, operatorMessageId=f"mno{n}", **more)

    def event(self, message_id, storedAt=2 * S, status="DELIVERED", source="MNO", **more):
        self.events.append({"storedAt": storedAt, "eventId": f"e{len(self.events)}", "messageId": message_id,
                            "status": status, "source": source, "operatorMessageId": None, **more})

    def fault(self, name, begin, end):
        for phase, t in (("begin", begin), ("end", end)):
            self.journal.append({"t": t, "kind": "fault", "name": name, "phase": phase})

    def drop(self, name, condition):
        setattr(self, name, [r for r in getattr(self, name) if not condition(r)])

    def check(self, directory):
        for name in ("journal", "stream", "mno", "events", "health", "letters", "samples"):
            with open(directory / f"{name}.jsonl", "w", encoding="utf-8") as f:
                for row in sorted(getattr(self, name), key=lambda r: r.get("t", 0)):
                    f.write(json.dumps(row) + "\n")
        for i, text in enumerate(self.final["logs"]):
            path = directory / "bridge" / f"{i}.log"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            self.final["logs"][i] = str(path)
        (directory / "final.json").write_text(json.dumps(self.final))
        return checker.check(str(directory))


def is_submit(n):
    return lambda r: r.get("text") == token(n).encode().hex()


BACKUP = {"session": 9, "s": "smsgw0002"}


def copied(run, acknowledged=5 * S + 20 * MS, copy_acknowledged=6 * S + 40 * MS):
    """Message 20, stored with sequence 21, goes to the backup, with sequence 60."""
    run.command(20, 5 * S)
    run.stored(20, 5 * S)
    run.stream.append({"t": 5 * S + 10 * MS, "kind": "stored", "sequence": 60, "messageId": "failover:a:21:1"})
    run.ack(20, acknowledged)
    run.submit(20, 6 * S, "mno20", **BACKUP)
    if copy_acknowledged:
        run.ack(20, copy_acknowledged, sequence=60)


def acknowledged_before_its_copy_was_stored(run):
    copied(run, acknowledged=5 * S + 5 * MS)


def copy_acknowledged_before_the_answer(run):
    copied(run, copy_acknowledged=6 * S + 10 * MS)


def sent_and_copied(run):
    copied(run)
    run.submit(20, 5 * S + 5 * MS, "mno20a")


def copy_never_acknowledged(run):
    run.final["unacknowledged"] = {"o": 1}
    copied(run, copy_acknowledged=None)


def never_accepted(run):
    run.drop("mno", is_submit(3))
    run.drop("mno", lambda r: r.get("id") == "mno3")
    run.drop("events", lambda e: e["messageId"] == "m3")
    run.drop("stream", lambda r: r["kind"] == "ack" and r["sequence"] == 4)


def expired_and_untold(run):
    run.command(20, 5 * S, expired=True)
    run.stored(20, 5 * S)


def expired_and_sent(run):
    expired_and_untold(run)
    run.event("m20", status="EXPIRED", source="CONNECTOR")
    run.submit(20, 6 * S, "mno20")


def sent_after_its_time(run):
    run.command(20, 5 * S, life=2 * S)
    run.stored(20, 5 * S)
    run.submit(20, 8 * S, "mno20")
    run.ack(20, 9 * S)


def expired_and_not_kept(run):
    expired_and_untold(run)
    run.event("m20", status="EXPIRED", source="CONNECTOR")


def poison_and_sent(run):
    run.command(20, 5 * S, poison=True)
    run.stored(20, 5 * S)
    run.event("m20", status="REJECTED", source="CONNECTOR")
    run.submit(20, 6 * S, "mno20")


def poison_and_untold(run):
    run.command(20, 5 * S, poison=True)
    run.stored(20, 5 * S)


def half_of_a_long_one(run):
    run.command(20, 5 * S)
    run.stored(20, 5 * S)
    run.submit(20, 6 * S, "mno20", part=1, parts=2, ref=7)


def acknowledged_before_the_answer(run):
    run.ack(3, S + 300 * MS + 15 * MS)


def acknowledged_before_the_second_segment(run):
    half_of_a_long_one(run)
    run.ack(20, 6 * S + 30 * MS)
    run.submit(20, 7 * S, "mno20b", part=2, parts=2, ref=7)


def sent_twice(run):
    run.submit(3, 9 * S, "again")


def sent_twice_after_an_answer_that_was_read(run):
    run.fault("mno_resets", 9 * S, 9 * S)
    run.end(1, 9 * S)
    run.bind(2, 10 * S)
    run.submit(3, 11 * S, "again", session=2)


def sent_twice_though_the_agent_had_a_second_to_read_the_answer(run):
    run.command(20, 5 * S)
    run.stored(20, 5 * S)
    run.submit(20, 5 * S + 10 * MS, "mno20")
    run.fault("agent_killed", 6 * S, 6 * S + 500 * MS)
    run.end(1, 6 * S)
    run.bind(2, 7 * S)
    run.submit(20, 7 * S, "again", session=2)
    run.ack(20, 8 * S)


def sent_twice_by_a_session_that_came_after_the_fault(run):
    """Its answer is lost with a session that no fault ended."""
    run.fault("mno_resets", 5 * S, 5 * S + MS)
    run.end(1, 5 * S)
    run.bind(2, 6 * S)
    run.command(20, 6 * S)
    run.stored(20, 6 * S)
    run.submit(20, 6 * S + 10 * MS, None, answered=None, session=2)
    run.end(2, 6 * S + 20 * MS)
    run.bind(3, 7 * S)
    run.submit(20, 7 * S, "mno20", session=3)
    run.ack(20, 8 * S)


def more_than_the_window_sent_again(run):
    run.fault("agent_killed", 6 * S, 6 * S + 500 * MS)
    run.end(1, 6 * S)
    run.bind(2, 7 * S)
    for n in range(20, 41):
        run.command(n, 5 * S)
        run.stored(n, 5 * S)
        run.submit(n, 5 * S + 990 * MS, None, answered=None)
        run.submit(n, 7 * S + n * 10 * MS, f"mno{n}", session=2)
        run.ack(n, 8 * S)


def sent_again_and_not_counted(run):
    unanswered_when_the_session_ended(run)
    run.final["unknown"] = 0


def stored_again_after_it_was_sent_twice(run):
    sent_twice(run)
    run.stream.append({"t": 10 * S, "kind": "stored", "sequence": 50, "messageId": "m3"})


def confirmed_as_duplicate_and_sent_twice(run):
    run.drop("journal", lambda r: r["kind"] == "stored" and r["token"] == token(3))
    run.stored(3, 8 * S, seen=False, attempts=2, duplicate=True, sequence=4)
    sent_twice(run)


def uncorrelated(run):
    run.events[3]["messageId"] = None


def uncorrelated_though_answered_while_redis_was_away(run):
    run.fault("redis_killed", S + 100 * MS, 2 * S)
    uncorrelated(run)


def of_another_message(run):
    run.events[3]["messageId"] = "m4"


def receipt_without_event(run):
    del run.events[3]


def answered_before_stored(run):
    run.events[3]["storedAt"] += S


def same_event_twice(run):
    run.events.append(copy.deepcopy(run.events[3]))


def session_ends(run):
    run.end(1, 50 * S)
    run.bind(2, 51 * S)


def too_many_on_the_wire(run):
    run.final["flows"] = [[10 + n / 101 for n in range(101)]]


def too_many_of_several_sessions(run):
    run.final["flows"] = [[10 + n / 200 for n in range(60)], [10.5 + n / 200 for n in range(60)]]


def too_many_by_the_own_count(run):
    run.final["peaks"] = [101]


def never_acknowledged(run):
    run.drop("stream", lambda r: r["kind"] == "ack" and r["sequence"] == 4)
    run.final["unacknowledged"]["o"] = 1


def refused_receipt(run):
    run.final["mno"]["receipts_lost"] = 1


def protocol_error(run):
    run.final["mno"]["protocol_errors"] = 1


def ended_by_itself(run):
    run.journal.append({"t": 5 * S, "kind": "exit", "program": "bridge", "code": -6})


def woke_and_went_on(run):
    run.journal.append({"t": 5 * S, "kind": "woken", "fenced": False})


def a_gap_in_health(run):
    run.health.append({**run.health[0], "eventId": "h1", "previousStatus": "UNBOUND"})


def health_in_the_wrong_order(run):
    run.health += [{**run.health[0], "eventId": "h2", "previousStatus": "UNBOUND"},
                   {**run.health[0], "eventId": "h1", "previousStatus": "BOUND", "status": "UNBOUND"}]


def the_same_health_event_twice(run):
    run.health += [{**run.health[0], "eventId": "h1", "previousStatus": "BOUND", "status": "UNBOUND"},
                   {**run.health[0], "previousStatus": "UNBOUND"}]


def memory_grows(run):
    for row in run.samples:
        row["agentKib"] += row["t"] // S * 500


def nothing_sent_for_long(run):
    run.command(20, 30 * S)
    run.stored(20, 30 * S)
    run.submit(20, 30 * S, "mno20")
    run.ack(20, 31 * S)


def the_password_in_a_log(run):
    run.final["logs"] = ["password s3cr3tpw"]


def bridge_gone(run):
    run.final["bridgeAlive"] = False


def no_token(run):
    run.mno.append({**[r for r in run.mno if r["c"] == "submit_sm"][0], "text": "00", "q": 999, "t": 20 * S})


@pytest.mark.parametrize("kind, change", [
    ("lost", never_accepted), ("lost", expired_and_untold), ("lost", poison_and_untold),
    ("sent-expired", expired_and_sent), ("sent-expired", sent_after_its_time), ("sent-poison", poison_and_sent),
    ("letter-missing", expired_and_not_kept),
    ("incomplete", half_of_a_long_one), ("acked-early", acknowledged_before_the_answer),
    ("acked-early", acknowledged_before_the_second_segment), ("acked-early", acknowledged_before_its_copy_was_stored),
    ("acked-early", copy_acknowledged_before_the_answer), ("doubled", sent_and_copied),
    ("unacknowledged", copy_never_acknowledged), ("doubled", sent_twice),
    ("doubled", sent_twice_after_an_answer_that_was_read), ("doubled", stored_again_after_it_was_sent_twice),
    ("doubled", confirmed_as_duplicate_and_sent_twice),
    ("doubled", sent_twice_though_the_agent_had_a_second_to_read_the_answer),
    ("doubled", more_than_the_window_sent_again), ("uncounted", sent_again_and_not_counted), ("uncorrelated", uncorrelated),
    ("uncorrelated", uncorrelated_though_answered_while_redis_was_away), ("miscorrelated", of_another_message),
    ("receipt-lost", receipt_without_event), ("rok-early", answered_before_stored), ("event-doubled", same_event_twice),
    ("bind-dropped", session_ends), ("pace", too_many_on_the_wire), ("pace", too_many_of_several_sessions),
    ("pace", too_many_by_the_own_count), ("health", a_gap_in_health), ("health", health_in_the_wrong_order),
    ("health", the_same_health_event_twice), ("memory", memory_grows), ("stalled", nothing_sent_for_long),
    ("secret", the_password_in_a_log), ("process-gone", ended_by_itself), ("not-fenced", woke_and_went_on),
    ("unacknowledged", never_acknowledged), ("receipt-refused", refused_receipt), ("protocol", protocol_error),
    ("process-gone", bridge_gone), ("unknown-text", no_token)], ids=lambda v: v if isinstance(v, str) else v.__name__)
def test_caught(kind, change, tmp_path):
    run = Run()
    change(run)
    assert run.check(tmp_path).kinds() == {kind}


def test_a_session_that_came_after_the_fault_is_not_excused(tmp_path):
    run = Run()
    sent_twice_by_a_session_that_came_after_the_fault(run)
    assert run.check(tmp_path).kinds() == {"bind-dropped", "doubled"}


# --- what looks wrong and is not ---

def a_bind_was_refused(run):
    run.end(30, 7 * S)


def copied_unseen(run):
    copied(run)
    run.drop("stream", lambda r: r["sequence"] == 60)



def nothing_changed(run):
    pass


def refused_and_sent_again(run):
    run.command(20, 5 * S)
    run.stored(20, 5 * S)
    run.submit(20, 5 * S + 10 * MS, None, status=0x58)
    run.submit(20, 6 * S, "mno20")
    run.ack(20, 6 * S + 30 * MS)


def unanswered_when_the_session_ended(run):
    run.command(20, 5 * S)
    run.stored(20, 5 * S)
    run.submit(20, 5 * S + 10 * MS, None, answered=None)
    run.fault("mno_resets", 5 * S + 20 * MS, 5 * S + 21 * MS)
    run.end(1, 5 * S + 21 * MS)
    run.bind(2, 6 * S)
    run.submit(20, 6 * S, "mno20", session=2)
    run.ack(20, 6 * S + 30 * MS)


def stored_twice_and_sent_twice(run):
    run.fault("nats_killed", 8 * S, 8 * S + 500 * MS)
    run.stream.append({"t": 9 * S, "kind": "stored", "sequence": 50, "messageId": "m3"})
    run.submit(3, 9 * S + 10 * MS, "again")
    run.ack(3, 9 * S + 40 * MS, sequence=50)


def stored_unseen_sent_and_stored_again(run):
    """The first storing died with the server, known to nobody but the connector; its sequence was given out again."""
    run.fault("nats_killed", 5 * S + 40 * MS, 5 * S + 500 * MS)
    run.command(20, 5 * S)
    run.submit(20, 5 * S + 10 * MS, "mno20")
    run.stored(20, 6 * S, attempts=2)
    run.submit(20, 6 * S + 10 * MS, "again")
    run.ack(20, 6 * S + 40 * MS)


def reported_as_rejected(run):
    run.command(20, 5 * S)
    run.stored(20, 5 * S)
    run.event("m20", status="REJECTED", source="CONNECTOR")
    run.letter(20)
    run.ack(20, 6 * S)


def expired_and_told(run):
    expired_and_untold(run)
    run.event("m20", status="EXPIRED", source="CONNECTOR")
    run.letter(20)


def poison_and_told(run):
    run.command(20, 5 * S, poison=True)
    run.stored(20, 5 * S)
    run.event("m20", status="REJECTED", source="CONNECTOR")
    run.letter(20)


def answered_while_the_agent_was_stopped(run):
    """It is stopped, the MNO answers and resets the connection."""
    run.fault("agent_paused", 5 * S, 6 * S + 500 * MS)
    run.command(20, 4 * S)
    run.stored(20, 4 * S)
    run.submit(20, 5 * S - 10 * MS, "mno20", answered=30 * MS)
    run.fault("mno_resets", 6 * S, 6 * S + MS)
    run.end(1, 6 * S)
    run.bind(2, 8 * S)
    run.submit(20, 8 * S, "again", session=2)
    run.ack(20, 9 * S)


def failed_over_to_what_knew_less(run):
    run.fault("redis_failed_over", S + 200 * MS, S + 700 * MS)
    run.events[3]["storedAt"] = 2 * S
    run.drop("mno", lambda r: r["c"] == "deliver_sm_resp" and r["q"] == 8)
    uncorrelated(run)


def fenced_and_started_again(run):
    run.fault("bridge_paused", 5 * S, 11 * S)
    run.journal += [{"t": 11 * S, "kind": "exit", "program": "bridge", "code": 75},
                    {"t": 20 * S, "kind": "woken", "fenced": True}]


def a_new_agent_knows_no_former_state(run):
    run.fault("agent_killed", 50 * S, 51 * S)
    run.end(1, 50 * S)
    run.bind(2, 52 * S)
    run.health.append({**run.health[0], "eventId": "h1"})


def nothing_sent_while_a_fault_lasts(run):
    run.fault("nats_paused", 2 * S, 29 * S)
    nothing_sent_for_long(run)


def memory_that_fills_first(run):
    for row in run.samples:
        row["agentKib"] += min(row["t"] // S, 30) * 1000


def redis_forgot(run):
    run.fault("redis_killed", S + 700 * MS, S + 750 * MS)
    uncorrelated(run)


def told_while_the_agent_stood_still(run):
    """Its receipt came before the answer, which lay unread until after the hold."""
    run.fault("agent_paused", S + 325 * MS, S + 900 * MS)
    uncorrelated(run)


def storing_seen_by_its_duplicate_alone(run):
    run.fault("nats_killed", 50 * S, 51 * S)
    run.final["unacknowledged"]["o"] = 1
    run.drop("stream", lambda r: r["kind"] == "stored" and r["messageId"] == "m3")
    run.drop("journal", lambda r: r["kind"] == "stored" and r["token"] == token(3))
    run.stored(3, 8 * S, seen=False, attempts=2, duplicate=True, sequence=4)


def server_forgot_an_ack(run):
    run.fault("nats_killed", 50 * S, 51 * S)
    run.final["unacknowledged"]["o"] = 1


def stopped_after_the_end(run):
    run.end(1, 101 * S)


@pytest.mark.parametrize("change", [
    nothing_changed, a_bind_was_refused, copied, copied_unseen, refused_and_sent_again, unanswered_when_the_session_ended, stored_twice_and_sent_twice,
    stored_unseen_sent_and_stored_again, reported_as_rejected, expired_and_told, poison_and_told, redis_forgot,
    failed_over_to_what_knew_less, told_while_the_agent_stood_still, storing_seen_by_its_duplicate_alone,
    server_forgot_an_ack, stopped_after_the_end, answered_while_the_agent_was_stopped,
    fenced_and_started_again, a_new_agent_knows_no_former_state, nothing_sent_while_a_fault_lasts,
    memory_that_fills_first], ids=lambda f: f.__name__)
def test_lawful(change, tmp_path):
    run = Run()
    change(run)
    assert run.check(tmp_path).violations == []
