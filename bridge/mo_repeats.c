/* A direct-mapped table; the latest of a slot counts. */
#include "bridge/mo_repeats.h"

static size_t slot_of(const struct uuid *same)
{
    return (size_t)(same->octets[0] << 8 | same->octets[1]) % MO_REPEATS_SLOTS; /* of a hash */
}

void mo_repeats_note(struct mo_repeats *r, const struct uuid *same, struct mo_identity identity)
{
    size_t i = slot_of(same);
    r->slots[i].same = *same;
    r->slots[i].identity = identity;
}

bool mo_repeats_take(struct mo_repeats *r, const struct uuid *same, struct mo_identity *identity_r)
{
    size_t i = slot_of(same);
    if (!r->slots[i].identity.deliver || !uuid_equal(&r->slots[i].same, same))
        return false;
    *identity_r = r->slots[i].identity;
    r->slots[i].identity.deliver = 0;
    return true;
}
