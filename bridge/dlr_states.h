/*
 * Which messages had their final receipt lately, so that a state that goes backwards (ENROUTE after
 * DELIVRD) is marked. A fixed table of fingerprints: 65,536 messages, the latest of a slot counts;
 * what was forgotten is not marked, and that is all that can go wrong.
 */
#ifndef BRIDGE_DLR_STATES_H
#define BRIDGE_DLR_STATES_H

#include "common/base.h"
#include "proto/ipc.h"
#include "proto/smpp.h"

#define DLR_STATES_SLOTS 65536

struct dlr_states {
    uint32_t fingerprints[DLR_STATES_SLOTS]; /* 0: free */
};

/* Notes a receipt's state and says whether it goes backwards: not final after a final one of the
 * same `message`, a text of the caller's. An empty one is never backwards. */
#define DLR_STATES_KEY_SIZE (SMPP_MESSAGE_ID_SIZE + 4)
bool dlr_states_note(struct dlr_states *s, const uint8_t operator_id[IPC_OPERATOR_ID_SIZE],
                     const char *message, bool final);

#endif
