/*
 * Messages from phones that were taken and not answered, so that the MNO's repetition is known from
 * a person who writes the same again. A fixed table: what was forgotten is told twice.
 */
#ifndef BRIDGE_MO_REPEATS_H
#define BRIDGE_MO_REPEATS_H

#include "proto/uuid.h"

#define MO_REPEATS_SLOTS 4096

/* The first time that the agent had it. */
struct mo_identity {
    uint64_t deliver; /* 0: none */
    int64_t received_ms;
};

struct mo_repeats {
    struct {
        struct uuid same; /* of all that say the same */
        struct mo_identity identity;
    } slots[MO_REPEATS_SLOTS];
};

void mo_repeats_note(struct mo_repeats *r, const struct uuid *same, struct mo_identity identity);
/* Takes it out; false leaves *identity_r alone: nothing like it is unanswered. */
bool mo_repeats_take(struct mo_repeats *r, const struct uuid *same,
                     struct mo_identity *identity_r) MUST_CHECK;

#endif
