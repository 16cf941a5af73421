/* Peers that are no channel of this process; each process is started anew, never only forked,
 * because NNG's threads don't survive a fork. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/ipc_channel.h"
#include "tests/unit/common/ipc_peer.h"

enum { NOBODY = 65534, FRAME_HEADER = 9, READY_FD = 3 };

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
    return sa;
}

int ipc_peer_connect(const char *path, bool greet)
{
    /* SP over IPC: NUL "SP" NUL, protocol 0x0010 (pair version 0), two reserved bytes. */
    static const uint8_t greeting[] = {0, 'S', 'P', 0, 0, 0x10, 0, 0};
    struct sockaddr_un sa = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 || fcntl(fd, F_SETFL, 0) != 0 ||
        (greet && send(fd, greeting, sizeof(greeting), MSG_NOSIGNAL) != sizeof(greeting))) {
        close(fd);
        return -1;
    }
    return fd;
}

bool ipc_peer_write_frame(int fd, uint64_t len, size_t sent)
{
    uint8_t header[FRAME_HEADER] = {1};
    for (int i = 0; i < 8; i++)
        header[1 + i] = (uint8_t)(len >> (56 - 8 * i));
    char *body = xcalloc(1, sent + 1);
    bool ok = send(fd, header, sizeof(header), MSG_NOSIGNAL) == FRAME_HEADER &&
              send(fd, body, sent, MSG_NOSIGNAL) == (ssize_t)sent;
    free(body);
    return ok;
}

bool ipc_peer_wait_closed(int fd, int deadline_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char bytes[4096];
    while (poll(&p, 1, deadline_ms) == 1) {
        if (read(fd, bytes, sizeof(bytes)) <= 0)
            return true;
    }
    return false;
}

int ipc_peer_listen(const char *path)
{
    struct sockaddr_un sa = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 || listen(fd, 16) != 0)
        panic("no listener on %s", path);
    return fd;
}

/* --- processes --- */

extern char **environ;
static int ready_pipe = -1; /* of the process started last */

pid_t ipc_peer_spawn(enum ipc_peer_role role, const char *url)
{
    int ends[2];
    char number[8];
    snprintf(number, sizeof(number), "%d", (int)role);
    char *argv[] = {(char *)"ipc-peer", number, (char *)url, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    if (pipe(ends) != 0 || posix_spawn_file_actions_init(&actions) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, ends[1], READY_FD) != 0 ||
        posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, environ) != 0)
        panic("no peer process");
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (ready_pipe >= 0)
        close(ready_pipe);
    ready_pipe = ends[0];
    return pid;
}

void ipc_peer_await_ready(pid_t pid)
{
    char byte;
    if (read(ready_pipe, &byte, 1) != 1)
        panic("peer process %d ended too early", (int)pid);
}

void ipc_peer_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

bool ipc_peer_exited(pid_t pid, int *code_r)
{
    int status;
    if (waitpid(pid, &status, WNOHANG) != pid)
        return false;
    *code_r = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return true;
}

static struct ipc_channel *channel;
static bool is_up;

static void say_ready(void)
{
    if (write(READY_FD, "x", 1) != 1)
        exit(1);
}

static void peer_up(void *arg, const struct ipc_peer *peer)
{
    (void)arg;
    (void)peer;
    is_up = true;
    say_ready();
}

static void peer_message(void *arg, const uint8_t *data, size_t len)
{
    (void)arg;
    (void)data;
    (void)len;
}

static void peer_down(void *arg)
{
    (void)arg;
    is_up = false;
}

static const struct ipc_channel_events peer_events = {
    .up = peer_up, .message = peer_message, .down = peer_down};

static int flood(const char *url)
{
    enum { AHEAD = 1024 * 1024 };
    char error[256];
    uint64_t number = 0;
    struct loop *loop = loop_create();
    if (ipc_channel_dial(loop, url, &peer_events, &channel, error, sizeof(error)) != 0)
        return 1;
    for (;;) {
        loop_turn(loop, 1);
        while (is_up && ipc_channel_queued(channel) < AHEAD) {
            number++;
            ipc_channel_send(channel, &number, sizeof(number));
        }
    }
}

static int listen_until_killed(const char *url)
{
    char error[256];
    uint32_t uid = getuid();
    struct loop *loop = loop_create();
    if (ipc_channel_listen(loop, url, &uid, 1, &peer_events, &channel, error, sizeof(error)) != 0)
        return 1;
    say_ready();
    loop_run(loop);
    return 0;
}

/* 0: was refused; 1: was let in, or could not even connect. */
static int raw_as_nobody(const char *url)
{
    if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
        return 1;
    int fd = ipc_peer_connect(strchr(url, '/') + 2, false);
    return fd >= 0 && ipc_peer_wait_closed(fd, 5000) ? 0 : 1;
}

int ipc_peer_main(int argc, char **argv)
{
    if (argc != 3 || strcmp(argv[0], "ipc-peer") != 0)
        return -1;
    switch ((enum ipc_peer_role)atoi(argv[1])) {
    case IPC_PEER_FLOOD:
        return flood(argv[2]);
    case IPC_PEER_LISTEN:
        return listen_until_killed(argv[2]);
    case IPC_PEER_RAW_AS_NOBODY:
        return raw_as_nobody(argv[2]);
    }
    return 1;
}
