/*
 * Two bounds for messages of several segments: entries of the ledger, free again when the message is
 * settled, and slots of the window, free again at the answer. Two messages of three segments each;
 * the bridge may start anew at any time and knows then only what the agent lists.
 * All entries of a message are reserved before its first SUBMIT, and what a half sent one still
 * needs is reserved again before anything new is begun.
 * BROKEN_ONE_BY_ONE: each segment takes its entry when it goes. BROKEN_RESTART: so do the segments
 * that a former bridge left. BROKEN_SLOT: a slot is free when its message is settled.
 */
#define SEGMENTS 3
#define ENTRIES 4
#define SLOTS 2
#define RESTARTS 2

byte entries = ENTRIES;    /* as the bridge counts: neither in the ledger nor reserved */
byte slots = SLOTS;
byte in_ledger;            /* the agent's own count */
byte sent[2], answered[2]; /* segments */
byte reserved[2];          /* by this bridge, not yet used */
bool begun[2], done[2];
byte restarts = RESTARTS;

#define MISSING(m) (SEGMENTS - sent[m])

inline restart() {
    restarts--;
    entries = ENTRIES - in_ledger;
    reserved[0] = 0;
    reserved[1] = 0;
    begun[0] = (sent[0] > 0); /* what was not yet sent comes again from JetStream */
    begun[1] = (sent[1] > 0);
#ifndef BROKEN_RESTART
    if
    :: begun[0] && !done[0] -> reserved[0] = MISSING(0); entries = entries - MISSING(0)
    :: else -> skip
    fi;
    if
    :: begun[1] && !done[1] -> reserved[1] = MISSING(1); entries = entries - MISSING(1)
    :: else -> skip
    fi
#endif
}

proctype Message(byte m) {
end:
    do
    :: done[m] -> break
#ifdef BROKEN_ONE_BY_ONE
    :: atomic { !done[m] && reserved[m] == 0 && MISSING(m) > 0 && entries > 0 -> begun[m] = true; entries--; reserved[m]++ }
#else
    :: atomic { !begun[m] && entries >= SEGMENTS -> begun[m] = true; entries = entries - SEGMENTS; reserved[m] = SEGMENTS }
#endif
#ifdef BROKEN_RESTART
    :: atomic { begun[m] && reserved[m] == 0 && MISSING(m) > 0 && entries > 0 -> entries--; reserved[m]++ }
#endif
    :: atomic { reserved[m] > 0 && slots > 0 -> reserved[m]--; slots--; sent[m]++; in_ledger++ }
    :: atomic { answered[m] < sent[m] -> answered[m]++;
#ifndef BROKEN_SLOT
        slots++
#endif
        }
    :: atomic { answered[m] == SEGMENTS && !done[m] -> /* outcomes, correlation, ack, SETTLED: per message */
        done[m] = true; in_ledger = in_ledger - SEGMENTS; entries = entries + SEGMENTS;
#ifdef BROKEN_SLOT
        slots = slots + SEGMENTS
#endif
        }
    od
}

active proctype Killer() {
    do
    :: atomic { restarts > 0 -> restart() }
    :: break
    od
}

init {
    atomic { run Message(0); run Message(1) }
}

ltl all_finish { <> (done[0] && done[1]) }
ltl never_too_many { [] (in_ledger <= ENTRIES && entries <= ENTRIES && slots <= SLOTS) }
