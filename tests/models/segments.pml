/*
 * Ledger entries for messages of several segments: two messages of two segments each, two entries.
 * All entries of a message are reserved before its first SUBMIT. BROKEN_ONE_BY_ONE: each segment
 * takes its entry when it goes, and both messages stand half sent for ever.
 */
#define ENTRIES 2
byte free_entries = ENTRIES;
byte finished;

proctype Message() {
    byte done = 0;
#ifdef BROKEN_ONE_BY_ONE
    do
    :: done < 2 && free_entries > 0 -> atomic { free_entries > 0 -> free_entries-- }; done++
    :: done == 2 -> break
    od;
#else
    atomic { free_entries >= 2 -> free_entries = free_entries - 2 };
    done = 2;
#endif
    /* outcomes, correlation, ack, SETTLED: per message */
    free_entries = free_entries + 2;
    finished++
}

init {
    atomic { run Message(); run Message() };
    finished == 2
}

ltl all_finish { <> (finished == 2) }
ltl never_too_many { [] (free_entries <= ENTRIES) }
