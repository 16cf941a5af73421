/* Refuses what can't work before NNG sees it, in words that name the path. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/ipc_path.h"
#include "common/str.h"

static const char scheme[] = "ipc://";

int ipc_path_of_url(const char *url, const char **path_r, char *error_r, size_t error_size)
{
    size_t room = sizeof(((struct sockaddr_un *)NULL)->sun_path);
    const char *path = url + strlen(scheme);
    if (strncmp(url, scheme, strlen(scheme)) != 0 || path[0] != '/') {
        snprintf(error_r, error_size, "%s: not of the form ipc:///path", url);
        return -1;
    }
    if (strlen(path) >= room) {
        snprintf(error_r, error_size, "%s: the path has %zu bytes, a socket's has room for %zu",
                 url, strlen(path), room - 1);
        return -1;
    }
    *path_r = path;
    return 0;
}

static int check_directory(const char *path, char *error_r, size_t error_size)
{
    char dir[PATH_MAX];
    size_t len = (size_t)(strrchr(path, '/') - path);
    struct stat st;
    if (!str_copy(dir, sizeof(dir), path, len ? len : 1)) {
        snprintf(error_r, error_size, "%s: the path is too long", path);
        return -1;
    }
    if (stat(dir, &st) != 0) {
        snprintf(error_r, error_size, "%s: %s", dir, strerror(errno));
        return -1;
    }
    if (!S_ISDIR(st.st_mode)) {
        snprintf(error_r, error_size, "%s: not a directory", dir);
        return -1;
    }
    if (access(dir, W_OK | X_OK) != 0) {
        snprintf(error_r, error_size, "%s: no socket can be made there: %s", dir, strerror(errno));
        return -1;
    }
    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
        snprintf(error_r, error_size, "%s: is there and is no socket", path);
        return -1;
    }
    return 0;
}

int ipc_path_lock(const char *path, int *fd_r, char *error_r, size_t error_size)
{
    if (check_directory(path, error_r, error_size) != 0)
        return -1;
    char lock[PATH_MAX];
    snprintf(lock, sizeof(lock), "%s.lock", path);
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        snprintf(error_r, error_size, "%s: %s", lock, strerror(errno));
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        bool held = errno == EWOULDBLOCK;
        snprintf(error_r, error_size, "%s: %s", lock,
                 held ? "another process listens on this path" : strerror(errno));
        close(fd);
        return -1;
    }
    *fd_r = fd;
    return 0;
}
