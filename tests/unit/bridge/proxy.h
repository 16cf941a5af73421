/* A TCP relay between an adapter and its server that can swallow what goes either way, and cut. */
#ifndef TESTS_UNIT_BRIDGE_PROXY_H
#define TESTS_UNIT_BRIDGE_PROXY_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/base.h"

struct proxy {
    uint16_t port, server_port;
    _Atomic bool swallow_up;   /* what the adapter sends */
    _Atomic bool swallow_down; /* what the server sends */
    _Atomic bool cut;          /* the connections at hand; falls back by itself */
    _Atomic bool stop;
    _Atomic unsigned connections; /* so far */
    int listener;
    pthread_t thread;
};

void proxy_start(struct proxy *p, uint16_t server_port);
void proxy_stop(struct proxy *p);

#endif
