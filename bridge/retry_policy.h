/* What follows from a refused or unknown submit_sm; pure. */
#ifndef BRIDGE_RETRY_POLICY_H
#define BRIDGE_RETRY_POLICY_H

#include "bridge/operator_settings.h"

enum retry_verdict {
    RETRY_AGAIN,  /* after `after_ms` */
    RETRY_REJECT, /* REJECTED, with the status */
    RETRY_EXPIRE, /* no time is left for another attempt */
};

struct retry_decision {
    enum retry_verdict verdict;
    int64_t after_ms;
    bool counts; /* as an attempt towards maxAttempts */
    bool rebind; /* the bind is no good */
    bool throttle;
};

struct retry_case {
    struct smpp_status status; /* with the operator's class */
    uint32_t refusals;         /* before this one that counted */
    uint32_t attempt;          /* of the key: all submits of this segment before the next */
    int64_t max_attempts;
    int64_t now_ms, not_after_ms; /* wall */
    uint32_t random;
};

struct retry_decision retry_policy_refused(const struct retry_case *c);

/* An unknown outcome under onUnknown: resubmit. How long it rests before it is sent again: nothing
 * when its connection is gone (no late answer can come), else half of the remaining life, at most
 * 5 min, counted from the outcome. */
int64_t retry_policy_rest_ms(bool connection_lost, int64_t outcome_ms, int64_t not_after_ms);

#endif
