/* transport over plain TCP: addresses, bytes both ways, every way to end, and owners that destroy
 * it in the middle of its callbacks. */
#include "unit_test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcp_peer.h"

static struct owner o;
static int listener;
static uint16_t port;

static int begin(void **state)
{
    (void)state;
    owner_begin(&o);
    listener = peer_listen(&port, 16);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    owner_end(&o);
    close(listener);
    return 0;
}

static int connect_plain(void)
{
    struct transport_target target = owner_target(port);
    owner_connect(&o, &target);
    int fd = peer_accept(o.loop, listener);
    OWNER_WAIT(&o, o.ready || o.closed || !o.transport);
    return fd;
}

static void expect_reason(const char *what)
{
    OWNER_WAIT(&o, o.closed);
    if (!strstr(o.reason, what))
        fail_msg("\"%s\" does not say \"%s\"", o.reason, what);
}

static void bytes_go_both_ways(void **state)
{
    (void)state;
    char got[16], peer[32];
    int fd = connect_plain();
    snprintf(peer, sizeof peer, "127.0.0.1:%u", port);
    assert_string_equal(transport_peer(o.transport), peer);
    assert_string_equal(transport_tls(o.transport), "");
    assert_int_equal(transport_tls_expiry_ms(o.transport), 0);
    transport_write(o.transport, "hello ", 6);
    transport_write(o.transport, "", 0);
    transport_write_secret(o.transport, "world", 5);
    assert_int_equal(transport_unacked(o.transport), 11);
    assert_int_equal(transport_handed(o.transport), 0);
    peer_read(o.loop, fd, got, 11);
    assert_memory_equal(got, "hello world", 11);
    assert_int_equal(o.flushes, 1); /* one write a turn */
    assert_int_equal(transport_handed(o.transport), 11);
    OWNER_WAIT(&o, transport_unacked(o.transport) == 0);
    assert_int_equal(transport_acked(o.transport), 11);
    assert_true(transport_min_rtt_us(o.transport) < 1000000);
    peer_write(fd, "answer", 6);
    OWNER_WAIT(&o, o.got_len == 6);
    assert_memory_equal(o.got, "answer", 6);
    close(fd);
    expect_reason("connection closed by 127.0.0.1:");
    transport_write(o.transport, "x", 1); /* dropped */
    assert_int_equal(transport_unacked(o.transport), 0);
}

static void knows_whether_the_socket_is_empty(void **state)
{
    (void)state;
    int fd = connect_plain();
    assert_true(transport_read_empty(o.transport));
    peer_write(fd, "x", 1);
    mono_t deadline = mono_add_ms(clock_mono(), 5000);
    while (transport_read_empty(o.transport)) /* on its way; the loop does not turn */
        assert_false(mono_reached(clock_mono(), deadline));
    OWNER_WAIT(&o, o.got_len == 1);
    assert_true(transport_read_empty(o.transport));
    close(fd);
}

static void says_how_it_ended(void **state)
{
    (void)state;
    int fd = connect_plain();
    peer_reset(fd);
    expect_reason("connection reset by 127.0.0.1:");
    transport_destroy(&o.transport);

    close(listener);
    struct transport_target target = owner_target(port);
    owner_connect(&o, &target);
    assert_false(o.closed); /* never from inside the call */
    expect_reason("connection refused by 127.0.0.1:");
    assert_string_equal(transport_peer(o.transport), "");
    transport_destroy(&o.transport);

    target.host = "no-such-host.invalid";
    owner_connect(&o, &target);
    expect_reason("can't resolve no-such-host.invalid");
    transport_destroy(&o.transport);
    listener = peer_listen(&port, 16);
}

static void names_have_several_addresses(void **state)
{
    (void)state;
    struct transport_target target = owner_target(port);
    target.host = "localhost"; /* ::1 is refused where it comes first */
    owner_connect(&o, &target);
    int fd = peer_accept(o.loop, listener);
    OWNER_WAIT(&o, o.ready);
    close(fd);
}

static void an_address_that_does_not_answer(void **state)
{
    (void)state;
    uint16_t full_port;
    int full = peer_listen(&full_port, 0), fillers[4];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(full_port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fillers[i], (struct sockaddr *)&address, sizeof address);
    }
    struct transport_target target = owner_target(full_port);
    target.connect_timeout_ms = 300;
    mono_t started = clock_mono();
    owner_connect(&o, &target);
    expect_reason("no answer from 127.0.0.1:");
    assert_in_range(mono_diff_ms(clock_mono(), started), 290, 5000);
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++)
        close(fillers[i]);
    close(full);
}

static void from_the_local_address_that_was_asked_for(void **state)
{
    (void)state;
    struct transport_target target = owner_target(port);
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    target.local_address = "127.0.0.2";
    owner_connect(&o, &target);
    int fd = peer_accept(o.loop, listener);
    assert_int_equal(getpeername(fd, (struct sockaddr *)&from, &len), 0);
    assert_int_equal(ntohl(from.sin_addr.s_addr), 0x7F000002);
    close(fd);
    transport_destroy(&o.transport);
    static const char *const bad[] = {"not an address", "192.0.2.77", "::1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        target.local_address = bad[i];
        owner_connect(&o, &target);
        expect_reason("127.0.0.1:");
        transport_destroy(&o.transport);
    }
}

static void last_words_are_sent(void **state)
{
    (void)state;
    char got[16];
    static const size_t lens[] = {16, 3 << 20};
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        int fd = connect_plain();
        char *words = calloc(1, lens[i]);
        memcpy(words + lens[i] - 16, "0123456789abcdef", 16);
        transport_write(o.transport, words, lens[i]);
        peer_write(fd, "unread", 6); /* must not turn the close into a reset */
        transport_destroy(&o.transport);
        assert_null(o.transport);
        for (size_t at = 0; at < lens[i]; at += sizeof got)
            peer_read(o.loop, fd, got, sizeof got);
        assert_memory_equal(got, "0123456789abcdef", 16);
        assert_true(peer_read_end(o.loop, fd));
        close(fd);
        free(words);
    }
    assert_false(o.closed);
}

static void an_abort_says_nothing_more(void **state)
{
    (void)state;
    uint8_t byte;
    int fd = connect_plain();
    transport_write(o.transport, "never sent", 10);
    transport_abort(&o.transport);
    mono_t deadline = mono_add_ms(clock_mono(), 5000);
    ssize_t got;
    while ((got = recv(fd, &byte, 1, 0)) < 0 && !mono_reached(clock_mono(), deadline))
        loop_turn(o.loop, 5);
    assert_int_equal(got, 0);
    close(fd);
}

static void a_peer_that_does_not_read(void **state)
{
    (void)state;
    static uint8_t block[65536];
    int fd = connect_plain();
    size_t written = 0;
    while (transport_is_writable(o.transport)) {
        transport_write(o.transport, block, sizeof block / 2);
        written += sizeof block / 2;
        loop_turn(o.loop, 0);
        assert_true(written < 1 << 26);
    }
    assert_true(transport_unacked(o.transport) >= 65536);
    assert_int_equal(o.writables, 0);
    for (size_t at = 0; at < written; at += sizeof block / 2)
        peer_read(o.loop, fd, block, sizeof block / 2);
    OWNER_WAIT(&o, o.writables == 1);
    assert_true(transport_is_writable(o.transport));
    for (int i = 0; i < 1000 && !o.closed; i++) {
        transport_write(o.transport, block, sizeof block);
        loop_turn(o.loop, 0);
    }
    expect_reason("does not read");
    close(fd);
}

static void order_is_kept_through_the_queue(void **state)
{
    (void)state;
    static uint32_t numbers[2048];
    uint32_t next_in = 0, next_out = 0;
    int fd = connect_plain();
    while (next_out < 3000000) {
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
            numbers[i] = next_in + (uint32_t)i;
        if (transport_is_writable(o.transport)) {
            transport_write(o.transport, numbers, sizeof numbers);
            next_in += ARRAY_LEN(numbers);
        }
        loop_turn(o.loop, 0);
        ssize_t got = recv(fd, numbers, sizeof numbers, MSG_PEEK);
        if (got < (ssize_t)sizeof numbers)
            continue;
        got = recv(fd, numbers, sizeof numbers, 0);
        for (ssize_t i = 0; i < got / 4; i++)
            assert_int_equal(numbers[i], next_out + (uint32_t)i);
        next_out += (uint32_t)got / 4;
    }
    close(fd);
}

static void destroyed_in_every_callback(void **state)
{
    (void)state;
    static const enum moment moments[] = {CONNECTED, READY, READ, FLUSHED, CLOSED};
    for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
        o.destroy_at = moments[i];
        int fd = connect_plain();
        peer_write(fd, "data", 4);
        if (o.transport)
            transport_write(o.transport, "data", 4);
        if (moments[i] == CLOSED)
            close(fd);
        OWNER_WAIT(&o, !o.transport);
        assert_int_equal(o.closed, moments[i] == CLOSED);
        if (moments[i] != CLOSED)
            close(fd);
    }
    /* And at any moment of connecting. */
    o.destroy_at = NEVER;
    struct transport_target target = owner_target(port);
    for (int turns = 0; turns < 8; turns++) {
        target.host = turns % 2 ? "localhost" : "127.0.0.1";
        owner_connect(&o, &target);
        for (int i = 0; i < turns / 2; i++)
            loop_turn(o.loop, 0);
        transport_destroy(&o.transport);
    }
}

/* --- secrets --- */

/* How often `pattern` (inverted, so that it is not its own find) is in this process's heap. */
static size_t find_in_heap(const uint8_t *inverted, size_t len)
{
    char line[256];
    size_t found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        if (!strstr(line, "[heap]") || sscanf(line, "%lx-%lx", &from, &to) != 2)
            continue;
        const uint8_t *p = (const uint8_t *)from;
        for (; p + len <= (const uint8_t *)to; p++) {
            size_t i = 0;
            while (i < len && (p[i] ^ inverted[i]) == 0xFF)
                i++;
            found += i == len;
        }
    }
    fclose(maps);
    return found;
}

static void a_secret_leaves_no_trace(void **state)
{
    (void)state;
    static const uint8_t inverted[16] = {0x8b, 0x9a, 0x8c, 0x8b, 0xd2, 0xd1, 0xce, 0x12,
                                         0x77, 0x31, 0x59, 0x03, 0xe1, 0x44, 0x90, 0x6d};
    static const size_t paddings[] = {0, 490, 700}; /* within the buffer, growing it, before it */
    uint8_t secret[16], filler[2048];
    memset(filler, 'f', sizeof filler);
    int fd = connect_plain();
    for (size_t i = 0; i < ARRAY_LEN(paddings); i++) {
        for (size_t k = 0; k < sizeof secret; k++)
            secret[k] = (uint8_t)~inverted[k];
        transport_write(o.transport, filler, paddings[i]);
        transport_write_secret(o.transport, secret, sizeof secret);
        explicit_bzero(secret, sizeof secret);
        transport_write(o.transport, filler, sizeof filler);
        unsigned flushes = o.flushes;
        OWNER_WAIT(&o, o.flushes > flushes);
        assert_int_equal(find_in_heap(inverted, sizeof inverted), 0);
    }
    close(fd);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)
    const struct CMUnitTest tests[] = {
        TEST(bytes_go_both_ways),
        TEST(knows_whether_the_socket_is_empty),
        TEST(says_how_it_ended),
        TEST(names_have_several_addresses),
        TEST(an_address_that_does_not_answer),
        TEST(from_the_local_address_that_was_asked_for),
        TEST(last_words_are_sent),
        TEST(an_abort_says_nothing_more),
        TEST(a_peer_that_does_not_read),
        TEST(order_is_kept_through_the_queue),
        TEST(destroyed_in_every_callback),
        TEST(a_secret_leaves_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
