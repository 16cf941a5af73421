/*
 * Reads DLR_EVENTS once, from the first to the last message there is, and prints a line for each
 * event: operatorMessageId and when JetStream stored it (ns on the wall clock).
 *
 *   --url URL [--every N]     only messages whose number (see publisher.c) is a multiple of N
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bench_nats.h"

#define WAIT_MS 5000

/* The text of a string member in the product's own output: no blanks, no escapes in ids. */
static bool find_text(const char *json, const char *key, const char **text_r, size_t *len_r)
{
    char want[40];
    snprintf(want, sizeof(want), "\"%s\":\"", key);
    const char *at = strstr(json, want);
    if (!at)
        return false;
    *text_r = at + strlen(want);
    *len_r = strcspn(*text_r, "\"");
    return true;
}

static bool is_wanted(const char *json, uint64_t every)
{
    const char *text;
    size_t len;
    if (!find_text(json, "messageId", &text, &len) || len < 12)
        return false; /* it was not correlated */
    return strtoull(text + len - 12, NULL, 16) % every == 0;
}

/* $JS.ACK.<stream>.<consumer>.<delivered>.<streamSeq>.<consumerSeq>.<ns>.<pending> */
static bool read_reply(const char *reply, int64_t *stored_ns_r, uint64_t *pending_r)
{
    const char *at = reply ? strstr(reply, "$JS.ACK.") : NULL;
    for (int dots = 0; at && dots < 7; dots++) {
        at = strchr(at, '.');
        at = at ? at + 1 : NULL;
    }
    return at && sscanf(at, "%" SCNd64 ".%" SCNu64, stored_ns_r, pending_r) == 2;
}

static void make_consumer(natsConnection *nc, const char *inbox)
{
    char request[256];
    natsMsg *answer = NULL;
    snprintf(request, sizeof(request),
             "{\"stream_name\":\"DLR_EVENTS\",\"config\":{\"deliver_subject\":\"%s\","
             "\"deliver_policy\":\"all\",\"ack_policy\":\"none\"}}",
             inbox);
    bench_check(natsConnection_RequestString(&answer, nc, "$JS.API.CONSUMER.CREATE.DLR_EVENTS",
                                             request, WAIT_MS),
                "a consumer of DLR_EVENTS");
    if (strstr(natsMsg_GetData(answer), "\"error\""))
        bench_die("a consumer of DLR_EVENTS: %s", natsMsg_GetData(answer));
    natsMsg_Destroy(answer);
}

static void read_all(natsConnection *nc, uint64_t every)
{
    natsInbox *inbox = NULL;
    natsSubscription *sub = NULL;
    bench_check(natsInbox_Create(&inbox), "inbox");
    bench_check(natsConnection_SubscribeSync(&sub, nc, inbox), inbox);
    bench_check(natsSubscription_SetPendingLimits(sub, -1, -1), "limits");
    make_consumer(nc, inbox);
    for (uint64_t pending = 1; pending > 0;) {
        natsMsg *m = NULL;
        int64_t stored_ns;
        natsStatus s = natsSubscription_NextMsg(&m, sub, WAIT_MS);
        if (s == NATS_TIMEOUT)
            break; /* the stream is empty */
        bench_check(s, "the next event");
        const char *json = natsMsg_GetData(m); /* nats.c ends it with a NUL */
        const char *id;
        size_t len;
        if (!read_reply(natsMsg_GetReply(m), &stored_ns, &pending))
            bench_die("not an event: reply %s", natsMsg_GetReply(m));
        if (is_wanted(json, every) && find_text(json, "operatorMessageId", &id, &len))
            printf("%.*s %" PRId64 "\n", (int)len, id, stored_ns);
        natsMsg_Destroy(m);
    }
    natsSubscription_Destroy(sub);
    natsInbox_Destroy(inbox);
}

int main(int argc, char **argv)
{
    natsConnection *nc =
        bench_connect(bench_option(argc, argv, "url", NULL), "bench-event-reader", false);
    read_all(nc, (uint64_t)bench_number(argc, argv, "every", "1"));
    natsConnection_Destroy(nc);
    return 0;
}
