// Starts one process: what vfork does, with a stack of its own. The child shares the memory of the host until it executes
// the program, so nothing is copied however large the host is; in return it may call the system only, and change nothing
// but `error`.
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

#define STACK_BYTES (64 * 1024)
static _Thread_local _Alignas(64) uint8_t child_stack[STACK_BYTES];

static pthread_mutex_t starters = PTHREAD_MUTEX_INITIALIZER;
/** Children that may still hold copies of the host's descriptors. It grows only under the lock. */
static atomic_int forking;
/** Held while a process number is taken out of `options->pid`, so that no other process is killed by it. */
static pthread_mutex_t numbers = PTHREAD_MUTEX_INITIALIZER;

void starters_lock(void) { pthread_mutex_lock(&starters); }
void starters_unlock(void) { pthread_mutex_unlock(&starters); }

// Nothing in between can wait for a disk, so that this takes no longer than the children need to get a processor.
void starters_settle(void) {
  while (atomic_load(&forking) > 0) usleep(20);
}

void spawn_kill(atomic_int *pid) {
  pthread_mutex_lock(&numbers);
  int number = atomic_load(pid);
  if (number > 0) kill(number, SIGKILL);
  pthread_mutex_unlock(&numbers);
}

static void forget_number(const struct spawn_options *options) {
  if (options->pid == NULL) return;
  pthread_mutex_lock(&numbers);
  atomic_store(options->pid, 0);
  pthread_mutex_unlock(&numbers);
}

struct child {
  char *const *args, *const *env;
  const char *file, *cwd;
  const struct spawn_options *options;
  const int64_t *limits, *scalars;
  pid_t host;
  sigset_t no_signals;
  volatile int error;
  volatile bool is_cwd, is_exec, has_closed;
};

#define TRY(...)                    \
  do {                              \
    if (syscall(__VA_ARGS__) < 0) { \
      child->error = errno;         \
      syscall(SYS_exit, 127);       \
    }                               \
  } while (0)

__attribute__((no_sanitize("address", "undefined"))) static int child_main(void *arg) {
  struct child *child = arg;
  const struct spawn_options *options = child->options;
  if (options->pid != NULL) atomic_store(options->pid, (int)syscall(SYS_getpid));
  if (options->tag != 0) {
    struct rlimit64 tag = {options->tag, options->tag};
    // Before it leaves the session of the host: from then on somebody may ask whose it is. Where it cannot be set, processes
    // are told by their session, parents and marker.
    syscall(SYS_prlimit64, 0, RLIMIT_LOCKS, &tag, NULL);
  }
  if (options->oom_score != NULL) {
    // As this user: another one may not. Where it cannot be set, the kernel chooses by size alone.
    long fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);
    if (fd >= 0) {
      size_t length = 0;
      while (options->oom_score[length] != 0) length++;
      syscall(SYS_write, fd, options->oom_score, length);
      syscall(SYS_close, fd);
    }
  }
  TRY(SYS_setsid);
  for (int i = 0; i < 3; i++) TRY(SYS_dup3, options->stdio[i], i, 0);
  if (options->has_terminal) TRY(SYS_ioctl, 0, TIOCSCTTY, 0);
  int first_unused = 3;
  for (int i = 0; options->passed != NULL && options->passed[i] >= 0; i++)
    TRY(SYS_dup3, options->passed[i], first_unused++, 0);
  // At once, not when the program is executed: what comes before that may take long, and these are copies of the host's.
  syscall(SYS_close_range, first_unused, ~0U, 0);
  child->has_closed = true;
  atomic_fetch_sub(&forking, 1);
  if (options->uid != 0) {
    // Message queues would outlive it, for the next one with this user, and cannot be found everywhere (mq_overview(7)).
    struct rlimit64 none_at_all = {0, 0};
    syscall(SYS_prlimit64, 0, RLIMIT_MSGQUEUE, &none_at_all, NULL);
    TRY(SYS_setgroups, 0, NULL);
    TRY(SYS_setresgid, options->uid, options->uid, options->uid);
    TRY(SYS_setresuid, options->uid, options->uid, options->uid);
    // Between two users that are not root the kernel takes none of them away.
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    TRY(SYS_capset, &header, none);
  }
  // Not before: it is lost with the change of the user.
  TRY(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  // The host may have died before that.
  if (syscall(SYS_getppid) != child->host) syscall(SYS_exit, 127);
  TRY(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  child->is_cwd = true;
  TRY(SYS_chdir, child->cwd);
  child->is_cwd = false;
  // The system call tells 20 less the value (getpriority(2)). Less than the host's own would take a privilege.
  if (child->scalars[NICE] > 20 - syscall(SYS_getpriority, PRIO_PROCESS, 0))
    TRY(SYS_setpriority, PRIO_PROCESS, 0, child->scalars[NICE]);
  child->error = limits_set(child->limits);
  if (child->error != 0) syscall(SYS_exit, 127);
  // It was given up while it waited: whoever did so may not have seen its number yet.
  if (options->is_stopped != NULL && atomic_load(options->is_stopped)) {
    child->error = ECANCELED;
    syscall(SYS_exit, 127);
  }
  TRY(SYS_rt_sigprocmask, SIG_SETMASK, &child->no_signals, NULL, 8);
  child->is_exec = true;
  TRY(SYS_execve, child->file, child->args, child->env);
  return 127;
}

static struct spawned spawn_file(struct child *child) {
  struct spawned spawned = {.pid_fd = -1};
  int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD;
  starters_lock();
  atomic_fetch_add(&forking, 1);
  starters_unlock();
  spawned.pid = clone(child_main, child_stack + STACK_BYTES, flags, child, &spawned.pid_fd);
  if (spawned.pid < 0) spawned.exec_errno = errno;
  if (!child->has_closed) atomic_fetch_sub(&forking, 1);
  if (spawned.pid < 0) return spawned;
  spawned.exec_errno = child->error;
  spawned.is_cwd = child->is_cwd;
  spawned.is_exec = child->is_exec;
  if (child->error != 0) {
    forget_number(child->options);
    waitpid(spawned.pid, NULL, __WALL);
    close(spawned.pid_fd);
  }
  return spawned;
}

struct spawned spawn_process(const struct start *start, const char *file, const struct spawn_options *options) {
  struct child child = {
      .args = start->args.items,
      .env = start->env.items,
      .file = file,
      .cwd = start->cwd[0] == 0 ? start->private_dir : start->cwd,
      .options = options,
      .limits = start->limits,
      .scalars = start->scalars,
      .host = getpid(),
  };
  sigemptyset(&child.no_signals);
  struct spawned spawned = spawn_file(&child);
  if (spawned.exec_errno != ENOEXEC || !is_shell_text(file)) return spawned;
  // Neither a binary nor "#!": execvp(3) gives it to the shell, and so do all shells, which leave binaries alone.
  const char **args = must_alloc((start->args.count + 2) * sizeof(char *));
  args[0] = "/bin/sh";
  args[1] = file;
  memcpy(args + 2, start->args.items + 1, start->args.count * sizeof(char *));
  child.args = (char *const *)args;
  child.file = args[0];
  child.error = 0;
  child.has_closed = child.is_exec = false;
  spawned = spawn_file(&child);
  free(args);
  return spawned;
}
