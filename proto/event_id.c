/* The octets that event ids are made from. Changing any of it makes every repeated receipt a new
 * event. */
#include <string.h>

#include "proto/event_id.h"

const struct uuid event_id_namespace = {{0xc2, 0xa9, 0xf4, 0xc1, 0x6d, 0x0b, 0x5b, 0x7e, 0x9e, 0x53,
                                         0x0d, 0x6a, 0x3f, 0x1b, 0x8e, 0x27}};

static void begin(struct buf_writer *w, char kind)
{
    buf_put(w, event_id_namespace.octets, UUID_SIZE);
    buf_put_u8(w, (uint8_t)kind);
}

static void part(struct buf_writer *w, const void *data, size_t len)
{
    buf_put_u32(w, (uint32_t)len);
    buf_put(w, data, len);
}

static void part_text(struct buf_writer *w, const char *cstr)
{
    part(w, cstr, cstr ? strlen(cstr) : 0);
}

static void part_u64(struct buf_writer *w, uint64_t v)
{
    buf_put_u32(w, 8);
    buf_put_u64(w, v);
}

void event_id_of_receipt(struct buf_writer *w, const struct uuid *operator_id,
                         const struct smpp_sm *sm)
{
    begin(w, 'R');
    part(w, operator_id->octets, UUID_SIZE);
    part_text(w, sm->source);
    part_text(w, sm->dest);
    uint8_t type = sm->esm_class & SMPP_ESM_TYPE_MASK;
    part(w, &type, 1);
    struct bytes message = smpp_sm_message(sm);
    part(w, message.data, message.len);
    part(w, sm->tlvs.data, sm->tlvs.len);
}

void event_id_of_mo(struct buf_writer *w, const struct uuid *same, uint64_t deliver,
                    int64_t received_ms)
{
    begin(w, 'M');
    part(w, same->octets, UUID_SIZE);
    part_u64(w, deliver);
    part_u64(w, (uint64_t)received_ms);
}

void event_id_of_command(struct buf_writer *w, const struct uuid *operator_id, const char *stream,
                         uint64_t sequence, int64_t stream_time_ns, const char *status,
                         unsigned segment)
{
    begin(w, 'C');
    part(w, operator_id->octets, UUID_SIZE);
    part_text(w, stream);
    part_u64(w, sequence);
    part_u64(w, (uint64_t)stream_time_ns);
    part_text(w, status);
    part_u64(w, segment);
}

void event_id_of_health(struct buf_writer *w, const uint8_t agent_instance[UUID_SIZE],
                        const struct uuid *operator_id, uint64_t number)
{
    begin(w, 'H');
    part(w, agent_instance, UUID_SIZE);
    part(w, operator_id->octets, UUID_SIZE);
    part_u64(w, number);
}
