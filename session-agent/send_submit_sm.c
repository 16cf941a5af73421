/* submit_sm: the bridge's body behind our header; noted in the window before it is written. */
#include "session-agent/session_internal.h"
#include "session-agent/submits.h"

void send_submit_sm(struct session *s, struct submit *submit)
{
    uint8_t header[SMPP_HEADER_SIZE];
    mono_t now = clock_mono();
    uint8_t attempt = ledger_key(submit->entry).attempt;
    submit->session = s;
    submit->sequence = window_add(s->window, submit, attempt, now,
                                  mono_add_ms(now, s->op->config->submit_timeout_ms));
    struct smpp_header h = {.length = SMPP_HEADER_SIZE + submit->body_len,
                            .id = SMPP_SUBMIT_SM,
                            .sequence = submit->sequence};
    smpp_pdu_put_header(&h, header);
    session_io_trace(s, "out", &h);
    session_io_write(s, header, sizeof(header));
    session_io_write(s, submit->body, submit->body_len);
    s->op->stats[IPC_STAT_SUBMITS_SENT]++;
    session_timers_plan_window(s);
}
