/* Starts, stops and pauses the servers that the adapters talk to. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/unit/bridge/server.h"

enum { START_MS = 15000 };

static int loopback_socket(uint16_t port, struct sockaddr_in *address_r)
{
    *address_r = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    address_r->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    INVARIANT(fd >= 0);
    return fd;
}

uint16_t server_free_port(void)
{
    struct sockaddr_in address;
    socklen_t len = sizeof(address);
    int fd = loopback_socket(0, &address);
    INVARIANT(bind(fd, (struct sockaddr *)&address, len) == 0);
    INVARIANT(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

void server_init(struct server *s)
{
    *s = (struct server){.port = server_free_port()};
    strcpy(s->dir, "/tmp/adapter-test-XXXXXX");
    INVARIANT(mkdtemp(s->dir) != NULL);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void server_remove_dir(const char *dir)
{
    nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void server_free(struct server *s)
{
    if (s->pid > 0)
        server_stop(s, SIGKILL);
    server_remove_dir(s->dir);
}

void server_wait_exit(struct server *s)
{
    int status;
    INVARIANT(waitpid(s->pid, &status, 0) == s->pid && status == 0);
    s->pid = 0;
}

void server_start(struct server *s, char *const argv[])
{
    INVARIANT(s->pid == 0);
    pid_t parent = getpid();
    pid_t pid = fork();
    INVARIANT(pid >= 0);
    if (pid > 0) {
        s->pid = pid;
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    if (!getenv("SERVER_OUTPUT"))
        dup2(null, STDERR_FILENO);
    if (getppid() == parent)
        execvp(argv[0], argv);
    _exit(127);
}

void server_wait_port(const struct server *s)
{
    mono_t until = mono_add_ms(clock_mono(), START_MS);
    for (;;) {
        struct sockaddr_in address;
        int fd = loopback_socket(s->port, &address);
        int failed = connect(fd, (struct sockaddr *)&address, sizeof(address));
        close(fd);
        if (failed == 0)
            return;
        if (mono_reached(clock_mono(), until))
            panic("port %u does not answer", s->port);
        nanosleep(&(struct timespec){.tv_nsec = 10 * NS_PER_MS}, NULL);
    }
}

void server_start_nats(struct server *s)
{
    char port[16], store[128];
    snprintf(port, sizeof(port), "%u", s->port);
    snprintf(store, sizeof(store), "%s/js", s->dir);
    char *argv[] = {"nats-server", "-a",  "127.0.0.1",
                    "-p",          port,  "-js",
                    "-sd",         store, s->config[0] ? "-c" : NULL,
                    s->config,     NULL};
    server_start(s, argv);
    server_wait_port(s);
}

void server_start_redis(struct server *s, const char *extra_argument)
{
    char port[16];
    snprintf(port, sizeof(port), "%u", s->port);
    char *argv[] = {"redis-server",
                    "--port",
                    port,
                    "--bind",
                    "127.0.0.1",
                    "--save",
                    "",
                    "--dir",
                    s->dir,
                    "--appendonly",
                    "no",
                    "--loglevel",
                    "warning",
                    extra_argument ? "--requirepass" : NULL,
                    (char *)extra_argument,
                    NULL};
    server_start(s, argv);
    server_wait_port(s);
}

void server_stop(struct server *s, int signal)
{
    INVARIANT(s->pid > 0);
    kill(s->pid, signal);
    if (signal != SIGKILL)
        kill(s->pid, SIGCONT);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

void server_pause(const struct server *s, bool pause)
{
    int status;
    kill(s->pid, pause ? SIGSTOP : SIGCONT);
    if (pause) /* it takes a moment in which it may still answer */
        (void)waitpid(s->pid, &status, WUNTRACED);
}
