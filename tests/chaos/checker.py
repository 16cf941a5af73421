"""Knows the invariants: reads a run's history, counts, and names what is violated (README.md lists the kinds).

checker.py DIRECTORY checks a kept run again."""
import collections
import sys

from faults import AMNESIA_FAULTS, FORGETTING_FAULTS, SESSION_FAULTS
from history import S, History, within

# The MNO's stamps are of its reads, which a busy machine makes 50 ms late, or a little more, and never early: what
# was written within more than a second may seem closer. The agent's own count is exact.
WINDOW_NS = 950_000_000
LATE_READS = 1.10
LATE_NS = S // 10  # two observers' stamps of one instant
# What the MNO wrote that shortly before a session's end may not have been read.
UNREAD_NS = 2 * S
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
    for s in h.mno.submits:
        if s.token is None:
            result.violation("unknown-text", f"session {s.session} sequence {s.sequence}")
    told = collections.defaultdict(set)
    for e in h.events:
        told[h.token_of.get(e["messageId"])].add(e["status"])
    lost = incomplete = sent_expired = early = 0
    for token in h.pub_acks:
        command, final = h.commands[token], bool(told[token] & FINAL_WITHOUT_SUBMIT)
        if command["expired"]:
            if token in parts:
                sent_expired += 1
                result.violation("sent-expired", token)
            if "EXPIRED" not in told[token]:
                lost += 1
                result.violation("lost", f"{token} had expired and nobody was told")
            continue
        if token not in accepted and not final:
            lost += 1
            result.violation("lost", f"{token} ({command['messageId']}) was never accepted and never reported")
        elif token in accepted and len(accepted[token]) < parts[token] and not final:
            incomplete += 1
            result.violation("incomplete", f"{token}: only segments {sorted(accepted[token])} of {parts[token]}")
        if not final and h.acks[token] and not outcome_known(accepted[token], parts.get(token), h.acks[token][0]):
            early += 1
            result.violation("acked-early", f"{token} was acknowledged before its outcome was known")
    result.counts.update({
        "commands": len(h.commands), "commands stored": len(h.pub_acks),
        "commands seen acknowledged": sum(map(bool, h.acks.values())), "acknowledged before the outcome": early,
        "submit_sm at the MNO": len(h.mno.submits), "lost commands": lost, "incomplete long messages": incomplete,
        "sent after expiry": sent_expired})


def outcome_known(accepted, parts, t):
    return len(accepted) == parts and all(answered <= t for answered in accepted.values())


def cause(h, session_faults, before, s):
    """Why `s` may follow `before`, or None."""
    if before.status not in (None, 0):
        return "refused"
    ended = h.mno.session_end.get(before.session)
    if (before.session != s.session and ended and ended <= s.t and within(ended, session_faults, 10)
            and (before.answered is None or ended - before.answered <= UNREAD_NS)):
        return "unknown"
    if before.answered is None and s.t - before.t > SUBMIT_TIMEOUT_NS:
        return "unknown"
    return None


def check_doubles(result, h):
    session_faults = h.faults(SESSION_FAULTS)
    why = collections.Counter()
    former = collections.defaultdict(list)  # (token, part): those that nothing followed yet
    fresh = collections.Counter()
    for s in h.mno.submits:
        key = s.token, s.part
        for before in former[key]:
            reason = cause(h, session_faults, before, s)
            if reason:
                why[reason] += 1
                former[key].remove(before)
                break
        else:
            fresh[key] += 1
            stored = sum(t <= s.t + LATE_NS for t in h.storings[s.token])
            if fresh[key] > max(1, stored):
                why["doubled"] += 1
                gap = (s.t - former[key][-1].t) / S if former[key] else 0
                result.violation("doubled", f"{s.token} part {s.part}, stored {stored} times, was sent "
                                 f"{fresh[key]} times without cause, {gap:.2f} s apart, at {s.t}")
            elif fresh[key] > 1:
                why["stored again"] += 1
        former[key].append(s)
    again = sum(len(times) > 1 for token, times in h.storings.items() if token)
    result.counts.update({
        "retried after a refusal": why["refused"], "sent again after an unknown outcome": why["unknown"],
        "stored twice, by a server that forgot the id": again, "of all storings seen only by their effects":
        h.unseen_storings, "sent once for each storing": why["stored again"], "doubled": why["doubled"]})


def may_be_uncorrelated(s, event, h, session_faults, forgetting_faults):
    """The answer with its id was never written or never read; or Redis forgot what it had been told."""
    if s is None:
        return True
    ended = h.mno.session_end.get(s.session)
    if ended and s.answered <= ended <= s.answered + UNREAD_NS and within(ended, session_faults, 10):
        return True
    return any(s.answered <= begin + LATE_NS and event["storedAt"] >= begin for begin, _ in forgetting_faults)


def check_receipts(result, h):
    submit_of = {s.id: s for s in h.mno.submits if s.id}
    session_faults, forgetting_faults = h.faults(SESSION_FAULTS), h.faults(FORGETTING_FAULTS)
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
            if not may_be_uncorrelated(s, e, h, session_faults, forgetting_faults):
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
    spans = h.faults(SESSION_FAULTS)
    dropped = 0
    for system, ends in h.mno.ends.items():
        for t in ends:
            if not within(t, spans, 10):
                dropped += 1
                result.violation("bind-dropped", f"a session of {system} ended without a fault that ends sessions")
    result.counts.update({"binds": sum(map(len, h.mno.binds.values())), "binds dropped without cause": dropped})


def check_rate(result, h):
    tps, peaks = h.final["tps"], h.final["peaks"]
    peak, worst_gap = 0, 0
    by_system = collections.defaultdict(list)
    for s in h.mno.submits:
        by_system[s.system].append(s.t)
    for system, times in by_system.items():
        first = most = 0
        for i, t in enumerate(times):
            while times[first] <= t - WINDOW_NS:
                first += 1
            most = max(most, i - first + 1)
            if i:
                worst_gap = max(worst_gap, t - times[i - 1])
        if most > tps * LATE_READS:
            result.violation("pace", f"{system}: {most} submit_sm in one second, tpsLimit {tps}")
        peak = max(peak, most)
    for exact in peaks:
        if exact > tps:
            result.violation("pace", f"the agent wrote {exact:.0f} submit_sm in one second, tpsLimit {tps}")
    result.counts.update({"most written in one second, by the agent's own count": int(max(peaks, default=0)),
                          f"most submit_sm in one second (limit {tps})": peak,
                          "longest gap between submit_sm, s": round(worst_gap / S, 2)})


def unacknowledged_commands(h):
    """Of those that nobody was seen to acknowledge; a server may die between an ack and telling the observer."""
    answered, amnesia = collections.defaultdict(int), h.faults(AMNESIA_FAULTS)
    for s in h.mno.submits:
        answered[s.token] = max(answered[s.token], s.answered or 0)
    return [token for token in h.pub_acks if not h.acks[token] and token not in h.terminated
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
    for part in (check_commands, check_doubles, check_receipts, check_binds, check_rate, check_final):
        part(result, history)
    return result


if __name__ == "__main__":
    outcome = check(sys.argv[1])
    outcome.print()
    sys.exit(1 if outcome.violations else 0)
