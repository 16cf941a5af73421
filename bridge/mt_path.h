/*
 * The way of the commands as the rest of the bridge sees it: events in, gauges out. Everything on
 * the loop; holds nothing that a restart could lose.
 */
#ifndef BRIDGE_MT_PATH_H
#define BRIDGE_MT_PATH_H

#include "bridge/agent_link.h"
#include "bridge/bridge_settings.h"
#include "bridge/correlation.h"
#include "bridge/jetstream.h"
#include "bridge/management.h"
#include "bridge/tps.h"

struct mt_path;

struct mt_path_options {
    struct loop *loop;
    struct agent_link *link;
    struct jetstream *js;
    struct correlations *correlations;
    struct tps *tps;
    struct operators *operators;
    const struct bridge_settings *settings; /* live */
};

struct mt_path *mt_path_create(const struct mt_path_options *options) MUST_CHECK;
void mt_path_destroy(struct mt_path **path);

/* After operators_put() of a new one; `op->mt` is made. */
void mt_path_operator_added(struct mt_path *path, struct mno *op);
/* Its settings changed. */
void mt_path_operator_changed(struct mt_path *path, struct mno *op);
/* It is to go: nothing is fetched any more, what was not submitted is given back. */
void mt_path_operator_dropping(struct mt_path *path, struct mno *op);
/* It is ours from now on. `was_offered`: whoever had it before could not be bound. */
void mt_path_operator_taken(struct mt_path *path, struct mno *op, bool was_offered);
/* Nothing of it is under way. */
bool mt_path_operator_is_idle(const struct mno *op);
/* Before operators_remove(). */
void mt_path_operator_gone(struct mt_path *path, struct mno *op);

/* From the agent. */
void mt_path_attached(struct mt_path *path, const struct ipc_attached *a);
void mt_path_listed(struct mt_path *path);
void mt_path_credit(struct mt_path *path, const struct ipc_credit *c);
void mt_path_in_flight(struct mt_path *path, const struct ipc_in_flight *r);
void mt_path_outcome(struct mt_path *path, const struct ipc_outcome *r);
void mt_path_closed(struct mt_path *path, const struct ipc_closed *r);
void mt_path_ack_floor(struct mt_path *path, const struct ipc_ack_floor *r);
/* SESSION, OPERATOR_STATE: whether the operator can send may have changed. */
void mt_path_session_changed(struct mt_path *path, struct mno *op);

/* From JetStream and Redis (jetstream_events, redis_events of the owner). */
void mt_path_js_connected(struct mt_path *path);
void mt_path_js_disconnected(struct mt_path *path);
void mt_path_message(struct mt_path *path, uint32_t tag, const struct jetstream_message *m);
void mt_path_pull_ended(struct mt_path *path, uint32_t tag, enum jetstream_pull_end why,
                        uint32_t missing, const char *text);
void mt_path_heartbeat(struct mt_path *path, uint32_t tag);
void mt_path_redis_connected(struct mt_path *path);

/* Nothing is fetched or submitted from now on; outcomes are still settled. */
void mt_path_stop(struct mt_path *path);
/* It said good-bye for good: what needs nothing of it any more is settled without it. */
void mt_path_agent_gone(struct mt_path *path);
/* Submits without an outcome, and commands that are on their way to being settled (not those that
 * JetStream has to deliver again, or whose rest is not sent any more). */
size_t mt_path_without_outcome(const struct mt_path *path);
size_t mt_path_unsettled(const struct mt_path *path);

/* For dlr_options.expects and management_options.mt; `arg` is the path. */
bool mt_path_expects(void *arg, const struct mno *op, uint64_t destination_digest);
void mt_path_view(void *arg, const struct mno *op, struct management_mt *mt_r);

#endif
