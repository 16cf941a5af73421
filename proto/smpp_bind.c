/* The bind PDUs: the one place where a password becomes octets of a PDU. */
#include "common/str.h"
#include "proto/smpp_bind.h"
#include "proto/smpp_pdu.h"
#include "proto/smpp_text.h"
#include "proto/smpp_tlv.h"

static size_t text_len(const char *cstr)
{
    return cstr ? strlen(cstr) : 0;
}

static const char *wrong_field(const struct smpp_bind *bind)
{
    if (text_len(bind->system_id) > SMPP_BIND_CREDENTIAL_MAX)
        return "system_id";
    if (bind->password.len > SMPP_BIND_CREDENTIAL_MAX)
        return "password";
    if (bind->password.len && memchr(bind->password.data, 0, bind->password.len))
        return "password";
    if (text_len(bind->system_type) >= SMPP_SYSTEM_TYPE_SIZE)
        return "system_type";
    if (text_len(bind->address_range) >= SMPP_ADDRESS_RANGE_SIZE)
        return "address_range";
    return NULL;
}

int smpp_bind_encode(const struct smpp_bind *bind, uint32_t sequence, uint8_t *out, size_t size,
                     size_t *len_r, char *error, size_t error_size)
{
    struct str_out e = str_out(error, error_size);
    const char *wrong = wrong_field(bind);
    if (wrong) {
        str_puts(&e, wrong);
        str_puts(&e, " is too long for SMPP or has a NUL inside");
        return -1;
    }
    struct buf_writer w = buf_writer(out, size);
    uint8_t *header = buf_room(&w, SMPP_HEADER_SIZE);
    smpp_text_put(&w, bind->system_id, SMPP_BIND_CREDENTIAL_MAX + 1);
    buf_put(&w, bind->password.data, bind->password.len);
    buf_put_u8(&w, 0);
    smpp_text_put(&w, bind->system_type, SMPP_SYSTEM_TYPE_SIZE);
    buf_put_u8(&w, bind->interface_version);
    buf_put_u8(&w, bind->addr_ton);
    buf_put_u8(&w, bind->addr_npi);
    smpp_text_put(&w, bind->address_range, SMPP_ADDRESS_RANGE_SIZE);
    if (w.failed) {
        str_puts(&e, "the buffer is too small for a bind PDU");
        return -1;
    }
    *len_r = buf_written(&w);
    struct smpp_header h = {.length = (uint32_t)*len_r, .id = bind->command, .sequence = sequence};
    smpp_pdu_put_header(&h, header);
    return 0;
}

bool smpp_bind_exceeds_spec(const struct smpp_bind *bind)
{
    return text_len(bind->system_id) >= SMPP_SYSTEM_ID_SIZE ||
           bind->password.len >= SMPP_PASSWORD_SIZE;
}

void smpp_bind_resp_decode(struct bytes body, struct smpp_bind_resp *resp_r)
{
    *resp_r = (struct smpp_bind_resp){0};
    smpp_text_copy(resp_r->system_id, sizeof(resp_r->system_id), body);
    struct buf_reader r = buf_reader(body.data, body.len);
    smpp_text_get(&r);
    if (r.failed)
        return;
    struct bytes tlvs = {.data = r.pos, .len = buf_left(&r)};
    uint32_t version;
    if (smpp_tlv_find_uint(tlvs, SMPP_TLV_SC_INTERFACE_VERSION, &version) && version <= UINT8_MAX) {
        resp_r->has_version = true;
        resp_r->version = (uint8_t)version;
    }
}
