/* A connection to one MNO: its addresses in turn, TLS on top, the output of a turn in one write. */
#include "session-agent/transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session-agent/tcp_link.h"
#include "session-agent/tcp_socket.h"

#define OUTPUT_MIN 512
#define SPARE_MAX (256 * 1024)
#define MIN_CONNECT_MS 250 /* for each address, however many there are */

struct transport_hub {
    struct loop *loop;
    struct tcp_hub *tcp;
    uint8_t *spare; /* the output buffer that was free last, for the next turn; holds no secret */
    size_t spare_size;
};

enum phase { RESOLVING, CONNECTING, HANDSHAKE, READY, ENDED };

struct transport {
    struct transport_hub *hub;
    struct transport_events events;
    struct transport_target target; /* its texts are ours */
    enum phase phase;
    bool *destroyed; /* set by transport_destroy() inside of a callback */
    struct tcp_resolution *resolution;
    struct sockaddr_storage addresses[TCP_ADDRESSES_MAX];
    unsigned address_count, next_address;
    mono_t connect_deadline;
    struct tcp_link *link;
    uint64_t handed; /* octets, to the link */
    struct crypto_tls *tls;
    struct timer timer; /* of the phase */
    struct loop_hook begin, flush;
    uint8_t *out; /* plaintext of this turn; NULL: none */
    size_t out_len, out_size;
    bool out_secret;
    bool was_full; /* the output was above its high-water mark */
    char peer[64];
    char tls_text[64];
    int64_t tls_expiry_ms;
    char *tls_peer;   /* NULL: none */
    char reason[256]; /* of the end, or of the last address that failed */
};

static void try_next_address(struct transport *t);

struct transport_hub *transport_hub_create(struct loop *loop)
{
    struct transport_hub *hub = xcalloc(1, sizeof *hub);
    hub->loop = loop;
    hub->tcp = tcp_hub_create(loop);
    return hub;
}

bool transport_hub_destroy(struct transport_hub **hub)
{
    if (!*hub)
        return true;
    if (!tcp_hub_destroy(&(*hub)->tcp))
        return false;
    free((*hub)->spare);
    free(*hub);
    *hub = NULL;
    return true;
}

/* --- the end --- */

/* Growing a buffer anew in each turn would copy the output several times. */
static void keep_or_free(struct transport_hub *hub, uint8_t *buffer, size_t size)
{
    if (size <= hub->spare_size || size > SPARE_MAX) {
        free(buffer);
        return;
    }
    free(hub->spare);
    hub->spare = buffer;
    hub->spare_size = size;
}

static void release_output(struct transport *t)
{
    if (t->out_secret)
        explicit_bzero(t->out, t->out_size);
    keep_or_free(t->hub, t->out, t->out_size);
    t->out = NULL;
    t->out_len = t->out_size = 0;
    t->out_secret = false;
}

/* Everything stops; the transport itself stays until its owner destroys it. */
static void stop(struct transport *t)
{
    t->phase = ENDED;
    timer_stop(&t->timer);
    loop_cancel_hook(t->hub->loop, &t->begin);
    loop_cancel_hook(t->hub->loop, &t->flush);
    tcp_resolve_cancel(&t->resolution);
    tcp_link_close(&t->link);
    crypto_tls_destroy(&t->tls);
    release_output(t);
}

/* The one way out but destruction, with t->reason set. t may be gone afterwards. */
static void end(struct transport *t)
{
    stop(t);
    t->events.closed(t->events.arg, t->reason);
}

static void set_reason(struct transport *t, int status)
{
    tcp_reason(status, t->peer[0] ? t->peer : t->target.host, t->reason, sizeof t->reason);
}

static void on_link_ended(void *arg, int status)
{
    struct transport *t = arg;
    set_reason(t, status);
    end(t);
}

/* --- output --- */

static size_t output_size(const struct transport *t)
{
    return t->out_len + (t->link ? tcp_link_queued(t->link) : 0);
}

static void on_link_drained(void *arg)
{
    struct transport *t = arg;
    if (!t->was_full || output_size(t) >= t->target.output_high_water / 2)
        return;
    t->was_full = false;
    if (t->events.writable)
        t->events.writable(t->events.arg);
}

static int send_to_link(struct transport *t, const void *data, size_t len, bool secret)
{
    t->handed += len;
    return tcp_link_send(t->link, data, len, secret);
}

static int send_tls_output(struct transport *t)
{
    struct bytes output = crypto_tls_output(t->tls);
    if (!output.len)
        return 0;
    int status = send_to_link(t, output.data, output.len, false);
    crypto_tls_output_taken(t->tls);
    return status;
}

/* Hands the turn's output to the socket. −1: t->reason says why it can't. */
static int flush_output(struct transport *t)
{
    int status = 0;
    if (t->out_len && t->events.may_flush && !t->events.may_flush(t->events.arg)) {
        snprintf(t->reason, sizeof t->reason, "what was written for %s is void", t->peer);
        return -1;
    }
    if (t->tls) {
        if (t->out_len && crypto_tls_write(t->tls, t->out, t->out_len) != 0) {
            snprintf(t->reason, sizeof t->reason, "%s", crypto_tls_error(t->tls));
            return -1;
        }
        status = send_tls_output(t);
    } else if (t->out_len) {
        status = send_to_link(t, t->out, t->out_len, t->out_secret);
    }
    release_output(t);
    if (status == 0)
        return 0;
    set_reason(t, status);
    return -1;
}

static void on_flush(void *arg)
{
    struct transport *t = arg;
    bool had_output = t->out_len > 0;
    if (output_size(t) > t->target.output_max) {
        snprintf(t->reason, sizeof t->reason, "%s does not read: %zu bytes wait", t->peer,
                 output_size(t));
        end(t);
    } else if (flush_output(t) != 0) {
        end(t);
    } else if (had_output && t->events.flushed) {
        t->events.flushed(t->events.arg, clock_mono());
    }
}

/* Room for `len` bytes more, without leaving a secret behind in the smaller buffer. */
static void grow_output(struct transport *t, size_t len)
{
    if (!t->out) {
        t->out = t->hub->spare;
        t->out_size = t->hub->spare_size;
        t->hub->spare = NULL;
        t->hub->spare_size = 0;
    }
    size_t size = t->out_size ? t->out_size : OUTPUT_MIN;
    while (size < t->out_len + len)
        size *= 2;
    if (size == t->out_size)
        return;
    uint8_t *bigger = xmalloc(size);
    if (t->out_len)
        memcpy(bigger, t->out, t->out_len);
    if (t->out_secret && t->out)
        explicit_bzero(t->out, t->out_size);
    free(t->out);
    t->out = bigger;
    t->out_size = size;
}

static void append(struct transport *t, const void *data, size_t len, bool secret)
{
    if (t->phase != READY || !len)
        return;
    grow_output(t, len);
    memcpy(t->out + t->out_len, data, len);
    t->out_len += len;
    t->out_secret |= secret;
    t->was_full |= !transport_is_writable(t);
    loop_at_turn_end(t->hub->loop, &t->flush);
}

void transport_write(struct transport *t, const void *data, size_t len)
{
    append(t, data, len, false);
}

void transport_write_secret(struct transport *t, const void *data, size_t len)
{
    append(t, data, len, true);
}

bool transport_is_writable(const struct transport *t)
{
    return output_size(t) < t->target.output_high_water;
}

/* --- input --- */

/* After a callback: may this go on? */
static bool still_there(struct transport *t, bool destroyed)
{
    if (destroyed)
        return false;
    t->destroyed = NULL;
    return t->phase != ENDED;
}

static bool become_ready(struct transport *t)
{
    bool destroyed = false;
    t->phase = READY;
    timer_stop(&t->timer);
    if (t->tls) {
        crypto_tls_describe(t->tls, t->tls_text, sizeof t->tls_text);
        t->tls_expiry_ms = crypto_tls_peer_expiry_ms(t->tls);
        t->tls_peer = crypto_tls_peer_subject(t->tls);
    }
    t->destroyed = &destroyed;
    t->events.ready(t->events.arg);
    return still_there(t, destroyed);
}

static bool on_plaintext(void *arg, const uint8_t *data, size_t len)
{
    struct transport *t = arg;
    bool destroyed = false;
    if (t->phase == HANDSHAKE && !become_ready(t))
        return false;
    t->destroyed = &destroyed;
    t->events.read(t->events.arg, data, len);
    return still_there(t, destroyed);
}

static void read_tls(struct transport *t, const uint8_t *data, size_t len)
{
    if (!crypto_tls_feed(t->tls, data, len, on_plaintext, t))
        return;
    enum crypto_tls_state state = crypto_tls_state(t->tls);
    if (state == CRYPTO_TLS_OPEN && t->phase == HANDSHAKE && !become_ready(t))
        return;
    if (state == CRYPTO_TLS_FAILED || state == CRYPTO_TLS_ENDED) {
        int status = send_tls_output(t); /* the alert that tells the peer why */
        set_reason(t, status < 0 ? status : tcp_closed_by_peer);
        if (state == CRYPTO_TLS_FAILED)
            snprintf(t->reason, sizeof t->reason, "%s", crypto_tls_error(t->tls));
        end(t);
    } else if (crypto_tls_output(t->tls).len) {
        loop_at_turn_end(t->hub->loop, &t->flush);
    }
}

static void on_link_read(void *arg, const uint8_t *data, size_t len)
{
    struct transport *t = arg;
    if (t->tls)
        read_tls(t, data, len);
    else
        t->events.read(t->events.arg, data, len);
}

/* --- connecting --- */

static void on_timer(void *arg)
{
    struct transport *t = arg;
    if (t->phase == CONNECTING) {
        set_reason(t, tcp_timed_out);
        tcp_link_close(&t->link);
        try_next_address(t);
        return;
    }
    if (t->phase == RESOLVING)
        snprintf(t->reason, sizeof t->reason, "can't resolve %s: no answer in time",
                 t->target.host);
    else
        snprintf(t->reason, sizeof t->reason, "TLS: %s did not finish the handshake in time",
                 t->peer);
    end(t);
}

static void begin_tls(struct transport *t)
{
    t->phase = HANDSHAKE;
    timer_start_ms(&t->timer, t->target.tls_timeout_ms);
    if (crypto_tls_create(&t->target.tls_settings, &t->tls, t->reason, sizeof t->reason) != 0) {
        end(t);
        return;
    }
    crypto_tls_start(t->tls);
    loop_at_turn_end(t->hub->loop, &t->flush);
}

static void on_link_connected(void *arg, int status)
{
    struct transport *t = arg;
    bool destroyed = false;
    timer_stop(&t->timer);
    if (status < 0) {
        set_reason(t, status);
        tcp_link_close(&t->link);
        try_next_address(t);
        return;
    }
    t->destroyed = &destroyed;
    t->events.connected(t->events.arg);
    if (!still_there(t, destroyed))
        return;
    if (t->target.tls)
        begin_tls(t);
    else
        become_ready(t);
}

static int connect_to(struct transport *t, const struct sockaddr_storage *address)
{
    const struct tcp_link_events events = {
        .connected = on_link_connected,
        .read = on_link_read,
        .drained = on_link_drained,
        .ended = on_link_ended,
        .arg = t,
    };
    tcp_format_address(address, t->peer, sizeof t->peer);
    return tcp_link_connect(t->hub->tcp, address, t->target.local_address,
                            t->target.user_timeout_ms, &events, &t->link);
}

/* Each of the addresses that are left gets its share of the time that is left. */
static void try_next_address(struct transport *t)
{
    while (t->next_address < t->address_count) {
        unsigned left = t->address_count - t->next_address;
        int64_t share = mono_diff_ms(t->connect_deadline, clock_mono()) / left;
        int status = connect_to(t, &t->addresses[t->next_address++]);
        if (status == 0) {
            timer_start_ms(&t->timer, share > MIN_CONNECT_MS ? share : MIN_CONNECT_MS);
            return;
        }
        set_reason(t, status);
    }
    end(t);
}

static void begin_connecting(struct transport *t)
{
    t->phase = CONNECTING;
    t->connect_deadline = mono_add_ms(clock_mono(), t->target.connect_timeout_ms);
    try_next_address(t);
}

static void resolve_failed(struct transport *t, int status)
{
    char what[128];
    snprintf(what, sizeof what, "can't resolve %.100s", t->target.host);
    tcp_reason(status, what, t->reason, sizeof t->reason);
    end(t);
}

static void on_resolved(void *arg, int status, const struct sockaddr_storage *addresses,
                        unsigned count)
{
    struct transport *t = arg;
    t->resolution = NULL;
    timer_stop(&t->timer);
    if (status < 0) {
        resolve_failed(t, status);
        return;
    }
    memcpy(t->addresses, addresses, count * sizeof *addresses);
    t->address_count = count;
    begin_connecting(t);
}

/* From the loop, so that no callback runs inside of transport_connect(). */
static void on_begin(void *arg)
{
    struct transport *t = arg;
    /* An address must not wait behind dead names for one of the resolver's threads. */
    if (tcp_parse_address(t->target.host, t->target.port, &t->addresses[0])) {
        t->address_count = 1;
        begin_connecting(t);
        return;
    }
    int status =
        tcp_resolve(t->hub->tcp, t->target.host, t->target.port, on_resolved, t, &t->resolution);
    if (status < 0)
        resolve_failed(t, status);
    else
        timer_start_ms(&t->timer, t->target.resolve_timeout_ms);
}

/* --- life --- */

static const char *copy(const char *text)
{
    return xstrdup(text ? text : "");
}

struct transport *transport_connect(struct transport_hub *hub,
                                    const struct transport_target *target,
                                    const struct transport_events *events)
{
    struct transport *t = xcalloc(1, sizeof *t);
    t->hub = hub;
    t->events = *events;
    t->target = *target;
    t->target.host = copy(target->host);
    t->target.local_address = copy(target->local_address);
    const struct crypto_tls_settings *from = &target->tls_settings;
    struct crypto_tls_settings *to = &t->target.tls_settings;
    bool named = from->server_name && from->server_name[0];
    to->ca_file = copy(from->ca_file);
    to->cert_file = copy(from->cert_file);
    to->key_file = copy(from->key_file);
    to->server_name = copy(named ? from->server_name : target->host);
    timer_init(&t->timer, hub->loop, on_timer, t);
    t->begin = (struct loop_hook){.fn = on_begin, .arg = t};
    t->flush = (struct loop_hook){.fn = on_flush, .arg = t};
    loop_at_turn_end(hub->loop, &t->begin);
    return t;
}

void transport_destroy(struct transport **t)
{
    struct transport *gone = *t;
    if (gone && gone->phase == READY) {
        bool sent = flush_output(gone) == 0;
        if (sent && gone->tls) {
            crypto_tls_finish(gone->tls);
            sent = send_tls_output(gone) == 0;
        }
        if (sent)
            tcp_link_linger(&gone->link);
    }
    transport_abort(t);
}

void transport_reset(struct transport **t)
{
    if (*t && (*t)->link)
        tcp_link_reset(&(*t)->link);
    transport_abort(t);
}

void transport_abort(struct transport **t)
{
    struct transport *gone = *t;
    *t = NULL;
    if (!gone)
        return;
    if (gone->destroyed)
        *gone->destroyed = true;
    stop(gone);
    free((char *)gone->target.host);
    free((char *)gone->target.local_address);
    free((char *)gone->target.tls_settings.ca_file);
    free((char *)gone->target.tls_settings.cert_file);
    free((char *)gone->target.tls_settings.key_file);
    free((char *)gone->target.tls_settings.server_name);
    free(gone->tls_peer);
    free(gone);
}

/* --- questions --- */

static int socket_of(const struct transport *t)
{
    return t->link ? tcp_link_fd(t->link) : -1;
}

size_t transport_unacked(const struct transport *t)
{
    return output_size(t) + tcp_socket_unacked(socket_of(t));
}

uint64_t transport_handed(const struct transport *t)
{
    return t->handed;
}

uint64_t transport_acked(const struct transport *t)
{
    uint64_t unacked = transport_unacked(t) - t->out_len;
    return t->handed > unacked ? t->handed - unacked : 0;
}

size_t transport_unsent(const struct transport *t)
{
    return output_size(t) + tcp_socket_unsent(socket_of(t));
}

uint32_t transport_min_rtt_us(const struct transport *t)
{
    return tcp_socket_min_rtt_us(socket_of(t));
}

bool transport_read_empty(const struct transport *t)
{
    return tcp_socket_unread(socket_of(t)) == 0;
}

const char *transport_peer(const struct transport *t)
{
    return t->phase == HANDSHAKE || t->phase == READY ? t->peer : "";
}

const char *transport_tls(const struct transport *t)
{
    return t->tls_text;
}

int64_t transport_tls_expiry_ms(const struct transport *t)
{
    return t->tls_expiry_ms;
}

const char *transport_tls_peer(const struct transport *t)
{
    return t->tls_peer ? t->tls_peer : "";
}
