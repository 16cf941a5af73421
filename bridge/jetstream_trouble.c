/* A list with an entry for each subject in trouble; there are few, and mostly none. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/str.h"
#include "bridge/jetstream_trouble.h"

/* Longer than the longest pause between two attempts of a publish. */
#define LAST_MS 15000

struct trouble {
    struct list link;
    char *subject;
    char text[200];
    mono_t since, last;
};

static struct trouble *find(const struct list *troubles, const char *subject)
{
    LIST_FOREACH (it, troubles) {
        struct trouble *t = LIST_ENTRY(it, struct trouble, link);
        if (strcmp(t->subject, subject) == 0)
            return t;
    }
    return NULL;
}

static bool lasts(const struct trouble *t, mono_t now)
{
    return t && mono_diff_ms(now, t->last) < LAST_MS;
}

static void destroy(struct trouble *t)
{
    list_remove(&t->link);
    free(t->subject);
    free(t);
}

void jetstream_trouble_note(struct list *troubles, const char *subject, const char *text,
                            mono_t now)
{
    struct trouble *t = find(troubles, subject);
    bool is_new = !lasts(t, now);
    if (!t) {
        t = xcalloc(1, sizeof(*t));
        t->subject = xstrdup(subject);
        list_append(troubles, &t->link);
    }
    if (is_new)
        t->since = now;
    if (is_new || strcmp(t->text, text) != 0)
        log_warn("publishes are not getting through", LOG_STR("subject", subject),
                 LOG_STR("reason", text));
    t->last = now;
    str_copy(t->text, sizeof(t->text), text, strlen(text));
}

void jetstream_trouble_over(struct list *troubles, const char *subject)
{
    struct trouble *t = find(troubles, subject);
    if (!t)
        return;
    log_info("publishes are getting through again", LOG_STR("subject", subject));
    destroy(t);
}

void jetstream_trouble_forget(struct list *troubles)
{
    LIST_FOREACH (it, troubles) {
        destroy(LIST_ENTRY(it, struct trouble, link));
    }
}

const char *jetstream_trouble_text(const struct list *troubles, const char *subject, mono_t now)
{
    const struct trouble *t = find(troubles, subject);
    return lasts(t, now) ? t->text : NULL;
}

mono_t jetstream_trouble_since(const struct list *troubles, const char *subject, mono_t now)
{
    const struct trouble *t = find(troubles, subject);
    return lasts(t, now) ? t->since : (mono_t){0};
}
