/*
 * One outgoing connection: name resolution, TCP to each address in turn, TLS if wanted, bytes both
 * ways. Knows no SMPP. On the loop's thread; no callback ever runs inside of a call of the owner
 * but inside the loop, and transport_destroy() is allowed in every callback.
 */
#ifndef SESSION_AGENT_TRANSPORT_H
#define SESSION_AGENT_TRANSPORT_H

#include "common/loop.h"
#include "session-agent/crypto.h"

/* What all transports of a loop share: the 64 KiB read buffer, and the count of what is open. */
struct transport_hub;
struct transport;

#define TRANSPORT_READ_SIZE 65536

struct transport_hub *transport_hub_create(struct loop *loop) MUST_CHECK;
/* All transports are destroyed; turns the loop until their last handles are closed (≤ 1.5 s).
 * False: a name resolution still hangs; the hub is not freed and the loop can't be destroyed. */
bool transport_hub_destroy(struct transport_hub **hub);

struct transport_target {
    const char *host; /* name or address */
    uint16_t port;
    const char *local_address; /* NULL or empty: any */
    bool tls;
    struct crypto_tls_settings tls_settings; /* an empty server_name means `host` */
    int64_t resolve_timeout_ms;
    int64_t connect_timeout_ms; /* for all addresses together */
    int64_t tls_timeout_ms;     /* for the handshake */
    int64_t user_timeout_ms;    /* TCP_USER_TIMEOUT: unacknowledged bytes; 0: the kernel's */
    size_t output_high_water;   /* transport_is_writable() says no from here on */
    size_t output_max;          /* beyond it the connection ends: the peer does not read */
};

struct transport_events {
    /* TCP stands. With TLS the handshake begins. */
    void (*connected)(void *arg);
    /* Bytes may be written: after `connected` at once, or after the handshake. */
    void (*ready)(void *arg);
    /* Plaintext; valid during the call only. */
    void (*read)(void *arg, const uint8_t *data, size_t len);
    /* The output fell below half of its high-water mark after it had been above; may be NULL. */
    void (*writable)(void *arg);
    /* Before each flush: may what was written go out? If not the connection ends; may be NULL. */
    bool (*may_flush)(void *arg);
    /* Something was flushed to the socket in this turn, at this time; may be NULL. */
    void (*flushed)(void *arg, mono_t now);
    /* Over, for any reason but transport_destroy(): at most once, the last callback. `reason` is
     * one line for people: "connection refused by 127.0.0.1:2775", "certificate has expired" … */
    void (*closed)(void *arg, const char *reason);
    void *arg;
};

/* Begins at once; failures come as `closed`, from the loop. The texts of `target` are copied. */
struct transport *transport_connect(struct transport_hub *hub,
                                    const struct transport_target *target,
                                    const struct transport_events *events) MUST_CHECK;
/* Ends the connection: what was written is still sent, in the background and for at most 1 s; no
 * callback runs from now on. */
void transport_destroy(struct transport **t);
/* The same at once: what was not yet flushed is never sent. */
void transport_abort(struct transport **t);

/* At once and with a reset: what the peer's TCP has not acknowledged is never sent again. */
void transport_reset(struct transport **t);

/* Appends to the output, which is flushed once at the end of the loop's turn. Dropped unless
 * ready. */
void transport_write(struct transport *t, const void *data, size_t len);
/* The same for bytes that hold a secret: every buffer of ours that they pass is wiped. */
void transport_write_secret(struct transport *t, const void *data, size_t len);
/* Below the high-water mark? */
bool transport_is_writable(const struct transport *t);

/* Bytes that the peer's TCP has not acknowledged, those still in our own output included. */
size_t transport_unacked(const struct transport *t);
/* Octets handed to the socket so far, and those of them that the peer's TCP has acknowledged. */
uint64_t transport_handed(const struct transport *t);
uint64_t transport_acked(const struct transport *t);
/* Of those unacknowledged, what has not left this machine: in our output, or held back by the
 * kernel. */
size_t transport_unsent(const struct transport *t);
/* The path's minimum round trip as TCP measured it; 0: not known yet. */
uint32_t transport_min_rtt_us(const struct transport *t);
/* Is nothing left in the socket to be read? A time-out is believed only then. */
bool transport_read_empty(const struct transport *t);

/* "192.0.2.1:2775" once connected, else empty. */
const char *transport_peer(const struct transport *t);
/* Protocol and cipher; empty: plain TCP or not ready. */
const char *transport_tls(const struct transport *t);
int64_t transport_tls_expiry_ms(const struct transport *t); /* wall ms; 0: none */
/* Subject of the peer's certificate, RFC 2253, cut at 159; empty: none. */
const char *transport_tls_peer(const struct transport *t);

#endif
