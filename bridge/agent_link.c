/*
 * Attachment, running numbers, batches and heartbeats of the IPC with the agent. A bridge that lost
 * its place says so once and hears nothing more on that pipe: those above start the process anew.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/ipc_channel.h"
#include "common/log.h"
#include "common/random.h"
#include "common/str.h"

#include "bridge/agent_link.h"

#define HEARTBEAT_MS 1000
#define SILENCE_MS 10000
#define STOOD_STILL_MS 5000 /* our place may be another's by now */
#define REFUSED_RETRY_MS 30000

/* A batch goes out when it has grown beyond this, or at the turn's end. */
#define BATCH_SIZE (64 * 1024)
#define RECORD_MAX (136 * 1024) /* SUBMIT with the largest body */

enum link_state {
    LINK_DOWN,
    LINK_GREETED, /* our HELLO is out */
    LINK_LISTING, /* ATTACHED came */
    LINK_ATTACHED,
    LINK_REFUSED,
    LINK_OVER, /* detached: nothing is heard or said any more */
};

struct agent_link {
    struct loop *loop;
    struct agent_link_events events;
    struct ipc_channel *channel;
    char *url;
    uint8_t instance[16]; /* ours */

    enum link_state state;
    uint8_t agent_instance[16];
    unsigned agent_minor;
    uint32_t attachment;
    uint64_t next_in, next_out;
    mono_t last_heard;
    mono_t last_alive; /* when the loop was last known to turn */

    struct timer tick;
    struct timer retry; /* after REFUSED */
    struct loop_hook flush;
    struct buf_writer batch;
    uint8_t buffer[BATCH_SIZE + RECORD_MAX];
};

/* --- out --- */

static void batch_begin(struct agent_link *link)
{
    link->batch = buf_writer(link->buffer, sizeof(link->buffer));
    ipc_batch_begin(&link->batch, link->attachment, link->next_out);
}

static void flush(struct agent_link *link)
{
    if (!link->channel || buf_written(&link->batch) == IPC_BATCH_HEADER_SIZE)
        return;
    INVARIANT(!link->batch.failed);
    ipc_channel_send(link->channel, link->buffer, buf_written(&link->batch));
    link->next_out++;
    batch_begin(link);
}

static void on_turn_end(void *arg)
{
    flush(arg);
}

static bool has_place(const struct agent_link *link)
{
    return link->state == LINK_LISTING || link->state == LINK_ATTACHED;
}

struct buf_writer *agent_link_begin(struct agent_link *link)
{
    if (!has_place(link))
        batch_begin(link);
    return &link->batch;
}

void agent_link_end(struct agent_link *link)
{
    INVARIANT(!link->batch.failed); /* every record fits: the buffer takes the largest */
    if (!has_place(link))
        batch_begin(link); /* it goes nowhere */
    else if (buf_written(&link->batch) >= BATCH_SIZE)
        flush(link);
    else
        loop_at_turn_end(link->loop, &link->flush);
}

static void send_hello(struct agent_link *link)
{
    struct ipc_hello hello = {
        .major = IPC_MAJOR,
        .minor = IPC_MINOR,
        .role = IPC_ROLE_BRIDGE,
        .pid = (uint32_t)getpid(),
        .version = {(const uint8_t *)SMPP_CONNECTOR_VERSION, strlen(SMPP_CONNECTOR_VERSION)},
    };
    memcpy(hello.instance, link->instance, sizeof(hello.instance));
    ipc_put_hello(&link->batch, &hello);
    flush(link);
}

/* --- the end of a pipe --- */

/* Once we had a place, it is lost for good; before, the channel just dials again. */
static void lost(struct agent_link *link, const char *reason)
{
    bool had_place = has_place(link);
    link->state = had_place ? LINK_OVER : LINK_DOWN;
    loop_cancel_hook(link->loop, &link->flush);
    if (had_place)
        link->events.detached(link->events.arg, reason);
}

static void PRINTF_LIKE(2, 3) end_pipe(struct agent_link *link, const char *fmt, ...)
{
    char reason[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(reason, sizeof(reason), fmt, ap);
    va_end(ap);
    log_warn("the agent's pipe is closed", LOG_STR("reason", reason),
             LOG_UINT("attachment", link->attachment));
    ipc_channel_drop(link->channel);
    lost(link, reason);
}

/* Said before anything of a turn is acted on: after a pause the place may be another's. */
static bool stood_still(struct agent_link *link)
{
    int64_t pause_ms = mono_diff_ms(clock_mono(), link->last_alive);
    if (pause_ms <= STOOD_STILL_MS)
        return false;
    link->state = LINK_OVER;
    link->events.stood_still(link->events.arg, pause_ms);
    return true;
}

static void on_down(void *arg)
{
    struct agent_link *link = arg;
    if (link->state != LINK_OVER && link->state != LINK_REFUSED)
        lost(link, "the agent's end is closed");
}

/* --- in --- */

static void on_up(void *arg, const struct ipc_peer *peer)
{
    struct agent_link *link = arg;
    if (link->state == LINK_OVER)
        return;
    log_debug("the agent's socket is open", LOG_UINT("uid", peer->uid), LOG_INT("pid", peer->pid));
    link->attachment = 0;
    link->next_in = link->next_out = 1;
    link->last_heard = clock_mono();
    link->state = LINK_GREETED;
    batch_begin(link);
    send_hello(link);
}

static void hear_refused(struct agent_link *link, struct bytes body)
{
    struct ipc_refused refused;
    char reason[256] = "it gave no reason";
    if (ipc_get_refused(body, &refused))
        str_copy(reason, sizeof(reason), (const char *)refused.reason.data, refused.reason.len);
    link->state = LINK_REFUSED;
    link->events.refused(link->events.arg, reason);
    timer_start_ms(&link->retry, 0); /* the channel can't be closed inside its own callback */
}

static bool hear_hello(struct agent_link *link, struct bytes body)
{
    struct ipc_hello hello;
    if (!ipc_get_hello(body, &hello) || hello.role != IPC_ROLE_AGENT) {
        end_pipe(link, "who listens did not introduce itself as an agent");
        return false;
    }
    memcpy(link->agent_instance, hello.instance, sizeof(link->agent_instance));
    link->agent_minor = hello.minor;
    return true;
}

static bool hear_attached(struct agent_link *link, struct bytes body)
{
    struct ipc_attached attached;
    if (!ipc_get_attached(body, &attached) || attached.attachment == 0) {
        end_pipe(link, "ATTACHED is malformed");
        return false;
    }
    link->attachment = attached.attachment;
    link->state = LINK_LISTING;
    batch_begin(link);
    link->events.attached(link->events.arg, &attached);
    return true;
}

/* False: the rest of the batch is not for us. */
static bool hear_before_attached(struct agent_link *link, unsigned type, struct bytes body)
{
    switch (type) {
    case IPC_HELLO:
        return hear_hello(link, body);
    case IPC_ATTACHED:
        return hear_attached(link, body);
    case IPC_REFUSED:
        hear_refused(link, body);
        return false;
    default:
        end_pipe(link, "%s came before ATTACHED", ipc_type_name(type));
        return false;
    }
}

static void hear_heartbeat(struct agent_link *link, struct bytes body)
{
    struct ipc_heartbeat heartbeat;
    if (link->state == LINK_ATTACHED && ipc_get_heartbeat(body, &heartbeat))
        link->events.agent_turn(link->events.arg, heartbeat.worst_turn_ms);
}

static bool hear_record(struct agent_link *link, uint32_t stamp, unsigned type, struct bytes body)
{
    unsigned sender = ipc_type_sender(type);
    if (type == IPC_HEARTBEAT)
        hear_heartbeat(link, body);
    if (!sender || type == IPC_HEARTBEAT)
        return true; /* of a newer minor version, or just a sign of life */
    if (!(sender & IPC_FROM_AGENT)) {
        end_pipe(link, "%s is not an agent's to send", ipc_type_name(type));
        return false;
    }
    if (link->state == LINK_GREETED)
        return hear_before_attached(link, type, body);
    if (stamp != link->attachment) {
        end_pipe(link, "a batch of attachment %u came, ours is %u", stamp, link->attachment);
        return false;
    }
    if (type == IPC_LIST_END) {
        link->state = LINK_ATTACHED;
        link->events.listed(link->events.arg);
    } else {
        link->events.record(link->events.arg, type, body);
    }
    return link->state == LINK_LISTING || link->state == LINK_ATTACHED;
}

static bool is_heard(const struct agent_link *link)
{
    return link->state == LINK_GREETED || has_place(link);
}

static void on_message(void *arg, const uint8_t *data, size_t len)
{
    struct agent_link *link = arg;
    struct ipc_batch batch;
    if (!is_heard(link) || stood_still(link))
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

bool agent_link_check_alive(struct agent_link *link)
{
    return link->state != LINK_OVER && !stood_still(link);
}

static void on_tick(void *arg)
{
    struct agent_link *link = arg;
    if (!agent_link_check_alive(link))
        return;
    mono_t now = clock_mono();
    link->last_alive = now;
    timer_start_ms(&link->tick, HEARTBEAT_MS);
    if (!is_heard(link))
        return;
    if (mono_diff_ms(now, link->last_heard) >= SILENCE_MS) {
        end_pipe(link, "it was silent for %d ms", SILENCE_MS);
        return;
    }
    if (link->state == LINK_GREETED) /* before ATTACHED there is no number to stamp */
        return;
    ipc_put_heartbeat(&link->batch, &(struct ipc_heartbeat){.wall_ms = clock_wall_ms()});
    flush(link);
}

/* --- life --- */

static int dial(struct agent_link *link, char *error_r, size_t error_size)
{
    struct ipc_channel_events events = {
        .up = on_up, .message = on_message, .down = on_down, .arg = link};
    return ipc_channel_dial(link->loop, link->url, &events, &link->channel, error_r, error_size);
}

static void on_retry(void *arg)
{
    struct agent_link *link = arg;
    char error[256];
    if (link->channel) {
        ipc_channel_destroy(&link->channel);
        timer_start_ms(&link->retry, REFUSED_RETRY_MS);
        return;
    }
    link->state = LINK_DOWN;
    if (dial(link, error, sizeof(error)) != 0)
        panic("the IPC can't be dialled again: %s", error);
}

int agent_link_create(struct loop *loop, const char *ipc_url,
                      const struct agent_link_events *events, struct agent_link **link_r,
                      char *error_r, size_t error_size)
{
    struct agent_link *link = xcalloc(1, sizeof(*link));
    link->loop = loop;
    link->events = *events;
    link->url = xstrdup(ipc_url);
    link->last_alive = clock_mono();
    link->flush = (struct loop_hook){.fn = on_turn_end, .arg = link};
    random_bytes(link->instance, sizeof(link->instance));
    timer_init(&link->tick, loop, on_tick, link);
    timer_init(&link->retry, loop, on_retry, link);
    batch_begin(link);
    *link_r = link;
    if (dial(link, error_r, error_size) != 0) {
        agent_link_destroy(link_r);
        return -1;
    }
    timer_start_ms(&link->tick, HEARTBEAT_MS);
    return 0;
}

void agent_link_destroy(struct agent_link **link_ptr)
{
    struct agent_link *link = *link_ptr;
    if (!link)
        return;
    timer_stop(&link->tick);
    timer_stop(&link->retry);
    loop_cancel_hook(link->loop, &link->flush);
    if (link->channel)
        ipc_channel_destroy(&link->channel);
    free(link->url);
    free(link);
    *link_ptr = NULL;
}

bool agent_link_is_attached(const struct agent_link *link)
{
    return link->state == LINK_ATTACHED;
}

int64_t agent_link_silent_ms(const struct agent_link *link)
{
    return mono_diff_ms(clock_mono(), link->last_heard);
}

unsigned agent_link_agent_minor(const struct agent_link *link)
{
    return link->agent_minor;
}

const uint8_t *agent_link_agent_instance(const struct agent_link *link)
{
    return has_place(link) ? link->agent_instance : NULL;
}

void agent_link_detach(struct agent_link *link)
{
    if (!has_place(link))
        return;
    ipc_put_detach(&link->batch, &(struct ipc_detach){});
    flush(link);
    link->state = LINK_OVER;
}

void agent_link_drop(struct agent_link *link, const char *reason)
{
    end_pipe(link, "%s", reason);
}

bool agent_link_idle(const struct agent_link *link)
{
    return !link->channel || ipc_channel_idle(link->channel);
}
