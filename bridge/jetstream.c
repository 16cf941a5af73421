/*
 * The connection: the one file that knows nats.c, and the thread that alone may call it, since
 * nats.c holds its lock while it connects or writes and can keep a caller waiting for ever.
 *
 * nats.c's own reconnect is off. A connection that is lost is closed, destroyed and followed by a
 * new one with a new inbox: one path instead of two, the host names are resolved and the
 * certificates read anew, and no pull of the old one can deliver into the new one.
 *
 * Threads: the loop (jetstream_calls.c, jetstream_arrivals.c, deliver_*), the sender
 * (link_main and below), nats.c's delivery and callback threads (on_*), which only put what came
 * into a list and wake the loop once a burst.
 */
#include <errno.h>
#include <nats/nats.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/backoff.h"
#include "common/random.h"
#include "common/str.h"
#include "bridge/jetstream_ack_log.h"
#include "bridge/jetstream_login.h"
#include "bridge/jetstream_mailbox.h"
#include "bridge/jetstream_private.h"
#include "bridge/jetstream_servers.h"
#include "bridge/jetstream_subjects.h"
#include "bridge/jetstream_threads.h"
#include "bridge/jetstream_trash.h"

enum {
    CONNECT_TIMEOUT_MS = JETSTREAM_JOIN_MS,
    WRITE_DEADLINE_MS = 500,
    PING_INTERVAL_MS = 5000,
    MAX_PINGS_OUT = 2,
    RECONNECT_MIN_MS = 100,
    RECONNECT_MAX_MS = 2000,
    CLOSE_WAIT_MS = 5000,
    IDLE_WAIT_MS = 10000,
    IO_BUFFER = 128 * 1024,
    GATHER_NS = 500 * 1000,
    LOCK_SPINS = 50, /* nats.c's default of 2,000 spins while the holder waits for the same core */
};

struct jetstream_link {
    struct jetstream *js; /* the loop's */
    struct jetstream_queue *queue;
    struct jetstream_mailbox *mailbox;
    pthread_t thread;
    sem_t ended; /* posted by the thread at its end */
    _Atomic int64_t linger_until_ns;

    struct jetstream_login login;
    struct jetstream_servers servers;
    size_t next_server;

    char inbox[64];                  /* the loop's: of the connection it knows of */
    struct jetstream_trash received; /* the loop's */
    struct jetstream_trash sent;     /* the sender's */

    uint32_t number; /* the sender's: of the connection */
    struct jetstream_ack_log *ack_log;
};

/* One connection; belongs to the sender, and to nats.c's threads until both flags are set. */
struct connection {
    struct jetstream_link *link;
    natsConnection *nc;
    natsSubscription *sub;
    char inbox[64];
    int ahead;           /* the delivery thread's: messages that are certain to follow */
    _Atomic bool closed; /* it is over */
    _Atomic bool let_go; /* and nats.c has called back for the last time */
    _Atomic bool quiet;  /* the subscription delivers no more */
};

/* --- on the loop --- */

static void deliver_message(struct jetstream_link *link, natsMsg *msg)
{
    struct jetstream_arrival a = {
        .msg = msg,
        .subject = natsMsg_GetSubject(msg),
        .reply = natsMsg_GetReply(msg),
        .data = (const uint8_t *)natsMsg_GetData(msg),
        .len = (size_t)natsMsg_GetDataLength(msg),
    };
    size_t inbox_len = strlen(link->inbox);
    a.is_answer = strncmp(a.subject, link->inbox, inbox_len) == 0 && a.subject[inbox_len] == '.';
    if (a.is_answer)
        a.tail = a.subject + inbox_len + 1;
    jetstream_arrivals_take(link->js, &a);
}

const char *jetstream_arrival_header(const struct jetstream_arrival *a, const char *name)
{
    const char *value = NULL;
    return natsMsgHeader_Get(a->msg, name, &value) == NATS_OK ? value : NULL;
}

static void deliver_up(struct jetstream *js, const char *inbox)
{
    str_copy(js->link->inbox, sizeof(js->link->inbox), inbox, strlen(inbox));
    js->link_number++;
    jetstream_calls_connected(js);
    js->events.connected(js->events.arg);
}

static void deliver_down(struct jetstream *js, const char *reason)
{
    bool news = js->connected || strcmp(js->down_reason, reason) != 0;
    str_copy(js->down_reason, sizeof(js->down_reason), reason, strlen(reason));
    jetstream_calls_disconnected(js);
    if (news)
        js->events.disconnected(js->events.arg, js->down_reason);
}

static void deliver(void *arg, const struct jetstream_mail *mail)
{
    struct jetstream_link *link = arg;
    switch (mail->kind) {
    case JETSTREAM_MAIL_MESSAGE:
        deliver_message(link, mail->msg);
        break;
    case JETSTREAM_MAIL_UP:
        deliver_up(link->js, mail->text);
        break;
    case JETSTREAM_MAIL_DOWN:
        deliver_down(link->js, mail->text);
        break;
    case JETSTREAM_MAIL_COMPLAINT:
        jetstream_arrivals_complaint(link->js, mail->text);
        break;
    case JETSTREAM_MAIL_REFUSED:
        jetstream_arrivals_refused(link->js, mail->numbers, mail->text);
        break;
    }
}

static void destroy_message(void *msg)
{
    natsMsg_Destroy(msg);
}

static void discard(void *arg, void *msg)
{
    struct jetstream_link *link = arg;
    jetstream_trash_add(&link->received, msg, (size_t)natsMsg_GetDataLength(msg));
}

/* --- nats.c's threads --- */

static void link_tell(struct jetstream_link *link, enum jetstream_mail_kind kind, const char *text)
{
    jetstream_mailbox_put(link->mailbox,
                          (struct jetstream_mail){.kind = kind, .text = xstrdup(text)});
}

/* When all that came was passed on it lets more gather, or the reading thread wakes it up for each
 * single message. The one that just came does not wait for that. */
static void on_message(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *arg)
{
    struct connection *c = arg;
    (void)nc;
    jetstream_mailbox_put(c->link->mailbox,
                          (struct jetstream_mail){.kind = JETSTREAM_MAIL_MESSAGE, .msg = msg});
    if (c->ahead > 1) { /* asking takes a lock that the reading thread wants */
        c->ahead--;
        return;
    }
    if (natsSubscription_GetPending(sub, &c->ahead, NULL) == NATS_OK && c->ahead == 0)
        nanosleep(&(struct timespec){.tv_nsec = GATHER_NS}, NULL);
}

static void on_quiet(void *arg)
{
    struct connection *c = arg;
    atomic_store(&c->quiet, true);
}

static void on_closed(natsConnection *nc, void *arg)
{
    struct connection *c = arg;
    (void)nc;
    atomic_store(&c->closed, true);
    jetstream_queue_wake(c->link->queue);
    atomic_store(&c->let_go, true); /* the connection and the queue may be gone from here on */
}

static void on_error(natsConnection *nc, natsSubscription *sub, natsStatus status, void *arg)
{
    struct connection *c = arg;
    const char *text = NULL;
    (void)sub;
    if (natsConnection_GetLastError(nc, &text) == NATS_OK || !text || *text == '\0')
        text = natsStatus_GetText(status);
    char copy[256]; /* the reading thread may write the next error into `text` just now */
    (void)str_copy(copy, sizeof(copy), text, strnlen(text, sizeof(copy) - 1));
    link_tell(c->link, JETSTREAM_MAIL_COMPLAINT, copy);
}

/* --- the sender: connecting --- */

static natsStatus set_tls(const struct jetstream_link *link, natsOptions *o, const char *url)
{
    if (strncmp(url, "tls://", 6) != 0 && !link->login.ca_file && !link->login.cert_file)
        return NATS_OK;
    char host[256];
    jetstream_servers_host(url, host, sizeof(host));
    natsStatus s = natsOptions_SetSecure(o, true);
    if (s == NATS_OK)
        s = natsOptions_SetExpectedHostname(o, host); /* 3.4 checks no name otherwise */
    if (s == NATS_OK && link->login.ca_file)
        s = natsOptions_LoadCATrustedCertificates(o, link->login.ca_file);
    if (s == NATS_OK && link->login.cert_file)
        s = natsOptions_LoadCertificatesChain(o, link->login.cert_file, link->login.key_file);
    return s;
}

static natsStatus set_options(const struct jetstream_link *link, natsOptions *o, const char *url,
                              struct connection *c)
{
    natsStatus s = natsOptions_SetURL(o, url);
    const struct {
        natsStatus (*set)(natsOptions *o, int64_t ms);
        int64_t ms;
    } times[] = {{natsOptions_SetTimeout, CONNECT_TIMEOUT_MS},
                 {natsOptions_SetWriteDeadline, WRITE_DEADLINE_MS},
                 {natsOptions_SetPingInterval, PING_INTERVAL_MS}};
    for (size_t i = 0; s == NATS_OK && i < ARRAY_LEN(times); i++)
        s = times[i].set(o, times[i].ms);
    if (s == NATS_OK)
        s = natsOptions_SetMaxPingsOut(o, MAX_PINGS_OUT);
    if (s == NATS_OK)
        s = natsOptions_SetAllowReconnect(o, false);
    if (s == NATS_OK)
        s = natsOptions_SetReconnectBufSize(o, 0);
    if (s == NATS_OK)
        s = natsOptions_SetIOBufSize(o, IO_BUFFER);
    if (s == NATS_OK)
        s = natsOptions_SetName(o, link->login.client_name);
    if (s == NATS_OK)
        s = natsOptions_SetClosedCB(o, on_closed, c);
    if (s == NATS_OK)
        s = natsOptions_SetErrorHandler(o, on_error, c);
    if (s == NATS_OK && link->login.creds_file)
        s = natsOptions_SetUserCredentialsFromFiles(o, link->login.creds_file, NULL);
    return s == NATS_OK ? set_tls(link, o, url) : s;
}

static void explain(char *reason, size_t size, const char *url, natsStatus s)
{
    const char *text = nats_GetLastError(NULL);
    if (s == NATS_NOT_PERMITTED) /* by subscribe() */
        text = "the user may not subscribe to _INBOX.>";
    jetstream_servers_explain(url, text && *text ? text : natsStatus_GetText(s), reason, size);
}

static natsStatus subscribe(struct connection *c)
{
    char random[17], subject[80];
    uint64_t value = random_u64();
    str_hex_encode(&value, sizeof(value), random);
    struct str_out inbox = str_out(c->inbox, sizeof(c->inbox));
    str_puts(&inbox, "_INBOX.smpp-connector-");
    str_puts(&inbox, random);
    struct str_out all = str_out(subject, sizeof(subject));
    str_puts(&all, c->inbox);
    str_puts(&all, ".>");
    natsStatus s = natsConnection_Subscribe(&c->sub, c->nc, subject, on_message, c);
    if (s == NATS_OK)
        s = natsSubscription_SetPendingLimits(c->sub, -1, -1);
    if (s == NATS_OK)
        s = natsSubscription_SetOnCompleteCB(c->sub, on_quiet, c);
    else
        atomic_store(&c->quiet, true);
    if (s == NATS_OK)
        s = natsConnection_FlushTimeout(c->nc, CONNECT_TIMEOUT_MS);
    /* What the server has against it is here by now, and no later error in its place. */
    const char *text = NULL;
    if (s == NATS_OK && natsConnection_GetLastError(c->nc, &text) != NATS_OK && text &&
        strstr(text, "Permissions Violation for Subscription"))
        s = NATS_NOT_PERMITTED;
    return s;
}

static bool wait_for(const _Atomic bool *flag)
{
    for (int i = 0; i < CLOSE_WAIT_MS && !atomic_load(flag); i++)
        nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
    return atomic_load(flag);
}

/* Closes, and waits until nats.c's threads have let go of it. */
static void connection_end(struct connection *c)
{
    bool gone = true;
    if (c->nc) {
        natsConnection_Close(c->nc);
        gone = wait_for(&c->let_go) && (!c->sub || wait_for(&c->quiet));
    }
    natsSubscription_Destroy(c->sub);
    natsConnection_Destroy(c->nc);
    if (gone)
        free(c); /* else a thread of nats.c is stuck: a few bytes are lost rather than used after */
}

static struct connection *connection_open(struct jetstream_link *link, const char *url,
                                          char *reason, size_t reason_size)
{
    struct connection *c = xcalloc(1, sizeof(*c));
    natsOptions *options = NULL;
    c->link = link;
    natsStatus s = natsOptions_Create(&options);
    if (s == NATS_OK)
        s = set_options(link, options, url, c);
    if (s == NATS_OK)
        s = natsConnection_Connect(&c->nc, options);
    natsOptions_Destroy(options);
    if (s == NATS_OK)
        s = subscribe(c);
    if (s == NATS_OK)
        return c;
    explain(reason, reason_size, url, s);
    connection_end(c);
    return NULL;
}

/* --- the sender: sending --- */

static const char *const ack_payloads[] = {
    [JETSTREAM_ACK] = "+ACK",
    [JETSTREAM_NAK] = "-NAK",
    [JETSTREAM_PROGRESS] = "+WPI",
    [JETSTREAM_TERM] = "+TERM",
};

static natsStatus send_ack(struct connection *c, enum jetstream_ack what, const char *subject,
                           const char *payload, size_t len)
{
    if (what == JETSTREAM_ACK || what == JETSTREAM_TERM)
        jetstream_ack_log_add(c->link->ack_log, clock_mono(), what, subject);
    if (len == 0) {
        payload = ack_payloads[what];
        len = strlen(payload);
    }
    return natsConnection_Publish(c->nc, subject, payload, (int)len);
}

static natsStatus send_publish(struct connection *c, const struct jetstream_command *command)
{
    char reply[128];
    natsMsg *msg = NULL;
    char kind = command->kind == JETSTREAM_COMMAND_SET ? 's' : 'p';
    jetstream_subjects_make_reply(c->inbox, kind, command->numbers, 2, reply, sizeof(reply));
    natsStatus s = natsMsg_Create(&msg, command->text, reply, jetstream_command_data(command),
                                  (int)command->data_len);
    const char *at = command->text + strlen(command->text) + 1;
    for (unsigned i = 0; s == NATS_OK && i < command->header_count; i++) {
        const char *value = at + strlen(at) + 1;
        s = natsMsgHeader_Set(msg, at, value);
        at = value + strlen(value) + 1;
    }
    if (s == NATS_OK)
        s = natsConnection_PublishMsg(c->nc, msg);
    if (msg)
        jetstream_trash_add(&c->link->sent, msg, command->data_len);
    return s;
}

static natsStatus send_request(struct connection *c, const struct jetstream_command *command,
                               char kind, size_t numbers)
{
    char reply[128];
    jetstream_subjects_make_reply(c->inbox, kind, command->numbers, numbers, reply, sizeof(reply));
    const char *data = jetstream_command_data(command);
    size_t len = command->data_len;
    if (command->kind == JETSTREAM_COMMAND_CONFIRM) {
        data = ack_payloads[command->what];
        len = strlen(data);
    }
    return natsConnection_PublishRequest(c->nc, command->text, reply, data, (int)len);
}

static natsStatus send_command(struct connection *c, const struct jetstream_command *command)
{
    bool stale = command->link != c->link->number;
    switch ((enum jetstream_command_kind)command->kind) {
    case JETSTREAM_COMMAND_ACK: /* good on any connection */
        return send_ack(c, (enum jetstream_ack)command->what, command->text,
                        jetstream_command_data(command), command->data_len);
    case JETSTREAM_COMMAND_CONFIRM:
        return stale ? NATS_OK : send_request(c, command, 'a', 2);
    case JETSTREAM_COMMAND_PULL:
        return stale ? NATS_OK : send_request(c, command, 'm', 3);
    case JETSTREAM_COMMAND_PUBLISH: /* the loop sends it again by itself */
    case JETSTREAM_COMMAND_SET:
        return stale ? NATS_OK : send_publish(c, command);
    case JETSTREAM_COMMAND_API:
        return stale ? NATS_OK : send_request(c, command, 'r', 2);
    }
    panic("command of kind %u", command->kind);
}

/* What is wrong with this one message only; a publish is tried again and shown as troubled. */
static bool is_refusal(natsStatus s)
{
    return s == NATS_MAX_PAYLOAD || s == NATS_INVALID_SUBJECT || s == NATS_INVALID_ARG ||
           s == NATS_NO_SERVER_SUPPORT;
}

static bool send_or_fail(struct connection *c, const struct jetstream_command *command)
{
    natsStatus s = send_command(c, command);
    if (s == NATS_OK || !is_refusal(s))
        return s == NATS_OK;
    bool is_publish = command->kind == JETSTREAM_COMMAND_PUBLISH;
    struct jetstream_mail mail = {
        .kind = is_publish ? JETSTREAM_MAIL_REFUSED : JETSTREAM_MAIL_COMPLAINT,
        .text = xstrdup(natsStatus_GetText(s)),
        .numbers = {command->numbers[0], command->numbers[1]},
    };
    jetstream_mailbox_put(c->link->mailbox, mail);
    return true;
}

static bool replay_ack(void *arg, enum jetstream_ack what, const char *subject)
{
    struct connection *c = arg;
    const char *payload = ack_payloads[what];
    return natsConnection_Publish(c->nc, subject, payload, (int)strlen(payload)) == NATS_OK;
}

static bool link_goes_on(struct jetstream_link *link)
{
    if (!jetstream_queue_is_stopping(link->queue))
        return true;
    return clock_mono().ns < atomic_load(&link->linger_until_ns) &&
           jetstream_queue_has_more(link->queue);
}

/* Until the connection ends or the queue is stopped and empty (or the linger is over). */
static void connection_serve(struct connection *c)
{
    struct jetstream_link *link = c->link;
    bool alive = jetstream_ack_log_replay(link->ack_log, replay_ack, c);
    while (alive && !atomic_load(&c->closed) && link_goes_on(link)) {
        const struct jetstream_command *command = jetstream_queue_next(link->queue, IDLE_WAIT_MS);
        if (!command)
            continue;
        alive = send_or_fail(c, command);
        jetstream_queue_done(link->queue);
    }
    if (jetstream_queue_is_stopping(link->queue)) {
        int64_t left = mono_diff_ms((mono_t){atomic_load(&link->linger_until_ns)}, clock_mono());
        if (alive && left > 0)
            (void)natsConnection_FlushTimeout(c->nc, left);
    }
}

static void why_lost(struct connection *c, char *reason, size_t size)
{
    const char *text = NULL;
    struct str_out out = str_out(reason, size);
    if (natsConnection_GetLastError(c->nc, &text) != NATS_OK && text && *text)
        str_putf(&out, "NATS connection lost: %s", text);
    else
        str_puts(&out, "NATS connection lost");
}

static void *link_main(void *arg)
{
    struct jetstream_link *link = arg;
    struct backoff backoff = {.min_ms = RECONNECT_MIN_MS, .max_ms = RECONNECT_MAX_MS};
    char reason[256];
    do {
        const char *url = link->servers.urls[link->next_server++ % link->servers.count];
        struct connection *c = connection_open(link, url, reason, sizeof(reason));
        if (c) {
            backoff_reset(&backoff);
            link->number++;
            link_tell(link, JETSTREAM_MAIL_UP, c->inbox);
            connection_serve(c);
            why_lost(c, reason, sizeof(reason));
            connection_end(c);
        }
        link_tell(link, JETSTREAM_MAIL_DOWN, reason);
    } while (!jetstream_queue_rest(link->queue, backoff_next_ms(&backoff, random_u32())));
    sem_post(&link->ended);
    return NULL;
}

/* --- create and destroy --- */

static void open_library(void)
{
    (void)nats_Open(LOCK_SPINS); /* if it fails, so does what is asked of nats.c next */
}

static void link_free(struct jetstream_link **link_ptr)
{
    struct jetstream_link *link = *link_ptr;
    jetstream_login_free(&link->login);
    jetstream_servers_free(&link->servers);
    jetstream_ack_log_destroy(&link->ack_log);
    jetstream_mailbox_destroy(&link->mailbox);
    jetstream_trash_empty(&link->received);
    jetstream_trash_empty(&link->sent);
    jetstream_queue_destroy(&link->queue);
    free(link);
    *link_ptr = NULL;
}

/* What can be seen without a server: the addresses, and whether the files can be used. */
static int check_options(const struct jetstream_link *link, char *error_r, size_t error_size)
{
    struct connection unused = {0};
    for (size_t i = 0; i < link->servers.count; i++) {
        natsOptions *options = NULL;
        natsStatus s = natsOptions_Create(&options);
        if (s == NATS_OK)
            s = set_options(link, options, link->servers.urls[i], &unused);
        natsOptions_Destroy(options);
        if (s != NATS_OK) {
            explain(error_r, error_size, link->servers.urls[i], s);
            return -1;
        }
    }
    return 0;
}

int jetstream_create(struct loop *loop, const struct jetstream_options *options,
                     const struct jetstream_events *events, struct jetstream **js_r, char *error_r,
                     size_t error_size)
{
    struct jetstream *js = xcalloc(1, sizeof(*js));
    struct jetstream_link *link = xcalloc(1, sizeof(*link));
    js->loop = loop;
    js->events = *events;
    js->link = link;
    link->js = js;
    jetstream_threads_born_yielding(open_library); /* once is enough, more often changes nothing */
    link->received.destroy = link->sent.destroy = destroy_message;
    link->login = jetstream_login_copy(options);
    js->queue = link->queue = jetstream_queue_create();
    link->mailbox = jetstream_mailbox_create(loop, deliver, discard, link);
    link->ack_log = jetstream_ack_log_create();
    if (jetstream_calls_init(js, options->domain, error_r, error_size) == 0 &&
        jetstream_servers_parse(&link->servers, options->urls, error_r, error_size) == 0 &&
        check_options(link, error_r, error_size) == 0) {
        str_copy(js->down_reason, sizeof(js->down_reason), "NATS: connecting", 16);
        link->next_server = random_u32() % link->servers.count;
        if (sem_init(&link->ended, 0, 0) != 0 ||
            pthread_create(&link->thread, NULL, link_main, link) != 0)
            panic("a thread can't be made");
        *js_r = js;
        return 0;
    }
    jetstream_calls_free(js);
    link_free(&link);
    free(js);
    return -1;
}

static bool join_until(struct jetstream_link *link, mono_t deadline)
{
    struct timespec at = {.tv_sec = (time_t)(deadline.ns / NS_PER_S),
                          .tv_nsec = (long)(deadline.ns % NS_PER_S)};
    int failed;
    do
        failed = sem_clockwait(&link->ended, CLOCK_MONOTONIC, &at);
    while (failed && errno == EINTR);
    return !failed && pthread_join(link->thread, NULL) == 0;
}

void jetstream_destroy(struct jetstream **js_ptr, int64_t linger_ms, int64_t join_ms)
{
    struct jetstream *js = *js_ptr;
    if (!js)
        return;
    struct jetstream_link *link = js->link;
    mono_t linger_until = mono_add_ms(clock_mono(), linger_ms);
    jetstream_queue_hand_over(js->queue);
    atomic_store(&link->linger_until_ns, linger_until.ns);
    jetstream_queue_stop(js->queue);
    /* It can be within a connect to a silent server. What it still uses then is left to it. */
    if (join_until(link, mono_add_ms(linger_until, join_ms)))
        link_free(&link);
    else
        pthread_detach(link->thread);
    jetstream_calls_free(js);
    free(js);
    *js_ptr = NULL;
}
