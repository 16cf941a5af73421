/*
 * Each secret has pages of its own. memfd_secret(2) takes them out of the kernel's own map, so that
 * neither /proc/<pid>/mem nor a core file shows them. Where that is missing (off by default before
 * Linux 6.5) or forbidden they are locked pages, left out of core files and empty in children.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/log.h"
#include "common/secret.h"

enum { MAX_SIZE = 4096 };

struct secret {
    uint8_t *pages;
    size_t size, mapped;
};

static void *map_memfd_secret(size_t len)
{
    int fd = (int)syscall(SYS_memfd_secret, 0);
    if (fd < 0)
        return NULL;
    void *pages = MAP_FAILED;
    if (ftruncate(fd, (off_t)len) == 0)
        pages = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (pages == MAP_FAILED)
        return NULL;
    if (madvise(pages, len, MADV_DONTFORK) != 0)
        panic("MADV_DONTFORK failed");
    return pages;
}

static void *map_locked(size_t len)
{
    void *pages = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        panic("out of memory (%zu bytes)", len);
    if (madvise(pages, len, MADV_DONTDUMP) != 0 || madvise(pages, len, MADV_WIPEONFORK) != 0)
        panic("madvise failed");
    static bool told;
    if (mlock(pages, len) != 0 && !told) {
        told = true;
        log_warn("secrets can't be locked into memory and may be swapped out",
                 LOG_STR("limit", "RLIMIT_MEMLOCK"));
    }
    return pages;
}

struct secret *secret_create(size_t size)
{
    INVARIANT(size > 0 && size <= MAX_SIZE);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct secret *s = xcalloc(1, sizeof(*s));
    s->size = size;
    s->mapped = (size + page - 1) / page * page;
    s->pages = map_memfd_secret(s->mapped);
    if (!s->pages)
        s->pages = map_locked(s->mapped);
    memset(s->pages, 0, s->mapped);
    return s;
}

void secret_destroy(struct secret **s)
{
    if (!*s)
        return;
    explicit_bzero((*s)->pages, (*s)->mapped);
    munmap((*s)->pages, (*s)->mapped);
    free(*s);
    *s = NULL;
}

uint8_t *secret_data(struct secret *s)
{
    return s->pages;
}

size_t secret_size(const struct secret *s)
{
    return s->size;
}

void secret_harden_process(void)
{
    struct rlimit none = {0, 0};
    if (prctl(PR_SET_DUMPABLE, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
        panic("core dumps can't be switched off");
}
