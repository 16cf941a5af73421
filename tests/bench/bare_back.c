/*
 * The back half of the bare pipeline, in the place of the session-agent: binds once, writes what
 * comes as submit_sm, all of a burst in one write, and hands the answers and receipts back.
 *
 *   --mno-port N --ipc URL
 *
 * No pacer, no time-outs, no enquire_link, no ledger, no reconnect; the window is what the front
 * half has in flight.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/bare_pipe.h"
#include "tests/bench/bench_nats.h"

enum { HEADER = 16, INPUT_BYTES = 256 * 1024 };
enum { SUBMIT_SM = 4, DELIVER_SM = 5, BIND_TRANSCEIVER = 9 };
#define RESPONSE 0x80000000u
#define BIND_BODY "smsgw0001\0s3cr3tpw\0\0\x34\0\0"

struct back {
    uv_loop_t *loop;
    uv_tcp_t tcp;
    uv_connect_t connecting;
    bool connected;
    struct bare_pipe pipe;
    uint8_t *output;
    size_t output_len, output_size;
    uint8_t input[INPUT_BYTES];
    size_t input_len;
};

struct write {
    uv_write_t request;
    uint8_t *octets;
};

static void put_u32(uint8_t *at, uint32_t value)
{
    value = htonl(value);
    memcpy(at, &value, sizeof(value));
}

static uint32_t get_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return ntohl(value);
}

static void put_pdu(struct back *b, uint32_t command, uint32_t sequence, const void *body,
                    size_t len)
{
    if (b->output_size - b->output_len < HEADER + len) {
        b->output_size = 2 * (b->output_size + HEADER + len);
        b->output = xrealloc(b->output, b->output_size);
    }
    uint8_t *at = b->output + b->output_len;
    put_u32(at, (uint32_t)(HEADER + len));
    put_u32(at + 4, command);
    put_u32(at + 8, 0);
    put_u32(at + 12, sequence);
    if (len > 0)
        memcpy(at + HEADER, body, len);
    b->output_len += HEADER + len;
}

static void on_written(uv_write_t *request, int status)
{
    struct write *w = (struct write *)request;
    if (status < 0)
        bench_die("writing to the MNO: %s", uv_strerror(status));
    free(w->octets);
    free(w);
}

static void write_out(struct back *b)
{
    if (!b->connected || b->output_len == 0)
        return;
    struct write *w = xmalloc(sizeof(*w));
    uv_buf_t buf = uv_buf_init((char *)b->output, (unsigned)b->output_len);
    w->octets = b->output;
    uv_write(&w->request, (uv_stream_t *)&b->tcp, &buf, 1, on_written);
    b->output_size = b->output_len;
    b->output = xmalloc(b->output_size);
    b->output_len = 0;
}

static void take_pdu(struct back *b, const uint8_t *pdu, size_t len)
{
    uint32_t command = get_u32(pdu + 4), sequence = get_u32(pdu + 12);
    const uint8_t *body = pdu + HEADER;
    if (command == (SUBMIT_SM | RESPONSE))
        bare_pipe_put(&b->pipe, BARE_OUTCOME, sequence, body,
                      strnlen((const char *)body, len - HEADER));
    else if (command == DELIVER_SM)
        bare_pipe_put(&b->pipe, BARE_DELIVER, sequence, body, len - HEADER);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct back *b = handle->data;
    *buf = uv_buf_init((char *)b->input + b->input_len, (unsigned)(INPUT_BYTES - b->input_len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    (void)buf;
    struct back *b = stream->data;
    size_t at = 0;
    if (n < 0)
        exit(0); /* the MNO is gone: the run is over */
    b->input_len += (size_t)n;
    while (b->input_len - at >= HEADER) {
        size_t len = get_u32(b->input + at);
        if (b->input_len - at < len)
            break;
        take_pdu(b, b->input + at, len);
        at += len;
    }
    memmove(b->input, b->input + at, b->input_len - at);
    b->input_len -= at;
    bare_pipe_flush(&b->pipe);
}

static void on_record(void *arg, enum bare_record kind, uint32_t number, struct bytes body)
{
    if (kind == BARE_SUBMIT)
        put_pdu(arg, SUBMIT_SM, number, body.data, body.len);
    else
        put_pdu(arg, DELIVER_SM | RESPONSE, number, "", 1);
}

static void on_bridge(uv_async_t *async)
{
    struct back *b = async->data;
    bare_pipe_read(&b->pipe, on_record, b);
    write_out(b);
}

static void on_connected(uv_connect_t *connecting, int status)
{
    struct back *b = connecting->data;
    if (status < 0)
        bench_die("connecting to the MNO: %s", uv_strerror(status));
    uv_tcp_nodelay(&b->tcp, 1);
    uv_read_start((uv_stream_t *)&b->tcp, on_room, on_read);
    b->connected = true;
    write_out(b);
}

int main(int argc, char **argv)
{
    struct back *b = xcalloc(1, sizeof(*b));
    struct sockaddr_in mno;
    b->loop = uv_default_loop();
    put_pdu(b, BIND_TRANSCEIVER, 1, BIND_BODY, sizeof(BIND_BODY));
    bare_pipe_open(&b->pipe, b->loop, bench_option(argc, argv, "ipc", NULL), true, on_bridge, b);
    uv_ip4_addr("127.0.0.1", (int)bench_number(argc, argv, "mno-port", NULL), &mno);
    uv_tcp_init(b->loop, &b->tcp);
    b->tcp.data = b->connecting.data = b;
    uv_tcp_connect(&b->connecting, &b->tcp, (const struct sockaddr *)&mno, on_connected);
    return uv_run(b->loop, UV_RUN_DEFAULT);
}
