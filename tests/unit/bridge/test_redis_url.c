/* Redis URLs and what INFO says. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "bridge/redis_info.h"
#include "bridge/redis_url.h"

static void test_good_urls(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct redis_url url;
    } cases[] = {
        {"redis://127.0.0.1:6379/0", {.host = "127.0.0.1", .port = 6379}},
        {"redis://h", {.host = "h", .port = 6379}},
        {"redis://h/", {.host = "h", .port = 6379}},
        {"redis://h:1/15", {.host = "h", .port = 1, .database = 15}},
        {"rediss://h:2", {.tls = true, .host = "h", .port = 2}},
        {"redis://[2001:db8::1]:7/1", {.host = "2001:db8::1", .port = 7, .database = 1}},
        {"redis://:p%40%2fss@h", {.host = "h", .port = 6379, .password = "p@/ss"}},
        {"redis://u:p@ss@h:3", {.host = "h", .port = 3, .user = "u", .password = "p@ss"}},
        {"redis://secret@h", {.host = "h", .port = 6379, .password = "secret"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct redis_url url;
        char error[200];
        assert_int_equal(redis_url_parse(cases[i].text, &url, error, sizeof(error)), 0);
        assert_string_equal(url.host, cases[i].url.host);
        assert_string_equal(url.user, cases[i].url.user);
        assert_string_equal(url.password, cases[i].url.password);
        assert_int_equal(url.port, cases[i].url.port);
        assert_int_equal(url.database, cases[i].url.database);
        assert_int_equal(url.tls, cases[i].url.tls);
    }
}

static void test_bad_urls_show_no_password(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "redis:/h",
        "redis://u:hidden@",
        "redis://u:hidden@h:x",
        "redis://u:hid%0@h",
        "redis://u:hidden%00@h",
        "redis://u:hidden@h/one",
        "redis://u:hidden@h/99999999",
        "http://u:hidden@h",
        "redis://u:hidden@[::1]6379",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct redis_url url;
        char error[200] = "";
        assert_int_equal(redis_url_parse(bad[i], &url, error, sizeof(error)), -1);
        assert_true(strlen(error) > 10);
        assert_null(strstr(error, "hidden"));
    }
}

static void test_info(void **state)
{
    (void)state;
    static const char master[] =
        "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n# Persistence\r\n"
        "loading:0\r\nasync_loading:0\r\n# Replication\r\nrole:master\r\n"
        "master_replid:def\r\nmaster_replid2:000\r\n";
    static const char replica[] = "run_id:abc\nloading:1\nrole:slave\nmaster_replid:def";
    struct redis_info info;
    redis_info_parse(master, strlen(master), &info);
    assert_string_equal(info.run_id, "abc/def");
    assert_false(info.loading || info.replica);
    redis_info_parse(replica, strlen(replica), &info);
    assert_string_equal(info.run_id, "abc/def");
    assert_true(info.loading && info.replica);
    redis_info_parse("", 0, &info);
    assert_string_equal(info.run_id, "");
    redis_info_parse("run_id", 6, &info);
    assert_string_equal(info.run_id, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_urls),
        cmocka_unit_test(test_bad_urls_show_no_password),
        cmocka_unit_test(test_info),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
