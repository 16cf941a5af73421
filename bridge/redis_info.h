/* What the answer to INFO says about the server we have got hold of; pure. */
#ifndef BRIDGE_REDIS_INFO_H
#define BRIDGE_REDIS_INFO_H

#include "common/base.h"

#define REDIS_INFO_RUN_ID_SIZE 100

struct redis_info {
    /* Differs when it is another process, or one that was promoted since. "": not told. */
    char run_id[REDIS_INFO_RUN_ID_SIZE];
    bool loading; /* still reading its data */
    bool replica; /* takes no writes */
};
void redis_info_parse(const char *text, size_t len, struct redis_info *info_r);

#endif
