// A command in a sandbox of bubblewrap: the files of this machine, but read-only and without what is hidden; a /tmp of its
// own; its own processes, and no others; no network unless it is allowed. The first process in it is this program (init.c),
// which gets the whole start frame, starts the command, and says exactly how it has ended; bwrap itself would not.
//
// bwrap gets nothing of the command's environment: it runs outside, and a variable such as LD_PRELOAD would make it run
// the command's code there.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"

/** Above what is passed on in fixed places. */
#define SAFE_FD 16
#define TMP_BYTES "268435456"

static char *bwrap;

void sandbox_set(const char *bwrap_) {
  if (bwrap_[0] != 0) bwrap = must_copy(bwrap_);
}

bool sandbox_is_there(void) { return bwrap != NULL; }

// ------------------------------------------------------------------------------------------ arguments

/** Each sandbox has its own of these. Sockets of services are in /run: a read-only one could still be spoken with. */
static const char *const own_places[] = {"/tmp", "/var/tmp", "/run", NULL};
/** Beside them; all is replaced there. */
static const char *const replaced[] = {"/tmp", "/var/tmp", "/run", "/dev", "/proc", NULL};

/** The arguments of bwrap, all allocated. */
static void add_all(struct strings *args, const char *const texts[]) {
  for (; *texts != NULL; texts++) strings_add(args, must_copy(*texts));
}

#define ADD(args, ...) add_all(args, (const char *const[]){__VA_ARGS__, NULL})

static bool is_directory(const char *path) {
  struct stat stat_;
  return lstat(path, &stat_) == 0 && S_ISDIR(stat_.st_mode);
}

static bool is_replaced(const char *path) {
  for (const char *const *place = replaced; *place != NULL; place++)
    if (is_below(path, *place) && is_directory(*place)) return true;
  return false;
}

static void add_hidden(struct strings *args, const struct hidden *hidden) {
  for (uint32_t i = 0; i < hidden->dirs.count; i++)
    if (!is_replaced(hidden->dirs.items[i])) ADD(args, "--size", "4096", "--tmpfs", hidden->dirs.items[i]);
  for (uint32_t i = 0; i < hidden->files.count; i++)
    if (!is_replaced(hidden->files.items[i])) ADD(args, "--ro-bind", "/dev/null", hidden->files.items[i]);
}

/** Once all that is to be in them is there. */
static void close_hidden(struct strings *args, const struct hidden *hidden) {
  for (uint32_t i = 0; i < hidden->dirs.count; i++)
    if (!is_replaced(hidden->dirs.items[i])) ADD(args, "--remount-ro", hidden->dirs.items[i]);
}

/** A path whose directories are what links lead to: bwrap makes directories where they are missing, not links. */
static char *real_place(const char *path) {
  const char *name = strrchr(path, '/');
  char *dir = must_format("%.*s", name == NULL || name == path ? 1 : (int)(name - path), path);
  char *real = realpath(dir, NULL);
  char *place = name == NULL || real == NULL ? must_copy(path) : must_format("%s%s", real, name);
  free(real);
  free(dir);
  return place;
}

/** Ends the search of Node.js for a package above the private directories (src/runners/package-boundary.ts). */
static char *boundary_file(const char *private_dir) {
  const char *end = strrchr(private_dir, '/');
  return must_format("%.*s/package.json", end == NULL ? 0 : (int)(end - private_dir), private_dir);
}

static struct strings arguments(const struct start *start, const struct hidden *hidden) {
  struct strings args = {NULL, 0};
  ADD(&args, "bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try");
  if (!start->has_network) ADD(&args, "--unshare-net");
  ADD(&args, "--die-with-parent", "--as-pid-1", "--cap-drop", "ALL");
  ADD(&args, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc");
  // bwrap guards what the mode of a directory lets it write to; to root that is not all that can be written in there.
  ADD(&args, "--remount-ro", "/proc");
  ADD(&args, "--perms", "1777", "--size", TMP_BYTES, "--tmpfs", "/dev/shm", "--remount-ro", "/dev");
  for (const char *const *place = own_places; *place != NULL; place++)
    if (is_directory(*place)) ADD(&args, "--perms", "1777", "--size", TMP_BYTES, "--tmpfs", *place);
  // Where /etc/resolv.conf often leads.
  static const char *const names[] = {"/run/systemd/resolve/stub-resolv.conf", "/run/systemd/resolve/resolv.conf",
                                      "/run/resolvconf/resolv.conf", "/run/NetworkManager/resolv.conf"};
  for (size_t i = 0; start->has_network && i < sizeof names / sizeof *names; i++)
    ADD(&args, "--ro-bind-try", names[i], names[i]);
  add_hidden(&args, hidden);
  char *private_dir = real_place(start->private_dir);
  char *boundary = boundary_file(private_dir);
  ADD(&args, "--bind", private_dir, private_dir, "--ro-bind-try", boundary, boundary);
  free(private_dir);
  free(boundary);
  if (start->script_path != NULL) {
    char *script = real_place(start->script_path);
    ADD(&args, "--ro-bind", script, script);
    free(script);
  }
  close_hidden(&args, hidden);
  // By its descriptor: neither its place nor the way there have to be in the sandbox.
  ADD(&args, "--chdir", "/", "--", "/proc/self/fd/5", "--init");
  return args;
}

// ------------------------------------------------------------------------------------------ descriptors

/** Moves a descriptor out of the way; -1 with errno. */
static int safe(int fd) {
  if (fd < 0) return -1;
  int moved = fcntl(fd, F_DUPFD_CLOEXEC, SAFE_FD);
  int error = errno;
  close(fd);
  errno = error;
  return moved;
}

static bool write_all(int fd, const void *data, size_t length) {
  for (size_t at = 0; at < length;) {
    ssize_t written = write(fd, (const uint8_t *)data + at, length - at);
    if (written > 0) at += (size_t)written;
    else if (errno != EINTR) return false;
  }
  return true;
}

/** The start frame as it came, to be read from its beginning. */
static int frame_file(const struct start *start) {
  int fd = safe(memfd_create("start", MFD_CLOEXEC));
  if (fd < 0) return -1;
  if (write_all(fd, start->frame.data, start->frame.length) && lseek(fd, 0, SEEK_SET) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

struct spawned sandbox_spawn(const struct start *start, const struct spawn_options *options, struct sandbox *sandbox) {
  struct spawned spawned = {.pid_fd = -1};
  int ends[2] = {-1, -1}, nowhere = safe(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) ends[0] = ends[1] = -1;
  sandbox->control = ends[0];
  sandbox->said = safe(memfd_create("said", MFD_CLOEXEC));
  int passed[] = {safe(ends[1]),
                  frame_file(start),
                  safe(open("/proc/self/exe", O_RDONLY | O_CLOEXEC)),
                  safe(dup(options->stdio[0])),
                  safe(dup(options->stdio[1])),
                  safe(dup(options->stdio[2])),
                  -1};
  bool is_whole = nowhere >= 0 && sandbox->said >= 0;
  for (size_t i = 0; i < 6; i++) is_whole &= passed[i] >= 0;
  if (!is_whole) spawned.exec_errno = errno != 0 ? errno : EMFILE;
  struct hidden hidden = {0};
  sandbox->problem = is_whole ? hidden_now(&hidden) : NULL;
  if (sandbox->problem != NULL) spawned.exec_errno = EACCES;
  if (spawned.exec_errno == 0) {
    struct strings args = arguments(start, &hidden);
    char *env[] = {start->marker, NULL};
    struct start outer = {.args = args, .env = {env, 1}, .cwd = "/", .limits = UNLIMITED};
    struct spawn_options outer_options = *options;
    memcpy(outer_options.stdio, (int[]){nowhere, nowhere, sandbox->said}, sizeof outer_options.stdio);
    outer_options.passed = passed;
    spawned = spawn_process(&outer, bwrap, &outer_options);
    strings_free(&args);
  }
  hidden_free(&hidden);
  for (size_t i = 0; i < 6; i++)
    if (passed[i] >= 0) close(passed[i]);
  if (nowhere >= 0) close(nowhere);
  if (spawned.exec_errno == 0) return spawned;
  if (sandbox->control >= 0) close(sandbox->control);
  if (sandbox->said >= 0) close(sandbox->said);
  return spawned;
}
