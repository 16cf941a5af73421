/* An anonymous mapping of its own, so that no neighbour shares its pages. */
#include <string.h>
#include <sys/mman.h>

#include "bridge/https_buffer.h"

void https_buffer_create(struct https_buffer *b, size_t size)
{
    void *data = mmap(NULL, size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        panic("no memory for %zu octets", size);
    mlock(data, size + 1);
    madvise(data, size + 1, MADV_DONTDUMP);
    madvise(data, size + 1, MADV_DONTFORK);
    *b = (struct https_buffer){.data = data, .size = size};
}

void https_buffer_free(struct https_buffer *b)
{
    if (!b->data)
        return;
    explicit_bzero(b->data, b->size + 1);
    munmap(b->data, b->size + 1);
    *b = (struct https_buffer){0};
}

bool https_buffer_append(struct https_buffer *b, const void *data, size_t len)
{
    if (len > b->size - b->len)
        return false;
    memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return true;
}
