/* A session's bind attempts: admission, credentials, host after host, and how long to wait after
 * each kind of failure. */
#include "common/log.h"
#include "common/random.h"

#include "session-agent/session_internal.h"

#define AUTH_RETRY_MAX_MS (15 * 60 * 1000)
#define LOOK_AGAIN_MS 60000 /* while refused: have the credentials changed? */
#define ALREADY_BOUND_MIN_MS 30000
#define ALREADY_BOUND_MAX_MS (5 * 60 * 1000)
#define STANDS_AFTER_MS 60000 /* or one enquire_link interval, if that is shorter */
#define OUTPUT_HIGH_WATER (256 * 1024)
#define OUTPUT_MAX (1024 * 1024) /* then the MNO does not read: the connection ends */

/* --- credentials --- */

static void on_credentials(void *arg, struct credentials *credentials, const char *error)
{
    struct session *s = arg;
    credentials_request_destroy(&s->request);
    if (!credentials) {
        s->op->attempt_failed = true;
        session_raise(s, SESSION_EVENT_CREDENTIALS_FAILED, "no credentials: %s", error);
        return;
    }
    operator_set_credentials(s->op, credentials);
    s->credentials = credentials;
    s->mode = bind_slot_choose_mode(s->slot, s, credentials->bind_mode);
    session_raise(s, SESSION_EVENT_CREDENTIALS, "credentials came");
}

static void on_look(void *arg, struct credentials *credentials, const char *error)
{
    struct session *s = arg;
    credentials_request_destroy(&s->request);
    bool changed = credentials &&
                   memcmp(credentials->digest, s->refused_digest, sizeof(s->refused_digest)) != 0;
    if (error)
        log_debug("credentials could not be looked at", LOG_STR("operatorId", s->op->id_text),
                  LOG_STR("reason", error));
    credentials_destroy(&credentials);
    connect_gate_leave(&s->ctx->gate, &s->ticket);
    if (changed)
        session_raise(s, SESSION_EVENT_BACKOFF_OVER, "the credentials have changed");
    else
        timer_start_ms(&s->look_again, LOOK_AGAIN_MS);
}

/* Admitted: an attempt, or a look at credentials that were refused, whichever is the case now. The
 * second half of a pair has its credentials. */
static void on_admitted(void *arg)
{
    struct session *s = arg;
    if (s->credentials) {
        session_raise(s, SESSION_EVENT_CREDENTIALS, "half of a pair");
        return;
    }
    s->request =
        credentials_request_create(s->ctx, s->op->id, s->looks ? on_look : on_credentials, s);
}

static void on_look_again(void *arg)
{
    struct session *s = arg;
    s->looks = true;
    connect_gate_enter(&s->ctx->gate, &s->ticket);
}

void session_attempt_init(struct session *s)
{
    connect_ticket_init(&s->ticket, on_admitted, s);
    timer_init(&s->look_again, s->ctx->loop, on_look_again, s);
}

/* The credentials are about to be wiped: keeps what recognises them. */
void session_attempt_note_refused(struct session *s)
{
    if (s->credentials)
        memcpy(s->refused_digest, s->credentials->digest, sizeof(s->refused_digest));
}

void session_attempt_stop(struct session *s)
{
    timer_stop(&s->look_again);
    session_attempt_wipe(s);
}

void session_attempt_ask(struct session *s)
{
    timer_stop(&s->look_again);
    if (s->looks) /* it may be under way */
        session_attempt_wipe(s);
    s->looks = false;
    connect_gate_enter(&s->ctx->gate, &s->ticket);
}

void session_attempt_wipe(struct session *s)
{
    credentials_request_destroy(&s->request);
    credentials_destroy(&s->credentials);
    connect_gate_leave(&s->ctx->gate, &s->ticket);
}

/* --- connecting --- */

static uint32_t host_count(const struct session *s)
{
    return (uint32_t)s->op->config->host_count + 1;
}

static void connect_to_host(struct session *s)
{
    const struct operator_config *config = s->op->config;
    uint32_t index = s->host % host_count(s);
    struct transport_target target = {
        .host = index ? config->hosts[index - 1].host : s->credentials->host,
        .port = index ? config->hosts[index - 1].port : s->credentials->port,
        .local_address = config->local_address,
        .tls = config->tls,
        .tls_settings = {.ca_file = config->tls_ca_file,
                         .cert_file = config->tls_cert_file,
                         .key_file = config->tls_key_file,
                         .server_name = config->tls_server_name,
                         .min_version = config->tls_min_version},
        .resolve_timeout_ms = config->bind_timeout_ms,
        .connect_timeout_ms = config->bind_timeout_ms,
        .tls_timeout_ms = config->bind_timeout_ms,
        .user_timeout_ms =
            (int64_t)config->enquire_link_interval_ms + config->enquire_link_timeout_ms,
        .output_high_water = OUTPUT_HIGH_WATER,
        .output_max = OUTPUT_MAX,
    };
    struct transport_events events = session_io_events;
    events.arg = s;
    s->connection++;
    s->over_tls = config->tls;
    s->transport = transport_connect(s->ctx->hub, &target, &events);
}

void session_attempt_connect(struct session *s)
{
    s->host = s->first_host;
    s->shown.attempts++;
    connect_to_host(s);
}

bool session_attempt_try_next_host(struct session *s)
{
    if ((s->host + 1) % host_count(s) == s->first_host % host_count(s))
        return false;
    s->host++;
    session_io_close(s);
    connect_to_host(s);
    return true;
}

void session_attempt_use_pair(struct session *s)
{
    s->mode = IPC_BIND_TRANSMITTER;
    bind_slot_use_pair(s->slot, s->credentials);
}

/* --- how it ended --- */

void session_attempt_succeeded(struct session *s)
{
    s->bound_at = clock_mono();
    backoff_reset(&s->auth);
    backoff_reset(&s->already_bound);
    s->first_host = 0;
}

/* The bounds may have been declared anew since the last failure. */
static void wait_next(struct session *s, struct backoff *backoff, int64_t min_ms, int64_t max_ms)
{
    backoff->min_ms = min_ms;
    backoff->max_ms = max_ms;
    session_start_clock(s, backoff_next_ms(backoff, random_u32()), SESSION_EVENT_BACKOFF_OVER);
    s->op->stats[IPC_STAT_RECONNECT_ATTEMPTS]++;
    s->op->attempt_failed = true;
    if (s->state == SESSION_BINDING || s->state == SESSION_TLS_HANDSHAKE)
        s->first_host = (s->host + 1) % host_count(s); /* it answers, and is no good: the next */
}

void session_attempt_back_off(struct session *s)
{
    const struct operator_config *config = s->op->config;
    int64_t stood_ms = s->bound_at.ns ? mono_diff_ms(clock_mono(), s->bound_at) : 0;
    s->bound_at = (mono_t){0};
    /* A bind that is lost as soon as it is made is one more failure. */
    if (stood_ms >= (int64_t)min_u64(config->enquire_link_interval_ms, STANDS_AFTER_MS))
        backoff_reset(&s->reconnect);
    wait_next(s, &s->reconnect, config->reconnect_min_ms, config->reconnect_max_ms);
}

/* Quick retries with wrong credentials get the account or the address banned. */
void session_attempt_back_off_auth(struct session *s)
{
    int64_t min_ms = s->op->config->auth_retry_min_ms;
    s->op->stats[IPC_STAT_AUTH_FAILURES]++;
    operator_credentials_refused(s->op, s->reason);
    wait_next(s, &s->auth, min_ms, min_ms > AUTH_RETRY_MAX_MS ? min_ms : AUTH_RETRY_MAX_MS);
    timer_start_ms(&s->look_again, LOOK_AGAIN_MS);
}

/* The MNO still holds our old session, often for minutes: patience, and no alarm about passwords.
 */
void session_attempt_back_off_already_bound(struct session *s)
{
    wait_next(s, &s->already_bound, ALREADY_BOUND_MIN_MS, ALREADY_BOUND_MAX_MS);
}
