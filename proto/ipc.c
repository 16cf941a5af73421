/* Encoders and decoders of the IPC records, made from ipc_records.def so that they can't drift. */
#include "proto/ipc.h"

static void put_key(struct buf_writer *w, const struct ipc_key *key)
{
    buf_put_u64(w, key->stream);
    buf_put_u64(w, key->sequence);
    buf_put_u64(w, key->time_ns);
    buf_put_u8(w, key->segment);
    buf_put_u8(w, key->attempt);
}

static void get_key(struct buf_reader *r, struct ipc_key *key)
{
    key->stream = buf_get_u64(r);
    key->sequence = buf_get_u64(r);
    key->time_ns = buf_get_u64(r);
    key->segment = buf_get_u8(r);
    key->attempt = buf_get_u8(r);
}

static void put_bytes(struct buf_writer *w, struct bytes b, size_t max)
{
    if (b.len > max)
        w->failed = true;
    buf_put_bytes16(w, b);
}

static void put_body(struct buf_writer *w, struct bytes b, size_t max)
{
    if (b.len > max)
        w->failed = true;
    buf_put_u32(w, (uint32_t)b.len);
    buf_put(w, b.data, b.len);
}

static struct bytes get_bytes(struct buf_reader *r, size_t len, size_t max)
{
    if (len > max)
        r->failed = true;
    return buf_get_bytes(r, len);
}

static void get_fixed(struct buf_reader *r, uint8_t *out, size_t len)
{
    const uint8_t *p = buf_take(r, len);
    if (p)
        memcpy(out, p, len);
}

static uint8_t *record_begin(struct buf_writer *w, unsigned type)
{
    buf_put_u16(w, (uint16_t)type);
    buf_put_u16(w, 0);
    return buf_room(w, 4);
}

static void record_end(struct buf_writer *w, uint8_t *length)
{
    if (w->failed)
        return;
    struct buf_writer l = buf_writer(length, 4);
    buf_put_u32(&l, (uint32_t)(w->pos - length - 4));
}

#define IPC_RECORD(NAME, name, sender)                                                             \
    void ipc_put_##name(struct buf_writer *w, const struct ipc_##name *record)                     \
    {                                                                                              \
        uint8_t *length = record_begin(w, IPC_##NAME);                                             \
        (void)record;
#define IPC_U8(f) buf_put_u8(w, record->f);
#define IPC_U16(f) buf_put_u16(w, record->f);
#define IPC_U32(f) buf_put_u32(w, record->f);
#define IPC_U64(f) buf_put_u64(w, record->f);
#define IPC_I64(f) buf_put_u64(w, (uint64_t)record->f);
#define IPC_FIXED(f, n) buf_put(w, record->f, n);
#define IPC_KEY(f) put_key(w, &record->f);
#define IPC_BYTES(f, max) put_bytes(w, record->f, max);
#define IPC_BODY(f, max) put_body(w, record->f, max);
#define IPC_END(NAME, name)                                                                        \
    record_end(w, length);                                                                         \
    }
#include "proto/ipc_records.def"

#define IPC_RECORD(NAME, name, sender)                                                             \
    bool ipc_get_##name(struct bytes body, struct ipc_##name *record)                              \
    {                                                                                              \
        struct buf_reader r = buf_reader(body.data, body.len);                                     \
        memset(record, 0, sizeof(*record));
#define IPC_SINCE(minor)                                                                           \
    if (buf_left(&r) == 0)                                                                         \
        return !r.failed;
#define IPC_U8(f) record->f = buf_get_u8(&r);
#define IPC_U16(f) record->f = buf_get_u16(&r);
#define IPC_U32(f) record->f = buf_get_u32(&r);
#define IPC_U64(f) record->f = buf_get_u64(&r);
#define IPC_I64(f) record->f = (int64_t)buf_get_u64(&r);
#define IPC_FIXED(f, n) get_fixed(&r, record->f, n);
#define IPC_KEY(f) get_key(&r, &record->f);
#define IPC_BYTES(f, max) record->f = get_bytes(&r, buf_get_u16(&r), max);
#define IPC_BODY(f, max) record->f = get_bytes(&r, buf_get_u32(&r), max);
#define IPC_END(NAME, name)                                                                        \
    return !r.failed;                                                                              \
    }
#include "proto/ipc_records.def"

static const struct {
    const char *name;
    unsigned sender;
} types[] = {
    {"?", 0},
#define IPC_RECORD(NAME, name, sender) {#NAME, IPC_FROM_##sender},
#include "proto/ipc_records.def"
};
ASSERT_ARRAY_LEN(types, IPC_TYPE_COUNT);

const char *ipc_type_name(unsigned type)
{
    return types[type < IPC_TYPE_COUNT ? type : 0].name;
}

unsigned ipc_type_sender(unsigned type)
{
    return types[type < IPC_TYPE_COUNT ? type : 0].sender;
}

void ipc_batch_begin(struct buf_writer *w, uint32_t attachment, uint64_t number)
{
    buf_put_u32(w, IPC_BATCH_MAGIC);
    buf_put_u32(w, attachment);
    buf_put_u64(w, number);
}

bool ipc_batch_open(const uint8_t *data, size_t len, struct ipc_batch *batch_r)
{
    batch_r->records = buf_reader(data, len);
    uint32_t magic = buf_get_u32(&batch_r->records);
    batch_r->attachment = buf_get_u32(&batch_r->records);
    batch_r->number = buf_get_u64(&batch_r->records);
    return !batch_r->records.failed && magic == IPC_BATCH_MAGIC;
}

bool ipc_batch_next(struct ipc_batch *batch, unsigned *type_r, struct bytes *body_r)
{
    struct buf_reader *r = &batch->records;
    if (r->failed || buf_left(r) == 0)
        return false;
    *type_r = buf_get_u16(r);
    buf_get_u16(r);
    size_t len = buf_get_u32(r);
    *body_r = buf_get_bytes(r, len);
    return !r->failed;
}

uint64_t ipc_stream_id(const char *stream_name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (const char *p = stream_name; *p; p++)
        hash = (hash ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
    return hash;
}

bool ipc_key_same_message(const struct ipc_key *a, const struct ipc_key *b)
{
    return a->sequence == b->sequence && a->time_ns == b->time_ns && a->stream == b->stream;
}

static const char *const session_state_names[] = {
    "?", "DISCONNECTED", "CONNECTING", "BOUND", "UNBOUND", "FAILBACK",
};
static const char *const health_names[] = {"NONE", "BOUND", "UNBOUND", "FAILBACK"};
static const char *const bind_mode_names[] = {"?", "TRANSCEIVER", "TRANSMITTER", "RECEIVER"};

const char *ipc_session_state_name(unsigned state)
{
    return session_state_names[state < ARRAY_LEN(session_state_names) ? state : 0];
}

const char *ipc_health_name(unsigned health)
{
    return health_names[health < ARRAY_LEN(health_names) ? health : 0];
}

const char *ipc_bind_mode_name(unsigned mode)
{
    return bind_mode_names[mode < ARRAY_LEN(bind_mode_names) ? mode : 0];
}
