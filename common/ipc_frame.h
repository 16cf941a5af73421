/*
 * What travels on the stream of an ipc_channel: NNG's own wire format of a pair (version 0) socket
 * on ipc://, so that a plain NNG peer would understand it. First 8 bytes of greeting each way, then
 * frames: a byte 1, the length as 64 bits, the message.
 */
#ifndef COMMON_IPC_FRAME_H
#define COMMON_IPC_FRAME_H

#include "common/base.h"

#define IPC_FRAME_GREETING_SIZE 8
#define IPC_FRAME_HEADER_SIZE 9

extern const uint8_t ipc_frame_greeting[IPC_FRAME_GREETING_SIZE];

void ipc_frame_header(uint64_t len, uint8_t out[IPC_FRAME_HEADER_SIZE]);

enum ipc_frame_result {
    IPC_FRAME_WHOLE,
    IPC_FRAME_MORE, /* wants more bytes */
    IPC_FRAME_BAD,  /* no frame, or a message of more than `max` bytes: nothing more can be read */
};
/* The frame at the start of `in`. IPC_FRAME_WHOLE: *message_r is a view into it, *used_r the bytes
 * to step over. */
enum ipc_frame_result ipc_frame_next(struct bytes in, size_t max, struct bytes *message_r,
                                     size_t *used_r) MUST_CHECK;

#endif
