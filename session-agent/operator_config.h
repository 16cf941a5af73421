/*
 * What the bridge declared about an operator: a checked copy that outlives the record. Timers,
 * limits and the window apply at once, bind parameters at the next bind attempt.
 */
#ifndef SESSION_AGENT_OPERATOR_CONFIG_H
#define SESSION_AGENT_OPERATOR_CONFIG_H

#include "proto/ipc.h"

#define OPERATOR_CONFIG_MAX_PAIR_ON 16

struct operator_host {
    char *host;
    uint16_t port;
};

struct operator_config {
    uint8_t id[IPC_OPERATOR_ID_SIZE];
    char *name;
    uint32_t enquire_link_interval_ms, enquire_link_timeout_ms;
    uint32_t bind_timeout_ms, submit_timeout_ms;
    uint32_t reconnect_min_ms, reconnect_max_ms;
    uint32_t auth_retry_min_ms;
    uint32_t pair_probe_ms;
    uint32_t window_size, binds;
    uint32_t deliver_hold_ms, deliver_hold_max, busy_status;
    uint32_t priority_share; /* percent */

    char *system_type, *address_range;
    uint8_t addr_ton, addr_npi;
    char *local_address; /* "" : the kernel chooses */
    struct operator_host hosts[IPC_HOSTS_MAX];
    size_t host_count;
    uint32_t pair_on[OPERATOR_CONFIG_MAX_PAIR_ON];
    size_t pair_on_count;

    bool tls;
    uint16_t tls_min_version;
    char *tls_ca_file, *tls_cert_file, *tls_key_file, *tls_server_name; /* "" : not set */
    bool trace_text;
    bool paused; /* the bridge obeys it */
};

/* NULL with a reason when a value is out of bounds or malformed; the bridge has checked what people
 * wrote, so that this is the bridge's fault. */
struct operator_config *operator_config_create(const struct ipc_operator *record, char *error_r,
                                               size_t error_size) MUST_CHECK;
void operator_config_destroy(struct operator_config **config);
/* Would a bind be asked for in the same way, and of the same hosts? */
bool operator_config_binds_alike(const struct operator_config *a, const struct operator_config *b);
/* Is the status of a refused bind_transceiver one that means "use transmitter and receiver"? */
bool operator_config_pairs_on(const struct operator_config *config, uint32_t status);

#endif
