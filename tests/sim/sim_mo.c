/* Encodes and splits MO messages (3GPP TS 23.040 §9.2.3.24.1) and queues them like receipts. */
#include <stdio.h>
#include <string.h>

#include "common/base.h"
#include "common/buf.h"

#include "tests/sim/sim_mo.h"
#include "tests/sim/sim_outbox.h"
#include "tests/sim/sim_text.h"

#define WHOLE_GSM 160u
#define PART_GSM 153u
#define WHOLE_UCS2 140u
#define PART_UCS2 134u
#define BODY_ROOM 400u

struct message {
    const char *from;
    const char *to;
    uint8_t coding;
    uint8_t reference;
    uint8_t parts;
};

static void put_address(struct buf_writer *w, const char *address)
{
    char cut[SIM_ADDRESS_SIZE];
    bool number = strspn(address, "0123456789") == strlen(address);
    snprintf(cut, sizeof(cut), "%s", address);
    buf_put_u8(w, number ? 1 : 5); /* international, or alphanumeric */
    buf_put_u8(w, number ? 1 : 0); /* ISDN, or unknown */
    sim_pdu_put_string(w, cut);
}

static size_t write_part(uint8_t *out, const struct message *m, uint8_t part, struct bytes text)
{
    struct buf_writer w = buf_writer(out, BODY_ROOM);
    bool long_message = m->parts > 1;
    uint8_t udh[6] = {5, 0, 3, m->reference, m->parts, part};
    sim_pdu_put_string(&w, "");
    put_address(&w, m->from);
    put_address(&w, m->to);
    buf_put_u8(&w, long_message ? SIM_ESM_UDHI : 0);
    buf_put(&w, "\0\0\0\0\0\0", 6); /* protocol_id … replace_if_present_flag */
    buf_put_u8(&w, m->coding);
    buf_put_u8(&w, 0); /* sm_default_msg_id */
    buf_put_u8(&w, (uint8_t)(text.len + (long_message ? sizeof(udh) : 0)));
    buf_put(&w, udh, long_message ? sizeof(udh) : 0);
    buf_put(&w, text.data, text.len);
    INVARIANT(!w.failed);
    return buf_written(&w);
}

static void queue(struct sim *sim, struct sim_system *system, const uint8_t *body, size_t len)
{
    struct sim_delivery *d = sim_outbox_new(system->outbox);
    d->body = xmalloc(len);
    d->body_len = len;
    memcpy(d->body, body, len);
    system->stats.mo_created++;
    sim_outbox_add(d, sim->now_ns);
}

size_t sim_mo_send(struct sim *sim, struct sim_system *system, const char *from, const char *to,
                   const char *text)
{
    struct sim_buffer octets = {0};
    struct message m = {from, to, sim_text_encode(text, &octets), 0, 0};
    bool wide = m.coding == SIM_CODING_UCS2;
    size_t whole = wide ? WHOLE_UCS2 : WHOLE_GSM;
    size_t step = octets.len <= whole ? whole : wide ? PART_UCS2 : PART_GSM;
    size_t parts = octets.len == 0 ? 1 : (octets.len + step - 1) / step;
    uint8_t body[BODY_ROOM];
    m.parts = (uint8_t)min_size(parts, 255); /* a UDH counts no further: the rest is cut */
    m.reference = (uint8_t)sim_random_next(&sim->random);
    for (size_t i = 0; i < m.parts; i++) {
        size_t at = i * step;
        struct bytes piece = {octets.data + at, min_size(step, octets.len - at)};
        queue(sim, system, body, write_part(body, &m, (uint8_t)(i + 1), piece));
    }
    sim_buffer_free(&octets);
    return m.parts;
}
