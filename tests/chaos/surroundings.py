"""What is judged besides messages: health events, dead letters, memory, recovery, exits, secrets, the pace."""
import collections
import itertools
import os
import re
import statistics

from faults import COUNTER_FAULTS
from harness.capture import most_in_window
from history import S

STILL_NS = 15 * S  # AckWait, and what a busy machine adds
GROWTH_KIB = 16 * 1024
WARM_NS = 30 * S  # before that, memory is being filled that is kept
LONG_ENOUGH_NS = 90 * S
FENCED = 75  # a bridge whose loop stood still for too long
SECRETS = {"the password": "s3cr3tpw", "a number": r"\+?9997\d{7}", "a text": "your code is"}


def check_health(result, h):
    """Each operator's events go on where the one before ended; those of a dead agent may be missing."""
    agent_died = bool(h.faults({"agent_killed"}))
    by_operator = collections.defaultdict(list)
    for e in h.health:
        by_operator[e["operatorId"]].append(e)
    for operator, events in by_operator.items():
        for before, e in zip([{"status": None}] + events, events):
            if e["previousStatus"] != before["status"] and not (agent_died and e["previousStatus"] is None):
                result.violation("health", f"{operator}: {e['previousStatus']} to {e['status']} came after "
                                 f"{before['status']}, at {e['occurredAt']}")
        if events[-1]["status"] != "BOUND":
            result.violation("health", f"{operator}: the last event is {events[-1]['status']}")
    if len({e["eventId"] for e in h.health}) != len(h.health):
        result.violation("health", "an eventId is there twice")
    result.counts["health events"] = len(h.health)


def check_letters(result, h):
    """What was reported without ever being sent is kept as it came."""
    kept = {match.group() for letter in h.letters for match in [re.search(r"T\d{7}", letter["text"])] if match}
    sent = {s.token for s in h.mno.submits}
    missing = 0
    for e in h.events:
        token = h.token_of.get(e["messageId"])
        if e["source"] == "CONNECTOR" and e["status"] in ("EXPIRED", "REJECTED") and token not in kept | sent:
            missing += 1
            result.violation("letter-missing", f"{token} was reported {e['status']} and is no dead letter")
    result.counts.update({"dead letters": len(h.letters), "dead letters missing": missing})


def check_memory(result, h):
    """Each process's own memory, from when it is warm: flat."""
    grown = 0
    for program in ("agent", "bridge"):
        by_pid = collections.defaultdict(list)
        for row in h.samples:
            by_pid[row[program]].append((row["t"], row[program + "Kib"]))
        for rows in by_pid.values():
            warm = [kib for t, kib in rows if t >= rows[0][0] + WARM_NS]
            if rows[-1][0] - rows[0][0] < LONG_ENOUGH_NS:
                continue
            third = len(warm) // 3
            growth = statistics.median(warm[-third:]) - statistics.median(warm[:third])
            grown = max(grown, growth)
            if growth > GROWTH_KIB:
                result.violation("memory", f"the {program} grew by {growth:.0f} KiB")
    result.counts["most growth of a warm process, KiB"] = round(grown)


def outside(begin, end, spans):
    """How much of begin…end lies in none of the spans, which are in order."""
    covered, at = 0, begin
    for b, e in spans:
        b, e = max(b, at), min(e, end)
        if e > b:
            covered += e - b
            at = e
    return end - begin - covered


def check_recovery(result, h):
    """While commands come and no fault lasts, something is always being sent."""
    published = [r["t"] for r in h.journal if r["kind"] == "stored"]
    spans, worst = h.faults({r["name"] for r in h.journal if r["kind"] == "fault"}), 0
    by_system = collections.defaultdict(list)
    for s in h.mno.submits:
        if published[0] <= s.t <= published[-1]:
            by_system[s.system].append(s.t)
    for system, times in by_system.items():
        for a, b in itertools.pairwise([*times, published[-1]]):
            still = outside(a, b, spans)
            worst = max(worst, still)
            if still > STILL_NS:
                result.violation("stalled", f"{system}: nothing was sent for {still / S:.1f} s without a fault, from {a}")
    result.counts["longest gap between submit_sm outside of faults, s"] = round(worst / S, 2)


def check_exits(result, h):
    exits = collections.Counter()
    for row in h.journal:
        if row["kind"] == "exit":
            exits[row["program"]] += 1
            if row["code"] != FENCED:
                result.violation("process-gone", f"the {row['program']} ended by itself with {row['code']}")
        elif row["kind"] == "woken":
            exits["woken"] += 1
            if not row["fenced"]:
                result.violation("not-fenced", "a bridge that woke after another had attached went on")
    result.counts.update({"bridges that woke and were fenced": exits["woken"],
                          "bridges that stood still and ended": exits["bridge"]})


def check_secrets(result, h):
    for path in h.final.get("logs", []):
        for part in log_files(path):
            with open(part, encoding="utf-8", errors="replace") as f:
                text = f.read()
            for what, pattern in SECRETS.items():
                if re.search(pattern, text):
                    result.violation("secret", f"{what} in {part}")


def log_files(path):
    """The log, and those of the programs that were there before it under another name."""
    folder, name = os.path.split(path)
    root = os.path.dirname(folder)
    for entry in sorted(os.listdir(root)):
        candidate = os.path.join(root, entry, name)
        if os.path.exists(candidate):
            yield candidate


def check_unknown(result, h, sent_again):
    """What was sent again after an unknown outcome has been counted as such."""
    counted = h.final.get("unknown", 0)
    if not h.faults(COUNTER_FAULTS) and not any(r["kind"] == "exit" for r in h.journal) and sent_again > counted:
        result.violation("uncounted", f"{sent_again} were sent again, and {counted:.0f} counted as unknown")
    result.counts["counted as unknown by the last bridge"] = int(counted)


def check_pace(result, h):
    """The agent's own count, and what the kernel saw; the simulator's reads may be late and are a figure."""
    tps = h.final["tps"]
    for exact in h.final["peaks"]:
        if exact > tps:
            result.violation("pace", f"the agent wrote {exact:.0f} submit_sm in one second, tpsLimit {tps}")
    result.counts["most written in one second, by the agent's own count"] = int(max(h.final["peaks"], default=0))
    flows = h.final.get("flows")
    if flows is None:
        result.counts["most on the wire in one second"] = "not captured"
        return
    most = max(map(most_in_window, flows), default=0)
    if most > tps:
        result.violation("pace", f"{most} submit_sm on the wire in one second, tpsLimit {tps}")
    systems = len({s.system for s in h.mno.submits}) or 1
    together = most_in_window(sorted(itertools.chain(*flows)))
    if together > tps * systems:
        result.violation("pace", f"{together} submit_sm of {systems} operators in one second, tpsLimit {tps} each")
    result.counts["most on the wire in one second"] = most
