/*
 * Learning how an operator spells its ids: what several receipts in a row were matched under is
 * asked for first from then on. Kept in Redis under `smpp:dialect:{operatorId}` as the dialect's
 * name, so that a restart or another pod need not learn it again.
 */
#include <string.h>

#include "common/log.h"
#include "common/str.h"

#include "bridge/correlation_private.h"

enum { LEARNT_AFTER = 3, KEY_SIZE = 64 };

static size_t dialect_key(const char *operator_id, char out[KEY_SIZE])
{
    struct str_out o = str_out(out, KEY_SIZE);
    str_puts(&o, "smpp:dialect:{");
    str_puts(&o, operator_id);
    str_puts(&o, "}");
    return o.len;
}

static bool parse_name(const char *s, size_t len, enum message_id_dialect *dialect_r)
{
    for (int i = 0; i < MESSAGE_ID_DIALECTS; i++) {
        const char *name = message_id_dialect_name((enum message_id_dialect)i);
        if (str_equal(s, len, name, strlen(name))) {
            *dialect_r = (enum message_id_dialect)i;
            return true;
        }
    }
    return false;
}

static void on_loaded(void *arg, const struct redis_reply *reply)
{
    struct dialect *d = arg;
    d->loading = false;
    d->loaded = reply && reply->type != REDIS_ERROR;
    enum message_id_dialect dialect;
    if (d->loaded && !d->view.is_learnt && reply->type == REDIS_STRING &&
        parse_name(reply->text, reply->len, &dialect)) {
        d->view.learnt = dialect;
        d->view.is_learnt = true;
    }
}

static void load(struct correlations *c, struct dialect *d)
{
    char key[KEY_SIZE];
    const char *argv[] = {"GET", key};
    const size_t lens[] = {3, dialect_key(d->operator_id, key)};
    d->loading = redis_command(c->redis, on_loaded, d, 2, argv, lens);
}

static void save(struct correlations *c, const struct dialect *d)
{
    char key[KEY_SIZE];
    const char *name = message_id_dialect_name(d->view.learnt);
    const char *argv[] = {"SET", key, name};
    const size_t lens[] = {3, dialect_key(d->operator_id, key), strlen(name)};
    if (!redis_command(c->redis, NULL, NULL, 3, argv, lens))
        log_debug("the dialect could not be kept", LOG_STR("operatorId", d->operator_id));
}

struct dialect *correlation_dialect_get(struct correlations *c, const struct mno *op)
{
    struct dialect *d = map_get(c->dialects, op->id, sizeof(op->id));
    if (!d) {
        d = xcalloc(1, sizeof(*d));
        memcpy(d->operator_id, op->id_text, sizeof(d->operator_id));
        map_put(c->dialects, op->id, sizeof(op->id), d);
    }
    if (!d->loaded && !d->loading)
        load(c, d);
    return d;
}

void correlation_dialect_note(struct correlations *c, struct dialect *d,
                              enum message_id_dialect dialect)
{
    d->view.seen[dialect]++;
    d->in_a_row = d->candidate == dialect ? d->in_a_row + 1 : 1;
    d->candidate = dialect;
    if (d->in_a_row < LEARNT_AFTER || (d->view.is_learnt && d->view.learnt == dialect))
        return;
    d->view.learnt = dialect;
    d->view.is_learnt = true;
    save(c, d);
    log_info("learnt how the operator spells message ids", LOG_STR("operatorId", d->operator_id),
             LOG_STR("dialect", message_id_dialect_name(dialect)));
}

struct correlation_dialect correlations_dialect(struct correlations *c, const struct mno *op)
{
    return correlation_dialect_get(c, op)->view;
}
