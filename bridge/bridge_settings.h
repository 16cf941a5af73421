/* The bridge's settings: interface.md's table, loaded from environment and SETTINGS_FILE, and the
 * operators that OPERATORS_FILE or OPERATOR_IDS name. */
#ifndef BRIDGE_BRIDGE_SETTINGS_H
#define BRIDGE_BRIDGE_SETTINGS_H

#include <stdio.h>

#include "bridge/operator_settings.h"

enum deadletter_mode { DEADLETTER_AUTO, DEADLETTER_ON, DEADLETTER_OFF };
enum consumer_start { CONSUMER_START_REFUSE, CONSUMER_START_ALL, CONSUMER_START_NEW };
enum assignment_mode { ASSIGNMENT_STATIC, ASSIGNMENT_LEASE };

/* Strings are owned, NULL when unset; choices and numbers are int64_t (common/settings.h). */
struct bridge_settings {
    char *ipc_url, *settings_file, *instance_id;
    int64_t log_level;
    char *operator_ids, *operators_file;
    char *operator_mgmt_url, *operator_mgmt_ca_file, *operator_mgmt_cert_file,
        *operator_mgmt_key_file;
    char *internal_service_token, *internal_service_token_file;
    char *nats_url, *nats_creds_file, *nats_ca_file, *nats_cert_file, *nats_key_file,
        *nats_js_domain;
    char *dispatch_stream;
    int64_t consumer_start; /* enum consumer_start */
    int64_t max_command_age_s;
    int64_t deadletter; /* enum deadletter_mode */
    char *redis_url;
    char *mgmt_listen, *ctl_socket;
    int64_t enquire_link_interval_ms, enquire_link_timeout_ms, bind_timeout_ms, submit_timeout_ms,
        reconnect_min_ms, reconnect_max_ms, auth_retry_min_ms, window_size, binds,
        failover_after_ms, deliver_hold_ms;
    int64_t correlation_ttl_s;
    int64_t credentials_refresh_ms;
    char *mo_subject;
    int64_t assignment; /* enum assignment_mode */
    char *lease_bucket;
    int64_t lease_ttl_ms, lease_deadline_ms;
};

/* −1 with one line that names the setting; nothing to free then. */
int bridge_settings_load(struct bridge_settings *settings_r, char *error_r,
                         size_t error_size) MUST_CHECK;
/* CTL_SOCKET alone, for `ctl`; owned, NULL: nowhere. */
int bridge_settings_ctl_socket(char **path_r, char *error_r, size_t error_size) MUST_CHECK;
void bridge_settings_free(struct bridge_settings *settings);
/* Reads everything again and takes over what is reloadable; what is invalid is logged and changes
 * nothing. True when something changed. */
bool bridge_settings_reload(struct bridge_settings *settings);

/* What an operator has of which no file says anything. */
void bridge_settings_operator_defaults(const struct bridge_settings *settings,
                                       struct operator_settings *s_r);
/* OPERATORS_FILE or OPERATOR_IDS as they are now, with these settings as defaults; on −1 the list
 * is empty. */
int bridge_settings_operators(const struct bridge_settings *settings,
                              struct operator_settings_list *list_r, char *error_r,
                              size_t error_size) MUST_CHECK;

void bridge_settings_print_effective(const struct bridge_settings *settings, FILE *out);
void bridge_settings_print_table(FILE *out);

#endif
