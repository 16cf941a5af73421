/* The routes of the management API. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#include "proto/json_emit.h"

#include "bridge/management.h"

struct management {
    struct management_options options;
    char *instance_id;
    struct http_server *server;
};

/* Exact paths; what is below /sessions/ names an operator. */
static const struct route {
    const char *path;
    void (*page)(const struct management_options *m, struct http_answer *answer_r);
} routes[] = {
    {"/health", management_health},
    {"/ready", management_ready},
    {"/metrics", management_metrics},
    {"/sessions", management_sessions},
};
static const char detail_prefix[] = "/sessions/";

void management_json(struct json_emit *e, int status, struct http_answer *answer_r)
{
    INVARIANT(!e->failed);
    answer_r->status = status;
    answer_r->content_type = "application/json";
    text_append(&answer_r->body, e->data, e->len);
    text_puts(&answer_r->body, "\n");
    json_emit_free(e);
}

void management_error(int status, const char *reason, struct http_answer *answer_r)
{
    struct json_emit e = json_emit_growable();
    json_emit_object_begin(&e);
    json_emit_member_string(&e, "error", reason);
    json_emit_object_end(&e);
    management_json(&e, status, answer_r);
}

static void answer_path(const struct management_options *m, const char *path,
                        struct http_answer *answer_r)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (strcmp(routes[i].path, path) == 0) {
            routes[i].page(m, answer_r);
            return;
        }
    }
    if (strncmp(path, detail_prefix, sizeof(detail_prefix) - 1) != 0) {
        management_error(404, "no such path", answer_r);
        return;
    }
    const struct mno *op = operators_find_text(m->operators, path + sizeof(detail_prefix) - 1);
    if (op)
        management_session_detail(m, op, answer_r);
    else
        management_error(404, "no such operator", answer_r);
}

static void on_request(void *arg, const struct http_request *request, struct http_answer *answer_r)
{
    const struct management *m = arg;
    *answer_r = (struct http_answer){0};
    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0)
        management_error(405, "only GET", answer_r);
    else
        answer_path(&m->options, request->path, answer_r);
}

int management_create(const struct management_options *options, const char *listen,
                      struct management **m_r, char *error_r, size_t error_size)
{
    struct management *m = xcalloc(1, sizeof(*m));
    m->options = *options;
    m->instance_id = xstrdup(options->instance_id);
    m->options.instance_id = m->instance_id;
    if (http_server_create(options->loop, listen, on_request, m, &m->server, error_r, error_size) !=
        0) {
        management_destroy(&m);
        return -1;
    }
    log_info("the management API listens", LOG_STR("address", listen),
             LOG_UINT("port", http_server_port(m->server)));
    *m_r = m;
    return 0;
}

void management_destroy(struct management **m)
{
    if (!*m)
        return;
    http_server_destroy(&(*m)->server);
    free((*m)->instance_id);
    free(*m);
    *m = NULL;
}

uint16_t management_port(const struct management *m)
{
    return http_server_port(m->server);
}

const struct management_options *management_sources(const struct management *m)
{
    return &m->options;
}
