/*
 * What can be set per operator: the bridge's defaults, then OPERATORS_FILE's member by member, in
 * one table. A document with a member that is unknown, of the wrong type or out of bounds is
 * refused as a whole, with a line that names operator and member.
 */
#ifndef BRIDGE_OPERATOR_SETTINGS_H
#define BRIDGE_OPERATOR_SETTINGS_H

#include "common/base.h"
#include "proto/ipc.h"
#include "proto/message_id.h"
#include "proto/receipt.h"
#include "proto/smpp_status.h"
#include "proto/split.h"
#include "proto/uuid.h"

#define OPERATOR_SETTINGS_MAX_OPERATORS 10000
#define OPERATOR_SETTINGS_FILE_MAX (16u * 1024 * 1024)
#define OPERATOR_SETTINGS_MAX_PAIR_ON 16
#define OPERATOR_SETTINGS_MAX_STATUS_CLASSES 64
#define OPERATOR_SETTINGS_TLVS_MAX 512 /* octets, encoded */
#define OPERATOR_SETTINGS_UNSET (-1)

enum on_unknown { ON_UNKNOWN_RESUBMIT, ON_UNKNOWN_REPORT };
enum validity_form { VALIDITY_ABSOLUTE, VALIDITY_RELATIVE, VALIDITY_NONE };
enum receipt_policy { RECEIPT_POLICY_EACH, RECEIPT_POLICY_AGGREGATE };

struct operator_status_class {
    uint32_t status;
    enum smpp_status_class class;
};

/* Strings are owned; NULL where nothing is set. */
struct operator_settings {
    struct uuid id;
    char *name;
    char *dispatch_stream; /* never NULL */

    /* Sessions: these travel to the agent (OPERATOR in proto/ipc_records.def). Milliseconds. */
    int64_t enquire_link_interval_ms, enquire_link_timeout_ms;
    int64_t bind_timeout_ms, submit_timeout_ms;
    int64_t reconnect_min_ms, reconnect_max_ms, auth_retry_min_ms, failover_after_ms, pair_probe_ms;
    int64_t window_size, binds;
    int64_t deliver_hold_ms, deliver_hold_max;
    int64_t busy_status;
    int64_t priority_share; /* percent */
    char *system_type, *address_range, *local_address;
    char *hosts; /* host:port, comma-separated */
    int64_t addr_ton, addr_npi;
    uint32_t pair_on[OPERATOR_SETTINGS_MAX_PAIR_ON];
    size_t pair_on_count;
    bool tls;
    int64_t tls_min_version; /* 0x0303, 0x0304 */
    char *tls_ca_file, *tls_cert_file, *tls_key_file, *tls_server_name;
    bool trace_text;

    /* Messages out. */
    int64_t tps_limit;  /* lowers the credentials' one; OPERATOR_SETTINGS_UNSET: not set */
    int64_t on_unknown; /* enum on_unknown */
    int64_t max_attempts;
    struct operator_status_class status_classes[OPERATOR_SETTINGS_MAX_STATUS_CLASSES];
    size_t status_class_count;
    int64_t default_alphabet; /* enum split_alphabet */
    bool gsm7_packed, transliterate;
    enum gsm7_language shift_tables[SPLIT_LANGUAGES_MAX];
    size_t shift_table_count;
    int64_t concatenation; /* enum split_concat */
    int64_t max_segments;
    int64_t source_ton, source_npi, dest_ton, dest_npi; /* OPERATOR_SETTINGS_UNSET: inferred */
    char *service_type;
    int64_t priority, protocol_id, registered_delivery;
    bool replace_if_present;
    int64_t validity; /* enum validity_form */
    uint8_t tlvs[OPERATOR_SETTINGS_TLVS_MAX];
    size_t tlvs_len;

    /* Receipts and MO. */
    int64_t receipt_detection; /* enum receipt_detection */
    int64_t message_id_format; /* enum message_id_format */
    int64_t receipt_policy;    /* enum receipt_policy */
};

/* Everything that has a built-in default; id and strings empty, dispatch_stream NULL. */
void operator_settings_init(struct operator_settings *s);
/* A deep copy. */
void operator_settings_copy(struct operator_settings *to, const struct operator_settings *from);
void operator_settings_free(struct operator_settings *s);
bool operator_settings_equal(const struct operator_settings *a, const struct operator_settings *b);

struct operator_settings_list {
    struct operator_settings *items;
    size_t count;
};
void operator_settings_list_free(struct operator_settings_list *list);

/* OPERATORS_FILE: {"operators":[{"operatorId", "operatorName", …}]}, each on top of `defaults`.
 * −1 with one line that says what is wrong; a file without operators is wrong too. */
int operator_settings_parse_file(const char *json, size_t len,
                                 const struct operator_settings *defaults,
                                 struct operator_settings_list *list_r, char *error_r,
                                 size_t error_size) MUST_CHECK;
/* OPERATOR_IDS: comma-separated `uuid` or `uuid=Name`. */
int operator_settings_parse_ids(const char *ids, const struct operator_settings *defaults,
                                struct operator_settings_list *list_r, char *error_r,
                                size_t error_size) MUST_CHECK;

/* What a refused submit_sm calls for: the operator's word, else the common table's. */
struct smpp_status operator_settings_status(const struct operator_settings *s, uint32_t code);
/* The record that declares the operator to the agent; views into `s` and `pair_on_out`. */
struct ipc_operator
operator_settings_record(const struct operator_settings *s,
                         uint8_t pair_on_out[OPERATOR_SETTINGS_MAX_PAIR_ON * 4]);

#endif
