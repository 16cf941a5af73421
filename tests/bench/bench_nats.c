/* Shared by the bench's small programs. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/bench/bench_nats.h"

void bench_die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

void bench_check(natsStatus s, const char *what)
{
    if (s != NATS_OK)
        bench_die("%s: %s", what, natsStatus_GetText(s));
}

natsConnection *bench_connect(const char *url, const char *name, bool send_asap)
{
    natsOptions *o = NULL;
    natsConnection *nc = NULL;
    bench_check(natsOptions_Create(&o), "options");
    bench_check(natsOptions_SetURL(o, url), url);
    bench_check(natsOptions_SetName(o, name), name);
    bench_check(natsOptions_SetSendAsap(o, send_asap), "SendAsap");
    bench_check(natsConnection_Connect(&nc, o), url);
    natsOptions_Destroy(o);
    return nc;
}

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * BENCH_NS_PER_S + t.tv_nsec;
}

int64_t bench_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t bench_mono_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

void bench_sleep_until(int64_t mono_ns)
{
    struct timespec t = {.tv_sec = mono_ns / BENCH_NS_PER_S, .tv_nsec = mono_ns % BENCH_NS_PER_S};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
}

const char *bench_option(int argc, char **argv, const char *name, const char *fallback)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, name) == 0)
            return argv[i + 1];
    }
    if (!fallback)
        bench_die("--%s is missing", name);
    return fallback;
}

int64_t bench_number(int argc, char **argv, const char *name, const char *fallback)
{
    const char *text = bench_option(argc, argv, name, fallback);
    char *end;
    long long value = strtoll(text, &end, 10);
    if (*end || end == text)
        bench_die("--%s %s is no number", name, text);
    return value;
}
