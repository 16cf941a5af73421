/* Commands from JetStream: refused with a reason, or read, cut into segments and put together
 * again. */
#include <string.h>

#include "common/str.h"
#include "proto/commands.h"
#include "proto/json_flat.h"
#include "proto/message_text.h"
#include "proto/udh.h"
#include "tests/fuzz/fuzz.h"

static const struct uuid operator_id = {{0x55, 0x0e, 0x84, 0x00, 0xe2, 0x9b, 0x41, 0xd4, 0xa7, 0x16,
                                         0x44, 0x66, 0x55, 0x44, 0x00, 0x01}};
static uint8_t buffer[SPLIT_BUFFER_SIZE(SPLIT_SEGMENTS_MAX)];
static char joined[MESSAGE_TEXT_SIZE(sizeof(buffer))];

static size_t join(const struct split_plan *plan, const struct split_result *result)
{
    size_t len = 0;
    for (unsigned k = 0; k < result->count; k++) {
        struct udh udh = {0};
        if (result->esm_class)
            MUST(udh_parse(result->segments[k], &udh));
        MUST(result->payload || result->segments[k].len <= 160);
        struct message_text_alphabet alphabet = {.default_alphabet = plan->default_alphabet,
                                                 .packed = plan->packed};
        len += message_text_decode(alphabet, result->data_coding, result->segments[k], udh.length,
                                   udh.tables, joined + len, sizeof(joined) - len);
    }
    return len;
}

/* Does a CR end a segment? Packed, it may be taken for padding (gsm7.h). */
static bool has_cr(struct bytes text)
{
    return text.len && memchr(text.data, '\r', text.len);
}

static void check_split(const struct command *c, uint8_t choice)
{
    struct split_plan plan = {
        .request = c->encoding,
        .flash = c->flash,
        .default_alphabet = (enum split_alphabet)(choice % 3),
        .packed = choice & 0x04,
        .languages = {GSM7_TURKISH, GSM7_SPANISH, GSM7_PORTUGUESE, GSM7_URDU},
        .language_count = (choice >> 3) % 5,
        .concat = c->payload_wanted ? SPLIT_PAYLOAD : (enum split_concat)((choice >> 6) % 3),
        .max_segments = SPLIT_SEGMENTS_MAX,
        .reference = 0x1234,
    };
    struct split_result result;
    char error[128];
    if (c->has_binary) {
        if (split_binary(&plan, c->binary, c->data_coding, buffer, sizeof(buffer), &result, error,
                         sizeof(error)) == 0)
            MUST(result.count >= 1);
        return;
    }
    if (split_text(&plan, (const char *)c->text.data, c->text.len, buffer, sizeof(buffer), &result,
                   error, sizeof(error)) != 0) {
        MUST(strstr(error, "segments"));
        return;
    }
    size_t len = join(&plan, &result);
    MUST((plan.packed && has_cr(c->text)) ||
         (len == c->text.len && memcmp(joined, c->text.data, len) == 0));
}

static void check_number(const struct json_flat_member *flat, const struct json *json)
{
    int64_t a = 0, b = 0;
    bool is_int = json_flat_int(flat, INT64_MIN, INT64_MAX, &a);
    MUST(is_int == json_int(json, INT64_MIN, INT64_MAX, &b) && a == b);
}

/* What the quick reader takes, the thorough one takes too, and reads the same out of it. */
static void check_flat(const char *data, size_t len)
{
    struct json_flat flat;
    char error[160];
    if (!json_flat_read(data, len, &flat))
        return;
    struct json *root = json_parse(data, len, JSON_SIZE_LIMIT, error, sizeof(error));
    MUST(root && json_type(root) == JSON_OBJECT && json_count(root) == flat.count);
    const struct json *child = NULL;
    for (size_t i = 0; i < flat.count; i++) {
        const struct json_flat_member *m = &flat.members[i];
        struct bytes a = {0}, b = {0};
        bool truth = false;
        child = json_child(root, child);
        MUST(str_equal((const char *)m->name.data, m->name.len, json_name(child),
                       strlen(json_name(child))));
        MUST(m->type == json_type(child));
        MUST(json_flat_string(m, &a) == json_string(child, &b));
        MUST(str_equal((const char *)a.data, a.len, (const char *)b.data, b.len));
        MUST(!json_bool(child, &truth) || truth == (m->number == 1));
        check_number(m, child);
    }
    json_destroy(&root);
}

/* The first octet chooses the plan, the rest is the document. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct command command;
    char error[160] = "";
    struct command_traces traces;
    const char *json = (const char *)data + 1;
    enum command_fault fault =
        commands_parse(json, size - 1, &operator_id, &command, error, sizeof(error));
    commands_find_traces(json, size - 1, &traces);
    check_flat(json, size - 1);
    if (fault != COMMAND_OK) {
        MUST(error[0] && str_utf8_valid(error, strlen(error)) && !command.json);
        return 0;
    }
    check_split(&command, data[0]);
    commands_clear(&command);
    return 0;
}
