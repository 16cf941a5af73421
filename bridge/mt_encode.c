/*
 * Alphabet, segments and fields of a submit_sm: what the command sets, else the operator's
 * settings, else what the addresses tell.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json_tlvs.h"
#include "proto/smpp_sm.h"
#include "proto/smpp_time.h"
#include "proto/smpp_tlv.h"

#include "bridge/mt_encode.h"

#define BODY_SIZE (SMPP_SM_BODY_SIZE + SMPP_PAYLOAD_MAX + 2 * JSON_TLVS_SIZE)
#define SAR_SIZE 16
#define STRATEGY_SINGLE 0
#define STRATEGY_CSMS 1
#define STRATEGY_TLV 2

struct mt_encoder {
    struct split_result split;
    uint8_t text[SPLIT_BUFFER_SIZE(SPLIT_SEGMENTS_MAX)];
    uint8_t tlvs[OPERATOR_SETTINGS_TLVS_MAX + JSON_TLVS_SIZE + SAR_SIZE];
    uint8_t body[BODY_SIZE];
};

struct mt_encoder *mt_encoder_create(void)
{
    return xcalloc(1, sizeof(struct mt_encoder));
}

void mt_encoder_destroy(struct mt_encoder **e)
{
    free(*e);
    *e = NULL;
}

/* --- alphabet and segments --- */

/* What of the operator's settings decides how segments look. Four bits each: flags, form of
 * concatenation, alphabet, none; then the shift tables in order. */
enum format_bits { FORMAT_KNOWN = 1, FORMAT_PACKED = 2, FORMAT_TRANSLITERATE = 4 };
#define FORMAT_CONCAT_SHIFT 4
#define FORMAT_ALPHABET_SHIFT 8
#define FORMAT_TABLES_SHIFT 16
#define FORMAT_NIBBLE 0xFu
_Static_assert(FORMAT_TABLES_SHIFT + 4 * SPLIT_LANGUAGES_MAX <= 32 && GSM7_URDU <= FORMAT_NIBBLE,
               "a nibble for each table");

static uint32_t format_of(const struct operator_settings *s)
{
    uint32_t format = FORMAT_KNOWN;
    format |= s->gsm7_packed ? FORMAT_PACKED : 0u;
    format |= s->transliterate ? FORMAT_TRANSLITERATE : 0u;
    format |= (uint32_t)s->concatenation << FORMAT_CONCAT_SHIFT;
    format |= (uint32_t)s->default_alphabet << FORMAT_ALPHABET_SHIFT;
    for (size_t i = 0; i < s->shift_table_count; i++)
        format |= (uint32_t)s->shift_tables[i] << (FORMAT_TABLES_SHIFT + 4 * i);
    return format;
}

static struct split_plan plan_of(const struct mt *mt, const struct command *command,
                                 uint32_t format)
{
    uint32_t concat = format >> FORMAT_CONCAT_SHIFT & FORMAT_NIBBLE;
    struct split_plan plan = {
        .request = command->encoding,
        .flash = command->flash,
        .default_alphabet = (enum split_alphabet)(format >> FORMAT_ALPHABET_SHIFT & FORMAT_NIBBLE),
        .packed = format & FORMAT_PACKED,
        .transliterate = format & FORMAT_TRANSLITERATE,
        .concat = command->payload_wanted ? SPLIT_PAYLOAD : (enum split_concat)concat,
        .max_segments =
            mt->segment_count ? SPLIT_SEGMENTS_MAX : (unsigned)mt->owner->op->settings.max_segments,
        .reference = mt->concat_ref,
    };
    for (uint32_t tables = format >> FORMAT_TABLES_SHIFT; tables; tables >>= 4)
        plan.languages[plan.language_count++] = (enum gsm7_language)(tables & FORMAT_NIBBLE);
    return plan;
}

int mt_encode_command(struct mt_encoder *e, struct mt *mt, const struct command *command,
                      char *error_r, size_t error_size)
{
    /* What was begun goes on as it was begun, whatever the settings are by now. */
    bool begun = mt->segment_count > 0 && mt->format;
    uint32_t format = begun ? mt->format : format_of(&mt->owner->op->settings);
    struct split_plan plan = plan_of(mt, command, format);
    int status = command->has_binary
                     ? split_binary(&plan, command->binary, command->data_coding, e->text,
                                    sizeof(e->text), &e->split, error_r, error_size)
                     : split_text(&plan, (const char *)command->text.data, command->text.len,
                                  e->text, sizeof(e->text), &e->split, error_r, error_size);
    if (status != 0)
        return -1;
    if (mt->segment_count == 0) {
        mt_set_segments(mt, (uint8_t)e->split.count);
        mt->data_coding = e->split.data_coding;
        mt->format = format;
        mt->strategy = e->split.payload      ? STRATEGY_TLV
                       : e->split.count == 1 ? STRATEGY_SINGLE
                                             : STRATEGY_CSMS;
        return 0;
    }
    /* Begun by a bridge that did not say how, or that cut otherwise. */
    if (mt->segment_count == e->split.count && mt->data_coding == e->split.data_coding)
        return 0;
    snprintf(error_r, error_size,
             "it was begun as %u segments and would now be %u: the operator's settings changed",
             mt->segment_count, e->split.count);
    return -1;
}

/* --- fields --- */

static uint8_t chosen(int by_command, int64_t by_operator, uint8_t inferred)
{
    if (by_command >= 0)
        return (uint8_t)by_command;
    return by_operator >= 0 ? (uint8_t)by_operator : inferred;
}

static void put_validity(const struct operator_settings *s, const struct command *command,
                         char out[SMPP_TIME_SIZE])
{
    out[0] = 0;
    if (!command->has_expires_at || s->validity == VALIDITY_NONE)
        return;
    if (s->validity == VALIDITY_RELATIVE)
        smpp_time_relative(command->expires_at_ms - clock_wall_ms(), out);
    else
        smpp_time_absolute(command->expires_at_ms, out);
}

/* The operator's, without those that the command has its own of. */
static void put_constants(const struct operator_settings *s, const struct command *command,
                          struct buf_writer *w)
{
    struct bytes rest = {s->tlvs, s->tlvs_len}, own;
    struct smpp_tlv tlv;
    while (smpp_tlv_next(&rest, &tlv)) {
        if (!smpp_tlv_find(command->tlvs, tlv.tag, &own))
            smpp_tlv_put(w, tlv.tag, tlv.value);
    }
}

static struct bytes put_tlvs(struct mt_encoder *e, const struct operator_settings *s,
                             const struct command *command, unsigned k)
{
    struct buf_writer w = buf_writer(e->tlvs, sizeof(e->tlvs));
    split_put_sar(&e->split, k, &w);
    put_constants(s, command, &w);
    buf_put(&w, command->tlvs.data, command->tlvs.len);
    INVARIANT(!w.failed);
    return (struct bytes){e->tlvs, buf_written(&w)};
}

int mt_encode_body(struct mt_encoder *e, const struct mt *mt, const struct command *command,
                   unsigned k, struct bytes *body_r, char *error_r, size_t error_size)
{
    const struct operator_settings *s = &mt->owner->op->settings;
    char validity[SMPP_TIME_SIZE], schedule[SMPP_TIME_SIZE] = "";
    put_validity(s, command, validity);
    if (command->has_scheduled_at && command->scheduled_at_ms > clock_wall_ms())
        smpp_time_absolute(command->scheduled_at_ms, schedule);
    struct smpp_sm sm = {
        .service_type = s->service_type,
        .source_ton = chosen(command->source_ton, s->source_ton, command->from.ton),
        .source_npi = chosen(command->source_npi, s->source_npi, command->from.npi),
        .source = command->from.text,
        .dest_ton = chosen(command->dest_ton, s->dest_ton, command->to.ton),
        .dest_npi = chosen(command->dest_npi, s->dest_npi, command->to.npi),
        .dest = command->to.text,
        .esm_class = e->split.esm_class,
        .protocol_id = (uint8_t)s->protocol_id,
        .priority = chosen(command->priority, s->priority, 0),
        .schedule = schedule,
        .validity = validity,
        .registered_delivery = chosen(command->registered_delivery, s->registered_delivery, 0),
        /* A part would replace the one before it. */
        .replace_if_present = s->replace_if_present && e->split.count == 1,
        .data_coding = e->split.data_coding,
        .tlvs = put_tlvs(e, s, command, k),
    };
    if (e->split.payload)
        sm.payload = e->split.segments[k - 1];
    else
        sm.short_message = e->split.segments[k - 1];
    size_t len;
    if (smpp_sm_encode(&sm, e->body, sizeof(e->body), &len, error_r, error_size) != 0)
        return -1;
    *body_r = (struct bytes){e->body, len};
    return 0;
}
