/* Attachment, running numbers, heartbeats and batches of the IPC with the bridge. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/ipc_channel.h"
#include "common/log.h"
#include "common/str.h"

#include "session-agent/bridge_link.h"

#define HEARTBEAT_MS 1000
#define SILENCE_MS 10000        /* ends a pipe */
#define SILENCE_KNOCKED_MS 2000 /* ends it when somebody else wants in */
#define KNOCK_MEMORY_MS 3000    /* a newcomer dials at least once a second */
#define PAUSED_MS 3000          /* a tick this late: we stood still, not the bridge */
#define REFUSED_LINGER_MS 500   /* NNG drops what it has queued when a pipe ends */

/* A batch goes out when it has grown beyond this, or at the turn's end. */
#define BATCH_SIZE (64 * 1024)
#define RECORD_MAX (132 * 1024) /* DELIVER with the largest body */

enum link_state {
    LINK_DOWN,
    LINK_UP,      /* a peer is there and has not introduced itself */
    LINK_REFUSED, /* told so; ends in a moment */
    LINK_ATTACHED,
};

struct bridge_link {
    struct ipc_channel *channel;
    struct loop *loop;
    struct bridge_link_events events;
    uint32_t ledger_entries;
    uint8_t instance[16];
    int64_t started_ms;

    enum link_state state;
    bool ending;         /* dropped by us: nothing more is heard until `down` */
    uint32_t attachment; /* of the current or last bridge */
    uint32_t stamp;      /* attachment that our batches carry: 0 until ATTACHED is told */
    uint64_t next_in;    /* running number expected */
    uint64_t next_out;
    mono_t last_heard;
    mono_t last_word; /* of an attached bridge */
    bool said_alone;
    mono_t last_knock; /* 0: nobody */
    mono_t last_tick;

    struct timer tick;
    struct timer linger;
    struct loop_hook flush;
    struct buf_writer batch;
    uint8_t buffer[BATCH_SIZE + RECORD_MAX];
};

/* --- out --- */

static void batch_begin(struct bridge_link *link)
{
    link->batch = buf_writer(link->buffer, sizeof(link->buffer));
    ipc_batch_begin(&link->batch, link->stamp, link->next_out);
}

void bridge_link_flush(struct bridge_link *link)
{
    if (link->state == LINK_DOWN || buf_written(&link->batch) == IPC_BATCH_HEADER_SIZE)
        return;
    INVARIANT(!link->batch.failed);
    ipc_channel_send(link->channel, link->buffer, buf_written(&link->batch));
    link->next_out++;
    batch_begin(link);
}

static void on_turn_end(void *arg)
{
    bridge_link_flush(arg);
}

static void record_added(struct bridge_link *link)
{
    INVARIANT(!link->batch.failed); /* every record fits: the buffer takes the largest */
    if (buf_written(&link->batch) >= BATCH_SIZE)
        bridge_link_flush(link);
    else
        loop_at_turn_end(link->loop, &link->flush);
}

/* HELLO and the records before ATTACHED go out while nobody is attached yet. */
static bool may_send(const struct bridge_link *link, unsigned type)
{
    if (link->state == LINK_ATTACHED)
        return true;
    return link->state == LINK_UP && (type == IPC_HELLO || type == IPC_REFUSED);
}

#define SENDER_AGENT(NAME, name)                                                                   \
    void bridge_link_send_##name(struct bridge_link *link, const struct ipc_##name *record)        \
    {                                                                                              \
        if (!may_send(link, IPC_##NAME))                                                           \
            return;                                                                                \
        ipc_put_##name(&link->batch, record);                                                      \
        record_added(link);                                                                        \
    }
#define SENDER_EITHER(NAME, name) SENDER_AGENT(NAME, name)
#define SENDER_BRIDGE(NAME, name)
#define IPC_RECORD(NAME, name, sender) SENDER_##sender(NAME, name)
#include "proto/ipc_records.def"

/* --- the end of a pipe --- */

/* `down` follows from the channel, at once or later. */
static void drop_pipe(struct bridge_link *link)
{
    link->ending = true;
    ipc_channel_drop(link->channel);
}

static void PRINTF_LIKE(2, 3) end_pipe(struct bridge_link *link, const char *fmt, ...)
{
    if (link->ending)
        return;
    char reason[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(reason, sizeof(reason), fmt, ap);
    va_end(ap);
    log_warn("the bridge's pipe is closed", LOG_STR("reason", reason),
             LOG_UINT("attachment", link->attachment));
    drop_pipe(link);
}

static void on_linger_over(void *arg)
{
    struct bridge_link *link = arg;
    drop_pipe(link);
}

static void on_down(void *arg)
{
    struct bridge_link *link = arg;
    bool was_attached = link->state == LINK_ATTACHED;
    link->state = LINK_DOWN;
    link->ending = false;
    timer_stop(&link->linger);
    loop_cancel_hook(link->loop, &link->flush);
    if (!was_attached)
        return;
    log_info("the bridge is gone", LOG_UINT("attachment", link->attachment));
    link->events.detached(link->events.arg);
}

/* --- alone --- */

void bridge_link_look(struct bridge_link *link, mono_t now)
{
    if (link->said_alone || mono_diff_ms(now, link->last_word) < IPC_PACE_LIFE_MS)
        return;
    link->said_alone = true;
    link->events.alone(link->events.arg);
}

/* What lay in the pipe while we stood still is heard after a pause, and is no news. */
static void hear_word(struct bridge_link *link)
{
    bridge_link_look(link, link->last_heard);
    link->last_word = link->last_heard;
    link->said_alone = false;
}

/* --- introductions --- */

static void on_up(void *arg, const struct ipc_peer *peer)
{
    struct bridge_link *link = arg;
    log_debug("somebody is at the IPC", LOG_UINT("uid", peer->uid), LOG_INT("pid", peer->pid));
    link->state = LINK_UP;
    link->stamp = 0;
    link->next_in = link->next_out = 1;
    link->last_heard = link->last_tick = clock_mono();
    link->last_knock = (mono_t){0};
    batch_begin(link);
}

static void on_knock(void *arg)
{
    struct bridge_link *link = arg;
    link->last_knock = clock_mono();
}

static void refuse(struct bridge_link *link, const char *reason)
{
    log_warn("a bridge is refused", LOG_STR("reason", reason));
    bridge_link_send_refused(
        link, &(struct ipc_refused){
                  .reason = {(const uint8_t *)reason, min_size(strlen(reason), UINT8_MAX)}});
    bridge_link_flush(link);
    link->state = LINK_REFUSED;
    timer_start_ms(&link->linger, REFUSED_LINGER_MS);
}

static void introduce(struct bridge_link *link)
{
    struct ipc_hello hello = {
        .major = IPC_MAJOR,
        .minor = IPC_MINOR,
        .role = IPC_ROLE_AGENT,
        .pid = (uint32_t)getpid(),
        .version = {(const uint8_t *)SMPP_CONNECTOR_VERSION, strlen(SMPP_CONNECTOR_VERSION)},
    };
    memcpy(hello.instance, link->instance, sizeof(hello.instance));
    bridge_link_send_hello(link, &hello);
}

static bool hear_hello(struct bridge_link *link, struct bytes body)
{
    struct ipc_hello hello;
    char reason[128];
    if (!ipc_get_hello(body, &hello) || hello.role != IPC_ROLE_BRIDGE) {
        end_pipe(link, "it did not introduce itself as a bridge");
        return false;
    }
    if (hello.major != IPC_MAJOR) {
        struct str_out out = str_out(reason, sizeof(reason));
        str_putf(&out, "it speaks IPC %u.%u and this agent %u.%u: the major numbers must be equal",
                 hello.major, hello.minor, IPC_MAJOR, IPC_MINOR);
        refuse(link, reason);
        return false;
    }
    introduce(link);
    link->state = LINK_ATTACHED;
    link->attachment++;
    bridge_link_send_attached(link, &(struct ipc_attached){.attachment = link->attachment,
                                                           .ledger_entries = link->ledger_entries,
                                                           .started_ms = link->started_ms});
    bridge_link_flush(link);
    link->stamp = link->attachment; /* from here on both sides stamp it */
    batch_begin(link);
    char version[33];
    str_copy(version, sizeof(version), (const char *)hello.version.data, hello.version.len);
    log_info("a bridge is attached", LOG_UINT("attachment", link->attachment),
             LOG_STR("bridgeVersion", version), LOG_UINT("bridgePid", hello.pid),
             LOG_UINT("ipcMinor", hello.minor));
    bridge_link_look(link, clock_mono());
    link->events.attached(link->events.arg);
    return true;
}

/* --- in --- */

/* False: the pipe ends, or the rest of the batch is not for us. */
static bool hear_record(struct bridge_link *link, uint32_t stamp, unsigned type, struct bytes body)
{
    unsigned sender = ipc_type_sender(type);
    if (sender && !(sender & IPC_FROM_BRIDGE)) {
        end_pipe(link, "%s is not a bridge's to send", ipc_type_name(type));
        return false;
    }
    if (link->state == LINK_UP) {
        if (type == IPC_HELLO)
            return hear_hello(link, body);
        end_pipe(link, "%s came before HELLO", ipc_type_name(type));
        return false;
    }
    /* What was written before ATTACHED was heard carries another number: not for this attachment.
     * Unknown types are of a newer minor version. */
    if (link->state != LINK_ATTACHED || stamp != link->attachment || !sender ||
        type == IPC_HEARTBEAT)
        return true;
    if (type == IPC_DETACH) {
        log_info("the bridge says good-bye", LOG_UINT("attachment", link->attachment));
        drop_pipe(link);
        return false;
    }
    if (type == IPC_HELLO) {
        end_pipe(link, "a second HELLO came");
        return false;
    }
    char error[200] = "";
    if (link->events.record(link->events.arg, type, body, error, sizeof(error)))
        return true;
    end_pipe(link, "%s: %s", ipc_type_name(type), error);
    return false;
}

static void on_message(void *arg, const uint8_t *data, size_t len)
{
    struct bridge_link *link = arg;
    struct ipc_batch batch;
    if (link->ending || link->state == LINK_DOWN || link->state == LINK_REFUSED)
        return;
    if (!ipc_batch_open(data, len, &batch)) {
        end_pipe(link, "a message is no batch of this protocol");
        return;
    }
    if (batch.number != link->next_in) {
        end_pipe(link, "batch %llu came where %llu was due", (unsigned long long)batch.number,
                 (unsigned long long)link->next_in);
        return;
    }
    link->next_in++;
    link->last_heard = clock_mono();
    if (link->state == LINK_ATTACHED)
        hear_word(link);
    unsigned type;
    struct bytes body;
    while (ipc_batch_next(&batch, &type, &body)) {
        if (!hear_record(link, batch.attachment, type, body))
            return;
    }
    if (batch.records.failed)
        end_pipe(link, "a batch is cut short");
}

/* --- heartbeats --- */

static int64_t silence_allowed_ms(const struct bridge_link *link, mono_t now)
{
    bool knocked = link->last_knock.ns && mono_diff_ms(now, link->last_knock) < KNOCK_MEMORY_MS;
    return knocked ? SILENCE_KNOCKED_MS : SILENCE_MS;
}

static void on_tick(void *arg)
{
    struct bridge_link *link = arg;
    mono_t now = clock_mono();
    timer_start_ms(&link->tick, HEARTBEAT_MS);
    bridge_link_look(link, now);
    bool stood_still = mono_diff_ms(now, link->last_tick) > PAUSED_MS;
    link->last_tick = now;
    if (stood_still) /* it is our silence: NNG's threads may not have read yet what lies there */
        link->last_heard = now;
    if (link->ending || link->state == LINK_DOWN)
        return;
    int64_t silent_ms = mono_diff_ms(now, link->last_heard);
    if (silent_ms >= silence_allowed_ms(link, now)) {
        end_pipe(link, "it was silent for %lld ms", (long long)silent_ms);
        return;
    }
    bridge_link_send_heartbeat(
        link,
        &(struct ipc_heartbeat){.wall_ms = clock_wall_ms(),
                                .worst_turn_ms = (uint32_t)loop_take_worst_turn_ms(link->loop)});
}

/* --- life --- */

int bridge_link_create(struct loop *loop, const struct bridge_link_options *options,
                       const struct bridge_link_events *events, struct bridge_link **link_r,
                       char *error_r, size_t error_size)
{
    struct bridge_link *link = xcalloc(1, sizeof(*link));
    link->loop = loop;
    link->events = *events;
    link->ledger_entries = options->ledger_entries;
    link->started_ms = clock_wall_ms();
    link->last_tick = link->last_word = clock_mono();
    memcpy(link->instance, options->instance, sizeof(link->instance));
    link->flush = (struct loop_hook){.fn = on_turn_end, .arg = link};
    timer_init(&link->tick, loop, on_tick, link);
    timer_init(&link->linger, loop, on_linger_over, link);
    struct ipc_channel_events channel_events = {
        .up = on_up, .message = on_message, .down = on_down, .knock = on_knock, .arg = link};
    if (ipc_channel_listen(loop, options->url, options->peer_uids, options->uid_count,
                           &channel_events, &link->channel, error_r, error_size) != 0) {
        free(link);
        return -1;
    }
    timer_start_ms(&link->tick, HEARTBEAT_MS);
    *link_r = link;
    return 0;
}

void bridge_link_destroy(struct bridge_link **link_ptr)
{
    struct bridge_link *link = *link_ptr;
    if (!link)
        return;
    timer_stop(&link->tick);
    timer_stop(&link->linger);
    loop_cancel_hook(link->loop, &link->flush);
    ipc_channel_destroy(&link->channel);
    free(link);
    *link_ptr = NULL;
}

void bridge_link_allow(struct bridge_link *link, const uint32_t *uids, size_t count)
{
    ipc_channel_allow(link->channel, uids, count);
}

bool bridge_link_is_attached(const struct bridge_link *link)
{
    return link->state == LINK_ATTACHED;
}
