/* Other ends of an ipc:// socket for the tests: raw sockets that misbehave, and whole processes. */
#ifndef TESTS_UNIT_COMMON_IPC_PEER_H
#define TESTS_UNIT_COMMON_IPC_PEER_H

#include <sys/types.h>

#include "common/base.h"

/* Connects a plain socket and shakes hands as a pair peer where `handshake` says so; −1: refused.
 */
int ipc_peer_connect(const char *path, bool handshake);
/* Writes one frame's header that promises `len` bytes, and `sent` of them. */
bool ipc_peer_write_frame(int fd, uint64_t len, size_t sent);
/* Reads until the other side closed; false: it did not within the deadline. */
bool ipc_peer_wait_closed(int fd, int deadline_ms);
/* A plain listener, non-blocking. */
int ipc_peer_listen(const char *path);

/* The test program again, as a peer process: ipc_peer_main() in main() makes it one. */
enum ipc_peer_role {
    IPC_PEER_FLOOD,        /* dials and sends numbered messages as fast as it can */
    IPC_PEER_LISTEN,       /* listens, echoes nothing, lives until killed */
    IPC_PEER_RAW_AS_NOBODY /* as uid 65534 connects and waits for the end */
};
pid_t ipc_peer_spawn(enum ipc_peer_role role, const char *url);
/* Reads the byte that the process writes once it does its work. */
void ipc_peer_await_ready(pid_t pid);
void ipc_peer_kill(pid_t pid);
bool ipc_peer_exited(pid_t pid, int *code_r);
int ipc_peer_main(int argc, char **argv); /* −1: not called as a peer */

#endif
