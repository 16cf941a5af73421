/*
 * Attachment and fencing: a paused bridge wakes after another one attached. Records carry their
 * attachment; the agent hears only the present one. A final report (REJECTED, or a failover copy) goes
 * out only after CLOSED, and a successor that is told "closed" reports in the dead one's stead, under
 * the same event id.
 * BROKEN_NO_FENCE: the agent hears everybody. BROKEN_REPORT: reports without CLOSED.
 * BROKEN_SILENT: a successor takes "closed" for "done".
 */
mtype = { DECLARE, SUBMIT, CLOSE, YES, NO };

byte attachment = 1;     /* the present one */
byte configuration;      /* whose declaration is in force */
bool closed;             /* the agent recorded the message as closed */
bool submitted;          /* handed to the socket */
bool reported;           /* its end was told */
chan records = [6] of { byte, mtype };
chan answer[3] = [2] of { mtype };

active proctype Agent() {
    byte from;
    mtype what;
end:
    do
    :: records?from, what -> if
#ifndef BROKEN_NO_FENCE
        :: from != attachment -> skip
#else
        :: false -> skip
#endif
        :: else -> if
            :: what == DECLARE -> configuration = from
            :: what == SUBMIT && !closed -> submitted = true; answer[from]!NO
            :: what == SUBMIT && closed -> answer[from]!YES
            :: what == CLOSE && !submitted -> closed = true; answer[from]!YES
            :: what == CLOSE && submitted -> answer[from]!NO
            fi
        fi
    od
}

/* Wants to report the message as failed; may be paused between any two steps. */
active proctype OldBridge() {
    records!1, DECLARE;
    records!1, CLOSE;
#ifdef BROKEN_REPORT
    reported = true
#else
    if
    :: answer[1]?YES -> if
        :: reported = true
        :: skip /* killed with the answer in hand */
        fi
    :: answer[1]?NO -> skip
    :: attachment != 1 -> skip /* detached: drops everything */
    fi
#endif
}

/* Attaches when the agent gave the old one up, and submits the redelivered message. */
active proctype NewBridge() {
    attachment = 2;
    records!2, DECLARE;
    records!2, SUBMIT;
    if
    :: answer[2]?YES ->
#ifndef BROKEN_SILENT
        reported = true
#else
        skip
#endif
    :: answer[2]?NO -> skip
    fi
}

ltl not_both { [] !(reported && submitted) }
ltl closed_is_reported { [] (closed -> <> reported) }
ltl newest_configuration_stays { [] (configuration == 2 -> [] (configuration == 2)) }
