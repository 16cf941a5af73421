/* Channels of one process talking over real sockets, and peers that misbehave or die. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/ipc_channel.h"
#include "tests/unit/common/harness.h"
#include "tests/unit/common/ipc_peer.h"

enum { DEADLINE = 20000 };

struct end {
    struct ipc_channel *channel;
    unsigned ups, downs, messages, knocks, out_of_order;
    struct ipc_peer peer;
    uint64_t last;
    bool drop_at_message;
    bool destroy_at_message;
};

static struct loop *loop;
static char dir[64];
static char path[96];
static char url[128];
static struct end agent, bridge;
static char error[512];

static void on_up(void *arg, const struct ipc_peer *peer)
{
    struct end *e = arg;
    assert_int_equal(e->ups, e->downs);
    e->ups++;
    e->peer = *peer;
    e->last = 0;
}

static void on_message(void *arg, const uint8_t *data, size_t len)
{
    struct end *e = arg;
    uint64_t number = 0;
    assert_int_equal(e->ups, e->downs + 1);
    memcpy(&number, data, min_size(len, sizeof(number)));
    if (e->messages++ > 0 && number != e->last + 1)
        e->out_of_order++;
    e->last = number;
    if (e->drop_at_message)
        ipc_channel_drop(e->channel);
    if (e->destroy_at_message)
        ipc_channel_destroy(&e->channel);
}

static void on_down(void *arg)
{
    struct end *e = arg;
    e->downs++;
    assert_int_equal(e->ups, e->downs);
}

static void on_knock(void *arg)
{
    struct end *e = arg;
    e->knocks++;
}

static struct ipc_channel_events events_of(struct end *e)
{
    return (struct ipc_channel_events){
        .up = on_up, .message = on_message, .down = on_down, .knock = on_knock, .arg = e};
}

static void start_agent(void)
{
    struct ipc_channel_events events = events_of(&agent);
    uint32_t uid = getuid();
    int result =
        ipc_channel_listen(loop, url, &uid, 1, &events, &agent.channel, error, sizeof(error));
    if (result != 0)
        fail_msg("%s", error);
}

static void start_bridge(void)
{
    struct ipc_channel_events events = events_of(&bridge);
    if (ipc_channel_dial(loop, url, &events, &bridge.channel, error, sizeof(error)) != 0)
        fail_msg("%s", error);
}

static void await_attached(void)
{
    assert_true(harness_until(loop, &agent.ups, agent.downs + 1, DEADLINE));
    assert_true(harness_until(loop, &bridge.ups, bridge.downs + 1, DEADLINE));
}

static int setup(void **state)
{
    (void)state;
    agent = bridge = (struct end){0};
    harness_make_dir(dir);
    snprintf(path, sizeof(path), "%s/agent.ipc", dir);
    snprintf(url, sizeof(url), "ipc://%s", path);
    loop = loop_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ipc_channel_destroy(&bridge.channel);
    ipc_channel_destroy(&agent.channel);
    loop_destroy(&loop);
    harness_remove_dir(dir);
    return 0;
}

static void send_numbered(struct end *from, uint64_t number, size_t len)
{
    uint8_t *data = xcalloc(1, len);
    memcpy(data, &number, min_size(len, sizeof(number)));
    ipc_channel_send(from->channel, data, len);
    free(data);
}

static void test_both_directions_in_order(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    start_agent();
    start_bridge();
    await_attached();
    assert_int_equal(agent.peer.uid, getuid());
    assert_int_equal(agent.peer.gid, getgid());
    assert_int_equal(agent.peer.pid, getpid());
    for (uint64_t i = 1; i <= COUNT; i++) {
        send_numbered(&agent, i, 8 + (i * 37) % 3000);
        send_numbered(&bridge, i, 8 + (i * 91) % 3000);
    }
    assert_true(harness_until(loop, &agent.messages, COUNT, DEADLINE));
    assert_true(harness_until(loop, &bridge.messages, COUNT, DEADLINE));
    assert_int_equal(agent.out_of_order + bridge.out_of_order, 0);
    for (int i = 0; i < DEADLINE / 10 && !ipc_channel_idle(agent.channel); i++)
        loop_turn(loop, 10); /* what was read over there is not yet known to be sent here */
    assert_true(ipc_channel_idle(agent.channel));
    assert_int_equal(ipc_channel_queued(agent.channel), 0);
}

static void test_what_the_system_has_room_for_goes_at_once(void **state)
{
    (void)state;
    start_agent();
    start_bridge();
    await_attached();
    for (unsigned n = 1; n <= 50; n++) {
        send_numbered(&bridge, n, 1000);
        assert_true(ipc_channel_idle(bridge.channel));
    }
    assert_true(harness_until(loop, &agent.messages, 50, DEADLINE));
    assert_int_equal(agent.out_of_order, 0);
}

static void test_sizes_at_the_bounds(void **state)
{
    (void)state;
    start_agent();
    start_bridge();
    await_attached();
    ipc_channel_send(bridge.channel, NULL, 0);
    send_numbered(&bridge, 1, IPC_CHANNEL_MAX_MESSAGE);
    assert_true(harness_until(loop, &agent.messages, 2, DEADLINE));
    assert_int_equal(agent.last, 1);
    assert_int_equal(agent.downs, 0);
}

static void test_socket_and_lock_have_narrow_modes(void **state)
{
    (void)state;
    struct stat st;
    char lock[128];
    start_agent();
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0660);
    snprintf(lock, sizeof(lock), "%s.lock", path);
    assert_int_equal(stat(lock, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_addresses_that_cannot_work(void **state)
{
    (void)state;
    static const struct {
        const char *url, *says;
    } cases[] = {
        {"tcp://127.0.0.1:1", "not of the form ipc:///path"},
        {"ipc://relative", "not of the form ipc:///path"},
        {"ipc:///tmp/0123456789012345678901234567890123456789012345678901234567890123456789"
         "0123456789012345678901234567890123456789",
         "room for 107"},
        {"ipc:///nonexistent-directory/x", "/nonexistent-directory: No such file"},
        {"ipc:///etc/hostname/x", "not a directory"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ipc_channel_events events = events_of(&agent);
        uint32_t uid = getuid();
        assert_int_equal(ipc_channel_listen(loop, cases[i].url, &uid, 1, &events, &agent.channel,
                                            error, sizeof(error)),
                         -1);
        assert_null(agent.channel);
        if (!strstr(error, cases[i].says))
            fail_msg("%s: %s", cases[i].url, error);
    }
}

static void test_a_file_that_is_no_socket_is_left_alone(void **state)
{
    (void)state;
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    struct ipc_channel_events events = events_of(&agent);
    uint32_t uid = getuid();
    assert_int_equal(
        ipc_channel_listen(loop, url, &uid, 1, &events, &agent.channel, error, sizeof(error)), -1);
    assert_non_null(strstr(error, "is there and is no socket"));
    assert_int_equal(access(path, F_OK), 0);
}

static void test_a_second_listener_is_refused_by_the_lock(void **state)
{
    (void)state;
    pid_t first = ipc_peer_spawn(IPC_PEER_LISTEN, url);
    ipc_peer_await_ready(first);
    struct ipc_channel_events events = events_of(&agent);
    uint32_t uid = getuid();
    assert_int_equal(
        ipc_channel_listen(loop, url, &uid, 1, &events, &agent.channel, error, sizeof(error)), -1);
    assert_non_null(strstr(error, "agent.ipc.lock: another process listens on this path"));

    start_bridge(); /* the first one's socket was not touched */
    assert_true(harness_until(loop, &bridge.ups, 1, DEADLINE));
    ipc_peer_kill(first);
    assert_true(harness_until(loop, &bridge.downs, 1, DEADLINE));
    assert_int_equal(access(path, F_OK), 0);

    start_agent(); /* over the stale file */
    await_attached();
}

static void test_a_peer_that_connects_and_closes_does_not_deafen_the_listener(void **state)
{
    (void)state;
    start_agent();
    for (int i = 0; i < 50; i++) {
        int fd = ipc_peer_connect(path, false);
        assert_true(fd >= 0);
        close(fd);
    }
    harness_turn_for(loop, 100);
    start_bridge();
    await_attached();
    send_numbered(&bridge, 1, 8);
    send_numbered(&agent, 1, 8);
    assert_true(harness_until(loop, &agent.messages, 1, DEADLINE));
    assert_true(harness_until(loop, &bridge.messages, 1, DEADLINE));
}

static void test_a_listener_that_closes_at_once_does_not_deafen_the_dialer(void **state)
{
    (void)state;
    int fake = ipc_peer_listen(path);
    start_bridge();
    for (unsigned closed = 0, turns = 0; closed < 3; turns++) {
        assert_true(turns < DEADLINE / 10);
        int fd = accept4(fake, NULL, NULL, SOCK_NONBLOCK);
        if (fd >= 0) {
            close(fd);
            closed++;
        }
        harness_turn_for(loop, 10);
    }
    close(fake);
    unlink(path);
    start_agent();
    await_attached();
}

static void test_connecting_and_closing_costs_no_descriptors(void **state)
{
    (void)state;
    start_agent();
    harness_turn_for(loop, 50);
    unsigned before = harness_open_descriptors();
    for (int i = 0; i < 1000; i++) {
        int fd;
        while ((fd = ipc_peer_connect(path, i % 2)) < 0)
            loop_turn(loop, 10);
        close(fd);
    }
    for (int i = 0; i < 1000 && harness_open_descriptors() > before; i++)
        harness_turn_for(loop, 10);
    assert_true(harness_open_descriptors() <= before);
    assert_true(harness_until(loop, &agent.downs, agent.ups, DEADLINE));
    start_bridge();
    await_attached();
}

static void test_only_who_greets_as_a_pair_peer_comes_in(void **state)
{
    (void)state;
    static const char *const greetings[] = {"", "GET / HT", "\0SP\0\0\x11\0\0", "\0SP"};
    static const size_t lengths[] = {0, 8, 8, 4};
    start_agent();
    for (size_t i = 0; i < ARRAY_LEN(greetings); i++) {
        int fd = ipc_peer_connect(path, false);
        assert_int_equal(write(fd, greetings[i], lengths[i]), lengths[i]);
        harness_turn_for(loop, 1200);
        assert_true(ipc_peer_wait_closed(fd, 0));
        close(fd);
    }
    assert_int_equal(agent.ups, 0);
    start_bridge();
    await_attached();
}

static void test_a_wrong_uid_is_refused(void **state)
{
    (void)state;
    if (getuid() != 0) {
        print_message("left out: another uid at the IPC, which takes root\n");
        skip();
    }
    start_agent();
    assert_int_equal(chmod(dir, 0711), 0);
    assert_int_equal(chmod(path, 0666), 0); /* so that only the uid check stands between them */
    pid_t nobody = ipc_peer_spawn(IPC_PEER_RAW_AS_NOBODY, url);
    int code;
    while (!ipc_peer_exited(nobody, &code)) /* it gives up by itself */
        loop_turn(loop, 10);
    assert_int_equal(code, 0);
    assert_int_equal(agent.ups, 0);
    start_bridge();
    await_attached();
    assert_int_equal(agent.ups, 1);
}

static void test_a_newcomer_knocks_and_comes_in_later(void **state)
{
    (void)state;
    start_agent();
    int first = ipc_peer_connect(path, true);
    assert_true(first >= 0);
    assert_true(harness_until(loop, &agent.ups, 1, DEADLINE));
    assert_int_equal(agent.knocks, 0);
    start_bridge();
    assert_true(harness_until(loop, &agent.knocks, 3, DEADLINE));
    assert_int_equal(agent.downs, 0);
    ipc_channel_drop(agent.channel);
    assert_true(harness_until(loop, &agent.ups, 2, DEADLINE));
    assert_int_equal(agent.downs, 1);
    assert_true(ipc_peer_wait_closed(first, DEADLINE));
    close(first);
    await_attached();
}

static void test_an_oversize_message_ends_the_pipe(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {IPC_CHANNEL_MAX_MESSAGE + 1, UINT64_MAX};
    start_agent();
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        int fd = ipc_peer_connect(path, true);
        assert_true(harness_until(loop, &agent.ups, i + 1, DEADLINE));
        assert_true(ipc_peer_write_frame(fd, sizes[i], 100));
        assert_true(harness_until(loop, &agent.downs, i + 1, DEADLINE));
        assert_true(ipc_peer_wait_closed(fd, DEADLINE));
        close(fd);
    }
    assert_int_equal(agent.messages, 0);
}

static void test_a_killed_peer_is_one_down_and_the_next_one_starts_afresh(void **state)
{
    (void)state;
    start_agent();
    for (unsigned round = 1; round <= 40; round++) {
        pid_t peer = ipc_peer_spawn(IPC_PEER_FLOOD, url);
        assert_true(harness_until(loop, &agent.ups, round, DEADLINE));
        agent.messages = agent.out_of_order = 0;
        while (agent.messages < 300) { /* traffic both ways when it is killed */
            if (ipc_channel_queued(agent.channel) < 1000000)
                send_numbered(&agent, 1, 20000);
            loop_turn(loop, 1);
        }
        ipc_peer_kill(peer);
        assert_true(harness_until(loop, &agent.downs, round, DEADLINE));
        assert_int_equal(agent.out_of_order, 0);
        assert_int_equal(agent.ups, round);
        assert_int_equal(agent.downs, round);
    }
}

static void test_what_was_queued_for_one_peer_never_reaches_the_next(void **state)
{
    (void)state;
    start_agent();
    for (unsigned round = 1; round <= 10; round++) {
        int stuck = ipc_peer_connect(path, true); /* reads nothing */
        assert_true(stuck >= 0);
        assert_true(harness_until(loop, &agent.ups, round * 2 - 1, DEADLINE));
        for (int i = 0; i < 200; i++)
            send_numbered(&agent, 1000000, 10000);
        assert_true(ipc_channel_queued(agent.channel) > 0);
        close(stuck);
        assert_true(harness_until(loop, &agent.downs, round * 2 - 1, DEADLINE));
        assert_int_equal(ipc_channel_queued(agent.channel), 0);
        start_bridge();
        await_attached();
        bridge.messages = 0;
        send_numbered(&agent, 7, 8);
        assert_true(harness_until(loop, &bridge.messages, 1, DEADLINE));
        assert_int_equal(bridge.last, 7);
        assert_int_equal(bridge.messages, 1);
        ipc_channel_destroy(&bridge.channel);
        bridge = (struct end){0};
        assert_true(harness_until(loop, &agent.downs, round * 2, DEADLINE));
    }
}

static void test_nothing_is_delivered_after_a_drop(void **state)
{
    (void)state;
    start_agent();
    agent.drop_at_message = true;
    start_bridge();
    await_attached();
    for (uint64_t i = 1; i <= 1000; i++)
        send_numbered(&bridge, i, 100);
    assert_true(harness_until(loop, &agent.downs, 1, DEADLINE));
    assert_int_equal(agent.messages, 1);
    assert_true(harness_until(loop, &bridge.downs, 1, DEADLINE));
    await_attached();
}

static void test_without_a_peer_messages_are_dropped(void **state)
{
    (void)state;
    start_agent();
    send_numbered(&agent, 1, 100);
    assert_int_equal(ipc_channel_queued(agent.channel), 0);
    assert_true(ipc_channel_idle(agent.channel));
    ipc_channel_drop(agent.channel);
    start_bridge();
    await_attached();
    harness_turn_for(loop, 30);
    assert_int_equal(bridge.messages, 0);
}

static void test_a_slow_loop_bounds_what_is_taken_in(void **state)
{
    (void)state;
    enum { COUNT = 64 };
    start_agent();
    int fd = ipc_peer_connect(path, true);
    assert_true(harness_until(loop, &agent.ups, 1, DEADLINE));
    struct timeval wait = {.tv_sec = 1};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)), 0);
    unsigned taken = 0;
    while (taken < COUNT && ipc_peer_write_frame(fd, 32 * 1024, 32 * 1024))
        taken++; /* nobody turns the loop */
    assert_in_range(taken, 6, 24);
    assert_true(harness_until(loop, &agent.messages, taken, DEADLINE));
    close(fd);
    assert_true(harness_until(loop, &agent.downs, 1, DEADLINE));
}

static void test_destroying_with_traffic_under_way(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        agent = bridge = (struct end){0};
        agent.destroy_at_message = i % 2;
        start_agent();
        start_bridge();
        await_attached();
        for (uint64_t n = 1; n <= 300; n++) {
            send_numbered(&bridge, n, 2000);
            send_numbered(&agent, n, 2000);
        }
        if (agent.destroy_at_message)
            assert_true(harness_until(loop, &agent.messages, 1, DEADLINE));
        ipc_channel_destroy(i % 4 < 2 ? &agent.channel : &bridge.channel);
        unsigned seen = agent.messages;
        if (!agent.channel) {
            harness_turn_for(loop, 5);
            assert_int_equal(agent.messages, seen);
        }
        ipc_channel_destroy(&agent.channel);
        ipc_channel_destroy(&bridge.channel);
    }
}

int main(int argc, char **argv)
{
    int peer = ipc_peer_main(argc, argv);
    if (peer >= 0)
        return peer;
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_both_directions_in_order),
        TEST(test_what_the_system_has_room_for_goes_at_once),
        TEST(test_sizes_at_the_bounds),
        TEST(test_socket_and_lock_have_narrow_modes),
        TEST(test_addresses_that_cannot_work),
        TEST(test_a_file_that_is_no_socket_is_left_alone),
        TEST(test_a_second_listener_is_refused_by_the_lock),
        TEST(test_a_peer_that_connects_and_closes_does_not_deafen_the_listener),
        TEST(test_a_listener_that_closes_at_once_does_not_deafen_the_dialer),
        TEST(test_connecting_and_closing_costs_no_descriptors),
        TEST(test_only_who_greets_as_a_pair_peer_comes_in),
        TEST(test_a_wrong_uid_is_refused),
        TEST(test_a_newcomer_knocks_and_comes_in_later),
        TEST(test_an_oversize_message_ends_the_pipe),
        TEST(test_a_killed_peer_is_one_down_and_the_next_one_starts_afresh),
        TEST(test_what_was_queued_for_one_peer_never_reaches_the_next),
        TEST(test_nothing_is_delivered_after_a_drop),
        TEST(test_without_a_peer_messages_are_dropped),
        TEST(test_a_slow_loop_bounds_what_is_taken_in),
        TEST(test_destroying_with_traffic_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
