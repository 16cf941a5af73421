/* Writes message ids by hand: snprintf would be a third of the cost of a submit_sm. */
#include <string.h>

#include "common/base.h"

#include "tests/sim/sim_id.h"

const char *const sim_id_format_names[SIM_ID_FORMATS + 1] = {
    "same", "dec", "padded", "hex", "HEX", "hex-padded", "uuid", "long", NULL};

/* `number` in `base`, left-padded with zeros to at least `width`. */
static size_t put_number(char *out, uint64_t number, unsigned base, size_t width, bool upper)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char reversed[SIM_ID_SIZE];
    size_t len = 0;
    do {
        reversed[len++] = digits[number % base];
        number /= base;
    } while (number > 0);
    while (len < width)
        reversed[len++] = '0';
    for (size_t i = 0; i < len; i++)
        out[i] = reversed[len - 1 - i];
    out[len] = 0;
    return len;
}

static size_t put_uuid(char *out, uint64_t number)
{
    /* Version 4 by its form; the number sits in the first and the last group. */
    put_number(out, number >> 32, 16, 8, false);
    memcpy(out + 8, "-51a0-4c0d-8e11-0000", 20);
    put_number(out + 28, number & 0xffffffffu, 16, 8, false);
    return 36;
}

size_t sim_id_write(char *out, enum sim_id_format format, uint64_t number)
{
    switch (format) {
    case SIM_ID_PADDED:
        return put_number(out, number, 10, 20, false);
    case SIM_ID_HEX:
        return put_number(out, number, 16, 1, false);
    case SIM_ID_HEX_UPPER:
        return put_number(out, number, 16, 1, true);
    case SIM_ID_HEX_PADDED:
        return put_number(out, number, 16, 16, false);
    case SIM_ID_UUID:
        return put_uuid(out, number);
    case SIM_ID_LONG:
        return put_number(out, number, 10, SIM_ID_SIZE - 1, false);
    case SIM_ID_SAME:
    case SIM_ID_DEC:
    case SIM_ID_FORMATS:
        break;
    }
    return put_number(out, number, 10, 1, false);
}
