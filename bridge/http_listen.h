/* A listening socket by name: host:port, [v6]:port, :port, or unix:/path. */
#ifndef BRIDGE_HTTP_LISTEN_H
#define BRIDGE_HTTP_LISTEN_H

#include "common/base.h"

struct http_listen {
    int fd;
    uint16_t port;   /* 0: a unix socket */
    char *unix_path; /* NULL: TCP */
};

/* Whether it is such a name, whatever the machine says to it. */
bool http_listen_is_name(const char *name);
/* May block to look a name up; for the start. A unix socket has mode 0600 from the beginning; one
 * that a dead process left behind is replaced. */
int http_listen_open(const char *name, struct http_listen *listen_r, char *error_r,
                     size_t error_size) MUST_CHECK;
/* Removes the unix socket's file; `fd` belongs to whom it was handed to. */
void http_listen_forget(struct http_listen *l);

#endif
