/* Receipts from hostile hands, all the way to the event that is published. */
#include <string.h>

#include "common/str.h"
#include "proto/event_id.h"
#include "proto/events.h"
#include "proto/json.h"
#include "proto/message_id.h"
#include "proto/receipt.h"
#include "proto/smpp_tlv.h"
#include "tests/fuzz/fuzz.h"

#define NOW_MS 1776513600000LL

static void check_id(const char *id)
{
    struct message_id_form forms[MESSAGE_ID_FORMS_MAX];
    size_t count = message_id_forms(id, MESSAGE_ID_FORMAT_AUTO, forms);
    MUST(count <= MESSAGE_ID_FORMS_MAX && (count == 0) == (id[0] == '\0'));
    for (size_t i = 0; i < count; i++) {
        char a[MESSAGE_ID_CANONICAL_SIZE], b[MESSAGE_ID_CANONICAL_SIZE];
        MUST(strlen(forms[i].id) < SMPP_MESSAGE_ID_SIZE);
        MUST(message_id_canonical(forms[i].dialect, MESSAGE_ID_IN_RESPONSE, forms[i].id, a));
        MUST(message_id_canonical(forms[i].dialect, MESSAGE_ID_IN_RECEIPT, id, b));
        MUST(strcmp(a, b) == 0);
    }
}

static void check_event(const struct smpp_sm *sm, const struct receipt *r, const char *text)
{
    struct dlr_event event = {
        .operator_message_id = r->id_tlv[0] ? r->id_tlv : r->id_text,
        .status = r->status,
        .delivered_at_ms = r->done_ms,
        .error_code = r->err,
        .stat = r->stat,
        .raw_text = {.data = (const uint8_t *)text, .len = r->text_len},
        .raw_tlvs = sm->tlvs,
        .raw_octets = r->raw,
    };
    char error[128];
    struct json_emit e = json_emit_growable();
    events_emit_dlr(&e, &event);
    struct json *json = json_parse(e.data, e.len, SIZE_MAX, error, sizeof(error));
    MUST(json);
    json_destroy(&json);
    json_emit_free(&e);
    static uint8_t input[200000];
    struct buf_writer w = buf_writer(input, sizeof(input));
    event_id_of_receipt(&w, &event.operator_id, sm);
    MUST(!w.failed);
}

/* Three octets (esm_class, detection and data_coding, length of the parameters), parameters,
 * message. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[RECEIPT_TEXT_SIZE(70000)];
    if (size < 3 || size > 70000)
        return 0;
    size_t tlvs = min_size(data[2], size - 3);
    struct smpp_sm sm = {
        .source = "99970000001",
        .dest = "ACME",
        .esm_class = data[0],
        .data_coding = data[1] >> 4,
        .short_message = {.data = data + 3 + tlvs, .len = size - 3 - tlvs},
        .tlvs = smpp_tlv_intact((struct bytes){.data = data + 3, .len = tlvs}),
    };
    struct receipt r;
    receipt_parse(&sm, (enum receipt_detection)(data[1] % 3), NOW_MS, text, sizeof(text), &r);
    MUST(str_utf8_valid(text, r.text_len) && r.raw.len <= sm.short_message.len);
    MUST(r.stat[0] && strlen(r.stat) < sizeof(r.stat) && strlen(r.err) < sizeof(r.err));
    MUST(r.done_ms == RECEIPT_TIME_NONE || r.done_ms > 0);
    check_id(r.id_tlv);
    check_id(r.id_text);
    check_event(&sm, &r, text);
    return 0;
}
