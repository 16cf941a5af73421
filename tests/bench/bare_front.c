/*
 * The front half of the bare pipeline, in the place of the bridge: pulls, parses with cJSON,
 * submits over NNG, stores a correlation with each accepted message, acknowledges; looks up
 * receipts, publishes their events with a Nats-Msg-Id, awaits the PubAck, answers.
 *
 *   --url URL --redis-port N --ipc URL --receipts 0|1
 *
 * The same data moves as in the product, by the same libraries, in batches. What is missing is
 * everything that makes it right: no check of anything, one operator and one segment, no limit, no
 * retry, no expiry, no ledger, no reconnect, no metric, plain acks, a message lost with the
 * process.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <hiredis/adapters/libuv.h>

#include "tests/bench/bare_pipe.h"
#include "tests/bench/bench_nats.h"

#define PULL "$JS.API.CONSUMER.MSG.NEXT.SMS_DISPATCH.bare"
enum { SLOTS = 4096, BATCH = 1000, BODY_MAX = 400 };

struct slot {
    natsMsg *command; /* until it is acknowledged */
    char message_id[40];
    uint32_t number;
};

struct front {
    uv_loop_t *loop;
    natsConnection *nc;
    redisAsyncContext *redis;
    struct bare_pipe pipe;
    struct bare_mailbox arrivals; /* of natsMsg */
    char inbox[64];
    bool receipts;
    int outstanding; /* asked for and not here yet */
    struct slot slots[SLOTS];
    uint32_t free_slots[SLOTS];
    int free_count;
    natsMsg **done; /* destroyed after the burst: nats.c wakes a thread for them */
    size_t done_count, done_size;
};

struct lookup {
    struct front *front;
    uint32_t sequence;
    char id[72];
};

static void pull(struct front *f)
{
    char request[96], reply[96];
    while (f->free_count - f->outstanding >= BATCH) {
        int len =
            snprintf(request, sizeof(request), "{\"batch\":%d,\"expires\":30000000000}", BATCH);
        snprintf(reply, sizeof(reply), "%s.m", f->inbox);
        bench_check(natsConnection_PublishRequest(f->nc, PULL, reply, request, len), "pull");
        f->outstanding += BATCH;
    }
}

static void let_go(struct front *f, natsMsg *m)
{
    if (f->done_count == f->done_size) {
        f->done_size = f->done_size ? 2 * f->done_size : 1024;
        f->done = xrealloc(f->done, f->done_size * sizeof(natsMsg *));
    }
    f->done[f->done_count++] = m;
}

static void acknowledge(struct front *f, struct slot *s)
{
    bench_check(natsConnection_PublishString(f->nc, natsMsg_GetReply(s->command), "+ACK"), "ack");
    let_go(f, s->command);
    s->command = NULL;
    f->free_slots[f->free_count++] = s->number;
}

static size_t put_text(uint8_t *at, const char *text, size_t most)
{
    size_t len = strnlen(text, most);
    memcpy(at, text, len);
    return len;
}

static size_t submit_body(uint8_t *out, const char *from, const char *to, const char *text,
                          bool receipts)
{
    size_t n = 0;
    out[n++] = 0; /* service_type */
    out[n++] = 5, out[n++] = 0;
    n += put_text(out + n, from, 20), out[n++] = 0;
    out[n++] = 1, out[n++] = 1;
    n += put_text(out + n, to + 1, 20), out[n++] = 0;
    memset(out + n, 0, 5); /* esm_class, protocol_id, priority, schedule, validity */
    n += 5;
    out[n++] = receipts ? 1 : 0;
    memset(out + n, 0, 3); /* replace, data_coding, default message */
    n += 3;
    size_t len = put_text(out + n + 1, text, 160);
    out[n] = (uint8_t)len;
    return n + 1 + len;
}

static const char *text_of(const cJSON *json, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, key));
}

static void take_command(struct front *f, natsMsg *m)
{
    uint8_t body[BODY_MAX];
    cJSON *json = cJSON_ParseWithLength(natsMsg_GetData(m), (size_t)natsMsg_GetDataLength(m));
    struct slot *s = &f->slots[f->free_slots[--f->free_count]];
    f->outstanding--;
    s->command = m;
    snprintf(s->message_id, sizeof(s->message_id), "%s", text_of(json, "messageId"));
    size_t len = submit_body(body, text_of(json, "from"), text_of(json, "to"),
                             text_of(json, "text"), f->receipts);
    cJSON_Delete(json);
    bare_pipe_put(&f->pipe, BARE_SUBMIT, s->number, body, len);
}

static void on_stored(redisAsyncContext *c, void *reply, void *arg)
{
    struct front *f = c->data;
    if (!reply)
        bench_die("Redis went away");
    acknowledge(f, arg);
}

static void take_outcome(struct front *f, uint32_t number, struct bytes id)
{
    struct slot *s = &f->slots[number];
    redisAsyncCommand(f->redis, on_stored, s, "SET bare:%b %s EX 3600", id.data, id.len,
                      s->message_id);
}

/* An event about as long as the product's. */
static void publish_event(const struct lookup *l, const char *message_id)
{
    char body[1024], reply[96], id[80];
    natsMsg *m = NULL;
    int len = snprintf(body, sizeof(body),
                       "{\"version\":\"1.0\",\"schemaVersion\":\"1.0\",\"eventId\":\"%s\","
                       "\"occurredAt\":\"2026-01-01T00:00:00.000Z\",\"messageId\":\"%s\","
                       "\"operatorMessageId\":\"%s\",\"operatorId\":"
                       "\"5a5a0000-0000-4000-8000-000000000001\",\"status\":\"DELIVERED\","
                       "\"stat\":\"DELIVRD\",\"source\":\"MNO\",\"errorCode\":\"000\","
                       "\"segment\":1,\"segments\":1,\"final\":true,\"rawPayload\":{\"text\":"
                       "\"id:%s sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 "
                       "stat:DELIVRD err:000 text:Your one-time passwo\",\"tlvs\":[]}}",
                       l->id, message_id, l->id, l->id);
    snprintf(reply, sizeof(reply), "%s.p.%" PRIu32, l->front->inbox, l->sequence);
    snprintf(id, sizeof(id), "%s", l->id);
    bench_check(natsMsg_Create(&m, "sms.dlr.inbound", reply, body, len), "event");
    bench_check(natsMsgHeader_Set(m, "Nats-Msg-Id", id), "header");
    bench_check(natsConnection_PublishMsg(l->front->nc, m), "event");
    let_go(l->front, m);
}

static void on_found(redisAsyncContext *c, void *reply, void *arg)
{
    (void)c;
    const redisReply *r = reply;
    struct lookup *l = arg;
    if (!r)
        bench_die("Redis went away");
    publish_event(l, r->type == REDIS_REPLY_STRING ? r->str : "unknown");
    free(l);
}

static void take_receipt(struct front *f, uint32_t sequence, struct bytes body)
{
    struct lookup *l = xmalloc(sizeof(*l));
    const char *id = memmem(body.data, body.len, "id:", 3);
    if (!id)
        bench_die("a receipt without an id");
    *l = (struct lookup){.front = f, .sequence = sequence};
    sscanf(id + 3, "%71[0-9a-zA-Z-]", l->id);
    redisAsyncCommand(f->redis, on_found, l, "GET bare:%s", l->id);
}

static void on_record(void *arg, enum bare_record kind, uint32_t number, struct bytes body)
{
    if (kind == BARE_OUTCOME)
        take_outcome(arg, number, body);
    else
        take_receipt(arg, number, body);
}

/* After all callbacks of a turn. */
static void end_burst(uv_prepare_t *prepare)
{
    struct front *f = prepare->data;
    pull(f);
    bare_pipe_flush(&f->pipe);
    for (size_t i = 0; i < f->done_count; i++)
        natsMsg_Destroy(f->done[i]);
    f->done_count = 0;
}

static void on_agent(uv_async_t *async)
{
    struct front *f = async->data;
    bare_pipe_read(&f->pipe, on_record, f);
}

static void on_arrivals(uv_async_t *async)
{
    struct front *f = async->data;
    void **items;
    size_t count = bare_mailbox_take(&f->arrivals, &items);
    for (size_t i = 0; i < count; i++) {
        natsMsg *m = items[i];
        const char *reply = natsMsg_GetReply(m);
        if (reply && strncmp(reply, "$JS.ACK.", 8) == 0) {
            take_command(f, m);
            continue;
        }
        const char *kind = natsMsg_GetSubject(m) + strlen(f->inbox);
        if (strncmp(kind, ".p.", 3) == 0)
            bare_pipe_put(&f->pipe, BARE_DONE, (uint32_t)strtoul(kind + 3, NULL, 10), NULL, 0);
        let_go(f, m);
    }
}

static void on_message(natsConnection *nc, natsSubscription *sub, natsMsg *m, void *arg)
{
    (void)nc;
    (void)sub;
    bare_mailbox_post(&((struct front *)arg)->arrivals, m);
}

static void connect_nats(struct front *f, const char *url)
{
    natsInbox *inbox = NULL;
    natsSubscription *sub = NULL;
    char wildcard[80];
    f->nc = bench_connect(url, "bench-bare-front", false);
    bench_check(natsInbox_Create(&inbox), "inbox");
    snprintf(f->inbox, sizeof(f->inbox), "%s", inbox);
    natsInbox_Destroy(inbox);
    snprintf(wildcard, sizeof(wildcard), "%s.>", f->inbox);
    bench_check(natsConnection_Subscribe(&sub, f->nc, wildcard, on_message, f), wildcard);
    bench_check(natsSubscription_SetPendingLimits(sub, -1, -1), "limits");
}

int main(int argc, char **argv)
{
    struct front *f = xcalloc(1, sizeof(*f));
    f->loop = uv_default_loop();
    f->receipts = bench_number(argc, argv, "receipts", NULL) == 1;
    for (uint32_t i = 0; i < SLOTS; i++) {
        f->slots[i].number = i;
        f->free_slots[f->free_count++] = i;
    }
    bare_mailbox_init(&f->arrivals, f->loop, on_arrivals, f);
    bare_pipe_open(&f->pipe, f->loop, bench_option(argc, argv, "ipc", NULL), false, on_agent, f);
    int port = (int)bench_number(argc, argv, "redis-port", NULL);
    f->redis = redisAsyncConnect("127.0.0.1", port);
    if (!f->redis || f->redis->err)
        bench_die("no Redis at port %d", port);
    f->redis->data = f;
    redisLibuvAttach(f->redis, f->loop);
    connect_nats(f, bench_option(argc, argv, "url", NULL));
    uv_prepare_t prepare = {.data = f};
    uv_prepare_init(f->loop, &prepare);
    uv_prepare_start(&prepare, end_burst);
    return uv_run(f->loop, UV_RUN_DEFAULT);
}
