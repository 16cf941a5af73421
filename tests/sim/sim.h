/* What the parts of one running simulator share, and what it knows of a system_id. */
#ifndef SIM_H
#define SIM_H

#include <uv.h>

#include "common/base.h"
#include "common/list.h"

#include "tests/sim/sim_behaviour.h"
#include "tests/sim/sim_option.h"
#include "tests/sim/sim_random.h"
#include "tests/sim/sim_rate.h"
#include "tests/sim/sim_stats.h"
#include "tests/sim/sim_timers.h"

struct sim_history;
struct sim_links;
struct sim_outbox;
struct sim_seen;
struct sim_server;

/* Made when a system_id first binds or is first named in a command; lives as long as the program.
 * Connections that are not bound belong to the one whose name is empty. */
struct sim_system {
    struct list link; /* in sim.systems */
    char name[64];
    struct sim_behaviour behaviour;
    struct sim_stats stats;
    struct sim_rate received; /* submit_sm as they came */
    struct sim_rate accepted; /* those that max-tps let pass */
    struct sim_seen *seen;
    struct sim_outbox *outbox;
    struct list sessions; /* bound ones */
};

struct sim {
    uv_loop_t *loop;
    const struct sim_config *config;
    struct sim_behaviour defaults; /* of system_ids not seen yet */
    struct sim_timers *timers;
    struct sim_links *links;
    struct sim_server *server;
    struct sim_history *history; /* NULL: none */
    struct sim_random random;
    struct list systems;
    struct sim_system *unbound;
    struct list sessions; /* all connections, oldest first */
    struct list pending;  /* outboxes that may have something to send */
    uint64_t next_session;
    uint64_t next_id;
    uint64_t now_ns; /* uv_hrtime() when the input at hand was read */
};

#endif
