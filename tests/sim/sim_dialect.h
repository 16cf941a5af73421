/* How an MNO phrases a receipt: the dialects, and the states a message can end in. */
#ifndef SIM_DIALECT_H
#define SIM_DIALECT_H

#include <time.h>

#include "common/base.h"

/* §5.2.28 */
enum {
    SIM_STATE_ENROUTE = 1,
    SIM_STATE_DELIVERED = 2,
    SIM_STATE_EXPIRED = 3,
    SIM_STATE_DELETED = 4,
    SIM_STATE_UNDELIVERABLE = 5,
    SIM_STATE_ACCEPTED = 6,
    SIM_STATE_UNKNOWN = 7,
    SIM_STATE_REJECTED = 8,
    SIM_STATE_NONE = 255, /* no receipt at all */
};

#define SIM_RECEIPT_TEXT_MAX 20u

/* What a receipt tells; addresses as in the submit_sm (they change places in the receipt). */
struct sim_receipt {
    uint64_t number; /* of the message id */
    time_t submitted;
    time_t done;
    char source[21];
    char dest[21];
    uint8_t source_ton, source_npi, dest_ton, dest_npi;
    uint8_t state;
    bool intermediate; /* esm_class 0x20 instead of 0x04 */
    uint8_t data_coding;
    uint8_t text_len;
    uint8_t text[2 * SIM_RECEIPT_TEXT_MAX];
};

/* Ids as the operator writes them in text and TLV. */
struct sim_receipt_ids {
    const char *text;
    const char *tlv;
};

size_t sim_dialect_count(void);
const char *sim_dialect_name(size_t dialect);
const char *sim_dialect_help(size_t dialect);

/* The body of the deliver_sm (or data_sm) into `out`; its length. Room for 1,024 octets. */
size_t sim_dialect_write(uint8_t *out, size_t size, size_t dialect, const struct sim_receipt *r,
                         const struct sim_receipt_ids *ids);
/* The command that carries it: deliver_sm, or data_sm in one dialect. */
uint32_t sim_dialect_command(size_t dialect);

/* "DELIVRD" and its kind; SIM_STATE_NONE for "NONE"; -1: no such state. */
int sim_dialect_state(const char *name);

#endif
