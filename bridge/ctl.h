/*
 * `smpp-bridge ctl VERB`: HTTP over a unix socket that only the bridge's container sees. The server
 * runs on the loop; the client is a program of its own that may block.
 */
#ifndef BRIDGE_CTL_H
#define BRIDGE_CTL_H

#include "bridge/management.h"
#include "common/log.h"

/* What the verbs do; each returns NULL, or why it can't be done now (static text). */
struct ctl_actions {
    const char *(*pause)(void *arg, struct mno *op, bool paused);
    const char *(*rebind)(void *arg, struct mno *op);
    const char *(*release)(void *arg, struct mno *op);
    const char *(*log_level)(void *arg, enum log_level level);
    const char *(*restart)(void *arg);
    void *arg;
};

struct ctl;

/* −1 with the reason when the socket can't be had. A stale socket file is replaced. */
int ctl_create(const struct management_options *sources, const char *socket_path,
               const struct ctl_actions *actions, struct ctl **ctl_r, char *error_r,
               size_t error_size) MUST_CHECK;
void ctl_destroy(struct ctl **ctl);

/* The client: argv after "ctl". Prints the answer; returns the exit code (2: wrong usage). */
int ctl_main(int argc, char **argv, const char *socket_path);
/* The verbs, for --help. */
extern const char ctl_usage[];

#endif
