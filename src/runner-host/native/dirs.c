// Private directories. Most commands leave theirs untouched; such a one is handed on to the next attempt instead of being
// removed and made anew, which is dear where inodes of the recent past must not be used again (ext4). Untouched means
// that not even its change time has moved: no entry, permission or attribute of it is other than it was.
//
// What commands leave behind can be hostile: directories without permissions, very deep or very wide ones. Links are
// removed, never followed. Anything but a few files is left to rm(1), which takes no more memory for a million files than
// for one, and goes deeper than a path can say.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

/** Untouched directories; the starter's alone. */
static char **spare;
static size_t spare_count, spare_size;

/** Gives a tree that the server has made to the user of a command. Nobody else can have put anything there. */
static int give_tree(const char *path, uid_t uid) {
  char *const roots[] = {(char *)path, NULL};
  FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
  if (tree == NULL) return errno;
  int error = 0;
  for (FTSENT *entry; error == 0 && (entry = fts_read(tree)) != NULL;) {
    if (entry->fts_info == FTS_D) continue;
    if (entry->fts_info == FTS_ERR || entry->fts_info == FTS_DNR || entry->fts_info == FTS_NS) error = entry->fts_errno;
    else if (lchown(entry->fts_accpath, uid, uid) < 0) error = errno;
  }
  fts_close(tree);
  return error;
}

int private_dir_make(struct private_dir *dir, const char *path, uid_t uid) {
  if (dir->is_given) {
    dir->is_made = true;
    return uid == 0 ? 0 : give_tree(path, uid);
  }
  while (uid == 0 && spare_count > 0 && !dir->is_made) {
    char *old = spare[--spare_count];
    // One that is gone was removed by somebody else.
    dir->is_made = rename(old, path) == 0;
    free(old);
  }
  if (!dir->is_made && mkdir(path, 0700) < 0) return errno;
  dir->is_made = true;
  if (uid != 0 && lchown(path, uid, uid) < 0) return errno;
  struct stat stat_;
  if (lstat(path, &stat_) < 0) return errno;
  dir->changed_at = stat_.st_ctim;
  return 0;
}

static bool is_empty(const char *path) {
  DIR *entries = opendir(path);
  if (entries == NULL) return false;
  int count = 0;
  while (count < 3 && readdir(entries) != NULL) count += 1;
  closedir(entries);
  return count == 2;
}

static bool is_untouched(const struct private_dir *dir, const char *path) {
  struct stat stat_;
  if (lstat(path, &stat_) < 0) return false;
  // Before Linux 6.13 the change time moves by the tick only, so that an entry of the same tick must be looked for.
  return stat_.st_ctim.tv_sec == dir->changed_at.tv_sec && stat_.st_ctim.tv_nsec == dir->changed_at.tv_nsec &&
         is_empty(path);
}

void private_dir_release(struct private_dir *dir, const char *path, uid_t uid) {
  if (!dir->is_made) return;
  dir->is_made = false;
  if (dir->is_given) {
    if (uid != 0 && lchown(path, geteuid(), getegid()) == 0) chmod(path, 0700);
    return;
  }
  if (uid != 0) {
    // The next one with this user must not find it, however long its removal takes.
    if (lchown(path, geteuid(), getegid()) == 0) chmod(path, 0700);
    if (rmdir(path) < 0) remove_later(path);
    return;
  }
  if (!is_untouched(dir, path)) {
    if (rmdir(path) < 0) remove_later(path);
    return;
  }
  if (spare_count == spare_size) {
    spare_size = spare_size == 0 ? 64 : spare_size * 2;
    spare = must_grow(spare, spare_size * sizeof *spare);
  }
  spare[spare_count++] = must_copy(path);
}

void private_dirs_trim(void) {
  while (spare_count > 0) {
    char *path = spare[--spare_count];
    if (rmdir(path) < 0) remove_later(path);
    free(path);
  }
}

// ------------------------------------------------------------------------------------------ removal

/** So many files are removed here; for more, another process is cheaper. */
#define FEW 32

/** False when there is more than a few files. */
static bool remove_few(const char *path) {
  if (unlink(path) == 0 || errno == ENOENT) return true;
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *entries = fd < 0 ? NULL : fdopendir(fd);
  if (entries == NULL) {
    if (fd >= 0) close(fd);
    return false;
  }
  struct dirent *entry;
  bool is_ok = true;
  for (int count = 0; is_ok && (entry = readdir(entries)) != NULL;) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    is_ok = ++count <= FEW && entry->d_type != DT_DIR && unlinkat(fd, entry->d_name, 0) == 0;
  }
  closedir(entries);
  return is_ok && rmdir(path) == 0;
}

/** Runs a program of the system to its end; what it complains of goes to the host's log. `output`: -1 for none. */
static bool run(const char *const args[], bool is_loud, int output) {
  static char *const env[] = {"PATH=/usr/bin:/bin", "LANG=C", NULL};
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  sigset_t none;
  sigemptyset(&none);
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  if (output >= 0) posix_spawn_file_actions_adddup2(&files, output, 1);
  else posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  if (!is_loud) posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigmask(&attributes, &none);
  pid_t pid;
  int status = -1;
  if (posix_spawnp(&pid, args[0], &files, &attributes, (char *const *)args, env) == 0)
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  return status == 0;
}

static void remove_tree(const char *path) {
  if (remove_few(path)) return;
  const char *const remove[] = {"rm", "-rf", "--one-file-system", "--", path, NULL};
  const char *const open_up[] = {"chmod", "-R", "u+rwx", "--", path, NULL};
  if (run(remove, false, -1)) return;
  run(open_up, false, -1);
  if (!run(remove, true, -1)) fprintf(stderr, "%s could not be removed\n", path);
}

struct removal {
  struct job job;
  char path[];
};

static void remove_work(struct job *job) { remove_tree(((struct removal *)job)->path); }
static void remove_done(struct job *job) { free(job); }

void remove_later(const char *path) {
  struct removal *removal = must_alloc(sizeof *removal + strlen(path) + 1);
  removal->job = (struct job){NULL, remove_work, remove_done};
  strcpy(removal->path, path);
  workers_do(removers, &removal->job);
}

// ------------------------------------------------------------------------------------------ size

bool can_measure(void) { return access("/usr/bin/du", X_OK) == 0 || access("/bin/du", X_OK) == 0; }

/** The least that a file, directory or link counts. */
#define FILE_BYTES 4096

// du(1) counts blocks, and a file once however many names it has; and it goes deeper than a path can say.
static int64_t du(const char *path, const char *options) {
  const char *const args[] = {"du", "-sx", options, "--", path, NULL};
  int ends[2];
  char text[32];
  if (pipe2(ends, O_CLOEXEC) < 0) return -1;
  // What vanishes meanwhile makes it fail, but what it says of the rest stands.
  run(args, false, ends[1]);
  close(ends[1]);
  ssize_t length = read(ends[0], text, sizeof text - 1);
  close(ends[0]);
  if (length <= 0) return access(path, F_OK) < 0 ? 0 : -1;
  text[length] = 0;
  char *end;
  long long number = strtoll(text, &end, 10);
  return end == text ? -1 : number;
}

int64_t tree_bytes(const char *path) {
  int64_t kib = du(path, "-k"), files = du(path, "--inodes");
  if (kib < 0) return -1;
  // Files without content take no blocks, but they are what a disk may run out of first.
  return kib * 1024 > files * FILE_BYTES ? kib * 1024 : files * FILE_BYTES;
}
