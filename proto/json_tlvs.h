/* The list [{"tag": "0x1400", "hex": "…"}] of commands and of operator settings, as encoded
 * parameters. */
#ifndef PROTO_JSON_TLVS_H
#define PROTO_JSON_TLVS_H

#include "common/base.h"
#include "common/buf.h"
#include "proto/json.h"

#define JSON_TLVS_MAX 16
#define JSON_TLVS_VALUE_MAX 254 /* octets */
/* Octets that a whole list can take. */
#define JSON_TLVS_SIZE (JSON_TLVS_MAX * (4 + JSON_TLVS_VALUE_MAX))

/* Appends the list's parameters. `tag` is 1..65535 as "0x…" or as a number; those that the
 * connector writes itself (message_payload, sar_*) are refused. NULL, or what is wrong as a
 * constant text that continues a sentence ("tlvs" "is not a list…"). */
const char *json_tlvs_read(const struct json *list, struct buf_writer *w) MUST_CHECK;

#endif
