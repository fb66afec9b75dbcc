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
  unsigned long long start_time, ticks[2];
  long long waited[2];
  char state;
  if (fields == NULL || sscanf(fields + 1,
                               " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld %lld %*d %*d %*d %*d %llu",
                               &state, &parent, &group, &session, &ticks[0], &ticks[1], &waited[0], &waited[1],
                               &start_time) != 9)
    return false;
  uint64_t cpu_ticks = ticks[0] + ticks[1] + (uint64_t)(waited[0] + waited[1]);
  *process = (struct process){pid, parent, group, session, state, start_time, cpu_ticks, uid, NULL};
  return true;
}

/** The number behind a name at the beginning of a line; -1 when there is none. */
static int64_t number_at(const char *text, const char *name) {
  const char *line = strstr(text, name);
  return line == NULL ? -1 : atoll(line + strlen(name));
}

int64_t process_memory(pid_t pid, bool is_exact, int64_t *shared) {
  char path[40], text[2048];
  if (is_exact) {
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    int64_t own = -1, in_files = -1;
    if (read_small(path, text, sizeof text, NULL) > 0) {
      own = number_at(text, "\nPss_Anon:");
      in_files = number_at(text, "\nPss_Shmem:");
    }
    if (own >= 0 && in_files >= 0) {
      *shared += in_files * 1024;
      return own * 1024;
    }
  }
  snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
  long long pages;
  if (read_small(path, text, sizeof text, NULL) <= 0 || sscanf(text, "%*u %lld", &pages) != 1) return 0;
  return pages * sysconf(_SC_PAGESIZE);
}

uint64_t process_tag(pid_t pid) {
  struct rlimit64 limit;
  return syscall(SYS_prlimit64, pid, RLIMIT_LOCKS, NULL, &limit) < 0 ? 0 : limit.rlim_max;
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
