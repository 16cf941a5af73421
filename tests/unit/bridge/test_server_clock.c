/* server_clock: what is said of the server's time is never wrong, and a step does not go unseen. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "bridge/server_clock.h"

#define US 1000

/* A server whose clock is `offset` ahead and runs a bit fast or slow. */
struct server {
    uint64_t random;
    int64_t offset_ns;
    int64_t ppm;
    mono_t now;
};

static uint32_t rnd(struct server *s, uint32_t below)
{
    s->random = s->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(s->random >> 33) % below;
}

static int64_t server_ns(const struct server *s, mono_t t)
{
    return t.ns + s->offset_ns + t.ns / 1000000 * s->ppm;
}

static bool ask(struct server *s, struct server_clock *c, uint32_t way_us)
{
    mono_t sent = s->now;
    mono_t read = mono_add_ns(sent, rnd(s, way_us) * US);
    mono_t received = mono_add_ns(read, rnd(s, way_us) * US);
    s->now = received;
    return server_clock_note(c, sent, received, server_ns(s, read) / US);
}

static struct server server(int64_t offset_ns, int64_t ppm)
{
    return (struct server){
        .random = 17, .offset_ns = offset_ns, .ppm = ppm, .now = {1000 * NS_PER_S}};
}

static void bounds_hold(void **state)
{
    (void)state;
    static const int64_t drifts[] = {-400, 0, 400};
    for (size_t k = 0; k < ARRAY_LEN(drifts); k++) {
        struct server s = server(INT64_C(1700000000) * NS_PER_S, drifts[k]);
        struct server_clock c = {0};
        assert_false(ask(&s, &c, 300)); /* the first says nothing of steps */
        for (int i = 0; i < 3000; i++) {
            s.now = mono_add_ms(s.now, rnd(&s, 400));
            assert_true(ask(&s, &c, rnd(&s, 10) ? 400 : 30000));
            mono_t t = mono_add_ms(s.now, (int64_t)rnd(&s, 200) - 100);
            assert_true(server_clock_reached_us(&c, t) * US <= server_ns(&s, t));
            assert_true(server_clock_ahead_us(&c, t) * US >= server_ns(&s, t));
            int64_t us = server_ns(&s, t) / US;
            assert_true(server_ns(&s, server_clock_from(&c, us)) >= us * US);
            assert_true(server_ns(&s, server_clock_before(&c, us)) <= us * US);
            /* And they are of use. */
            assert_true(server_clock_ahead_us(&c, t) - server_clock_reached_us(&c, t) < 5000);
        }
        assert_true(server_clock_is_trusted(&c, s.now));
        assert_int_equal(c.steps, 1);
    }
}

static void steps_are_seen(void **state)
{
    (void)state;
    static const int64_t steps_ms[] = {-3600000, -1000, -50, -10, 10, 50, 1000, 3600000};
    for (size_t k = 0; k < ARRAY_LEN(steps_ms); k++) {
        struct server s = server(NS_PER_S, 0);
        struct server_clock c = {0};
        for (int i = 0; i < 20; i++) {
            s.now = mono_add_ms(s.now, 100);
            ask(&s, &c, 500);
        }
        assert_true(server_clock_is_trusted(&c, s.now));
        s.offset_ns += steps_ms[k] * NS_PER_MS;
        s.now = mono_add_ms(s.now, 100);
        assert_false(ask(&s, &c, 500));
        assert_false(server_clock_is_trusted(&c, s.now));
        assert_int_equal(c.steps, 2);
        mono_t stepped = s.now;
        while (!server_clock_is_trusted(&c, s.now)) {
            s.now = mono_add_ms(s.now, 100);
            ask(&s, &c, 500);
        }
        assert_in_range(mono_diff_ms(s.now, stepped), SERVER_CLOCK_TRUST_MS,
                        SERVER_CLOCK_TRUST_MS + 110);
    }
}

static void what_is_not_known_well_is_not_trusted(void **state)
{
    (void)state;
    struct server s = server(NS_PER_S, 0);
    struct server_clock c = {0};
    assert_false(server_clock_is_trusted(&c, s.now));
    for (int i = 0; i < 20; i++) { /* never sooner than 10 ms each way */
        mono_t sent = s.now;
        mono_t read = mono_add_ms(sent, 10);
        s.now = mono_add_ms(read, 10);
        server_clock_note(&c, sent, s.now, server_ns(&s, read) / US);
        s.now = mono_add_ms(s.now, 100);
    }
    assert_false(server_clock_is_trusted(&c, s.now));
    ask(&s, &c, 500); /* one quick answer tells */
    assert_true(server_clock_is_trusted(&c, s.now));
    assert_false(server_clock_is_trusted(&c, mono_add_ms(s.now, SERVER_CLOCK_SILENT_MS + 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(steps_are_seen),
        cmocka_unit_test(what_is_not_known_well_is_not_trusted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
