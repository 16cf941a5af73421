/* A whole small file: settings, certificates, tokens. */
#ifndef COMMON_FILE_READ_H
#define COMMON_FILE_READ_H

#include "common/base.h"

/* The whole file, NUL-terminated (not counted in *len_r), for the caller to free; NULL with a
 * reason when it can't be read, is no regular file, or is larger than `max` bytes. */
char *file_read(const char *path, size_t max, size_t *len_r, char *error_r,
                size_t error_size) MUST_CHECK;

#endif
