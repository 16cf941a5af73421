/*
 * What a deliver_sm is: a receipt, something that is one only if it correlates, or a message that a
 * phone sent. And the id of a receipt's event.
 */
#include <stdlib.h>

#include "proto/smpp_deliver.h"

#include "bridge/crypto.h"
#include "bridge/dlr_private.h"

/* The id's octets are the body's, a message_payload twice, and less than this besides. */
enum { EVENT_ID_SURPLUS = 256 };

static bool decode(struct delivery *d)
{
    struct bytes body = {.data = d->body, .len = d->body_len};
    return d->command_id == SMPP_DATA_SM ? smpp_deliver_decode_data_sm(body, &d->sm)
                                         : smpp_sm_decode(body, &d->sm);
}

static void parse(struct delivery *d, enum receipt_detection detection)
{
    receipt_parse(&d->sm, detection, d->received_ms, d->text, d->text_size, &d->receipt);
}

/* Without a MO subject whatever looks like a receipt is one, and what only has an id may be; with
 * one the operator's setting alone decides, since people also write "id:", and what only its text
 * makes a receipt has to correlate. */
enum dlr_kind dlr_receipt_read(struct delivery *d)
{
    if (!decode(d))
        return DLR_KIND_MALFORMED;
    d->digests[0] = correlation_address_digest(d->sm.source);
    d->digests[1] = correlation_address_digest(d->sm.dest);
    parse(d, (enum receipt_detection)d->op->settings.receipt_detection);
    bool tentative = d->receipt.by_text && d->dlr->mo_subject;
    if (d->receipt.is_receipt && !tentative)
        return DLR_KIND_RECEIPT;
    if (d->dlr->mo_subject)
        return tentative && dlr_receipt_id(d)[0] ? DLR_KIND_TENTATIVE : DLR_KIND_MO;
    parse(d, RECEIPT_BY_ANY);
    if (d->receipt.is_receipt)
        return DLR_KIND_RECEIPT;
    return dlr_receipt_id(d)[0] ? DLR_KIND_TENTATIVE : DLR_KIND_MO;
}

const char *dlr_receipt_id(const struct delivery *d)
{
    return d->receipt.id_tlv[0] ? d->receipt.id_tlv : d->receipt.id_text;
}

void dlr_receipt_event_id(struct delivery *d)
{
    struct dlr *dlr = d->dlr;
    size_t size = 2 * d->body_len + EVENT_ID_SURPLUS;
    if (size > dlr->id_input_size) {
        dlr->id_input = xrealloc(dlr->id_input, size);
        dlr->id_input_size = size;
    }
    struct uuid operator_id;
    memcpy(operator_id.octets, d->op->id, UUID_SIZE);
    struct buf_writer w = buf_writer(dlr->id_input, dlr->id_input_size);
    event_id_of_receipt(&w, &operator_id, &d->sm);
    INVARIANT(!w.failed);
    uint8_t digest[UUID_SHA1_SIZE];
    const struct bytes input = {.data = dlr->id_input, .len = buf_written(&w)};
    crypto_sha1(&input, 1, digest);
    d->event_id = uuid5_from_sha1(digest);
}
