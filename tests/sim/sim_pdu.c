/* Reads and writes SMPP 3.4 octets, strictly: what is tolerated elsewhere is reported here. */
#include <string.h>

#include "common/base.h"
#include "common/buf.h"

#include "tests/sim/sim_pdu.h"

#define RANGE_SIZE 41u
#define TIME_SIZE 17u

static const struct {
    const char *name;
    uint32_t status;
} problems[] = {
    [SIM_FINE] = {"none", ESME_ROK},
    [SIM_BAD_LENGTH] = {"command_length", ESME_RINVCMDLEN},
    [SIM_UNKNOWN_COMMAND] = {"unknown_command", ESME_RINVCMDID},
    [SIM_BAD_SEQUENCE] = {"sequence_number", ESME_ROK},
    [SIM_STATUS_IN_REQUEST] = {"status_in_request", ESME_ROK},
    [SIM_WRONG_STATE] = {"wrong_state", ESME_RINVBNDSTS},
    [SIM_UNKNOWN_RESPONSE] = {"unknown_response", ESME_ROK},
    [SIM_BODY_WHERE_NONE] = {"body_where_none", ESME_ROK},
    [SIM_BAD_STRING] = {"string", ESME_RINVPARLEN},
    [SIM_TRUNCATED] = {"truncated", ESME_RINVCMDLEN},
    [SIM_BAD_TLV] = {"tlv", ESME_RINVOPTPARSTREAM},
    [SIM_TEXT_TOO_LONG] = {"sm_length", ESME_RINVMSGLEN},
    [SIM_TEXT_TWICE] = {"text_and_payload", ESME_RINVMSGLEN},
    [SIM_BAD_UDH] = {"udh", ESME_RINVESMCLASS},
    [SIM_SAR_INCOMPLETE] = {"sar_incomplete", ESME_RMISSINGOPTPARAM},
    [SIM_SAR_AND_UDH] = {"sar_and_udh", ESME_ROPTPARNOTALLWD},
    [SIM_ODD_UCS2] = {"odd_ucs2", ESME_RINVMSGLEN},
    [SIM_BAD_TIME] = {"time", ESME_RINVEXPIRY},
    [SIM_NO_DESTINATION] = {"no_destination", ESME_RINVDSTADR},
    [SIM_BAD_VERSION] = {"interface_version", ESME_ROK},
    [SIM_LONG_PASSWORD] = {"long_password", ESME_ROK},
    [SIM_BAD_DELIVER_RESP] = {"deliver_sm_resp", ESME_ROK},
};
ASSERT_ARRAY_LEN(problems, SIM_PROBLEMS);

const char *sim_pdu_problem_name(enum sim_problem problem)
{
    return problems[problem].name;
}

uint32_t sim_pdu_problem_status(enum sim_problem problem)
{
    return problems[problem].status;
}

const char *sim_pdu_name(uint32_t command)
{
    static const struct {
        uint32_t id;
        const char *request, *response;
    } names[] = {
        {PDU_SUBMIT_SM, "submit_sm", "submit_sm_resp"},
        {PDU_DELIVER_SM, "deliver_sm", "deliver_sm_resp"},
        {PDU_ENQUIRE_LINK, "enquire_link", "enquire_link_resp"},
        {PDU_BIND_TRANSCEIVER, "bind_transceiver", "bind_transceiver_resp"},
        {PDU_BIND_TRANSMITTER, "bind_transmitter", "bind_transmitter_resp"},
        {PDU_BIND_RECEIVER, "bind_receiver", "bind_receiver_resp"},
        {PDU_UNBIND, "unbind", "unbind_resp"},
        {PDU_DATA_SM, "data_sm", "data_sm_resp"},
        {PDU_QUERY_SM, "query_sm", "query_sm_resp"},
        {PDU_REPLACE_SM, "replace_sm", "replace_sm_resp"},
        {PDU_CANCEL_SM, "cancel_sm", "cancel_sm_resp"},
        {PDU_SUBMIT_MULTI, "submit_multi", "submit_multi_resp"},
        {PDU_OUTBIND, "outbind", NULL},
        {PDU_ALERT_NOTIFICATION, "alert_notification", NULL},
        {0, NULL, "generic_nack"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].id == (command & ~PDU_RESPONSE))
            return (command & PDU_RESPONSE) ? names[i].response : names[i].request;
    }
    return NULL;
}

struct sim_header sim_pdu_header(const uint8_t *data)
{
    struct buf_reader r = buf_reader(data, SIM_HEADER_SIZE);
    struct sim_header h;
    h.length = buf_get_u32(&r);
    h.command = buf_get_u32(&r);
    h.status = buf_get_u32(&r);
    h.sequence = buf_get_u32(&r);
    return h;
}

void sim_pdu_put_header(uint8_t *out, uint32_t length, uint32_t command, uint32_t status,
                        uint32_t sequence)
{
    struct buf_writer w = buf_writer(out, SIM_HEADER_SIZE);
    buf_put_u32(&w, length);
    buf_put_u32(&w, command);
    buf_put_u32(&w, status);
    buf_put_u32(&w, sequence);
}

/* A C-octet string of at most `size` octets with its NUL, given back without it. */
static struct bytes read_string(struct buf_reader *r, size_t size)
{
    if (r->failed)
        return (struct bytes){0};
    const uint8_t *nul = memchr(r->pos, 0, min_size(size, buf_left(r)));
    if (!nul) {
        r->failed = true;
        return (struct bytes){0};
    }
    struct bytes s = buf_get_bytes(r, (size_t)(nul - r->pos));
    buf_get_u8(r);
    return s;
}

static enum sim_problem tlvs_well_formed(struct buf_reader r)
{
    while (!r.failed && buf_left(&r) > 0) {
        buf_get_u16(&r);
        buf_get_bytes16(&r);
    }
    return r.failed ? SIM_BAD_TLV : SIM_FINE;
}

enum sim_problem sim_pdu_read_bind(struct bytes body, struct sim_bind *out_r)
{
    struct buf_reader r = buf_reader(body.data, body.len);
    *out_r = (struct sim_bind){0};
    out_r->system_id = read_string(&r, 16);
    out_r->password = read_string(&r, 64); /* 9 by §4.1.5; longer ones exist: noted by the caller */
    out_r->system_type = read_string(&r, 13);
    out_r->interface_version = buf_get_u8(&r);
    out_r->addr_ton = buf_get_u8(&r);
    out_r->addr_npi = buf_get_u8(&r);
    out_r->address_range = read_string(&r, RANGE_SIZE);
    if (r.failed)
        return SIM_BAD_STRING;
    return tlvs_well_formed(r);
}

static bool all_digits(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] < '0' || p[i] > '9')
            return false;
    }
    return true;
}

/* §7.1.1: YYMMDDhhmmsstnnp, or nothing. */
static bool good_time(struct bytes t)
{
    if (t.len == 0)
        return true;
    if (t.len != TIME_SIZE - 1 || !all_digits(t.data, TIME_SIZE - 2))
        return false;
    uint8_t p = t.data[TIME_SIZE - 2];
    int quarters = (t.data[13] - '0') * 10 + (t.data[14] - '0');
    if (p == 'R')
        return memcmp(t.data + 12, "000", 3) == 0;
    int month = (t.data[2] - '0') * 10 + (t.data[3] - '0');
    int day = (t.data[4] - '0') * 10 + (t.data[5] - '0');
    int hour = (t.data[6] - '0') * 10 + (t.data[7] - '0');
    bool date = month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour <= 23;
    return (p == '+' || p == '-') && quarters <= 48 && date;
}

struct tlv_view {
    struct bytes payload, sar_reference, sar_total, sar_part;
    bool has_payload;
};

static void keep_tlv(struct tlv_view *t, uint16_t tag, struct bytes value)
{
    switch (tag) {
    case TLV_MESSAGE_PAYLOAD:
        t->payload = value;
        t->has_payload = true;
        break;
    case TLV_SAR_MSG_REF_NUM:
        t->sar_reference = value;
        break;
    case TLV_SAR_TOTAL_SEGMENTS:
        t->sar_total = value;
        break;
    case TLV_SAR_SEGMENT_SEQNUM:
        t->sar_part = value;
        break;
    default: /* §3.3: unknown TLVs are ignored */
        break;
    }
}

static enum sim_problem read_tlvs(struct buf_reader *r, struct tlv_view *t)
{
    *t = (struct tlv_view){0};
    while (buf_left(r) > 0) {
        uint16_t tag = buf_get_u16(r);
        struct bytes value = buf_get_bytes16(r);
        if (r->failed)
            return SIM_BAD_TLV;
        keep_tlv(t, tag, value);
    }
    return SIM_FINE;
}

static enum sim_problem apply_sar(struct sim_submit *s, const struct tlv_view *t)
{
    size_t total = t->sar_reference.len + t->sar_total.len + t->sar_part.len;
    if (total == 0)
        return SIM_FINE;
    if (t->sar_reference.len != 2 || t->sar_total.len != 1 || t->sar_part.len != 1)
        return SIM_SAR_INCOMPLETE;
    if (s->esm_class & SIM_ESM_UDHI)
        return SIM_SAR_AND_UDH;
    s->reference = (uint16_t)(t->sar_reference.data[0] << 8 | t->sar_reference.data[1]);
    s->parts = t->sar_total.data[0];
    s->part = t->sar_part.data[0];
    return s->part == 0 || s->part > s->parts ? SIM_SAR_INCOMPLETE : SIM_FINE;
}

/* One information element of 3GPP TS 23.040 §9.2.3.24; only concatenation means something here. */
static bool apply_element(struct sim_submit *s, uint8_t id, struct bytes value)
{
    if (id == 0x00 && value.len == 3) {
        s->reference = value.data[0];
    } else if (id == 0x08 && value.len == 4) {
        s->reference = (uint16_t)(value.data[0] << 8 | value.data[1]);
    } else {
        return id != 0x00 && id != 0x08;
    }
    s->parts = value.data[value.len - 2];
    s->part = value.data[value.len - 1];
    return s->part != 0 && s->part <= s->parts;
}

static enum sim_problem apply_udh(struct sim_submit *s)
{
    s->text = s->message;
    if (!(s->esm_class & SIM_ESM_UDHI))
        return SIM_FINE;
    struct buf_reader r = buf_reader(s->message.data, s->message.len);
    size_t len = buf_get_u8(&r);
    struct bytes header = buf_get_bytes(&r, len);
    if (r.failed || len == 0)
        return SIM_BAD_UDH;
    s->text = (struct bytes){.data = r.pos, .len = buf_left(&r)};
    struct buf_reader e = buf_reader(header.data, header.len);
    while (buf_left(&e) > 0) {
        uint8_t id = buf_get_u8(&e);
        size_t size = buf_get_u8(&e);
        struct bytes value = buf_get_bytes(&e, size);
        if (e.failed || !apply_element(s, id, value))
            return SIM_BAD_UDH;
    }
    return SIM_FINE;
}

static enum sim_problem check_submit(const struct sim_submit *s)
{
    if (s->dest.len == 0)
        return SIM_NO_DESTINATION;
    if (!good_time(s->schedule) || !good_time(s->validity))
        return SIM_BAD_TIME;
    if (s->data_coding == SIM_CODING_UCS2 && s->text.len % 2)
        return SIM_ODD_UCS2;
    return SIM_FINE;
}

static enum sim_problem read_mandatory(struct buf_reader *r, struct sim_submit *s)
{
    s->service_type = read_string(r, 6);
    s->source_ton = buf_get_u8(r);
    s->source_npi = buf_get_u8(r);
    s->source = read_string(r, SIM_ADDRESS_SIZE);
    s->dest_ton = buf_get_u8(r);
    s->dest_npi = buf_get_u8(r);
    s->dest = read_string(r, SIM_ADDRESS_SIZE);
    s->esm_class = buf_get_u8(r);
    s->protocol_id = buf_get_u8(r);
    s->priority = buf_get_u8(r);
    s->schedule = read_string(r, TIME_SIZE);
    s->validity = read_string(r, TIME_SIZE);
    s->registered_delivery = buf_get_u8(r);
    s->replace = buf_get_u8(r);
    s->data_coding = buf_get_u8(r);
    s->default_message_id = buf_get_u8(r);
    if (r->failed)
        return SIM_BAD_STRING;
    size_t len = buf_get_u8(r);
    s->message = buf_get_bytes(r, len);
    if (r->failed)
        return SIM_TRUNCATED;
    return len > 254 ? SIM_TEXT_TOO_LONG : SIM_FINE; /* §4.4.1 */
}

enum sim_problem sim_pdu_read_submit(struct bytes body, struct sim_submit *out_r)
{
    struct buf_reader r = buf_reader(body.data, body.len);
    struct tlv_view tlvs;
    *out_r = (struct sim_submit){0};
    enum sim_problem problem = read_mandatory(&r, out_r);
    if (problem == SIM_FINE)
        problem = read_tlvs(&r, &tlvs);
    if (problem != SIM_FINE)
        return problem;
    if (tlvs.has_payload && out_r->message.len > 0)
        return SIM_TEXT_TWICE;
    if (tlvs.has_payload)
        out_r->message = tlvs.payload;
    problem = apply_udh(out_r);
    if (problem == SIM_FINE)
        problem = apply_sar(out_r, &tlvs);
    return problem == SIM_FINE ? check_submit(out_r) : problem;
}

void sim_pdu_put_tlv(struct buf_writer *w, uint16_t tag, const void *value, size_t len)
{
    buf_put_u16(w, tag);
    buf_put_bytes16(w, (struct bytes){.data = value, .len = len});
}

void sim_pdu_put_string(struct buf_writer *w, const char *text)
{
    buf_put(w, text, strlen(text) + 1);
}
