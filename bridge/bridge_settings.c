/* The bridge's settings as one table, and the operators in the file beside them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file_watch.h"
#include "common/log.h"
#include "common/settings.h"
#include "common/str.h"

#include "bridge/bridge_settings.h"
#include "bridge/bridge_settings_check.h"

#define SETTINGS_FILE_MAX (256 * 1024)

#define AT(f) .offset = offsetof(struct bridge_settings, f)

static const struct setting table[] = {
    {.name = "IPC_URL",
     .type = SETTING_STRING,
     AT(ipc_url),
     .default_text = "ipc:///run/smpp-connector/agent.ipc",
     .required = true,
     .meaning = "where the session-agent listens"},
    {.name = "LOG_LEVEL",
     .type = SETTING_CHOICE,
     AT(log_level),
     .default_text = "info",
     .choices = "error,warn,info,debug",
     .reloadable = true,
     .meaning = "which lines are logged, by the agent too while this bridge is attached"},
    {.name = "SETTINGS_FILE",
     .type = SETTING_STRING,
     AT(settings_file),
     .meaning = "NAME=value lines with these names; the environment wins; re-read on SIGHUP and "
                "when it changes"},
    {.name = "OPERATOR_IDS",
     .type = SETTING_STRING,
     AT(operator_ids),
     .max = 1 << 20,
     .reloadable = true,
     .meaning = "comma-separated `uuid` or `uuid=Name`; this or OPERATORS_FILE is required"},
    {.name = "OPERATORS_FILE",
     .type = SETTING_STRING,
     AT(operators_file),
     .meaning =
         "JSON `{\"operators\":[{\"operatorId\",\"operatorName\", per-operator settings}]}`, "
         "re-read on SIGHUP and when it changes; wins over OPERATOR_IDS"},
    {.name = "OPERATOR_MGMT_URL",
     .type = SETTING_STRING,
     AT(operator_mgmt_url),
     .has_user = true,
     .required = true,
     .meaning = "of operator-management-service; https only"},
    {.name = "OPERATOR_MGMT_CA_FILE",
     .type = SETTING_STRING,
     AT(operator_mgmt_ca_file),
     .required = true,
     .meaning = "whom that service's certificate has to come from; re-read for each fetch"},
    {.name = "OPERATOR_MGMT_CERT_FILE",
     .type = SETTING_STRING,
     AT(operator_mgmt_cert_file),
     .required = true,
     .meaning = "our client certificate; re-read for each fetch"},
    {.name = "OPERATOR_MGMT_KEY_FILE",
     .type = SETTING_STRING,
     AT(operator_mgmt_key_file),
     .required = true,
     .meaning = "its key; re-read for each fetch"},
    {.name = "INTERNAL_SERVICE_TOKEN_FILE",
     .type = SETTING_STRING,
     AT(internal_service_token_file),
     .meaning = "the bearer token's file, re-read for each fetch; this or INTERNAL_SERVICE_TOKEN "
                "is required"},
    {.name = "INTERNAL_SERVICE_TOKEN",
     .type = SETTING_STRING,
     AT(internal_service_token),
     .max = 16384,
     .secret = true,
     .meaning = "the bearer token itself, where it is not rotated"},
    {.name = "NATS_URL",
     .type = SETTING_STRING,
     AT(nats_url),
     .default_text = "nats://127.0.0.1:4222",
     .has_user = true,
     .required = true,
     .meaning = "comma-separated; tls:// too"},
    {.name = "NATS_CREDS_FILE",
     .type = SETTING_STRING,
     AT(nats_creds_file),
     .meaning = "NATS credentials (JWT and seed)"},
    {.name = "NATS_CA_FILE",
     .type = SETTING_STRING,
     AT(nats_ca_file),
     .meaning = "whom the NATS server's certificate has to come from"},
    {.name = "NATS_CERT_FILE",
     .type = SETTING_STRING,
     AT(nats_cert_file),
     .meaning = "client certificate for NATS"},
    {.name = "NATS_KEY_FILE", .type = SETTING_STRING, AT(nats_key_file), .meaning = "its key"},
    {.name = "NATS_JS_DOMAIN",
     .type = SETTING_STRING,
     AT(nats_js_domain),
     .meaning = "JetStream domain"},
    {.name = "DISPATCH_STREAM",
     .type = SETTING_STRING,
     AT(dispatch_stream),
     .default_text = "SMS_DISPATCH",
     .max = 255,
     .required = true,
     .meaning = "stream of the commands; per operator too (`dispatchStream`): beyond about 100 "
                "operators one shared stream is the server's bottleneck"},
    {.name = "CONSUMER_START",
     .type = SETTING_CHOICE,
     AT(consumer_start),
     .default_text = "",
     .choices = ",all,new",
     .reloadable = true,
     .meaning = "what to do about a missing durable on a stream with history and no known ack "
                "floor; empty: refuse and say so"},
    {.name = "MAX_COMMAND_AGE_S",
     .type = SETTING_INT,
     AT(max_command_age_s),
     .default_text = "86400",
     .min = 1,
     .max = 30 * 86400,
     .reloadable = true,
     .meaning = "a command without `expiresAt` is EXPIRED after this"},
    {.name = "DEADLETTER",
     .type = SETTING_CHOICE,
     AT(deadletter),
     .default_text = "auto",
     .choices = "auto,on,off",
     .reloadable = true,
     .meaning = "whether commands that can never be sent are kept on "
                "`smpp.deadletter.{operatorId}`; auto: if at start a stream takes that subject"},
    {.name = "REDIS_URL",
     .type = SETTING_STRING,
     AT(redis_url),
     .default_text = "redis://127.0.0.1:6379/0",
     .required = true,
     .secret = true,
     .meaning = "`redis://[user:password@]host:port/db`, rediss:// where built with TLS"},
    {.name = "MGMT_LISTEN",
     .type = SETTING_STRING,
     AT(mgmt_listen),
     .default_text = "0.0.0.0:3001",
     .required = true,
     .meaning = "/health, /ready, /metrics, /sessions"},
    {.name = "CTL_SOCKET",
     .type = SETTING_STRING,
     AT(ctl_socket),
     .default_text = "/run/smpp-bridge/ctl.sock",
     .max = 107,
     .meaning = "where `smpp-bridge ctl` talks to it; empty: nowhere"},
    {.name = "INSTANCE_ID",
     .type = SETTING_STRING,
     AT(instance_id),
     .max = 128,
     .meaning = "this instance among others; default: the host name"},
#define SHARED_SETTING(NAME, member, field, initial, low, high, text)                              \
    {.name = (NAME),                                                                               \
     .type = SETTING_INT,                                                                          \
     AT(field),                                                                                    \
     .default_text = (initial),                                                                    \
     .min = (low),                                                                                 \
     .max = (high),                                                                                \
     .reloadable = true,                                                                           \
     .meaning = text "; per operator: `" member "`"},
#include "bridge/shared_settings.def"
    {.name = "CORRELATION_TTL_S",
     .type = SETTING_INT,
     AT(correlation_ttl_s),
     .default_text = "259200",
     .min = 60,
     .max = 90 * 86400,
     .meaning = "how long a receipt can be matched to its command"},
    {.name = "CREDENTIALS_REFRESH_MS",
     .type = SETTING_INT,
     AT(credentials_refresh_ms),
     .default_text = "0",
     .min = 0,
     .max = 86400000,
     .reloadable = true,
     .meaning = "0: fetched only before bind attempts, and every 60 s while a bind is refused for "
                "wrong credentials; else also this often, for limits and backup"},
    {.name = "MO_SUBJECT",
     .type = SETTING_STRING,
     AT(mo_subject),
     .max = 255,
     .meaning = "where mobile-originated messages are published; empty: they are refused"},
    {.name = "ASSIGNMENT",
     .type = SETTING_CHOICE,
     AT(assignment),
     .default_text = "static",
     .choices = "static,lease",
     .meaning = "static: all configured operators; lease: those whose lease this instance holds"},
    {.name = "LEASE_BUCKET",
     .type = SETTING_STRING,
     AT(lease_bucket),
     .default_text = "smpp-leases",
     .max = 128,
     .meaning = "key-value bucket of the leases"},
    {.name = "LEASE_TTL_MS",
     .type = SETTING_INT,
     AT(lease_ttl_ms),
     .default_text = "120000",
     .min = 3000,
     .max = 3600000,
     .meaning = "others take a lease over that was not renewed for so long"},
    {.name = "LEASE_DEADLINE_MS",
     .type = SETTING_INT,
     AT(lease_deadline_ms),
     .default_text = "90000",
     .min = 1000,
     .max = 3600000,
     .meaning = "the holder gives its binds up by itself when it could not renew for so long"},
};

/* --- load and reload --- */

static void name_instance(struct bridge_settings *s)
{
    char host[129] = "smpp-bridge";
    if (s->instance_id)
        return;
    gethostname(host, sizeof(host) - 1);
    s->instance_id = xstrdup(host);
}

/* The text of SETTINGS_FILE, NULL where there is none. */
static int read_file(char **text_r, char *error_r, size_t error_size)
{
    const char *path = getenv("SETTINGS_FILE");
    size_t len;
    *text_r = NULL;
    if (!path || !*path)
        return 0;
    *text_r = file_read(path, SETTINGS_FILE_MAX, &len, error_r, error_size);
    return *text_r ? 0 : -1;
}

int bridge_settings_load(struct bridge_settings *settings_r, char *error_r, size_t error_size)
{
    char *text;
    if (read_file(&text, error_r, error_size) != 0)
        return -1;
    int status = settings_load(table, ARRAY_LEN(table), text, settings_r, error_r, error_size);
    free(text);
    if (status != 0)
        return -1;
    if (bridge_settings_check(settings_r, error_r, error_size) != 0) {
        bridge_settings_free(settings_r);
        return -1;
    }
    name_instance(settings_r);
    return 0;
}

int bridge_settings_ctl_socket(char **path_r, char *error_r, size_t error_size)
{
    struct bridge_settings s = {0};
    char *text;
    if (read_file(&text, error_r, error_size) != 0)
        return -1;
    int status = 0;
    for (size_t i = 0; i < ARRAY_LEN(table) && status == 0; i++) {
        if (strcmp(table[i].name, "CTL_SOCKET") == 0)
            status = settings_load_one(&table[i], text, &s, error_r, error_size);
    }
    free(text);
    *path_r = s.ctl_socket;
    return status;
}

void bridge_settings_free(struct bridge_settings *settings)
{
    settings_free(table, ARRAY_LEN(table), settings);
}

bool bridge_settings_reload(struct bridge_settings *settings)
{
    struct bridge_settings fresh;
    char error[256];
    if (bridge_settings_load(&fresh, error, sizeof(error)) != 0) {
        log_error("the settings are not reloaded; what was in force stays",
                  LOG_STR("reason", error));
        return false;
    }
    bool changed = settings_apply_reloadable(table, ARRAY_LEN(table), settings, &fresh);
    bridge_settings_free(&fresh);
    return changed;
}

/* --- operators --- */

/* Borrows its strings: not to be freed. */
static void make_defaults(const struct bridge_settings *settings, struct operator_settings *s)
{
    operator_settings_init(s);
    s->dispatch_stream = settings->dispatch_stream;
#define SHARED_SETTING(NAME, member, field, initial, low, high, text) s->field = settings->field;
#include "bridge/shared_settings.def"
}

void bridge_settings_operator_defaults(const struct bridge_settings *settings,
                                       struct operator_settings *s)
{
    struct operator_settings defaults;
    make_defaults(settings, &defaults);
    operator_settings_copy(s, &defaults);
}

int bridge_settings_operators(const struct bridge_settings *settings,
                              struct operator_settings_list *list_r, char *error_r,
                              size_t error_size)
{
    struct operator_settings defaults;
    *list_r = (struct operator_settings_list){0};
    make_defaults(settings, &defaults);
    size_t len;
    char why[256];
    struct str_out out = str_out(error_r, error_size);
    if (!settings->operators_file) {
        int wrong = operator_settings_parse_ids(settings->operator_ids, &defaults, list_r, why,
                                                sizeof(why));
        if (wrong)
            str_putf(&out, "OPERATOR_IDS: %s", why);
        return wrong;
    }
    char *text =
        file_read(settings->operators_file, OPERATOR_SETTINGS_FILE_MAX, &len, why, sizeof(why));
    if (!text) {
        str_putf(&out, "OPERATORS_FILE: %s", why);
        return -1;
    }
    int status = operator_settings_parse_file(text, len, &defaults, list_r, why, sizeof(why));
    free(text);
    if (status != 0)
        str_putf(&out, "OPERATORS_FILE %s: %s", settings->operators_file, why);
    return status;
}

/* --- shown --- */

void bridge_settings_print_effective(const struct bridge_settings *settings, FILE *out)
{
    settings_print_effective(table, ARRAY_LEN(table), settings, out);
}

void bridge_settings_print_table(FILE *out)
{
    settings_print_table(table, ARRAY_LEN(table), out);
}
