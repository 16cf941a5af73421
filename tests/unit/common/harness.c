/* Waits on conditions with deadlines on the real clock, also while a test has set the other one. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/common/harness.h"

static int64_t real_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / NS_PER_MS;
}

bool harness_until(struct loop *loop, const unsigned *count, unsigned wanted, int deadline_ms)
{
    int64_t deadline = real_ms() + deadline_ms;
    while (*count < wanted && real_ms() < deadline)
        loop_turn(loop, 10);
    return *count >= wanted;
}

void harness_turn_for(struct loop *loop, int ms)
{
    int64_t deadline = real_ms() + ms;
    while (real_ms() < deadline)
        loop_turn(loop, 10);
}

void harness_make_dir(char path[64])
{
    snprintf(path, 64, "/tmp/smpp-test-XXXXXX");
    if (!mkdtemp(path))
        panic("mkdtemp failed");
}

static unsigned each_entry(const char *path, bool remove_it)
{
    unsigned count = 0;
    struct dirent *entry;
    DIR *dir = opendir(path);
    if (!dir)
        panic("opendir failed");
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.' && (!entry->d_name[1] || !strcmp(entry->d_name, "..")))
            continue;
        count++;
        if (remove_it)
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
    return count;
}

void harness_remove_dir(const char *path)
{
    each_entry(path, true);
    rmdir(path);
}

unsigned harness_open_descriptors(void)
{
    return each_entry("/proc/self/fd", false) - 1;
}
