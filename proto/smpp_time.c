/* Times as SMPP writes them. */
#include "common/str.h"
#include "proto/smpp_time.h"

#define DAY_S 86400
#define RELATIVE_MAX_S (99LL * DAY_S)

static char *put_two(char *out, int v)
{
    out[0] = (char)('0' + v / 10 % 10);
    out[1] = (char)('0' + v % 10);
    return out + 2;
}

void smpp_time_absolute(int64_t unix_ms, char out[SMPP_TIME_SIZE])
{
    int64_t seconds = unix_ms / 1000;
    struct str_civil c;
    str_time_to_civil(seconds, &c);
    char *p = put_two(out, c.year);
    p = put_two(p, c.month);
    p = put_two(p, c.day);
    p = put_two(p, c.hour);
    p = put_two(p, c.minute);
    p = put_two(p, c.second);
    *p++ = (char)('0' + unix_ms % 1000 / 100);
    memcpy(p, "00+", 4);
}

void smpp_time_relative(int64_t duration_ms, char out[SMPP_TIME_SIZE])
{
    int64_t s = duration_ms < 1000 ? 1 : duration_ms / 1000; /* all zeros would be no duration */
    s = s > RELATIVE_MAX_S ? RELATIVE_MAX_S : s;
    memcpy(out, "0000", 4); /* no years and months, whose length depends on the calendar */
    char *p = put_two(out + 4, (int)(s / DAY_S));
    p = put_two(p, (int)(s % DAY_S / 3600));
    p = put_two(p, (int)(s % 3600 / 60));
    p = put_two(p, (int)(s % 60));
    memcpy(p, "000R", 5);
}
