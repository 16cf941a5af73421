/*
 * One HTTPS GET at a time per caller, many in parallel, with client certificate; the only file that
 * knows libcurl. What it received lives in locked memory and is wiped after the callback, because a
 * password is in it. Everything on the loop.
 */
#ifndef BRIDGE_HTTPS_CLIENT_H
#define BRIDGE_HTTPS_CLIENT_H

#include "common/loop.h"

#define HTTPS_CLIENT_MAX_BODY (64 * 1024)

struct https_client;

struct https_request {
    const char *url; /* https only */
    const char *ca_file, *cert_file, *key_file;
    const char *bearer_token; /* NULL: none */
    int64_t connect_timeout_ms, timeout_ms;
};

struct https_response {
    int status;        /* HTTP status; 0: there was none, `error` says why */
    const char *error; /* for people, never with a secret in it */
    const char *body;  /* NUL-terminated, may be changed by the callback, wiped after it */
    size_t len;
};
typedef void https_done(void *arg, struct https_response *response);

struct https_get;

/* Call once per process, before threads and before any other user of curl. */
struct https_client *https_client_create(struct loop *loop) MUST_CHECK;
void https_client_destroy(struct https_client **client); /* cancels what is under way */
/* `done` runs once, on the loop, never from inside the call. At most 16 run at a time, others wait.
 */
struct https_get *https_client_get(struct https_client *client, const struct https_request *request,
                                   https_done *done, void *arg) MUST_CHECK;
void https_get_cancel(struct https_get **get); /* `done` is not called */

#endif
