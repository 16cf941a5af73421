/*
 * A submit's way: JetStream redelivers what is not acknowledged, and may forget a confirmed ack
 * (server amnesia). Bridge and agent may die anywhere; a pipe that closes drops what is on its way,
 * and the agent lists anew what it holds. The ledger is a file: it marks "handed" before the write,
 * keeps outcomes and keys, and what was handed when the agent died is unknown. What is unknown is
 * sent again once, under another key, and reported if that is unknown too.
 * BROKEN_ACK: acknowledges before the outcome. BROKEN_NO_KEY: the agent knows no keys.
 * BROKEN_FORGET: the agent forgets a key at SETTLED. BROKEN_MARK: writes before it marks.
 * BROKEN_STUCK: what was handed stays so for ever when the agent dies.
 */
mtype = { SUBMIT, ACCEPTED, UNKNOWN, SETTLED };

#define BRIDGE_DEATHS 2
#define AGENT_DEATHS 2

/* The ledger, one entry for each key: the first attempt and the one after an unknown outcome. */
#define NONE 0
#define QUEUED 1
#define HANDED 2
#define YES 3
#define PERHAPS 4
byte ledger[2];
bool settled[2];
bool in_flight[2];      /* a session waits for the answer */

bool in_stream = true;  /* not acknowledged */
byte sent;              /* submit_sm on the wire */
byte unknowns;          /* that the agent counted */
bool accepted;          /* by the MNO, and the agent knows */
bool correlated;        /* in Redis */
bool reported;          /* an event says that the outcome is unknown */
bool amnesia = true;    /* the server will forget one confirmed ack */
bool kill_bridge, kill_agent;
bool holds;             /* the bridge has a delivery */
byte pipe = 1;          /* the present one; records of another are dropped */

chan to_agent = [4] of { byte, mtype, byte };
chan to_bridge = [4] of { byte, mtype, byte };

inline list(key) {
    if
    :: ledger[key] == YES && !settled[key] -> to_bridge!pipe, ACCEPTED, key
    :: ledger[key] == PERHAPS && !settled[key] -> to_bridge!pipe, UNKNOWN, key
    :: else -> skip
    fi
}

/* A pipe ends and another begins; the bridge starts anew, whoever died. */
inline new_pipe() {
    do
    :: to_agent?_, _, _
    :: to_bridge?_, _, _
    :: empty(to_agent) && empty(to_bridge) -> break
    od;
    pipe++;
    holds = false;
    list(0);
    list(1)
}

inline answer(key) {
    if
    :: settled[key] -> to_bridge!pipe, SETTLED, key
    :: !settled[key] && ledger[key] == YES -> to_bridge!pipe, ACCEPTED, key
    :: !settled[key] && ledger[key] == PERHAPS -> to_bridge!pipe, UNKNOWN, key
    :: else -> skip /* queued or in flight: its outcome follows */
    fi
}

inline forget_process(key) {
    if
    :: ledger[key] == QUEUED -> ledger[key] = NONE
#ifndef BROKEN_STUCK
    :: ledger[key] == HANDED -> ledger[key] = PERHAPS; unknowns++
#endif
    :: else -> skip
    fi;
    in_flight[key] = false
}

inline hand_over(key) {
#ifdef BROKEN_MARK
    sent++;
    ledger[key] = HANDED;
#else
    ledger[key] = HANDED;
    sent++;
#endif
    in_flight[key] = true
}

/* The MNO answers, or does not. */
inline end_of(key) {
    in_flight[key] = false;
    if
    :: ledger[key] = YES; accepted = true; to_bridge!pipe, ACCEPTED, key
    :: ledger[key] = PERHAPS; unknowns++; to_bridge!pipe, UNKNOWN, key
    fi
}

active proctype Agent() {
    byte from, key;
    mtype what;
end: {
    do
    :: atomic { to_agent?from, what, key -> if
        :: from != pipe -> skip
        :: from == pipe && what == SETTLED -> settled[key] = true;
#ifdef BROKEN_FORGET
            ledger[key] = NONE; settled[key] = false
#endif
#ifdef BROKEN_NO_KEY
        :: from == pipe && what == SUBMIT -> ledger[key] = QUEUED; settled[key] = false
#else
        :: from == pipe && what == SUBMIT && ledger[key] == NONE -> ledger[key] = QUEUED
        :: from == pipe && what == SUBMIT && ledger[key] != NONE -> answer(key)
#endif
        fi }
    :: ledger[0] == QUEUED -> hand_over(0)
    :: ledger[1] == QUEUED -> hand_over(1)
    :: atomic { in_flight[0] -> end_of(0) }
    :: atomic { in_flight[1] -> end_of(1) }
    od
    } unless {
        atomic { kill_agent -> kill_agent = false; forget_process(0); forget_process(1); new_pipe() };
        goto end
    }
}

active proctype Bridge() {
    byte mine, key;
    mtype what;
end: {
next:
    do
    :: atomic { in_stream && !holds && nfull(to_agent) ->
        mine = pipe; holds = true; /* delivered, or again */
#ifdef BROKEN_ACK
        in_stream = false;
#endif
        to_agent!mine, SUBMIT, 0 }
    :: atomic { to_bridge?mine, what, key -> if
        :: mine != pipe -> goto next
        :: else -> skip
        fi };
        if
        :: what == ACCEPTED -> correlated = true
        :: what == UNKNOWN && key == 1 -> reported = true
        :: what == UNKNOWN && key == 0 -> to_agent!mine, SUBMIT, 1; goto next
        :: what == SETTLED -> skip
        fi;
        in_stream = false;
        if
        :: amnesia -> amnesia = false; in_stream = true /* the confirmed ack is forgotten */
        :: skip
        fi;
        holds = false;
        if
        :: what != SETTLED -> to_agent!mine, SETTLED, key
        :: else -> skip
        fi
    od
    } unless {
        atomic { kill_bridge -> kill_bridge = false; new_pipe() };
        goto end
    }
}

active proctype Killer() {
    byte bridge_deaths = BRIDGE_DEATHS, agent_deaths = AGENT_DEATHS;
    do
    :: bridge_deaths > 0 -> bridge_deaths--; kill_bridge = true
    :: agent_deaths > 0 -> agent_deaths--; kill_agent = true
    :: break
    od
}

ltl sent_once { [] (sent <= 1 + unknowns && sent <= 2) }
ltl acknowledged_means_settled { [] (!in_stream -> ((accepted && correlated) || reported)) }
ltl comes_to_an_end { <> (!in_stream) }
