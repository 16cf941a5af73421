/* Takes a submit_sm through its verdict; the hot path of the simulator. */
#include <string.h>

#include "common/base.h"

#include "tests/sim/sim_history.h"
#include "tests/sim/sim_id.h"
#include "tests/sim/sim_outbox.h"
#include "tests/sim/sim_pool.h"
#include "tests/sim/sim_receipts.h"
#include "tests/sim/sim_seen.h"
#include "tests/sim/sim_submit.h"
#include "tests/sim/sim_verdict.h"

#define BODY_ROOM 128u
#define TLV_ADDITIONAL_STATUS_INFO_TEXT 0x001du
#define TLV_VENDOR 0x1403u /* in the range of §3.2.4.1 that belongs to vendors */
#define STRAY_SEQUENCE 0x7ffffff0u

struct answer {
    struct sim_session *session;
    uint32_t sequence;
    uint32_t status;
    uint64_t number;
    bool twice;
    bool stray;
};

static struct sim_pool answers = {.object_size = sizeof(struct answer)};

void sim_submit_cleanup(void)
{
    sim_pool_free(&answers);
}

static size_t write_body(uint8_t *out, int kind, const char *id, size_t id_len)
{
    struct buf_writer w = buf_writer(out, BODY_ROOM);
    if (kind == SIM_BODY_ID || kind == SIM_BODY_ID_TLV)
        buf_put(&w, id, id_len + 1);
    if (kind == SIM_BODY_NUL)
        buf_put_u8(&w, 0);
    if (kind == SIM_BODY_TLV)
        sim_pdu_put_tlv(&w, TLV_ADDITIONAL_STATUS_INFO_TEXT, "busy", 5);
    if (kind == SIM_BODY_ID_TLV)
        sim_pdu_put_tlv(&w, TLV_VENDOR, "0.042", 6);
    return buf_written(&w);
}

static void send_answer(const struct answer *a, uint32_t sequence)
{
    struct sim_session *s = a->session;
    const struct sim_behaviour *b = &s->system->behaviour;
    char id[SIM_ID_SIZE];
    size_t id_len = sim_id_write(id, (enum sim_id_format)b->id_format, a->number);
    int kind = a->status == ESME_ROK ? b->resp_body : b->error_body;
    size_t len = write_body(sim_session_body(s, BODY_ROOM), kind, id, id_len);
    struct sim_note note = {.id = a->status == ESME_ROK ? id : NULL};
    sim_session_send(s, PDU_SUBMIT_SM | PDU_RESPONSE, a->status, sequence, len, &note);
}

static void answer_now(const struct answer *a)
{
    struct sim_session *s = a->session;
    s->unanswered--;
    if (!sim_session_alive(s))
        return;
    sim_stats_status(&s->system->stats, a->status);
    if (a->stray)
        send_answer(a, STRAY_SEQUENCE);
    send_answer(a, a->sequence);
    if (a->twice)
        send_answer(a, a->sequence);
}

static void on_due(void *owner, void *arg)
{
    (void)arg;
    struct answer *a = owner;
    struct sim_session *s = a->session;
    s->sim->now_ns = uv_hrtime();
    answer_now(a);
    sim_pool_give(&answers, a);
    sim_session_release(s);
}

static void answer_later(const struct answer *a, const struct sim_verdict *v)
{
    struct sim_session *s = a->session;
    struct answer *kept = sim_pool_take(&answers);
    uint64_t due = s->sim->now_ns + v->delay_ns;
    if (!v->may_overtake)
        s->last_due_ns = due = max_u64(due, s->last_due_ns);
    *kept = *a;
    sim_session_hold(s);
    sim_timers_at(s->sim->timers, due, on_due, kept, NULL);
}

/* The message is the SMSC's now: counted, and its receipt under way. */
static void take(struct sim_session *s, const struct sim_submit *m, uint64_t number)
{
    struct sim_system *system = s->system;
    system->stats.submits_accepted++;
    if (system->behaviour.detect_duplicates != SIM_DUPLICATES_OFF &&
        sim_seen_add(system->seen, &system->behaviour, m))
        system->stats.duplicates++;
    sim_receipts_create(s, m, number);
    if (system->behaviour.receipt_before_response)
        sim_outbox_pump(system->outbox);
}

static void note_submit(struct sim_session *s, const struct sim_header *h,
                        const struct sim_submit *m)
{
    struct sim_note note = {.submit = m};
    sim_history_pdu(s->sim->history, s->sim->now_ns, s, false, h, &note);
}

void sim_submit_received(struct sim_session *s, struct sim_header h, struct bytes body)
{
    struct sim *sim = s->sim;
    struct sim_stats *stats = &s->system->stats;
    struct sim_submit m;
    struct sim_verdict v = {.action = SIM_ANSWER};
    enum sim_problem problem = sim_pdu_read_submit(body, &m);
    stats->submits++;
    s->submits++;
    sim_rate_add(&s->system->received, sim->now_ns);
    note_submit(s, &h, &m);
    if (problem == SIM_FINE) {
        v = sim_verdict_reach(s, &m);
    } else {
        sim_session_problem(s, problem);
        v.status = sim_pdu_problem_status(problem);
    }
    struct answer a = {s, h.sequence, v.status, 0, v.twice, v.stray};
    if (v.taken) {
        a.number = sim->next_id++;
        take(s, &m, a.number);
    }
    switch (v.action) {
    case SIM_ANSWER:
        s->unanswered++;
        if (v.delay_ns == 0 && (v.may_overtake || s->last_due_ns <= sim->now_ns))
            answer_now(&a);
        else
            answer_later(&a, &v);
        break;
    case SIM_NO_ANSWER:
        s->unanswered++;
        stats->submits_unanswered++;
        break;
    case SIM_END_FIN:
    case SIM_END_RST:
        sim_session_close(s, v.action == SIM_END_RST ? SIM_LINK_RST : SIM_LINK_FIN);
        break;
    }
}
