/*
 * A small HTTP server on the loop; the only file that knows libmicrohttpd. Bounded in connections,
 * sizes and time (a dripping client is cut by an own deadline).
 */
#ifndef BRIDGE_HTTP_SERVER_H
#define BRIDGE_HTTP_SERVER_H

#include "common/loop.h"
#include "common/metrics.h"

struct http_server;

struct http_request {
    const char *method;
    const char *path; /* without query */
};
struct http_answer {
    int status;
    const char *content_type; /* static text */
    struct text body;         /* taken over */
};
/* Answers at once, on the loop. */
typedef void http_handler(void *arg, const struct http_request *request,
                          struct http_answer *answer_r);

/* `listen` is host:port or [v6]:port (port 0: any free one) or unix:/path (mode 0600). −1 with the
 * reason, e.g. that the port is taken and by what name it was asked for. */
int http_server_create(struct loop *loop, const char *listen, http_handler *handler, void *arg,
                       struct http_server **server_r, char *error_r, size_t error_size) MUST_CHECK;
uint16_t http_server_port(const struct http_server *server);
void http_server_destroy(struct http_server **server);

#endif
