/*
 * The ceiling: what nats.c and nats-server cost when nothing is done with a message but to take it,
 * acknowledge it and publish a result of the same size. One process, one connection, manual pulls
 * on one wildcard inbox, plain acks, a Nats-Msg-Id on every result, PubAcks awaited.
 *
 * It parses nothing, submits nothing, knows no limit and no failure, and a message that it drops is
 * lost. So no connector can reach it; the ratio says what the rest costs.
 *
 *   --url URL --count N [--batch N]
 *
 * Prints "steady" after the first twentieth and "done" after the last PubAck.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/bench_nats.h"

#define RESULTS_MAX 4096 /* unanswered results */

struct relay {
    natsConnection *nc;
    char inbox[64];
    int batch;
    int outstanding; /* asked for and not here yet */
    int64_t taken;
    _Atomic int64_t stored;
    int64_t steady_at;
    _Atomic bool steady;
};

static void ask(struct relay *r)
{
    char request[96], reply[96];
    int len =
        snprintf(request, sizeof(request), "{\"batch\":%d,\"expires\":30000000000}", r->batch);
    snprintf(reply, sizeof(reply), "%s.m", r->inbox);
    r->outstanding += r->batch; /* before an answer can come */
    bench_check(natsConnection_PublishRequest(r->nc, "$JS.API.CONSUMER.MSG.NEXT.SMS_DISPATCH.relay",
                                              reply, request, len),
                "pull");
}

static void publish_result(struct relay *r, natsMsg *m)
{
    char id[32], reply[96];
    natsMsg *result = NULL;
    snprintf(id, sizeof(id), "%" PRId64, r->taken);
    snprintf(reply, sizeof(reply), "%s.p", r->inbox);
    bench_check(natsMsg_Create(&result, "sms.dlr.inbound", reply, natsMsg_GetData(m),
                               natsMsg_GetDataLength(m)),
                "result");
    bench_check(natsMsgHeader_Set(result, "Nats-Msg-Id", id), "header");
    bench_check(natsConnection_PublishMsg(r->nc, result), "result");
    natsMsg_Destroy(result);
}

/* Everything happens in nats.c's one callback thread. */
static void on_message(natsConnection *nc, natsSubscription *sub, natsMsg *m, void *arg)
{
    (void)sub;
    struct relay *r = arg;
    const char *reply = natsMsg_GetReply(m);
    const char *subject = natsMsg_GetSubject(m);
    if (reply && strncmp(reply, "$JS.ACK.", 8) == 0) {
        r->taken++;
        r->outstanding--;
        bench_check(natsConnection_PublishString(nc, reply, "+ACK"), "ack");
        publish_result(r, m);
    } else if (subject[strlen(subject) - 1] == 'p') {
        r->steady = ++r->stored >= r->steady_at;
    } else {
        r->outstanding = 0; /* a status: the pull ended */
    }
    if (r->outstanding < r->batch && r->taken - r->stored < RESULTS_MAX)
        ask(r);
    natsMsg_Destroy(m);
}

static void say(const char *word)
{
    puts(word);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int64_t count = bench_number(argc, argv, "count", NULL);
    struct relay r = {
        .batch = (int)bench_number(argc, argv, "batch", "256"),
        .steady_at = count / 20,
    };
    natsInbox *inbox = NULL;
    natsSubscription *sub = NULL;
    char wildcard[80];
    r.nc = bench_connect(bench_option(argc, argv, "url", NULL), "bench-bare-relay", false);
    bench_check(natsInbox_Create(&inbox), "inbox");
    snprintf(r.inbox, sizeof(r.inbox), "%s", inbox);
    snprintf(wildcard, sizeof(wildcard), "%s.>", inbox);
    natsInbox_Destroy(inbox);
    bench_check(natsConnection_Subscribe(&sub, r.nc, wildcard, on_message, &r), wildcard);
    bench_check(natsSubscription_SetPendingLimits(sub, -1, -1), "limits");
    ask(&r);
    for (bool told = false; r.stored < count;) {
        bench_sleep_until(bench_mono_ns() + BENCH_NS_PER_S / 500);
        if (r.steady && !told)
            say("steady");
        told = told || r.steady;
    }
    printf("done %" PRId64 "\n", r.stored - r.steady_at);
    say("");
    bench_sleep_until(bench_mono_ns() + BENCH_NS_PER_S / 4); /* the last CPU figures are read */
    natsConnection_Destroy(r.nc);
    return 0;
}
