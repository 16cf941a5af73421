/* The file side of an ipc:// address: its path, its directory, and the lock of the one listener. */
#ifndef COMMON_IPC_PATH_H
#define COMMON_IPC_PATH_H

#include "common/base.h"

/* The path within `url` (a view into it). −1: no ipc:// address, or no room for it in sun_path. */
int ipc_path_of_url(const char *url, const char **path_r, char *error_r,
                    size_t error_size) MUST_CHECK;

/* Takes the flock on `<path>.lock`, creating that file (mode 0600). The descriptor holds the lock
 * until it is closed; the file stays, since removing it would let two listeners lock two files. −1:
 * another process holds it, the directory is missing or not writable, or `path` is no socket. */
int ipc_path_lock(const char *path, int *fd_r, char *error_r, size_t error_size) MUST_CHECK;

#endif
