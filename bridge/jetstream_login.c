#include <stdlib.h>

#include "bridge/jetstream_login.h"

static char *dup_or_null(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

struct jetstream_login jetstream_login_copy(const struct jetstream_options *options)
{
    return (struct jetstream_login){
        .creds_file = dup_or_null(options->creds_file),
        .ca_file = dup_or_null(options->ca_file),
        .cert_file = dup_or_null(options->cert_file),
        .key_file = dup_or_null(options->key_file),
        .client_name = xstrdup(options->client_name),
    };
}

void jetstream_login_free(struct jetstream_login *login)
{
    free(login->creds_file);
    free(login->ca_file);
    free(login->cert_file);
    free(login->key_file);
    free(login->client_name);
}
