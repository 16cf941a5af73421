/* Look-alikes in the GSM 7-bit default alphabet for characters it lacks: dashes, quotes, accents.
 */
#ifndef PROTO_TRANSLIT_H
#define PROTO_TRANSLIT_H

#include "common/base.h"

/* What to write instead, as UTF-8 that the default alphabet and its extension hold; "" for
 * characters that are nothing to see (zero-width ones). NULL when there is no honest replacement.
 */
const char *translit_gsm7(uint32_t code_point);

#endif
