/* Everything that the start would refuse is refused by --check-config too. */
#include <stdlib.h>
#include <string.h>

#include "common/file_read.h"
#include "common/str.h"

#include "bridge/bridge_settings_check.h"
#include "bridge/http_listen.h"
#include "bridge/jetstream_servers.h"
#include "bridge/redis_url.h"

#define LEASE_MARGIN_MIN_MS 1500

static int refuse(char *error_r, size_t error_size, const char *why)
{
    struct str_out out = str_out(error_r, error_size);
    str_puts(&out, why);
    return -1;
}

static int refuse_because(char *error_r, size_t error_size, const char *name, const char *why)
{
    struct str_out out = str_out(error_r, error_size);
    str_putf(&out, "%s: %s", name, why);
    return -1;
}

/* A path is put behind it, so neither query nor fragment. */
static bool is_host_port_path(const char *s)
{
    uint64_t port;
    size_t host = *s == '[' ? strcspn(s, "]") + 1 : strcspn(s, ":/");
    if (host <= (*s == '[' ? 2 : 0) || host > strlen(s))
        return false;
    for (const char *p = s; *p; p++) {
        if ((uint8_t)*p <= ' ' || strchr("?#", *p))
            return false;
    }
    s += host;
    if (*s == ':' && !str_parse_u64(s + 1, strcspn(s + 1, "/"), 1, UINT16_MAX, &port))
        return false;
    return *s == ':' || *s == '/' || !*s;
}

static int check_sources(const struct bridge_settings *s, char *error_r, size_t error_size)
{
    if (!s->operators_file && !s->operator_ids)
        return refuse(error_r, error_size, "OPERATORS_FILE or OPERATOR_IDS is required");
    if (!s->internal_service_token_file && !s->internal_service_token)
        return refuse(error_r, error_size,
                      "INTERNAL_SERVICE_TOKEN_FILE or INTERNAL_SERVICE_TOKEN is required");
    if (strncmp(s->operator_mgmt_url, "https://", 8) != 0)
        return refuse(error_r, error_size,
                      "OPERATOR_MGMT_URL: https://… is wanted, nothing else (the password travels "
                      "over it)");
    if (!is_host_port_path(s->operator_mgmt_url + 8))
        return refuse(error_r, error_size,
                      "OPERATOR_MGMT_URL: https://host[:port][/path] is wanted");
    if ((s->nats_cert_file == NULL) != (s->nats_key_file == NULL))
        return refuse(error_r, error_size,
                      "NATS_CERT_FILE and NATS_KEY_FILE: one without the other");
    if (strncmp(s->ipc_url, "ipc://", 6) != 0 || !s->ipc_url[6])
        return refuse(error_r, error_size, "IPC_URL: ipc://<path of a socket> is wanted");
    return 0;
}

/* --- addresses --- */

static int check_nats_url(const char *url, char *error_r, size_t error_size)
{
    struct jetstream_servers servers;
    char why[128];
    if (jetstream_servers_parse(&servers, url, why, sizeof(why)) != 0)
        return refuse_because(error_r, error_size, "NATS_URL", why);
    jetstream_servers_free(&servers);
    return 0;
}

static int check_redis_url(const char *url, char *error_r, size_t error_size)
{
    struct redis_url parsed;
    char why[128];
    int status = redis_url_parse(url, &parsed, why, sizeof(why));
    explicit_bzero(parsed.password, sizeof(parsed.password));
    if (status != 0)
        return refuse_because(error_r, error_size, "REDIS_URL", why);
    const char *unusable = redis_url_unusable(&parsed);
    return unusable ? refuse_because(error_r, error_size, "REDIS_URL", unusable) : 0;
}

static int check_addresses(const struct bridge_settings *s, char *error_r, size_t error_size)
{
    if (check_nats_url(s->nats_url, error_r, error_size) != 0 ||
        check_redis_url(s->redis_url, error_r, error_size) != 0)
        return -1;
    if (!http_listen_is_name(s->mgmt_listen))
        return refuse(error_r, error_size, "MGMT_LISTEN: host:port is wanted, or unix:/path");
    if (s->ctl_socket && s->ctl_socket[0] != '/')
        return refuse(error_r, error_size, "CTL_SOCKET: an absolute path is wanted");
    return 0;
}

/* --- names at NATS --- */

/* What is published to: no wildcards, no empty tokens, nothing that ends the protocol's line. */
static bool is_subject(const char *s)
{
    size_t len = strlen(s);
    for (size_t i = 0; i < len; i++) {
        if ((uint8_t)s[i] <= ' ' || s[i] == 0x7f || s[i] == '*' || s[i] == '>')
            return false;
    }
    return len > 0 && s[0] != '.' && s[len - 1] != '.' && !strstr(s, "..");
}

/* The same for a name that becomes one token, and a file's name at the server. */
static bool is_token(const char *s)
{
    return is_subject(s) && !strpbrk(s, "./\\");
}

static bool is_bucket_name(const char *name)
{
    return name && *name &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] ==
               0;
}

static int check_names(const struct bridge_settings *s, char *error_r, size_t error_size)
{
    if (!is_token(s->dispatch_stream))
        return refuse(error_r, error_size,
                      "DISPATCH_STREAM: a stream's name has no blank, dot, '*', '>' or slash");
    if (s->nats_js_domain && (!is_token(s->nats_js_domain) || strlen(s->nats_js_domain) > 64))
        return refuse(error_r, error_size,
                      "NATS_JS_DOMAIN: a name of at most 64 octets without blank, dot, '*', '>' "
                      "or slash is wanted");
    if (s->mo_subject && !is_subject(s->mo_subject))
        return refuse(error_r, error_size,
                      "MO_SUBJECT: a subject to publish to is wanted: no blanks, no '*' or '>', no "
                      "empty token");
    if (s->assignment == ASSIGNMENT_LEASE && !is_bucket_name(s->lease_bucket))
        return refuse(error_r, error_size, "LEASE_BUCKET: letters, digits, '-' and '_' are wanted");
    return 0;
}

/* --- numbers --- */

static int check_numbers(const struct bridge_settings *s, char *error_r, size_t error_size)
{
    if (s->reconnect_min_ms > s->reconnect_max_ms)
        return refuse(error_r, error_size, "RECONNECT_MIN_MS is above RECONNECT_MAX_MS");
    if (s->enquire_link_timeout_ms > s->enquire_link_interval_ms)
        return refuse(error_r, error_size,
                      "ENQUIRE_LINK_TIMEOUT_MS is above ENQUIRE_LINK_INTERVAL_MS");
    if (s->lease_deadline_ms >= s->lease_ttl_ms)
        return refuse(error_r, error_size,
                      "LEASE_DEADLINE_MS has to be below LEASE_TTL_MS: the holder lets go before "
                      "others take over");
    if (s->lease_ttl_ms - s->lease_deadline_ms < LEASE_MARGIN_MIN_MS)
        return refuse(
            error_r, error_size,
            "LEASE_TTL_MS has to be at least 1500 ms above LEASE_DEADLINE_MS: renewals, a "
            "clean good-bye and pauses share what is between them");
    return 0;
}

/* --- files --- */

static int check_file(const char *name, const char *path, char *error_r, size_t error_size)
{
    enum { FILE_MAX = 1 << 20 };
    char why[512];
    size_t len;
    if (!path || !*path)
        return 0;
    struct str_out out = str_out(error_r, error_size);
    char *data = file_read(path, FILE_MAX, &len, why, sizeof(why));
    if (!data) {
        str_putf(&out, "%s: %s", name, why);
        return -1;
    }
    explicit_bzero(data, len); /* some are secrets */
    free(data);
    if (len > 0)
        return 0;
    str_putf(&out, "%s: %s: empty", name, path);
    return -1;
}

int bridge_settings_check_files(const struct bridge_settings *s, char *error_r, size_t error_size)
{
    const char *const files[][2] = {
        {"OPERATOR_MGMT_CA_FILE", s->operator_mgmt_ca_file},
        {"OPERATOR_MGMT_CERT_FILE", s->operator_mgmt_cert_file},
        {"OPERATOR_MGMT_KEY_FILE", s->operator_mgmt_key_file},
        {"INTERNAL_SERVICE_TOKEN_FILE", s->internal_service_token_file},
        {"NATS_CREDS_FILE", s->nats_creds_file},
        {"NATS_CA_FILE", s->nats_ca_file},
        {"NATS_CERT_FILE", s->nats_cert_file},
        {"NATS_KEY_FILE", s->nats_key_file},
    };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (check_file(files[i][0], files[i][1], error_r, error_size) != 0)
            return -1;
    }
    return 0;
}

int bridge_settings_check(const struct bridge_settings *s, char *error_r, size_t error_size)
{
    static int (*const checks[])(const struct bridge_settings *s, char *error_r, size_t size) = {
        check_sources, check_addresses, check_names, check_numbers};
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        if (checks[i](s, error_r, error_size) != 0)
            return -1;
    }
    return 0;
}
