/* The time format of SMPP (§7.1): "YYMMDDhhmmsstnnp", absolute or relative. */
#ifndef PROTO_SMPP_TIME_H
#define PROTO_SMPP_TIME_H

#include "common/base.h"
#include "proto/smpp.h"

/* Absolute, in UTC: "260418100000000+". */
void smpp_time_absolute(int64_t unix_ms, char out[SMPP_TIME_SIZE]);
/* Relative to the SMSC's clock: days, hours, minutes and seconds, "000003000000000R" for three
 * days. Rounded down to the second, but at least one; at most 99 days, which is more than an SMSC
 * keeps anything. */
void smpp_time_relative(int64_t duration_ms, char out[SMPP_TIME_SIZE]);

#endif
