/* Picks a few "name:value" lines out of INFO. */
#include <string.h>

#include "common/str.h"
#include "bridge/redis_info.h"

static struct bytes field(const char *text, size_t len, const char *name)
{
    size_t name_len = strlen(name);
    const char *end = text + len;
    for (const char *line = text; line < end;) {
        const char *line_end = memchr(line, '\n', (size_t)(end - line));
        line_end = line_end ? line_end : end;
        size_t line_len = (size_t)(line_end - line);
        if (line_len > name_len && memcmp(line, name, name_len) == 0 && line[name_len] == ':') {
            const char *value = line + name_len + 1;
            size_t value_len = line_len - name_len - 1;
            value_len -= value_len > 0 && value[value_len - 1] == '\r';
            return (struct bytes){(const uint8_t *)value, value_len};
        }
        line = line_end + 1;
    }
    return (struct bytes){0};
}

static bool is(struct bytes value, const char *word)
{
    return str_equal((const char *)value.data, value.len, word, strlen(word));
}

void redis_info_parse(const char *text, size_t len, struct redis_info *info_r)
{
    struct bytes run_id = field(text, len, "run_id");
    struct bytes replication_id = field(text, len, "master_replid");
    *info_r = (struct redis_info){
        .loading = is(field(text, len, "loading"), "1"),
        .replica = is(field(text, len, "role"), "slave"),
    };
    if (run_id.len == 0)
        return;
    struct str_out out = str_out(info_r->run_id, sizeof(info_r->run_id));
    str_put(&out, (const char *)run_id.data, run_id.len);
    str_putc(&out, '/');
    str_put(&out, (const char *)replication_id.data, replication_id.len);
}
