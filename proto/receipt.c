/* Is it a receipt, of which message, and what does it say? */
#include <stdio.h>

#include "common/str.h"
#include "proto/receipt.h"
#include "proto/receipt_text.h"
#include "proto/smpp_text.h"
#include "proto/smpp_tlv.h"
#include "proto/ucs2.h"
#include "proto/udh.h"

struct state {
    const char *word;
    enum dlr_status status;
    bool final;
};

/* message_state by number, with the word that Appendix B has for it. */
static const struct state by_number[] = {
    [SMPP_STATE_SCHEDULED] = {"SCHEDULED", DLR_ACCEPTED, false},
    [SMPP_STATE_ENROUTE] = {"ENROUTE", DLR_ACCEPTED, false},
    [SMPP_STATE_DELIVERED] = {"DELIVRD", DLR_DELIVERED, true},
    [SMPP_STATE_EXPIRED] = {"EXPIRED", DLR_EXPIRED, true},
    [SMPP_STATE_DELETED] = {"DELETED", DLR_DELETED, true},
    [SMPP_STATE_UNDELIVERABLE] = {"UNDELIV", DLR_UNDELIVERABLE, true},
    [SMPP_STATE_ACCEPTED] = {"ACCEPTD", DLR_ACCEPTED, false},
    [SMPP_STATE_UNKNOWN] = {"UNKNOWN", DLR_UNKNOWN, true},
    [SMPP_STATE_REJECTED] = {"REJECTD", DLR_REJECTED, true},
    [SMPP_STATE_SKIPPED] = {"SKIPPED", DLR_UNDELIVERABLE, true},
};

/* Words besides those, as MNOs spell them. */
static const struct state by_word[] = {
    {"DELIVERED", DLR_DELIVERED, true},         {"DELIVERD", DLR_DELIVERED, true},
    {"DELIVRED", DLR_DELIVERED, true},          {"EXPIRD", DLR_EXPIRED, true},
    {"UNDELIVERABLE", DLR_UNDELIVERABLE, true}, {"UNDELIVERED", DLR_UNDELIVERABLE, true},
    {"UNDELIVRD", DLR_UNDELIVERABLE, true},     {"UNDELIVERD", DLR_UNDELIVERABLE, true},
    {"FAILED", DLR_UNDELIVERABLE, true},        {"FAIL", DLR_UNDELIVERABLE, true},
    {"REJECTED", DLR_REJECTED, true},           {"DND_REJECTED", DLR_REJECTED, true},
    {"ACCEPTED", DLR_ACCEPTED, false},          {"ACKED", DLR_ACCEPTED, false},
    {"BUFFERED", DLR_ACCEPTED, false},          {"BUFFRED", DLR_ACCEPTED, false},
    {"BUFFERD", DLR_ACCEPTED, false},           {"QUEUED", DLR_ACCEPTED, false},
    {"PENDING", DLR_ACCEPTED, false},           {"SUBMITD", DLR_ACCEPTED, false},
};

bool receipt_detection_parse(const char *s, size_t len, enum receipt_detection *detection_r)
{
    static const char *const names[] = {"flags", "text", "any"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!str_equal_nocase(s, len, names[i], strlen(names[i])))
            continue;
        *detection_r = (enum receipt_detection)i;
        return true;
    }
    return false;
}

static const struct state *find_word(const struct state *states, size_t count, struct bytes word)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal_nocase((const char *)word.data, word.len, states[i].word,
                             strlen(states[i].word)))
            return &states[i];
    }
    return NULL;
}

/* NULL: not a word that means something to us. */
static const struct state *state_of(struct bytes word)
{
    if (word.len == 1 && str_is_digit((char)word.data[0]))
        return &by_number[word.data[0] - '0'];
    const struct state *state = find_word(by_number, ARRAY_LEN(by_number), word);
    return state ? state : find_word(by_word, ARRAY_LEN(by_word), word);
}
_Static_assert(ARRAY_LEN(by_number) == 10, "one row per digit");

bool receipt_parse_stat(const char *s, size_t len, enum dlr_status *status_r, bool *final_r)
{
    const struct state *state = state_of((struct bytes){.data = (const uint8_t *)s, .len = len});
    *status_r = state ? state->status : DLR_UNKNOWN;
    *final_r = state && state->final;
    return state != NULL;
}

/* --- the text --- */

/* Some set UDHI since the message had it, over a receipt that has no header. */
static struct bytes without_header(const struct smpp_sm *sm)
{
    struct bytes message = smpp_sm_message(sm);
    struct udh udh;
    if ((sm->esm_class & SMPP_ESM_UDHI) && udh_parse(message, &udh) && udh.is_whole) {
        message.data += udh.length;
        message.len -= udh.length;
    }
    while (message.len > 0 && message.data[message.len - 1] == 0)
        message.len--;
    return message;
}

/* UTF-16BE of mostly Latin text: zeros in the even places, hardly any in the odd ones. The last
 * octet may have been a padding NUL, so the length tells nothing. data_coding tells nothing either:
 * it is 8 over plain ASCII as well. */
static bool looks_like_ucs2(struct bytes b)
{
    size_t zeros = 0;
    for (size_t i = 0; i + 1 < b.len; i += 2) {
        if (b.data[i] == 0)
            zeros++;
        else if (b.data[i] >= 0x20 && b.data[i] < 0x7F && b.data[i + 1] == 0)
            return false; /* little-endian, or NULs inside ASCII */
    }
    return b.len >= 4 && zeros * 2 > b.len / 2;
}

/* Octets that may be anything: UTF-8 where they are, else Latin-1; a NUL inside is the '@' of
 * GSM 7. */
static size_t decode_octets(struct bytes b, char *text, size_t size)
{
    bool utf8 = str_utf8_valid((const char *)b.data, b.len);
    size_t len = 0;
    if (utf8 && !memchr(b.data, 0, b.len)) { /* nearly every one */
        len = min_size(b.len, size);
        memcpy(text, b.data, len);
        return len;
    }
    for (size_t i = 0; i < b.len; i++) {
        char out[STR_UTF8_MAX];
        size_t n = utf8 && b.data[i] ? 1 : str_utf8_put(b.data[i] ? b.data[i] : '@', out);
        if (utf8)
            out[0] = b.data[i] ? (char)b.data[i] : '@';
        if (n > size - len)
            break;
        memcpy(text + len, out, n);
        len += n;
    }
    return len;
}

static size_t decode_text(struct bytes raw, char *text, size_t size)
{
    if (raw.len == 0)
        return 0;
    if (looks_like_ucs2(raw))
        return ucs2_decode(raw.data, raw.len, text, size);
    return decode_octets(raw, text, size);
}

/* --- the verdict --- */

static bool is_flagged(const struct smpp_sm *sm, const struct receipt *r)
{
    uint8_t type = sm->esm_class & SMPP_ESM_TYPE_MASK;
    return type == SMPP_ESM_RECEIPT || type == SMPP_ESM_INTERMEDIATE ||
           type == (SMPP_ESM_RECEIPT | SMPP_ESM_INTERMEDIATE) || r->id_tlv[0];
}

/* By what no phone can set. */
static bool is_marked(const struct smpp_sm *sm, const struct receipt *r, bool has_state,
                      enum receipt_detection detection)
{
    if (is_flagged(sm, r))
        return true;
    return detection == RECEIPT_BY_ANY &&
           (has_state || (sm->esm_class & SMPP_ESM_TYPE_MASK) == SMPP_ESM_DELIVERY_ACK);
}

static bool is_written(const struct receipt_text *fields, enum receipt_detection detection)
{
    if (detection != RECEIPT_BY_ANY)
        return detection == RECEIPT_BY_TEXT && fields->id_labelled && fields->stat_labelled;
    return fields->stat_labelled || (fields->id_labelled && fields->done_date.len);
}

/* §5.3.2.31: a type and a 16-bit code; some send three ASCII digits instead. */
static void read_network_error(const struct smpp_sm *sm, struct receipt *r)
{
    struct bytes v;
    if (!smpp_tlv_find(sm->tlvs, SMPP_TLV_NETWORK_ERROR_CODE, &v) || v.len != 3)
        return;
    if (str_is_digit((char)v.data[0]) && str_is_digit((char)v.data[1]) &&
        str_is_digit((char)v.data[2])) {
        (void)str_copy(r->err, sizeof(r->err), (const char *)v.data, v.len);
        return;
    }
    snprintf(r->err, sizeof(r->err), "%u:%u", v.data[0], v.data[1] << 8 | v.data[2]);
}

static void copy_field(char *out, size_t size, struct bytes field)
{
    if (field.len)
        (void)str_copy(out, size, (const char *)field.data, field.len);
}

/* The text's word if it is a known one, else message_state, else whatever the text has. */
static void read_state(struct receipt *r, struct bytes word, bool has_number, uint32_t number)
{
    const struct state *state = word.len ? state_of(word) : NULL;
    bool numeric = word.len == 1 && str_is_digit((char)word.data[0]);
    if (!state && has_number && number < ARRAY_LEN(by_number)) {
        state = &by_number[number];
        numeric = word.len == 0;
    }
    r->status = state ? state->status : DLR_UNKNOWN;
    r->final = state && state->final;
    if (word.len && !numeric)
        copy_field(r->stat, sizeof(r->stat), word);
    else
        copy_field(r->stat, sizeof(r->stat),
                   (struct bytes){.data = (const uint8_t *)(state ? state->word : "UNKNOWN"),
                                  .len = strlen(state ? state->word : "UNKNOWN")});
}

void receipt_parse(const struct smpp_sm *sm, enum receipt_detection detection, int64_t now_ms,
                   char *text, size_t text_size, struct receipt *receipt_r)
{
    struct receipt r = {.submit_ms = RECEIPT_TIME_NONE, .done_ms = RECEIPT_TIME_NONE};
    struct receipt_text fields;
    struct bytes id;
    uint32_t number = 0;
    r.raw = without_header(sm);
    r.text_len = decode_text(r.raw, text, text_size);
    receipt_text_parse(text, r.text_len, &fields);
    if (smpp_tlv_find(sm->tlvs, SMPP_TLV_RECEIPTED_MESSAGE_ID, &id))
        smpp_text_copy(r.id_tlv, sizeof(r.id_tlv), id);
    bool has_state = smpp_tlv_find_uint(sm->tlvs, SMPP_TLV_MESSAGE_STATE, &number);
    bool marked = is_marked(sm, &r, has_state, detection);
    r.by_text = !marked && is_written(&fields, detection);
    r.is_receipt = marked || r.by_text;
    copy_field(r.id_text, sizeof(r.id_text), fields.id);
    copy_field(r.err, sizeof(r.err), fields.err);
    if (!r.err[0])
        read_network_error(sm, &r);
    read_state(&r, fields.stat, has_state, number);
    if ((sm->esm_class & SMPP_ESM_TYPE_MASK) == SMPP_ESM_INTERMEDIATE)
        r.final = false;
    r.submit_ms =
        receipt_parse_date((const char *)fields.submit_date.data, fields.submit_date.len, now_ms);
    r.done_ms =
        receipt_parse_date((const char *)fields.done_date.data, fields.done_date.len, now_ms);
    *receipt_r = r;
}
