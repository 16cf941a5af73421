/* What becomes of one submit_sm: the behaviour options applied, in one fixed order. */
#ifndef SIM_VERDICT_H
#define SIM_VERDICT_H

#include "tests/sim/sim_session.h"

struct sim_verdict {
    enum { SIM_ANSWER, SIM_NO_ANSWER, SIM_END_FIN, SIM_END_RST } action;
    uint32_t status;   /* of the answer */
    bool taken;        /* delivered, so there may be a receipt */
    bool twice;        /* answered twice */
    bool stray;        /* an answer to nobody goes first */
    uint64_t delay_ns; /* of the answer */
    bool may_overtake; /* the delay is its own, not in line with the others */
};

struct sim_verdict sim_verdict_reach(struct sim_session *s, const struct sim_submit *m);
/* The first rule whose suffix ends the address, counted as used; NULL: none. */
const struct sim_rule *sim_verdict_rule(struct sim_rules *rules, struct bytes address);

#endif
