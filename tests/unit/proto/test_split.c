/* Cutting texts: vectors by hand, and what must hold for every text. */
#include "tests/unit/proto/proto_test.h"

#include "common/str.h"
#include "proto/grapheme.h"
#include "proto/message_text.h"
#include "proto/smpp.h"
#include "proto/split.h"
#include "proto/udh.h"
#include "tests/unit/proto/texts.h"

#define MAX_SEGMENTS 40

static uint8_t buffer[SPLIT_BUFFER_SIZE(SPLIT_SEGMENTS_MAX)];
static struct split_result result;
static char error[128];

static struct split_plan plan_of(enum split_concat concat)
{
    return (struct split_plan){.concat = concat, .max_segments = MAX_SEGMENTS, .reference = 0x1234};
}

static int split(const struct split_plan *plan, const char *text)
{
    return split_text(plan, text, strlen(text), buffer, sizeof(buffer), &result, error,
                      sizeof(error));
}

static const char *repeat(const char *piece, size_t times)
{
    static char text[8192];
    struct str_out o = str_out(text, sizeof(text));
    while (times-- > 0)
        str_puts(&o, piece);
    assert_false(o.cut);
    return text;
}

static void test_limits(void **state)
{
    (void)state;
    static const struct {
        const char *piece;
        size_t times;
        enum split_concat concat;
        unsigned count;
        size_t first, last; /* octets, headers included */
    } rows[] = {
        {"a", 160, SPLIT_UDH8, 1, 160, 160},
        {"a", 161, SPLIT_UDH8, 2, 6 + 153, 6 + 8},
        {"a", 306, SPLIT_UDH8, 2, 6 + 153, 6 + 153},
        {"a", 307, SPLIT_UDH8, 3, 6 + 153, 6 + 1},
        {"a", 304, SPLIT_UDH16, 2, 7 + 152, 7 + 152},
        {"a", 305, SPLIT_UDH16, 3, 7 + 152, 7 + 1},
        {"a", 304, SPLIT_SAR, 2, 152, 152},
        {"a", 160, SPLIT_PAYLOAD, 1, 160, 160},
        {"a", 400, SPLIT_PAYLOAD, 1, 400, 400},
        {"€", 80, SPLIT_UDH8, 1, 160, 160},
        {"€", 81, SPLIT_UDH8, 2, 6 + 152, 6 + 10},
        {"ж", 70, SPLIT_UDH8, 1, 140, 140},
        {"ж", 71, SPLIT_UDH8, 2, 6 + 134, 6 + 8},
        {"ж", 134, SPLIT_UDH8, 2, 6 + 134, 6 + 134},
        {"ж", 132, SPLIT_UDH16, 2, 7 + 132, 7 + 132},
        {"ж", 133, SPLIT_UDH16, 3, 7 + 132, 7 + 2},
        {"ж", 132, SPLIT_SAR, 2, 132, 132},
        {"😀", 35, SPLIT_UDH8, 1, 140, 140},
        {"😀", 36, SPLIT_UDH8, 2, 6 + 132, 6 + 12},
        {"ж", 200, SPLIT_PAYLOAD, 1, 400, 400},
        {"e\xCC\x81", 35, SPLIT_UDH8, 1, 140, 140},
        {"e\xCC\x81", 36, SPLIT_UDH8, 2, 6 + 132, 6 + 12},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct split_plan plan = plan_of(rows[i].concat);
        assert_int_equal(split(&plan, repeat(rows[i].piece, rows[i].times)), 0);
        check(result.count == rows[i].count, "row %zu: %u segments", i, result.count);
        check(result.segments[0].len == rows[i].first, "row %zu: first %zu", i,
              result.segments[0].len);
        size_t last = result.segments[result.count - 1].len;
        check(last == rows[i].last, "row %zu: last %zu", i, last);
        bool headers = rows[i].count > 1 && rows[i].concat <= SPLIT_UDH16;
        assert_int_equal(result.esm_class, headers ? SMPP_ESM_UDHI : 0);
        assert_int_equal(result.sar, rows[i].count > 1 && rows[i].concat == SPLIT_SAR);
        assert_int_equal(result.payload, rows[i].concat == SPLIT_PAYLOAD && rows[i].first > 160);
    }
}

static void test_choice_of_alphabet(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct split_plan plan;
        uint8_t data_coding;
        enum split_coding coding;
        struct gsm7_tables tables;
        const char *octets; /* hex of the one segment */
    } rows[] = {
        {"hello@", {0}, 0x00, SPLIT_CODED_GSM7, {0, 0}, "68656c6c6f00"},
        {"[€]", {0}, 0x00, SPLIT_CODED_GSM7, {0, 0}, "1b3c1b651b3e"},
        {"çê", {0}, 0x08, SPLIT_CODED_UCS2, {0, 0}, "00e700ea"},
        {"hello", {.request = SPLIT_UCS2}, 0x08, SPLIT_CODED_UCS2, {0, 0}, "00680065006c006c006f"},
        {"ok", {.flash = true}, 0x10, SPLIT_CODED_GSM7, {0, 0}, "6f6b"},
        {"ж", {.flash = true}, 0x18, SPLIT_CODED_UCS2, {0, 0}, "0436"},
        {"é[@",
         {.default_alphabet = SPLIT_ALPHABET_LATIN1},
         0x00,
         SPLIT_CODED_LATIN1,
         {0, 0},
         "e95b40"},
        {"ç", {.default_alphabet = SPLIT_ALPHABET_LATIN1}, 0x00, SPLIT_CODED_LATIN1, {0, 0}, "e7"},
        {"€", {.default_alphabet = SPLIT_ALPHABET_LATIN1}, 0x08, SPLIT_CODED_UCS2, {0, 0}, "20ac"},
        {"a@", {.default_alphabet = SPLIT_ALPHABET_ASCII}, 0x00, SPLIT_CODED_ASCII, {0, 0}, "6140"},
        {"é", {.default_alphabet = SPLIT_ALPHABET_ASCII}, 0x08, SPLIT_CODED_UCS2, {0, 0}, "00e9"},
        {"abc",
         {.default_alphabet = SPLIT_ALPHABET_LATIN1, .flash = true},
         0x10,
         SPLIT_CODED_LATIN1,
         {0, 0},
         "616263"},
        {"a@",
         {.default_alphabet = SPLIT_ALPHABET_LATIN1, .flash = true},
         0x18,
         SPLIT_CODED_UCS2,
         {0, 0},
         "00610040"},
        {"hellohello", {.packed = true}, 0x00, SPLIT_CODED_GSM7, {0, 0}, "e8329bfd4697d9ec37"},
        {"ş",
         {.languages = {GSM7_TURKISH}, .language_count = 1},
         0x00,
         SPLIT_CODED_GSM7,
         {GSM7_DEFAULT, GSM7_TURKISH},
         "032401011b73"},
        {"şşşş",
         {.languages = {GSM7_TURKISH}, .language_count = 1},
         0x00,
         SPLIT_CODED_GSM7,
         {GSM7_DEFAULT, GSM7_TURKISH},
         "032401011b731b731b731b73"},
        {"ê",
         {.languages = {GSM7_TURKISH, GSM7_PORTUGUESE}, .language_count = 2},
         0x00,
         SPLIT_CODED_GSM7,
         {GSM7_DEFAULT, GSM7_PORTUGUESE},
         "032401031b05"},
        {"á",
         {.languages = {GSM7_SPANISH}, .language_count = 1},
         0x00,
         SPLIT_CODED_GSM7,
         {GSM7_DEFAULT, GSM7_SPANISH},
         "032401021b61"},
        {"ب",
         {.languages = {GSM7_URDU}, .language_count = 1},
         0x00,
         SPLIT_CODED_GSM7,
         {GSM7_URDU, GSM7_DEFAULT},
         "0325010d02"},
        {"“ç”…", {.transliterate = true}, 0x00, SPLIT_CODED_GSM7, {0, 0}, "2263222e2e2e"},
        {"ç😀", {.transliterate = true}, 0x08, SPLIT_CODED_UCS2, {0, 0}, "00e7d83dde00"},
        {"", {0}, 0x00, SPLIT_CODED_GSM7, {0, 0}, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct split_plan plan = rows[i].plan;
        plan.max_segments = 1;
        assert_int_equal(split(&plan, rows[i].text), 0);
        char hex[512];
        str_hex_encode(result.segments[0].data, result.segments[0].len, hex);
        check(strcmp(hex, rows[i].octets) == 0, "row %zu: %s", i, hex);
        assert_int_equal(result.data_coding, rows[i].data_coding);
        assert_int_equal(result.coding, rows[i].coding);
        assert_memory_equal(&result.tables, &rows[i].tables, sizeof(result.tables));
    }
}

static void test_headers(void **state)
{
    (void)state;
    struct split_plan plan = plan_of(SPLIT_UDH8);
    assert_int_equal(split(&plan, repeat("a", 400)), 0);
    assert_int_equal(result.count, 3);
    assert_memory_equal(result.segments[0].data, "\x05\x00\x03\x34\x03\x01", 6);
    assert_memory_equal(result.segments[2].data, "\x05\x00\x03\x34\x03\x03", 6);
    plan.concat = SPLIT_UDH16;
    assert_int_equal(split(&plan, repeat("a", 400)), 0);
    assert_memory_equal(result.segments[1].data, "\x06\x08\x04\x12\x34\x03\x02", 7);
    plan.concat = SPLIT_SAR;
    assert_int_equal(split(&plan, repeat("a", 400)), 0);
    uint8_t tlvs[32];
    struct buf_writer w = buf_writer(tlvs, sizeof(tlvs));
    split_put_sar(&result, 2, &w);
    assert_int_equal(buf_written(&w), 16);
    assert_memory_equal(tlvs, "\x02\x0C\x00\x02\x12\x34\x02\x0E\x00\x01\x03\x02\x0F\x00\x01\x02",
                        16);
}

static void test_tables_and_several_segments(void **state)
{
    (void)state;
    struct split_plan plan = plan_of(SPLIT_UDH8);
    plan.languages[0] = GSM7_TURKISH;
    plan.language_count = 1;
    assert_int_equal(split(&plan, repeat("ğ", 155)),
                     0); /* locking: 160 less a header of 4 octets */
    assert_int_equal(result.count, 1);
    assert_int_equal(split(&plan, repeat("ğ", 156)), 0);
    assert_int_equal(result.count, 2);
    assert_int_equal(result.segments[0].len, 9 + 149);
    plan.concat = SPLIT_SAR; /* no header of ours beside sar_*: UCS2 */
    assert_int_equal(split(&plan, repeat("ğ", 156)), 0);
    assert_int_equal(result.coding, SPLIT_CODED_UCS2);
    assert_int_equal(split(&plan, repeat("ğ", 155)), 0);
    assert_int_equal(result.coding, SPLIT_CODED_GSM7);
    assert_int_equal(result.esm_class, SMPP_ESM_UDHI);
    assert_false(result.sar);
}

static void test_too_long_and_ill_formed(void **state)
{
    (void)state;
    struct split_plan plan = plan_of(SPLIT_UDH8);
    plan.max_segments = 3;
    assert_int_equal(split(&plan, repeat("a", 459)), 0);
    assert_int_equal(split(&plan, repeat("a", 460)), -1);
    assert_string_equal(error, "text needs more than 3 segments");
    plan.concat = SPLIT_PAYLOAD;
    assert_int_equal(split(&plan, repeat("a", 456)), 0);
    assert_int_equal(result.on_air, 3);
    assert_int_equal(result.count, 1);
    assert_int_equal(split(&plan, repeat("a", 457)), -1);
    assert_int_equal(split(&plan, "a\xFFz"), -1);
    assert_string_equal(error, "text is not valid UTF-8");
    assert_int_equal(split(&plan, "\xED\xA0\x80"), -1); /* a surrogate */
    plan.max_segments = 1;
    assert_int_equal(split_text(&plan, "hello", 5, buffer, 4, &result, error, sizeof(error)), -1);
}

static void test_a_cluster_longer_than_a_segment_is_cut_between_code_points(void **state)
{
    (void)state;
    struct split_plan plan = plan_of(SPLIT_UDH8);
    char text[1024];
    struct str_out o = str_out(text, sizeof(text));
    str_puts(&o, "ab");
    for (int i = 0; i < 200; i++)
        str_puts(&o, "\xCC\x81");
    assert_int_equal(split(&plan, text), 0);
    assert_int_equal(result.count, 4); /* 202 units of 67 */
    assert_int_equal(result.segments[0].len, 6 + 134);
}

static void test_flags_and_families_stay_together(void **state)
{
    (void)state;
    static const char *const clusters[] = {
        "🇦🇫", "👨‍👩‍👧‍👦", "👍🏽", "\r\n", "षि", "❤️"};
    struct split_plan plan = plan_of(SPLIT_UDH8);
    plan.request = SPLIT_UCS2;
    for (size_t i = 0; i < ARRAY_LEN(clusters); i++) {
        for (size_t before = 0; before < 80; before++) {
            char text[1024];
            struct str_out o = str_out(text, sizeof(text));
            str_puts(&o, repeat("x", before));
            str_puts(&o, clusters[i]);
            str_puts(&o, repeat("y", 80));
            assert_int_equal(split(&plan, text), 0);
            bool whole = false;
            for (unsigned k = 0; k < result.count; k++) {
                struct message_text_alphabet alphabet = {0};
                char part[1024];
                size_t n = message_text_decode(alphabet, result.data_coding, result.segments[k], 6,
                                               result.tables, part, sizeof(part) - 1);
                part[n] = '\0';
                whole = whole || strstr(part, clusters[i]) != NULL;
            }
            check(whole, "cluster %zu behind %zu", i, before);
        }
    }
}

static void test_binary(void **state)
{
    (void)state;
    static uint8_t data[1000];
    struct split_plan plan = plan_of(SPLIT_UDH8);
    static const struct {
        size_t len;
        uint8_t coding;
        enum split_concat concat;
        unsigned count;
        size_t first;
    } rows[] = {
        {140, 4, SPLIT_UDH8, 1, 140},    {141, 4, SPLIT_UDH8, 2, 140}, {268, 4, SPLIT_UDH8, 2, 140},
        {269, 4, SPLIT_UDH8, 3, 140},    {140, 4, SPLIT_SAR, 1, 140},  {266, 4, SPLIT_SAR, 2, 133},
        {500, 4, SPLIT_PAYLOAD, 1, 500}, {160, 0, SPLIT_UDH8, 1, 160}, {161, 0, SPLIT_UDH8, 2, 159},
        {142, 8, SPLIT_UDH16, 2, 139},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        plan.concat = rows[i].concat;
        struct bytes b = {.data = data, .len = rows[i].len};
        assert_int_equal(split_binary(&plan, b, rows[i].coding, buffer, sizeof(buffer), &result,
                                      error, sizeof(error)),
                         0);
        check(result.count == rows[i].count, "row %zu: %u", i, result.count);
        check(result.segments[0].len == rows[i].first, "row %zu: %zu", i, result.segments[0].len);
        assert_int_equal(result.data_coding, rows[i].coding);
    }
    plan.max_segments = 2;
    struct bytes b = {.data = data, .len = 500};
    assert_int_equal(
        split_binary(&plan, b, 4, buffer, sizeof(buffer), &result, error, sizeof(error)), -1);
    assert_string_equal(error, "dataHex needs more than 2 segments");
}

/* --- what holds for every text --- */

static size_t limit_of(const struct split_result *r, size_t header)
{
    if (r->coding == SPLIT_CODED_UCS2)
        return 140;
    return header + 160 - (header * 8 + 6) / 7;
}

static void check_plan(const struct split_plan *plan, const char *text, size_t len)
{
    static char joined[16384];
    size_t joined_len = 0;
    assert_int_equal(
        split_text(plan, text, len, buffer, sizeof(buffer), &result, error, sizeof(error)), 0);
    assert_true(result.count >= 1 && result.count <= SPLIT_SEGMENTS_MAX);
    for (unsigned k = 0; k < result.count; k++) {
        struct udh udh = {0};
        struct bytes s = result.segments[k];
        if (result.esm_class & SMPP_ESM_UDHI) {
            assert_true(udh_parse(s, &udh));
            assert_int_equal(udh.has_concat, result.count > 1);
            assert_memory_equal(&udh.tables, &result.tables, sizeof(udh.tables));
            assert_true(result.count == 1 || (udh.part == k + 1 && udh.total == result.count));
        }
        if (!result.payload)
            check(plan->packed ? s.len <= 140 : s.len <= limit_of(&result, udh.length),
                  "segment %u of %zu octets", k, s.len);
        struct message_text_alphabet alphabet = {.default_alphabet = plan->default_alphabet,
                                                 .packed = plan->packed};
        size_t n = message_text_decode(alphabet, result.data_coding, s, udh.length, udh.tables,
                                       joined + joined_len, sizeof(joined) - joined_len);
        assert_true(str_utf8_valid(joined + joined_len, n));
        joined_len += n;
    }
    bool exact = joined_len == len && memcmp(joined, text, len) == 0;
    check(exact || result.transliterated, "\"%.*s\" became \"%.*s\"", (int)len, text,
          (int)joined_len, joined);
}

static void check_text(const char *text, size_t len, void *context)
{
    (void)context;
    static const struct split_plan plans[] = {
        {.concat = SPLIT_UDH8},
        {.concat = SPLIT_UDH16},
        {.concat = SPLIT_SAR},
        {.concat = SPLIT_PAYLOAD},
        {.concat = SPLIT_UDH8, .request = SPLIT_UCS2},
        {.concat = SPLIT_UDH8, .packed = true},
        {.concat = SPLIT_UDH16, .packed = true},
        {.concat = SPLIT_PAYLOAD, .packed = true},
        {.concat = SPLIT_UDH8, .transliterate = true},
        {.concat = SPLIT_UDH8, .default_alphabet = SPLIT_ALPHABET_LATIN1},
        {.concat = SPLIT_UDH8, .default_alphabet = SPLIT_ALPHABET_ASCII, .flash = true},
        {.concat = SPLIT_UDH8,
         .languages = {GSM7_TURKISH, GSM7_SPANISH, GSM7_PORTUGUESE, GSM7_URDU},
         .language_count = 4},
        {.concat = SPLIT_UDH16,
         .packed = true,
         .languages = {GSM7_URDU, GSM7_PORTUGUESE},
         .language_count = 2},
    };
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        struct split_plan plan = plans[i];
        plan.max_segments = SPLIT_SEGMENTS_MAX;
        check_plan(&plan, text, len);
    }
}

static void test_every_text_comes_back(void **state)
{
    (void)state;
    print_message("%zu texts\n", texts_each(check_text, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_choice_of_alphabet),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_tables_and_several_segments),
        cmocka_unit_test(test_too_long_and_ill_formed),
        cmocka_unit_test(test_a_cluster_longer_than_a_segment_is_cut_between_code_points),
        cmocka_unit_test(test_flags_and_families_stay_together),
        cmocka_unit_test(test_binary),
        cmocka_unit_test(test_every_text_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
