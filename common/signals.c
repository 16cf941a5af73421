/* uv_signal handles, and counting the requests to stop. */
#include <signal.h>
#include <stdlib.h>
#include <uv.h>

#include "common/signals.h"

enum { SIGNAL_COUNT = 3 };
static const int signal_numbers[] = {SIGTERM, SIGINT, SIGHUP};
ASSERT_ARRAY_LEN(signal_numbers, SIGNAL_COUNT);

struct signals {
    uv_signal_t handles[SIGNAL_COUNT];
    unsigned handles_open;
    unsigned terminate_count;
    void (*terminate)(void *arg, unsigned count);
    void (*reload)(void *arg);
    void *arg;
};

static void signals_received(uv_signal_t *handle, int number)
{
    struct signals *s = handle->data;
    if (number == SIGHUP)
        s->reload(s->arg);
    else
        s->terminate(s->arg, ++s->terminate_count);
}

struct signals *signals_create(struct loop *loop, void (*terminate)(void *arg, unsigned count),
                               void (*reload)(void *arg), void *arg)
{
    struct signals *s = xcalloc(1, sizeof(*s));
    s->terminate = terminate;
    s->reload = reload;
    s->arg = arg;
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        panic("SIGPIPE can't be ignored");
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        s->handles[i].data = s;
        if (uv_signal_init(loop_uv(loop), &s->handles[i]) != 0 ||
            uv_signal_start(&s->handles[i], signals_received, signal_numbers[i]) != 0)
            panic("signal %d can't be watched", signal_numbers[i]);
        s->handles_open++;
    }
    return s;
}

static void signals_closed(uv_handle_t *handle)
{
    struct signals *s = handle->data;
    if (--s->handles_open == 0)
        free(s);
}

void signals_destroy(struct signals **s)
{
    if (!*s)
        return;
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        uv_close((uv_handle_t *)&(*s)->handles[i], signals_closed);
    *s = NULL;
}
