/*
 * A disk that fails on demand. Preloaded into a process, it stands before the C library's file calls, asks a control
 * file what to do, and keeps a log of what was done, in order.
 *
 *   SHIM_FOLDER   only files below it are looked at
 *   SHIM_CONTROL  one order a line: "<call> <what> <part of the path> [<bytes>]"; read at every call, may change at
 *                 any time; with bytes only for writes of so many or more
 *                 what: ENOSPC, EIO: the call fails; HANG: it waits until the order is gone;
 *                 statfs takes a number: the free bytes it reports
 *   SHIM_LOG      one line a finished call: "<call> <path> <offset> <length> <ok or errno>"
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int watched(int fd, char *path, size_t size) {
  const char *folder = getenv("SHIM_FOLDER");
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, size - 1);
  if (folder == NULL || length < 0) return 0;
  path[length] = 0;
  return strncmp(path, folder, strlen(folder)) == 0;
}

/* The order for a call on a path, or "" if there is none. */
static void order_for(const char *call, const char *path, long length, char *what, size_t size) {
  what[0] = 0;
  const char *control = getenv("SHIM_CONTROL");
  int fd = control == NULL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  char text[1024];
  ssize_t got = syscall(SYS_read, fd, text, sizeof text - 1);
  syscall(SYS_close, fd);
  if (got <= 0) return;
  text[got] = 0;
  char *rest = NULL;
  for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
    char wanted_call[32], wanted_what[32], part[512];
    long bytes = 0;
    if (sscanf(line, "%31s %31s %511s %ld", wanted_call, wanted_what, part, &bytes) < 3) continue;
    if (strcmp(wanted_call, call) != 0 || strstr(path, part) == NULL || length < bytes) continue;
    snprintf(what, size, "%s", wanted_what);
    return;
  }
}

static void note(const char *call, const char *path, long offset, long length, long result) {
  const char *log = getenv("SHIM_LOG");
  int saved = errno;
  int fd = log == NULL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0) {
    char line[1024];
    int size = snprintf(line, sizeof line, "%s %s %ld %ld %s\n", call, path, offset, length,
                        result < 0 ? strerrorname_np(saved) : "ok");
    syscall(SYS_write, fd, line, (size_t)size);
    syscall(SYS_close, fd);
  }
  errno = saved;
}

/* Returns 1 and sets errno if the call shall fail. */
static int fails(const char *call, const char *path, long length) {
  char what[32];
  for (;;) {
    order_for(call, path, length, what, sizeof what);
    if (strcmp(what, "HANG") != 0) break;
    struct timespec pause = {0, 2000000};
    nanosleep(&pause, NULL);
  }
  if (strcmp(what, "ENOSPC") == 0) errno = ENOSPC;
  else if (strcmp(what, "EIO") == 0) errno = EIO;
  else return 0;
  return 1;
}

#define ON_FILE(call, fd, offset, length, action)                 \
  char path[4096];                                                \
  if (!watched(fd, path, sizeof path)) return action;             \
  long result = fails(call, path, (long)(length)) ? -1 : (long)(action); \
  note(call, path, (long)(offset), (long)(length), result);       \
  return result

ssize_t write(int fd, const void *data, size_t size) {
  ON_FILE("write", fd, -1, size, syscall(SYS_write, fd, data, size));
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
  ON_FILE("write", fd, offset, size, syscall(SYS_pwrite64, fd, data, size, offset));
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
  ON_FILE("write", fd, offset, size, syscall(SYS_pwrite64, fd, data, size, offset));
}
int fdatasync(int fd) { ON_FILE("fdatasync", fd, 0, 0, syscall(SYS_fdatasync, fd)); }
int fsync(int fd) { ON_FILE("fsync", fd, 0, 0, syscall(SYS_fsync, fd)); }
int ftruncate(int fd, off_t length) { ON_FILE("ftruncate", fd, 0, length, syscall(SYS_ftruncate, fd, length)); }
int ftruncate64(int fd, off64_t length) { ON_FILE("ftruncate", fd, 0, length, syscall(SYS_ftruncate, fd, length)); }

int rename(const char *from, const char *to) {
  const char *folder = getenv("SHIM_FOLDER");
  if (folder == NULL || strncmp(to, folder, strlen(folder)) != 0) return NEXT(rename)(from, to);
  long result = fails("rename", to, 0) ? -1 : NEXT(rename)(from, to);
  note("rename", to, 0, 0, result);
  return (int)result;
}

static void report_free(const char *path, uint64_t block, uint64_t *available) {
  char what[32];
  order_for("statfs", path, 0, what, sizeof what);
  if (what[0] != 0) *available = strtoull(what, NULL, 10) / block;
}
int statfs(const char *path, struct statfs *out) {
  int result = NEXT(statfs)(path, out);
  if (result == 0) report_free(path, (uint64_t)out->f_bsize, (uint64_t *)&out->f_bavail);
  return result;
}
int statfs64(const char *path, struct statfs64 *out) {
  int result = NEXT(statfs64)(path, out);
  if (result == 0) report_free(path, (uint64_t)out->f_bsize, (uint64_t *)&out->f_bavail);
  return result;
}
