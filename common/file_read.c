/* Reads a small file in one go, leaving no second copy of it in memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file_read.h"

/* Up to `size` bytes; less only at the end of the file. −1 with errno. */
static ssize_t read_all(int fd, char *out, size_t size)
{
    size_t len = 0;
    while (len < size) {
        ssize_t n = read(fd, out + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

static char *read_open(int fd, const char *path, size_t max, size_t *len_r, char *error_r,
                       size_t error_size)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        snprintf(error_r, error_size, "%s: %s", path, strerror(errno));
        return NULL;
    }
    if (!S_ISREG(st.st_mode)) {
        snprintf(error_r, error_size, "%s: not a regular file", path);
        return NULL;
    }
    /* Not st_size: a file may grow, and those of /proc say 0. */
    char *data = xmalloc(max + 1);
    ssize_t len = read_all(fd, data, max + 1);
    if (len >= 0 && (size_t)len <= max) {
        data[len] = 0;
        *len_r = (size_t)len;
        return data;
    }
    if (len < 0)
        snprintf(error_r, error_size, "%s: %s", path, strerror(errno));
    else
        snprintf(error_r, error_size, "%s: larger than %zu bytes", path, max);
    explicit_bzero(data, max + 1);
    free(data);
    return NULL;
}

char *file_read(const char *path, size_t max, size_t *len_r, char *error_r, size_t error_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us up */
    if (fd < 0) {
        snprintf(error_r, error_size, "%s: %s", path, strerror(errno));
        return NULL;
    }
    char *data = read_open(fd, path, max, len_r, error_r, error_size);
    close(fd);
    return data;
}
