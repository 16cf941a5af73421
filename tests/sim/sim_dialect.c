/* Phrases receipts the way MNOs were seen to: Appendix B of the specification and what became of
 * it. A dialect is a row of the table: keys, dates, where the text goes, what is wrong with it. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/base.h"
#include "common/buf.h"

#include "tests/sim/sim_dialect.h"
#include "tests/sim/sim_pdu.h"

enum {
    WITH_TLVS = 1u << 0,
    IN_PAYLOAD = 1u << 1,
    AS_UCS2 = 1u << 2,
    ENDS_WITH_NUL = 1u << 3,
    NO_ESM_BIT = 1u << 4,
    AS_DATA_SM = 1u << 5,
};

struct phrase {
    const struct sim_receipt *receipt;
    const char *id;
    const char *submitted;
    const char *done;
    const char *stat;
    const char *err;
    const char *text;
};

/* Returns what snprintf returns. */
typedef int phrase_fn(char *out, size_t size, const struct phrase *p);

struct dialect {
    const char *name;
    phrase_fn *write; /* NULL: no text */
    const char *date; /* strftime */
    unsigned flags;
    const char *help;
};

static const struct {
    uint8_t state;
    const char *stat;
    const char *err;
    uint16_t network_error;
} states[] = {
    {SIM_STATE_ENROUTE, "ENROUTE", "000", 0},
    {SIM_STATE_DELIVERED, "DELIVRD", "000", 0},
    {SIM_STATE_EXPIRED, "EXPIRED", "027", 27},
    {SIM_STATE_DELETED, "DELETED", "034", 34},
    {SIM_STATE_UNDELIVERABLE, "UNDELIV", "001", 1},
    {SIM_STATE_ACCEPTED, "ACCEPTD", "000", 0},
    {SIM_STATE_UNKNOWN, "UNKNOWN", "255", 255},
    {SIM_STATE_REJECTED, "REJECTD", "021", 21},
    {SIM_STATE_NONE, "NONE", "", 0},
};

static size_t state_row(uint8_t state)
{
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        if (states[i].state == state)
            return i;
    }
    panic("state %u has no row", state);
}

int sim_dialect_state(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        if (strcasecmp(states[i].stat, name) == 0)
            return states[i].state;
    }
    return -1;
}

static const char *delivered(const struct phrase *p)
{
    return p->receipt->state == SIM_STATE_DELIVERED ? "001" : "000";
}

static int phrase_spec(char *out, size_t size, const struct phrase *p)
{
    return snprintf(out, size,
                    "id:%s sub:001 dlvrd:%s submit date:%s done date:%s stat:%s err:%s text:%s",
                    p->id, delivered(p), p->submitted, p->done, p->stat, p->err, p->text);
}

static int phrase_lower(char *out, size_t size, const struct phrase *p)
{
    char stat[16];
    size_t n = 0;
    for (; p->stat[n] && n + 1 < sizeof(stat); n++)
        stat[n] = (char)(p->stat[n] | 0x20);
    stat[n] = 0;
    return snprintf(out, size, "id:%s submitdate:%s donedate:%s stat:%s err:%s", p->id,
                    p->submitted, p->done, stat, p->err);
}

static int phrase_upper(char *out, size_t size, const struct phrase *p)
{
    return snprintf(out, size,
                    "ID:%s SUB:001 DLVRD:%s SUBMIT DATE:%s DONE DATE:%s STAT:%s ERR:%s TEXT:%s",
                    p->id, delivered(p), p->submitted, p->done, p->stat, p->err, p->text);
}

static int phrase_minimal(char *out, size_t size, const struct phrase *p)
{
    return snprintf(out, size, "id:%s stat:%s", p->id, p->stat);
}

static int phrase_shuffled(char *out, size_t size, const struct phrase *p)
{
    return snprintf(out, size,
                    "stat:%s  err:%s\tdone date:%s submit date:%s dlvrd:%s sub:... id:%s text:%s",
                    p->stat, p->err, p->done, p->submitted, delivered(p), p->id, p->text);
}

static int phrase_words(char *out, size_t size, const struct phrase *p)
{
    const char *err = p->receipt->state == SIM_STATE_DELIVERED ? "0" : "E_NETWORK";
    return snprintf(out, size, "id:%s sub:001 dlvrd:001 done date:%s stat:%s err:%s Text:%s", p->id,
                    p->done, p->stat, err, p->text);
}

static int phrase_numeric(char *out, size_t size, const struct phrase *p)
{
    return snprintf(out, size, "id:%s sub:1 dlvrd:1 submit date:%s done date:%s stat:%u err:%s",
                    p->id, p->submitted, p->done, p->receipt->state, p->err);
}

static int phrase_junk(char *out, size_t size, const struct phrase *p)
{
    return snprintf(out, size,
                    "%s %s id:%s sub:001 dlvrd:%s submit date:%s done date:%s stat:%s err:%s "
                    "MCCMNC:99970 text:%s\r\n--\r\nSMSC 7",
                    p->receipt->source, p->receipt->dest, p->id, delivered(p), p->submitted,
                    p->done, p->stat, p->err, p->text);
}

static int phrase_bare(char *out, size_t size, const struct phrase *p)
{
    return snprintf(out, size, "%s %u", p->id, p->receipt->state);
}

#define DATE10 "%y%m%d%H%M"
#define DATE12 "%y%m%d%H%M%S"

static const struct dialect dialects[] = {
    {"spec", phrase_spec, DATE10, 0, "Appendix B text, dates YYMMDDhhmm, no TLV"},
    {"full", phrase_spec, DATE10, WITH_TLVS, "Appendix B text and the three receipt TLVs"},
    {"date12", phrase_spec, DATE12, 0, "dates YYMMDDhhmmss"},
    {"date12-year4", phrase_spec, "%Y%m%d%H%M", 0, "dates YYYYMMDDhhmm"},
    {"date14", phrase_spec, "%Y%m%d%H%M%S", 0, "dates YYYYMMDDhhmmss"},
    {"date-zero", phrase_spec, "0000000000", 0, "dates 0000000000"},
    {"lower", phrase_lower, DATE12, 0, "lower-case state, keys run together, some missing"},
    {"upper", phrase_upper, DATE10, 0, "upper-case keys"},
    {"minimal", phrase_minimal, DATE10, 0, "id and stat, nothing else"},
    {"shuffled", phrase_shuffled, DATE10, 0, "another order, two blanks, a tab, sub:..."},
    {"words", phrase_words, DATE10, 0, "err is a word, Text: with a capital"},
    {"numeric", phrase_numeric, DATE10, 0, "stat is the number of the state"},
    {"junk", phrase_junk, DATE10, 0, "sender before id:, further keys, a signature after text"},
    {"tlv", NULL, DATE10, WITH_TLVS, "TLVs only, no text at all"},
    {"bare", phrase_bare, DATE10, WITH_TLVS, "text is the id and the state's number; TLVs"},
    {"payload", phrase_spec, DATE10, IN_PAYLOAD, "text in message_payload"},
    {"ucs2", phrase_spec, DATE10, AS_UCS2, "text in UCS-2, data_coding 8"},
    {"nul", phrase_spec, DATE10, ENDS_WITH_NUL, "text ends with a NUL"},
    {"esm0", phrase_spec, DATE10, NO_ESM_BIT, "esm_class 0: only the text says receipt"},
    {"esm0-tlv", phrase_spec, DATE10, NO_ESM_BIT | WITH_TLVS, "esm_class 0, with TLVs"},
    {"data-sm", NULL, DATE10, AS_DATA_SM | WITH_TLVS, "a data_sm with TLVs only"},
};

size_t sim_dialect_count(void)
{
    return ARRAY_LEN(dialects);
}

const char *sim_dialect_name(size_t dialect)
{
    return dialects[dialect].name;
}

const char *sim_dialect_help(size_t dialect)
{
    return dialects[dialect].help;
}

uint32_t sim_dialect_command(size_t dialect)
{
    return dialects[dialect].flags & AS_DATA_SM ? PDU_DATA_SM : PDU_DELIVER_SM;
}

/* The first characters of the message as octets an ASCII receipt can hold. */
static void excerpt(char out[SIM_RECEIPT_TEXT_MAX + 1], const struct sim_receipt *r)
{
    size_t len = 0;
    if (r->data_coding != SIM_CODING_UCS2)
        len = min_size(r->text_len, SIM_RECEIPT_TEXT_MAX);
    for (size_t i = 0; i < len; i++)
        out[i] = r->text[i] ? (char)r->text[i] : ' ';
    out[len] = 0;
}

static size_t write_text(char *out, size_t size, const struct dialect *d,
                         const struct sim_receipt *r, const char *id)
{
    if (!d->write)
        return 0;
    char submitted[24] = "";
    char done[24] = "";
    char text[SIM_RECEIPT_TEXT_MAX + 1];
    struct tm tm;
    size_t row = state_row(r->state);
    /* Formats come from the table above, one of them without any conversion. */
    if (strftime(submitted, sizeof(submitted), d->date, gmtime_r(&r->submitted, &tm)) == 0 ||
        strftime(done, sizeof(done), d->date, gmtime_r(&r->done, &tm)) == 0)
        panic("date format of dialect %s", d->name);
    excerpt(text, r);
    struct phrase p = {r, id, submitted, done, states[row].stat, states[row].err, text};
    int len = d->write(out, size, &p);
    INVARIANT(len > 0 && (size_t)len < size);
    return (size_t)len;
}

/* ASCII to UTF-16BE; of a UCS-2 message the excerpt follows as it was sent. */
static size_t widen(uint8_t *out, const char *text, size_t len, const struct sim_receipt *r)
{
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = 0;
        out[2 * i + 1] = (uint8_t)text[i];
    }
    if (r->data_coding != SIM_CODING_UCS2)
        return 2 * len;
    memcpy(out + 2 * len, r->text, r->text_len);
    return 2 * len + r->text_len;
}

static void put_addresses(struct buf_writer *w, const struct sim_receipt *r)
{
    sim_pdu_put_string(w, "");
    buf_put_u8(w, r->dest_ton);
    buf_put_u8(w, r->dest_npi);
    sim_pdu_put_string(w, r->dest);
    buf_put_u8(w, r->source_ton);
    buf_put_u8(w, r->source_npi);
    sim_pdu_put_string(w, r->source);
}

static void put_tlvs(struct buf_writer *w, const struct sim_receipt *r, const char *id)
{
    uint16_t code = states[state_row(r->state)].network_error;
    uint8_t network_error[3] = {3, (uint8_t)(code >> 8), (uint8_t)code}; /* 3: GSM, §5.3.2.31 */
    sim_pdu_put_tlv(w, TLV_RECEIPTED_MESSAGE_ID, id, strlen(id) + 1);
    sim_pdu_put_tlv(w, TLV_MESSAGE_STATE, &r->state, 1);
    sim_pdu_put_tlv(w, TLV_NETWORK_ERROR_CODE, network_error, sizeof(network_error));
}

static void put_deliver_fields(struct buf_writer *w, uint8_t esm_class, uint8_t data_coding)
{
    buf_put_u8(w, esm_class);
    buf_put_u8(w, 0);          /* protocol_id */
    buf_put_u8(w, 0);          /* priority_flag */
    sim_pdu_put_string(w, ""); /* schedule_delivery_time, NULL in deliver_sm (§4.6.1) */
    sim_pdu_put_string(w, ""); /* validity_period, the same */
    buf_put_u8(w, 0);          /* registered_delivery */
    buf_put_u8(w, 0);          /* replace_if_present_flag */
    buf_put_u8(w, data_coding);
    buf_put_u8(w, 0); /* sm_default_msg_id */
}

size_t sim_dialect_write(uint8_t *out, size_t size, size_t dialect, const struct sim_receipt *r,
                         const struct sim_receipt_ids *ids)
{
    const struct dialect *d = &dialects[dialect];
    char text[400];
    uint8_t octets[2 * sizeof(text) + sizeof(r->text)];
    size_t len = write_text(text, sizeof(text) - 1, d, r, ids->text);
    uint8_t esm_class = r->intermediate ? SIM_ESM_INTERMEDIATE : SIM_ESM_RECEIPT;
    uint8_t coding = d->flags & AS_UCS2 ? SIM_CODING_UCS2 : 0;
    if (d->flags & NO_ESM_BIT)
        esm_class = 0;
    if (d->flags & ENDS_WITH_NUL)
        text[len++] = 0;
    if (d->flags & AS_UCS2)
        len = widen(octets, text, len, r);
    else
        memcpy(octets, text, len);
    bool payload = (d->flags & IN_PAYLOAD) || len > 254;

    struct buf_writer w = buf_writer(out, size);
    put_addresses(&w, r);
    if (d->flags & AS_DATA_SM) {
        buf_put_u8(&w, esm_class);
        buf_put_u8(&w, 0); /* registered_delivery */
        buf_put_u8(&w, coding);
    } else {
        put_deliver_fields(&w, esm_class, coding);
        buf_put_u8(&w, payload ? 0 : (uint8_t)len);
        buf_put(&w, octets, payload ? 0 : len);
    }
    if (d->flags & WITH_TLVS)
        put_tlvs(&w, r, ids->tlv);
    if (payload)
        sim_pdu_put_tlv(&w, TLV_MESSAGE_PAYLOAD, octets, len);
    INVARIANT(!w.failed);
    return buf_written(&w);
}
