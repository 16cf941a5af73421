/*
 * Ends. Agent and bridge get SIGTERM in any order, or the bridge alone. The agent drains its window,
 * hands the outcomes over until SETTLED, unbinds, says GONE. A bridge that hears DRAINING stays until
 * GONE. One that gets SIGTERM alone waits for outcomes no longer than it may, says DETACH and goes:
 * the agent keeps the bind, and a new bridge settles what is left.
 * BROKEN_LEAVE: the bridge goes at once at its own SIGTERM, whoever drains. BROKEN_UNBIND: the agent
 * unbinds with its window full. BROKEN_DETACH: the agent unbinds when its bridge detaches.
 * BROKEN_PATIENT: a bridge that ends alone waits until it hears GONE. BROKEN_LIST: the agent lists
 * nothing to a new bridge.
 */
mtype = { DRAINING, OUTCOME, SETTLED, GONE, DETACH };
bool agent_term, bridge_term, pod_ends;
bool in_flight = true;
bool outcome_known, settled, unbound, bridge_gone, agent_gone;
chan to_bridge = [4] of { mtype };
chan to_agent = [4] of { mtype };

active proctype Kubelet() {
    if
    :: pod_ends = true; agent_term = true; bridge_term = true
    :: pod_ends = true; bridge_term = true; agent_term = true
    :: bridge_term = true; bridge_gone; bridge_term = false;
        atomic { /* the next one: the pipe is new, and the agent lists what it has */
            do
            :: to_bridge?_
            :: empty(to_bridge) -> break
            od;
            bridge_gone = false;
#ifndef BROKEN_LIST
            if
            :: outcome_known && !settled -> to_bridge!OUTCOME
            :: else -> skip
            fi
#endif
        };
        run Bridge()
    fi
}

active proctype Agent() {
    do
    :: in_flight -> in_flight = false; outcome_known = true; /* answered, or unknown by the time-out */
        atomic {
            if
            :: !bridge_gone -> to_bridge!OUTCOME
            :: bridge_gone -> skip /* listed to the next one */
            fi
        }
    :: to_agent?SETTLED -> settled = true
    :: to_agent?DETACH ->
#ifdef BROKEN_DETACH
        unbound = true
#else
        skip
#endif
    :: agent_term -> break
    od;
    to_bridge!DRAINING;
#ifndef BROKEN_UNBIND
    if
    :: in_flight -> in_flight = false; outcome_known = true; to_bridge!OUTCOME
    :: else -> skip
    fi;
    do
    :: !settled && to_agent?[SETTLED] -> to_agent?SETTLED; settled = true
    :: to_agent?[DETACH] -> to_agent?DETACH
    :: settled -> break
    od;
#endif
    unbound = true;
    to_bridge!GONE;
    agent_gone = true
}

/* `pod_ends` stands for: DRAINING comes within the 2 s that a bridge with SIGTERM listens for it. */
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
#else
#ifndef BROKEN_PATIENT
    :: bridge_term && !pod_ends -> to_agent!DETACH; break
#endif
#endif
    od;
    bridge_gone = true
}

ltl settled_before_unbind { [] (unbound -> settled) }
ltl both_end { [] (pod_ends -> <> (agent_gone && bridge_gone)) }
ltl a_bridge_alone_ends { [] ((bridge_term && !pod_ends) -> <> (bridge_gone || pod_ends)) }
ltl the_bind_stays { [] (unbound -> agent_term) }
ltl all_is_settled { <> settled }
