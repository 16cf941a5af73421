/*
 * What is no receipt: a message that a phone sent. Without MO_SUBJECT it is refused; with it, its
 * text is decoded, the parts of a long one are put together while they are held unanswered (so that
 * a restart loses none), and the whole is published. What is not whole after a second is laid aside
 * (mo_parts.c), since some SMSCs send the next part only when this one was answered.
 */
#include <stdlib.h>
#include <string.h>

#include "common/map.h"

#include "proto/message_text.h"
#include "proto/smpp_tlv.h"

#include "bridge/crypto.h"
#include "bridge/dlr_private.h"

enum { TLV_SAR_REFERENCE = 0x020C, TLV_SAR_TOTAL = 0x020E, TLV_SAR_PART = 0x020F };
enum { TOGETHER_MS = 1000 }; /* how long the parts of a message may follow each other unanswered */

/* A long message whose parts are coming in. */
struct mo_message {
    struct list parts; /* deliveries, in order of arrival; a repeated part is in it twice */
    uint8_t key[MO_MESSAGE_KEY_SIZE];
    size_t key_len;
    unsigned total;
    struct delivery *first[256]; /* by part number */
    unsigned present;
    struct delivery *publisher; /* the one that carries the publish; NULL: not complete */
};

struct mo_messages {
    struct map *by_key;
    struct mo_repeats repeats;
    struct mo_parts *parts;
};

struct mo_messages *mo_messages_create(struct dlr *dlr)
{
    struct mo_messages *mo = xcalloc(1, sizeof(*mo));
    mo->by_key = map_create();
    mo->parts = dlr->mo_subject ? mo_parts_create(dlr) : NULL;
    return mo;
}

void mo_messages_forget(struct mo_messages *mo)
{
    mo_parts_forget(mo->parts);
}

/* The deliveries have left their messages before. */
void mo_messages_destroy(struct mo_messages **mo)
{
    if (!*mo)
        return;
    INVARIANT(map_count((*mo)->by_key) == 0);
    map_destroy(&(*mo)->by_key);
    mo_parts_destroy(&(*mo)->parts);
    free(*mo);
    *mo = NULL;
}

static void read_concatenation(struct delivery *d)
{
    uint32_t reference, total, part;
    d->udh = (struct udh){0};
    if ((d->sm.esm_class & SMPP_ESM_UDHI) && udh_parse(smpp_sm_message(&d->sm), &d->udh))
        return;
    d->udh = (struct udh){0};
    if (smpp_tlv_find_uint(d->sm.tlvs, TLV_SAR_REFERENCE, &reference) &&
        smpp_tlv_find_uint(d->sm.tlvs, TLV_SAR_TOTAL, &total) &&
        smpp_tlv_find_uint(d->sm.tlvs, TLV_SAR_PART, &part) && part > 0 && part <= total &&
        total <= UINT8_MAX) {
        d->udh.has_concat = true;
        d->udh.reference = (uint16_t)reference;
        d->udh.total = (uint8_t)total;
        d->udh.part = (uint8_t)part;
    }
}

static void decode_text(struct delivery *d)
{
    d->mo_text_len =
        message_text_decode(mo_event_alphabet(d->op), d->sm.data_coding, smpp_sm_message(&d->sm),
                            d->udh.length, d->udh.tables, d->text, d->text_size);
}

/* --- putting parts together --- */

static void key_put_text(struct buf_writer *w, const char *s)
{
    buf_put(w, s, strnlen(s, SMPP_ADDRESS_SIZE + 63) + 1);
}

size_t mo_message_key(const struct delivery *d, uint8_t out[MO_MESSAGE_KEY_SIZE])
{
    struct buf_writer w = buf_writer(out, MO_MESSAGE_KEY_SIZE);
    buf_put(&w, d->op->id, IPC_OPERATOR_ID_SIZE);
    buf_put_u16(&w, d->udh.reference);
    buf_put_u8(&w, d->udh.total);
    buf_put_u8(&w, d->udh.wide ? 1 : 0);
    key_put_text(&w, d->sm.source);
    key_put_text(&w, d->sm.dest);
    INVARIANT(!w.failed);
    return buf_written(&w);
}

static struct mo_message *message_of(struct delivery *d)
{
    struct map *by_key = d->dlr->mo->by_key;
    uint8_t key[MO_MESSAGE_KEY_SIZE];
    size_t len = mo_message_key(d, key);
    struct mo_message *m = map_get(by_key, key, len);
    if (m)
        return m;
    m = xcalloc(1, sizeof(*m));
    list_init(&m->parts);
    memcpy(m->key, key, len);
    m->key_len = len;
    m->total = d->udh.total;
    map_put(by_key, key, len, m);
    return m;
}

void mo_forget(struct delivery *d)
{
    struct mo_message *m = d->message;
    if (!m)
        return;
    d->message = NULL;
    list_remove(&d->parts_link);
    if (m->publisher == d)
        m->publisher = NULL;
    if (m->first[d->udh.part] == d) {
        m->first[d->udh.part] = NULL;
        m->present--;
    }
    if (list_empty(&m->parts)) {
        map_remove(d->dlr->mo->by_key, m->key, m->key_len);
        free(m);
    }
}

static void join(struct delivery *d)
{
    struct mo_message *m = message_of(d);
    d->message = m;
    list_append(&m->parts, &d->parts_link);
    if (!m->first[d->udh.part]) {
        m->first[d->udh.part] = d;
        m->present++;
    }
    d->phase = DLR_ASSEMBLING;
    delivery_schedule(d, TOGETHER_MS);
}

/* --- publishing --- */

static struct bytes without_header(const struct delivery *d)
{
    struct bytes message = smpp_sm_message(&d->sm);
    size_t header = min_size(d->udh.length, message.len);
    return (struct bytes){.data = message.data + header, .len = message.len - header};
}

static struct mo_event event_of(const struct delivery *d)
{
    return (struct mo_event){
        .event_id = d->event_id,
        .received_ms = d->received_ms,
        .op = d->op,
        .from = d->sm.source,
        .to = d->sm.dest,
        .data_coding = d->sm.data_coding,
        .text = {(const uint8_t *)d->text, d->mo_text_len},
    };
}

static void emit_single(struct delivery *d)
{
    struct mo_event event = event_of(d);
    if (message_text_kind(d->sm.data_coding) == MESSAGE_TEXT_BINARY)
        event.binary = without_header(d);
    if (d->udh.has_concat) {
        event.part = d->udh.part;
        event.parts = d->udh.total;
    }
    mo_event_emit(&d->dlr->json, &event);
}

static void emit_whole(struct delivery *d, const struct mo_message *m)
{
    struct mo_piece pieces[UINT8_MAX];
    struct text text = {0};
    size_t most = 0, len = 0;
    for (unsigned part = 1; part <= m->total; part++)
        most += message_text_joinable_max(m->first[part]->body_len);
    uint8_t *octets = xmalloc(most);
    for (unsigned part = 1; part <= m->total; part++) {
        pieces[part - 1] = mo_piece_of(m->first[part], octets + len);
        len += pieces[part - 1].octets.len;
    }
    mo_event_join(d->op, pieces, m->total, &text);
    struct mo_event event = event_of(d);
    event.text = (struct bytes){(const uint8_t *)text.data, text.len};
    event.parts = m->total;
    mo_event_emit(&d->dlr->json, &event);
    text_free(&text);
    free(octets);
}

/* Whoever writes the same twice has written two; what the MNO repeats since it was not answered is
 * one. */
void mo_event_id(struct delivery *d)
{
    uint8_t input[EVENT_ID_INPUT_SIZE], digest[UUID_SHA1_SIZE];
    struct buf_writer w = buf_writer(input, sizeof(input));
    if (!d->identity.deliver) {
        dlr_receipt_event_id(d);
        d->mo_same = d->event_id;
        if (!mo_repeats_take(&d->dlr->mo->repeats, &d->mo_same, &d->identity))
            d->identity = (struct mo_identity){.deliver = d->id, .received_ms = d->received_ms};
    }
    event_id_of_mo(&w, &d->mo_same, d->identity.deliver, d->identity.received_ms);
    INVARIANT(!w.failed);
    crypto_sha1(&(struct bytes){.data = input, .len = buf_written(&w)}, 1, digest);
    d->event_id = uuid5_from_sha1(digest);
}

void mo_give_up(struct delivery *d)
{
    if (d->identity.deliver)
        mo_repeats_note(&d->dlr->mo->repeats, &d->mo_same, d->identity);
}

static struct uuid whole_event_id(const struct mo_message *m)
{
    struct uuid ids[UINT8_MAX];
    for (unsigned part = 1; part <= m->total; part++) {
        mo_event_id(m->first[part]);
        ids[part - 1] = m->first[part]->event_id;
    }
    return mo_event_whole_id(ids, m->total);
}

static void on_single_stored(void *arg, bool duplicate)
{
    struct delivery *d = arg;
    (void)duplicate;
    d->publish = NULL;
    d->op->counters.mo_published++;
    delivery_answer(d, SMPP_ROK);
}

static void on_whole_stored(void *arg, bool duplicate)
{
    struct delivery *d = arg;
    struct mo_message *m = d->message;
    (void)duplicate;
    d->publish = NULL;
    d->op->counters.mo_published++;
    /* The last answer frees the message. */
    for (bool last = false; !last;) {
        struct list *first = m->parts.next;
        last = first->next == &m->parts;
        delivery_answer(LIST_ENTRY(first, struct delivery, parts_link), SMPP_ROK);
    }
}

void mo_publish_single(struct delivery *d)
{
    mo_event_id(d);
    emit_single(d);
    dlr_publish_json(d, d->dlr->mo_subject, on_single_stored);
    if (!d->publish)
        delivery_wait(d, mo_publish_single);
}

static void publish_whole(struct delivery *d)
{
    struct mo_message *m = d->message;
    if (m->present < m->total) { /* a part's hold ended while this waited */
        m->publisher = NULL;
        d->phase = DLR_ASSEMBLING;
        delivery_schedule(d, TOGETHER_MS);
        return;
    }
    m->publisher = d;
    d->event_id = whole_event_id(m);
    emit_whole(d, m);
    dlr_publish_json(d, d->dlr->mo_subject, on_whole_stored);
    if (!d->publish)
        delivery_wait(d, publish_whole);
}

void mo_publish(struct delivery *d)
{
    if (!d->dlr->mo_subject) {
        d->op->counters.mo_refused++;
        delivery_answer(d, SMPP_RX_R_APPN);
        return;
    }
    if (d->phase == DLR_ASSEMBLING) { /* its time is up */
        if (d->message->publisher) {
            timer_start_at(&d->timer, d->hold_until);
            return;
        }
        mo_forget(d);
        mo_lay_aside(d);
        return;
    }
    read_concatenation(d);
    decode_text(d);
    bool is_text = message_text_kind(d->sm.data_coding) != MESSAGE_TEXT_BINARY;
    if (!d->udh.has_concat || d->udh.total < 2 || !is_text) {
        mo_publish_single(d);
        return;
    }
    join(d);
    struct mo_message *m = d->message;
    if (m->present == m->total && !m->publisher)
        publish_whole(d);
}
