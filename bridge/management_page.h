/* What the pages of the management API share. */
#ifndef BRIDGE_MANAGEMENT_PAGE_H
#define BRIDGE_MANAGEMENT_PAGE_H

#include "proto/json_emit.h"

#include "bridge/management.h"

/* The finished document as the answer; releases `e`. */
void management_json(struct json_emit *e, int status, struct http_answer *answer_r);

static inline struct management_mt management_mt_of(const struct management_options *m,
                                                    const struct mno *op)
{
    struct management_mt mt = {0};
    if (m->mt)
        m->mt(m->arg, op, &mt);
    return mt;
}

#endif
