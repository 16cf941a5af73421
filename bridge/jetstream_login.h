/* With what the bridge shows itself to NATS: files of credentials and certificates, and a name. */
#ifndef BRIDGE_JETSTREAM_LOGIN_H
#define BRIDGE_JETSTREAM_LOGIN_H

#include "bridge/jetstream.h"

struct jetstream_login {
    char *creds_file, *ca_file, *cert_file, *key_file; /* NULL: not used */
    char *client_name;
};

struct jetstream_login jetstream_login_copy(const struct jetstream_options *options);
void jetstream_login_free(struct jetstream_login *login);

#endif
