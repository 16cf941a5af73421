/*
 * Watches the directory, not the file: a ConfigMap's file is a symlink by way of `..data`, which is
 * exchanged, and editors exchange files too. inotify only says when to look; what counts is whether
 * the file behind the path is another one than before, or has changed.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uv.h>

#include "common/file_watch.h"

enum { DEBOUNCE_MS = 100, LOOK_MS = 10000 };

struct identity {
    bool exists;
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec mtime, ctime;
};

struct file_watch {
    char *path, *dir;
    void (*changed)(void *arg);
    void *arg;
    uv_fs_event_t event;
    bool watching;
    ino_t dir_ino; /* of the directory that is watched: it may be exchanged as well */
    struct timer timer;
    bool hurried; /* the timer is the debounce, not the regular look */
    struct identity seen;
};

static struct identity identity_of(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return (struct identity){0};
    return (struct identity){.exists = true,
                             .dev = st.st_dev,
                             .ino = st.st_ino,
                             .size = st.st_size,
                             .mtime = st.st_mtim,
                             .ctime = st.st_ctim};
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool identity_equal(const struct identity *a, const struct identity *b)
{
    return a->exists == b->exists && a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           same_time(a->mtime, b->mtime) && same_time(a->ctime, b->ctime);
}

static void watch_on_event(uv_fs_event_t *event, const char *name, int events, int status)
{
    (void)name; /* of any entry: it may be the link by way of which the path leads */
    (void)events;
    (void)status;
    struct file_watch *w = event->data;
    if (w->hurried)
        return;
    w->hurried = true;
    timer_start_ms(&w->timer, DEBOUNCE_MS);
}

/* Watches the directory that is there now. Without one, the regular look has to do. */
static void watch_directory(struct file_watch *w)
{
    struct stat st;
    bool exists = stat(w->dir, &st) == 0;
    if (w->watching && exists && st.st_ino == w->dir_ino)
        return;
    if (w->watching)
        uv_fs_event_stop(&w->event);
    w->watching = exists && uv_fs_event_start(&w->event, watch_on_event, w->dir, 0) == 0;
    w->dir_ino = exists ? st.st_ino : 0;
}

static void watch_look(void *arg)
{
    struct file_watch *w = arg;
    w->hurried = false;
    watch_directory(w);
    struct identity now = identity_of(w->path);
    bool changed = !identity_equal(&now, &w->seen);
    w->seen = now;
    timer_start_ms(&w->timer, LOOK_MS);
    if (changed)
        w->changed(w->arg); /* last: it may destroy the watch */
}

struct file_watch *file_watch_create(struct loop *loop, const char *path,
                                     void (*changed)(void *arg), void *arg)
{
    struct file_watch *w = xcalloc(1, sizeof(*w));
    const char *slash = strrchr(path, '/');
    w->path = xstrdup(path);
    w->dir = xstrdup(slash ? path : ".");
    if (slash)
        w->dir[slash == path ? 1 : slash - path] = 0;
    w->changed = changed;
    w->arg = arg;
    w->event.data = w;
    if (uv_fs_event_init(loop_uv(loop), &w->event) != 0)
        panic("uv_fs_event_init failed");
    timer_init(&w->timer, loop, watch_look, w);
    watch_directory(w);
    w->seen = identity_of(path);
    timer_start_ms(&w->timer, LOOK_MS);
    return w;
}

static void watch_closed(uv_handle_t *handle)
{
    struct file_watch *w = handle->data;
    free(w->path);
    free(w->dir);
    free(w);
}

void file_watch_destroy(struct file_watch **w)
{
    if (!*w)
        return;
    timer_stop(&(*w)->timer);
    uv_close((uv_handle_t *)&(*w)->event, watch_closed);
    *w = NULL;
}
