/* C-octet strings: strict when written, lenient when read. */
#include "common/str.h"
#include "proto/smpp_text.h"

void smpp_text_put(struct buf_writer *w, const char *cstr, size_t size)
{
    size_t len = cstr ? strnlen(cstr, size) : 0;
    if (len == size) {
        w->failed = true;
        return;
    }
    buf_put(w, cstr, len);
    buf_put_u8(w, 0);
}

const char *smpp_text_get(struct buf_reader *r)
{
    size_t left = buf_left(r);
    const uint8_t *nul = left && !r->failed ? memchr(r->pos, 0, left) : NULL;
    if (!nul) {
        r->failed = true;
        return "";
    }
    const char *text = (const char *)r->pos;
    r->pos = nul + 1;
    return text;
}

void smpp_text_copy(char *out, size_t size, struct bytes octets)
{
    const char *s = (const char *)octets.data;
    size_t len = octets.len ? strnlen(s, octets.len) : 0;
    len = min_size(len, size - 1);
    if (len)
        memcpy(out, s, len);
    out[len] = '\0';
}
