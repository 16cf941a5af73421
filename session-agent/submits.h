/*
 * The path of a submit_sm through the agent: SUBMIT → ledger → queue → pacer → window → socket, and
 * back: answer, time-out or lost connection → OUTCOME → ledger, until SETTLED. One `submits` per
 * operator. What was handed to a socket once is never handed again for the same key.
 */
#ifndef SESSION_AGENT_SUBMITS_H
#define SESSION_AGENT_SUBMITS_H

#include "session-agent/agent_context.h"
#include "session-agent/submit_queue.h"
#include "session-agent/tokens.h"
#include "session-agent/window.h"

struct agent_operator;
struct session;
struct submits;

/* One submit_sm, from SUBMIT until its outcome is final and, when it may be retried or has sister
 * segments, until SETTLED. */
struct submit {
    struct submit_item item;
    struct agent_operator *op;
    struct ledger_entry *entry;
    struct session *session; /* in whose window it is, live or late; NULL: in none */
    uint32_t sequence;       /* there */
    int64_t ready_at;        /* on the clock of token_wait.h; negative: a retry, not counted */
    bool uses_credit;        /* its SUBMIT has no outcome yet */
    uint32_t body_len;
    uint8_t body[];
};

struct submits *submits_create(struct agent_operator *op) MUST_CHECK;
/* What is queued is forgotten in the ledger; nothing may be in a window. */
void submits_destroy(struct submits **s);
void submits_retune(struct submits *s);

/* --- records of the bridge --- */

/* False, with a reason: beyond the credit or the ledger; nothing was taken. `op` is NULL when the
 * agent does not know (any more) the operator: given back. */
bool submits_take(struct agent_context *ctx, struct agent_operator *op,
                  const struct ipc_submit *record, char *error_r, size_t error_size) MUST_CHECK;
void submits_retry(struct agent_context *ctx, const struct ipc_retry *record);
void submits_close(struct agent_context *ctx, const struct ipc_close *record);
void submits_settle(struct agent_context *ctx, const struct ipc_key *message);
/* The pacer's limit from now on. */
void submits_pace(struct submits *s, uint32_t per_second);
/* Tokens that are to be lent, or were borrowed. */
void submits_lend(struct submits *s, const struct ipc_lend *record);
void submits_grant(struct submits *s, const struct ipc_grant *record);
/* Lists all outcomes that nobody settled, then all submits without one. */
void submits_list(struct agent_context *ctx);

/* --- work --- */

/* Credentials said how much the MNO allows: not more, until the bridge's next word. */
void submits_cap(struct submits *s, uint32_t tps_limit);
/* Expires, and hands over all that pacer, windows and sockets take now. */
void submits_pump(struct submits *s);
/* It has nothing to send, or no room for it in any window. */
bool submits_is_idle(const struct submits *s);
/* Everything queued goes back to the bridge as UNSENT. */
void submits_give_back(struct submits *s);
/* What a session wrote has left it. */
void submits_flushed(struct submits *s, struct tokens_unsent *unsent, mono_t now);
/* The kernel holds it back and would send it in one burst: it counts when it is gone, and before
 * that nothing more is written over that session. */
void submits_held(struct submits *s, struct tokens_unsent *unsent);
/* What stuck to this bind may go over any other. */
void submits_bind_gone(struct submits *s, const void *bind);

/* Fills the counters and gauges that are the submit path's. */
void submits_stats(struct submits *s, uint64_t stats[IPC_STATS_COUNT]);

/* --- what happens to one in a window --- */

/* Its answer came: status and body of submit_sm_resp, or of generic_nack. The entry was taken out
 * of the window. */
void submits_answered(const struct window_entry *entry, uint8_t bind, uint32_t status,
                      struct bytes body, mono_t now);
/* No answer in time; it stays in the window as late. */
void submits_timed_out(const struct window_entry *entry, uint8_t bind);
/* Taken out of the window without an answer: the connection ended, or it was late for too long. */
void submits_lost(const struct window_entry *entry, uint8_t bind);

#endif
