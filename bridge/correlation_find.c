/*
 * From a receipt's ids to the message. First question: the ids as they are, and in the spelling
 * this operator is known for. Only when that finds nothing the second one: every spelling that the
 * response may have had, those of the first again among them. What is derived must agree in the
 * destination and be the only one.
 */
#include <stdlib.h>
#include <string.h>

#include "common/str.h"

#include "bridge/correlation_codec.h"
#include "bridge/correlation_private.h"

/* An address of fewer digits is a short code, a name, or a number whose national form has not all
 * the digits that are compared: it says nothing about the subscriber. */
enum { MIN_SUBSCRIBER_DIGITS = 8 };

uint64_t correlation_address_digest(const char *address)
{
    size_t digits = 0, len = 0;
    for (; address[len]; len++)
        digits += str_is_digit(address[len]) ? 1 : 0;
    return digits < MIN_SUBSCRIBER_DIGITS ? 0 : context_destination_digest(address, len);
}

static struct lookup *lookup_new(struct correlations *c)
{
    if (list_empty(&c->free_lookups))
        return xmalloc(sizeof(struct lookup));
    struct list *first = c->free_lookups.next;
    list_remove(first);
    return LIST_ENTRY(first, struct lookup, link);
}

static void finish(struct lookup *l, enum correlation_result result,
                   const struct correlation *entry)
{
    correlation_found *done = l->done;
    void *arg = l->arg;
    if (l->candidates != l->few)
        free(l->candidates);
    list_append(&l->owner->free_lookups, &l->link);
    done(arg, result, entry);
}

static void make_room(struct lookup *l)
{
    if (l->count < CANDIDATES_INLINE || l->candidates != l->few)
        return;
    l->candidates = xmalloc(CANDIDATES_MAX * sizeof(*l->candidates));
    memcpy(l->candidates, l->few, sizeof(l->few));
}

static void add_candidate(struct lookup *l, enum message_id_dialect dialect, bool is_alias,
                          const char *id)
{
    for (size_t i = 0; i < l->count; i++) {
        if (l->candidates[i].is_alias == is_alias && strcmp(l->candidates[i].id, id) == 0)
            return;
    }
    make_room(l);
    struct candidate *c = &l->candidates[l->count++];
    c->dialect = dialect;
    c->is_alias = is_alias;
    str_copy(c->id, sizeof(c->id), id, strlen(id));
}

static bool is_believed(const struct lookup *l, enum message_id_dialect dialect)
{
    if (dialect == MESSAGE_ID_EXACT)
        return true;
    switch (l->format) {
    case MESSAGE_ID_FORMAT_AUTO:
        return l->dialect->view.is_learnt && l->dialect->view.learnt == dialect;
    case MESSAGE_ID_FORMAT_EXACT:
        return false;
    case MESSAGE_ID_FORMAT_RESP_HEX:
    case MESSAGE_ID_FORMAT_RECEIPT_HEX:
        return true; /* pinned: the forms are of that dialect only */
    }
    return false;
}

static bool needs_forms(const struct lookup *l)
{
    if (l->format != MESSAGE_ID_FORMAT_AUTO)
        return l->format != MESSAGE_ID_FORMAT_EXACT;
    return l->dialect->view.is_learnt && l->dialect->view.learnt != MESSAGE_ID_EXACT;
}

/* Where a spelling is pinned only its own forms have an alias: the id as it is means itself. */
static bool may_be_alias(const struct lookup *l, enum message_id_dialect dialect)
{
    return l->format == MESSAGE_ID_FORMAT_AUTO || dialect != MESSAGE_ID_EXACT;
}

/* The forms of both ids, each with its alias. */
static void add_forms(struct lookup *l, bool only_believed)
{
    for (size_t i = 0; i < ARRAY_LEN(l->ids); i++) {
        struct message_id_form forms[MESSAGE_ID_FORMS_MAX];
        size_t count = l->ids[i][0] ? message_id_forms(l->ids[i], l->format, forms) : 0;
        for (size_t k = 0; k < count; k++) {
            char alias[SMPP_MESSAGE_ID_SIZE];
            enum message_id_dialect dialect = forms[k].dialect;
            if (only_believed && !is_believed(l, dialect))
                continue;
            add_candidate(l, dialect, false, forms[k].id);
            if (may_be_alias(l, dialect) && correlation_alias(forms[k].id, alias))
                add_candidate(l, dialect == MESSAGE_ID_EXACT ? MESSAGE_ID_ZEROS : dialect, true,
                              alias);
        }
    }
}

/* The first question: exact ids of both, then what is believed of both. */
static void narrow_candidates(struct lookup *l)
{
    l->count = 0;
    for (size_t i = 0; i < ARRAY_LEN(l->ids); i++) {
        if (l->ids[i][0])
            add_candidate(l, MESSAGE_ID_EXACT, false, l->ids[i]);
    }
    if (needs_forms(l))
        add_forms(l, true);
}

/* The second question: every spelling. Those of the first are among them, since they may have been
 * stored between the two; false: there is no other. */
static bool wide_candidates(struct lookup *l)
{
    l->asked = l->count;
    add_forms(l, false);
    return l->count > l->asked;
}

enum verdict { VERDICT_SAME, VERDICT_UNKNOWN, VERDICT_OTHER };

static enum verdict check_destination(const struct lookup *l, const struct correlation *entry)
{
    if (!entry->destination_digest || (!l->digests[0] && !l->digests[1]))
        return VERDICT_UNKNOWN;
    bool same =
        entry->destination_digest == l->digests[0] || entry->destination_digest == l->digests[1];
    return same ? VERDICT_SAME : VERDICT_OTHER;
}

/* Of the candidates that exist, the one that may be taken. */
struct choice {
    const struct candidate *candidate; /* NULL: none yet */
    struct correlation entry;
    enum verdict destination;
    bool ambiguous;
};

static bool same_message(const struct correlation *a, const struct correlation *b)
{
    return a->segment == b->segment && strcmp(a->message_id, b->message_id) == 0;
}

static void consider(struct lookup *l, struct choice *choice, const struct candidate *candidate,
                     const struct correlation *entry)
{
    enum verdict destination = check_destination(l, entry);
    if (destination == VERDICT_OTHER) {
        bool is_new = candidate >= l->candidates + l->asked;
        l->dialect->view.other_destination += is_new ? 1 : 0;
        return;
    }
    /* A derived id that nobody confirmed has only the destination to prove it. */
    if (destination == VERDICT_UNKNOWN && !is_believed(l, candidate->dialect))
        return;
    if (choice->candidate) {
        choice->ambiguous = choice->ambiguous || !same_message(&choice->entry, entry);
        return;
    }
    *choice = (struct choice){.candidate = candidate, .entry = *entry, .destination = destination};
    if (!choice->entry.operator_message_id[0])
        memcpy(choice->entry.operator_message_id, candidate->id, sizeof(candidate->id));
}

/* An exact id ends the search; among the others there must be one message only. */
static bool is_settled(const struct choice *choice)
{
    return choice->candidate && choice->candidate->dialect == MESSAGE_ID_EXACT;
}

/* True when the lookup is over. */
static bool conclude(struct lookup *l, const struct choice *choice)
{
    if (!choice->candidate)
        return false;
    if (choice->ambiguous) {
        l->dialect->view.ambiguous++;
        finish(l, CORRELATION_MISSING, NULL);
        return true;
    }
    if (choice->destination == VERDICT_SAME)
        correlation_dialect_note(l->owner, l->dialect, choice->candidate->dialect);
    finish(l, CORRELATION_FOUND, &choice->entry);
    return true;
}

static bool look_among_pending(struct lookup *l, const struct mno *op)
{
    if (!map_count(l->owner->pending))
        return false;
    struct choice choice = {0};
    for (size_t i = 0; i < l->count && !is_settled(&choice); i++) {
        if (l->candidates[i].is_alias)
            continue;
        uint8_t key[PENDING_KEY_SIZE];
        size_t len = correlation_pending_key(op, l->candidates[i].id, key);
        const struct pending *p = map_get(l->owner->pending, key, len);
        if (p)
            consider(l, &choice, &l->candidates[i], &p->entry);
    }
    /* One in memory and another in Redis may both fit: only an exact one is sure. */
    return is_settled(&choice) && conclude(l, &choice);
}

static void look_at_reply(struct lookup *l, const struct redis_reply *reply, struct choice *choice)
{
    for (size_t i = 0; i < l->count && !is_settled(choice); i++) {
        const struct redis_reply *value = &reply->elements[i];
        struct correlation entry;
        if (value->type == REDIS_STRING && correlation_unpack(value->text, value->len, &entry))
            consider(l, choice, &l->candidates[i], &entry);
    }
}

static bool ask(struct lookup *l);

static void on_reply(void *arg, const struct redis_reply *reply)
{
    struct lookup *l = arg;
    if (!reply || reply->type != REDIS_ARRAY || reply->count != l->count) {
        finish(l, CORRELATION_UNAVAILABLE, NULL);
        return;
    }
    struct choice choice = {0};
    look_at_reply(l, reply, &choice);
    if (conclude(l, &choice))
        return;
    bool more = !l->wide && l->format == MESSAGE_ID_FORMAT_AUTO && wide_candidates(l);
    l->wide = true;
    if (!more)
        finish(l, CORRELATION_MISSING, NULL);
    else if (!ask(l))
        finish(l, CORRELATION_UNAVAILABLE, NULL);
}

/* MGET of all candidates. */
static bool ask(struct lookup *l)
{
    char keys[CANDIDATES_MAX][CORRELATION_KEY_SIZE];
    const char *argv[1 + CANDIDATES_MAX] = {"MGET"};
    size_t lens[1 + CANDIDATES_MAX] = {4};
    for (size_t i = 0; i < l->count; i++) {
        lens[1 + i] = correlation_key(l->operator_id, l->candidates[i].id,
                                      l->candidates[i].is_alias, keys[i]);
        argv[1 + i] = keys[i];
    }
    return redis_command(l->owner->redis, on_reply, l, 1 + l->count, argv, lens);
}

static void take_id(char out[SMPP_MESSAGE_ID_SIZE], const char *id)
{
    out[0] = 0;
    if (id)
        str_copy(out, SMPP_MESSAGE_ID_SIZE, id, strlen(id));
}

void correlation_find(struct correlations *c, const struct mno *op,
                      const struct correlation_query *query, correlation_found *done, void *arg)
{
    struct lookup *l = lookup_new(c);
    l->owner = c;
    l->dialect = correlation_dialect_get(c, op);
    memcpy(l->operator_id, op->id_text, sizeof(l->operator_id));
    l->format = (enum message_id_format)op->settings.message_id_format;
    l->wide = false;
    l->candidates = l->few;
    l->asked = 0;
    l->done = done;
    l->arg = arg;
    list_init(&l->link);
    for (size_t i = 0; i < ARRAY_LEN(l->ids); i++) {
        take_id(l->ids[i], query->ids[i]);
        l->digests[i] = query->digests[i];
    }
    narrow_candidates(l);
    if (!l->count) {
        finish(l, CORRELATION_MISSING, NULL);
        return;
    }
    if (look_among_pending(l, op))
        return;
    if (!ask(l))
        finish(l, CORRELATION_UNAVAILABLE, NULL);
}
