/* The few bytes around a message. */
#include "common/buf.h"
#include "common/ipc_frame.h"

enum { FRAME_MESSAGE = 1 };

/* NUL, "SP", NUL, the protocol (1 * 16 + 0: pair, version 0), reserved. */
const uint8_t ipc_frame_greeting[IPC_FRAME_GREETING_SIZE] = {0, 'S', 'P', 0, 0, 0x10, 0, 0};

void ipc_frame_header(uint64_t len, uint8_t out[IPC_FRAME_HEADER_SIZE])
{
    struct buf_writer w = buf_writer(out, IPC_FRAME_HEADER_SIZE);
    buf_put_u8(&w, FRAME_MESSAGE);
    buf_put_u64(&w, len);
}

enum ipc_frame_result ipc_frame_next(struct bytes in, size_t max, struct bytes *message_r,
                                     size_t *used_r)
{
    struct buf_reader r = buf_reader(in.data, in.len);
    uint8_t type = buf_get_u8(&r);
    uint64_t len = buf_get_u64(&r);
    if (in.len > 0 && type != FRAME_MESSAGE)
        return IPC_FRAME_BAD;
    if (r.failed)
        return IPC_FRAME_MORE;
    if (len > max)
        return IPC_FRAME_BAD;
    if (len > buf_left(&r))
        return IPC_FRAME_MORE;
    *message_r = buf_get_bytes(&r, (size_t)len);
    *used_r = IPC_FRAME_HEADER_SIZE + (size_t)len;
    return IPC_FRAME_WHOLE;
}
