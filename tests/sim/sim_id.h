/* Message ids: one number, written the many ways MNOs write it. */
#ifndef SIM_ID_H
#define SIM_ID_H

#include "common/base.h"

#define SIM_ID_SIZE 65u /* §5.2.23, with the NUL */

enum sim_id_format {
    SIM_ID_SAME, /* of a receipt: as in the response */
    SIM_ID_DEC,
    SIM_ID_PADDED, /* decimal, 20 digits with leading zeros */
    SIM_ID_HEX,
    SIM_ID_HEX_UPPER,
    SIM_ID_HEX_PADDED, /* 16 lower-case digits */
    SIM_ID_UUID,
    SIM_ID_LONG, /* 64 characters */
    SIM_ID_FORMATS
};

extern const char *const sim_id_format_names[SIM_ID_FORMATS + 1]; /* ends with NULL */

/* Writes the id and its NUL to `out` (SIM_ID_SIZE octets); returns its length without the NUL. */
size_t sim_id_write(char *out, enum sim_id_format format, uint64_t number);

#endif
