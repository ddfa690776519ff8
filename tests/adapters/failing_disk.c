/* A layer under everything that writes: it fails the n-th write of files under a folder, or writes down what was
 * written and synced, so that a power cut can be played afterwards. Loaded before libc by the tests of crashes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long fail_at = 0, count = 0;
static int fail_with = 0, fail_for_good = 0, sync_failed = 0, trace = -1;

/* The real call, found once. */
#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int ours(int fd, char *path) {
    char link[64];
    const char *folder = getenv("FAILING_DISK");
    if (!folder || fd == trace) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strncmp(path, folder, strlen(folder)) == 0 && !strstr(path, "-shm");
}

/* From now on the n-th write or sync fails; 0: none does. With for_good so do all after it. */
void disk_fail(long at, int with, int for_good) {
    count = 0, fail_at = at, fail_with = with, fail_for_good = for_good;
    if (at) sync_failed = 0;
}
long disk_count(void) { return count; }
int disk_sync_failed(void) { return sync_failed; }

/* kind, name's length, offset, data's length; then the name and the data. */
static void note(char kind, const char *path, int64_t offset, const void *data, int64_t length) {
    static ssize_t (*put)(int, const void *, size_t);
    if (trace < 0) return;
    if (!put) put = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    int64_t head[4] = {kind, (int64_t)strlen(name), offset, length};
    if (put(trace, head, sizeof head) < 0 || put(trace, name, strlen(name)) < 0) abort();
    if (length && put(trace, data, length) < 0) abort();
}

void disk_trace(const char *path) { trace = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600); }
void disk_acknowledge(int64_t number) { note('a', "", number, NULL, 0); }

static int fails(void) {
    count++;
    if (!fail_at || count < fail_at || (count > fail_at && !fail_for_good)) return 0;
    errno = fail_with;
    return 1;
}

static ssize_t pwritten(int fd, const void *data, size_t length, off64_t offset) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    char path[PATH_MAX];
    int is_ours = ours(fd, path);
    if (is_ours && fails()) return -1;
    ssize_t done = real(fd, data, length, offset);
    if (is_ours && done > 0) note('w', path, offset, data, done);
    return done;
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) { return pwritten(fd, data, length, offset); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return pwritten(fd, data, length, offset); }

ssize_t write(int fd, const void *data, size_t length) {
    REAL(ssize_t, "write", int, const void *, size_t);
    char path[PATH_MAX];
    int is_ours = ours(fd, path);
    if (is_ours && fails()) return -1;
    off64_t offset = is_ours ? lseek64(fd, 0, SEEK_CUR) : 0;
    ssize_t done = real(fd, data, length);
    if (is_ours && done > 0) note('w', path, offset, data, done);
    return done;
}

static int synced(const char *name, int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    char path[PATH_MAX];
    int is_ours = ours(fd, path);
    if (is_ours && fails()) {
        sync_failed = 1;
        return -1;
    }
    int done = real(fd);
    if (is_ours && done == 0) note('s', path, 0, NULL, 0);
    return done;
}
int fsync(int fd) { return synced("fsync", fd); }
int fdatasync(int fd) { return synced("fdatasync", fd); }

static int cut(int fd, off64_t length) {
    REAL(int, "ftruncate64", int, off64_t);
    char path[PATH_MAX];
    int is_ours = ours(fd, path);
    if (is_ours && fails()) return -1;
    int done = real(fd, length);
    if (is_ours && done == 0) note('t', path, length, NULL, 0);
    return done;
}
int ftruncate64(int fd, off64_t length) { return cut(fd, length); }
int ftruncate(int fd, off_t length) { return cut(fd, length); }
