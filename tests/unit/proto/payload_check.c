/*
 * The payloads for those who check them from outside, line by line:
 *
 *     payload_check commands   JSON in; "ok", or why the command is refused
 *     payload_check receipts   hex octets of a receipt in; its DlrInboundEvent out
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/str.h"
#include "proto/commands.h"
#include "proto/events.h"
#include "proto/receipt.h"

#define OPERATOR "550e8400-e29b-41d4-a716-446655440001"
#define NOW_MS 1776513600000LL

static struct uuid operator_id;

static void check_command(const char *line, size_t len)
{
    struct command command;
    char error[160];
    if (commands_parse(line, len, &operator_id, &command, error, sizeof(error)) != COMMAND_OK) {
        puts(error);
        return;
    }
    commands_clear(&command);
    puts("ok");
}

static void show_receipt(const char *line, size_t len)
{
    static uint8_t octets[65536];
    static char text[RECEIPT_TEXT_SIZE(sizeof(octets))];
    struct smpp_sm sm = {.source = "99970000001", .dest = "ACME", .esm_class = SMPP_ESM_RECEIPT};
    if (!str_hex_decode(line, len, octets, sizeof(octets), &sm.short_message.len))
        return;
    sm.short_message.data = octets;
    struct receipt r;
    receipt_parse(&sm, RECEIPT_BY_FLAGS, NOW_MS, text, sizeof(text), &r);
    struct dlr_event event = {
        .operator_message_id = r.id_text,
        .operator_id = operator_id,
        .occurred_at_ms = NOW_MS,
        .status = r.status,
        .delivered_at_ms = r.done_ms,
        .error_code = r.err[0] ? r.err : NULL,
        .stat = r.stat,
        .source_addr = sm.source,
        .dest_addr = sm.dest,
        .raw_text = {.data = (const uint8_t *)text, .len = r.text_len},
        .raw_octets = r.raw,
        .has_final = true,
        .final = r.final,
    };
    struct json_emit e = json_emit_growable();
    events_emit_dlr(&e, &event);
    printf("%.*s\n", (int)e.len, e.data);
    json_emit_free(&e);
}

int main(int argc, char **argv)
{
    if (argc != 2 || (strcmp(argv[1], "commands") != 0 && strcmp(argv[1], "receipts") != 0)) {
        fprintf(stderr, "usage: payload_check commands|receipts <lines\n");
        return 2;
    }
    if (!uuid_parse(OPERATOR, strlen(OPERATOR), &operator_id))
        return 1;
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    while ((n = getline(&line, &size, stdin)) > 0) {
        size_t len = (size_t)n - (line[n - 1] == '\n' ? 1 : 0);
        if (strcmp(argv[1], "commands") == 0)
            check_command(line, len);
        else
            show_receipt(line, len);
    }
    free(line);
    return 0;
}
