/*
 * What an event's id is made of. The same receipt must always give the same id, in every version of
 * the program, so the octets that are hashed are laid down here and nowhere else: the namespace, a
 * letter for the kind of event, then each part behind its length (32 bits, big-endian).
 *
 *     id = uuid5_from_sha1(SHA1(the octets built here))
 */
#ifndef PROTO_EVENT_ID_H
#define PROTO_EVENT_ID_H

#include "common/base.h"
#include "common/buf.h"
#include "proto/smpp_sm.h"
#include "proto/uuid.h"

/* c2a9f4c1-6d0b-5b7e-9e53-0d6a3f1b8e27, fixed for ever. */
extern const struct uuid event_id_namespace;

/* One MNO receipt: operator, source, destination, type bits of esm_class, text or payload octets,
 * and its parameters in the order they came; not the sequence number, nor what it correlated with.
 * The writer fails when the buffer is too small; twice the body length + 128 is always enough. */
void event_id_of_receipt(struct buf_writer *w, const struct uuid *operator_id,
                         const struct smpp_sm *sm);

/* One message from a phone: `same` is event_id_of_receipt()'s uuid, which two that say the same
 * share; `deliver` and `received_ms` are those of the first time the agent had it. */
void event_id_of_mo(struct buf_writer *w, const struct uuid *same, uint64_t deliver,
                    int64_t received_ms);

/* The connector's own word on a command, as REJECTED: `status` is the event's. */
void event_id_of_command(struct buf_writer *w, const struct uuid *operator_id, const char *stream,
                         uint64_t sequence, int64_t stream_time_ns, const char *status,
                         unsigned segment);

/* A health transition: numbered by the agent's process. */
void event_id_of_health(struct buf_writer *w, const uint8_t agent_instance[UUID_SIZE],
                        const struct uuid *operator_id, uint64_t number);

/* Enough for those that do not depend on a PDU. */
#define EVENT_ID_INPUT_SIZE 512

#endif
