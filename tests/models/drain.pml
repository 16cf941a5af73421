/*
 * The pod ends: agent and bridge get SIGTERM in any order. The agent drains its window, hands the
 * outcomes over until SETTLED, unbinds, says GONE. A bridge that hears DRAINING stays until GONE.
 * BROKEN_LEAVE: the bridge goes at once at its own SIGTERM. BROKEN_UNBIND: the agent unbinds with
 * its window full.
 */
mtype = { DRAINING, OUTCOME, SETTLED, GONE };
bool agent_term, bridge_term;
bool in_flight = true;
bool outcome_known, settled, unbound, bridge_gone, agent_gone, told_draining;
chan to_bridge = [4] of { mtype };
chan to_agent = [4] of { mtype };

active proctype Kubelet() {
    if
    :: agent_term = true; told_draining = true; bridge_term = true
    :: atomic { bridge_term = true; agent_term = true; told_draining = true }
    fi
}

active proctype Agent() {
    agent_term;
    to_bridge!DRAINING;
#ifndef BROKEN_UNBIND
    in_flight = false; /* the MNO answers, or the time-out makes it unknown */
#endif
    outcome_known = !in_flight;
    if
    :: outcome_known -> to_bridge!OUTCOME; 
        do
        :: to_agent?SETTLED -> settled = true; break
        :: bridge_gone && len(to_agent) == 0 -> break
        od
    :: else -> skip
    fi;
    unbound = true;
    if
    :: !bridge_gone -> to_bridge!GONE
    :: bridge_gone -> skip
    fi;
    agent_gone = true
}

active proctype Bridge() {
    mtype m;
    do
    :: to_bridge?m -> if
        :: m == OUTCOME -> to_agent!SETTLED
        :: m == GONE -> break
        :: else -> skip
        fi
#ifdef BROKEN_LEAVE
    :: bridge_term -> break
#endif
    od;
    bridge_gone = true
}

ltl settled_before_unbind { [] (unbound -> settled) }
ltl both_end { <> (agent_gone && bridge_gone) }
