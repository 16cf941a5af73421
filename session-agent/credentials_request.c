/* Asks the bridge for credentials before each bind attempt, and opens what it answers. */
#include <stdlib.h>

#include "common/str.h"

#include "session-agent/credentials_request.h"

#define ASK_AGAIN_MS 60000 /* the bridge answers, good or bad, well before that */

struct credentials_request {
    struct agent_context *ctx;
    uint8_t operator_id[IPC_OPERATOR_ID_SIZE];
    credentials_answer answer;
    void *arg;
    uint64_t number; /* 0: not asked yet */
    struct crypto_box *box;
    struct timer again;
};

void credentials_destroy(struct credentials **credentials_ptr)
{
    struct credentials *credentials = *credentials_ptr;
    if (!credentials)
        return;
    secret_destroy(&credentials->password);
    free(credentials);
    *credentials_ptr = NULL;
}

static void withdraw(struct credentials_request *request)
{
    if (request->number)
        map_remove(request->ctx->credentials_requests, &request->number, sizeof(request->number));
    request->number = 0;
    crypto_box_destroy(&request->box);
}

/* Each time with a key pair of its own. */
static void ask(struct credentials_request *request)
{
    struct agent_context *ctx = request->ctx;
    struct ipc_credentials_wanted wanted = {0};
    withdraw(request);
    request->number = ++ctx->last_credentials_request;
    request->box = crypto_box_create(wanted.public_key);
    map_put(ctx->credentials_requests, &request->number, sizeof(request->number), request);
    wanted.request = request->number;
    memcpy(wanted.operator_id, request->operator_id, sizeof(wanted.operator_id));
    bridge_link_send_credentials_wanted(ctx->link, &wanted);
    timer_start_ms(&request->again, ASK_AGAIN_MS);
}

static void on_again(void *arg)
{
    ask(arg);
}

struct credentials_request *credentials_request_create(struct agent_context *ctx,
                                                       const uint8_t operator_id[16],
                                                       credentials_answer answer, void *arg)
{
    struct credentials_request *request = xcalloc(1, sizeof(*request));
    request->ctx = ctx;
    request->answer = answer;
    request->arg = arg;
    memcpy(request->operator_id, operator_id, sizeof(request->operator_id));
    timer_init(&request->again, ctx->loop, on_again, request);
    ask(request);
    return request;
}

void credentials_request_destroy(struct credentials_request **request_ptr)
{
    struct credentials_request *request = *request_ptr;
    if (!request)
        return;
    withdraw(request);
    timer_stop(&request->again);
    free(request);
    *request_ptr = NULL;
}

struct collected {
    struct credentials_request **items;
    size_t count;
};

static void collect(void *value, void *arg)
{
    struct collected *all = arg;
    all->items[all->count++] = value;
}

void credentials_request_ask_all(struct agent_context *ctx)
{
    struct collected all = {0};
    size_t count = map_count(ctx->credentials_requests);
    if (!count)
        return;
    all.items = xcalloc(count, sizeof(struct credentials_request *)); /* asking changes the map */
    map_each(ctx->credentials_requests, collect, &all);
    for (size_t i = 0; i < all.count; i++)
        ask(all.items[i]);
    free(all.items);
}

static bool is_plain_text(struct bytes text)
{
    return text.len && !memchr(text.data, 0, text.len);
}

/* Everything that, when changed, is worth another try at an MNO that refused it. */
static void digest(struct credentials *credentials)
{
    uint8_t port_and_mode[3] = {(uint8_t)(credentials->port >> 8), (uint8_t)credentials->port,
                                (uint8_t)credentials->bind_mode};
    struct bytes parts[] = {
        {(const uint8_t *)credentials->host, strlen(credentials->host)},
        {port_and_mode, sizeof(port_and_mode)},
        {(const uint8_t *)credentials->system_id, strlen(credentials->system_id)},
        {secret_data(credentials->password), secret_size(credentials->password)},
    };
    crypto_digest(parts, ARRAY_LEN(parts), credentials->digest);
}

static struct credentials *open_answer(const struct credentials_request *request,
                                       const struct ipc_credentials *record, char *error_r,
                                       size_t error_size)
{
    struct str_out error = str_out(error_r, error_size);
    if (!record->ok) {
        str_put(&error, (const char *)record->error.data, record->error.len);
        return NULL;
    }
    if (!is_plain_text(record->host) || !is_plain_text(record->system_id) || !record->port ||
        record->bind_mode < IPC_BIND_TRANSCEIVER || record->bind_mode > IPC_BIND_RECEIVER) {
        str_puts(&error, "the bridge's answer lacks host, port, system id or bind mode");
        return NULL;
    }
    struct secret *password;
    if (crypto_box_open(request->box, record->ephemeral_key, request->operator_id, request->number,
                        record->sealed_password, &password, error_r, error_size) != 0)
        return NULL;
    struct credentials *credentials = xcalloc(1, sizeof(*credentials));
    credentials->password = password;
    credentials->port = record->port;
    credentials->bind_mode = record->bind_mode;
    credentials->tps_limit = record->tps_limit;
    memcpy(credentials->backup_operator_id, record->backup_operator_id, IPC_OPERATOR_ID_SIZE);
    str_copy(credentials->host, sizeof(credentials->host), (const char *)record->host.data,
             record->host.len);
    str_copy(credentials->system_id, sizeof(credentials->system_id),
             (const char *)record->system_id.data, record->system_id.len);
    digest(credentials);
    return credentials;
}

void credentials_request_take_answer(struct agent_context *ctx,
                                     const struct ipc_credentials *record)
{
    struct credentials_request *request =
        map_get(ctx->credentials_requests, &record->request, sizeof(record->request));
    if (!request || memcmp(request->operator_id, record->operator_id, IPC_OPERATOR_ID_SIZE) != 0)
        return;
    char error[256] = "";
    struct credentials *credentials = open_answer(request, record, error, sizeof(error));
    withdraw(request);
    timer_stop(&request->again);
    request->answer(request->arg, credentials, credentials ? NULL : error);
}
