/* Judges a bind, and answers it when and how the behaviour says. */
#include <stdio.h>
#include <string.h>

#include "common/base.h"
#include "common/buf.h"

#include "tests/sim/sim_bind.h"
#include "tests/sim/sim_system.h"

#define ESME_RINVSYSID 0x0fu
#define PASSWORD_MAX 8u /* §4.1.5, without the NUL */

static bool equals(struct bytes b, const char *text, size_t len)
{
    return b.len == len && memcmp(b.data, text, len) == 0;
}

/* Passwords given as SYSTEM_ID=PASSWORD bind that system_id; without SYSTEM_ID= they are good for
 * all others. */
static uint32_t check_password(const struct sim_strings *passwords, const struct sim_bind *bind)
{
    bool any_general = false;
    bool good_general = false;
    if (passwords->count == 0)
        return ESME_ROK;
    for (size_t i = 0; i < passwords->count; i++) {
        const char *item = passwords->item[i];
        const char *password = strchr(item, '=');
        if (!password) {
            any_general = true;
            good_general |= equals(bind->password, item, strlen(item));
        } else if (equals(bind->system_id, item, (size_t)(password - item))) {
            return equals(bind->password, password + 1, strlen(password + 1)) ? ESME_ROK
                                                                              : ESME_RINVPASWD;
        }
    }
    if (!any_general)
        return ESME_RINVSYSID;
    return good_general ? ESME_ROK : ESME_RINVPASWD;
}

static uint64_t bound_sessions(const struct sim_system *system)
{
    uint64_t count = 0;
    LIST_FOREACH (it, &system->sessions)
        count++;
    return count;
}

static uint32_t judge(struct sim_session *s, struct sim_system *system, const struct sim_bind *bind,
                      uint32_t command)
{
    const struct sim_behaviour *b = &system->behaviour;
    if (b->bind_status != ESME_ROK)
        return b->bind_status;
    if (bind->system_id.len == 0)
        return ESME_RINVSYSID;
    if (command == PDU_BIND_TRANSCEIVER && b->refuse_trx != ESME_ROK)
        return b->refuse_trx;
    uint32_t status = check_password(&s->sim->config->passwords, bind);
    if (status != ESME_ROK)
        return status;
    if (b->max_binds > 0 && bound_sessions(system) >= b->max_binds)
        return ESME_RALYBND;
    return ESME_ROK;
}

static enum sim_bound bound_as(uint32_t command)
{
    if (command == PDU_BIND_TRANSMITTER)
        return SIM_BOUND_TX;
    return command == PDU_BIND_RECEIVER ? SIM_BOUND_RX : SIM_BOUND_TRX;
}

static size_t write_body(struct sim_session *s, const struct sim_system *system)
{
    uint8_t version = (uint8_t)system->behaviour.interface_version;
    struct buf_writer w = buf_writer(sim_session_body(s, 128), 128);
    sim_pdu_put_string(&w, "mno-sim");
    if (version != 0)
        sim_pdu_put_tlv(&w, TLV_SC_INTERFACE_VERSION, &version, 1);
    return buf_written(&w);
}

static void answer(void *owner, void *arg)
{
    struct sim_session *s = owner;
    struct sim_system *system = arg;
    uint32_t command = s->bind_command;
    s->bind_command = 0;
    s->sim->now_ns = uv_hrtime();
    if (sim_session_alive(s)) {
        bool good = s->bind_status == ESME_ROK;
        if (good) {
            system->stats.binds++;
            sim_session_bind(s, system, bound_as(command));
        } else {
            system->stats.binds_refused++;
        }
        /* The body of a refusal is left out, §4.1.2. */
        size_t len = good ? write_body(s, system) : 0;
        sim_session_send(s, command | PDU_RESPONSE, s->bind_status, s->bind_sequence, len, NULL);
        if (system->behaviour.on_bind == SIM_BIND_ANSWER_CLOSE)
            sim_session_close(s, SIM_LINK_FIN);
    }
    sim_session_release(s);
}

static void note_oddities(struct sim_session *s, const struct sim_bind *bind)
{
    if (bind->password.len > PASSWORD_MAX)
        sim_session_problem(s, SIM_LONG_PASSWORD);
    if (bind->interface_version != 0x34 && bind->interface_version != 0x33)
        sim_session_problem(s, SIM_BAD_VERSION);
}

void sim_bind_received(struct sim_session *s, struct sim_header h, struct bytes body)
{
    struct sim *sim = s->sim;
    struct sim_bind bind;
    char name[16];
    enum sim_problem problem = sim_pdu_read_bind(body, &bind);
    if (s->state != SIM_OPEN || s->bind_command != 0)
        problem = SIM_WRONG_STATE;
    if (problem != SIM_FINE) {
        uint32_t status = sim_pdu_problem_status(problem);
        sim_session_problem(s, problem);
        sim_session_send_header(s, h.command | PDU_RESPONSE,
                                problem == SIM_WRONG_STATE ? ESME_RALYBND : status, h.sequence);
        return;
    }
    snprintf(name, sizeof(name), "%.*s", (int)bind.system_id.len,
             (const char *)bind.system_id.data);
    struct sim_system *system = sim_system_get(sim, name);
    note_oddities(s, &bind);
    int action = system->behaviour.on_bind;
    if (action == SIM_BIND_IGNORE)
        return;
    if (action == SIM_BIND_CLOSE || action == SIM_BIND_RST) {
        sim_session_close(s, action == SIM_BIND_RST ? SIM_LINK_RST : SIM_LINK_FIN);
        return;
    }
    s->bind_command = h.command;
    s->bind_sequence = h.sequence;
    s->bind_status = judge(s, system, &bind, h.command);
    sim_session_hold(s);
    const struct sim_range *delay = &system->behaviour.bind_delay_ms;
    uint64_t wait_ms = sim_random_between(&sim->random, delay->min, delay->max);
    if (wait_ms == 0)
        answer(s, system);
    else
        sim_timers_at(sim->timers, sim->now_ns + wait_ms * SIM_NS_PER_MS, answer, s, system);
}
