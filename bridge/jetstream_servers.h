/* The addresses of NATS servers: nats://[user:password@]host[:port], tls:// likewise, or no scheme.
 * Pure. */
#ifndef BRIDGE_JETSTREAM_SERVERS_H
#define BRIDGE_JETSTREAM_SERVERS_H

#include "common/base.h"

#define JETSTREAM_SERVERS_MAX 16
#define JETSTREAM_SERVERS_HOST_SIZE 256

struct jetstream_servers {
    char *text; /* what `urls` point into */
    const char *urls[JETSTREAM_SERVERS_MAX];
    size_t count;
};

/* Comma-separated; at least one. */
int jetstream_servers_parse(struct jetstream_servers *servers, const char *urls, char *error_r,
                            size_t error_size) MUST_CHECK;
void jetstream_servers_free(struct jetstream_servers *servers);
/* The host alone: for the certificate's name and for messages, which must not show a password. */
void jetstream_servers_host(const char *url, char *host_r, size_t size);
/* For people: which server, and why, without the place in the library's source. */
void jetstream_servers_explain(const char *url, const char *why, char *reason_r, size_t size);

#endif
