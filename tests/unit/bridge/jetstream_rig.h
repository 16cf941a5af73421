/* What the JetStream adapter's tests share: a server, an adapter, and a record of what it told. */
#ifndef TESTS_UNIT_BRIDGE_JETSTREAM_RIG_H
#define TESTS_UNIT_BRIDGE_JETSTREAM_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "common/loop.h"
#include "bridge/jetstream.h"
#include "tests/unit/bridge/server.h"

enum { DEADLINE_MS = 20000 };

struct rig {
    struct server server;
    struct jetstream_options options; /* url and name are filled in where they are missing */
    struct loop *loop;
    struct jetstream *js;
    unsigned connects, disconnects;
    char reason[256];

    uint64_t messages, redelivered, last_sequence;
    char acks[2000][100]; /* of the first messages */
    char last_ack[256], last_data[64], last_traceparent[64];
    bool ack_all;
    unsigned heartbeats, ended;
    enum jetstream_pull_end end;
    uint32_t tag, missing;
    char end_text[200];

    uint64_t stored, duplicates;
    unsigned confirmed, unconfirmed, answers, no_answers;
    char answer[4096];

    struct timer latency; /* measures how long the loop is away */
    mono_t latency_due;
    int64_t worst_ms, waited;
};

#define UNTIL(r, cond)                                                                             \
    do {                                                                                           \
        mono_t until_ = mono_add_ms(clock_mono(), DEADLINE_MS);                                    \
        while (!(cond) && !mono_reached(clock_mono(), until_))                                     \
            loop_turn((r)->loop, 20);                                                              \
        assert_true(cond);                                                                         \
    } while (0)

int rig_setup(void **state);         /* nothing runs */
int rig_setup_running(void **state); /* a server, connected, with the stream */
int rig_teardown(void **state);
void rig_open(struct rig *r);
void rig_run_for(struct rig *r, int64_t ms);
/* The loop's worst lateness from here on, without what other programs of the machine cost. */
void rig_start_latency(struct rig *r);

/* Asks and waits; the answer is in r->answer. */
void rig_api(struct rig *r, const char *what, const char *json);
void rig_on_answer(void *arg, const char *json, size_t len, const char *reason);
/* Stream WORK on work.>, consumer "one". */
void rig_make_stream(struct rig *r);
uint64_t rig_number_in(const char *json, const char *name);
struct jetstream_publish *rig_publish(struct rig *r, const char *subject, unsigned id);
void rig_on_confirmed(void *arg, bool ok);

#endif
