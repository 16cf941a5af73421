/*
 * Puts commands into JetStream as sms-orchestrator does, fast enough not to be what is measured.
 *
 *   --url URL --operators FILE (an id a line) --text gsm7|ucs2|long [--first N] and one of
 *   --count N                 a backlog, as fast as the server stores it
 *   --rate R --seconds S      evenly paced, one by one, each sent at once
 *   --depth D --seconds S     keeps about D messages in SMS_DISPATCH
 *   [--stamps FILE]           8 octets a message: wall clock in ns right before it was published
 *
 * Message n goes to operator n modulo their number, to +9997 and seven digits of n, and carries n
 * in the last twelve digits of its messageId. Ends when every message has its PubAck.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/bench/bench_nats.h"

#define UNANSWERED_MAX 8192
#define OPERATORS_MAX 1000
#define ID_SIZE 37
#define PATIENCE_NS (60 * BENCH_NS_PER_S)
#define DEPTH_LOOK_NS (20 * BENCH_NS_PER_S / 1000)

struct publisher {
    natsConnection *nc;
    char inbox[64];
    char (*operators)[ID_SIZE];
    size_t operator_count;
    const char *text;
    char enqueued_at[32], expires_at[32];
    int64_t next;
    int64_t sent;
    _Atomic int64_t stored;
    FILE *stamps; /* NULL: none */
};

static const char *text_named(const char *name)
{
    static const struct {
        const char *name, *text;
    } texts[] = {
        {"gsm7", "Your one-time password is 123456. It is valid for 3 minutes."},
        {"ucs2", "کد تأیید شما 123456 است. این کد را به هیچ کس ندهید."},
        {"long",
         "Dear customer, your statement is ready. Opening balance 1,240.50, three card payments of "
         "20.00, one transfer of 310.75 to savings, one cash withdrawal of 100.00, interest 0.42. "
         "Dear customer, your statement is ready. Opening balance 1,240.50, three card payments of "
         "20.00, one transfer of 310.75 to savings, one cash withdrawal of 100.00, interest 0.42. "
         "Dear customer, your statement is ready. Opening balance 1,240.50, three card payments of "
         "20.00, one transfer of 310.75 to savings, one cash withdrawal of 100.00, interest 0.42. "
         "Thank you for banking with us, this is the end."},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (strcmp(texts[i].name, name) == 0)
            return texts[i].text;
    }
    bench_die("--text %s: gsm7, ucs2 or long", name);
}

static void read_operators(struct publisher *p, const char *path)
{
    FILE *f = fopen(path, "r");
    char line[64];
    if (!f)
        bench_die("cannot read %s", path);
    p->operators = xcalloc(OPERATORS_MAX, sizeof(*p->operators));
    while (p->operator_count < OPERATORS_MAX && fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n")] = 0;
        snprintf(p->operators[p->operator_count++], ID_SIZE, "%.36s", line);
    }
    fclose(f);
    if (p->operator_count == 0)
        bench_die("%s lists no operator", path);
}

static void write_time(char out[32], int64_t wall_ns)
{
    time_t s = (time_t)(wall_ns / BENCH_NS_PER_S);
    struct tm tm;
    gmtime_r(&s, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%S.000Z", &tm);
}

static void on_stored(natsConnection *nc, natsSubscription *sub, natsMsg *m, void *arg)
{
    (void)nc;
    (void)sub;
    struct publisher *p = arg;
    if (natsMsg_GetDataLength(m) == 0 || strstr(natsMsg_GetData(m), "\"error\""))
        bench_die("not stored: %.*s", natsMsg_GetDataLength(m), natsMsg_GetData(m));
    natsMsg_Destroy(m);
    p->stored++;
}

/* The server may hold back its answers, never for long. */
static void wait_stored(struct publisher *p, int64_t at_least)
{
    int64_t patience = bench_mono_ns() + PATIENCE_NS;
    while (p->stored < at_least) {
        if (bench_mono_ns() > patience)
            bench_die("%" PRId64 " of %" PRId64 " stored within a minute", p->stored, at_least);
        bench_sleep_until(bench_mono_ns() + BENCH_NS_PER_S / 2000);
    }
}

static void publish(struct publisher *p)
{
    char subject[64], body[2048];
    int64_t n = p->next++;
    const char *operator_id = p->operators[(size_t)n % p->operator_count];
    snprintf(subject, sizeof(subject), "smpp.operator.%s", operator_id);
    int len = snprintf(
        body, sizeof(body),
        "{\"version\":\"1.0\",\"eventId\":\"7b1f2c3d-5a5a-4000-8000-%012" PRIx64 "\","
        "\"messageId\":\"2f9c1e44-5a5a-4000-8000-%012" PRIx64 "\",\"to\":\"+9997%07" PRId64 "\","
        "\"from\":\"Acme\",\"text\":\"%s\",\"operatorId\":\"%s\","
        "\"accountId\":\"6a6a6a6a-5a5a-4000-8000-000000000001\",\"messageType\":\"SMS\","
        "\"enqueuedAt\":\"%s\",\"expiresAt\":\"%s\"}",
        (uint64_t)n, (uint64_t)n, n % 10000000, p->text, operator_id, p->enqueued_at,
        p->expires_at);
    if (p->stamps) {
        int64_t now = bench_wall_ns();
        fwrite(&now, sizeof(now), 1, p->stamps);
    }
    bench_check(natsConnection_PublishRequest(p->nc, subject, p->inbox, body, len), "publish");
    p->sent++;
}

static void publish_many(struct publisher *p, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        if (p->sent - p->stored >= UNANSWERED_MAX)
            wait_stored(p, p->sent - UNANSWERED_MAX / 2);
        publish(p);
    }
}

static void publish_paced(struct publisher *p, int64_t rate, int64_t seconds)
{
    int64_t began = bench_mono_ns();
    for (int64_t i = 0; i < rate * seconds; i++) {
        bench_sleep_until(began + i * BENCH_NS_PER_S / rate);
        publish(p);
    }
}

static int64_t depth_now(jsCtx *js)
{
    jsStreamInfo *info = NULL;
    bench_check(js_GetStreamInfo(&info, js, "SMS_DISPATCH", NULL, NULL), "SMS_DISPATCH");
    int64_t messages = (int64_t)info->State.Msgs;
    jsStreamInfo_Destroy(info);
    return messages;
}

static void keep_depth(struct publisher *p, int64_t depth, int64_t seconds)
{
    jsCtx *js = NULL;
    bench_check(natsConnection_JetStream(&js, p->nc, NULL), "JetStream");
    int64_t end = bench_mono_ns() + seconds * BENCH_NS_PER_S;
    while (bench_mono_ns() < end) {
        int64_t missing = depth - depth_now(js);
        if (missing > 0)
            publish_many(p, missing);
        wait_stored(p, p->sent);
        bench_sleep_until(bench_mono_ns() + DEPTH_LOOK_NS);
    }
    jsCtx_Destroy(js);
}

int main(int argc, char **argv)
{
    struct publisher p = {
        .text = text_named(bench_option(argc, argv, "text", "gsm7")),
        .next = bench_number(argc, argv, "first", "0"),
    };
    int64_t rate = bench_number(argc, argv, "rate", "0");
    int64_t depth = bench_number(argc, argv, "depth", "0");
    int64_t seconds = bench_number(argc, argv, "seconds", "0");
    const char *stamps = bench_option(argc, argv, "stamps", "");
    natsSubscription *sub = NULL;
    natsInbox *inbox = NULL;

    read_operators(&p, bench_option(argc, argv, "operators", NULL));
    write_time(p.enqueued_at, bench_wall_ns());
    write_time(p.expires_at, bench_wall_ns() + (3600 + seconds) * BENCH_NS_PER_S);
    if (*stamps && !(p.stamps = fopen(stamps, "w")))
        bench_die("cannot write %s", stamps);
    p.nc = bench_connect(bench_option(argc, argv, "url", NULL), "bench-publisher", rate > 0);
    bench_check(natsInbox_Create(&inbox), "inbox");
    snprintf(p.inbox, sizeof(p.inbox), "%s", inbox);
    bench_check(natsConnection_Subscribe(&sub, p.nc, inbox, on_stored, &p), "inbox");
    bench_check(natsSubscription_SetPendingLimits(sub, -1, -1), "limits");

    int64_t began = bench_mono_ns();
    if (rate > 0)
        publish_paced(&p, rate, seconds);
    else if (depth > 0)
        keep_depth(&p, depth, seconds);
    else
        publish_many(&p, bench_number(argc, argv, "count", NULL));
    wait_stored(&p, p.sent);
    printf("{\"stored\":%" PRId64 ",\"seconds\":%.3f}\n", p.sent,
           (double)(bench_mono_ns() - began) / 1e9);
    if (p.stamps)
        fclose(p.stamps);
    natsInbox_Destroy(inbox);
    natsSubscription_Destroy(sub);
    natsConnection_Destroy(p.nc);
    free(p.operators);
    nats_Close();
    return 0;
}
