/*
 * Says when the content behind a path may have changed: by inotify on its directory (a ConfigMap
 * swaps a symlink there) and a look every 10 s. Debounced by 100 ms; runs on the loop.
 */
#ifndef COMMON_FILE_WATCH_H
#define COMMON_FILE_WATCH_H

#include "common/loop.h"

struct file_watch;

struct file_watch *file_watch_create(struct loop *loop, const char *path,
                                     void (*changed)(void *arg), void *arg) MUST_CHECK;
void file_watch_destroy(struct file_watch **w);

/* The whole file, NUL-terminated (not counted in *len_r), for the caller to free; NULL with a
 * reason when it can't be read or is larger than `max`. */
char *file_read(const char *path, size_t max, size_t *len_r, char *error_r,
                size_t error_size) MUST_CHECK;

#endif
