/* An ESME as quick as possible: one submit_sm made at the start, its number patched per message. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#include "common/base.h"
#include "common/buf.h"

#include "tests/sim/sim_link.h"
#include "tests/sim/sim_load.h"
#include "tests/sim/sim_pdu.h"
#include "tests/sim/sim_server.h"

#define BODY_ROOM 512u
#define NUMBER_DIGITS 10u
#define TICK_NS (10 * SIM_NS_PER_MS)
#define RECEIPTS_PATIENCE_NS (10000 * SIM_NS_PER_MS)

struct load {
    const struct sim_config *config;
    struct sim_timers *timers;
    struct sim_links *links;
    struct bind *binds;
    uint64_t open_binds;
    uint8_t body[BODY_ROOM];
    size_t body_len;
    size_t number_at; /* where the running number stands in the body; 0: nowhere */
    uint64_t sent, good, refused, receipts;
    uint64_t allowed; /* by --tps, so far */
    uint64_t started_ns, answered_ns, last_input_ns;
    bool finishing;
    const char *problem;
};

struct bind {
    struct load *load;
    struct sim_link *link; /* NULL: gone */
    uint32_t sequence;
    uint64_t unanswered;
    bool bound;
};

static uint8_t *begin(struct bind *b, size_t body_len)
{
    return sim_link_room(b->link, SIM_HEADER_SIZE + body_len) + SIM_HEADER_SIZE;
}

static void finish(struct bind *b, uint32_t command, uint32_t sequence, size_t body_len)
{
    uint32_t len = (uint32_t)(SIM_HEADER_SIZE + body_len);
    sim_pdu_put_header(sim_link_room(b->link, len), len, command, ESME_ROK, sequence);
    sim_link_written(b->link, len);
}

static void make_body(struct load *l)
{
    const struct sim_config *c = l->config;
    struct buf_writer w = buf_writer(l->body, sizeof(l->body));
    const char *percent = strchr(c->load_text, '%');
    size_t before = percent ? (size_t)(percent - c->load_text) : strlen(c->load_text);
    size_t after = percent ? strlen(percent + 1) : 0;
    size_t len = before + after + (percent ? NUMBER_DIGITS : 0);
    sim_pdu_put_string(&w, "");
    buf_put(&w, "\1\1", 2); /* international, ISDN */
    sim_pdu_put_string(&w, c->load_source);
    buf_put(&w, "\1\1", 2);
    sim_pdu_put_string(&w, c->load_dest);
    buf_put(&w, "\0\0\0\0\0", 5); /* esm_class, protocol_id, priority; no schedule, no validity */
    buf_put_u8(&w, c->load_receipts);
    buf_put(&w, "\0\0\0", 3); /* replace_if_present, data_coding, sm_default_msg_id */
    buf_put_u8(&w, (uint8_t)len);
    buf_put(&w, c->load_text, before);
    l->number_at = percent ? buf_written(&w) : 0;
    buf_put(&w, "0000000000", percent ? NUMBER_DIGITS : 0);
    buf_put(&w, percent ? percent + 1 : "", after);
    l->body_len = buf_written(&w);
    if (w.failed || len > 254)
        l->problem = "source, dest or text is too long";
}

static void put_number(uint8_t *out, uint64_t number)
{
    for (size_t i = NUMBER_DIGITS; i > 0; i--) {
        out[i - 1] = (uint8_t)('0' + number % 10);
        number /= 10;
    }
}

static void fill_window(struct bind *b)
{
    struct load *l = b->load;
    const struct sim_config *c = l->config;
    while (b->bound && b->unanswered < c->load_window && l->sent < c->load_count &&
           l->sent < l->allowed) {
        uint8_t *body = begin(b, l->body_len);
        memcpy(body, l->body, l->body_len);
        if (l->number_at > 0)
            put_number(body + l->number_at, l->sent);
        b->sequence = b->sequence == SIM_MAX_SEQUENCE ? 1 : b->sequence + 1;
        finish(b, PDU_SUBMIT_SM, b->sequence, l->body_len);
        b->unanswered++;
        l->sent++;
    }
}

static bool is_complete(const struct load *l)
{
    if (l->good + l->refused < l->config->load_count)
        return false;
    if (!l->config->load_receipts || l->receipts >= l->good)
        return true;
    return uv_hrtime() - l->last_input_ns > RECEIPTS_PATIENCE_NS;
}

static void finish_if_complete(struct load *l)
{
    if (l->finishing || !is_complete(l))
        return;
    l->finishing = true;
    for (uint64_t i = 0; i < l->config->load_binds; i++) {
        struct bind *b = &l->binds[i];
        if (!b->link)
            continue;
        begin(b, 0);
        finish(b, PDU_UNBIND, b->sequence + 1, 0);
    }
}

static void submit_answered(struct bind *b, struct sim_header h)
{
    struct load *l = b->load;
    b->unanswered--;
    if (h.status == ESME_ROK)
        l->good++;
    else
        l->refused++;
    if (l->good + l->refused == l->config->load_count)
        l->answered_ns = uv_hrtime();
    fill_window(b);
}

static void bind_answered(struct bind *b, struct sim_header h)
{
    struct load *l = b->load;
    if (h.status != ESME_ROK) {
        l->problem = "the bind was refused";
        sim_link_close(b->link, SIM_LINK_FIN);
        return;
    }
    b->bound = true;
    if (l->started_ns == 0)
        l->started_ns = uv_hrtime();
    fill_window(b);
}

static void on_pdu(void *owner, struct sim_header h, struct bytes body)
{
    struct bind *b = owner;
    (void)body;
    b->load->last_input_ns = uv_hrtime();
    switch (h.command) {
    case PDU_SUBMIT_SM | PDU_RESPONSE:
        submit_answered(b, h);
        break;
    case PDU_DELIVER_SM:
    case PDU_DATA_SM:
        b->load->receipts++;
        *begin(b, 1) = 0; /* message_id, empty */
        finish(b, h.command | PDU_RESPONSE, h.sequence, 1);
        break;
    case PDU_ENQUIRE_LINK:
    case PDU_UNBIND:
        begin(b, 0);
        finish(b, h.command | PDU_RESPONSE, h.sequence, 0);
        break;
    case PDU_BIND_TRANSCEIVER | PDU_RESPONSE:
        bind_answered(b, h);
        break;
    case PDU_UNBIND | PDU_RESPONSE:
        sim_link_close(b->link, SIM_LINK_FIN);
        break;
    default:
        break;
    }
    finish_if_complete(b->load);
}

static void on_bad_length(void *owner, uint32_t length)
{
    (void)length;
    ((struct bind *)owner)->load->problem = "the SMSC sent an impossible command_length";
}

static void on_connected(void *owner)
{
    struct bind *b = owner;
    const struct sim_config *c = b->load->config;
    struct buf_writer w = buf_writer(begin(b, BODY_ROOM), BODY_ROOM);
    sim_pdu_put_string(&w, c->load_system_id);
    sim_pdu_put_string(&w, c->load_password);
    sim_pdu_put_string(&w, "");
    buf_put(&w, "\x34\0\0", 3); /* interface_version, addr_ton, addr_npi */
    sim_pdu_put_string(&w, "");
    if (w.failed) {
        b->load->problem = "system-id or system-password is too long";
        sim_link_close(b->link, SIM_LINK_FIN);
        return;
    }
    finish(b, PDU_BIND_TRANSCEIVER, ++b->sequence, buf_written(&w));
}

static void on_closed(void *owner)
{
    struct bind *b = owner;
    struct load *l = b->load;
    b->link = NULL;
    if (!l->finishing && !l->problem)
        l->problem = b->bound ? "the SMSC closed the connection" : "no connection to the SMSC";
    if (--l->open_binds == 0)
        uv_stop(sim_links_loop(l->links));
}

static const struct sim_link_events events = {
    .pdu = on_pdu,
    .bad_length = on_bad_length,
    .connected = on_connected,
    .closed = on_closed,
};

/* Grants what --tps allows by now, and looks whether receipts still come. */
static void on_tick(void *owner, void *arg)
{
    (void)arg;
    struct load *l = owner;
    if (l->open_binds == 0)
        return;
    uint64_t now = uv_hrtime();
    if (l->config->load_tps > 0 && l->started_ns > 0)
        l->allowed = (now - l->started_ns) * l->config->load_tps / 1000000000u + 1;
    for (uint64_t i = 0; i < l->config->load_binds; i++)
        fill_window(&l->binds[i]);
    finish_if_complete(l);
    sim_timers_at(l->timers, now + TICK_NS, on_tick, l, NULL);
}

static void nothing(void *arg)
{
    (void)arg;
}

static double seconds(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? (double)(to_ns - from_ns) / 1e9 : 1e-9;
}

static void print_result(const struct load *l)
{
    struct rusage usage;
    double took = seconds(l->started_ns, l->answered_ns ? l->answered_ns : l->last_input_ns);
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
                 (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
    printf("{\"sent\":%" PRIu64 ",\"ok\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"receipts\":%" PRIu64
           ",\"seconds\":%.3f,\"rate\":%.0f,\"cpu_seconds\":%.3f}\n",
           l->sent, l->good, l->refused, l->receipts, took, (double)(l->good + l->refused) / took,
           cpu);
}

static void connect_all(struct load *l, const struct sockaddr *address)
{
    uint64_t binds = l->config->load_binds;
    l->binds = xcalloc(binds, sizeof(*l->binds));
    l->open_binds = binds;
    for (uint64_t i = 0; i < binds; i++) {
        l->binds[i].load = l;
        l->binds[i].link = sim_link_connect(l->links, address, &events, &l->binds[i]);
    }
}

int sim_load_run(uv_loop_t *loop, const struct sim_config *config)
{
    struct sockaddr_storage address;
    char error[SIM_ERROR_SIZE];
    struct load l = {.config = config, .allowed = config->load_tps ? 0 : UINT64_MAX};
    make_body(&l);
    if (config->load_binds == 0 || config->load_window == 0 || config->load_count == 0)
        l.problem = "binds, window and count must be at least 1";
    if (l.problem || sim_server_read_address(config->load, &address, error, sizeof(error)) != 0) {
        fprintf(stderr, "mno-sim: --load: %s\n", l.problem ? l.problem : error);
        return 1;
    }
    l.timers = sim_timers_create(loop);
    l.links = sim_links_create(loop, l.timers, nothing, NULL);
    connect_all(&l, (const struct sockaddr *)&address);
    on_tick(&l, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    print_result(&l);
    sim_timers_destroy(&l.timers);
    sim_links_destroy(&l.links);
    uv_run(loop, UV_RUN_DEFAULT);
    free(l.binds);
    if (l.problem)
        fprintf(stderr, "mno-sim: --load: %s\n", l.problem);
    return l.problem ? 1 : 0;
}
