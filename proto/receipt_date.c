/* The dates of receipts: digits whose meaning one has to guess. */
#include "common/str.h"
#include "proto/receipt.h"

#define OLDEST_S 631152000 /* 1990-01-01: SMS is younger */
#define AHEAD_S (2LL * 366 * 86400)
#define CENTURY_PIVOT 38 /* Appendix C */
#define QUARTER_S 900

static int number_at(const char *s, size_t at, size_t count)
{
    int v = 0;
    for (size_t i = 0; i < count; i++)
        v = v * 10 + (s[at + i] - '0');
    return v;
}

/* Month, day, hour, minute and (where there are digits for them) seconds, behind a year of 2 or 4
 * digits. */
static bool read_digits(const char *s, size_t digits, size_t year_digits, int64_t *seconds_r)
{
    struct str_civil c = {.year = number_at(s, 0, year_digits)};
    if (year_digits == 2)
        c.year += c.year < CENTURY_PIVOT ? 2000 : 1900;
    c.month = number_at(s, year_digits, 2);
    c.day = number_at(s, year_digits + 2, 2);
    c.hour = number_at(s, year_digits + 4, 2);
    c.minute = number_at(s, year_digits + 6, 2);
    if (digits >= year_digits + 10)
        c.second = number_at(s, year_digits + 8, 2);
    return str_time_from_civil(&c, seconds_r);
}

static bool is_plausible(int64_t seconds, int64_t now_s)
{
    return seconds >= OLDEST_S && seconds <= now_s + AHEAD_S;
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

/* The end of "YYMMDDhhmmsstnnp" (§7.1.1): quarter hours ahead of or behind UTC. */
static int64_t zone_s(const char *s, size_t len)
{
    if (len != 16 || (s[15] != '+' && s[15] != '-'))
        return 0;
    int64_t ahead = (int64_t)number_at(s, 13, 2) * QUARTER_S;
    return s[15] == '+' ? ahead : -ahead;
}

int64_t receipt_parse_date(const char *s, size_t len, int64_t now_ms)
{
    size_t digits = 0;
    while (digits < len && str_is_digit(s[digits]))
        digits++;
    bool signed_form = digits == 15 && len == 16;
    if ((digits != len && !signed_form) || digits < 10 || digits > 17)
        return RECEIPT_TIME_NONE;
    int64_t now_s = now_ms / 1000;
    int64_t best = 0;
    bool found = false;
    for (size_t year_digits = 2; year_digits <= 4; year_digits += 2) {
        int64_t seconds;
        bool enough = digits >= year_digits + 8 && !(year_digits == 4 && digits == 15);
        bool surplus = year_digits == 2 && digits > 12 && digits != 15;
        if (!enough || surplus || !read_digits(s, digits, year_digits, &seconds))
            continue;
        if (!is_plausible(seconds, now_s) ||
            (found && distance(best, now_s) <= distance(seconds, now_s)))
            continue;
        best = seconds;
        found = true;
    }
    return found ? (best - zone_s(s, len)) * 1000 : RECEIPT_TIME_NONE;
}
