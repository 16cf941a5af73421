/*
 * One bind: a connection to the MNO with its state machine (session_fsm.h), window, heartbeat and
 * held deliver_sm. Performs what the table decides; sockets, timers and the bridge only raise
 * events. A session that misbehaves costs only itself.
 */
#ifndef SESSION_AGENT_SESSION_H
#define SESSION_AGENT_SESSION_H

#include "proto/ipc.h"
#include "session-agent/credentials_request.h"
#include "session-agent/session_fsm.h"

struct bind_slot;
struct deliver;
struct session;
struct submit;

struct session *session_create(struct bind_slot *slot, enum ipc_bind_mode mode) MUST_CHECK;
/* It must be closed (session_is_gone). */
void session_destroy(struct session **session);

void session_start(struct session *session);
/* Part of another session's attempt: binds with a copy of its credentials, without asking. */
void session_start_with(struct session *session, const struct credentials *credentials);
/* Drain the window, unbind, and be gone. */
void session_end(struct session *session, const char *reason);
/* Is there nothing left that a drain waits for? After each answer, and while the process ends. */
void session_check_drained(struct session *session);
/* Drain, unbind, bind again. */
void session_rebind(struct session *session, const char *reason);
/* At once: an unbind is written if bound, its answer not awaited. */
void session_cut(struct session *session, const char *reason);
/* At once, since its lease is over: an unbind is written only if TCP has delivered all that was
 * written before; else the connection is reset, so that no submit_sm arrives later. */
void session_lapse(struct session *session, const char *reason);
/* The declaration changed: timers and window apply at once, what a bind asks for at the next one.
 * Unless `binds_alike`, who waits after a failure tries that at once. */
void session_retune(struct session *session, bool binds_alike);

bool session_is_gone(const struct session *session);  /* may be destroyed */
bool session_is_bound(const struct session *session); /* or about to unbind */
bool session_is_ready(const struct session *session); /* bound, and not about to end */
enum ipc_bind_mode session_mode(const struct session *session);

/* --- submits --- */

/* How many may be written now; 0 unless bound and the socket takes more. */
uint32_t session_room(const struct session *session);
uint32_t session_window_used(const struct session *session);
/* What was written over it and has not left. */
struct tokens_unsent *session_unsent(struct session *session);
/* Does the kernel hold back what was written? Else it is flushed by now, and is told so. */
bool session_is_held(struct session *session, mono_t now);
/* May a submit_sm go out, given what TCP has not had acknowledged yet? (No burst
 * shall leave a stalled path at once.) `per_second` is the pacer's limit. */
bool session_path_is_clear(struct session *session, uint32_t per_second, mono_t now);
/* Stamps, notes it in the window and writes it. There must be room. */
void session_send_submit(struct session *session, struct submit *submit);
/* The submit will not be asked for any more: its place in the window is cleared. */
void session_forget_submit(struct session *session, struct submit *submit);

/* --- deliver_sm --- */

/* Answers one that was held, and releases it. */
void session_answer_deliver(struct session *session, struct deliver *deliver, uint32_t status);
uint32_t session_delivers_held(const struct session *session);

/* --- shown --- */

/* Sends SESSION if something changed since the last time, or `always`; SESSION_GONE for a row that
 * is no more. */
void session_tell(struct session *session, bool always);
void session_tell_gone(struct session *session);
/* Sends SESSION if what moves all the time (window_used) has moved; once a second. */
void session_tell_gauges(struct session *session);
/* Sends every held deliver_sm (a bridge attached). */
void session_list_delivers(struct session *session);

#endif
