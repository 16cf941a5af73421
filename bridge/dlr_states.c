/* A direct-mapped table of fingerprints (FNV-1a). */
#include "bridge/dlr_states.h"

static uint64_t hash(uint64_t h, const void *data, size_t len)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}

bool dlr_states_note(struct dlr_states *s, const uint8_t operator_id[IPC_OPERATOR_ID_SIZE],
                     const char *message, bool final)
{
    size_t len = 0;
    while (message[len])
        len++;
    if (!len)
        return false;
    uint64_t h = hash(UINT64_C(0xcbf29ce484222325), operator_id, IPC_OPERATOR_ID_SIZE);
    h = hash(h, message, len);
    uint32_t *slot = &s->fingerprints[h % DLR_STATES_SLOTS];
    uint32_t fingerprint = (uint32_t)(h >> 32) | 1u;
    if (final) {
        *slot = fingerprint;
        return false;
    }
    return *slot == fingerprint;
}
