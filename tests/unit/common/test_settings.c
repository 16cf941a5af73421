/* Three sources, bounds, errors that name the setting, reloading. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/log.h"
#include "common/settings.h"

struct example {
    char *url, *token, *subject;
    int64_t window, start, untold;
    bool strict;
};

static const struct setting table[] = {
    {.name = "T_URL",
     .type = SETTING_STRING,
     .offset = offsetof(struct example, url),
     .default_text = "nats://127.0.0.1:4222",
     .min = 3,
     .max = 40,
     .has_user = true,
     .meaning = "where the server is"},
    {.name = "T_TOKEN",
     .type = SETTING_STRING,
     .offset = offsetof(struct example, token),
     .secret = true,
     .required = true,
     .reloadable = true,
     .meaning = "a secret"},
    {.name = "T_SUBJECT",
     .type = SETTING_STRING,
     .offset = offsetof(struct example, subject),
     .default_text = "a.b",
     .meaning = "a subject"},
    {.name = "T_WINDOW",
     .type = SETTING_INT,
     .offset = offsetof(struct example, window),
     .default_text = "100",
     .min = 1,
     .max = 1000,
     .reloadable = true,
     .meaning = "unanswered"},
    {.name = "T_START",
     .type = SETTING_CHOICE,
     .offset = offsetof(struct example, start),
     .default_text = "",
     .choices = ",all,new",
     .meaning = "from where"},
    {.name = "T_UNTOLD",
     .type = SETTING_INT,
     .offset = offsetof(struct example, untold),
     .min = -5,
     .max = 5,
     .meaning = "no default"},
    {.name = "T_STRICT",
     .type = SETTING_BOOL,
     .offset = offsetof(struct example, strict),
     .default_text = "on",
     .reloadable = true,
     .meaning = "whether"},
};
enum { COUNT = ARRAY_LEN(table) };

static char logged[8192];

static void capture(const char *line)
{
    strncat(logged, line, sizeof(logged) - strlen(logged) - 1);
}

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        unsetenv(table[i].name);
    logged[0] = 0;
    log_capture_for_test(capture);
    return 0;
}

static int load(const char *file, struct example *out, char error[256])
{
    error[0] = 0;
    return settings_load(table, COUNT, file, out, error, 256);
}

static void test_environment_then_file_then_default(void **state)
{
    (void)state;
    struct example s;
    char error[256];
    setenv("T_WINDOW", "7", 1);
    const char *file = "# comment\n\n  T_TOKEN = hush hush \r\nT_WINDOW=8\n\tT_START=new\n"
                       "T_STRICT=OFF\nT_UNTOLD=-5";
    assert_int_equal(load(file, &s, error), 0);
    assert_string_equal(s.url, "nats://127.0.0.1:4222");
    assert_string_equal(s.token, "hush hush");
    assert_int_equal(s.window, 7);
    assert_int_equal(s.start, 2);
    assert_int_equal(s.untold, -5);
    assert_false(s.strict);
    settings_free(table, COUNT, &s);
    assert_null(s.url);
    assert_int_equal(s.window, 0);
}

static void test_empty_values(void **state)
{
    (void)state;
    struct example s;
    char error[256];
    assert_int_equal(load("T_TOKEN=x\nT_SUBJECT=\nT_START=\n", &s, error), 0);
    assert_null(s.subject);
    assert_int_equal(s.start, 0);
    assert_int_equal(s.untold, 0);
    settings_free(table, COUNT, &s);
}

static void test_errors_name_the_setting(void **state)
{
    (void)state;
    static const struct {
        const char *file, *error;
    } cases[] = {
        {"", "T_TOKEN is required"},
        {"T_TOKEN=", "T_TOKEN is required and empty (settings file)"},
        {"T_TOKEN=x\nT_WINDOW=0", "T_WINDOW (settings file): \"0\" is not within 1 … 1000"},
        {"T_TOKEN=x\nT_WINDOW=1001", "T_WINDOW (settings file): \"1001\" is not within 1 … 1000"},
        {"T_TOKEN=x\nT_WINDOW=ten", "T_WINDOW (settings file): \"ten\" is not within 1 … 1000"},
        {"T_TOKEN=x\nT_WINDOW=1 0", "T_WINDOW (settings file): \"1 0\" is not within 1 … 1000"},
        {"T_TOKEN=x\nT_WINDOW=", "T_WINDOW (settings file): \"\" is not within 1 … 1000"},
        {"T_TOKEN=x\nT_WINDOW=99999999999999999999",
         "T_WINDOW (settings file): \"99999999999999999999\" is not within 1 … 1000"},
        {"T_TOKEN=x\nT_STRICT=perhaps",
         "T_STRICT (settings file): \"perhaps\" is not one of: on, off"},
        {"T_TOKEN=x\nT_START=al",
         "T_START (settings file): \"al\" is not one of: (empty), all, new"},
        {"T_TOKEN=x\nT_START=all,new",
         "T_START (settings file): \"all,new\" is not one of: (empty), all, new"},
        {"T_TOKEN=x\nT_URL=ab", "T_URL (settings file): has 2 bytes, needs 3 to 40"},
        {"T_TOKEN=x\nT_URL=12345678901234567890123456789012345678901",
         "T_URL (settings file): has 41 bytes, needs 3 to 40"},
        {"T_TOKEN=x\nT_TYPO=1", "settings file, line 2: there is no setting T_TYPO"},
        {"T_TOKEN=x\n\nT_TOKEN=y", "settings file, line 3: T_TOKEN is set in line 1 too"},
        {"T_TOKEN=x\nhunter2", "settings file, line 2: not NAME=value"},
        {"=x", "settings file, line 1: there is no setting "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct example s;
        char error[256];
        assert_int_equal(load(cases[i].file, &s, error), -1);
        assert_string_equal(error, cases[i].error);
        assert_null(s.url);
        assert_null(s.token);
    }
}

static void test_a_wrong_value_of_the_environment(void **state)
{
    (void)state;
    struct example s;
    char error[256];
    setenv("T_WINDOW", "-1", 1);
    assert_int_equal(load("T_TOKEN=x", &s, error), -1);
    assert_string_equal(error, "T_WINDOW (environment): \"-1\" is not within 1 … 1000");
}

static void print(void (*fn)(FILE *, const struct example *), const struct example *s,
                  char out[2048])
{
    FILE *f = fmemopen(out, 2048, "w");
    fn(f, s);
    fclose(f);
}

static void print_effective(FILE *f, const struct example *s)
{
    settings_print_effective(table, COUNT, s, f);
}

static void print_table(FILE *f, const struct example *s)
{
    (void)s;
    settings_print_table(table, COUNT, f);
}

static void test_printing_masks_secrets(void **state)
{
    (void)state;
    struct example s;
    char error[256], out[2048];
    assert_int_equal(load("T_TOKEN=hunter2\nT_START=all", &s, error), 0);
    print(print_effective, &s, out);
    assert_string_equal(out, "T_URL=nats://127.0.0.1:4222\nT_TOKEN=***\nT_SUBJECT=a.b\n"
                             "T_WINDOW=100\nT_START=all\nT_UNTOLD=0\nT_STRICT=on\n");
    print(print_table, &s, out);
    assert_non_null(strstr(out, "| name | default | bounds | reloadable | meaning |\n"));
    assert_non_null(strstr(out, "| T_WINDOW | 100 | 1 … 1000 | yes | unanswered |\n"));
    assert_non_null(strstr(out, "| T_TOKEN | required |"));
    settings_free(table, COUNT, &s);
}

static void test_who_logs_in_is_not_shown(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"nats://a:secret@h:1", "T_URL=nats://***@h:1\n"},
        {"nats://a:secret@h:1,nats://a:secret@i:2", "T_URL=nats://***@i:2\n"},
        {"a:secret@h", "T_URL=***@h\n"},
        {"nats://a:se@cret@h,i", "T_URL=nats://***@h,i\n"},
        {"nats://h:1,tls://i:2", "T_URL=nats://h:1,tls://i:2\n"},
    };
    struct example s, fresh;
    char error[256], out[2048];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        setenv("T_URL", rows[i][0], 1);
        assert_int_equal(load("T_TOKEN=hunter2", &s, error), 0);
        print(print_effective, &s, out);
        if (strncmp(out, rows[i][1], strlen(rows[i][1])) != 0)
            fail_msg("%s: %s", rows[i][0], out);
        setenv("T_URL", "nats://b:hidden@h", 1);
        assert_int_equal(load("T_TOKEN=hunter2", &fresh, error), 0);
        settings_apply_reloadable(table, COUNT, &s, &fresh);
        settings_free(table, COUNT, &s);
        settings_free(table, COUNT, &fresh);
    }
    assert_non_null(strstr(logged, "needs a restart\",\"setting\":\"T_URL\""));
    assert_null(strstr(logged, "secret"));
    assert_null(strstr(logged, "hidden"));
}

static void test_reloading_takes_what_is_reloadable(void **state)
{
    (void)state;
    struct example live, fresh;
    char error[256];
    assert_int_equal(load("T_TOKEN=one", &live, error), 0);
    assert_int_equal(load("T_TOKEN=one", &fresh, error), 0);
    assert_false(settings_apply_reloadable(table, COUNT, &live, &fresh));
    assert_string_equal(logged, "");
    settings_free(table, COUNT, &fresh);

    assert_int_equal(load("T_TOKEN=two\nT_WINDOW=5\nT_SUBJECT=c\nT_STRICT=off", &fresh, error), 0);
    assert_true(settings_apply_reloadable(table, COUNT, &live, &fresh));
    settings_free(table, COUNT, &fresh);
    assert_string_equal(live.token, "two");
    assert_int_equal(live.window, 5);
    assert_false(live.strict);
    assert_string_equal(live.subject, "a.b");
    assert_non_null(strstr(logged, "\"setting\":\"T_WINDOW\",\"from\":\"100\",\"to\":\"5\""));
    assert_non_null(strstr(logged, "needs a restart\",\"setting\":\"T_SUBJECT\""));
    assert_non_null(strstr(logged, "\"setting\":\"T_TOKEN\",\"from\":\"***\",\"to\":\"***\""));
    assert_null(strstr(logged, "two"));

    logged[0] = 0;
    assert_int_equal(load("T_TOKEN=two\nT_SUBJECT=c\nT_WINDOW=5\nT_STRICT=off", &fresh, error), 0);
    assert_false(settings_apply_reloadable(table, COUNT, &live, &fresh));
    settings_free(table, COUNT, &fresh);
    settings_free(table, COUNT, &live);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup(fn, setup)
    const struct CMUnitTest tests[] = {
        TEST(test_environment_then_file_then_default),
        TEST(test_empty_values),
        TEST(test_errors_name_the_setting),
        TEST(test_a_wrong_value_of_the_environment),
        TEST(test_printing_masks_secrets),
        TEST(test_who_logs_in_is_not_shown),
        TEST(test_reloading_takes_what_is_reloadable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
