/* Reads hex; encodes the text of mobile-originated messages. */
#include <string.h>

#include "common/base.h"

#include "tests/sim/sim_pdu.h"
#include "tests/sim/sim_text.h"

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool sim_text_from_hex(const char *hex, struct sim_buffer *out)
{
    while (*hex) {
        if (*hex == ' ') {
            hex++;
            continue;
        }
        int high = digit(hex[0]);
        int low = high < 0 ? -1 : digit(hex[1]);
        if (low < 0)
            return false;
        uint8_t octet = (uint8_t)(high << 4 | low);
        sim_buffer_append(out, &octet, 1);
        hex += 2;
    }
    return true;
}

/* One code point; steps *p. */
static uint32_t next_code_point(const uint8_t **p)
{
    uint8_t first = *(*p)++;
    int more = first >= 0xf0 && first <= 0xf4   ? 3
               : first >= 0xe0 && first <= 0xef ? 2
               : first >= 0xc2 && first <= 0xdf ? 1
                                                : 0;
    if (first < 0x80)
        return first;
    if (more == 0)
        return '?';
    uint32_t code = first & (0x3fu >> more);
    for (; more > 0; more--) {
        if ((**p & 0xc0) != 0x80)
            return '?';
        code = code << 6 | (*(*p)++ & 0x3fu);
    }
    return code;
}

static bool same_in_gsm(const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c < 0x20 && c != '\n' && c != '\r') || c > 0x7a || strchr("$@[\\]^_`", c))
            return false;
    }
    return true;
}

static void put_unit(struct sim_buffer *out, uint32_t unit)
{
    uint8_t octets[2] = {(uint8_t)(unit >> 8), (uint8_t)unit};
    sim_buffer_append(out, octets, 2);
}

uint8_t sim_text_encode(const char *utf8, struct sim_buffer *out)
{
    if (same_in_gsm(utf8)) {
        sim_buffer_append(out, utf8, strlen(utf8));
        return 0;
    }
    const uint8_t *p = (const uint8_t *)utf8;
    while (*p) {
        uint32_t code = next_code_point(&p);
        if (code > 0xffff) {
            put_unit(out, 0xd800 + ((code - 0x10000) >> 10));
            put_unit(out, 0xdc00 + ((code - 0x10000) & 0x3ff));
        } else {
            put_unit(out, code);
        }
    }
    return SIM_CODING_UCS2;
}
