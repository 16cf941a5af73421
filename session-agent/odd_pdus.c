/* Counts the odd PDUs of a session, and rations the lines about them. */
#include "session-agent/odd_pdus.h"

#define LINE_NS (ODD_PDUS_LINE_EVERY_S * NS_PER_S)
#define MINUTE_NS (60 * NS_PER_S)

bool odd_pdus_note(struct odd_pdus *o, mono_t now, uint64_t *left_out_r)
{
    if (o->in_minute == 0 || mono_diff_ns(now, o->minute) >= MINUTE_NS) {
        o->minute = now;
        o->in_minute = 0;
    }
    o->in_minute++;
    if (mono_diff_ns(o->lines_paid, now) < 0)
        o->lines_paid = now;
    if (mono_diff_ns(o->lines_paid, now) > (ODD_PDUS_LINES - 1) * LINE_NS) {
        o->left_out++;
        return false;
    }
    o->lines_paid = mono_add_ns(o->lines_paid, LINE_NS);
    *left_out_r = o->left_out;
    o->left_out = 0;
    return true;
}

bool odd_pdus_are_too_many(const struct odd_pdus *o)
{
    return o->in_minute >= ODD_PDUS_MINUTE_LIMIT;
}

void odd_pdus_new_connection(struct odd_pdus *o)
{
    o->in_minute = 0;
}
