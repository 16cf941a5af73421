/* What comes over the socket between the two programs: frames, batches in them, records in those.
 * What is read can be written, and is the same when it is read again. */
#include <string.h>

#include "common/ipc_frame.h"
#include "proto/ipc.h"
#include "tests/fuzz/fuzz.h"

enum { SIZE_MAX_READ = 1 << 20 };

static uint8_t again[SIZE_MAX_READ], once_more[SIZE_MAX_READ];

static struct bytes only_record(const uint8_t *data, size_t len, unsigned type)
{
    struct ipc_batch batch;
    struct bytes body;
    unsigned type_again;
    MUST(ipc_batch_open(data, len, &batch));
    MUST(ipc_batch_next(&batch, &type_again, &body));
    MUST(type_again == type);
    return body;
}

#define IPC_RECORD(NAME, name, sender)                                                             \
    static void read_##name(struct bytes body)                                                     \
    {                                                                                              \
        struct ipc_##name r;                                                                       \
        if (!ipc_get_##name(body, &r))                                                             \
            return;                                                                                \
        struct buf_writer w = buf_writer(again, sizeof(again));                                    \
        ipc_batch_begin(&w, 1, 1);                                                                 \
        ipc_put_##name(&w, &r);                                                                    \
        MUST(!w.failed);                                                                           \
        MUST(ipc_get_##name(only_record(again, buf_written(&w), IPC_##NAME), &r));                 \
        struct buf_writer v = buf_writer(once_more, sizeof(once_more));                            \
        ipc_batch_begin(&v, 1, 1);                                                                 \
        ipc_put_##name(&v, &r);                                                                    \
        MUST(buf_written(&v) == buf_written(&w) &&                                                 \
             memcmp(again, once_more, buf_written(&w)) == 0);                                      \
    }
#include "proto/ipc_records.def"

static void (*const readers[IPC_TYPE_COUNT])(struct bytes body) = {
#define IPC_RECORD(NAME, name, sender) [IPC_##NAME] = read_##name,
#include "proto/ipc_records.def"
};

static void read_batch(struct bytes message)
{
    struct ipc_batch batch;
    struct bytes body;
    unsigned type;
    if (!ipc_batch_open(message.data, message.len, &batch))
        return;
    while (ipc_batch_next(&batch, &type, &body)) {
        if (type < IPC_TYPE_COUNT && readers[type])
            readers[type](body);
        MUST(ipc_type_name(type));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = {.data = data, .len = size}, message;
    size_t used;
    while (ipc_frame_next(in, SIZE_MAX_READ, &message, &used) == IPC_FRAME_WHOLE) {
        MUST(used >= IPC_FRAME_HEADER_SIZE && used <= in.len);
        read_batch(message);
        in.data += used;
        in.len -= used;
    }
    return 0;
}
