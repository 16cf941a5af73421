/* deliver_hold: ids, bounds, deadlines, and binds that vanish. */
#include "unit_test.h"

#include <string.h>

#include "session-agent/deliver_hold.h"

static struct deliver *hold(struct deliver_hold *h, struct deliver_bind *b, uint32_t sequence,
                            const char *body, int64_t deadline_ms)
{
    char copy[64];
    size_t len = strlen(body);
    memcpy(copy, body, len);
    struct bytes view = {.data = (const uint8_t *)copy, .len = len};
    struct deliver *d =
        deliver_hold_add(h, b, 3, 5, sequence, view, 1000 + (int64_t)sequence, at_ms(deadline_ms));
    memset(copy, 'x', sizeof copy); /* the hold has its own copy */
    return d;
}

static void holds_answers_and_forgets(void **state)
{
    (void)state;
    struct deliver_hold *h = deliver_hold_create();
    struct deliver_bind a, b;
    int owner;
    deliver_bind_init(&a, &owner);
    deliver_bind_init(&b, NULL);
    assert_null(deliver_hold_oldest(&a));
    struct deliver *first = hold(h, &a, 11, "first", 100);
    struct deliver *other = hold(h, &b, 11, "", 50);
    struct deliver *second = hold(h, &a, 0xFFFFFFFF, "second", 90); /* moved up to 100 */
    assert_int_equal(first->id, 1);
    assert_int_equal(other->id, 2);
    assert_int_equal(second->id, 3);
    assert_ptr_equal(first->bind->owner, &owner);
    assert_memory_equal(first->body.data, "first", 5);
    assert_int_equal(other->body.len, 0);
    assert_int_equal(second->sequence, 0xFFFFFFFF);
    assert_int_equal(second->received_ms, 1000 + INT64_C(0xFFFFFFFF));
    assert_int_equal(second->deadline.ns, at_ms(100).ns);
    assert_int_equal(deliver_hold_count(h), 3);
    assert_ptr_equal(deliver_hold_oldest(&a), first);
    uint64_t id = first->id;
    assert_ptr_equal(deliver_hold_find(h, id), first);
    deliver_hold_release(h, &first);
    assert_null(first);
    assert_null(deliver_hold_find(h, id));
    assert_ptr_equal(deliver_hold_oldest(&a), second);
    deliver_hold_drop_bind(h, &a);
    deliver_hold_drop_bind(h, &b);
    assert_int_equal(deliver_hold_count(h), 0);
    deliver_hold_destroy(&h);
    assert_null(h);
}

static void each_bind_has_its_bound(void **state)
{
    (void)state;
    struct deliver_hold *h = deliver_hold_create();
    struct deliver_bind a, b;
    deliver_bind_init(&a, NULL);
    deliver_bind_init(&b, NULL);
    for (uint32_t i = 0; i < 3; i++)
        assert_non_null(hold(h, &a, i, "body", 10));
    assert_null(hold(h, &a, 3, "body", 10));
    assert_non_null(hold(h, &b, 3, "body", 10));
    struct deliver *d = deliver_hold_oldest(&a);
    deliver_hold_release(h, &d);
    assert_non_null(hold(h, &a, 4, "body", 10));
    assert_int_equal(a.count, 3);
    deliver_hold_drop_bind(h, &a);
    assert_int_equal(a.count, 0);
    assert_int_equal(deliver_hold_count(h), 1);
    deliver_hold_drop_bind(h, &b);
    deliver_hold_destroy(&h);
}

struct listing {
    struct deliver_hold *h;
    uint32_t sequences[3];
    size_t count;
};

static void list_and_release(struct deliver *d, void *arg)
{
    struct listing *l = arg;
    l->sequences[l->count++] = d->sequence;
    deliver_hold_release(l->h, &d);
}

static void lists_oldest_first_and_may_release(void **state)
{
    (void)state;
    struct listing l = {.h = deliver_hold_create()};
    struct deliver_bind a;
    deliver_bind_init(&a, NULL);
    for (uint32_t i = 0; i < 3; i++)
        hold(l.h, &a, 10 + i, "body", i);
    deliver_hold_each(&a, list_and_release, &l);
    assert_int_equal(l.count, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(l.sequences[i], 10 + i);
    assert_int_equal(a.count, 0);
    deliver_hold_destroy(&l.h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_answers_and_forgets),
        cmocka_unit_test(each_bind_has_its_bound),
        cmocka_unit_test(lists_oldest_first_and_may_release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
