/*
 * A lease: the holder counts DEADLINE from the moment its write left, the standby TTL from the moment
 * it saw the write; each on its own clock. The agent looks at the clock and then writes, and may be
 * paused between the two for at most PAUSE. Time is a counter that all share; what differs is when
 * each began to count. A write may reach the server late, an answer may never come.
 *
 * BROKEN_MARGIN: a pause may last longer than the margin. BROKEN_FROM_ANSWER: the holder counts
 * from when the answer came. BROKEN_NO_CHECK: the agent trusts its bridge to stop it in time.
 * BROKEN_NO_CAS: the standby writes without comparing the revision.
 */
#define DEADLINE 2
#define MARGIN 2
#define TTL (DEADLINE + MARGIN)
#ifdef BROKEN_MARGIN
#define PAUSE (MARGIN + 1)
#else
#define PAUSE MARGIN
#endif
#define END 10
#define RENEWALS 2

byte now;              /* passes at any speed between any two steps */
byte revision = 1;     /* at the server; every write adds one */
byte until = DEADLINE; /* the holder's: no submit from then on */
bool taken;            /* the standby holds it */
bool both;             /* a submit_sm of the holder's reached the MNO when the standby might submit */

/* A renewal: leaves at `sent`, is written some time later or never, the answer comes or does not. */
active proctype Holder() {
    byte sent, expected = 1, renewals;
    do
    :: now < END && expected != 0 && renewals < RENEWALS ->
        renewals++;
        sent = now;
        /* on its way: time may pass here */
        if
        :: atomic { !taken && revision == expected -> revision++ };
            if
            :: expected = revision; /* the answer came */
#ifdef BROKEN_FROM_ANSWER
                until = now + DEADLINE
#else
                if
                :: sent + DEADLINE > until -> until = sent + DEADLINE
                :: else -> skip
                fi
#endif
            :: expected = 0 /* it did not: nothing more is renewed */
            fi
        :: expected = 0 /* lost on its way, or refused */
        fi
    :: break
    od
}

/* Looks at the clock, is paused, writes. What is written is with the MNO at once. */
active proctype Agent() {
    byte looked;
    do
    :: now < END ->
        atomic {
#ifndef BROKEN_NO_CHECK
            now < until ->
#endif
            looked = now
        };
        atomic {
            now <= looked + PAUSE -> /* a longer pause is what the margin can't cover */
            both = both || taken
        }
    :: break
    od
}

active proctype Standby() {
    byte seen, seen_at;
    do
    :: now < END && !taken ->
        if
        :: seen != revision -> atomic { seen = revision; seen_at = now }
        :: seen == revision && now >= seen_at + TTL ->
            /* asked, and the same: takes it, if it still is */
#ifndef BROKEN_NO_CAS
            atomic { seen == revision -> revision++; taken = true }
#else
            taken = true; revision++
#endif
        :: break
        fi
    :: break
    od
}

active proctype Clock() {
    do
    :: now < END -> now++
    :: break
    od
}

ltl never_two { [] !both }
