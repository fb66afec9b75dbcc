// The starters: threads that make the files of an attempt and start its process. They wait while the program is being
// executed, and for disks; the loop does not. A start may hang in the system for ever, at a dead mount for instance: it holds
// up its own thread only. Starters never end, because the death signal of what they start is tied to them.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

static void refuse(struct attempt *attempt, enum start_failure reason, char *message) {
  attempt->is_refused = true;
  attempt->refusal = (struct refusal){reason, message};
}

/** Gives what the attempt is to open again to its own user. Returns 0 or an errno. */
static int hand_over(int fd, uid_t uid) { return uid != 0 && fchown(fd, uid, uid) < 0 ? errno : 0; }

/** Writes a new file for its owner alone. Returns 0 or an errno. */
static int write_new(const char *path, struct bytes bytes, mode_t mode, uid_t uid) {
  // A copy of the descriptor in a child would make a script busy.
  starters_settle();
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  if (fd < 0) return errno;
  int error = hand_over(fd, uid);
  for (uint32_t at = 0; at < bytes.length && error == 0;) {
    ssize_t written = write(fd, bytes.data + at, bytes.length - at);
    if (written > 0) at += (uint32_t)written;
    else if (errno != EINTR) error = errno;
  }
  close(fd);
  return error;
}

/** The end of a pipe that the command reads from while the server sends. It can be opened again as /dev/stdin, too. */
static int open_live_input(struct attempt *attempt) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -1;
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  hand_over(ends[0], attempt->user);
  attempt->input_fd = ends[1];
  return ends[0];
}

/**
 * A descriptor with the input. It is a file that has no name any more: it needs no feeding, cannot block a process that
 * does not read it, and can be opened again as /dev/stdin. -1 with errno when it cannot be made.
 */
static int open_input(struct attempt *attempt, int terminal) {
  const struct start *start = attempt->start;
  if (attempt->has_terminal) return fcntl(terminal, F_DUPFD_CLOEXEC, 0);
  if (start->scalars[OPEN_STDIN] == 1) return open_live_input(attempt);
  if (!start->has_stdin) return open("/dev/null", O_RDONLY | O_CLOEXEC);
  char *path = must_format("%s.stdin", start->private_dir);
  int error = write_new(path, start->stdin_bytes, 0600, attempt->user);
  int fd = error == 0 ? open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
  if (error == 0) error = errno;
  unlink(path);
  free(path);
  errno = error;
  return fd;
}

/** The private directory, the script and the input. Returns the descriptor of the input, or -1 with errno. */
static int make_files(struct attempt *attempt, int terminal) {
  const struct start *start = attempt->start;
  attempt->dir.is_given = start->scalars[GIVEN_DIR] == 1;
  errno = private_dir_make(&attempt->dir, start->private_dir, attempt->user);
  if (errno != 0) return -1;
  if (start->script_path != NULL) {
    errno = write_new(start->script_path, start->script, 0700, attempt->user);
    attempt->has_script = errno == 0;
    if (errno != 0) return -1;
  }
  return open_input(attempt, terminal);
}

/** The clock in which /proc tells when a process was started. */
static uint64_t ticks_since_boot(void) {
  struct timespec time;
  clock_gettime(CLOCK_BOOTTIME, &time);
  uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
  return (uint64_t)time.tv_sec * hz + (uint64_t)time.tv_nsec / (1000000000 / hz);
}

/** What is looked for with the rights of the command: an answer tells nothing that the command could not find out. */
struct looking {
  struct attempt *attempt;
  char *file;
};

static void find_as_user(void *arg) {
  struct looking *looking = arg;
  struct attempt *attempt = looking->attempt;
  attempt->is_refused = !find_target(attempt->start, &looking->file, &attempt->refusal);
}

static void explain_as_user(void *arg) {
  struct looking *looking = arg;
  struct attempt *attempt = looking->attempt;
  explain_exec(attempt->spawned, attempt->start, looking->file, &attempt->refusal);
}

/** Lets the lock go while the process is being started. */
static void spawn(struct attempt *attempt, const char *file, const int outputs[3]) {
  struct start *start = attempt->start;
  // Creating the journal is the point of no return: a recovery takes it as proof that the attempt may have started.
  int error = journal_create(start->journal);
  if (error != 0) {
    refuse(attempt, JOURNAL_WRITE_FAILED, must_format("The log could not be created: %s.", strerror(error)));
    return;
  }
  int input = make_files(attempt, outputs[0]);
  if (input < 0) {
    refuse(attempt, RESOURCES_UNAVAILABLE,
           must_format("The private files could not be created: %s.", strerror(errno)));
    return;
  }
  struct spawn_options options = {
      .stdio = {input, outputs[0], attempt->has_terminal ? outputs[0] : outputs[1]},
      .has_terminal = attempt->has_terminal,
      .tag = attempt->tag,
      .uid = attempt->user,
      .passed = (int[]){outputs[2], -1},
      .oom_score = limits_oom_score(),
      .pid = &attempt->starting_pid,
      .is_stopped = &attempt->is_stopped_early,
  };
  // So that it can open /dev/stderr.
  for (int i = 0; i < 3; i++)
    if (outputs[i] >= 0) hand_over(outputs[i], attempt->user);
  attempt->start_ticks = ticks_since_boot();
  starters_unlock();
  attempt->spawned = attempt->is_sandboxed ? sandbox_spawn(start, &options, &attempt->sandbox)
                                           : spawn_process(start, file, &options);
  attempt->started_at = wall_ms();
  close(input);
  bool is_spawned = attempt->spawned.exec_errno == 0;
  // This looks into the file, too.
  if (!is_spawned && !attempt->is_sandboxed && attempt->spawned.exec_errno != ECANCELED) {
    attempt->is_refused = true;
    as_user(attempt->uid, explain_as_user, &(struct looking){attempt, (char *)file});
  }
  starters_lock();
  attempt->is_spawned = is_spawned;
  if (is_spawned) return;
  if (attempt->is_sandboxed) {
    const char *problem = attempt->sandbox.problem;
    refuse(attempt, ISOLATION_UNAVAILABLE,
           must_format("The sandbox could not be started: %s.",
                       problem != NULL ? problem : strerror(attempt->spawned.exec_errno)));
    free(attempt->sandbox.problem);
  }
}

/** Takes the user that the attempt runs as. False, and refused, where this host cannot give what is asked for. */
static bool isolate(struct attempt *attempt) {
  enum tier tier = attempt->start->isolation;
  attempt->is_sandboxed = tier == TIER_SANDBOX;
  if (attempt->start->proxy[0] != 0 && (tier != TIER_SANDBOX || attempt->start->has_network)) {
    refuse(attempt, ISOLATION_UNAVAILABLE, must_copy("A network of listed hosts requires a sandbox that has no other network."));
    return false;
  }
  if (tier < TIER_UID) return true;
  if (tier == TIER_SANDBOX && !sandbox_is_there()) {
    refuse(attempt, ISOLATION_UNAVAILABLE, must_copy("The host has no program for sandboxes. Install bubblewrap, or use another isolation tier."));
    return false;
  }
  if (!uids_are_there()) {
    if (tier == TIER_SANDBOX) {
      attempt->user = geteuid() == 0 ? SANDBOX_USER : 0;
      return true;
    }
    refuse(attempt, ISOLATION_UNAVAILABLE, must_copy("The host has no users for commands. Set EXECUTION_UIDS, or use another isolation tier."));
    return false;
  }
  attempt->uid = attempt->user = uid_take(attempt->start->owner);
  if (attempt->uid != 0) {
    start_add_user(attempt->start, uid_name(attempt->uid));
    return true;
  }
  refuse(attempt, RESOURCES_UNAVAILABLE, must_copy("All users of EXECUTION_UIDS are in use."));
  return false;
}

/** A pipe whose read end does not block. */
static bool make_pipe(int *read_end, int *write_end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return false;
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  *read_end = ends[0];
  *write_end = ends[1];
  return true;
}

/** The two sides of a terminal: that of the host, which does not block and has a copy for input; and the command's. */
static bool make_terminal(struct attempt *attempt, int *inside) {
  const int64_t *scalars = attempt->start->scalars;
  struct winsize size = {.ws_col = (unsigned short)scalars[TTY_COLS], .ws_row = (unsigned short)scalars[TTY_ROWS]};
  char name[64];
  int outside = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  attempt->pipes[0] = outside;
  if (outside < 0 || grantpt(outside) < 0 || unlockpt(outside) < 0) return false;
  if (ptsname_r(outside, name, sizeof name) != 0 || ioctl(outside, TIOCSWINSZ, &size) < 0) return false;
  fcntl(outside, F_SETFL, O_RDWR | O_NONBLOCK);
  *inside = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  attempt->input_fd = fcntl(outside, F_DUPFD_CLOEXEC, 0);
  return *inside >= 0 && attempt->input_fd >= 0;
}

/** What a command gets beside its first three is above those that it will have, so that none of them is taken for another. */
#define FREE_FD 16

static bool make_progress(struct attempt *attempt, int *inside) {
  int written;
  if (attempt->start->scalars[PROGRESS] != 1) return true;
  if (!make_pipe(&attempt->progress_fd, &written)) return false;
  *inside = fcntl(written, F_DUPFD_CLOEXEC, FREE_FD);
  close(written);
  return *inside >= 0;
}

static bool make_pipes(struct attempt *attempt, int outputs[2]) {
  for (int i = 0; i < 2; i++)
    if (!make_pipe(&attempt->pipes[i], &outputs[i])) return false;
  return true;
}

/** Everything up to the process, with the lock but where files of others are looked for. */
static void start_locked(struct attempt *attempt, int outputs[3]) {
  char *file = NULL;
  if (attempt->start->limits[LIMIT_DISK_BYTES] >= 0 && !can_measure()) {
    refuse(attempt, LIMIT_UNAVAILABLE, must_copy("This machine cannot apply limits.disk_bytes: there is no du."));
    return;
  }
  if (!isolate(attempt)) return;
  // For a sandbox its first process looks, within: from here, more would be seen than the command is to know of.
  if (!attempt->is_sandboxed) {
    starters_unlock();
    struct looking looking = {attempt, NULL};
    as_user(attempt->uid, find_as_user, &looking);
    file = looking.file;
    starters_lock();
    if (attempt->is_refused) return;
  }
  attempt->has_terminal = attempt->start->scalars[TTY_COLS] > 0;
  if (attempt->has_terminal && !make_terminal(attempt, &outputs[0]))
    refuse(attempt, TERMINAL_UNAVAILABLE, must_format("The terminal could not be created: %s.", strerror(errno)));
  else if ((!attempt->has_terminal && !make_pipes(attempt, outputs)) || !make_progress(attempt, &outputs[2]))
    refuse(attempt, RESOURCES_UNAVAILABLE, must_format("The pipes could not be created: %s.", strerror(errno)));
  else if (!atomic_load(&attempt->is_stopped_early)) spawn(attempt, file, outputs);
  free(file);
}

void start_work(struct job *job) {
  struct attempt *attempt = (struct attempt *)job;
  int outputs[3] = {-1, -1, -1};
  if (atomic_load(&attempt->is_stopped_early)) return;
  starters_lock();
  start_locked(attempt, outputs);
  starters_unlock();
  for (int i = 0; i < 3; i++)
    if (outputs[i] >= 0) close(outputs[i]);
  if (attempt->is_spawned) return;
  int *ends[] = {&attempt->pipes[0], &attempt->pipes[1], &attempt->input_fd, &attempt->progress_fd};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    if (*ends[i] >= 0) close(*ends[i]);
    *ends[i] = -1;
  }
}

static void release_work(struct job *job) {
  struct attempt *attempt = (struct attempt *)job;
  starters_lock();
  if (attempt->is_silent) journal_stays_empty(attempt->start->journal);
  if (attempt->has_script) unlink(attempt->start->script_path);
  private_dir_release(&attempt->dir, attempt->start->private_dir, attempt->user);
  // One that somebody still runs as is given to nobody.
  if (attempt->uid != 0 && attempt->survivors == 0) {
    ipc_remove(attempt->uid);
    uid_give(attempt->uid);
  }
  starters_unlock();
}

static void release_done(struct job *job) {
  struct attempt *attempt = (struct attempt *)job;
  start_free(attempt->start);
  free(attempt);
}

/** Takes back what an ended attempt has used on the disk, and frees it. */
void attempt_release(struct attempt *attempt) {
  attempt->job.work = release_work;
  attempt->job.done = release_done;
  workers_do(starter, &attempt->job);
}
