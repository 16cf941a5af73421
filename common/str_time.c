/* Civil time and its ISO 8601 form, without libc's time zone state. */
#include "common/str.h"

#define DAY_S 86400

/* Days since 1970-01-01, with years that begin in March so that the leap day comes last; 719468
 * days lie between 0000-03-01 and the epoch. */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static int days_in_month(int year, int month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

bool str_time_from_civil(const struct str_civil *c, int64_t *seconds)
{
    if (c->year < 1 || c->year > 9999 || c->month < 1 || c->month > 12 || c->day < 1)
        return false;
    if (c->day > days_in_month(c->year, c->month) || c->hour < 0 || c->hour > 23)
        return false;
    if (c->minute < 0 || c->minute > 59 || c->second < 0 || c->second > 59)
        return false;
    *seconds = days_from_civil(c->year, c->month, c->day) * DAY_S + c->hour * 3600 +
               c->minute * 60 + c->second;
    return true;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

void str_time_to_civil(int64_t seconds, struct str_civil *out)
{
    int64_t days = floor_div(seconds, DAY_S);
    int rest = (int)(seconds - days * DAY_S);
    days += 719468;
    int64_t era = floor_div(days, 146097);
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int month_from_march = (int)((5 * day_of_year + 2) / 153);
    int month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    *out = (struct str_civil){
        .year = (int)(year_of_era + era * 400) + (month <= 2 ? 1 : 0),
        .month = month,
        .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
        .hour = rest / 3600,
        .minute = rest / 60 % 60,
        .second = rest % 60,
    };
}

/* A cursor over the text; `bad` sticks. */
struct scan {
    const char *pos;
    const char *end;
    bool bad;
};

static int take_digits(struct scan *s, int count)
{
    int v = 0;
    for (int i = 0; i < count; i++) {
        if (s->pos >= s->end || !str_is_digit(*s->pos)) {
            s->bad = true;
            return 0;
        }
        v = v * 10 + (*s->pos++ - '0');
    }
    return v;
}

static bool take_one_of(struct scan *s, const char *set)
{
    if (s->pos >= s->end || !*s->pos || !strchr(set, *s->pos))
        return false;
    s->pos++;
    return true;
}

static void expect_one_of(struct scan *s, const char *set)
{
    if (!take_one_of(s, set))
        s->bad = true;
}

static int take_fraction_ms(struct scan *s)
{
    int ms = 0;
    int weight = 100;
    if (s->pos >= s->end || !str_is_digit(*s->pos))
        s->bad = true;
    while (s->pos < s->end && str_is_digit(*s->pos)) {
        ms += (*s->pos++ - '0') * weight;
        weight /= 10;
    }
    return ms;
}

/* "Z", "+hh:mm", "+hhmm" or "+hh", as seconds east of Greenwich. */
static int take_zone_s(struct scan *s)
{
    if (take_one_of(s, "Zz"))
        return 0;
    bool west = s->pos < s->end && *s->pos == '-';
    expect_one_of(s, "+-");
    int hours = take_digits(s, 2);
    int minutes = 0;
    if (take_one_of(s, ":") || s->pos < s->end)
        minutes = take_digits(s, 2);
    if (hours > 23 || minutes > 59)
        s->bad = true;
    int east = hours * 3600 + minutes * 60;
    return west ? -east : east;
}

bool str_time_parse(const char *text, size_t len, int64_t *unix_ms)
{
    struct scan s = {.pos = text, .end = text + len};
    struct str_civil c = {0};
    int ms = 0;
    c.year = take_digits(&s, 4);
    expect_one_of(&s, "-");
    c.month = take_digits(&s, 2);
    expect_one_of(&s, "-");
    c.day = take_digits(&s, 2);
    expect_one_of(&s, "Tt ");
    c.hour = take_digits(&s, 2);
    expect_one_of(&s, ":");
    c.minute = take_digits(&s, 2);
    if (take_one_of(&s, ":")) {
        c.second = take_digits(&s, 2);
        if (take_one_of(&s, ".,"))
            ms = take_fraction_ms(&s);
    }
    int zone = take_zone_s(&s);
    if (s.bad || s.pos != s.end)
        return false;
    int leap = c.second == 60 ? 1 : 0;
    c.second -= leap;
    int64_t seconds;
    if (!str_time_from_civil(&c, &seconds))
        return false;
    *unix_ms = (seconds + leap - zone) * 1000 + ms;
    return true;
}

static char *put_digits(char *out, int v, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        out[i] = (char)('0' + v % 10);
        v /= 10;
    }
    return out + count;
}

void str_time_format(int64_t unix_ms, char out[STR_TIME_SIZE])
{
    static const int64_t first_ms = -62135596800000; /* 0001-01-01T00:00:00.000Z */
    static const int64_t last_ms = 253402300799999;  /* 9999-12-31T23:59:59.999Z */
    unix_ms = unix_ms < first_ms ? first_ms : unix_ms > last_ms ? last_ms : unix_ms;
    int64_t seconds = floor_div(unix_ms, 1000);
    struct str_civil c;
    str_time_to_civil(seconds, &c);
    char *p = put_digits(out, c.year, 4);
    *p++ = '-';
    p = put_digits(p, c.month, 2);
    *p++ = '-';
    p = put_digits(p, c.day, 2);
    *p++ = 'T';
    p = put_digits(p, c.hour, 2);
    *p++ = ':';
    p = put_digits(p, c.minute, 2);
    *p++ = ':';
    p = put_digits(p, c.second, 2);
    *p++ = '.';
    p = put_digits(p, (int)(unix_ms - seconds * 1000), 3);
    *p++ = 'Z';
    *p = '\0';
}
