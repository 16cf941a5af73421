/* The tables of options, and the command line that sets them. */
#include <stdio.h>
#include <string.h>

#include "common/base.h"

#include "tests/sim/sim_id.h"
#include "tests/sim/sim_option.h"

#define AT(field) offsetof(struct sim_behaviour, field)
#define START(field) offsetof(struct sim_config, field)
#define GROUP(title)                                                                               \
    {                                                                                              \
        NULL, NULL, 0, NULL, NULL, title, NULL                                                     \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, NULL, 0, NULL, NULL, NULL, NULL                                                      \
    }

static const char *const connect_names[] = {"accept", "close", "rst", NULL};
static const char *const bind_names[] = {"answer", "ignore", "close", "rst", "answer-close", NULL};
static const char *const body_names[] = {"id", "nul", "none", "tlv", "id-tlv", NULL};
static const char *const receipts_names[] = {"asked", "always", "never", NULL};
static const char *const order_names[] = {"fifo", "random", "lifo", NULL};
static const char *const enroute_names[] = {"asked", "always", "as-receipt", "off", NULL};
static const char *const parts_names[] = {"each", "first", "last", NULL};
static const char *const duplicates_names[] = {"off", "text", "token", NULL};

#define ID_FORMATS "dec|padded|hex|HEX|hex-padded|uuid|long"
#define STATUS_RULES "SUFFIX=STATUS|silent|close|rst[*TIMES],..."

/* clang-format off */
const struct sim_option sim_option_behaviour[] = {
    GROUP("Connections and binds"),
    {"on-connect", sim_value_choice, AT(on_connect), "accept|close|rst", "accept",
     "what happens to a new connection", connect_names},
    {"on-bind", sim_value_choice, AT(on_bind), "answer|ignore|close|rst|answer-close", "answer",
     "what happens to a bind; answer-close closes right after the answer", bind_names},
    {"bind-status", sim_value_status, AT(bind_status), "STATUS", "0",
     "answers every bind with this status, e.g. 0x0E", NULL},
    {"refuse-trx", sim_value_status, AT(refuse_trx), "STATUS", "0",
     "answers bind_transceiver with this status, e.g. 0x03; the other binds work", NULL},
    {"bind-delay-ms", sim_value_range, AT(bind_delay_ms), "N|MIN-MAX", "0",
     "answers binds this much later", NULL},
    {"max-binds", sim_value_count, AT(max_binds), "N", "0",
     "refuses further binds of a system_id with ESME_RALYBND; 0: no limit", NULL},
    {"interface-version", sim_value_status, AT(interface_version), "VERSION", "0x34",
     "the sc_interface_version TLV of bind responses; 0: left out", NULL},
    {"enquire-link-ms", sim_value_count, AT(enquire_link_ms), "N", "0",
     "sends its own enquire_link this often; 0: never", NULL},
    {"answer-enquire-link", sim_value_flag, AT(answer_enquire_link), "on|off", "on",
     "off: the peer's enquire_link stays unanswered", NULL},
    {"answer-unbind", sim_value_flag, AT(answer_unbind), "on|off", "on",
     "off: the peer's unbind stays unanswered", NULL},
    {"slow-read", sim_value_count, AT(slow_read), "BYTES", "0",
     "reads at most so many bytes a second from each connection; 0: as they come", NULL},
    {"write-split", sim_value_count, AT(write_split), "BYTES", "0",
     "writes at most so many bytes at once (1: every byte alone); 0: whole batches", NULL},

    GROUP("Answers to submit_sm"),
    {"id-format", sim_value_choice, AT(id_format), ID_FORMATS, "dec",
     "how message ids are written", sim_id_format_names},
    {"resp-body", sim_value_choice, AT(resp_body), "id|nul|none|tlv|id-tlv", "id",
     "body of a good submit_sm_resp: the id, a lone NUL, nothing, ...", body_names},
    {"error-body", sim_value_choice, AT(error_body), "id|nul|none|tlv|id-tlv", "none",
     "body of a refusing submit_sm_resp", body_names},
    {"latency-ms", sim_value_range, AT(latency_ms), "N|MIN-MAX", "0",
     "answers this much later, in order", NULL},
    {"out-of-order", sim_value_flag, AT(out_of_order), "on|off", "off",
     "lets the answers of a latency range overtake each other", NULL},
    {"submit-status", sim_value_status_mix, AT(submit_status), "STATUS:SHARE,...", "off",
     "refuses a share of the messages, e.g. 0x08:1%,0x14:0.5%", NULL},
    {"status-for-dest", sim_value_status_rules, AT(status_for_dest), STATUS_RULES, "off",
     "what becomes of messages to numbers with this ending; *TIMES: only so often", NULL},
    {"status-for-source", sim_value_status_rules, AT(status_for_source), STATUS_RULES, "off",
     "the same by the ending of the source address", NULL},
    {"max-tps", sim_value_count, AT(max_tps), "N", "0",
     "accepts at most N messages in any second, throttles the rest; 0: no limit", NULL},
    {"throttle-status", sim_value_status, AT(throttle_status), "STATUS", "0x58",
     "the status that says so", NULL},
    {"max-window", sim_value_count, AT(max_window), "N", "0",
     "refuses what exceeds N unanswered submit_sm on a connection; 0: no limit", NULL},
    {"window-status", sim_value_status, AT(window_status), "STATUS", "0x58",
     "the status that says so", NULL},
    {"silent", sim_value_share, AT(silent), "SHARE", "0%",
     "never answers a share of the messages", NULL},
    {"silent-after", sim_value_count, AT(silent_after), "N", "0",
     "answers no submit_sm of a connection from the N-th on; 0: never so", NULL},
    {"silent-takes", sim_value_flag, AT(silent_takes), "on|off", "on",
     "what is not answered was taken all the same: delivered, with a receipt", NULL},
    {"late", sim_value_late, AT(late), "SHARE:MS", "off",
     "answers a share only after MS milliseconds, e.g. 1%:35000", NULL},
    {"twice", sim_value_share, AT(twice), "SHARE", "0%",
     "answers a share twice", NULL},
    {"wrong-sequence", sim_value_share, AT(wrong_sequence), "SHARE", "0%",
     "sends a share of the answers for a sequence number nobody used first", NULL},
    {"close-after", sim_value_count, AT(close_after), "N", "0",
     "closes a connection at its N-th submit_sm, unanswered; 0: never", NULL},
    {"rst-after", sim_value_count, AT(rst_after), "N", "0",
     "the same with a TCP reset", NULL},

    GROUP("Receipts"),
    {"receipts", sim_value_choice, AT(receipts), "asked|always|never", "asked",
     "asked: as registered_delivery says", receipts_names},
    {"receipt-dialect", sim_value_dialect_list, AT(receipt_dialect), "NAME,...|all", "spec",
     "how receipts are phrased (list below); of several, one by chance", NULL},
    {"receipt-id-format", sim_value_choice, AT(receipt_id_format), "same|" ID_FORMATS, "same",
     "how their text writes the message id", sim_id_format_names},
    {"receipt-tlv-id-format", sim_value_choice, AT(receipt_tlv_id_format), "same|" ID_FORMATS,
     "same", "how their TLV writes it; same: as the text", sim_id_format_names},
    {"receipt-states", sim_value_state_mix, AT(receipt_states), "STATE:SHARE,...", "DELIVRD:100",
     "final states, e.g. DELIVRD:95,UNDELIV:3,EXPIRED:2 (NONE: no receipt)", NULL},
    {"receipt-for-dest", sim_value_state_rules, AT(receipt_for_dest), "SUFFIX=STATE[*TIMES],...",
     "off", "final state of messages to numbers with this ending", NULL},
    {"receipt-delay-ms", sim_value_range, AT(receipt_delay_ms), "N|MIN-MAX", "0",
     "receipts come this much after the submit_sm", NULL},
    {"receipt-before-response", sim_value_flag, AT(receipt_before_response), "on|off", "off",
     "receipts go out before the submit_sm_resp (which waits for latency-ms)", NULL},
    {"receipt-order", sim_value_choice, AT(receipt_order), "fifo|random|lifo", "fifo",
     "the order in which waiting receipts are sent", order_names},
    {"receipt-duplicates", sim_value_share, AT(receipt_duplicates), "SHARE", "0%",
     "sends a share of the receipts twice", NULL},
    {"receipt-enroute", sim_value_choice, AT(receipt_enroute), "asked|always|as-receipt|off",
     "asked", "an ENROUTE notification first, as esm_class 0x20 or as a receipt (0x04)",
     enroute_names},
    {"receipt-parts", sim_value_choice, AT(receipt_parts), "each|first|last", "each",
     "which parts of a long message get a receipt", parts_names},
    {"deliver-window", sim_value_count, AT(deliver_window), "N", "100",
     "at most N unanswered deliver_sm on a connection", NULL},
    {"deliver-retry-ms", sim_value_count, AT(deliver_retry_ms), "N", "10000",
     "repeats a deliver_sm that was not answered, or refused for now, after so long", NULL},
    {"deliver-tries", sim_value_count, AT(deliver_tries), "N", "100",
     "gives it up as lost after so many tries", NULL},
    {"deliver-temporary", sim_value_status_list, AT(deliver_temporary), "STATUS,...",
     "0x08,0x14,0x45,0x58,0x64", "statuses that mean \"again later\"; others lose the receipt",
     NULL},

    GROUP("Observation"),
    {"detect-duplicates", sim_value_choice, AT(detect_duplicates), "off|text|token", "off",
     "counts accepted messages seen before: by source, destination, text and part, or by token",
     duplicates_names},
    {"duplicate-token", sim_value_token, AT(duplicate_token), "PREFIX", "id:",
     "the first word of the text that begins so identifies a message", NULL},
    END,
};

const struct sim_option sim_option_start[] = {
    GROUP("Start"),
    {"listen", sim_value_string, START(listen), "HOST:PORT", "127.0.0.1:0",
     "where SMPP is spoken; port 0: a free one, named in the ready line", NULL},
    {"control", sim_value_string, START(control), "HOST:PORT", "127.0.0.1:0",
     "where control commands are taken", NULL},
    {"password", sim_value_append, START(passwords), "[SYSTEM_ID=]PASSWORD", NULL,
     "repeatable; without any, every password and system_id is good", NULL},
    {"run", sim_value_append, START(run), "COMMAND", NULL,
     "repeatable: a control command to carry out before the first connection", NULL},
    {"seed", sim_value_count, START(seed), "N", "1",
     "of everything that happens by chance", NULL},
    {"id-start", sim_value_count, START(id_start), "N", "0",
     "number of the first message id; 0: microseconds since 1970", NULL},
    {"history", sim_value_string, START(history), "FILE", NULL,
     "appends a line of JSON per PDU", NULL},
    {"history-text", sim_value_flag, START(history_text), "on|off", "off",
     "puts the octets of the message there too, as hex", NULL},
    {"history-to", sim_value_string, START(history_to), "ENDING", NULL,
     "only submit_sm to and receipts from addresses with this ending: a sample", NULL},

    GROUP("Load: be an ESME that floods an SMSC, print the rate, exit"),
    {"load", sim_value_string, START(load), "HOST:PORT", NULL, "the SMSC", NULL},
    {"count", sim_value_count, START(load_count), "N", "1000000", "messages in all", NULL},
    {"window", sim_value_count, START(load_window), "N", "1000",
     "unanswered submit_sm per bind", NULL},
    {"binds", sim_value_count, START(load_binds), "N", "1", "binds to spread them over", NULL},
    {"tps", sim_value_count, START(load_tps), "N", "0", "at most so many a second; 0: all", NULL},
    {"system-id", sim_value_string, START(load_system_id), "ID", "load", "", NULL},
    {"system-password", sim_value_string, START(load_password), "PASSWORD", "secret", "", NULL},
    {"source", sim_value_string, START(load_source), "ADDRESS", "99970001", "", NULL},
    {"dest", sim_value_string, START(load_dest), "ADDRESS", "99970000001", "", NULL},
    {"text", sim_value_string, START(load_text), "TEXT", "Your code is 123456. id:%",
     "at most 140 octets; % becomes a running number", NULL},
    {"registered", sim_value_flag, START(load_receipts), "on|off", "off",
     "asks for receipts, answers and counts them", NULL},
    END,
};
/* clang-format on */

const struct sim_option *sim_option_find(const struct sim_option *table, const char *name)
{
    for (const struct sim_option *o = table; o->help; o++) {
        if (o->name && strcmp(o->name, name) == 0)
            return o;
    }
    return NULL;
}

static void *field_of(void *base, const struct sim_option *o)
{
    return (char *)base + o->offset;
}

static void set_defaults(const struct sim_option *table, void *base)
{
    char error[SIM_ERROR_SIZE];
    for (const struct sim_option *o = table; o->help; o++) {
        if (o->name && o->fallback && o->read(o, field_of(base, o), o->fallback, error) != 0)
            panic("default of --%s: %s", o->name, error);
    }
}

int sim_option_set(struct sim_behaviour *b, const char *name, const char *value, char *error)
{
    struct sim_behaviour changed = *b;
    const struct sim_option *o = sim_option_find(sim_option_behaviour, name);
    if (!o) {
        snprintf(error, SIM_ERROR_SIZE, "no behaviour option is called \"%.60s\"", name);
        return -1;
    }
    if (o->read(o, field_of(&changed, o), value, error) != 0)
        return -1;
    *b = changed;
    return 0;
}

/* --name value, --name=value, --flag. Steps *i over a value of its own. */
static int read_argument(struct sim_config *config, int argc, char **argv, int *i, char *error)
{
    char name[48];
    const char *arg = argv[*i] + 2;
    const char *equals = strchr(arg, '=');
    snprintf(name, sizeof(name), "%.*s", equals ? (int)(equals - arg) : 47, arg);
    void *base = &config->behaviour;
    const struct sim_option *o = sim_option_find(sim_option_behaviour, name);
    if (!o) {
        base = config;
        o = sim_option_find(sim_option_start, name);
    }
    if (!o) {
        snprintf(error, SIM_ERROR_SIZE, "no option is called --%s (see --help)", name);
        return -1;
    }
    const char *value = equals ? equals + 1 : NULL;
    bool next_is_value = *i + 1 < argc && strncmp(argv[*i + 1], "--", 2) != 0;
    if (!value && next_is_value)
        value = argv[++*i];
    if (!value && o->read == sim_value_flag)
        value = "on";
    if (!value) {
        snprintf(error, SIM_ERROR_SIZE, "--%s needs a value: %s", name, o->argument);
        return -1;
    }
    return o->read(o, field_of(base, o), value, error);
}

enum sim_option_result sim_option_parse(struct sim_config *config, int argc, char **argv,
                                        char *error)
{
    *config = (struct sim_config){0};
    set_defaults(sim_option_start, config);
    set_defaults(sim_option_behaviour, &config->behaviour);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return SIM_OPTION_HELP;
        if (strncmp(argv[i], "--", 2) != 0) {
            snprintf(error, SIM_ERROR_SIZE, "\"%.60s\" is no option (see --help)", argv[i]);
            return SIM_OPTION_ERROR;
        }
        if (read_argument(config, argc, argv, &i, error) != 0)
            return SIM_OPTION_ERROR;
    }
    return SIM_OPTION_GO;
}
