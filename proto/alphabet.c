/* GSM 7, Latin-1, ASCII and UCS2 behind one function. */
#include "common/str.h"
#include "proto/alphabet.h"
#include "proto/translit.h"
#include "proto/ucs2.h"

static const struct gsm7_tables default_tables = {GSM7_DEFAULT, GSM7_DEFAULT};

static bool put_gsm7(const struct alphabet *alphabet, uint32_t cp, struct alphabet_unit *unit)
{
    unit->len = gsm7_put(alphabet->tables, cp, unit->octets);
    unit->cost = unit->len;
    return unit->len > 0;
}

static bool put_transliterated(const struct alphabet *alphabet, uint32_t cp,
                               struct alphabet_unit *unit)
{
    const char *text = translit_gsm7(cp);
    if (!text || !gsm7_encode(alphabet->tables, text, strlen(text), unit->octets,
                              sizeof(unit->octets), &unit->len))
        return false;
    unit->cost = unit->len;
    return true;
}

/* Printable characters, CR and LF: what both character sets have in common with a text. */
static bool is_text_octet(uint32_t cp, uint32_t max)
{
    if (cp < 0x20)
        return cp == '\n' || cp == '\r';
    return cp <= max && (cp < 0x7F || cp > 0x9F);
}

static bool put_octet(uint32_t cp, uint32_t max, struct alphabet_unit *unit)
{
    if (!is_text_octet(cp, max))
        return false;
    uint8_t septets[2];
    size_t cost = gsm7_put(default_tables, cp, septets);
    unit->octets[0] = (uint8_t)cp;
    unit->len = 1;
    unit->cost = cost ? cost : 1;
    unit->beyond_gsm7 = cost == 0;
    return true;
}

static bool is_invariant(uint32_t cp)
{
    uint8_t septets[2];
    return cp < 0x7F && gsm7_put(default_tables, cp, septets) == 1 && septets[0] == cp;
}

bool alphabet_put(const struct alphabet *alphabet, uint32_t cp, struct alphabet_unit *unit_r)
{
    unit_r->beyond_gsm7 = false;
    if (alphabet->invariant && !is_invariant(cp))
        return false;
    switch (alphabet->coding) {
    case SPLIT_CODED_GSM7:
        return put_gsm7(alphabet, cp, unit_r) ||
               (alphabet->transliterate && put_transliterated(alphabet, cp, unit_r));
    case SPLIT_CODED_LATIN1:
        return put_octet(cp, 0xFF, unit_r);
    case SPLIT_CODED_ASCII:
        return put_octet(cp, 0x7E, unit_r);
    case SPLIT_CODED_UCS2:
        unit_r->len = ucs2_put(cp, unit_r->octets);
        unit_r->cost = unit_r->len;
        return true;
    case SPLIT_CODED_BINARY:
        break;
    }
    return false;
}

bool alphabet_is_default_gsm7(const struct alphabet *alphabet)
{
    return alphabet->coding == SPLIT_CODED_GSM7 && !alphabet->invariant &&
           alphabet->tables.locking == GSM7_DEFAULT && alphabet->tables.single == GSM7_DEFAULT;
}

bool alphabet_measure(const struct alphabet *alphabet, const char *text, size_t len,
                      struct alphabet_measure *measure_r)
{
    struct alphabet_measure m = {0};
    const char *end = text + len;
    bool has_runs = alphabet_is_default_gsm7(alphabet);
    while (text < end) {
        size_t run = has_runs ? gsm7_put_run(text, (size_t)(end - text), NULL) : 0;
        m.cost += run;
        text += run;
        if (text == end)
            break;
        struct alphabet_unit unit;
        uint32_t cp = (uint8_t)*text < 0x80 ? (uint8_t)*text++ : str_utf8_next(&text, end);
        if (cp == STR_UTF8_BAD || !alphabet_put(alphabet, cp, &unit))
            return false;
        m.cost += unit.cost;
        m.beyond_gsm7 = m.beyond_gsm7 || unit.beyond_gsm7;
    }
    *measure_r = m;
    return true;
}
