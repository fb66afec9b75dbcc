// Sandboxes of a host that is root. Such a host must not hand its rights to read files on to commands, so each sandbox gets
// a user namespace in which the users of this machine are what they are outside. bwrap makes the sandbox as root of that
// namespace; the first process in it (init.c) finishes it and becomes the user of the command before it starts anything.
//
// Where the host is not root the kernel gives it no namespace with more than one user: there bwrap does all of it.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

const char *const sandbox_places[] = {"/tmp", "/var/tmp", "/run", "/dev/shm", NULL};

// ------------------------------------------------------------------------------------------ the namespace, from outside

#define STACK_BYTES (16 * 1024)

/** Is there, until it is killed, or this host dies. It shares the memory of the host: it may call the system only. */
__attribute__((no_sanitize("address", "undefined"))) static int idle_main(void *arg) {
  syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (syscall(SYS_getppid) != *(const pid_t *)arg) syscall(SYS_exit, 0);
  for (;;) syscall(SYS_ppoll, NULL, 0, NULL, NULL, 8);
  return 0;
}

/** All users, or groups, of this process's namespace, each as itself; malloc'ed. NULL with errno. */
static char *same_users(const char *file) {
  char *own = must_format("/proc/self/%s", file), *text = must_copy("");
  FILE *from = fopen(own, "re");
  free(own);
  unsigned long first, count;
  while (from != NULL && fscanf(from, "%lu %*u %lu", &first, &count) == 2) {
    char *longer = must_format("%s%lu %lu %lu\n", text, first, first, count);
    free(text);
    text = longer;
  }
  if (from != NULL) fclose(from);
  else free(text);
  return from == NULL ? NULL : text;
}

/** The users of the machine, one of them in the place of root and root in its. */
static char *swapped_users(uid_t one) {
  unsigned user = (unsigned)one;
  char *between = user == 1 ? must_copy("") : must_format("1 1 %u\n", user - 1);
  char *text = must_format("0 %u 1\n%s%u 0 1\n%u %u %u\n", user, between, user, user + 1, user + 1, UINT32_MAX - user - 1);
  free(between);
  return text;
}

/** Returns 0 or an errno. */
static int map_users(pid_t pid, const char *file, uid_t swapped) {
  char *text = swapped == 0 ? same_users(file) : swapped_users(swapped);
  if (text == NULL) return errno;
  char *path = must_format("/proc/%d/%s", (int)pid, file);
  int to = open(path, O_WRONLY | O_CLOEXEC);
  // In one piece: the kernel takes a single write.
  int error = to < 0 || write(to, text, strlen(text)) < 0 ? errno : 0;
  if (to >= 0) close(to);
  free(text);
  free(path);
  return error;
}

int userns_make(uid_t swapped) {
  static _Thread_local _Alignas(64) uint8_t stack[STACK_BYTES];
  pid_t host = getpid();
  // Without a signal at its end: nobody but this thread waits for it.
  pid_t pid = clone(idle_main, stack + STACK_BYTES, CLONE_VM | CLONE_NEWUSER, &host);
  if (pid < 0) return -1;
  int error = map_users(pid, "uid_map", swapped);
  if (error == 0) error = map_users(pid, "gid_map", swapped);
  char *path = must_format("/proc/%d/ns/user", (int)pid);
  int fd = error == 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (error == 0 && fd < 0) error = errno;
  free(path);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, __WALL);
  errno = error;
  return fd;
}

// ------------------------------------------------------------------------------------------ from within

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
