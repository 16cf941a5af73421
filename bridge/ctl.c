/*
 * The server of `ctl`: verbs as a table, each POST /VERB[/argument]; GET /sessions as the
 * management API's.
 */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#include "proto/json_emit.h"

#include "bridge/ctl.h"
#include "bridge/management_page.h"

struct ctl {
    struct management_options sources;
    struct ctl_actions actions;
    struct http_server *server;
};

/* Each returns NULL, or why not. */
static const char *do_pause(const struct ctl_actions *a, struct mno *op)
{
    return a->pause(a->arg, op, true);
}

static const char *do_resume(const struct ctl_actions *a, struct mno *op)
{
    return a->pause(a->arg, op, false);
}

static const char *do_rebind(const struct ctl_actions *a, struct mno *op)
{
    return a->rebind(a->arg, op);
}

static const char *do_release(const struct ctl_actions *a, struct mno *op)
{
    return a->release(a->arg, op);
}

static const struct operator_verb {
    const char *name;
    const char *(*run)(const struct ctl_actions *a, struct mno *op);
} operator_verbs[] = {
    {"pause", do_pause},
    {"resume", do_resume},
    {"rebind", do_rebind},
    {"release", do_release},
};

static void answer_done(const char *verb, const char *refusal, struct http_answer *answer_r)
{
    if (refusal) {
        management_error(409, refusal, answer_r);
        return;
    }
    struct json_emit e = json_emit_growable();
    json_emit_object_begin(&e);
    json_emit_member_string(&e, "done", verb);
    json_emit_object_end(&e);
    management_json(&e, 200, answer_r);
}

static bool run_operator_verb(const struct ctl *ctl, const char *verb, size_t verb_len,
                              const char *argument, struct http_answer *answer_r)
{
    for (size_t i = 0; i < ARRAY_LEN(operator_verbs); i++) {
        const struct operator_verb *v = &operator_verbs[i];
        if (strlen(v->name) != verb_len || strncmp(v->name, verb, verb_len) != 0)
            continue;
        struct mno *op = operators_find_text(ctl->sources.operators, argument);
        if (!op) {
            management_error(404, "no such operator", answer_r);
            return true;
        }
        log_info("ctl", LOG_STR("verb", v->name), LOG_STR("operatorId", op->id_text));
        answer_done(v->name, v->run(&ctl->actions, op), answer_r);
        return true;
    }
    return false;
}

static void set_log_level(const struct ctl *ctl, const char *name, struct http_answer *answer_r)
{
    enum log_level level;
    if (!log_level_parse(name, &level)) {
        management_error(400, "the level is one of error, warn, info, debug", answer_r);
        return;
    }
    log_info("ctl", LOG_STR("verb", "log-level"), LOG_STR("level", name));
    answer_done("log-level", ctl->actions.log_level(ctl->actions.arg, level), answer_r);
}

static void post(const struct ctl *ctl, const char *path, struct http_answer *answer_r)
{
    const char *verb = path[0] == '/' ? path + 1 : path;
    size_t verb_len = strcspn(verb, "/");
    const char *argument = verb[verb_len] ? verb + verb_len + 1 : "";
    if (run_operator_verb(ctl, verb, verb_len, argument, answer_r))
        return;
    if (verb_len == strlen("log-level") && strncmp(verb, "log-level", verb_len) == 0) {
        set_log_level(ctl, argument, answer_r);
    } else if (strcmp(verb, "restart") == 0) {
        log_info("ctl", LOG_STR("verb", "restart"));
        answer_done("restart", ctl->actions.restart(ctl->actions.arg), answer_r);
    } else {
        management_error(404, "no such verb", answer_r);
    }
}

static void on_request(void *arg, const struct http_request *request, struct http_answer *answer_r)
{
    const struct ctl *ctl = arg;
    *answer_r = (struct http_answer){0};
    if (strcmp(request->method, "POST") == 0)
        post(ctl, request->path, answer_r);
    else if (strcmp(request->path, "/sessions") == 0)
        management_sessions(&ctl->sources, answer_r);
    else
        management_error(404, "no such verb", answer_r);
}

int ctl_create(const struct management_options *sources, const char *socket_path,
               const struct ctl_actions *actions, struct ctl **ctl_r, char *error_r,
               size_t error_size)
{
    struct ctl *ctl = xcalloc(1, sizeof(*ctl));
    ctl->sources = *sources;
    ctl->actions = *actions;
    struct text listen = {0};
    text_printf(&listen, "unix:%s", socket_path);
    int failed = http_server_create(sources->loop, listen.data, on_request, ctl, &ctl->server,
                                    error_r, error_size);
    text_free(&listen);
    if (failed) {
        ctl_destroy(&ctl);
        return -1;
    }
    *ctl_r = ctl;
    return 0;
}

void ctl_destroy(struct ctl **ctl)
{
    if (!*ctl)
        return;
    http_server_destroy(&(*ctl)->server);
    free(*ctl);
    *ctl = NULL;
}
