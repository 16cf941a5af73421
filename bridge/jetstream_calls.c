/* The calls: packs them as commands for the sender, keeps what waits for an answer, and tries
 * publishes again until the server has stored them. On the loop. */
#include <stdlib.h>
#include <string.h>

#include "common/loop.h"
#include "common/str.h"
#include "bridge/jetstream_private.h"
#include "bridge/jetstream_trouble.h"

enum {
    TICK_MS = 100,
    CATCH_UP_MS = 5, /* between ticks while much is unsent: SEND_AT_ONCE at each */
    SEND_AT_ONCE = 1024,
    ANSWER_MS = 2000,     /* for the first answer to a publish; doubles … */
    ANSWER_MAX_MS = 8000, /* … so that a slow server is not buried in repeats */
    REST_MS = 100,        /* after a refusal; doubles … */
    REST_MAX_MS = 1000,
    MAX_SUBJECT = 512,
    MAX_TEXT = 8192, /* subject and headers of a publish */
};

static void on_tick(void *arg);

static void hand_over(void *arg)
{
    struct jetstream *js = arg;
    jetstream_queue_hand_over(js->queue);
}

static bool is_token(const char *text)
{
    return *text != '\0' && strpbrk(text, ".*> \t\r\n/\\") == NULL;
}

int jetstream_calls_init(struct jetstream *js, const char *domain, char *error_r, size_t error_size)
{
    struct str_out prefix = str_out(js->api_prefix, sizeof(js->api_prefix));
    str_puts(&prefix, "$JS.");
    if (domain) {
        str_puts(&prefix, domain);
        str_puts(&prefix, ".");
    }
    str_puts(&prefix, "API.");
    if (prefix.cut || (domain && !is_token(domain))) {
        struct str_out error = str_out(error_r, error_size);
        str_puts(&error, "the JetStream domain is not a name");
        return -1;
    }
    js->pullers = map_create();
    js->slots = jetstream_slots_create(JETSTREAM_MAX_UNSTORED + JETSTREAM_MAX_REQUESTS);
    list_init(&js->publishes);
    list_init(&js->requests);
    list_init(&js->unsent);
    list_init(&js->troubles);
    js->hand_over = (struct loop_hook){.fn = hand_over, .arg = js};
    timer_init(&js->tick, js->loop, on_tick, js);
    return 0;
}

static void free_puller(void *value, void *arg)
{
    struct jetstream_puller *p = value;
    (void)arg;
    free(p->key);
    free(p->stream);
    free(p);
}

void jetstream_calls_free(struct jetstream *js)
{
    timer_stop(&js->tick);
    loop_cancel_hook(js->loop, &js->hand_over);
    if (js->pullers)
        map_each(js->pullers, free_puller, NULL);
    map_destroy(&js->pullers);
    if (js->troubles.next)
        jetstream_trouble_forget(&js->troubles);
    jetstream_slots_destroy(&js->slots);
}

/* --- commands --- */

static void queue_added(struct jetstream *js)
{
    loop_at_turn_end(js->loop, &js->hand_over);
}

static struct jetstream_command *add_command(struct jetstream *js, enum jetstream_command_kind kind,
                                             const char *subject, const void *data, size_t len)
{
    if (!js->connected)
        return NULL;
    size_t text_len = strlen(subject) + 1;
    if (text_len > MAX_SUBJECT)
        return NULL;
    struct jetstream_command *c =
        jetstream_queue_add(js->queue, jetstream_command_size(text_len, len));
    if (!c)
        return NULL;
    c->kind = (uint8_t)kind;
    c->what = 0;
    c->header_count = 0;
    c->link = js->link_number;
    c->text_len = (uint16_t)text_len;
    c->data_len = (uint32_t)len;
    memcpy(c->text, subject, text_len);
    if (len > 0)
        memcpy(c->text + text_len, data, len);
    queue_added(js);
    return c;
}

static struct jetstream_puller *find_puller(struct jetstream *js, const char *stream,
                                            const char *consumer)
{
    char key[MAX_SUBJECT];
    struct str_out out = str_out(key, sizeof(key));
    str_puts(&out, stream);
    str_putc(&out, '.');
    str_puts(&out, consumer);
    if (out.cut)
        return NULL;
    struct jetstream_puller *p = map_get(js->pullers, key, out.len);
    if (!p) {
        p = xcalloc(1, sizeof(*p));
        p->key = xstrdup(key);
        p->stream = xstrdup(stream);
        map_put(js->pullers, key, out.len, p);
    }
    return p;
}

bool jetstream_pull(struct jetstream *js, uint32_t tag, const char *stream, const char *consumer,
                    uint32_t batch)
{
    INVARIANT(batch > 0 && is_token(stream) && is_token(consumer));
    struct jetstream_puller *puller = js->connected ? find_puller(js, stream, consumer) : NULL;
    if (!puller)
        return false;
    char subject[MAX_SUBJECT], json[96];
    struct str_out s = str_out(subject, sizeof(subject));
    str_puts(&s, js->api_prefix);
    str_puts(&s, "CONSUMER.MSG.NEXT.");
    str_puts(&s, puller->key);
    struct str_out j = str_out(json, sizeof(json));
    str_puts(&j, "{\"batch\":");
    str_put_u64(&j, batch);
    str_puts(&j, ",\"expires\":30000000000,\"idle_heartbeat\":5000000000}");
    if (s.cut)
        return false;
    struct jetstream_command *c = add_command(js, JETSTREAM_COMMAND_PULL, subject, json, j.len);
    if (!c)
        return false;
    puller->tag = tag;
    c->numbers[0] = tag;
    c->numbers[1] = ++js->pull_number;
    c->numbers[2] = batch;
    return true;
}

bool jetstream_ack(struct jetstream *js, const char *ack_subject, enum jetstream_ack what)
{
    struct jetstream_command *c = add_command(js, JETSTREAM_COMMAND_ACK, ack_subject, NULL, 0);
    if (!c)
        return false;
    c->what = (uint8_t)what;
    return true;
}

bool jetstream_nak_after(struct jetstream *js, const char *ack_subject, uint64_t delay_ns)
{
    char payload[64];
    struct str_out out = str_out(payload, sizeof(payload));
    str_puts(&out, "-NAK {\"delay\":");
    str_put_u64(&out, delay_ns);
    str_puts(&out, "}");
    struct jetstream_command *c =
        add_command(js, JETSTREAM_COMMAND_ACK, ack_subject, payload, out.len);
    if (!c)
        return false;
    c->what = JETSTREAM_NAK;
    return true;
}

/* --- what waits for an answer --- */

static void start_tick(struct jetstream *js)
{
    if (!timer_is_active(&js->tick))
        timer_start_ms(&js->tick, TICK_MS);
}

static struct jetstream_slot *take_request(struct jetstream *js, enum jetstream_slot_kind kind)
{
    if (!js->connected || js->request_count >= JETSTREAM_MAX_REQUESTS)
        return NULL;
    struct jetstream_slot *slot = jetstream_slots_take(js->slots, kind);
    INVARIANT(slot != NULL);
    js->request_count++;
    list_append(&js->requests, &slot->age);
    return slot;
}

static void release(struct jetstream *js, struct jetstream_slot *slot)
{
    if (slot->kind == JETSTREAM_SLOT_PUBLISH)
        js->unstored--;
    else
        js->request_count--;
    jetstream_slots_release(js->slots, slot);
}

static bool send_request(struct jetstream *js, struct jetstream_slot *slot,
                         struct jetstream_command *c, int64_t timeout_ms)
{
    if (!c) {
        release(js, slot);
        return false;
    }
    c->numbers[0] = slot->index;
    c->numbers[1] = slot->generation;
    jetstream_slots_due_at(js->slots, slot, mono_add_ms(loop_now(js->loop), timeout_ms));
    start_tick(js);
    return true;
}

bool jetstream_ack_confirmed(struct jetstream *js, const char *ack_subject, enum jetstream_ack what,
                             jetstream_ack_done *done, void *arg)
{
    INVARIANT(what == JETSTREAM_ACK || what == JETSTREAM_TERM);
    struct jetstream_slot *slot = take_request(js, JETSTREAM_SLOT_CONFIRM);
    if (!slot)
        return false;
    slot->done.confirmed = done;
    slot->arg = arg;
    struct jetstream_command *c = add_command(js, JETSTREAM_COMMAND_CONFIRM, ack_subject, NULL, 0);
    if (c)
        c->what = (uint8_t)what;
    return send_request(js, slot, c, JETSTREAM_CONFIRM_TIMEOUT_MS);
}

bool jetstream_api(struct jetstream *js, const char *what, const char *json, jetstream_answer *done,
                   void *arg)
{
    char subject[MAX_SUBJECT];
    struct str_out out = str_out(subject, sizeof(subject));
    str_puts(&out, js->api_prefix);
    str_puts(&out, what);
    struct jetstream_slot *slot = out.cut ? NULL : take_request(js, JETSTREAM_SLOT_API);
    if (!slot)
        return false;
    slot->done.answer = done;
    slot->arg = arg;
    struct jetstream_command *c =
        add_command(js, JETSTREAM_COMMAND_API, subject, json, json ? strlen(json) : 0);
    return send_request(js, slot, c, JETSTREAM_API_TIMEOUT_MS);
}

bool jetstream_set(struct jetstream *js, const char *subject, uint64_t expected, const void *data,
                   size_t len, jetstream_set_done *done, void *arg)
{
    static const char name[] = "Nats-Expected-Last-Subject-Sequence";
    char text[MAX_SUBJECT + sizeof(name) + 24];
    struct str_out out = str_out(text, sizeof(text));
    str_puts(&out, subject);
    str_putc(&out, '\0');
    str_puts(&out, name);
    str_putc(&out, '\0');
    str_put_u64(&out, expected);
    size_t text_len = out.len + 1;
    struct jetstream_slot *slot = out.cut ? NULL : take_request(js, JETSTREAM_SLOT_SET);
    if (!slot)
        return false;
    slot->done.set = done;
    slot->arg = arg;
    struct jetstream_command *c =
        jetstream_queue_add(js->queue, jetstream_command_size(text_len, len));
    if (c) {
        c->kind = JETSTREAM_COMMAND_SET;
        c->what = 0;
        c->header_count = 1;
        c->link = js->link_number;
        c->text_len = (uint16_t)text_len;
        c->data_len = (uint32_t)len;
        memcpy(c->text, text, text_len);
        memcpy(c->text + text_len, data, len);
        queue_added(js);
    }
    return send_request(js, slot, c, JETSTREAM_CONFIRM_TIMEOUT_MS);
}

void jetstream_calls_set(struct jetstream *js, struct jetstream_slot *slot,
                         enum jetstream_set_end end, uint64_t revision, const char *reason)
{
    jetstream_set_done *done = slot->done.set;
    void *arg = slot->arg;
    release(js, slot);
    done(arg, end, revision, reason);
}

void jetstream_calls_answered(struct jetstream *js, struct jetstream_slot *slot, const char *json,
                              size_t len, const char *reason)
{
    struct jetstream_slot answered = *slot;
    release(js, slot);
    if (answered.kind == JETSTREAM_SLOT_CONFIRM)
        answered.done.confirmed(answered.arg, reason == NULL);
    else if (answered.kind == JETSTREAM_SLOT_SET)
        answered.done.set(answered.arg, JETSTREAM_SET_UNKNOWN, 0, reason);
    else
        answered.done.answer(answered.arg, json, len, reason);
}

/* --- publishing --- */

/* Sends it and waits for the answer. False, and nothing changed: not now. */
static bool try_publish(struct jetstream *js, struct jetstream_slot *slot)
{
    slot->resting = false;
    struct jetstream_command *c =
        js->connected ? jetstream_queue_add(js->queue, slot->record->size) : NULL;
    if (!c)
        return false;
    memcpy(c, slot->record, slot->record->size);
    c->link = js->link_number;
    queue_added(js);
    int64_t wait = ANSWER_MS << min_u64(slot->attempts, 2);
    slot->attempts++;
    jetstream_slots_due_at(
        js->slots, slot,
        mono_add_ms(loop_now(js->loop), (int64_t)min_u64((uint64_t)wait, ANSWER_MAX_MS)));
    return true;
}

/* A bounded number at once: after a loss there can be tens of thousands. */
static void send_unsent(struct jetstream *js)
{
    size_t left = SEND_AT_ONCE;
    LIST_FOREACH (it, &js->unsent) {
        if (left-- == 0 || !try_publish(js, LIST_ENTRY(it, struct jetstream_slot, link)))
            break;
    }
    if (jetstream_slots_used(js->slots) == 0)
        return;
    bool catch_up = js->connected && !list_empty(&js->unsent);
    timer_start_ms(&js->tick, catch_up ? CATCH_UP_MS : TICK_MS);
}

static char *put_text(char *at, const char *text)
{
    return stpcpy(at, text) + 1;
}

static struct jetstream_command *make_record(struct jetstream_slot *slot, const char *subject,
                                             const char *msg_id,
                                             const struct jetstream_header *headers,
                                             size_t header_count, const void *data, size_t len)
{
    static const char id_name[] = "Nats-Msg-Id";
    size_t text_len = strlen(subject) + 1 + sizeof(id_name) + strlen(msg_id) + 1;
    for (size_t i = 0; i < header_count; i++)
        text_len += strlen(headers[i].name) + strlen(headers[i].value) + 2;
    INVARIANT(text_len <= MAX_TEXT && header_count < UINT8_MAX && len <= UINT32_MAX / 2);

    struct jetstream_command *c =
        jetstream_slots_record(slot, jetstream_command_size(text_len, len));
    c->kind = JETSTREAM_COMMAND_PUBLISH;
    c->what = 0;
    c->numbers[0] = slot->index;
    c->numbers[1] = slot->generation;
    c->numbers[2] = 0;
    c->text_len = (uint16_t)text_len;
    c->data_len = (uint32_t)len;
    c->header_count = (uint8_t)(header_count + 1);
    char *at = put_text(c->text, subject);
    at = put_text(at, id_name);
    at = put_text(at, msg_id);
    for (size_t i = 0; i < header_count; i++)
        at = put_text(put_text(at, headers[i].name), headers[i].value);
    if (len > 0)
        memcpy(at, data, len);
    return c;
}

struct jetstream_publish *jetstream_publish(struct jetstream *js, const char *subject,
                                            const char *msg_id,
                                            const struct jetstream_header *headers,
                                            size_t header_count, const void *data, size_t len,
                                            jetstream_stored *stored, void *arg)
{
    if (js->unstored >= JETSTREAM_MAX_UNSTORED)
        return NULL;
    struct jetstream_slot *slot = jetstream_slots_take(js->slots, JETSTREAM_SLOT_PUBLISH);
    INVARIANT(slot != NULL);
    js->unstored++;
    list_append(&js->publishes, &slot->age);
    slot->done.stored = stored;
    slot->arg = arg;
    slot->record = make_record(slot, subject, msg_id, headers, header_count, data, len);
    if (!list_empty(&js->unsent) || !try_publish(js, slot)) /* first come, first served */
        list_append(&js->unsent, &slot->link);
    start_tick(js);
    return (struct jetstream_publish *)slot;
}

void jetstream_publish_cancel(struct jetstream *js, struct jetstream_publish **p)
{
    if (*p)
        release(js, (struct jetstream_slot *)*p);
    *p = NULL;
}

void jetstream_calls_stored(struct jetstream *js, struct jetstream_slot *slot, bool duplicate)
{
    jetstream_stored *stored = slot->done.stored;
    void *arg = slot->arg;
    jetstream_trouble_over(&js->troubles, slot->record->text);
    release(js, slot);
    stored(arg, duplicate);
}

static void note_trouble(struct jetstream *js, struct jetstream_slot *slot, const char *trouble)
{
    mono_t now = loop_now(js->loop);
    if (!slot->troubled_since.ns)
        slot->troubled_since = now;
    jetstream_trouble_note(&js->troubles, slot->record->text, trouble, now);
}

void jetstream_calls_refused(struct jetstream *js, struct jetstream_slot *slot, const char *trouble)
{
    if (slot->resting || slot->attempts == 0)
        return; /* the answer to an attempt before the last */
    note_trouble(js, slot, trouble);
    int64_t rest = REST_MS << min_u64(slot->attempts - 1, 4);
    slot->resting = true;
    jetstream_slots_due_at(
        js->slots, slot,
        mono_add_ms(loop_now(js->loop), (int64_t)min_u64((uint64_t)rest, REST_MAX_MS)));
}

const char *jetstream_publish_trouble(const struct jetstream *js, const char *subject)
{
    return jetstream_trouble_text(&js->troubles, subject, loop_now(js->loop));
}

int64_t jetstream_publish_troubled_ms(const struct jetstream *js, const struct jetstream_publish *p)
{
    const struct jetstream_slot *slot = (const struct jetstream_slot *)p;
    mono_t now = loop_now(js->loop), since = slot->troubled_since;
    if (!since.ns)
        return 0;
    mono_t all = jetstream_trouble_since(&js->troubles, slot->record->text, now);
    if (all.ns && all.ns < since.ns)
        since = all;
    return mono_diff_ms(now, since);
}

/* --- time and connection --- */

static void on_expired(struct jetstream *js, struct jetstream_slot *slot)
{
    if (slot->kind != JETSTREAM_SLOT_PUBLISH) {
        jetstream_calls_answered(js, slot, NULL, 0, "no answer in time");
        return;
    }
    if (!slot->resting) /* who may not publish is not answered, but told */
        note_trouble(js, slot,
                     strstr(js->complaint, slot->record->text) ? js->complaint
                                                               : "no answer in time");
    list_append(&js->unsent, &slot->link);
}

static void on_tick(void *arg)
{
    struct jetstream *js = arg;
    struct list expired;
    list_init(&expired);
    jetstream_slots_expire(js->slots, loop_now(js->loop), &expired);
    while (!list_empty(&expired)) {
        struct list *first = expired.next;
        list_remove(first);
        on_expired(js, LIST_ENTRY(first, struct jetstream_slot, link));
    }
    send_unsent(js);
}

void jetstream_calls_connected(struct jetstream *js)
{
    js->connected = true;
    js->complaint[0] = '\0';
    LIST_FOREACH (it, &js->publishes) {
        struct jetstream_slot *slot = LIST_ENTRY(it, struct jetstream_slot, age);
        list_remove(&slot->link);
        list_append(&js->unsent, &slot->link);
        slot->attempts = 0;
        slot->troubled_since = (mono_t){0};
    }
    send_unsent(js);
}

void jetstream_calls_disconnected(struct jetstream *js)
{
    js->connected = false;
    jetstream_trouble_forget(&js->troubles);
    while (!list_empty(&js->requests))
        jetstream_calls_answered(js, LIST_ENTRY(js->requests.next, struct jetstream_slot, age),
                                 NULL, 0, "the connection was lost");
}

bool jetstream_is_connected(const struct jetstream *js)
{
    return js->connected;
}

size_t jetstream_queued(const struct jetstream *js)
{
    return jetstream_queue_count(js->queue);
}

size_t jetstream_unstored(const struct jetstream *js)
{
    return js->unstored;
}
