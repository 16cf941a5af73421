/* framer: cuts and packings of every kind, lying lengths, memory. */
#include "unit_test.h"

#include <stdlib.h>
#include <string.h>

#include "session-agent/framer.h"

#define LIMIT 1000u

struct seen {
    struct framer *framer;
    uint8_t bytes[1 << 16];
    size_t len;
    size_t count;
    size_t stop_after; /* 0: never */
    bool free_framer;  /* on stopping, as a session that ends does */
    const uint8_t *input, *input_end;
    size_t zero_copy;
};

static bool on_pdu(void *arg, struct bytes pdu)
{
    struct seen *seen = arg;
    memcpy(seen->bytes + seen->len, pdu.data, pdu.len);
    seen->len += pdu.len;
    seen->count++;
    seen->zero_copy += pdu.data >= seen->input && pdu.data < seen->input_end;
    if (seen->count != seen->stop_after)
        return true;
    if (seen->free_framer) {
        framer_reset(seen->framer);
        memset(seen->framer, 0xAA, sizeof *seen->framer);
    }
    return false;
}

static enum framer_result feed(struct framer *f, struct seen *seen, const uint8_t *data, size_t len)
{
    seen->framer = f;
    seen->input = data;
    seen->input_end = data + len;
    /* A copy of exactly this size, so that sanitizers see a read beyond it. */
    uint8_t *exact = malloc(len ? len : 1);
    memcpy(exact, data, len);
    seen->input = exact;
    seen->input_end = exact + len;
    enum framer_result result = framer_feed(f, exact, len, on_pdu, seen);
    free(exact);
    return result;
}

static size_t put_pdu(uint8_t *out, uint32_t length, uint8_t fill)
{
    out[0] = (uint8_t)(length >> 24);
    out[1] = (uint8_t)(length >> 16);
    out[2] = (uint8_t)(length >> 8);
    out[3] = (uint8_t)length;
    memset(out + 4, fill, length - 4);
    return length;
}

static size_t make_stream(uint8_t *out)
{
    static const uint32_t lengths[] = {16, 17, 300, 16, 16, 999, 1000, 64, 255, 256, 257, 16};
    size_t len = 0;
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
        len += put_pdu(out + len, lengths[i], (uint8_t)(i + 1));
    return len;
}
#define STREAM_PDUS 12

static void whole_pdus_lie_where_they_came(void **state)
{
    (void)state;
    static uint8_t stream[8192];
    struct seen seen = {.count = 0};
    struct framer f;
    size_t len = make_stream(stream);
    framer_init(&f, LIMIT);
    assert_int_equal(feed(&f, &seen, stream, len), FRAMER_MORE);
    assert_int_equal(seen.count, STREAM_PDUS);
    assert_int_equal(seen.zero_copy, STREAM_PDUS);
    assert_memory_equal(seen.bytes, stream, len);
    assert_null(f.partial);
}

static void cut_in_two_at_every_byte(void **state)
{
    (void)state;
    static uint8_t stream[8192];
    size_t len = make_stream(stream);
    for (size_t cut = 0; cut <= len; cut++) {
        struct seen seen = {.count = 0};
        struct framer f;
        framer_init(&f, LIMIT);
        assert_int_equal(feed(&f, &seen, stream, cut), FRAMER_MORE);
        assert_int_equal(feed(&f, &seen, stream + cut, len - cut), FRAMER_MORE);
        assert_int_equal(seen.count, STREAM_PDUS);
        assert_memory_equal(seen.bytes, stream, len);
        assert_null(f.partial);
    }
}

static void in_pieces_of_every_size(void **state)
{
    (void)state;
    static uint8_t stream[8192];
    size_t len = make_stream(stream);
    for (size_t piece = 1; piece <= len; piece += piece < 70 ? 1 : 97) {
        struct seen seen = {.count = 0};
        struct framer f;
        framer_init(&f, LIMIT);
        for (size_t at = 0; at < len; at += piece)
            assert_int_equal(feed(&f, &seen, stream + at, min_size(piece, len - at)), FRAMER_MORE);
        assert_int_equal(seen.count, STREAM_PDUS);
        assert_memory_equal(seen.bytes, stream, len);
        assert_null(f.partial);
    }
}

static void in_random_pieces(void **state)
{
    (void)state;
    static uint8_t stream[8192];
    struct chance chance = {4711};
    size_t len = make_stream(stream);
    for (int round = 0; round < 2000; round++) {
        struct seen seen = {.count = 0};
        struct framer f;
        framer_init(&f, LIMIT);
        for (size_t at = 0; at < len;) {
            size_t piece = min_size(1 + chance_below(&chance, 600), len - at);
            assert_int_equal(feed(&f, &seen, stream + at, piece), FRAMER_MORE);
            at += piece;
        }
        assert_int_equal(seen.count, STREAM_PDUS);
        assert_memory_equal(seen.bytes, stream, len);
    }
}

static void lying_lengths_end_the_stream(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {0,          1,          4,          15,        LIMIT + 1,
                                       0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x48545450 /* "HTTP" */};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        uint8_t stream[64];
        put_pdu(stream, 16, 1);
        put_pdu(stream + 16, 20, 2);
        stream[16] = (uint8_t)(lengths[i] >> 24);
        stream[17] = (uint8_t)(lengths[i] >> 16);
        stream[18] = (uint8_t)(lengths[i] >> 8);
        stream[19] = (uint8_t)lengths[i];
        for (size_t cut = 0; cut <= 36; cut++) {
            struct seen seen = {.count = 0};
            struct framer f;
            framer_init(&f, LIMIT);
            enum framer_result first = feed(&f, &seen, stream, cut);
            enum framer_result second = feed(&f, &seen, stream + cut, 36 - cut);
            assert_int_equal(first, cut >= 20 ? FRAMER_BAD_LENGTH : FRAMER_MORE);
            assert_int_equal(second, FRAMER_BAD_LENGTH);
            assert_int_equal(f.bad_length, lengths[i]);
            assert_int_equal(seen.count, 1);
            assert_null(f.partial);
            assert_int_equal(feed(&f, &seen, stream, 16), FRAMER_BAD_LENGTH);
            framer_reset(&f);
            assert_int_equal(feed(&f, &seen, stream, 16), FRAMER_MORE);
        }
    }
}

static void announced_is_not_allocated(void **state)
{
    (void)state;
    struct seen seen = {.count = 0};
    struct framer f;
    uint8_t head[16] = {0x00, 0x02, 0x00, 0x00};
    framer_init(&f, FRAMER_LIMIT_DEFAULT);
    assert_int_equal(feed(&f, &seen, head, sizeof head), FRAMER_MORE);
    assert_int_equal(f.have, 16);
    assert_true(f.size <= 512);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(feed(&f, &seen, head, sizeof head), FRAMER_MORE);
    assert_true(f.size <= 2 * f.have);
    framer_reset(&f);
    assert_null(f.partial);
}

static void largest_pdu_passes(void **state)
{
    (void)state;
    static uint8_t pdu[FRAMER_LIMIT_DEFAULT];
    static struct seen seen; /* too small for it: count only */
    struct framer f;
    put_pdu(pdu, LIMIT, 9);
    framer_init(&f, LIMIT);
    for (size_t i = 0; i < LIMIT; i++)
        assert_int_equal(feed(&f, &seen, pdu + i, 1), FRAMER_MORE);
    assert_int_equal(seen.count, 1);
}

static void stopping_may_free_the_framer(void **state)
{
    (void)state;
    static uint8_t stream[8192];
    size_t len = make_stream(stream);
    for (size_t stop = 1; stop <= STREAM_PDUS; stop++) {
        for (size_t piece = 1; piece < len; piece += 61) {
            struct seen seen = {.stop_after = stop, .free_framer = true};
            enum framer_result result = FRAMER_MORE;
            struct framer f;
            framer_init(&f, LIMIT);
            for (size_t at = 0; at < len && result == FRAMER_MORE; at += piece)
                result = feed(&f, &seen, stream + at, min_size(piece, len - at));
            assert_int_equal(result, FRAMER_STOPPED);
            assert_int_equal(seen.count, stop);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_pdus_lie_where_they_came),
        cmocka_unit_test(cut_in_two_at_every_byte),
        cmocka_unit_test(in_pieces_of_every_size),
        cmocka_unit_test(in_random_pieces),
        cmocka_unit_test(lying_lengths_end_the_stream),
        cmocka_unit_test(announced_is_not_allocated),
        cmocka_unit_test(largest_pdu_passes),
        cmocka_unit_test(stopping_may_free_the_framer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
