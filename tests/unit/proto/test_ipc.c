/* proto/ipc: every record there and back, cut at every byte, of an older and of a newer version;
 * and what released versions said (tests/integration/transcripts), record by record. */
#include "proto_test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/ipc.h"

#define RECORD_MAX (256 * 1024)

/* Decodes and encodes again. False: refused. *len_r: what the encoder made of it. */
typedef bool there_and_back(struct bytes body, uint8_t *out, size_t *len_r);

#define IPC_RECORD(NAME, name, sender)                                                             \
    static bool codec_##name(struct bytes body, uint8_t *out, size_t *len_r)                       \
    {                                                                                              \
        struct ipc_##name record;                                                                  \
        if (!ipc_get_##name(body, &record))                                                        \
            return false;                                                                          \
        struct buf_writer w = buf_writer(out, RECORD_MAX);                                         \
        ipc_put_##name(&w, &record);                                                               \
        assert_false(w.failed);                                                                    \
        *len_r = buf_written(&w) - 8;                                                              \
        memmove(out, out + 8, *len_r);                                                             \
        return true;                                                                               \
    }
#include "proto/ipc_records.def"

static there_and_back *const codecs[IPC_TYPE_COUNT] = {
#define IPC_RECORD(NAME, name, sender) [IPC_##NAME] = codec_##name,
#include "proto/ipc_records.def"
};

static uint8_t again[RECORD_MAX];

/* --- what was said --- */

static size_t unhex(const char *text, uint8_t *out)
{
    size_t len = 0;
    for (; text[0] && text[1] && text[0] != '\n'; text += 2) {
        char digits[3] = {text[0], text[1], 0};
        out[len++] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return len;
}

static void check_record(unsigned type, struct bytes body, bool from_agent, unsigned minor,
                         unsigned seen[IPC_TYPE_COUNT])
{
    size_t len;
    assert_in_range(type, 1, IPC_TYPE_COUNT - 1);
    assert_true(ipc_type_sender(type) & (from_agent ? IPC_FROM_AGENT : IPC_FROM_BRIDGE));
    assert_true(codecs[type](body, again, &len));
    assert_true(len >= body.len); /* later fields are appended */
    assert_memory_equal(again, body.data, body.len);
    if (minor == IPC_MINOR)
        assert_int_equal(len, body.len);
    seen[type]++;
}

static void check_transcript(const char *path, unsigned minor)
{
    unsigned seen[IPC_TYPE_COUNT] = {0};
    char *line = NULL;
    size_t size = 0;
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    while (getline(&line, &size, in) > 0) {
        struct ipc_batch batch;
        unsigned type;
        struct bytes body;
        if (line[0] != '<' && line[0] != '>')
            continue;
        uint8_t *message = xmalloc(size);
        assert_true(ipc_batch_open(message, unhex(line + 2, message), &batch));
        while (ipc_batch_next(&batch, &type, &body))
            check_record(type, body, line[0] == '<', minor, seen);
        assert_false(batch.records.failed);
        free(message);
    }
    fclose(in);
    free(line);
    static const unsigned all[] = {IPC_HELLO,   IPC_ATTACHED, IPC_SESSION, IPC_OPERATOR, IPC_SUBMIT,
                                   IPC_OUTCOME, IPC_SETTLED,  IPC_RETRY,   IPC_CLOSE,    IPC_CLOSED,
                                   IPC_DELIVER, IPC_HEALTH,   IPC_REBIND,  IPC_FAILOVER, IPC_DROP};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        assert_true(seen[all[i]] > 0);
}

static void every_transcript_is_understood(void **state)
{
    (void)state;
    bool has_todays = false;
    DIR *dir = opendir(TRANSCRIPTS);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        unsigned major, minor;
        char path[1024];
        if (sscanf(e->d_name, "ipc-%u.%u.txt", &major, &minor) != 2 || major != IPC_MAJOR)
            continue;
        snprintf(path, sizeof(path), "%s/%s", TRANSCRIPTS, e->d_name);
        check_transcript(path, minor);
        has_todays |= minor == IPC_MINOR;
    }
    closedir(dir);
    assert_true(has_todays); /* tests/integration/transcripts/record makes one */
}

/* --- short, long, old --- */

static size_t encode_session(uint8_t *out)
{
    static const uint8_t text[] = "because";
    struct ipc_session session = {
        .bind = 1,
        .state = IPC_SESSION_BOUND,
        .reason = {text, sizeof(text) - 1},
        .refused_ms = 7,
        .bytes_sent = 8,
        .bytes_received = 9,
        .tls_peer = {text, sizeof(text) - 1},
    };
    struct buf_writer w = buf_writer(out, RECORD_MAX);
    ipc_put_session(&w, &session);
    assert_false(w.failed);
    return buf_written(&w) - 8;
}

static void cut_anywhere_is_refused_but_where_a_version_ended(void **state)
{
    (void)state;
    static uint8_t whole[RECORD_MAX];
    size_t len = encode_session(whole), later = 8 + 8 + 8 + 2 + 7;
    struct ipc_session session;
    for (size_t n = 0; n <= len; n++) {
        bool good = n == len || n == len - later;
        assert_int_equal(ipc_get_session((struct bytes){whole + 8, n}, &session), good);
        if (n == len - later) { /* minor version 0 */
            assert_int_equal(session.reason.len, 7);
            assert_true(session.refused_ms == 0 && session.tls_peer.len == 0);
        }
    }
    assert_true(session.bytes_received == 9 && session.tls_peer.len == 7);
}

static void surplus_of_a_newer_version_is_skipped(void **state)
{
    (void)state;
    static uint8_t whole[RECORD_MAX];
    size_t len = encode_session(whole);
    memcpy(whole + 8 + len, "novelty", 7);
    struct ipc_session session;
    assert_true(ipc_get_session((struct bytes){whole + 8, len + 7}, &session));
    assert_int_equal(session.bytes_sent, 8);
}

static void fields_beyond_their_maximum_are_refused(void **state)
{
    (void)state;
    static uint8_t out[RECORD_MAX], much[513];
    struct ipc_close close = {.context = {much, sizeof(much)}};
    struct buf_writer w = buf_writer(out, sizeof(out));
    ipc_put_close(&w, &close);
    assert_true(w.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_transcript_is_understood),
        cmocka_unit_test(cut_anywhere_is_refused_but_where_a_version_ended),
        cmocka_unit_test(surplus_of_a_newer_version_is_skipped),
        cmocka_unit_test(fields_beyond_their_maximum_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
