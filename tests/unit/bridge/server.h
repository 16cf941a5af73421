/* Real servers for the adapters' tests: started on free loopback ports, killed with the test. */
#ifndef TESTS_UNIT_BRIDGE_SERVER_H
#define TESTS_UNIT_BRIDGE_SERVER_H

#include <sys/types.h>

#include "common/base.h"

uint16_t server_free_port(void);

struct server {
    pid_t pid; /* 0: not running */
    uint16_t port;
    char dir[64];     /* its own, below /tmp */
    char config[128]; /* nats-server: a configuration file to use besides, or "" */
};

/* Chooses the port and makes the directory; starts nothing. */
void server_init(struct server *s);
/* Kills it if it runs, and removes the directory. */
void server_free(struct server *s);
/* JetStream with file storage. Both return when the port answers. */
void server_start_nats(struct server *s);
void server_start_redis(struct server *s, const char *extra_argument);
/* Any program; does not wait for a port. */
void server_start(struct server *s, char *const argv[]);
void server_wait_port(const struct server *s);
/* The signal is SIGKILL or SIGTERM: waits for the end. */
void server_stop(struct server *s, int signal);
/* Waits until it ends by itself, and well. */
void server_wait_exit(struct server *s);
void server_remove_dir(const char *dir);
void server_pause(const struct server *s, bool pause);

#endif
