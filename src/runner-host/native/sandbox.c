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
/** Where the user namespace is passed on. */
#define USERNS_FD "11"
#define TMP_BYTES "268435456"

static char *bwrap;

void sandbox_set(const char *bwrap_) {
  if (bwrap_[0] != 0) bwrap = must_copy(bwrap_);
}

bool sandbox_is_there(void) { return bwrap != NULL; }

// ------------------------------------------------------------------------------------------ arguments

/** Each sandbox has its own of these. Sockets of services are in /run: a read-only one could still be spoken with. */
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

/** Makes the way from an empty directory down to the private one, for others to pass; bwrap would make it for root alone. */
static void add_way(struct strings *args, const char *empty, const char *private_dir) {
  if (!is_below(private_dir, empty)) return;
  for (const char *end = private_dir + strlen(empty); (end = strchr(end + 1, '/')) != NULL;) {
    ADD(args, "--perms", "0755", "--dir");
    strings_add(args, must_format("%.*s", (int)(end - private_dir), private_dir));
  }
}

static void add_ways(struct strings *args, const struct hidden *hidden, const char *private_dir) {
  for (const char *const *place = sandbox_places; *place != NULL; place++) add_way(args, *place, private_dir);
  for (uint32_t i = 0; i < hidden->dirs.count; i++)
    if (!is_replaced(hidden->dirs.items[i])) add_way(args, hidden->dirs.items[i], private_dir);
}

/** Covers the sockets that a command could speak with. Without root there is nobody who could do it from within. */
static void add_sockets(struct strings *args, const struct hidden *hidden) {
  struct strings sockets = {NULL, 0};
  sockets_find(&sockets);
  for (uint32_t i = 0; i < sockets.count; i++) {
    const char *path = sockets.items[i];
    struct stat stat_;
    bool is_seen = !is_replaced(path) && lstat(path, &stat_) == 0 && S_ISSOCK(stat_.st_mode) && access(path, W_OK) == 0;
    for (uint32_t j = 0; j < hidden->dirs.count; j++) is_seen &= !is_below(path, hidden->dirs.items[j]);
    if (is_seen) ADD(args, "--ro-bind", "/dev/null", path);
  }
  strings_free(&sockets);
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

/** Ends the search of Node.js for a package above the private directories (src/runners/commands/package-boundary.ts). */
static char *boundary_file(const char *private_dir) {
  const char *end = strrchr(private_dir, '/');
  return must_format("%.*s/package.json", end == NULL ? 0 : (int)(end - private_dir), private_dir);
}

static void add_capabilities(struct strings *args, const char *const names[]) {
  for (const char *const *one = names; *one != NULL; one++) {
    strings_add(args, must_copy("--cap-add"));
    strings_add(args, must_format("CAP_%s", *one));
  }
}

/** The namespaces, and what the first process may do in them. */
static void add_rights(struct strings *args, bool is_root, bool has_layer) {
  ADD(args, "bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try");
  ADD(args, "--die-with-parent", "--as-pid-1", "--cap-drop", "ALL");
  if (is_root) ADD(args, "--userns", USERNS_FD);
  else ADD(args, "--unshare-user");
  if (!is_root && !has_layer) ADD(args, "--disable-userns");
  // What is left to do within, see settle.c; and what a layer takes of the process that makes it.
  static const char *const needed[] = {"SYS_ADMIN", "SYS_RESOURCE", "SETUID", "SETGID", "SETPCAP", NULL};
  static const char *const for_layer[] = {"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "SETFCAP", NULL};
  if (is_root || has_layer) add_capabilities(args, needed);
  if (has_layer) add_capabilities(args, for_layer);
}

/** Hides the directories above the private one that the user of the command could not pass through, with all in them. */
static void hide_closed(struct hidden *hidden, const char *private_dir) {
  for (const char *end = strchr(private_dir + 1, '/'); end != NULL; end = strchr(end + 1, '/')) {
    char *dir = must_format("%.*s", (int)(end - private_dir), private_dir);
    struct stat stat_;
    bool is_closed = lstat(dir, &stat_) == 0 && (stat_.st_mode & S_IXOTH) == 0;
    if (is_closed) free(hidden_add(hidden, dir));
    free(dir);
    if (is_closed) return;
  }
}

/** What a sandbox has as its root directory. */
struct base {
  /** A directory; empty: that of this machine. */
  const char *root;
  const char *private_dir;
  bool has_layer;
};

/** The root directory of this machine, or another one (roots.c). NULL, or what is wrong. */
static char *add_base(struct strings *args, struct base base, bool is_root) {
  char *problem = NULL;
  bool is_own = base.root[0] == 0;
  if (is_own) ADD(args, "--ro-bind", "/", "/");
  else if (base.has_layer) layer_add(args, base.root, is_root);
  else problem = root_add(args, base.root, base.private_dir);
  ADD(args, "--dev", "/dev", "--proc", "/proc");
  if (!is_root && !base.has_layer) ADD(args, "--remount-ro", "/proc");
  for (const char *const *place = sandbox_places; *place != NULL; place++)
    if (is_own ? is_directory(*place) : root_has_place(base.root, *place))
      ADD(args, "--perms", "1777", "--size", TMP_BYTES, "--tmpfs", *place);
  ADD(args, "--remount-ro", "/dev");
  return problem;
}

/** What lies in another root directory that can be written to; the first process of the sandbox puts it there. */
static void note_places(struct strings *places, const struct start *start, const char *private_dir, const char *boundary) {
  static const char *const all[] = {"/dev", "/proc", "/tmp", "/run", NULL};
  add_all(places, all);
  if (root_has_place(start->root, "/var/tmp")) ADD(places, "/var/tmp");
  if (start->has_network) ADD(places, "/etc/resolv.conf");
  ADD(places, private_dir, boundary);
}

static struct strings arguments(const struct start *start, struct hidden *hidden, uid_t uid, struct strings *places,
                                char **problem) {
  bool is_root = geteuid() == 0, has_layer = start->layer_bytes > 0;
  struct strings args = {NULL, 0};
  char *private_dir = real_place(start->private_dir);
  // Of this machine, nothing is in another root that could be hidden.
  if (start->root[0] != 0) hidden_free(hidden);
  else if (is_root) hide_closed(hidden, private_dir);
  add_rights(&args, is_root, has_layer);
  if (!start->has_network) ADD(&args, "--unshare-net");
  *problem = add_base(&args, (struct base){start->root, private_dir, has_layer}, is_root);
  // Where /etc/resolv.conf often leads.
  static const char *const names[] = {"/run/systemd/resolve/stub-resolv.conf", "/run/systemd/resolve/resolv.conf",
                                      "/run/resolvconf/resolv.conf", "/run/NetworkManager/resolv.conf"};
  for (size_t i = 0; start->has_network && i < sizeof names / sizeof *names; i++)
    ADD(&args, "--ro-bind-try", names[i], names[i]);
  if (start->has_network && start->root[0] != 0) root_add_names(&args, start->root);
  add_hidden(&args, hidden);
  if (!is_root && start->root[0] == 0) add_sockets(&args, hidden);
  add_ways(&args, hidden, private_dir);
  char *boundary = boundary_file(private_dir);
  ADD(&args, "--bind", private_dir, private_dir, "--ro-bind-try", boundary, boundary);
  if (has_layer) note_places(places, start, private_dir, boundary);
  free(private_dir);
  free(boundary);
  if (start->script_path != NULL) {
    char *script = real_place(start->script_path);
    ADD(&args, "--ro-bind", script, script);
    if (has_layer) ADD(places, script);
    free(script);
  }
  close_hidden(&args, hidden);
  if (start->root[0] != 0 && !has_layer) ADD(&args, "--remount-ro", "/");
  // By its descriptor: neither its place nor the way there have to be in the sandbox.
  ADD(&args, "--chdir", "/", "--", "/proc/self/fd/5", "--init");
  if (uid != 0) ADD(&args, uid_name(uid));
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

/** A file that is read from its beginning. */
static int rewound(int fd, bool is_written) {
  if (is_written && lseek(fd, 0, SEEK_SET) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

/** The start frame as it came. */
static int frame_file(const struct start *start) {
  int fd = safe(memfd_create("start", MFD_CLOEXEC));
  return fd < 0 ? -1 : rewound(fd, write_all(fd, start->frame.data, start->frame.length));
}

static bool write_strings(int fd, const struct strings *strings) {
  for (uint32_t i = 0; i < strings->count; i++)
    if (!write_all(fd, strings->items[i], strlen(strings->items[i]) + 1)) return false;
  return true;
}

/** What the first process is told beside it: its user, places, an empty one, sockets. */
static int extra_file(uid_t uid, const struct strings *places) {
  int fd = safe(memfd_create("extra", MFD_CLOEXEC));
  if (fd < 0) return -1;
  struct strings sockets = {NULL, 0};
  if (uid != 0) sockets_find(&sockets);
  bool is_written =
      write_all(fd, &uid, sizeof uid) && write_strings(fd, places) && write_all(fd, "", 1) && write_strings(fd, &sockets);
  strings_free(&sockets);
  return rewound(fd, is_written);
}

/** What the first process of a sandbox gets, from descriptor 3 on: see init.c. What it has no use for leads nowhere. */
enum { GIVEN_CONTROL, GIVEN_FRAME, GIVEN_SELF, GIVEN_STDIO, GIVEN_PROGRESS = GIVEN_STDIO + 3, GIVEN_EXTRA, GIVEN_USERNS, GIVEN_LOWER, GIVEN_PROXY, PASSED };

/** False, with errno, where something of it cannot be had. */
static bool pass_on(const struct start *start, const struct spawn_options *options, int control, int passed[PASSED + 1]) {
  errno = EMFILE;
  int all[] = {safe(control),
               frame_file(start),
               safe(open("/proc/self/exe", O_RDONLY | O_CLOEXEC)),
               safe(dup(options->stdio[0])),
               safe(dup(options->stdio[1])),
               safe(dup(options->stdio[2])),
               options->passed[0] < 0 ? safe(open("/dev/null", O_WRONLY | O_CLOEXEC)) : safe(dup(options->passed[0]))};
  memcpy(passed, all, sizeof all);
  bool is_whole = true;
  for (int i = 0; i < GIVEN_EXTRA; i++) is_whole &= passed[i] >= 0;
  for (int i = GIVEN_EXTRA; i < PASSED; i++) passed[i] = -1;
  passed[PASSED] = -1;
  return is_whole;
}

/** What only a host that is root can give. NULL, or what is wrong, malloc'ed. */
static char *pass_on_as_root(const struct start *start, uid_t uid, int passed[PASSED + 1]) {
  passed[GIVEN_USERNS] = safe(userns_make(0));
  if (passed[GIVEN_USERNS] < 0) return must_format("the user namespace could not be created: %s", strerror(errno));
  if (start->layer_bytes <= 0 || start->root[0] == 0) return NULL;
  passed[GIVEN_LOWER] = safe(layer_lower(start->root, uid));
  if (passed[GIVEN_LOWER] >= 0) return NULL;
  return must_format("the files of %s could not be given to the user %u (%s); a root directory that can be written to takes an "
                     "idmapped mount of its file system",
                     start->root, (unsigned)uid, strerror(errno));
}

/** The socket of the server that its connections lead to. NULL, or what is wrong, malloc'ed. */
static char *pass_on_proxy(const struct start *start, int passed[PASSED + 1]) {
  if (start->proxy[0] == 0) return NULL;
  passed[GIVEN_PROXY] = safe(open(start->proxy, O_PATH | O_CLOEXEC));
  if (passed[GIVEN_PROXY] >= 0) return NULL;
  return must_format("the socket of its proxy could not be opened: %s", strerror(errno));
}

/** Starts bwrap with all that it is told, once that is known. */
static struct spawned spawn_bwrap(const struct start *start, const struct spawn_options *options, struct sandbox *sandbox,
                                  int nowhere, int passed[PASSED + 1]) {
  struct spawned spawned = {.pid_fd = -1, .exec_errno = EACCES};
  struct strings places = {NULL, 0}, args = {NULL, 0};
  struct hidden hidden = {0};
  bool is_root = geteuid() == 0;
  sandbox->problem = hidden_now(&hidden);
  if (sandbox->problem == NULL) sandbox->problem = pass_on_proxy(start, passed);
  if (sandbox->problem == NULL && is_root) sandbox->problem = pass_on_as_root(start, options->uid, passed);
  if (sandbox->problem == NULL) args = arguments(start, &hidden, options->uid, &places, &sandbox->problem);
  if (sandbox->problem == NULL) {
    passed[GIVEN_EXTRA] = extra_file(is_root ? options->uid : 0, &places);
    if (passed[GIVEN_EXTRA] < 0) sandbox->problem = must_copy(strerror(errno));
  }
  for (int i = 0; i < PASSED; i++)
    if (passed[i] < 0) passed[i] = safe(dup(nowhere));
  if (sandbox->problem == NULL) {
    char *env[] = {start->marker, NULL};
    struct start outer = {.args = args, .env = {env, 1}, .cwd = "/", .limits = UNLIMITED};
    struct spawn_options outer_options = *options;
    memcpy(outer_options.stdio, (int[]){nowhere, nowhere, sandbox->said}, sizeof outer_options.stdio);
    outer_options.passed = passed;
    outer_options.has_terminal = false;
    if (is_root) outer_options.uid = 0;
    spawned = spawn_process(&outer, bwrap, &outer_options);
  }
  strings_free(&args);
  strings_free(&places);
  hidden_free(&hidden);
  return spawned;
}

struct spawned sandbox_spawn(const struct start *start, const struct spawn_options *options, struct sandbox *sandbox) {
  struct spawned spawned = {.pid_fd = -1};
  int ends[2] = {-1, -1}, nowhere = safe(open("/dev/null", O_RDWR | O_CLOEXEC)), passed[PASSED + 1];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) ends[0] = ends[1] = -1;
  sandbox->control = ends[0];
  sandbox->problem = NULL;
  sandbox->said = safe(memfd_create("said", MFD_CLOEXEC));
  bool is_whole = pass_on(start, options, ends[1], passed);
  if (is_whole && nowhere >= 0 && sandbox->said >= 0) spawned = spawn_bwrap(start, options, sandbox, nowhere, passed);
  else spawned.exec_errno = errno;
  for (size_t i = 0; i < PASSED; i++)
    if (passed[i] >= 0) close(passed[i]);
  if (nowhere >= 0) close(nowhere);
  if (spawned.exec_errno == 0) return spawned;
  if (sandbox->control >= 0) close(sandbox->control);
  if (sandbox->said >= 0) close(sandbox->said);
  return spawned;
}

// ------------------------------------------------------------------------------------------ words

void attempt_tell(struct attempt *attempt, enum sandbox_word word, int signal, bool is_for_all) {
  uint8_t packet[] = {(uint8_t)word, (uint8_t)signal, is_for_all};
  if (attempt->control.fd >= 0) send(attempt->control.fd, packet, sizeof packet, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void sandbox_close_control(struct attempt *attempt) {
  if (attempt->control.fd < 0) return;
  loop_remove(&attempt->control);
  close(attempt->control.fd);
  attempt->control.fd = -1;
}

void attempt_hang_up(struct attempt *attempt) {
  sandbox_close_control(attempt);
  if (attempt->is_sandboxed && attempt->is_spawned) close(attempt->sandbox.said);
}
