// Memory that an attempt holds beside what its processes have mapped: files in memory that only descriptors lead to
// (memfd_create(2)), what lies in the places of a sandbox, and System V shared memory of its own user.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "host.h"

/** What the kernel keeps for each file in memory, about. */
#define INODE_BYTES 1024

struct file_id {
  dev_t device;
  ino_t inode;
};

/** Counted once, however many descriptors lead to them; the loop's alone. */
static struct file_id *counted;
static size_t counted_count, counted_size;

static bool is_counted(struct file_id id) {
  for (size_t i = 0; i < counted_count; i++)
    if (counted[i].inode == id.inode && counted[i].device == id.device) return true;
  if (counted_count == counted_size) {
    counted_size = counted_size == 0 ? 64 : counted_size * 2;
    counted = must_grow(counted, counted_size * sizeof *counted);
  }
  counted[counted_count++] = id;
  return false;
}

static int64_t memfds_of(pid_t pid) {
  static const char prefix[] = "/memfd:";
  char path[32], target[sizeof prefix];
  snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
  DIR *entries = opendir(path);
  int64_t bytes = 0;
  for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
    ssize_t length = readlinkat(dirfd(entries), entry->d_name, target, sizeof prefix - 1);
    if (length != sizeof prefix - 1 || memcmp(target, prefix, sizeof prefix - 1) != 0) continue;
    struct stat stat_;
    if (fstatat(dirfd(entries), entry->d_name, &stat_, 0) < 0) continue;
    if (!is_counted((struct file_id){stat_.st_dev, stat_.st_ino})) bytes += stat_.st_blocks * 512;
  }
  if (entries != NULL) closedir(entries);
  return bytes;
}

/** What a place in memory holds, as the first process of a sandbox sees it. */
static int64_t place_bytes(pid_t first, const char *place) {
  char path[64];
  struct statfs fs;
  struct stat stat_;
  snprintf(path, sizeof path, "/proc/%d/root%s", (int)first, place);
  if (lstat(path, &stat_) < 0 || !S_ISDIR(stat_.st_mode) || statfs(path, &fs) < 0) return 0;
  return (int64_t)(fs.f_blocks - fs.f_bfree) * fs.f_bsize + (int64_t)(fs.f_files - fs.f_ffree) * INODE_BYTES;
}

/** An overlay says of itself what its layer holds. */
static int64_t places_of(pid_t first, bool has_layer) {
  int64_t bytes = has_layer ? place_bytes(first, "/") : 0;
  for (const char *const *place = sandbox_places; *place != NULL; place++) bytes += place_bytes(first, *place);
  return bytes;
}

int64_t memory_held(const struct attempt *attempt, const struct process *processes, size_t count) {
  int64_t bytes = attempt->is_sandboxed || attempt->uid == 0 ? 0 : ipc_bytes(attempt->uid);
  counted_count = 0;
  for (size_t i = 0; i < count; i++) {
    if (!holds_sandbox(attempt, &processes[i])) bytes += memfds_of(processes[i].pid);
    else if (processes[i].pid != attempt->spawned.pid) bytes += places_of(processes[i].pid, attempt->start->layer_bytes > 0);
  }
  return bytes;
}
