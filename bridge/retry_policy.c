/* Growing pauses after refusals, and the patience after an unknown outcome. */
#include "common/backoff.h"

#include "bridge/retry_policy.h"

#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 60000
#define THROTTLE_MIN_MS 500
#define THROTTLE_MAX_MS 10000
#define ATTEMPTS_MAX 250 /* the key's attempt is one octet */
#define ATTEMPTS_SPARED 125
#define REST_MAX_MS (5 * 60 * 1000)

static int64_t growing(int64_t min_ms, int64_t max_ms, uint32_t failures, uint32_t random)
{
    struct backoff b = {.min_ms = min_ms, .max_ms = max_ms, .failures = failures};
    return backoff_next_ms(&b, random);
}

/* Throttling is no attempt, so only the message's life may end it: the second half of the numbers
 * that the key has is spread over what is left of that. */
static int64_t throttled_ms(const struct retry_case *c)
{
    int64_t ms = growing(THROTTLE_MIN_MS, THROTTLE_MAX_MS, c->attempt, c->random);
    if (c->attempt < ATTEMPTS_SPARED || c->attempt >= ATTEMPTS_MAX)
        return ms;
    int64_t spread = (c->not_after_ms - c->now_ms) / (ATTEMPTS_MAX - (int64_t)c->attempt);
    return spread > ms ? spread : ms;
}

static bool is_spent(const struct retry_case *c, bool counts)
{
    if (c->attempt >= ATTEMPTS_MAX)
        return true;
    if (!counts)
        return false;
    uint32_t tries = c->refusals + 1;
    bool by_status =
        c->status.max_attempts != SMPP_STATUS_ATTEMPTS_ANY && tries >= c->status.max_attempts;
    return by_status || (int64_t)tries >= c->max_attempts;
}

struct retry_decision retry_policy_refused(const struct retry_case *c)
{
    struct retry_decision d = {.verdict = RETRY_REJECT};
    switch (c->status.class) {
    case SMPP_STATUS_OK:
    case SMPP_STATUS_PERMANENT:
        return d;
    case SMPP_STATUS_RETRY:
        d.counts = true;
        d.after_ms = growing(RETRY_MIN_MS, RETRY_MAX_MS, c->refusals, c->random);
        break;
    case SMPP_STATUS_SESSION:
        d.counts = d.rebind = true;
        d.after_ms = growing(RETRY_MIN_MS, RETRY_MAX_MS, c->refusals, c->random);
        break;
    case SMPP_STATUS_THROTTLE:
        d.throttle = true;
        d.after_ms = throttled_ms(c);
        break;
    }
    if (is_spent(c, d.counts))
        d.verdict = RETRY_REJECT;
    else if (c->now_ms + d.after_ms >= c->not_after_ms)
        d.verdict = RETRY_EXPIRE;
    else
        d.verdict = RETRY_AGAIN;
    return d;
}

int64_t retry_policy_rest_ms(bool connection_lost, int64_t outcome_ms, int64_t not_after_ms)
{
    if (connection_lost || not_after_ms <= outcome_ms)
        return 0;
    int64_t half = (not_after_ms - outcome_ms) / 2;
    return half < REST_MAX_MS ? half : REST_MAX_MS;
}
