// Sandboxes of a host that is root. bwrap makes such a sandbox as root of a user namespace (userns.c); the first process in
// it (init.c) finishes it and becomes the user of the command before it starts anything.
//
// Where the host is not root the kernel gives it no namespace with more than one user: there bwrap does all of it.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host.h"

const char *const sandbox_places[] = {"/tmp", "/var/tmp", "/run", "/dev/shm", NULL};

/** Files in memory are memory that no size counts: as many as there are pages of 4 KiB. */
#define MOST_FILES "65536"

static char *failed(const char *what) { return must_format("%s: %s", what, strerror(errno)); }

static bool is_directory(const char *path) {
  struct stat stat_;
  return lstat(path, &stat_) == 0 && S_ISDIR(stat_.st_mode);
}

static char *bound_files(void) {
  for (const char *const *place = sandbox_places; *place != NULL; place++)
    if (is_directory(*place) &&
        mount("tmpfs", *place, "tmpfs", MS_REMOUNT | MS_NOSUID | MS_NODEV, "nr_inodes=" MOST_FILES) < 0)
      return failed(*place);
  return NULL;
}

/** A socket in a place that is read-only can be spoken with all the same. One that has gone meanwhile needs no cover. */
static char *cover_sockets(const struct strings *sockets) {
  for (uint32_t i = 0; i < sockets->count; i++) {
    struct stat stat_;
    if (lstat(sockets->items[i], &stat_) < 0 || !S_ISSOCK(stat_.st_mode)) continue;
    if (mount("/dev/null", sockets->items[i], NULL, MS_BIND, NULL) < 0 && errno != ENOENT && errno != ENOTDIR)
      return failed(sockets->items[i]);
  }
  return NULL;
}

/** Within a user namespace of its own a command could mount a file system in memory that is not bounded. */
static char *forbid_namespaces(void) {
  int fd = open("/proc/sys/user/max_user_namespaces", O_WRONLY | O_CLOEXEC);
  bool is_done = fd >= 0 && write(fd, "0", 1) == 1;
  char *problem = is_done ? NULL : failed("/proc/sys/user/max_user_namespaces");
  if (fd >= 0) close(fd);
  return problem;
}

/** bwrap guards what the mode of a directory lets it write to; to root that is not all that can be written in there. */
static char *close_proc(void) {
  unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  return mount(NULL, "/proc", NULL, flags, NULL) < 0 ? failed("/proc") : NULL;
}

/** `uid`: 0 where this is the user of the command already. */
static char *become(uid_t uid) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
  for (int capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0;) capability += 1;
  bool is_other = uid != 0;
  if ((is_other && (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)) ||
      syscall(SYS_capset, &header, none) < 0) {
    char *what = must_format("the user %u", (unsigned)uid);
    char *problem = failed(what);
    free(what);
    return problem;
  }
  // The change of the user has taken both away.
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  return NULL;
}

char *sandbox_settle(const struct sandbox_extra *extra, int lower) {
  bool is_root = extra->uid != 0;
  char *problem = is_root ? bound_files() : NULL;
  if (problem == NULL && is_root) problem = cover_sockets(&extra->sockets);
  if (problem == NULL && extra->layer_bytes > 0) problem = layer_enter(extra, lower);
  if (problem == NULL) problem = forbid_namespaces();
  if (problem == NULL) problem = close_proc();
  return problem != NULL ? problem : become(extra->uid);
}
