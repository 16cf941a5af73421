/*
 * Fetching credentials. The password is in memory only between curl's locked buffer and the sealed
 * answer: the parsed document is wiped as soon as it is sealed, and the body by the HTTPS client.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file_watch.h"
#include "common/log.h"
#include "common/map.h"
#include "common/str.h"

#include "proto/credentials_answer.h"

#include "bridge/credentials.h"
#include "bridge/crypto.h"

enum {
    CONNECT_TIMEOUT_MS = 5000,
    TIMEOUT_MS = 10000,
    TOKEN_MAX = 16 * 1024,
    ERROR_SIZE = 200,
    URL_SIZE = 1024,
};

enum purpose { FOR_BIND, FOR_REFRESH, FOR_CHECK };

struct fetch {
    struct list link;
    struct credentials *owner;
    enum purpose purpose;
    struct uuid operator_id;
    char operator_text[UUID_TEXT_SIZE];
    uint64_t request;
    uint8_t public_key[32];
    struct https_get *get;
    credentials_checked *checked;
    void *arg;
};

struct credentials {
    struct credentials_options options;
    struct list fetches;
    struct map *troubles; /* operator → text of the last failure */
    struct timer refresh;
};

static void on_refresh(void *arg);

struct credentials *credentials_create(const struct credentials_options *options)
{
    struct credentials *c = xcalloc(1, sizeof(*c));
    c->options = *options;
    list_init(&c->fetches);
    c->troubles = map_create();
    timer_init(&c->refresh, options->loop, on_refresh, c);
    credentials_set_refresh_ms(c, options->refresh_ms);
    return c;
}

void credentials_set_refresh_ms(struct credentials *c, int64_t refresh_ms)
{
    c->options.refresh_ms = refresh_ms;
    timer_stop(&c->refresh);
    if (refresh_ms > 0)
        timer_start_ms(&c->refresh, refresh_ms);
}

static void fetch_free(struct fetch *f)
{
    list_remove(&f->link);
    explicit_bzero(f, sizeof(*f));
    free(f);
}

static void fetch_cancel(struct fetch *f)
{
    https_get_cancel(&f->get);
    fetch_free(f);
}

void credentials_forget(struct credentials *c)
{
    LIST_FOREACH (it, &c->fetches) {
        fetch_cancel(LIST_ENTRY(it, struct fetch, link));
    }
}

static void free_text(void *value, void *arg)
{
    (void)arg;
    free(value);
}

void credentials_destroy(struct credentials **credentials)
{
    struct credentials *c = *credentials;
    if (!c)
        return;
    credentials_forget(c);
    timer_stop(&c->refresh);
    map_each(c->troubles, free_text, NULL);
    map_destroy(&c->troubles);
    free(c);
    *credentials = NULL;
}

void credentials_operator_gone(struct credentials *c, const struct mno *op)
{
    LIST_FOREACH (it, &c->fetches) {
        struct fetch *f = LIST_ENTRY(it, struct fetch, link);
        if (memcmp(f->operator_id.octets, op->id, UUID_SIZE) == 0)
            fetch_cancel(f);
    }
    free(map_remove(c->troubles, op->id, sizeof(op->id)));
}

const char *credentials_trouble(const struct credentials *c, const struct mno *op)
{
    return map_get(c->troubles, op->id, sizeof(op->id));
}

/* --- the answer --- */

static void send_answer(struct credentials *c, const struct ipc_credentials *record)
{
    struct agent_link *link = c->options.link;
    if (!agent_link_is_attached(link))
        return;
    ipc_put_credentials(agent_link_begin(link), record);
    agent_link_end(link);
}

static struct bytes view(const char *cstr)
{
    return (struct bytes){.data = (const uint8_t *)cstr, .len = strlen(cstr)};
}

static void fail(struct fetch *f, const char *error)
{
    struct credentials *c = f->owner;
    struct mno *op = operators_find(c->options.operators, f->operator_id.octets);
    if (op)
        op->counters.credentials_failed++;
    free(map_put(c->troubles, f->operator_id.octets, UUID_SIZE, xstrdup(error)));
    log_warn("no credentials", LOG_STR("operatorId", f->operator_text), LOG_STR("reason", error));
    if (f->purpose == FOR_BIND) {
        struct ipc_credentials record = {.request = f->request, .ok = 0, .error = view(error)};
        record.error.len = min_size(record.error.len, ERROR_SIZE);
        memcpy(record.operator_id, f->operator_id.octets, UUID_SIZE);
        send_answer(c, &record);
    }
    if (f->checked)
        f->checked(f->arg, error);
}

static int seal_and_send(struct fetch *f, const struct credentials_answer *answer, char *error,
                         size_t error_size)
{
    struct ipc_credentials record = {
        .request = f->request,
        .ok = 1,
        .host = view(answer->host),
        .port = answer->port,
        .system_id = view(answer->system_id),
        .bind_mode = (uint8_t)answer->bind_mode,
        .tps_limit = answer->tps_limit,
    };
    memcpy(record.operator_id, f->operator_id.octets, UUID_SIZE);
    if (answer->has_backup)
        memcpy(record.backup_operator_id, answer->backup_operator_id.octets, UUID_SIZE);
    uint8_t sealed[SMPP_BIND_CREDENTIAL_MAX + CRYPTO_SEAL_OVERHEAD];
    INVARIANT(answer->password.len <= SMPP_BIND_CREDENTIAL_MAX);
    if (crypto_seal(f->public_key, f->operator_id.octets, f->request, answer->password,
                    record.ephemeral_key, sealed, error, error_size) != 0)
        return -1;
    record.sealed_password = (struct bytes){
        .data = sealed,
        .len = answer->password.len + CRYPTO_SEAL_OVERHEAD,
    };
    send_answer(f->owner, &record);
    return 0;
}

/* The part of an answer that is no secret, to the agent: the next bridge hears of it from there. */
static void send_contract(struct credentials *c, const struct mno *op,
                          const struct credentials_answer *answer)
{
    struct agent_link *link = c->options.link;
    if (!agent_link_is_attached(link))
        return;
    struct ipc_contract record = {
        .at_ms = op->credentials_ms,
        .host = view(answer->host),
        .port = answer->port,
        .bind_mode = (uint8_t)answer->bind_mode,
        .tps_limit = answer->tps_limit,
    };
    memcpy(record.operator_id, op->id, sizeof(record.operator_id));
    if (answer->has_backup)
        memcpy(record.backup_operator_id, answer->backup_operator_id.octets, UUID_SIZE);
    ipc_put_contract(agent_link_begin(link), &record);
    agent_link_end(link);
}

/* The same into the operator at once. */
static void note_limits(struct credentials *c, struct mno *op,
                        const struct credentials_answer *answer)
{
    bool new_limit = !op->has_credentials || op->tps_limit != answer->tps_limit;
    if (op->has_credentials && new_limit)
        log_info("the contract's limit changes", LOG_STR("operatorId", op->id_text),
                 LOG_UINT("from", op->tps_limit), LOG_UINT("to", answer->tps_limit));
    str_copy(op->host, sizeof(op->host), answer->host, strlen(answer->host));
    op->port = answer->port;
    op->bind_mode = (uint8_t)answer->bind_mode;
    op->tps_limit = answer->tps_limit;
    op->has_backup = answer->has_backup;
    if (op->has_backup)
        memcpy(op->backup_id, answer->backup_operator_id.octets, UUID_SIZE);
    op->has_credentials = true;
    int64_t now_ms = clock_wall_ms(); /* which may have been set back */
    op->credentials_ms = now_ms > op->credentials_ms ? now_ms : op->credentials_ms + 1;
    op->counters.credentials_fetched++;
    send_contract(c, op, answer);
    if (new_limit)
        tps_limit_changed(c->options.tps, op);
}

static void explain_status(const struct https_response *response, char *error, size_t size)
{
    if (!response->status)
        snprintf(error, size, "%s", response->error ? response->error : "no answer");
    else if (response->status == 401 || response->status == 403)
        snprintf(error, size, "the service refuses our token (HTTP %d)", response->status);
    else if (response->status == 404)
        snprintf(error, size, "the service does not know the operator (HTTP 404)");
    else
        snprintf(error, size, "the service answered HTTP %d", response->status);
}

static int take_answer(struct fetch *f, const struct https_response *response, char *error,
                       size_t error_size)
{
    struct credentials *c = f->owner;
    struct credentials_answer answer;
    if (response->status != 200) {
        explain_status(response, error, error_size);
        return -1;
    }
    if (credentials_answer_parse(response->body, response->len, &f->operator_id, &answer, error,
                                 error_size) != 0)
        return -1;
    int sealed = f->purpose == FOR_BIND ? seal_and_send(f, &answer, error, error_size) : 0;
    struct mno *op = operators_find(c->options.operators, f->operator_id.octets);
    if (sealed == 0 && op && f->purpose != FOR_CHECK)
        note_limits(c, op, &answer);
    credentials_answer_wipe(&answer);
    return sealed;
}

static void on_response(void *arg, struct https_response *response)
{
    struct fetch *f = arg;
    char error[ERROR_SIZE + 1] = "";
    f->get = NULL;
    if (take_answer(f, response, error, sizeof(error)) != 0) {
        fail(f, error);
    } else {
        free(map_remove(f->owner->troubles, f->operator_id.octets, UUID_SIZE));
        log_debug("credentials fetched", LOG_STR("operatorId", f->operator_text));
        if (f->checked)
            f->checked(f->arg, NULL);
    }
    fetch_free(f);
}

/* --- the request --- */

/* The token without blanks around it, for the caller to wipe and free; NULL with a reason. */
static char *read_token(const struct credentials *c, char *error, size_t error_size)
{
    size_t len;
    char *token;
    if (c->options.token_file) {
        token = file_read(c->options.token_file, TOKEN_MAX, &len, error, error_size);
        if (!token)
            return NULL;
    } else {
        token = xstrdup(c->options.token ? c->options.token : "");
        len = strlen(token);
    }
    size_t start = 0, end = len;
    while (start < end && (unsigned char)token[start] <= ' ')
        start++;
    while (end > start && (unsigned char)token[end - 1] <= ' ')
        end--;
    bool usable = end > start;
    for (size_t i = start; i < end; i++)
        usable = usable && token[i] > ' ' && token[i] < 0x7f;
    if (!usable) {
        explicit_bzero(token, len);
        free(token);
        snprintf(error, error_size, "the service token is empty or no plain text");
        return NULL;
    }
    memmove(token, token + start, end - start);
    explicit_bzero(token + (end - start), len - (end - start));
    return token;
}

static void request_url(const struct credentials *c, const char *operator_id, char out[URL_SIZE])
{
    size_t len = strlen(c->options.url);
    while (len && c->options.url[len - 1] == '/')
        len--;
    struct str_out o = str_out(out, URL_SIZE);
    str_put(&o, c->options.url, len);
    str_puts(&o, "/internal/operators/");
    str_puts(&o, operator_id);
    str_puts(&o, "/smpp-credentials");
}

static struct fetch *fetch_new(struct credentials *c, enum purpose purpose,
                               const uint8_t operator_id[IPC_OPERATOR_ID_SIZE])
{
    struct fetch *f = xcalloc(1, sizeof(*f));
    f->owner = c;
    f->purpose = purpose;
    memcpy(f->operator_id.octets, operator_id, UUID_SIZE);
    uuid_format(&f->operator_id, f->operator_text);
    list_append(&c->fetches, &f->link);
    return f;
}

/* Ends with on_response(), or with fail() when it can't begin. */
static void fetch_start(struct fetch *f)
{
    struct credentials *c = f->owner;
    char url[URL_SIZE], error[ERROR_SIZE + 1] = "";
    char *token = read_token(c, error, sizeof(error));
    if (!token) {
        fail(f, error);
        fetch_free(f);
        return;
    }
    request_url(c, f->operator_text, url);
    const struct https_request request = {
        .url = url,
        .ca_file = c->options.ca_file,
        .cert_file = c->options.cert_file,
        .key_file = c->options.key_file,
        .bearer_token = token,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .timeout_ms = TIMEOUT_MS,
    };
    f->get = https_client_get(c->options.client, &request, on_response, f);
    explicit_bzero(token, strlen(token));
    free(token);
}

void credentials_wanted(struct credentials *c, const struct ipc_credentials_wanted *record)
{
    LIST_FOREACH (it, &c->fetches) {
        const struct fetch *f = LIST_ENTRY(it, struct fetch, link);
        if (f->purpose == FOR_BIND && f->request == record->request &&
            memcmp(f->operator_id.octets, record->operator_id, UUID_SIZE) == 0)
            return;
    }
    struct fetch *f = fetch_new(c, FOR_BIND, record->operator_id);
    f->request = record->request;
    memcpy(f->public_key, record->public_key, sizeof(f->public_key));
    fetch_start(f);
}

void credentials_check(struct credentials *c, const struct mno *op, credentials_checked *done,
                       void *arg)
{
    struct fetch *f = fetch_new(c, FOR_CHECK, op->id);
    f->checked = done;
    f->arg = arg;
    fetch_start(f);
}

static bool is_fetching(const struct credentials *c, const struct mno *op)
{
    LIST_FOREACH (it, &c->fetches) {
        const struct fetch *f = LIST_ENTRY(it, struct fetch, link);
        if (memcmp(f->operator_id.octets, op->id, UUID_SIZE) == 0)
            return true;
    }
    return false;
}

static void on_refresh(void *arg)
{
    struct credentials *c = arg;
    timer_start_ms(&c->refresh, c->options.refresh_ms);
    for (size_t i = 0; i < operators_count(c->options.operators); i++) {
        const struct mno *op = operators_at(c->options.operators, i);
        if (!is_fetching(c, op))
            fetch_start(fetch_new(c, FOR_REFRESH, op->id));
    }
}
