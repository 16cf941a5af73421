/* GSM 7, UCS2, headers, transliteration and graphemes: the letters by themselves. */
#include "tests/unit/proto/proto_test.h"

#include "common/str.h"
#include "proto/grapheme.h"
#include "proto/gsm7.h"
#include "proto/message_text.h"
#include "proto/translit.h"
#include "proto/ucs2.h"
#include "proto/udh.h"
#include "tests/unit/proto/texts.h"

static const struct gsm7_tables all_tables[] = {
    {GSM7_DEFAULT, GSM7_DEFAULT},       {GSM7_DEFAULT, GSM7_TURKISH}, {GSM7_DEFAULT, GSM7_SPANISH},
    {GSM7_DEFAULT, GSM7_PORTUGUESE},    {GSM7_DEFAULT, GSM7_URDU},    {GSM7_TURKISH, GSM7_DEFAULT},
    {GSM7_PORTUGUESE, GSM7_PORTUGUESE}, {GSM7_URDU, GSM7_URDU},       {GSM7_TURKISH, GSM7_URDU},
};

static void test_every_character_comes_back(void **state)
{
    (void)state;
    /* How many characters each pair of tables can write, counted in TS 23.038. */
    static const size_t counts[] = {137, 144, 146, 157, 169, 136, 139, 215, 170};
    for (size_t t = 0; t < ARRAY_LEN(all_tables); t++) {
        size_t count = 0;
        for (uint32_t cp = 1; cp < 0x11000; cp++) {
            uint8_t septets[2];
            size_t n = gsm7_put(all_tables[t], cp, septets);
            if (n == 0)
                continue;
            count++;
            assert_true(septets[0] < 0x80 && (n == 2) == (septets[0] == GSM7_ESCAPE));
            char expected[STR_UTF8_MAX], text[8];
            size_t len = gsm7_decode(all_tables[t], septets, n, text, sizeof(text));
            check(len == str_utf8_put(cp, expected) && memcmp(text, expected, len) == 0,
                  "U+%04X with tables %zu", cp, t);
        }
        check(count == counts[t], "tables %zu write %zu characters", t, count);
    }
}

static void test_the_default_alphabet(void **state)
{
    (void)state;
    static const char first[] = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ";
    static const char rest[] = "ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
    uint8_t septets[128];
    size_t count;
    assert_true(gsm7_encode(all_tables[0], first, strlen(first), septets, 128, &count));
    assert_int_equal(count, 27);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(septets[i], i);
    assert_true(gsm7_encode(all_tables[0], rest, strlen(rest), septets, 128, &count));
    assert_int_equal(count, 100);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(septets[i], i + 28);
    static const char extension[] = "\f^{}\\[~]|€";
    assert_true(gsm7_encode(all_tables[0], extension, strlen(extension), septets, 128, &count));
    assert_int_equal(count, 20);
    assert_memory_equal(septets,
                        "\x1B\x0A\x1B\x14\x1B\x28\x1B\x29\x1B\x2F\x1B\x3C\x1B\x3D\x1B\x3E\x1B\x40"
                        "\x1B\x65",
                        20);
    assert_false(gsm7_encode(all_tables[0], "ab", 2, septets, 1, &count));
    assert_false(gsm7_encode(all_tables[0], "€", 3, septets, 1, &count));
    assert_false(gsm7_encode(all_tables[0], "\x1B", 1, septets, 128, &count));
    assert_false(gsm7_encode(all_tables[0], "\xFF", 1, septets, 128, &count));
}

/* Eight at a time: one that ends the run, anywhere among letters. */
static void test_runs(void **state)
{
    (void)state;
    uint8_t septets[20], pair[2];
    for (unsigned c = 0; c <= UINT8_MAX; c++) {
        for (size_t at = 0; at < sizeof(septets); at++) {
            char text[sizeof(septets)];
            memset(text, 'x', sizeof(text));
            text[at] = (char)c;
            bool plain = c >= 0x20 && c < 0x7F && gsm7_put(all_tables[0], c, pair) == 1;
            size_t expected = plain ? sizeof(text) : at;
            check(gsm7_put_run(text, sizeof(text), NULL) == expected, "0x%02X at %zu", c, at);
            check(gsm7_put_run(text, sizeof(text), septets) == expected, "0x%02X at %zu", c, at);
            for (size_t i = 0; i < expected; i++)
                assert_int_equal(septets[i], i == at ? pair[0] : 'x');
        }
    }
}

static void test_national_letters(void **state)
{
    (void)state;
    static const struct {
        struct gsm7_tables tables;
        const char *text;
        const char *hex;
    } rows[] = {
        {{GSM7_DEFAULT, GSM7_TURKISH}, "ĞİŞçğış", "1b471b491b531b631b671b691b73"},
        {{GSM7_TURKISH, GSM7_DEFAULT}, "€ıĞğŞşİç", "04070b0c1c1d4060"},
        {{GSM7_DEFAULT, GSM7_SPANISH}, "çÁÍÓÚáíóú", "1b091b411b491b4f1b551b611b691b6f1b75"},
        {{GSM7_DEFAULT, GSM7_PORTUGUESE}, "êçÔôÁáÊ", "1b051b091b0b1b0c1b0e1b0f1b1f"},
        {{GSM7_PORTUGUESE, GSM7_DEFAULT},
         "êçÔôÁáªÀ∞^\\€Ó|",
         "0409"
         "0b0c0e0f1214151617"
         "18191a"},
        {{GSM7_URDU, GSM7_DEFAULT}, "اآب،", NULL},
        {{GSM7_URDU, GSM7_URDU}, "اآب،۰", "0001021b261b1c"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t septets[64];
        char hex[129];
        size_t count;
        bool ok = gsm7_encode(rows[i].tables, rows[i].text, strlen(rows[i].text), septets,
                              sizeof(septets), &count);
        check(ok == (rows[i].hex != NULL), "row %zu", i);
        if (!ok)
            continue;
        str_hex_encode(septets, count, hex);
        check(strcmp(hex, rows[i].hex) == 0, "row %zu: %s", i, hex);
    }
}

static void test_unknown_escapes(void **state)
{
    (void)state;
    static const struct {
        const char *septets;
        size_t count;
        const char *text;
    } rows[] = {
        {"\x1B\x61", 2, "a"}, /* no such entry: the base character */
        {"\x1B\x1B", 2, " "}, {"a\x1B", 2, "a"}, {"\xE1", 1, "a"}, /* the top bit is ignored */
        {"\x1B\x65", 2, "€"}, {"\x00", 1, "@"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[16];
        size_t len = gsm7_decode(all_tables[0], (const uint8_t *)rows[i].septets, rows[i].count,
                                 text, sizeof(text));
        check(len == strlen(rows[i].text) && memcmp(text, rows[i].text, len) == 0, "row %zu", i);
    }
    char text[4];
    assert_int_equal(gsm7_decode(all_tables[0], (const uint8_t *)"a\x1B\x65z", 4, text, 3), 1);
}

static void test_packing(void **state)
{
    (void)state;
    static const struct {
        const char *septets;
        unsigned fill;
        const char *hex;
    } rows[] = {
        {"", 0, ""},
        {"a", 0, "61"},
        {"hello", 0, "e8329bfd06"},
        {"1234567", 0, "31d98c56b3dd1a"}, /* seven spare bits: CR instead of '@' */
        {"12345678", 0, "31d98c56b3dd70"},
        {"hello", 1, "d06536fb0d"}, /* behind the usual header of 6 octets */
        {"a", 6, "4018"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t packed[32], septets[40];
        char hex[65];
        size_t len, count = strlen(rows[i].septets);
        assert_true(gsm7_pack((const uint8_t *)rows[i].septets, count, rows[i].fill, packed,
                              sizeof(packed), &len));
        str_hex_encode(packed, len, hex);
        check(strcmp(hex, rows[i].hex) == 0, "row %zu: %s", i, hex);
        assert_int_equal(gsm7_unpack(packed, len, rows[i].fill, septets), count);
        assert_memory_equal(septets, rows[i].septets, count);
    }
    uint8_t small[4];
    size_t len;
    assert_false(gsm7_pack((const uint8_t *)"hello", 5, 0, small, sizeof(small), &len));
    static const unsigned fill[] = {0, 6, 5, 4, 3, 2, 1, 0, 6};
    for (size_t header = 0; header < ARRAY_LEN(fill); header++)
        assert_int_equal(gsm7_fill_bits(header), fill[header]);
}

static void test_packing_every_length(void **state)
{
    (void)state;
    for (unsigned fill = 0; fill < 7; fill++) {
        for (size_t count = 0; count <= 170; count++) {
            uint8_t septets[170], packed[160], back[190];
            for (size_t i = 0; i < count; i++)
                septets[i] = (uint8_t)((i * 37 + count) % 127 + 1);
            if (count > 0 && septets[count - 1] == '\r')
                septets[count - 1] = 'x';
            size_t len;
            assert_true(gsm7_pack(septets, count, fill, packed, sizeof(packed), &len));
            assert_int_equal(len, gsm7_packed_size(count, fill));
            assert_true(gsm7_unpacked_max(len, fill) <= sizeof(back));
            size_t n = gsm7_unpack(packed, len, fill, back);
            check(n == count && memcmp(back, septets, n) == 0, "%zu septets, %u bits", count, fill);
            if (fill > 0)
                continue;
            uint8_t in_place[170];
            memcpy(in_place, septets, count);
            assert_true(gsm7_pack(in_place, count, 0, in_place, sizeof(in_place), &len));
            assert_memory_equal(in_place, packed, len);
        }
    }
}

static void check_ucs2(const char *text, size_t len, void *context)
{
    (void)context;
    static uint8_t units[8192];
    static char back[12288];
    size_t octets;
    assert_true(ucs2_encode(text, len, units, sizeof(units), &octets));
    assert_int_equal(octets % 2, 0);
    assert_int_equal(ucs2_decode(units, octets, back, sizeof(back)), len);
    assert_memory_equal(back, text, len);
}

static void test_ucs2(void **state)
{
    (void)state;
    texts_each(check_ucs2, NULL);
    static const struct {
        struct bytes units;
        const char *text;
    } rows[] = {
        {BYTES("\xD8\x3D\xDE\x00"), "😀"},
        {BYTES("\xD8\x3D"), "\xEF\xBF\xBD"},
        {BYTES("\xD8\x3D\x00"
               "a"),
         "\xEF\xBF\xBD"
         "a"},
        {BYTES("\xDE\x00\xD8\x3D"), "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {BYTES("\x00"
               "a\x00"),
         "a\xEF\xBF\xBD"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[16];
        size_t len = ucs2_decode(rows[i].units.data, rows[i].units.len, text, sizeof(text));
        check(len == strlen(rows[i].text) && memcmp(text, rows[i].text, len) == 0, "row %zu", i);
    }
    uint8_t units[3];
    size_t len;
    assert_false(ucs2_encode("ab", 2, units, sizeof(units), &len));
    assert_false(ucs2_encode("\xFF", 1, units, sizeof(units), &len));
}

static void test_headers(void **state)
{
    (void)state;
    static const struct {
        struct bytes message;
        bool header;
        size_t length;
        int part; /* 0: not concatenated */
    } rows[] = {
        {BYTES("\x05\x00\x03\xAB\x02\x01text"), true, 6, 1},
        {BYTES("\x06\x08\x04\x12\x34\x02\x02text"), true, 7, 2},
        {BYTES("\x00text"), true, 1, 0},
        {BYTES("\x05\x00\x03\xAB\x02\x00text"), true, 6, 0}, /* part 0 */
        {BYTES("\x05\x00\x03\xAB\x02\x03text"), true, 6, 0}, /* beyond the total */
        {BYTES("\x05\x00\x03\xAB\x00\x00text"), true, 6, 0},
        {BYTES("\x05\x08\x03\xAB\x02\x01text"), true, 6, 0}, /* wrong size */
        {BYTES("\x05\x00\x09\xAB\x02\x01text"), true, 6, 0}, /* cut short */
        {BYTES("\x0B\x05\x04\x0B\x84\x23\xF0\x00\x03\x01\x03\x02text"), true, 12, 2}, /* ports */
        {BYTES("\x20\x00\x03"), false, 0, 0},
        {BYTES(""), false, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct udh udh;
        check(udh_parse(rows[i].message, &udh) == rows[i].header, "row %zu", i);
        if (!rows[i].header)
            continue;
        check(udh.length == rows[i].length, "row %zu", i);
        check(udh.has_concat == (rows[i].part > 0), "row %zu", i);
        assert_true(!udh.has_concat || udh.part == rows[i].part);
    }
}

static void test_headers_come_back(void **state)
{
    (void)state;
    for (size_t t = 0; t < ARRAY_LEN(all_tables); t++) {
        for (int concat = 0; concat < 3; concat++) {
            struct udh udh = {.has_concat = concat > 0,
                              .wide = concat == 2,
                              .reference = concat == 2   ? 0x1234
                                           : concat == 1 ? 0x34
                                                         : 0,
                              .total = concat ? 255 : 0,
                              .part = concat ? 17 : 0,
                              .tables = all_tables[t]};
            uint8_t octets[UDH_MAX];
            size_t len = udh_build(&udh, octets);
            assert_int_equal(udh_size(&udh), len);
            struct udh back;
            if (len == 0) {
                assert_true(t == 0 && concat == 0);
                continue;
            }
            assert_true(udh_parse((struct bytes){.data = octets, .len = len}, &back));
            assert_int_equal(back.length, len);
            assert_int_equal(back.has_concat, udh.has_concat);
            assert_int_equal(back.wide, udh.wide);
            assert_int_equal(back.reference, udh.reference);
            assert_int_equal(back.part, udh.part);
            assert_memory_equal(&back.tables, &udh.tables, sizeof(udh.tables));
        }
    }
}

static void test_languages(void **state)
{
    (void)state;
    enum gsm7_language language;
    assert_true(gsm7_language_parse("Turkish", 7, &language));
    assert_int_equal(language, GSM7_TURKISH);
    assert_false(gsm7_language_parse("klingon", 7, &language));
    assert_false(gsm7_has_locking(GSM7_SPANISH));
    assert_true(gsm7_has_locking(GSM7_URDU));
}

/* Every replacement must be writable, or transliteration would promise what it cannot keep. */
static void test_transliterations_are_in_the_alphabet(void **state)
{
    (void)state;
    size_t count = 0;
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        const char *text = translit_gsm7(cp);
        if (!text)
            continue;
        uint8_t septets[16];
        size_t n;
        check(gsm7_encode(all_tables[0], text, strlen(text), septets, sizeof(septets), &n),
              "U+%04X becomes %s", cp, text);
        check(gsm7_put(all_tables[0], cp, septets) == 0, "U+%04X needs no replacement", cp);
        count++;
    }
    assert_true(count > 700);
    static const char *const rows[][2] = {
        {"ç", "c"},           {"“", "\""},       {"—", "-"},  {"…", "..."}, {"ş", "s"},
        {"Ł", "L"},           {"œ", "oe"},       {"ﬁ", "fi"}, {"ệ", "e"},   {"™", "(TM)"},
        {"\xE2\x80\x8B", ""}, {"\xC2\xA0", " "}, {"Α", "A"},  {"ω", "Ω"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *pos = rows[i][0];
        uint32_t cp = str_utf8_next(&pos, pos + strlen(pos));
        const char *text = translit_gsm7(cp);
        check(text && strcmp(text, rows[i][1]) == 0, "%s", rows[i][0]);
    }
    assert_null(translit_gsm7(0x1F600));
    assert_null(translit_gsm7(0x0633));
}

static void test_graphemes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t first; /* octets of the first cluster */
    } rows[] = {
        {"ab", 1},
        {"e\xCC\x81x", 3},
        {"\r\nx", 2},
        {"\n\rx", 1},
        {"🇦🇫🇮🇷", 8},
        {"👍🏽x", 8},
        {"👨‍👩‍👧x", 18},
        {"❤️x", 6},
        {"\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xABx", 9}, /* conjoining jamo */
        {"بَّx", 6},
        {"x\xE2\x80\x8D", 4},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *end = rows[i].text + strlen(rows[i].text);
        size_t len = (size_t)(grapheme_end(rows[i].text, end) - rows[i].text);
        check(len == rows[i].first, "row %zu: %zu", i, len);
    }
    assert_true(grapheme_extends(0x0301));
    assert_true(grapheme_extends(0xE0100));
    assert_false(grapheme_extends('a'));
    assert_false(grapheme_extends(0x10FFFF));
}

static void test_data_codings(void **state)
{
    (void)state;
    static const struct {
        uint8_t coding;
        enum message_text_kind kind;
    } rows[] = {
        {0x00, MESSAGE_TEXT_DEFAULT}, {0x01, MESSAGE_TEXT_ASCII},   {0x02, MESSAGE_TEXT_BINARY},
        {0x03, MESSAGE_TEXT_LATIN1},  {0x04, MESSAGE_TEXT_BINARY},  {0x08, MESSAGE_TEXT_UCS2},
        {0x0D, MESSAGE_TEXT_BINARY},  {0x10, MESSAGE_TEXT_DEFAULT}, {0x14, MESSAGE_TEXT_BINARY},
        {0x18, MESSAGE_TEXT_UCS2},    {0xC8, MESSAGE_TEXT_DEFAULT}, {0xE0, MESSAGE_TEXT_UCS2},
        {0xF0, MESSAGE_TEXT_DEFAULT}, {0xF5, MESSAGE_TEXT_BINARY},  {0x80, MESSAGE_TEXT_BINARY},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(message_text_kind(rows[i].coding) == rows[i].kind, "0x%02X", rows[i].coding);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_character_comes_back),
        cmocka_unit_test(test_the_default_alphabet),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_national_letters),
        cmocka_unit_test(test_unknown_escapes),
        cmocka_unit_test(test_packing),
        cmocka_unit_test(test_packing_every_length),
        cmocka_unit_test(test_ucs2),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_headers_come_back),
        cmocka_unit_test(test_languages),
        cmocka_unit_test(test_transliterations_are_in_the_alphabet),
        cmocka_unit_test(test_graphemes),
        cmocka_unit_test(test_data_codings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
