/* bind_transceiver, bind_transmitter, bind_receiver: the only PDU that holds a secret. */
#include "common/log.h"
#include "proto/smpp_bind.h"

#include "session-agent/session_internal.h"

static const uint32_t commands[] = {
    [IPC_BIND_TRANSCEIVER] = SMPP_BIND_TRANSCEIVER,
    [IPC_BIND_TRANSMITTER] = SMPP_BIND_TRANSMITTER,
    [IPC_BIND_RECEIVER] = SMPP_BIND_RECEIVER,
};

static void warn_of_length(const struct session *s, const struct smpp_bind *bind)
{
    if (smpp_bind_exceeds_spec(bind))
        log_warn("system_id or password is longer than SMPP 3.4 allows; it is sent whole",
                 LOG_STR("operatorId", s->op->id_text), LOG_UINT("bind", s->slot->number));
}

void send_bind(struct session *s)
{
    const struct operator_config *config = s->op->config;
    struct secret *password = s->credentials->password;
    struct smpp_bind bind = {
        .command = commands[s->mode],
        .system_id = s->credentials->system_id,
        .password = {secret_data(password), secret_size(password) - 1},
        .system_type = config->system_type,
        .interface_version = SMPP_VERSION,
        .addr_ton = config->addr_ton,
        .addr_npi = config->addr_npi,
        .address_range = config->address_range,
    };
    uint8_t pdu[SMPP_BIND_PDU_SIZE];
    size_t len;
    char error[128];
    s->bind_sequence = window_sequence(s->window);
    warn_of_length(s, &bind);
    if (smpp_bind_encode(&bind, s->bind_sequence, pdu, sizeof(pdu), &len, error, sizeof(error)) ==
        0) {
        session_io_write_secret(s, pdu, len);
    } else { /* nothing was written: the bind timer ends the attempt */
        log_error("the bind can't be written", LOG_STR("operatorId", s->op->id_text),
                  LOG_UINT("bind", s->slot->number), LOG_STR("reason", error));
    }
    explicit_bzero(pdu, sizeof(pdu));
}
