/*
 * A submit's way: JetStream redelivers what is not acknowledged, and may forget a confirmed ack
 * (server amnesia). The bridge may die anywhere; the agent remembers keys.
 * BROKEN_ACK: acknowledges before the outcome. BROKEN_NO_KEY: the agent knows no keys.
 * BROKEN_FORGET: the agent forgets a key at SETTLED.
 */
#define DEATHS 2
#define AMNESIA 1

mtype = { SUBMIT, OUTCOME, SETTLED };

bool in_stream = true;  /* not acknowledged */
byte sent;              /* submit_sm on the wire */
bool have_outcome;      /* the agent's ledger */
bool in_flight;
bool key_known;
bool correlated;        /* in Redis */
byte amnesia = AMNESIA;
byte deaths = DEATHS;
bool bridge_has;        /* the bridge holds a delivery */

chan to_agent = [3] of { mtype };
chan to_bridge = [3] of { mtype };

active proctype Agent() {
end:
    do
    :: to_agent?SUBMIT -> if
#ifndef BROKEN_NO_KEY
        :: key_known && have_outcome -> to_bridge!OUTCOME
        :: key_known && !have_outcome -> skip /* in flight: its outcome follows */
#else
        :: false -> skip
#endif
        :: else -> key_known = true; sent++; in_flight = true
        fi
    :: in_flight -> in_flight = false; have_outcome = true; to_bridge!OUTCOME
    :: to_agent?SETTLED ->
#ifdef BROKEN_FORGET
        key_known = false; have_outcome = false
#else
        skip /* the key stays known */
#endif
    od
}

active proctype Bridge() {
    mtype m;
end:
    do
    :: in_stream && !bridge_has && len(to_agent) < 2 -> bridge_has = true; /* delivered, or again */
#ifdef BROKEN_ACK
        in_stream = false;
#endif
        if
        :: deaths > 0 -> deaths--; bridge_has = false /* dies; the records on their way are lost */
        :: to_agent!SUBMIT
        fi
    :: to_bridge?m -> if
        :: deaths > 0 -> deaths--; bridge_has = false; /* dies with the outcome in hand: listed again */
            to_bridge!OUTCOME
        :: correlated = true;
            if
            :: deaths > 0 -> deaths--; bridge_has = false; to_bridge!OUTCOME
            :: in_stream = false; bridge_has = false;
                if
                :: amnesia > 0 -> amnesia--; in_stream = true /* the confirmed ack is forgotten */
                :: skip
                fi;
                to_agent!SETTLED
            fi
        fi
    od
}

ltl sent_once { [] (sent <= 1) }
ltl acknowledged_means_settled { [] (!in_stream -> (have_outcome && correlated)) }
