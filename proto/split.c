/* From text to segments: choosing the alphabet, then cutting. */
#include <stdio.h>

#include "common/str.h"
#include "proto/alphabet.h"
#include "proto/cutter.h"
#include "proto/grapheme.h"
#include "proto/message_text.h"
#include "proto/smpp.h"
#include "proto/smpp_tlv.h"
#include "proto/split.h"
#include "proto/udh.h"

#define HIGH_SURROGATE_FIRST 0xD8
#define HIGH_SURROGATE_LAST 0xDB

bool split_alphabet_parse(const char *s, size_t len, enum split_alphabet *alphabet_r)
{
    static const char *const names[] = {"gsm7", "latin1", "ascii"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!str_equal_nocase(s, len, names[i], strlen(names[i])))
            continue;
        *alphabet_r = (enum split_alphabet)i;
        return true;
    }
    return false;
}

bool split_concat_parse(const char *s, size_t len, enum split_concat *concat_r)
{
    static const char *const names[] = {"udh8", "udh16", "sar"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!str_equal_nocase(s, len, names[i], strlen(names[i])))
            continue;
        *concat_r = (enum split_concat)i;
        return true;
    }
    return false;
}

/* --- which alphabet --- */

struct choice {
    struct alphabet alphabet;
    struct alphabet_measure measure;
};

/* The header of a message of one segment, or of each of several. An SMSC that gets sar_* or a
 * payload makes headers of its own, and as the reference is 16 bits wide it may need the longer
 * ones. */
static struct udh header_for(const struct split_plan *plan, struct gsm7_tables tables, bool several)
{
    struct udh header = {.tables = tables};
    if (several) {
        header.has_concat = true;
        header.wide = plan->concat != SPLIT_UDH8;
        header.reference = plan->reference;
    }
    return header;
}

static size_t capacity_of(const struct choice *choice, const struct udh *header)
{
    size_t header_len = udh_size(header);
    if (choice->alphabet.coding == SPLIT_CODED_UCS2)
        return cutter_octets_after(header_len) & ~(size_t)1;
    return choice->measure.beyond_gsm7 ? cutter_octets_after(header_len)
                                       : cutter_septets_after(header_len);
}

static bool fits_one(const struct split_plan *plan, const struct choice *choice)
{
    struct udh header = header_for(plan, choice->alphabet.tables, false);
    return choice->measure.cost <= capacity_of(choice, &header);
}

/* The language tables are named in a header of ours, which must not meet sar_* (§5.2.12) nor the
 * headers that an SMSC puts on what it cuts. */
static bool may_use_tables(const struct split_plan *plan, const struct choice *choice)
{
    bool own_headers = plan->concat == SPLIT_UDH8 || plan->concat == SPLIT_UDH16;
    return own_headers || fits_one(plan, choice);
}

static size_t segments_about(const struct split_plan *plan, const struct choice *choice)
{
    if (fits_one(plan, choice))
        return 1;
    struct udh header = header_for(plan, choice->alphabet.tables, true);
    size_t capacity = capacity_of(choice, &header);
    return (choice->measure.cost + capacity - 1) / capacity;
}

/* The tables that need the fewest segments; of equals the first, and single shift before locking
 * shift, which more phones can read. */
static bool choose_tables(const struct split_plan *plan, const char *text, size_t len,
                          struct choice *choice_r)
{
    size_t fewest = SIZE_MAX;
    for (size_t i = 0; i < plan->language_count; i++) {
        enum gsm7_language l = plan->languages[i];
        const struct gsm7_tables ways[] = {{GSM7_DEFAULT, l}, {l, GSM7_DEFAULT}, {l, l}};
        size_t count = gsm7_has_locking(l) ? ARRAY_LEN(ways) : 1;
        for (size_t k = 0; k < count; k++) {
            struct choice c = {.alphabet = {.coding = SPLIT_CODED_GSM7, .tables = ways[k]}};
            if (!alphabet_measure(&c.alphabet, text, len, &c.measure) || !may_use_tables(plan, &c))
                continue;
            size_t segments = segments_about(plan, &c);
            if (segments >= fewest)
                continue;
            *choice_r = c;
            fewest = segments;
        }
    }
    return fewest < SIZE_MAX;
}

static bool choose_default(const struct split_plan *plan, const char *text, size_t len,
                           struct choice *choice_r)
{
    static const enum split_coding codings[] = {
        [SPLIT_ALPHABET_GSM7] = SPLIT_CODED_GSM7,
        [SPLIT_ALPHABET_LATIN1] = SPLIT_CODED_LATIN1,
        [SPLIT_ALPHABET_ASCII] = SPLIT_CODED_ASCII,
    };
    bool gsm7 = plan->default_alphabet == SPLIT_ALPHABET_GSM7;
    struct choice c = {.alphabet = {.coding = codings[plan->default_alphabet]}};
    /* data_coding 0x10 names GSM 7 whatever 0 means to this operator: only what both write alike is
     * safe. */
    c.alphabet.invariant = plan->flash && !gsm7;
    if (alphabet_measure(&c.alphabet, text, len, &c.measure)) {
        *choice_r = c;
        return true;
    }
    if (!gsm7)
        return false;
    if (choose_tables(plan, text, len, choice_r))
        return true;
    c.alphabet.transliterate = true;
    if (!plan->transliterate || !alphabet_measure(&c.alphabet, text, len, &c.measure))
        return false;
    *choice_r = c;
    return true;
}

/* False: not UTF-8. */
static bool choose(const struct split_plan *plan, const char *text, size_t len,
                   struct choice *choice_r)
{
    if (plan->request != SPLIT_UCS2 && choose_default(plan, text, len, choice_r))
        return true;
    *choice_r = (struct choice){.alphabet = {.coding = SPLIT_CODED_UCS2}};
    return alphabet_measure(&choice_r->alphabet, text, len, &choice_r->measure);
}

/* --- cutting --- */

/* A place to cut, and how: the same for text and octets. */
struct job {
    const struct split_plan *plan;
    struct split_result *result;
    uint8_t *buffer;
    size_t size;
    bool packed;
    struct udh header;
    size_t capacity;
};

static void add_next(struct cutter *c, const struct alphabet *alphabet, const char **pos,
                     const char *end)
{
    struct alphabet_unit unit;
    bool there = alphabet_put(alphabet, str_utf8_next(pos, end), &unit);
    INVARIANT(there);
    cutter_add(c, unit.octets, unit.len, unit.cost);
}

static void cut_cluster(struct cutter *c, const struct alphabet *alphabet, const char *pos,
                        const char *end)
{
    struct alphabet_measure whole;
    bool known = alphabet_measure(alphabet, pos, (size_t)(end - pos), &whole);
    INVARIANT(known);
    /* Longer than a segment: it is torn anyway, so it begins where it stands. */
    if (whole.cost <= c->capacity)
        cutter_keep_together(c, whole.cost);
    while (pos < end)
        add_next(c, alphabet, &pos, end);
}

/* ASCII before ASCII, and no CR: most of most texts, and always a cluster of its own. */
static bool is_simple(const char *pos, const char *end)
{
    return (uint8_t)*pos >= 0x20 && (uint8_t)*pos < 0x80 &&
           (pos + 1 == end || (uint8_t)pos[1] < 0x80);
}

/* Most of most texts in one go, as far as the segment reaches; returns how many characters. */
static size_t cut_run(struct cutter *c, const char *text, const char *end)
{
    size_t most = min_size(c->capacity - c->used, (size_t)(end - text));
    size_t n = gsm7_put_run(text, most, c->staging + c->staged);
    /* What is no ASCII may belong to the character before it. */
    if (n > 0 && text + n < end && (uint8_t)text[n] >= 0x80)
        n--;
    c->staged += n;
    c->used += n;
    return n;
}

static struct cutter cutter_of(const struct job *job)
{
    return (struct cutter){
        .capacity = job->capacity,
        .max_segments = job->plan->max_segments,
        .packed = job->packed,
        .header = job->header,
        .result = job->result,
        .out = job->buffer,
        .out_size = job->size,
    };
}

static bool cut_text(const struct job *job, const struct alphabet *alphabet, const char *text,
                     size_t len, bool count_only)
{
    struct cutter c = cutter_of(job);
    const char *end = text + len;
    bool has_runs = alphabet_is_default_gsm7(alphabet);
    c.count_only = count_only;
    cutter_begin(&c);
    while (text < end && !c.failed) {
        size_t run = has_runs ? cut_run(&c, text, end) : 0;
        text += run;
        if (run > 0)
            continue;
        if (is_simple(text, end)) {
            add_next(&c, alphabet, &text, end);
            continue;
        }
        const char *next = grapheme_end(text, end);
        cut_cluster(&c, alphabet, text, next);
        text = next;
    }
    job->result->on_air = c.count;
    return cutter_end(&c);
}

/* All of the text in one piece, for message_payload. */
static bool write_whole(const struct job *job, const struct alphabet *alphabet, const char *text,
                        size_t len)
{
    const char *end = text + len;
    size_t written = 0;
    while (text < end) {
        struct alphabet_unit unit;
        bool there = alphabet_put(alphabet, str_utf8_next(&text, end), &unit);
        INVARIANT(there);
        if (unit.len > job->size - written)
            return false;
        memcpy(job->buffer + written, unit.octets, unit.len);
        written += unit.len;
    }
    if (job->packed && !gsm7_pack(job->buffer, written, 0, job->buffer, job->size, &written))
        return false;
    job->result->segments[0] = (struct bytes){.data = job->buffer, .len = written};
    job->result->count = 1;
    return true;
}

/* The first look at the result: everything but the segments. */
static void describe(struct split_result *r, const struct split_plan *plan, bool several)
{
    r->esm_class = 0;
    r->tables = (struct gsm7_tables){GSM7_DEFAULT, GSM7_DEFAULT};
    r->transliterated = false;
    r->sar = several && plan->concat == SPLIT_SAR;
    r->payload = several && plan->concat == SPLIT_PAYLOAD;
    r->reference = plan->reference;
    r->count = 0;
    r->on_air = 1;
}

static int refuse_length(const struct split_plan *plan, const char *what, char *error, size_t size)
{
    snprintf(error, size, "%s needs more than %u segments", what, plan->max_segments);
    return -1;
}

static uint8_t coding_byte(enum split_coding coding, bool flash)
{
    if (coding == SPLIT_CODED_UCS2)
        return flash ? SMPP_CODING_FLASH_UCS2 : SMPP_CODING_UCS2;
    return flash ? SMPP_CODING_FLASH_GSM7 : SMPP_CODING_DEFAULT;
}

int split_text(const struct split_plan *plan, const char *text, size_t len, uint8_t *buffer,
               size_t size, struct split_result *result_r, char *error, size_t error_size)
{
    struct choice choice;
    if (!choose(plan, text, len, &choice)) {
        snprintf(error, error_size, "text is not valid UTF-8");
        return -1;
    }
    const struct alphabet *alphabet = &choice.alphabet;
    bool several = !fits_one(plan, &choice);
    struct job job = {
        .plan = plan,
        .result = result_r,
        .buffer = buffer,
        .size = size,
        .packed = plan->packed && alphabet->coding == SPLIT_CODED_GSM7,
        .header = header_for(plan, alphabet->tables, several),
    };
    job.capacity = capacity_of(&choice, &job.header);
    describe(result_r, plan, several);
    result_r->data_coding = coding_byte(alphabet->coding, plan->flash);
    result_r->coding = alphabet->coding;
    result_r->tables = alphabet->tables;
    result_r->transliterated = alphabet->transliterate;
    if (several && (result_r->sar || result_r->payload))
        job.header = (struct udh){0}; /* the SMSC's business */
    result_r->esm_class = udh_size(&job.header) ? SMPP_ESM_UDHI : 0;
    if (!cut_text(&job, alphabet, text, len, result_r->payload))
        return refuse_length(plan, "text", error, error_size);
    if (result_r->payload && !write_whole(&job, alphabet, text, len))
        return refuse_length(plan, "text", error, error_size);
    return 0;
}

/* --- octets --- */

/* How many octets from `at` on must stay together. */
static size_t atom_at(struct bytes data, size_t at, enum message_text_kind kind, bool packed)
{
    size_t left = data.len - at;
    if (kind == MESSAGE_TEXT_DEFAULT && !packed)
        return data.data[at] == GSM7_ESCAPE ? min_size(2, left) : 1;
    if (kind != MESSAGE_TEXT_UCS2)
        return 1;
    bool high = data.data[at] >= HIGH_SURROGATE_FIRST && data.data[at] <= HIGH_SURROGATE_LAST;
    return min_size(high ? 4 : 2, left);
}

int split_binary(const struct split_plan *plan, struct bytes data, uint8_t data_coding,
                 uint8_t *buffer, size_t size, struct split_result *result_r, char *error,
                 size_t error_size)
{
    enum message_text_kind kind = message_text_kind(data_coding);
    bool septets = kind == MESSAGE_TEXT_DEFAULT && !plan->packed;
    bool several = data.len > (septets ? CUTTER_SEPTETS : CUTTER_OCTETS);
    struct job job = {
        .plan = plan,
        .result = result_r,
        .buffer = buffer,
        .size = size,
        .header = header_for(plan, (struct gsm7_tables){GSM7_DEFAULT, GSM7_DEFAULT}, several),
    };
    size_t header_len = udh_size(&job.header);
    job.capacity = septets ? cutter_septets_after(header_len) : cutter_octets_after(header_len);
    describe(result_r, plan, several);
    result_r->data_coding = data_coding;
    result_r->coding = SPLIT_CODED_BINARY;
    if (result_r->sar || result_r->payload)
        job.header = (struct udh){0};
    result_r->esm_class = udh_size(&job.header) ? SMPP_ESM_UDHI : 0;
    struct cutter c = cutter_of(&job);
    c.count_only = result_r->payload;
    cutter_begin(&c);
    for (size_t at = 0; at < data.len && !c.failed;) {
        size_t n = atom_at(data, at, kind, plan->packed);
        cutter_add(&c, data.data + at, n, n);
        at += n;
    }
    result_r->on_air = c.count;
    if (!cutter_end(&c) || (result_r->payload && data.len > size))
        return refuse_length(plan, "dataHex", error, error_size);
    if (result_r->payload) {
        memcpy(buffer, data.data, data.len);
        result_r->segments[0] = (struct bytes){.data = buffer, .len = data.len};
        result_r->count = 1;
    }
    return 0;
}

void split_put_sar(const struct split_result *result, unsigned k, struct buf_writer *w)
{
    if (!result->sar)
        return;
    smpp_tlv_put_u16(w, SMPP_TLV_SAR_MSG_REF_NUM, result->reference);
    smpp_tlv_put_u8(w, SMPP_TLV_SAR_TOTAL_SEGMENTS, (uint8_t)result->count);
    smpp_tlv_put_u8(w, SMPP_TLV_SAR_SEGMENT_SEQNUM, (uint8_t)k);
}
