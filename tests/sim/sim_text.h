/* Hex, and texts as short messages. */
#ifndef SIM_TEXT_H
#define SIM_TEXT_H

#include "common/base.h"

#include "tests/sim/sim_buffer.h"

/* Appends the octets; blanks are skipped. False: not hex. */
bool sim_text_from_hex(const char *hex, struct sim_buffer *out) MUST_CHECK;
/*
 * A UTF-8 text as the octets of a short message: data_coding 0 when all characters are the same in
 * ASCII and GSM 03.38, else UCS-2 (UTF-16BE). Returns the data_coding; what is no UTF-8 becomes
 * '?'.
 */
uint8_t sim_text_encode(const char *utf8, struct sim_buffer *out);

#endif
