/* Draws the final state of a message and puts its receipts into the outbox. */
#include <string.h>
#include <time.h>

#include "common/base.h"

#include "tests/sim/sim_outbox.h"
#include "tests/sim/sim_receipts.h"
#include "tests/sim/sim_verdict.h"

/* registered_delivery, §5.2.17 */
#define ASKED_MASK 0x03u
#define ASKED_ALWAYS 0x01u
#define ASKED_ON_FAILURE 0x02u
#define ASKED_INTERMEDIATE 0x10u

static uint8_t draw_state(struct sim_session *s, const struct sim_submit *m)
{
    struct sim_behaviour *b = &s->system->behaviour;
    const struct sim_mix *mix = &b->receipt_states;
    const struct sim_rule *rule = sim_verdict_rule(&b->receipt_for_dest, m->dest);
    if (rule)
        return (uint8_t)rule->value;
    if (mix->count == 1)
        return (uint8_t)mix->value[0];
    uint64_t total = 0;
    for (size_t i = 0; i < mix->count; i++)
        total += mix->share[i];
    uint64_t draw = sim_random_between(&s->sim->random, 0, total - 1);
    size_t i = 0;
    for (; draw >= mix->share[i]; i++)
        draw -= mix->share[i];
    return (uint8_t)mix->value[i];
}

static bool is_wanted(const struct sim_behaviour *b, const struct sim_submit *m, uint8_t state)
{
    unsigned asked = m->registered_delivery & ASKED_MASK;
    if (state == SIM_STATE_NONE || b->receipts == SIM_RECEIPTS_NEVER)
        return false;
    if (m->part > 1 && b->receipt_parts == SIM_PARTS_FIRST)
        return false;
    if (m->part < m->parts && b->receipt_parts == SIM_PARTS_LAST)
        return false;
    if (b->receipts == SIM_RECEIPTS_ALWAYS || asked == ASKED_ALWAYS)
        return true;
    return asked == ASKED_ON_FAILURE && state != SIM_STATE_DELIVERED;
}

static bool is_intermediate_wanted(const struct sim_behaviour *b, const struct sim_submit *m)
{
    if (b->receipt_enroute == SIM_ENROUTE_ASKED)
        return m->registered_delivery & ASKED_INTERMEDIATE;
    return b->receipt_enroute != SIM_ENROUTE_OFF;
}

static void copy_address(char *out, struct bytes address)
{
    memcpy(out, address.data, address.len); /* shorter than its field: the reader saw to it */
    out[address.len] = 0;
}

static void fill(struct sim_receipt *r, const struct sim_submit *m, uint64_t number)
{
    size_t octets = m->data_coding == SIM_CODING_UCS2 ? 2 : 1;
    size_t len = min_size(m->text.len, octets * SIM_RECEIPT_TEXT_MAX);
    r->number = number;
    r->source_ton = m->source_ton;
    r->source_npi = m->source_npi;
    r->dest_ton = m->dest_ton;
    r->dest_npi = m->dest_npi;
    r->data_coding = m->data_coding;
    copy_address(r->source, m->source);
    copy_address(r->dest, m->dest);
    memcpy(r->text, m->text.data, len);
    r->text_len = (uint8_t)len;
}

static void add(struct sim_session *s, const struct sim_receipt *r, uint64_t delay_ms)
{
    struct sim *sim = s->sim;
    struct sim_system *system = s->system;
    const struct sim_list *dialects = &system->behaviour.receipt_dialect;
    struct sim_delivery *d = sim_outbox_new(system->outbox);
    d->receipt = *r;
    d->dialect = dialects->count == 1
                     ? dialects->value[0]
                     : dialects->value[sim_random_between(&sim->random, 0, dialects->count - 1)];
    d->receipt.done += (time_t)(delay_ms / 1000);
    system->stats.receipts_created++;
    sim_outbox_add(d, sim->now_ns + delay_ms * SIM_NS_PER_MS);
}

void sim_receipts_create(struct sim_session *s, const struct sim_submit *m, uint64_t number)
{
    const struct sim_behaviour *b = &s->system->behaviour;
    struct sim_random *random = &s->sim->random;
    uint8_t state = draw_state(s, m);
    if (!is_wanted(b, m, state))
        return;
    struct sim_receipt r;
    memset(&r, 0, sizeof(r));
    fill(&r, m, number);
    r.submitted = r.done = time(NULL);
    uint64_t delay_ms =
        sim_random_between(random, b->receipt_delay_ms.min, b->receipt_delay_ms.max);
    if (b->receipt_before_response)
        delay_ms = 0;
    if (is_intermediate_wanted(b, m)) {
        r.state = SIM_STATE_ENROUTE;
        r.intermediate = b->receipt_enroute != SIM_ENROUTE_AS_RECEIPT;
        add(s, &r, delay_ms / 2);
        r.intermediate = false;
    }
    r.state = state;
    add(s, &r, delay_ms);
    if (sim_random_chance(random, b->receipt_duplicates))
        add(s, &r, delay_ms);
}
