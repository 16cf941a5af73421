/*
 * A receipt's way: the MNO repeats until it is answered, the bridge may die anywhere, the stream
 * remembers ids. BROKEN_ANSWER: ROK before the PubAck. BROKEN_NO_ID: publishes without an id.
 */
#define REPEATS 3
#define DEATHS 2

mtype = { DELIVER, DONE, ROK, BUSY };

bool stored;          /* the stream holds the event */
byte copies;          /* how often */
bool answered_ok;     /* the MNO got ROK: it will not repeat */
bool held;            /* the agent holds the deliver_sm */
bool expired;         /* the hold ran out once */

chan to_bridge = [2] of { mtype };
chan to_agent = [4] of { mtype };
chan to_mno = [4] of { mtype };
chan to_agent_mno = [2] of { mtype };

inline store() {
    if
#ifdef BROKEN_NO_ID
    :: true -> copies++
#else
    :: stored -> skip /* duplicate: true */
    :: !stored -> copies++
#endif
    fi;
    stored = true
}

active proctype Mno() {
    byte sent = 0;
    do
    :: !answered_ok && sent < REPEATS && len(to_agent_mno) == 0 && !held -> to_agent_mno!DELIVER; sent++
    :: to_mno?ROK -> answered_ok = true
    :: to_mno?BUSY -> skip
    :: answered_ok || sent == REPEATS -> if
        :: len(to_mno) > 0 -> skip
        :: else -> break
        fi
    od
}

active proctype Agent() {
end:
    do
    :: to_agent_mno?DELIVER -> held = true; to_bridge!DELIVER
    :: to_agent?DONE -> if
        :: held -> held = false; to_mno!ROK
        :: !held -> skip /* no longer held: the MNO repeats */
        fi
    :: held && !expired -> expired = true; held = false; to_mno!BUSY
    od
}

active proctype Bridge() {
    byte deaths = 0;
end:
    do
    :: to_bridge?DELIVER ->
attempt:
        if
        :: deaths < DEATHS -> deaths++; goto died /* before the publish */
        :: skip
        fi;
#ifdef BROKEN_ANSWER
        to_agent!DONE;
        if
        :: deaths < DEATHS -> deaths++; goto died
        :: skip
        fi;
        store()
#else
        store();
        if
        :: deaths < DEATHS -> deaths++; goto died /* stored, but nobody was told */
        :: skip
        fi;
        to_agent!DONE
#endif
        goto next;
died:   /* the new bridge is told what is held */
        if
        :: held -> goto attempt
        :: !held -> skip
        fi;
next:   skip
    od
}

ltl answered_means_stored { [] (answered_ok -> stored) }
ltl one_copy { [] (copies <= 1) }
