/* operator_config: what a declaration may say, and that the copy outlives the record. */
#include <stdlib.h>
#include <string.h>

#include "unit_test.h"

#include "session-agent/operator_config.h"

static struct bytes text(const char *s)
{
    return (struct bytes){(const uint8_t *)s, strlen(s)};
}

static struct ipc_operator good(void)
{
    return (struct ipc_operator){
        .operator_id = {1, 2, 3},
        .name = text("Operator A"),
        .enquire_link_interval_ms = 30000,
        .enquire_link_timeout_ms = 10000,
        .bind_timeout_ms = 10000,
        .submit_timeout_ms = 30000,
        .reconnect_min_ms = 5000,
        .reconnect_max_ms = 60000,
        .auth_retry_min_ms = 60000,
        .failover_after_ms = 30000,
        .pair_probe_ms = 3600000,
        .window_size = 100,
        .binds = 1,
        .deliver_hold_ms = 8000,
        .deliver_hold_max = 100,
        .busy_status = 0x14,
        .priority_share = 50,
        .tls_min_version = 0x0303,
    };
}

static struct operator_config *create(const struct ipc_operator *r, char error[200])
{
    error[0] = 0;
    return operator_config_create(r, error, 200);
}

static void the_copy_outlives_the_record(void **state)
{
    (void)state;
    char error[200];
    char name[] = "Operator A";
    char hosts[] = "mno.example:2775,[2001:db8::1]:2776,192.0.2.1:1";
    uint8_t pair_on[] = {0, 0, 0, 4, 0, 0, 4, 1};
    struct ipc_operator r = good();
    r.name = text(name);
    r.hosts = text(hosts);
    r.pair_on = (struct bytes){pair_on, sizeof(pair_on)};
    struct operator_config *c = create(&r, error);
    assert_non_null(c);
    memset(name, 'x', sizeof(name) - 1);
    memset(hosts, 'x', sizeof(hosts) - 1);
    memset(pair_on, 0xff, sizeof(pair_on));
    assert_string_equal(c->name, "Operator A");
    assert_string_equal(c->tls_ca_file, "");
    assert_int_equal(c->window_size, 100);
    assert_int_equal(c->host_count, 3);
    assert_string_equal(c->hosts[0].host, "mno.example");
    assert_string_equal(c->hosts[1].host, "2001:db8::1");
    assert_int_equal(c->hosts[1].port, 2776);
    assert_true(operator_config_pairs_on(c, 0x03)); /* RINVCMDID: always */
    assert_true(operator_config_pairs_on(c, 0x04));
    assert_true(operator_config_pairs_on(c, 0x401));
    assert_false(operator_config_pairs_on(c, 0x0D));
    operator_config_destroy(&c);
    assert_null(c);
}

struct refusal {
    const char *word; /* in the reason */
    size_t field;     /* a uint32_t of the record */
    uint32_t value;
};

#define FIELD(name) offsetof(struct ipc_operator, name)

static const struct refusal refusals[] = {
    {"window_size 0", FIELD(window_size), 0},
    {"window_size", FIELD(window_size), UINT32_MAX},
    {"binds 0", FIELD(binds), 0},
    {"binds 65", FIELD(binds), 65},
    {"busy_status 0", FIELD(busy_status), 0},
    {"deliver_hold_max", FIELD(deliver_hold_max), 0},
    {"enquire_link_interval_ms", FIELD(enquire_link_interval_ms), 0},
    {"bind_timeout_ms", FIELD(bind_timeout_ms), 0},
    {"submit_timeout_ms", FIELD(submit_timeout_ms), UINT32_MAX},
    {"reconnect_min_ms", FIELD(reconnect_min_ms), 0},
    {"priority_share 101", FIELD(priority_share), 101},
};

static void numbers_out_of_bounds_are_refused_by_name(void **state)
{
    (void)state;
    char error[200];
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct ipc_operator r = good();
        memcpy((char *)&r + refusals[i].field, &refusals[i].value, sizeof(uint32_t));
        assert_null(create(&r, error));
        if (!strstr(error, refusals[i].word))
            fail_msg("\"%s\" does not name %s", error, refusals[i].word);
    }
}

static void malformed_texts_are_refused(void **state)
{
    (void)state;
    char error[200];
    struct ipc_operator r = good();
    r.system_type = (struct bytes){(const uint8_t *)"a\0b", 3};
    assert_null(create(&r, error));
    assert_non_null(strstr(error, "system_type"));
    static const char *const hosts[] = {"mno.example", ":2775",    "a:0",  "a:65536",
                                        "a:1,",        "a:1,,b:2", "a:+1", "a: 1"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        r = good();
        r.hosts = text(hosts[i]);
        bool trailing_comma = strcmp(hosts[i], "a:1,") == 0;
        struct operator_config *c = create(&r, error);
        assert_int_equal(c != NULL, trailing_comma);
        operator_config_destroy(&c);
    }
    r = good();
    r.pair_on = (struct bytes){(const uint8_t *)"\0\0\4", 3};
    assert_null(create(&r, error));
    assert_non_null(strstr(error, "pair_on"));
}

static void at_most_sixteen_hosts(void **state)
{
    (void)state;
    char error[200];
    char hosts[256] = "h:1";
    struct ipc_operator r = good();
    for (int i = 1; i < IPC_HOSTS_MAX; i++)
        strcat(hosts, ",h:1");
    r.hosts = text(hosts);
    struct operator_config *c = create(&r, error);
    assert_int_equal(c->host_count, IPC_HOSTS_MAX);
    operator_config_destroy(&c);
    strcat(hosts, ",h:1");
    r.hosts = text(hosts);
    assert_null(create(&r, error));
}

static void the_longest_wait_is_at_least_the_shortest(void **state)
{
    (void)state;
    char error[200];
    struct ipc_operator r = good();
    r.reconnect_max_ms = 1000;
    struct operator_config *c = create(&r, error);
    assert_int_equal(c->reconnect_max_ms, 5000);
    operator_config_destroy(&c);
}

static bool alike(const struct ipc_operator *changed)
{
    char error[200];
    struct ipc_operator r = good();
    r.hosts = text("a:1,b:2");
    struct operator_config *a = create(&r, error);
    struct operator_config *b = create(changed, error);
    assert_non_null(b);
    bool result = operator_config_binds_alike(a, b);
    operator_config_destroy(&a);
    operator_config_destroy(&b);
    return result;
}

static void what_a_bind_asks_for(void **state)
{
    (void)state;
    struct ipc_operator same = good();
    same.hosts = text("a:1,b:2");
    assert_true(alike(&same));
    struct ipc_operator r = same;
    r.name = text("Operator B");
    r.window_size = 7;
    r.bind_timeout_ms = 5000;
    assert_true(alike(&r));
    struct bytes *const texts[] = {&r.system_type,    &r.address_range, &r.local_address,
                                   &r.tls_ca_file,    &r.tls_cert_file, &r.tls_key_file,
                                   &r.tls_server_name};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        r = same;
        *texts[i] = text("x");
        assert_false(alike(&r));
    }
    static const char *const hosts[] = {"", "a:1", "a:1,b:3", "b:2,a:1", "a:1,b:2,c:3"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        r = same;
        r.hosts = text(hosts[i]);
        assert_false(alike(&r));
    }
    r = same;
    r.pair_on = (struct bytes){(const uint8_t *)"\0\0\0\4", 4};
    assert_false(alike(&r));
    uint8_t *const octets[] = {&r.addr_ton, &r.addr_npi, &r.tls};
    for (size_t i = 0; i < ARRAY_LEN(octets); i++) {
        r = same;
        *octets[i] = 1;
        assert_false(alike(&r));
    }
    r = same;
    r.tls_min_version = 0x0304;
    assert_false(alike(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_copy_outlives_the_record),
        cmocka_unit_test(numbers_out_of_bounds_are_refused_by_name),
        cmocka_unit_test(malformed_texts_are_refused),
        cmocka_unit_test(at_most_sixteen_hosts),
        cmocka_unit_test(what_a_bind_asks_for),
        cmocka_unit_test(the_longest_wait_is_at_least_the_shortest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
