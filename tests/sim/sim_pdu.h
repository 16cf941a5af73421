/*
 * SMPP 3.4 as an SMSC reads it: header, bind and submit_sm bodies, TLVs. Written from the
 * specification alone and sharing nothing with proto/, so that one misreading can't hide in both.
 * "§" is a section of SMPP v3.4 Issue 1.2. Pure functions; what they give back are views.
 */
#ifndef SIM_PDU_H
#define SIM_PDU_H

#include "common/base.h"
#include "common/buf.h"

#define SIM_HEADER_SIZE 16u
#define SIM_MAX_PDU (128u * 1024)
#define SIM_ADDRESS_SIZE 21u /* with the NUL, §4.4.1 */
#define SIM_MAX_SEQUENCE 0x7fffffffu

/* command_id, §5.1.2.1; a response has PDU_RESPONSE set. */
#define PDU_RESPONSE 0x80000000u
#define PDU_GENERIC_NACK 0x80000000u
enum {
    PDU_BIND_RECEIVER = 0x01,
    PDU_BIND_TRANSMITTER = 0x02,
    PDU_QUERY_SM = 0x03,
    PDU_SUBMIT_SM = 0x04,
    PDU_DELIVER_SM = 0x05,
    PDU_UNBIND = 0x06,
    PDU_REPLACE_SM = 0x07,
    PDU_CANCEL_SM = 0x08,
    PDU_BIND_TRANSCEIVER = 0x09,
    PDU_OUTBIND = 0x0b,
    PDU_ENQUIRE_LINK = 0x15,
    PDU_SUBMIT_MULTI = 0x21,
    PDU_ALERT_NOTIFICATION = 0x102,
    PDU_DATA_SM = 0x103,
};

/* command_status, §5.1.3: those the simulator itself thinks of. */
enum {
    ESME_ROK = 0x00,
    ESME_RINVMSGLEN = 0x01,
    ESME_RINVCMDLEN = 0x02,
    ESME_RINVCMDID = 0x03,
    ESME_RINVBNDSTS = 0x04,
    ESME_RALYBND = 0x05,
    ESME_RINVSRCADR = 0x0a,
    ESME_RINVDSTADR = 0x0b,
    ESME_RINVPASWD = 0x0e,
    ESME_RINVESMCLASS = 0x43,
    ESME_RTHROTTLED = 0x58,
    ESME_RINVEXPIRY = 0x62,
    ESME_RINVOPTPARSTREAM = 0xc0,
    ESME_ROPTPARNOTALLWD = 0xc1,
    ESME_RINVPARLEN = 0xc2,
    ESME_RMISSINGOPTPARAM = 0xc3,
};

/* TLV tags, §5.3.2. */
enum {
    TLV_RECEIPTED_MESSAGE_ID = 0x001e,
    TLV_SAR_MSG_REF_NUM = 0x020c,
    TLV_SAR_TOTAL_SEGMENTS = 0x020e,
    TLV_SAR_SEGMENT_SEQNUM = 0x020f,
    TLV_SC_INTERFACE_VERSION = 0x0210,
    TLV_NETWORK_ERROR_CODE = 0x0423,
    TLV_MESSAGE_PAYLOAD = 0x0424,
    TLV_MESSAGE_STATE = 0x0427,
};

#define SIM_ESM_RECEIPT 0x04u      /* §5.2.12, SMSC to ESME */
#define SIM_ESM_INTERMEDIATE 0x20u /* the same */
#define SIM_ESM_UDHI 0x40u
#define SIM_CODING_UCS2 8u

/* What a peer can do wrong; sim_pdu_problem_name() names them for the statistics. */
enum sim_problem {
    SIM_FINE,
    SIM_BAD_LENGTH,
    SIM_UNKNOWN_COMMAND,
    SIM_BAD_SEQUENCE,
    SIM_STATUS_IN_REQUEST,
    SIM_WRONG_STATE,
    SIM_UNKNOWN_RESPONSE,
    SIM_BODY_WHERE_NONE,
    SIM_BAD_STRING,
    SIM_TRUNCATED,
    SIM_BAD_TLV,
    SIM_TEXT_TOO_LONG,
    SIM_TEXT_TWICE,
    SIM_BAD_UDH,
    SIM_SAR_INCOMPLETE,
    SIM_SAR_AND_UDH,
    SIM_ODD_UCS2,
    SIM_BAD_TIME,
    SIM_NO_DESTINATION,
    SIM_BAD_VERSION,
    SIM_LONG_PASSWORD,
    SIM_BAD_DELIVER_RESP,
    SIM_PROBLEMS
};

struct sim_header {
    uint32_t length;
    uint32_t command;
    uint32_t status;
    uint32_t sequence;
};

struct sim_bind {
    struct bytes system_id;
    struct bytes password;
    struct bytes system_type;
    struct bytes address_range;
    uint8_t interface_version;
    uint8_t addr_ton;
    uint8_t addr_npi;
};

struct sim_submit {
    struct bytes service_type;
    struct bytes source;
    struct bytes dest;
    struct bytes schedule;
    struct bytes validity;
    struct bytes message; /* short_message or message_payload, with its UDH */
    struct bytes text;    /* the same without the UDH */
    uint8_t source_ton, source_npi, dest_ton, dest_npi;
    uint8_t esm_class, protocol_id, priority, registered_delivery;
    uint8_t replace, data_coding, default_message_id;
    uint16_t reference; /* of a concatenated message, by UDH or SAR */
    uint8_t part;       /* 1..parts; 0: the message is not concatenated */
    uint8_t parts;
};

struct sim_header sim_pdu_header(const uint8_t *data);
void sim_pdu_put_header(uint8_t *out, uint32_t length, uint32_t command, uint32_t status,
                        uint32_t sequence);

/* Strict readers of a body. Not SIM_FINE: `*out_r` is usable only as far as it was read. */
enum sim_problem sim_pdu_read_bind(struct bytes body, struct sim_bind *out_r) MUST_CHECK;
enum sim_problem sim_pdu_read_submit(struct bytes body, struct sim_submit *out_r) MUST_CHECK;

void sim_pdu_put_tlv(struct buf_writer *w, uint16_t tag, const void *value, size_t len);
/* `text` and its NUL. */
void sim_pdu_put_string(struct buf_writer *w, const char *text);

/* "submit_sm", "submit_sm_resp"; NULL for an id that SMPP 3.4 does not have. */
const char *sim_pdu_name(uint32_t command);
const char *sim_pdu_problem_name(enum sim_problem problem);
/* The status that answers a request with this problem. */
uint32_t sim_pdu_problem_status(enum sim_problem problem);

#endif
