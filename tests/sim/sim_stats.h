/* What is counted, per system_id; the whole is their sum. */
#ifndef SIM_STATS_H
#define SIM_STATS_H

#include "common/base.h"

#include "tests/sim/sim_buffer.h"
#include "tests/sim/sim_pdu.h"

/* Fields of struct sim_stats and their names in the JSON. */
#define SIM_COUNTERS(X)                                                                            \
    X(connections)            /* ever accepted */                                                  \
    X(binds)                  /* answered with ESME_ROK, ever */                                   \
    X(binds_refused)          /* answered with another status */                                   \
    X(unbinds)                /* received */                                                       \
    X(disconnects)            /* connections that ended, whoever ended them */                     \
    X(enquire_links)          /* received */                                                       \
    X(enquire_links_sent)     /* our own */                                                        \
    X(enquire_links_answered) /* answers to our own */                                             \
    X(generic_nacks)          /* received */                                                       \
    X(submits)                /* received, well-formed or not */                                   \
    X(submits_accepted)       /* taken for delivery, answered or not */                            \
    X(submits_unanswered)     /* of those: silence */                                              \
    X(submits_throttled)      /* refused for max-tps */                                            \
    X(duplicates)             /* accepted before already */                                        \
    X(receipts_created)                                                                            \
    X(receipts_sent)      /* deliver_sm, repeats included */                                       \
    X(receipts_acked)     /* answered with ESME_ROK */                                             \
    X(receipts_refused)   /* answered with a temporary status */                                   \
    X(receipts_timed_out) /* not answered in deliver-retry-ms */                                   \
    X(receipts_cut_off)   /* not answered when the connection ended */                             \
    X(receipts_lost)      /* answered with a final status, or tried too often */                   \
    X(mo_created)                                                                                  \
    X(mo_acked)                                                                                    \
    X(mo_lost)                                                                                     \
    X(protocol_errors) /* the peer's */

#define SIM_STATUS_SLOTS 32u

struct sim_stats {
#define SIM_FIELD(name) uint64_t name;
    SIM_COUNTERS(SIM_FIELD)
#undef SIM_FIELD
    uint64_t problems[SIM_PROBLEMS];
    struct {
        uint32_t status;
        uint64_t count;
    } statuses[SIM_STATUS_SLOTS]; /* of submit_sm_resp; the last slot takes what has no other */
    size_t status_count;
};

void sim_stats_status(struct sim_stats *stats, uint32_t status);
void sim_stats_problem(struct sim_stats *stats, enum sim_problem problem);
void sim_stats_add(struct sim_stats *total, const struct sim_stats *one);
/* `"submits":1,...` without braces. */
void sim_stats_print(struct sim_buffer *out, const struct sim_stats *stats);

#endif
