/* Faults before answers: the connection's end, rules for an address, limits, chance, silence. */
#include <string.h>

#include "common/base.h"

#include "tests/sim/sim_verdict.h"

const struct sim_rule *sim_verdict_rule(struct sim_rules *rules, struct bytes address)
{
    for (size_t i = 0; i < rules->count; i++) {
        struct sim_rule *rule = &rules->rule[i];
        size_t len = strlen(rule->suffix);
        if (rule->left == 0 || len > address.len ||
            memcmp(address.data + address.len - len, rule->suffix, len) != 0)
            continue;
        if (rule->left != UINT32_MAX)
            rule->left--;
        return rule;
    }
    return NULL;
}

static struct sim_verdict refuse(uint32_t status)
{
    return (struct sim_verdict){.action = SIM_ANSWER, .status = status};
}

static struct sim_verdict be_silent(const struct sim_behaviour *b)
{
    return (struct sim_verdict){.action = SIM_NO_ANSWER, .taken = b->silent_takes};
}

static bool by_connection(const struct sim_session *s, struct sim_verdict *v)
{
    const struct sim_behaviour *b = &s->system->behaviour;
    if (b->rst_after > 0 && s->submits >= b->rst_after)
        v->action = SIM_END_RST;
    else if (b->close_after > 0 && s->submits >= b->close_after)
        v->action = SIM_END_FIN;
    else
        return false;
    return true;
}

static bool by_rule(struct sim_session *s, const struct sim_submit *m, struct sim_verdict *v)
{
    struct sim_behaviour *b = &s->system->behaviour;
    const struct sim_rule *rule = sim_verdict_rule(&b->status_for_dest, m->dest);
    if (!rule)
        rule = sim_verdict_rule(&b->status_for_source, m->source);
    if (!rule)
        return false;
    switch (rule->action) {
    case SIM_RULE_VALUE:
        *v = refuse(rule->value);
        return rule->value != ESME_ROK; /* a rule with status 0 exempts from nothing else */
    case SIM_RULE_SILENT:
        *v = be_silent(b);
        break;
    case SIM_RULE_CLOSE:
        v->action = SIM_END_FIN;
        break;
    case SIM_RULE_RST:
        v->action = SIM_END_RST;
        break;
    }
    return true;
}

/* One draw for all statuses of the mix: their shares never add up to more than the whole. */
static bool by_chance(struct sim_session *s, struct sim_verdict *v)
{
    const struct sim_mix *mix = &s->system->behaviour.submit_status;
    if (mix->count == 0)
        return false;
    uint64_t draw = sim_random_between(&s->sim->random, 0, SIM_MILLION - 1);
    for (size_t i = 0; i < mix->count; i++) {
        if (draw < mix->share[i]) {
            *v = refuse(mix->value[i]);
            return mix->value[i] != ESME_ROK;
        }
        draw -= mix->share[i];
    }
    return false;
}

static bool by_limit(struct sim_session *s, struct sim_verdict *v)
{
    struct sim_system *system = s->system;
    const struct sim_behaviour *b = &system->behaviour;
    if (b->max_window > 0 && s->unanswered >= b->max_window) {
        *v = refuse(b->window_status);
        return true;
    }
    if (b->max_tps == 0)
        return false;
    if (sim_rate_count(&system->accepted, s->sim->now_ns) >= b->max_tps) {
        system->stats.submits_throttled++;
        *v = refuse(b->throttle_status);
        return true;
    }
    sim_rate_add(&system->accepted, s->sim->now_ns);
    return false;
}

static bool by_silence(struct sim_session *s, struct sim_verdict *v)
{
    const struct sim_behaviour *b = &s->system->behaviour;
    bool after = b->silent_after > 0 && s->submits >= b->silent_after;
    if (!after && !sim_random_chance(&s->sim->random, b->silent))
        return false;
    *v = be_silent(b);
    return true;
}

static void set_delay(struct sim_session *s, struct sim_verdict *v)
{
    const struct sim_behaviour *b = &s->system->behaviour;
    struct sim_random *random = &s->sim->random;
    if (sim_random_chance(random, b->late.millionths)) {
        v->delay_ns = b->late.delay_ms * SIM_NS_PER_MS;
        v->may_overtake = true;
        return;
    }
    v->delay_ns = sim_random_between(random, b->latency_ms.min * SIM_NS_PER_MS,
                                     b->latency_ms.max * SIM_NS_PER_MS);
    v->may_overtake = b->out_of_order;
}

struct sim_verdict sim_verdict_reach(struct sim_session *s, const struct sim_submit *m)
{
    struct sim_verdict v = {.action = SIM_ANSWER, .status = ESME_ROK};
    if (by_connection(s, &v) || by_silence(s, &v))
        return v;
    if (!by_rule(s, m, &v) && !by_limit(s, &v) && !by_chance(s, &v))
        v = (struct sim_verdict){.action = SIM_ANSWER, .status = ESME_ROK, .taken = true};
    if (v.action != SIM_ANSWER)
        return v;
    const struct sim_behaviour *b = &s->system->behaviour;
    v.twice = sim_random_chance(&s->sim->random, b->twice);
    v.stray = sim_random_chance(&s->sim->random, b->wrong_sequence);
    set_delay(s, &v);
    return v;
}
