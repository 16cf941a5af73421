/* "host:port" and "[v6]:port", as people write where an MNO listens. */
#ifndef PROTO_HOST_PORT_H
#define PROTO_HOST_PORT_H

#include "common/base.h"

struct host_port {
    struct bytes host; /* a view of the text, without brackets; never empty */
    uint16_t port;     /* never 0 */
};

/* False when it is neither, or holds a blank or a comma. */
bool host_port_parse(const char *text, size_t len, struct host_port *r) MUST_CHECK;

#endif
