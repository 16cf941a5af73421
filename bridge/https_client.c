/*
 * libcurl on the loop: the only file that knows it. Each request has a handle, a connection and TLS
 * state of its own, so that a rotated certificate counts at once and nothing of a password stays in
 * a cache. What curl frees is wiped first (its buffers held the answer).
 */
#include <curl/curl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/list.h"
#include "common/str.h"
#include "bridge/crypto.h"
#include "bridge/https_buffer.h"
#include "bridge/https_client.h"

enum { MAX_RUNNING = 16 };

struct https_client {
    struct loop *loop;
    CURLM *multi;
    struct timer timer;
    struct list waiting, running;
    size_t running_count;
    struct loop_hook start; /* of what waits, and the end of what could not be started */
};

struct https_get {
    struct list link; /* waiting or running */
    struct https_client *client;
    https_done *done;
    void *arg;
    CURL *easy;
    struct curl_slist *headers;
    struct https_buffer body; /* while running */
    bool too_large;
    char error[CURL_ERROR_SIZE]; /* not empty before the start: it can't be started */
};

/* One descriptor of curl's. */
struct watch {
    uv_poll_t poll;
    struct https_client *client;
    curl_socket_t fd;
    int events;
};

/* --- memory that is wiped when it is freed --- */

static void wiping_free(void *ptr)
{
    if (ptr)
        explicit_bzero(ptr, malloc_usable_size(ptr));
    free(ptr);
}

/* Never in place of the old one: realloc() itself would free that unwiped. */
static void *wiping_realloc(void *ptr, size_t size)
{
    size_t old = ptr ? malloc_usable_size(ptr) : 0;
    void *fresh = malloc(size);
    if (!fresh)
        return NULL;
    if (ptr)
        memcpy(fresh, ptr, min_size(old, size));
    wiping_free(ptr);
    return fresh;
}

/* --- curl's sockets and its timer on the loop --- */

static void collect(struct https_client *client);

static void act(struct https_client *client, curl_socket_t fd, int what)
{
    int running;
    curl_multi_socket_action(client->multi, fd, what, &running);
    collect(client);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *w = poll->data;
    int what = 0;
    if (status < 0) { /* libuv has stopped it; curl finds out what it is, an alert perhaps */
        uv_poll_start(poll, w->events, on_poll);
        events = UV_READABLE | UV_WRITABLE;
    }
    if (events & UV_READABLE)
        what |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        what |= CURL_CSELECT_OUT;
    act(w->client, w->fd, what);
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static struct watch *watch_create(struct https_client *client, curl_socket_t fd)
{
    struct watch *w = xcalloc(1, sizeof(*w));
    w->client = client;
    w->fd = fd;
    if (uv_poll_init_socket(loop_uv(client->loop), &w->poll, fd) != 0) {
        free(w);
        return NULL;
    }
    w->poll.data = w;
    curl_multi_assign(client->multi, fd, w);
    return w;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *client_arg, void *socket)
{
    struct https_client *client = client_arg;
    struct watch *w = socket;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w)
            uv_close((uv_handle_t *)&w->poll, on_poll_closed);
        return 0;
    }
    if (!w)
        w = watch_create(client, fd);
    if (!w)
        return -1;
    w->events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return uv_poll_start(&w->poll, w->events, on_poll) == 0 ? 0 : -1;
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct https_client *client = arg;
    (void)multi;
    if (timeout_ms < 0)
        timer_stop(&client->timer);
    else
        timer_start_ms(&client->timer, timeout_ms);
    return 0;
}

static void on_timer(void *arg)
{
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

/* --- one request --- */

static size_t on_body(char *data, size_t one, size_t len, void *arg)
{
    struct https_get *get = arg;
    (void)one;
    if (https_buffer_append(&get->body, data, len))
        return len;
    get->too_large = true; /* chunked bodies are not held to curl's own limit before 8.4 */
    return 0;
}

static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *arg)
{
    (void)easy;
    (void)arg;
    crypto_harden_ssl_ctx(ssl_ctx);
    return CURLE_OK;
}

struct number_option {
    CURLoption option;
    long value;
};

struct text_option {
    CURLoption option;
    const char *value;
};

static const struct number_option fixed_numbers[] = {
    {CURLOPT_NOSIGNAL, 1},
    {CURLOPT_FOLLOWLOCATION, 0},
    {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
    {CURLOPT_NETRC, CURL_NETRC_IGNORED},
    {CURLOPT_FORBID_REUSE, 1},
    {CURLOPT_FRESH_CONNECT, 1},
    {CURLOPT_SSL_SESSIONID_CACHE, 0},
    {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
    {CURLOPT_SSL_VERIFYPEER, 1},
    {CURLOPT_SSL_VERIFYHOST, 2},
    {CURLOPT_MAXFILESIZE, HTTPS_CLIENT_MAX_BODY},
#if LIBCURL_VERSION_NUM >= 0x075700
    {CURLOPT_CA_CACHE_TIMEOUT, 0}, /* else a rotated authority counts a day later */
#endif
};

static const struct text_option fixed_texts[] = {
    {CURLOPT_PROTOCOLS_STR, "https"},
    {CURLOPT_REDIR_PROTOCOLS_STR, "https"},
    {CURLOPT_PROXY, ""},
    {CURLOPT_NOPROXY, "*"},
    {CURLOPT_CAPATH, NULL},
    {CURLOPT_USERAGENT, "smpp-bridge/" SMPP_CONNECTOR_VERSION},
};

static CURLcode set_numbers(CURL *easy, const struct number_option *options, size_t count)
{
    CURLcode code = CURLE_OK;
    for (size_t i = 0; code == CURLE_OK && i < count; i++)
        code = curl_easy_setopt(easy, options[i].option, options[i].value);
    return code;
}

static CURLcode set_texts(CURL *easy, const struct text_option *options, size_t count)
{
    CURLcode code = CURLE_OK;
    for (size_t i = 0; code == CURLE_OK && i < count; i++)
        code = curl_easy_setopt(easy, options[i].option, options[i].value);
    return code;
}

static CURLcode set_callbacks(struct https_get *get)
{
    CURL *easy = get->easy;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_PRIVATE, get);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, get->error);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_WRITEDATA, get);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_HTTPHEADER, get->headers);
    return code;
}

static CURLcode set_options(struct https_get *get, const struct https_request *request)
{
    const struct number_option numbers[] = {
        {CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms},
        {CURLOPT_TIMEOUT_MS, (long)request->timeout_ms},
    };
    const struct text_option texts[] = {
        {CURLOPT_URL, request->url},
        {CURLOPT_CAINFO, request->ca_file},
        {CURLOPT_SSLCERT, request->cert_file},
        {CURLOPT_SSLKEY, request->key_file},
    };
    CURLcode code = set_numbers(get->easy, fixed_numbers, ARRAY_LEN(fixed_numbers));
    if (code == CURLE_OK)
        code = set_texts(get->easy, fixed_texts, ARRAY_LEN(fixed_texts));
    if (code == CURLE_OK)
        code = set_numbers(get->easy, numbers, ARRAY_LEN(numbers));
    if (code == CURLE_OK)
        code = set_texts(get->easy, texts, ARRAY_LEN(texts));
    return code == CURLE_OK ? set_callbacks(get) : code;
}

/* False: the token can't stand in a header. */
static bool set_token(struct https_get *get, const char *token)
{
    if (!token)
        return true;
    for (const char *c = token; *c; c++) {
        if (*c <= ' ' || *c > '~')
            return false;
    }
    static const char name[] = "Authorization: Bearer ";
    size_t size = sizeof(name) + strlen(token);
    char *line = xmalloc(size);
    stpcpy(stpcpy(line, name), token);
    get->headers = curl_slist_append(NULL, line);
    explicit_bzero(line, size);
    free(line);
    return get->headers != NULL;
}

static void fail(struct https_get *get, const char *error)
{
    str_copy(get->error, sizeof(get->error), error, strlen(error));
}

static void get_free(struct https_get *get)
{
    list_remove(&get->link);
    curl_easy_cleanup(get->easy);
    curl_slist_free_all(get->headers);
    https_buffer_free(&get->body);
    free(get);
}

struct https_get *https_client_get(struct https_client *client, const struct https_request *request,
                                   https_done *done, void *arg)
{
    struct https_get *get = xcalloc(1, sizeof(*get));
    get->client = client;
    get->done = done;
    get->arg = arg;
    get->easy = curl_easy_init();
    INVARIANT(get->easy != NULL);
    if (!set_token(get, request->bearer_token)) {
        fail(get, "the service token has characters that a header can't carry");
    } else {
        CURLcode code = set_options(get, request);
        if (code != CURLE_OK)
            fail(get, curl_easy_strerror(code));
    }
    list_append(&client->waiting, &get->link);
    loop_at_turn_end(client->loop, &client->start);
    return get;
}

/* With TLS 1.3 a server that does not like our certificate says so after the handshake, and what
 * we see of it is a matter of luck: its alert, a reset, or a failure to send. */
static bool was_turned_away(struct https_get *get, CURLcode code)
{
    curl_off_t handshake_us = 0;
    long status = 0;
    if (code != CURLE_SEND_ERROR && code != CURLE_RECV_ERROR && code != CURLE_GOT_NOTHING)
        return false;
    curl_easy_getinfo(get->easy, CURLINFO_APPCONNECT_TIME_T, &handshake_us);
    curl_easy_getinfo(get->easy, CURLINFO_RESPONSE_CODE, &status);
    return handshake_us > 0 && status == 0;
}

static void explain(struct https_get *get, CURLcode code)
{
    if (get->too_large || code == CURLE_FILESIZE_EXCEEDED) {
        fail(get, "the answer is larger than 64 KiB");
        return;
    }
    if (get->error[0] == '\0')
        fail(get, curl_easy_strerror(code));
    if (!was_turned_away(get, code))
        return;
    char detail[CURL_ERROR_SIZE];
    memcpy(detail, get->error, sizeof(detail));
    struct str_out out = str_out(get->error, sizeof(get->error));
    str_puts(&out, "turned away after the TLS handshake, our client certificate perhaps: ");
    str_puts(&out, detail);
}

/* Takes it out of curl's hands, tells the result and forgets it. */
static void finish(struct https_get *get, CURLcode code)
{
    struct https_response response = {.error = get->error};
    if (code == CURLE_OK) {
        long status = 0;
        curl_easy_getinfo(get->easy, CURLINFO_RESPONSE_CODE, &status);
        response = (struct https_response){
            .status = (int)status, .body = get->body.data, .len = get->body.len};
    } else {
        explain(get, code);
    }
    list_remove(&get->link);
    get->done(get->arg, &response);
    get_free(get);
}

static void stop_running(struct https_get *get)
{
    curl_multi_remove_handle(get->client->multi, get->easy);
    get->client->running_count--;
    loop_at_turn_end(get->client->loop, &get->client->start);
}

static void collect(struct https_client *client)
{
    CURLMsg *msg;
    int left;
    while ((msg = curl_multi_info_read(client->multi, &left))) {
        struct https_get *get = NULL;
        CURLcode code = msg->data.result;
        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &get);
        stop_running(get);
        finish(get, code);
    }
}

static struct https_get *take_first(struct list *list)
{
    struct list *first = list->next;
    if (first == list)
        return NULL;
    list_remove(first);
    INVARIANT(list->next != first);
    return LIST_ENTRY(first, struct https_get, link);
}

static void start_one(struct https_client *client, struct https_get *get)
{
    if (get->error[0] != '\0') {
        finish(get, CURLE_FAILED_INIT);
        return;
    }
    https_buffer_create(&get->body, HTTPS_CLIENT_MAX_BODY);
    get->body.data[0] = '\0';
    list_append(&client->running, &get->link);
    client->running_count++;
    INVARIANT(curl_multi_add_handle(client->multi, get->easy) == CURLM_OK);
}

static void on_start(void *arg)
{
    struct https_client *client = arg;
    struct https_get *get;
    while (client->running_count < MAX_RUNNING && (get = take_first(&client->waiting)))
        start_one(client, get);
}

void https_get_cancel(struct https_get **get_ptr)
{
    struct https_get *get = *get_ptr;
    if (!get)
        return;
    *get_ptr = NULL;
    if (get->body.data)
        stop_running(get);
    get_free(get);
}

/* --- create and destroy --- */

struct https_client *https_client_create(struct loop *loop)
{
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wiping_free, wiping_realloc, strdup,
                             calloc) != CURLE_OK)
        panic("libcurl can't be initialised");
    struct https_client *client = xcalloc(1, sizeof(*client));
    client->loop = loop;
    client->multi = curl_multi_init();
    INVARIANT(client->multi != NULL);
    list_init(&client->waiting);
    list_init(&client->running);
    timer_init(&client->timer, loop, on_timer, client);
    client->start = (struct loop_hook){.fn = on_start, .arg = client};
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)MAX_RUNNING);
    return client;
}

void https_client_destroy(struct https_client **client_ptr)
{
    struct https_client *client = *client_ptr;
    if (!client)
        return;
    struct https_get *get;
    while ((get = take_first(&client->waiting)) || (get = take_first(&client->running)))
        https_get_cancel(&get);
    curl_multi_cleanup(client->multi);
    curl_global_cleanup();
    timer_stop(&client->timer);
    loop_cancel_hook(client->loop, &client->start);
    free(client);
    *client_ptr = NULL;
}
