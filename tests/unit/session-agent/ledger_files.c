/* Directories and files for the ledger's tests. */
#include "ledger_files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit_test.h"

const uint8_t operator_a[16] = "operator-aaaaaaa", operator_b[16] = "operator-bbbbbbb";

static char directory[64];

void files_begin(void)
{
    strcpy(directory, "/tmp/ledger-test-XXXXXX");
    assert_non_null(mkdtemp(directory));
}

void files_end(void)
{
    DIR *dir = opendir(directory);
    struct dirent *entry;
    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] != '.')
            unlink(files_path(entry->d_name));
    }
    closedir(dir);
    rmdir(directory);
}

const char *files_path(const char *name)
{
    static char paths[2][512];
    static unsigned turn;
    turn = !turn;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", directory, name);
    return paths[turn];
}

uint8_t *files_read(const char *path, size_t *len_r)
{
    struct stat st;
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &st), 0);
    uint8_t *data = malloc((size_t)st.st_size + 1);
    assert_int_equal(fread(data, 1, (size_t)st.st_size, f), st.st_size);
    fclose(f);
    *len_r = (size_t)st.st_size;
    return data;
}

void files_write(const char *path, const void *data, size_t len)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

struct ledger *files_open(const char *path, struct ledger_recovery *recovery_r)
{
    struct ledger *l;
    struct ledger_recovery recovery;
    char error[256] = "";
    if (ledger_open(path, SMALL_LEDGER, RECOVERY_WALL_MS, &l, &recovery, error, sizeof error) != 0)
        fail_msg("%s", error);
    if (recovery_r)
        *recovery_r = recovery;
    return l;
}

struct ipc_key test_key(uint64_t sequence, uint8_t segment)
{
    return (struct ipc_key){
        .stream = 77, .sequence = sequence, .time_ns = 1000 + sequence, .segment = segment};
}

struct bytes text_bytes(const char *text)
{
    return (struct bytes){.data = (const uint8_t *)text, .len = strlen(text)};
}

void no_owner(void *owner, void *arg)
{
    (void)owner, (void)arg;
    fail_msg("nobody owns these entries");
}
