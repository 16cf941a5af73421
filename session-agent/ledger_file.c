/* Makes, checks, locks and maps the ledger's file. */
#include "session-agent/ledger_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/random.h"

static const char magic[8] = "SMPPLEDG";

uint64_t ledger_sum(uint64_t sum, const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t h = sum ^ UINT64_C(0xcbf29ce484222325) ^ len;
    for (; len >= 8; p += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    for (; len; p++, len--)
        h = (h ^ *p) * UINT64_C(0x100000001b3);
    h ^= h >> 32;
    return h ? h : 1;
}

/* --- layout --- */

static void lay_out(struct ledger_header *h, size_t bytes)
{
    size_t floors = bytes >= LEDGER_BYTES_DEFAULT ? LEDGER_FLOORS_MAX : LEDGER_FLOORS_MAX / 16;
    size_t left = bytes - LEDGER_HEADER_SIZE - floors * sizeof(struct ledger_floor_slot);
    size_t keys = bytes / 4 / sizeof(struct ledger_key_record);
    left -= keys * sizeof(struct ledger_key_record);
    *h = (struct ledger_header){
        .version = LEDGER_FILE_VERSION,
        .slot_size = sizeof(struct ledger_slot),
        .slots = (uint32_t)(left / sizeof(struct ledger_slot)),
        .keys = (uint32_t)keys,
        .floors = (uint32_t)floors,
        .size = bytes,
    };
    memcpy(h->magic, magic, sizeof magic);
    h->sum = ledger_sum(0, h, offsetof(struct ledger_header, sum));
}

/* Why this header is not ours; NULL: it is. */
static const char *header_fault(const struct ledger_header *h, size_t file_size)
{
    struct ledger_header expected;
    if (memcmp(h->magic, magic, sizeof magic) != 0)
        return "is no ledger";
    if (h->version != LEDGER_FILE_VERSION)
        return "is a ledger of another version";
    if (h->size != file_size || file_size < LEDGER_BYTES_MIN)
        return "was cut or extended";
    lay_out(&expected, file_size);
    if (memcmp(h, &expected, offsetof(struct ledger_header, beat_ns)) != 0)
        return "is damaged in its header";
    return NULL;
}

static int map_file(struct ledger_file *f, size_t size, char *error_r, size_t error_size)
{
    uint8_t *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
    if (at == MAP_FAILED) {
        snprintf(error_r, error_size, "can't map the ledger: %s", strerror(errno));
        return -1;
    }
    f->header = (struct ledger_header *)(void *)at;
    at += LEDGER_HEADER_SIZE;
    f->floors = (struct ledger_floor_slot *)(void *)at;
    at += f->header->floors * sizeof *f->floors;
    f->keys = (struct ledger_key_record *)(void *)at;
    at += f->header->keys * sizeof *f->keys;
    f->slots = (struct ledger_slot *)(void *)at;
    return 0;
}

/* --- opening --- */

/* Every page is there before the first write through the map, which would else be a SIGBUS. */
static int allocate(int fd, size_t bytes)
{
    int status;
    do {
        status = posix_fallocate(fd, 0, (off_t)bytes);
    } while (status == EINTR);
    return status;
}

static int fill_new(int fd, size_t bytes, char *error_r, size_t error_size)
{
    struct ledger_header h;
    int status = allocate(fd, bytes);
    if (status) {
        snprintf(error_r, error_size, "no room for a ledger of %zu bytes: %s", bytes,
                 strerror(status));
        return -1;
    }
    lay_out(&h, bytes);
    if (pwrite(fd, &h, sizeof h, 0) != (ssize_t)sizeof h) {
        snprintf(error_r, error_size, "can't write the ledger's header: %s", strerror(errno));
        return -1;
    }
    return 0;
}

/* Complete under another name first: whoever finds the file finds it whole. */
static int create_file(const char *path, size_t bytes, char *error_r, size_t error_size)
{
    char new_path[4096];
    if ((size_t)snprintf(new_path, sizeof new_path, "%s.new", path) >= sizeof new_path) {
        snprintf(error_r, error_size, "the path is too long");
        return -1;
    }
    unlink(new_path); /* of one who died here */
    int fd = open(new_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        snprintf(error_r, error_size, "can't create %s: %s", new_path, strerror(errno));
        return -1;
    }
    bool ok = fill_new(fd, bytes, error_r, error_size) == 0;
    if (ok && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        snprintf(error_r, error_size, "can't lock %s: %s", new_path, strerror(errno));
        ok = false;
    }
    if (ok && rename(new_path, path) != 0) {
        snprintf(error_r, error_size, "can't rename %s: %s", new_path, strerror(errno));
        ok = false;
    }
    if (ok)
        return fd;
    unlink(new_path);
    close(fd);
    return -1;
}

static int put_aside(const char *path, const char *fault, char *note_r, size_t note_size,
                     char *error_r, size_t error_size)
{
    char bad_path[4096];
    if ((size_t)snprintf(bad_path, sizeof bad_path, "%s.bad", path) >= sizeof bad_path ||
        rename(path, bad_path) != 0) {
        snprintf(error_r, error_size, "the file %s, and can't be renamed: %s", fault,
                 strerror(errno));
        return -1;
    }
    snprintf(note_r, note_size, "the former file %s; it was renamed to %s", fault, bad_path);
    return 0;
}

/* The descriptor of a good file; −1: an error; −2: there is none (any more), make one. */
static int open_existing(const char *path, char *note_r, size_t note_size, char *error_r,
                         size_t error_size)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return -2;
    if (fd < 0) {
        snprintf(error_r, error_size, "can't open %s: %s", path, strerror(errno));
        return -1;
    }
    struct ledger_header h = {.version = 0};
    struct stat st;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        snprintf(error_r, error_size, "%s is in use by another process", path);
        goto fail;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        snprintf(error_r, error_size, "%s is not a regular file", path);
        goto fail;
    }
    ssize_t got = pread(fd, &h, sizeof h, 0);
    const char *fault = got == (ssize_t)sizeof h ? header_fault(&h, (size_t)st.st_size)
                                                 : "is too short for a ledger";
    if (fault) {
        int status = put_aside(path, fault, note_r, note_size, error_r, error_size);
        close(fd);
        return status == 0 ? -2 : -1;
    }
    int status = allocate(fd, (size_t)st.st_size);
    if (status == 0)
        return fd;
    snprintf(error_r, error_size, "no room for all of the ledger: %s", strerror(status));
fail:
    close(fd);
    return -1;
}

int ledger_file_open(struct ledger_file *f, const char *path, size_t bytes, bool *fresh_r,
                     char *note_r, size_t note_size, char *error_r, size_t error_size)
{
    *f = (struct ledger_file){.fd = -1};
    *fresh_r = false;
    note_r[0] = '\0';
    if (bytes < LEDGER_BYTES_MIN) {
        snprintf(error_r, error_size, "a ledger has at least %u bytes", LEDGER_BYTES_MIN);
        return -1;
    }
    bytes -= bytes % 4096;
    f->fd = open_existing(path, note_r, note_size, error_r, error_size);
    if (f->fd == -1)
        return -1;
    if (f->fd == -2) {
        *fresh_r = true;
        f->fd = create_file(path, bytes, error_r, error_size);
        if (f->fd < 0)
            return -1;
    }
    struct stat st;
    if (fstat(f->fd, &st) != 0 || map_file(f, (size_t)st.st_size, error_r, error_size) != 0) {
        close(f->fd);
        return -1;
    }
    if (f->header->size != bytes)
        snprintf(note_r, note_size, "the file has %llu bytes and keeps them",
                 (unsigned long long)f->header->size);
    atomic_store(&f->header->pid, (int32_t)getpid());
    static const uint8_t none[sizeof f->header->home];
    if (memcmp(f->header->home, none, sizeof none) == 0) /* new, or of a version without */
        random_bytes(f->header->home, sizeof f->header->home);
    return 0;
}

void ledger_file_close(struct ledger_file *f)
{
    munmap(f->header, f->header->size);
    close(f->fd);
    *f = (struct ledger_file){.fd = -1};
}

int ledger_peek(const char *path, struct ledger_pulse *pulse_r, char *error_r, size_t error_size)
{
    struct ledger_header h = {.version = 0};
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(error_r, error_size, "can't open %s: %s", path, strerror(errno));
        return -1;
    }
    bool whole = fstat(fd, &st) == 0 && pread(fd, &h, sizeof h, 0) == (ssize_t)sizeof h;
    close(fd);
    const char *fault = whole ? header_fault(&h, (size_t)st.st_size) : "is too short for a ledger";
    if (fault) {
        snprintf(error_r, error_size, "the file %s", fault);
        return -1;
    }
    *pulse_r = (struct ledger_pulse){.beat_ns = h.beat_ns, .pid = h.pid};
    return 0;
}
