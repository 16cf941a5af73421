/* leases_bucket: when the bucket is made, with how many copies, and which one is refused. The
 * server is this file: each test answers what is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/loop.h"

#include "bridge/leases_bucket.h"

#define NO_STREAM                                                                                  \
    "{\"error\":{\"code\":404,\"err_code\":10059,\"description\":\"stream not found\"}}"
#define NO_CLUSTER                                                                                 \
    "{\"error\":{\"code\":500,\"err_code\":10074,\"description\":\"replicas > 1 not supported\"}}"
#define NO_PEERS                                                                                   \
    "{\"error\":{\"code\":400,\"err_code\":10005,\"description\":\"no suitable peers for "         \
    "placement\"}}"
#define CONFIG(max_age, replicas, storage)                                                         \
    "{\"config\":{\"max_age\":" max_age ",\"num_replicas\":" replicas ",\"storage\":\"" storage    \
    "\"}}"

/* --- the server --- */

static struct {
    char what[192], json[768];
    jetstream_answer *done;
    void *arg;
} asked;
static unsigned ready;

bool jetstream_is_connected(const struct jetstream *js)
{
    (void)js;
    return true;
}

bool jetstream_api(struct jetstream *js, const char *what, const char *json, jetstream_answer *done,
                   void *arg)
{
    (void)js;
    snprintf(asked.what, sizeof(asked.what), "%s", what);
    snprintf(asked.json, sizeof(asked.json), "%s", json);
    asked.done = done;
    asked.arg = arg;
    return true;
}

static void on_ready(void *arg)
{
    (void)arg;
    ready++;
}

/* Each answer in turn, to INFO first. */
static struct leases_bucket *look(struct loop *loop, const char *const *answers, size_t count)
{
    struct leases_bucket *b = leases_bucket_create(loop, NULL, "b", on_ready, NULL);
    ready = 0;
    leases_bucket_look(b);
    for (size_t i = 0; i < count; i++) {
        jetstream_answer *done = asked.done;
        assert_non_null(done);
        asked.done = NULL;
        done(asked.arg, answers[i], answers[i] ? strlen(answers[i]) : 0,
             answers[i] ? NULL : "timeout");
    }
    return b;
}

/* --- the cases --- */

struct row {
    const char *answers[3];
    size_t count;
    const char *last;    /* a part of what was asked last */
    const char *trouble; /* a part of it; NULL: it is used */
};

static const struct row rows[] = {
    {{CONFIG("0", "3", "file")}, 1, "INFO", NULL},
    {{CONFIG("0", "1", "memory")}, 1, "INFO", NULL}, /* warned of, not refused */
    {{CONFIG("60000000000", "3", "file")}, 1, "INFO", "after 60 s (max_age)"},
    {{NO_STREAM, CONFIG("0", "3", "file")}, 2, "\"num_replicas\":3", NULL},
    {{NO_STREAM, NO_CLUSTER, CONFIG("0", "1", "file")}, 3, "\"num_replicas\":1", NULL},
    /* A cluster that can't place three copies must not end up with one, unnoticed. */
    {{NO_STREAM, NO_PEERS}, 2, "\"num_replicas\":3", "no suitable peers"},
    {{NO_STREAM, NULL}, 2, "\"num_replicas\":3", "timeout"},
    {{NULL}, 1, "INFO", "timeout"},
    {{"nonsense"}, 1, "INFO", "can't be made"},
};

static void what_is_made_and_what_is_refused(void **state)
{
    struct loop *loop = loop_create();
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct leases_bucket *b = look(loop, rows[i].answers, rows[i].count);
        const char *trouble = leases_bucket_trouble(b);
        assert_null(asked.done); /* nothing more was asked */
        assert_true(strstr(asked.what, rows[i].last) || strstr(asked.json, rows[i].last));
        assert_int_equal(leases_bucket_is_ready(b), rows[i].trouble == NULL);
        assert_int_equal(ready, rows[i].trouble == NULL);
        if (rows[i].trouble) {
            assert_non_null(trouble);
            assert_non_null(strstr(trouble, rows[i].trouble));
        } else {
            assert_null(trouble);
        }
        leases_bucket_destroy(&b);
    }
    loop_destroy(&loop);
}

/* Not answered, it is what it was; edited to forget, it is used no more. */
static void what_was_found_once(void **state)
{
    struct loop *loop = loop_create();
    const char *good = CONFIG("0", "3", "file"), *bad = CONFIG("1000000000", "3", "file");
    (void)state;
    struct leases_bucket *b = look(loop, &good, 1);
    leases_bucket_look(b);
    asked.done(asked.arg, NULL, 0, "timeout");
    assert_true(leases_bucket_is_ready(b));
    leases_bucket_look(b);
    asked.done(asked.arg, bad, strlen(bad), NULL);
    assert_false(leases_bucket_is_ready(b));
    leases_bucket_destroy(&b);
    loop_destroy(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_made_and_what_is_refused),
        cmocka_unit_test(what_was_found_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
