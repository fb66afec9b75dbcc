// What /proc says of processes, and signals that reach the right ones.
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host.h"

/** Reads the beginning of a small file, and whose it is; -1 when it is not there. */
static ssize_t read_small(const char *path, char *text, size_t size, uid_t *uid) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t length = read(fd, text, size - 1);
  struct stat stat_ = {0};
  if (uid != NULL) {
    fstat(fd, &stat_);
    *uid = stat_.st_uid;
  }
  close(fd);
  if (length >= 0) text[length] = 0;
  return length;
}

bool process_read(pid_t pid, struct process *process) {
  char path[32], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  uid_t uid;
  if (read_small(path, text, sizeof text, &uid) <= 0) return false;
  // The command name may hold anything, parentheses too: the fields begin behind the last one.
  const char *fields = strrchr(text, ')');
  int parent, group, session;
  unsigned long long start_time;
  char state;
  if (fields == NULL || sscanf(fields + 1,
                               " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                               &state, &parent, &group, &session, &start_time) != 5)
    return false;
  *process = (struct process){pid, parent, group, session, state, start_time, uid, NULL};
  return true;
}

uint64_t process_tag(pid_t pid) {
  struct {
    uint64_t soft, hard;
  } limit;
  return syscall(SYS_prlimit64, pid, RLIMIT_LOCKS, NULL, &limit) < 0 ? 0 : limit.hard;
}

char *process_variable(pid_t pid, const char *prefix) {
  char path[32];
  snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NULL;
  size_t size = 4096, length = 0;
  char *text = must_alloc(size + 1);
  for (ssize_t got; (got = read(fd, text + length, size - length)) > 0;) {
    length += (size_t)got;
    if (length == size) text = must_grow(text, (size *= 2) + 1);
  }
  close(fd);
  text[length] = 0;
  char *found = NULL;
  for (const char *at = text; found == NULL && at < text + length; at += strlen(at) + 1)
    if (strncmp(at, prefix, strlen(prefix)) == 0) found = must_copy(at + strlen(prefix));
  free(text);
  return found;
}

void process_signal(const struct process *process, int signal) {
  int fd = (int)syscall(SYS_pidfd_open, process->pid, 0);
  if (fd < 0) return;
  // A second look, now that the number cannot be given to another one behind our back.
  struct process seen;
  if (process_read(process->pid, &seen) && seen.start_time == process->start_time)
    syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0);
  close(fd);
}

/** Where the listing of /proc has the processes: behind its other entries (fs/proc/base.c, TGID_OFFSET). */
#define FIRST_PROCESS 257

void each_pid(pid_t from, void (*fn)(pid_t pid, void *arg), void *arg) {
  static DIR *entries;
  if (entries == NULL) entries = opendir("/proc");
  if (entries == NULL) die("/proc");
  rewinddir(entries);
  if (from > 1) seekdir(entries, from + FIRST_PROCESS);
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    if (!isdigit((unsigned char)entry->d_name[0])) continue;
    pid_t pid = atoi(entry->d_name);
    if (pid >= from) fn(pid, arg);
  }
}

pid_t last_pid(void) {
  char text[128];
  if (read_small("/proc/loadavg", text, sizeof text, NULL) <= 0) return 0;
  const char *last = strrchr(text, ' ');
  return last == NULL ? 0 : atoi(last);
}
