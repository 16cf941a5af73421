/*
 * Says when the content behind a path may have changed: by inotify on its directory (a ConfigMap
 * swaps a symlink there) and a look every 10 s. Debounced by 100 ms; runs on the loop.
 */
#ifndef COMMON_FILE_WATCH_H
#define COMMON_FILE_WATCH_H

#include "common/file_read.h" /* what one does when it changed */
#include "common/loop.h"

struct file_watch;

/* `changed` is not called for the content that is there now, but whenever it is replaced, written,
 * removed or back. It may destroy the watch. Never fails: what can't be watched is looked at. */
struct file_watch *file_watch_create(struct loop *loop, const char *path,
                                     void (*changed)(void *arg), void *arg) MUST_CHECK;
void file_watch_destroy(struct file_watch **w);

#endif
