/*
 * Signals read from a signalfd, and counting the requests to stop. They stay blocked in the loop's
 * thread: what has not been read waits in the kernel, also for the next program after an exec. A
 * handler (uv_signal's, too) would have taken it, and the exec would lose it. NNG's threads unblock
 * them; what arrives there is passed on.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <uv.h>

#include "common/signals.h"

static const int signal_numbers[] = {SIGTERM, SIGINT, SIGHUP};

struct signals {
    uv_poll_t poll;
    int fd;
    unsigned terminate_count;
    void (*terminate)(void *arg, unsigned count);
    void (*reload)(void *arg);
    void *arg;
};

static sigset_t the_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(signal_numbers); i++)
        sigaddset(&set, signal_numbers[i]);
    return set;
}

static pthread_t reader;

static void pass_on(int number)
{
    pthread_kill(reader, number);
}

void signals_block(void)
{
    sigset_t set = the_signals();
    struct sigaction action = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
    reader = pthread_self();
    for (size_t i = 0; i < ARRAY_LEN(signal_numbers); i++)
        sigaction(signal_numbers[i], &action, NULL);
    if (sigprocmask(SIG_SETMASK, &set, NULL) != 0)
        panic("signals can't be blocked");
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    struct signals *s = poll->data;
    struct signalfd_siginfo info;
    while (read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP)
            s->reload(s->arg);
        else
            s->terminate(s->arg, ++s->terminate_count);
    }
}

struct signals *signals_create(struct loop *loop, void (*terminate)(void *arg, unsigned count),
                               void (*reload)(void *arg), void *arg)
{
    struct signals *s = xcalloc(1, sizeof(*s));
    sigset_t set = the_signals();
    s->terminate = terminate;
    s->reload = reload;
    s->arg = arg;
    s->poll.data = s;
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        panic("SIGPIPE can't be ignored");
    signals_block();
    s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->fd < 0 || uv_poll_init(loop_uv(loop), &s->poll, s->fd) != 0 ||
        uv_poll_start(&s->poll, UV_READABLE, on_readable) != 0)
        panic("signals can't be watched");
    return s;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* They stay blocked: a process that is ending is not ended otherwise by another SIGTERM. */
void signals_destroy(struct signals **s)
{
    if (!*s)
        return;
    uv_poll_stop(&(*s)->poll);
    close((*s)->fd);
    uv_close((uv_handle_t *)&(*s)->poll, on_closed);
    *s = NULL;
}
