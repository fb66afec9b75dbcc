// A sandbox whose root directory can be written to: what the command writes goes to a layer in memory of a bounded size,
// which lies over the files of the root directory (overlayfs) and is gone with the sandbox. The first process in the sandbox
// makes it, from within, because only there is it nobody else's.
//
// A command is not root, but the files of a root directory are root's as a rule. Where the host is root, the command finds
// them as its own: by an idmapped mount, which changes nothing on the disk. Elsewhere the command is the user of the host.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host.h"

// The C library has these since 2.36 only; the numbers are the same on all machines.
#define CALL_OPEN_TREE 428
#define CALL_MOVE_MOUNT 429
#define CALL_MOUNT_SETATTR 442
#define TREE_CLONE 1
#define MOVE_EMPTY_PATH 4
#define ATTR_READ_ONLY 0x1
#define ATTR_NO_SUID 0x2
#define ATTR_NO_DEVICES 0x4
#define ATTR_IDMAP 0x100000

struct attributes {
  uint64_t set, clear, propagation, userns_fd;
};

#define PLACE "/.execd"
#define LOWER PLACE "/lower"
#define LAYER PLACE "/layer"
#define WHOLE PLACE "/whole"

/** Room for small files beside what the bytes make. */
#define SPARE_FILES 16384

// ------------------------------------------------------------------------------------------ from outside

int layer_lower(const char *root, uid_t uid) {
  int users = userns_make(uid);
  if (users < 0) return -1;
  int fd = (int)syscall(CALL_OPEN_TREE, AT_FDCWD, root, TREE_CLONE | O_CLOEXEC);
  struct attributes attributes = {.set = ATTR_READ_ONLY | ATTR_NO_SUID | ATTR_NO_DEVICES | ATTR_IDMAP,
                                  .userns_fd = (uint64_t)users};
  bool is_done = fd >= 0 && syscall(CALL_MOUNT_SETATTR, fd, "", AT_EMPTY_PATH, &attributes, sizeof attributes) == 0;
  int error = errno;
  close(users);
  if (fd >= 0 && !is_done) close(fd);
  errno = error;
  return is_done ? fd : -1;
}

static void add(struct strings *args, const char *option, const char *from, const char *to) {
  strings_add(args, must_copy(option));
  if (from != NULL) strings_add(args, must_copy(from));
  strings_add(args, must_copy(to));
}

void layer_add(struct strings *args, const char *root, bool is_root) {
  static const char *const dirs[] = {PLACE, LOWER, LAYER, WHOLE, NULL};
  for (const char *const *dir = dirs; *dir != NULL; dir++) {
    add(args, "--perms", NULL, "0700");
    add(args, "--dir", NULL, *dir);
  }
  if (!is_root) add(args, "--ro-bind", root, LOWER);
}

// ------------------------------------------------------------------------------------------ from within

static char *failed(const char *what) { return must_format("%s: %s", what, strerror(errno)); }

static char *make_layer(const struct sandbox_extra *extra) {
  char *options = must_format("mode=0700,size=%lld,nr_inodes=%lld", (long long)extra->layer_bytes,
                              (long long)extra->layer_bytes / 4096 + SPARE_FILES);
  char *problem = mount("tmpfs", LAYER, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0 ? failed("its layer") : NULL;
  free(options);
  static const char up[] = LAYER "/up";
  if (problem == NULL && (mkdir(up, 0755) < 0 || chmod(up, 0755) < 0 || mkdir(LAYER "/work", 0700) < 0 ||
                          (extra->uid != 0 && chown(up, extra->uid, extra->uid) < 0)))
    problem = failed("its layer");
  return problem;
}

static char *make_overlay(void) {
  // Without "userxattr" nothing can be noted in it from within a user namespace.
  static const char options[] = "lowerdir=" LOWER ",upperdir=" LAYER "/up,workdir=" LAYER "/work,userxattr";
  if (mount("overlay", WHOLE, "overlay", MS_NOSUID | MS_NODEV, options) == 0) return NULL;
  return must_format("an overlay over its root directory (%s); that takes Linux 5.11 or newer with overlayfs, and a "
                     "file system that it can lie over",
                     strerror(errno));
}

/** Makes a directory, or a file, with all above it. Whatever else the root has on that way makes room in the layer. */
static bool make_place(char *path, bool is_file) {
  for (char *at = path + strlen(WHOLE); *at == '/';) {
    at += 1 + strcspn(at + 1, "/");
    char end = *at;
    *at = 0;
    struct stat stat_;
    mode_t wanted = is_file && end == 0 ? S_IFREG : S_IFDIR;
    bool is_there = lstat(path, &stat_) == 0;
    if (is_there && (stat_.st_mode & S_IFMT) != wanted) is_there = unlink(path) < 0;
    if (!is_there && wanted == S_IFDIR) is_there = mkdir(path, 0755) == 0;
    if (!is_there && wanted == S_IFREG) {
      int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
      is_there = fd >= 0;
      if (is_there) close(fd);
    }
    *at = end;
    if (!is_there) return false;
  }
  return true;
}

/** What bwrap has made around the root directory is put into the whole one. */
static char *put_into(const struct strings *places) {
  char *problem = NULL;
  for (uint32_t i = 0; problem == NULL && i < places->count; i++) {
    const char *from = places->items[i];
    struct stat stat_;
    if (lstat(from, &stat_) < 0) continue;
    char *to = must_format("%s%s", WHOLE, from);
    if (!make_place(to, !S_ISDIR(stat_.st_mode)) || mount(from, to, NULL, MS_BIND | MS_REC, NULL) < 0)
      problem = errno == EOVERFLOW ? must_format("%s: a directory above it belongs to another user than this host's", from)
                                   : failed(from);
    free(to);
  }
  return problem;
}

char *layer_enter(const struct sandbox_extra *extra, int lower) {
  // bwrap has left this process with a user namespace that the mounts are not in.
  if (lower < 0 && unshare(CLONE_NEWNS) < 0) return failed("mounts of its own");
  if (lower >= 0 && syscall(CALL_MOVE_MOUNT, lower, "", AT_FDCWD, LOWER, MOVE_EMPTY_PATH) < 0)
    return failed("its root directory");
  mode_t mask = umask(0);
  char *problem = make_layer(extra);
  if (problem == NULL) problem = make_overlay();
  if (problem == NULL) problem = put_into(&extra->places);
  umask(mask);
  if (problem != NULL) return problem;
  bool is_done = chdir(WHOLE) == 0 && syscall(SYS_pivot_root, ".", ".") == 0 && umount2(".", MNT_DETACH) == 0;
  return is_done && chdir("/") == 0 ? NULL : failed("its root directory");
}
