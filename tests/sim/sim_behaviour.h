/*
 * How the simulated MNO behaves towards one system_id: plain data, copied from the defaults when a
 * system_id is first seen, changed at any time by `set`. sim_options.c says what each field means.
 */
#ifndef SIM_BEHAVIOUR_H
#define SIM_BEHAVIOUR_H

#include "common/base.h"

#define SIM_LIST_MAX 24u
#define SIM_MILLION 1000000u

struct sim_range {
    uint64_t min;
    uint64_t max;
};

/* Values with a share each: of a million (statuses) or of their sum (states). */
struct sim_mix {
    uint32_t value[SIM_LIST_MAX];
    uint32_t share[SIM_LIST_MAX];
    size_t count;
};

struct sim_list {
    uint32_t value[SIM_LIST_MAX];
    size_t count;
};

enum sim_rule_action {
    SIM_RULE_VALUE, /* a command_status, or a message state */
    SIM_RULE_SILENT,
    SIM_RULE_CLOSE,
    SIM_RULE_RST,
};

struct sim_rule {
    char suffix[24];
    enum sim_rule_action action;
    uint32_t value;
    uint32_t left; /* how often it still applies; UINT32_MAX: always */
};

struct sim_rules {
    struct sim_rule rule[SIM_LIST_MAX];
    size_t count;
};

/* Late answers: so many of a million come only after so long. */
struct sim_late {
    uint32_t millionths;
    uint64_t delay_ms;
};

enum sim_connect_action { SIM_CONNECT_ACCEPT, SIM_CONNECT_CLOSE, SIM_CONNECT_RST };
enum sim_bind_action {
    SIM_BIND_ANSWER,
    SIM_BIND_IGNORE,
    SIM_BIND_CLOSE,
    SIM_BIND_RST,
    SIM_BIND_ANSWER_CLOSE
};
enum sim_body { SIM_BODY_ID, SIM_BODY_NUL, SIM_BODY_NONE, SIM_BODY_TLV, SIM_BODY_ID_TLV };
enum sim_receipts_when { SIM_RECEIPTS_ASKED, SIM_RECEIPTS_ALWAYS, SIM_RECEIPTS_NEVER };
enum sim_receipt_order { SIM_ORDER_FIFO, SIM_ORDER_RANDOM, SIM_ORDER_LIFO };
enum sim_enroute { SIM_ENROUTE_ASKED, SIM_ENROUTE_ALWAYS, SIM_ENROUTE_AS_RECEIPT, SIM_ENROUTE_OFF };
enum sim_parts { SIM_PARTS_EACH, SIM_PARTS_FIRST, SIM_PARTS_LAST };
enum sim_duplicates { SIM_DUPLICATES_OFF, SIM_DUPLICATES_TEXT, SIM_DUPLICATES_TOKEN };

struct sim_behaviour {
    /* connections and binds */
    int on_connect;
    int on_bind;
    uint32_t bind_status;
    uint32_t refuse_trx;
    struct sim_range bind_delay_ms;
    uint64_t max_binds;
    uint32_t interface_version;
    uint64_t enquire_link_ms;
    bool answer_enquire_link;
    bool answer_unbind;
    uint64_t slow_read;
    uint64_t write_split;

    /* answers to submit_sm */
    int id_format;
    int resp_body;
    int error_body;
    struct sim_range latency_ms;
    bool out_of_order;
    struct sim_mix submit_status;
    struct sim_rules status_for_dest;
    struct sim_rules status_for_source;
    uint64_t max_tps;
    uint32_t throttle_status;
    uint64_t max_window;
    uint32_t window_status;
    uint32_t silent;
    uint64_t silent_after;
    bool silent_takes;
    struct sim_late late;
    uint32_t twice;
    uint32_t wrong_sequence;
    uint64_t close_after;
    uint64_t rst_after;

    /* receipts */
    int receipts;
    struct sim_list receipt_dialect;
    int receipt_id_format;
    int receipt_tlv_id_format;
    struct sim_mix receipt_states;
    struct sim_rules receipt_for_dest;
    struct sim_range receipt_delay_ms;
    bool receipt_before_response;
    int receipt_order;
    uint32_t receipt_duplicates;
    int receipt_enroute;
    int receipt_parts;
    uint64_t deliver_window;
    uint64_t deliver_retry_ms;
    uint64_t deliver_tries;
    struct sim_list deliver_temporary;

    /* observation */
    int detect_duplicates;
    char duplicate_token[24];
};

#endif
