"""Knows the invariants: reads a run's history, counts, and names what is violated (README.md lists the kinds).

checker.py DIRECTORY checks a kept run again."""
import collections
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import surroundings  # noqa: E402
from excuses import LATE_NS, Excuses  # noqa: E402
from faults import AMNESIA_FAULTS  # noqa: E402
from history import S, History, within  # noqa: E402

WINDOW_NS = 950_000_000  # the MNO's stamps are of its reads, which a busy machine makes late
EXPIRY_LATE_NS = S // 2
SUBMIT_TIMEOUT_NS = 4_500_000_000
FINAL_WITHOUT_SUBMIT = {"EXPIRED", "REJECTED", "UNKNOWN"}


class Result:
    def __init__(self):
        self.counts = collections.OrderedDict()
        self.violations = []  # (kind, text)

    def violation(self, kind, text):
        self.violations.append((kind, text))

    def kinds(self):
        return {kind for kind, _ in self.violations}

    def print(self):
        for name, value in self.counts.items():
            print(f"    {name:52} {value}")
        for kind, text in self.violations[:20]:
            print(f"    VIOLATED  {kind}: {text}")
        if len(self.violations) > 20:
            print(f"    … and {len(self.violations) - 20} more")


def acceptances(h):
    """token: {part: when its first acceptance was answered}, and token: number of parts"""
    accepted, parts = collections.defaultdict(dict), {}
    for s in h.mno.submits:
        parts[s.token] = s.parts
        if s.status == 0:
            accepted[s.token].setdefault(s.part, s.answered)
            accepted[s.token][s.part] = min(accepted[s.token][s.part], s.answered)
    return accepted, parts


def check_commands(result, h):
    accepted, parts = acceptances(h)
    sent_expired = 0
    for s in h.mno.submits:
        if s.token is None:
            result.violation("unknown-text", f"session {s.session} sequence {s.sequence}")
        elif s.t > h.commands[s.token]["until"] + EXPIRY_LATE_NS:
            sent_expired += 1
            result.violation("sent-expired", f"{s.token}, {(s.t - h.commands[s.token]['until']) / S:.1f} s late")
    told = collections.defaultdict(set)
    for e in h.events:
        told[h.token_of.get(e["messageId"])].add(e["status"])
    lost = incomplete = early = 0
    for token in h.pub_acks:
        command, final = h.commands[token], bool(told[token] & FINAL_WITHOUT_SUBMIT)
        if command["expired"] or command["poison"]:
            why = "EXPIRED" if command["expired"] else "REJECTED"
            if token in parts:
                sent_expired += command["expired"]
                result.violation("sent-expired" if command["expired"] else "sent-poison", token)
            if not told[token] & {why, "EXPIRED"}:
                lost += 1
                result.violation("lost", f"{token} can't be sent ({why}) and nobody was told")
            continue
        if token not in accepted and not final:
            lost += 1
            result.violation("lost", f"{token} ({command['messageId']}) was never accepted and never reported")
        elif token in accepted and len(accepted[token]) < parts[token] and not final:
            incomplete += 1
            result.violation("incomplete", f"{token}: only segments {sorted(accepted[token])} of {parts[token]}")
        if not final and not all(outcome_known(accepted[token], parts.get(token), t) for t in acks_by_outcome(h, token)):
            early += 1
            result.violation("acked-early", f"{token} was acknowledged before its outcome was known")
    result.counts.update({
        "commands": len(h.commands), "commands stored": len(h.pub_acks),
        "commands seen acknowledged": sum(map(bool, h.acks.values())), "acknowledged before the outcome": early,
        "submit_sm at the MNO": len(h.mno.submits), "lost commands": lost, "incomplete long messages": incomplete,
        "sent after expiry": sent_expired})


def acks_by_outcome(h, token):
    """The first that was for the sake of the outcome: once there is a copy, that of the copy."""
    acks = [t for t in h.acks[token][:1] if not any(copied <= t for copied in h.copies[token])]
    return acks + h.copy_acks[token][:1]


def outcome_known(accepted, parts, t):
    return len(accepted) == parts and all(answered <= t for answered in accepted.values())


def cause(excuses, before, s):
    """Why `s` may follow `before`, or None."""
    if before.status not in (None, 0):
        return "refused"
    if before.session != s.session and excuses.may_be_unread(before):
        return "unknown"
    if before.answered is None and s.t - before.t > SUBMIT_TIMEOUT_NS:
        return "unknown"
    return None


def check_doubles(result, h):
    excuses = Excuses(h)
    why, unknown_of = collections.Counter(), collections.Counter()
    former = collections.defaultdict(list)  # (token, part): those that nothing followed yet
    fresh = collections.Counter()
    for s in h.mno.submits:
        key = s.token, s.part
        for before in former[key]:
            reason = cause(excuses, before, s)
            if reason:
                why[reason] += 1
                unknown_of[before.session] += reason == "unknown"
                former[key].remove(before)
                break
        else:
            fresh[key] += 1
            stored = sum(t <= s.t + LATE_NS for t in h.storings[s.token]) + len(h.copies[s.token][1:])
            if fresh[key] > max(1, stored):
                why["doubled"] += 1
                gap = (s.t - former[key][-1].t) / S if former[key] else 0
                result.violation("doubled", f"{s.token} part {s.part}, stored {stored} times, was sent "
                                 f"{fresh[key]} times without cause, {gap:.2f} s apart, at {s.t}")
            elif fresh[key] > 1:
                why["stored again"] += 1
        former[key].append(s)
    for session, count in unknown_of.items():
        if count > h.final["window"] and session in h.mno.session_end:
            result.violation("doubled", f"{count} of session {session} were sent again, its window is "
                             f"{h.final['window']}")
    surroundings.check_unknown(result, h, why["unknown"])
    again = sum(len(times) > 1 for token, times in h.storings.items() if token)
    result.counts.update({
        "retried after a refusal": why["refused"], "sent again after an unknown outcome": why["unknown"],
        "stored twice, by a server that forgot the id": again, "of all storings seen only by their effects":
        h.unseen_storings, "copied for the backup operator": sum(map(bool, h.copies.values())), "sent once for each storing": why["stored again"], "doubled": why["doubled"]})


def may_be_uncorrelated(excuses, s, event):
    """The answer with its id was never written, never read or not yet; or Redis forgot what it had been told."""
    return (s is None or excuses.may_be_unread(s) or excuses.told_while_unread(s, event["storedAt"])
            or excuses.may_be_forgotten(s.answered, event["storedAt"]))


def check_receipts(result, h):
    submit_of = {s.id: s for s in h.mno.submits if s.id}
    excuses = Excuses(h)
    stored_at = {}
    event_ids = collections.Counter(e["eventId"] for e in h.events)
    count = collections.Counter()
    for e in h.events:
        if e["source"] != "MNO":
            continue
        oid = e["operatorMessageId"]
        stored_at.setdefault(oid, e["storedAt"])
        s = submit_of.get(oid)
        if e["messageId"] is None:
            count["uncorrelated"] += 1
            if not may_be_uncorrelated(excuses, s, e):
                count["without cause"] += 1
                result.violation("uncorrelated", f"the receipt of {oid}, {s and s.token}")
        elif s is None or h.token_of.get(e["messageId"]) != s.token:
            count["wrong"] += 1
            result.violation("miscorrelated", f"the receipt of {oid}")
    for t, oid in h.mno.receipts_acked:
        if oid and oid not in stored_at:
            count["lost"] += 1
            result.violation("receipt-lost", f"that of {oid} was answered ROK and has no event")
        elif oid and stored_at[oid] > t + LATE_NS:
            count["early"] += 1
            result.violation("rok-early", f"the receipt of {oid} was answered {(stored_at[oid] - t) / S:.2f} s "
                             "before its event was stored")
    doubled = sum(n - 1 for n in event_ids.values())
    if doubled:
        result.violation("event-doubled", f"{doubled} events are in the stream twice")
    result.counts.update({
        "receipts answered ROK": len(h.mno.receipts_acked), "events": len(h.events),
        "lost receipts": count["lost"], "answered before the event was stored": count["early"],
        "doubled events": doubled, "uncorrelated events": count["uncorrelated"],
        "uncorrelated without cause": count["without cause"], "wrongly correlated": count["wrong"]})


def check_binds(result, h):
    excuses = Excuses(h)
    dropped = 0
    for system, sessions in h.mno.ends.items():
        for session in sessions:
            if session in h.mno.session_begin and not excuses.ended_by_fault(session):
                dropped += 1
                result.violation("bind-dropped", f"session {session} of {system} ended without a fault that ends sessions")
    result.counts.update({"binds": sum(map(len, h.mno.binds.values())), "binds dropped without cause": dropped})


def count_rate(result, h):
    peak, worst_gap = 0, 0
    by_system = collections.defaultdict(list)
    for s in h.mno.submits:
        by_system[s.system].append(s.t)
    for times in by_system.values():
        first = most = 0
        for i, t in enumerate(times):
            while times[first] <= t - WINDOW_NS:
                first += 1
            most = max(most, i - first + 1)
            if i:
                worst_gap = max(worst_gap, t - times[i - 1])
        peak = max(peak, most)
    result.counts.update({f"most read by the MNO in one second (limit {h.final['tps']})": peak,
                          "longest gap between submit_sm, s": round(worst_gap / S, 2)})


def acks_of_last(h, token):
    """Of its copy, where one was seen to be stored."""
    return (h.copy_acks if h.copies[token] and token not in h.unseen_copies else h.acks)[token]


def unacknowledged_commands(h):
    """Of those that nobody was seen to acknowledge; a server may die between an ack and telling the observer."""
    answered, amnesia = collections.defaultdict(int), h.faults(AMNESIA_FAULTS)
    for s in h.mno.submits:
        answered[s.token] = max(answered[s.token], s.answered or 0)
    return [token for token in h.pub_acks if not acks_of_last(h, token) and token not in h.terminated
            and not within(answered[token], [(begin - S, begin) for begin, _ in amnesia], 0)]


def check_final(result, h):
    final, mno = h.final, h.final["mno"]
    still = sum(final["unacknowledged"].values())
    unacknowledged = unacknowledged_commands(h) if still else []
    for token in unacknowledged:
        result.violation("unacknowledged", token)
    if still and not unacknowledged and not h.faults(AMNESIA_FAULTS):
        result.violation("unacknowledged", f"{still} commands, so the server says")
    if mno["receipts_lost"]:
        result.violation("receipt-refused", f"{mno['receipts_lost']} receipts were answered with a final error")
    if mno["protocol_errors"]:
        result.violation("protocol", f"the MNO saw {mno['protocol_errors']} protocol errors")
    if not (final["bridgeAlive"] and final["agentAlive"]):
        result.violation("process-gone", "a process is not there at the end")
    result.counts.update({"never acknowledged": len(unacknowledged), "acknowledged, and the server thinks not": still,
                          "acknowledged, and the server kept": final["inStream"], "RSS of the agent, KiB": final["agentRssKib"],
                          "RSS of the bridge, KiB": final["bridgeRssKib"]})


def check(directory):
    result, history = Result(), History(directory)
    for part in (check_commands, check_doubles, check_receipts, check_binds, count_rate, surroundings.check_pace,
                 surroundings.check_recovery, surroundings.check_health, surroundings.check_letters,
                 surroundings.check_memory, surroundings.check_exits, surroundings.check_secrets, check_final):
        part(result, history)
    return result


if __name__ == "__main__":
    outcome = check(sys.argv[1])
    outcome.print()
    sys.exit(1 if outcome.violations else 0)
