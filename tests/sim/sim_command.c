/* The control commands: a table, a common selector, and a function each. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base.h"
#include "common/list.h"

#include "tests/sim/sim_command.h"
#include "tests/sim/sim_history.h"
#include "tests/sim/sim_malformed.h"
#include "tests/sim/sim_mo.h"
#include "tests/sim/sim_outbox.h"
#include "tests/sim/sim_seen.h"
#include "tests/sim/sim_server.h"
#include "tests/sim/sim_system.h"
#include "tests/sim/sim_text.h"

#define LINE_MAX_BYTES 8192u

struct call {
    struct sim *sim;
    struct sim_system *system; /* system=ID; NULL: all */
    uint64_t session;          /* session=N; 0: all */
    char *rest;                /* what follows the selectors */
    struct sim_buffer *reply;  /* further members, each with a comma before it */
    char error[SIM_ERROR_SIZE];
};

/* 0, or -1 with the reason in call->error. */
typedef int command_fn(struct call *call);
typedef void session_fn(struct sim_session *s, void *arg);

static int fail(struct call *call, const char *text)
{
    snprintf(call->error, sizeof(call->error), "%s", text);
    return -1;
}

/* The next word of call->rest, cut out of it; "" at the end. */
static char *next_word(struct call *call)
{
    char *word = call->rest + strspn(call->rest, " \t");
    size_t len = strcspn(word, " \t");
    call->rest = word + len;
    if (*call->rest) {
        *call->rest++ = 0;
        call->rest += strspn(call->rest, " \t");
    }
    return word;
}

static void each_session(struct call *call, session_fn *fn, void *arg)
{
    uint64_t count = 0;
    LIST_FOREACH (it, &call->sim->sessions) {
        struct sim_session *s = LIST_ENTRY(it, struct sim_session, all);
        if ((call->system && s->system != call->system) ||
            (call->session && s->number != call->session))
            continue;
        fn(s, arg);
        count++;
    }
    sim_buffer_printf(call->reply, ",\"sessions\":%" PRIu64, count);
}

static int command_stats(struct call *call)
{
    sim_buffer_printf(call->reply, ",");
    sim_system_print_stats(call->sim, call->reply, call->system);
    return 0;
}

static int command_reset(struct call *call)
{
    sim_system_reset_stats(call->sim);
    return 0;
}

static int command_forget(struct call *call)
{
    LIST_FOREACH (it, &call->sim->systems)
        sim_seen_clear(LIST_ENTRY(it, struct sim_system, link)->seen);
    return 0;
}

static int command_set(struct call *call)
{
    struct sim *sim = call->sim;
    const char *name = next_word(call);
    struct sim_behaviour *first = call->system ? &call->system->behaviour : &sim->defaults;
    if (sim_option_set(first, name, call->rest, call->error) != 0)
        return -1;
    LIST_FOREACH (it, &sim->systems) {
        struct sim_system *system = LIST_ENTRY(it, struct sim_system, link);
        if (!call->system && sim_option_set(&system->behaviour, name, call->rest, call->error) != 0)
            return -1;
        sim_outbox_wake(system->outbox);
    }
    LIST_FOREACH (each, &sim->sessions)
        sim_session_apply_behaviour(LIST_ENTRY(each, struct sim_session, all));
    return 0;
}

static int command_sessions(struct call *call)
{
    const char *comma = "";
    sim_buffer_printf(call->reply, ",\"sessions\":[");
    LIST_FOREACH (it, &call->sim->sessions) {
        const struct sim_session *s = LIST_ENTRY(it, struct sim_session, all);
        if (call->system && s->system != call->system)
            continue;
        sim_buffer_printf(call->reply, "%s{\"session\":%" PRIu64 ",\"system\":", comma, s->number);
        sim_buffer_json_string(call->reply, s->system->name);
        sim_buffer_printf(call->reply,
                          ",\"bound\":\"%s\",\"submits\":%" PRIu64 ",\"unanswered\":%" PRIu64
                          ",\"delivers_unanswered\":%zu}",
                          sim_session_state_name(s), s->submits, s->unanswered, s->inflight.count);
        comma = ",";
    }
    sim_buffer_printf(call->reply, "]");
    return 0;
}

static void send_unbind(struct sim_session *s, void *arg)
{
    (void)arg;
    sim_session_send_header(s, PDU_UNBIND, ESME_ROK, sim_session_next_sequence(s));
}

static int command_unbind(struct call *call)
{
    each_session(call, send_unbind, NULL);
    return 0;
}

static void send_enquire(struct sim_session *s, void *arg)
{
    (void)arg;
    s->system->stats.enquire_links_sent++;
    sim_session_send_header(s, PDU_ENQUIRE_LINK, ESME_ROK, sim_session_next_sequence(s));
}

static int command_enquire(struct call *call)
{
    each_session(call, send_enquire, NULL);
    return 0;
}

static void end_session(struct sim_session *s, void *arg)
{
    sim_session_close(s, *(enum sim_link_end *)arg);
}

static int command_close(struct call *call)
{
    enum sim_link_end end = SIM_LINK_FIN;
    each_session(call, end_session, &end);
    return 0;
}

static int command_rst(struct call *call)
{
    enum sim_link_end end = SIM_LINK_RST;
    each_session(call, end_session, &end);
    return 0;
}

static void send_octets(struct sim_session *s, void *arg)
{
    const struct sim_buffer *octets = arg;
    sim_session_send_raw(s, (struct bytes){octets->data, octets->len});
}

static int command_send(struct call *call)
{
    struct sim_buffer octets = {0};
    bool good = sim_text_from_hex(call->rest, &octets) && octets.len > 0;
    if (good)
        each_session(call, send_octets, &octets);
    sim_buffer_free(&octets);
    return good ? 0 : fail(call, "expected octets as hex");
}

static void send_malformed(struct sim_session *s, void *arg)
{
    sim_malformed_send(s, arg);
}

static int command_malformed(struct call *call)
{
    char *name = next_word(call);
    if (!sim_malformed_exists(name))
        return fail(call, "no malformation has that name (mno-sim --help lists them)");
    each_session(call, send_malformed, name);
    return 0;
}

/* The system_id that is meant, or the only one that is bound. */
static struct sim_system *one_system(struct call *call)
{
    struct sim_system *only = NULL;
    if (call->system)
        return call->system;
    LIST_FOREACH (it, &call->sim->systems) {
        struct sim_system *system = LIST_ENTRY(it, struct sim_system, link);
        if (list_empty(&system->sessions))
            continue;
        if (only)
            return NULL;
        only = system;
    }
    return only;
}

static int command_mo(struct call *call)
{
    struct sim_system *system = one_system(call);
    const char *from = next_word(call);
    const char *to = next_word(call);
    if (!*to)
        return fail(call, "expected FROM TO TEXT");
    if (!system)
        return fail(call, "say which with system=ID: not exactly one system_id is bound");
    size_t parts = sim_mo_send(call->sim, system, from, to, call->rest);
    sim_buffer_printf(call->reply, ",\"parts\":%zu", parts);
    return 0;
}

static void pause_session(struct sim_session *s, void *arg)
{
    if (s->link)
        sim_link_pause_reading(s->link, *(bool *)arg);
}

static int command_pause_read(struct call *call)
{
    bool pause = true;
    each_session(call, pause_session, &pause);
    return 0;
}

static int command_resume_read(struct call *call)
{
    bool pause = false;
    each_session(call, pause_session, &pause);
    return 0;
}

static int command_history(struct call *call)
{
    const char *word = next_word(call);
    if (!call->sim->history)
        return fail(call, "there is no history: start with --history FILE");
    if (strcmp(word, "flush") == 0)
        sim_history_flush(call->sim->history);
    else if (strcmp(word, "on") == 0 || strcmp(word, "off") == 0)
        sim_history_switch(call->sim->history, strcmp(word, "on") == 0);
    else
        return fail(call, "expected on, off or flush");
    return 0;
}

static int command_down(struct call *call)
{
    sim_server_down(call->sim->server);
    return command_rst(call);
}

static int command_up(struct call *call)
{
    return sim_server_up(call->sim->server, call->error, sizeof(call->error));
}

static int command_quit(struct call *call)
{
    uv_stop(call->sim->loop);
    return 0;
}

static int command_help(struct call *call);

static const struct {
    const char *name;
    command_fn *run;
    const char *usage;
    const char *help;
} commands[] = {
    {"help", command_help, "help", "this list"},
    {"stats", command_stats, "stats [system=ID]", "everything that is counted"},
    {"reset-stats", command_reset, "reset-stats", "counters and maxima begin anew"},
    {"forget-messages", command_forget, "forget-messages", "detect-duplicates begins anew"},
    {"set", command_set, "set [system=ID] OPTION VALUE",
     "changes a behaviour option (--help), of one system_id or of all"},
    {"sessions", command_sessions, "sessions [system=ID]", "the connections"},
    {"enquire", command_enquire, "enquire [system=ID] [session=N]", "sends an enquire_link"},
    {"unbind", command_unbind, "unbind [system=ID] [session=N]", "sends an unbind"},
    {"close", command_close, "close [system=ID] [session=N]", "closes the connections"},
    {"rst", command_rst, "rst [system=ID] [session=N]", "resets them (TCP RST)"},
    {"send", command_send, "send [system=ID] [session=N] HEX", "sends octets as they are"},
    {"malformed", command_malformed, "malformed [system=ID] [session=N] NAME",
     "sends one of the malformations listed by --help"},
    {"mo", command_mo, "mo [system=ID] FROM TO TEXT", "sends a mobile-originated message"},
    {"pause-read", command_pause_read, "pause-read [system=ID] [session=N]", "stops reading"},
    {"resume-read", command_resume_read, "resume-read [system=ID] [session=N]", "reads again"},
    {"down", command_down, "down", "refuses connections and resets those that stand"},
    {"up", command_up, "up", "listens again on the same port"},
    {"history", command_history, "history on|off|flush", "the log of --history"},
    {"quit", command_quit, "quit", "ends the program"},
};

size_t sim_command_count(void)
{
    return ARRAY_LEN(commands);
}

const char *sim_command_usage(size_t i)
{
    return commands[i].usage;
}

const char *sim_command_help(size_t i)
{
    return commands[i].help;
}

static int command_help(struct call *call)
{
    sim_buffer_printf(call->reply, ",\"commands\":[");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        sim_buffer_printf(call->reply, i ? "," : "");
        sim_buffer_json_string(call->reply, commands[i].usage);
    }
    sim_buffer_printf(call->reply, "]");
    return 0;
}

static command_fn *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run;
    }
    return NULL;
}

/* system=ID and session=N in front of the arguments. A system_id that was not met yet is made, so
 * that its behaviour can be set before it binds. */
static void read_selectors(struct call *call)
{
    for (;;) {
        bool system = strncmp(call->rest, "system=", 7) == 0;
        bool session = strncmp(call->rest, "session=", 8) == 0;
        if (!system && !session)
            return;
        const char *word = next_word(call);
        if (system)
            call->system = sim_system_get(call->sim, word + 7);
        else
            call->session = strtoull(word + 8, NULL, 10);
    }
}

bool sim_command_run(struct sim *sim, const char *line, struct sim_buffer *reply)
{
    char copy[LINE_MAX_BYTES];
    struct call call = {.sim = sim, .rest = copy, .reply = reply};
    size_t start = reply->len;
    int rc = -1;
    sim->now_ns = uv_hrtime();
    sim_buffer_printf(reply, "{\"ok\":true");
    if ((size_t)snprintf(copy, sizeof(copy), "%s", line) >= sizeof(copy)) {
        fail(&call, "the line is too long");
    } else {
        const char *name = next_word(&call);
        command_fn *run = find(name);
        read_selectors(&call);
        rc = run ? run(&call) : fail(&call, "no such command (help lists them)");
    }
    if (rc != 0) {
        reply->len = start;
        sim_buffer_printf(reply, "{\"ok\":false,\"error\":");
        sim_buffer_json_string(reply, call.error);
    }
    sim_buffer_printf(reply, "}\n");
    return rc == 0;
}
