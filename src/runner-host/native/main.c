// The runner host for Linux: a small process that starts the users' processes, so that the server never forks. It reads
// frames from its standard input and writes frames to its standard output (docs/internals/runner-protocol.md). When the server is
// gone, it kills everything that it has started and ends.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

#define GROWTH_NS (50 * MS)
/** How long untouched private directories are kept once there is nothing to do. */
#define TRIM_NS (1000 * MS)
#define EXIT_PROTOCOL 65
#define READ_BYTES (256 * 1024)
/** More than this is not read in one turn, so that others have theirs. */
#define MAX_TURN_BYTES (4 * 1024 * 1024)
/** Growth is not told while so much waits to be taken by the server. */
#define BEHIND_BYTES (1024 * 1024)

static struct decoder from_server;
static char *instance, *scratch_dir;
static bool is_ending;
static int exit_code;
static const char *protocol_error;
static struct source input;

// ------------------------------------------------------------------------------------------ frames

static void end(int code) {
  if (is_ending) return;
  is_ending = true;
  exit_code = code;
  loop_remove(&input);
  attempts_stop_all(0);
}

/** The server is gone when nobody takes what is written. */
static void write_out(void) {
  if (!loop_write()) end(0);
}

static void on_hello(void *context, const struct hello *hello) {
  (void)context;
  // What attempts are started with is said once: the starter may be reading it.
  if (instance == NULL) {
    if (!uids_set(hello->first_uid, hello->uid_count)) protocol_error = "the users of hello must not include root or the user of the host";
    sandbox_set(hello->bwrap);
    hidden_set(hello->hidden);
    limits_set_default(hello->open_files);
  }
  free(instance);
  free(scratch_dir);
  instance = must_copy(hello->instance);
  scratch_dir = must_copy(hello->scratch_dir);
  out_ready(&to_server, "native", (uint32_t)getpid());
}

static bool is_greeted(void) {
  if (instance == NULL) protocol_error = "the first frame must be hello";
  return instance != NULL;
}

// ------------------------------------------------------------------------------------------ the lease

/** How long what runs here is the server's alone: the server may be frozen, and say nothing. 0: there is no end. */
static int64_t lease_until_ns;
static uint32_t lease_grace_ms;
static struct timer lease_timer;

static bool is_lease_over(void) { return lease_until_ns != 0 && now_ns() >= lease_until_ns; }

/** Late where this process was frozen, too. */
static void on_lease_timer(void *arg) {
  (void)arg;
  int64_t left_ms = lease_grace_ms - (now_ns() - lease_until_ns) / MS;
  attempts_stop_all(left_ms > 0 ? (uint32_t)left_ms : 0);
}

static void on_lease(void *context, int64_t until_ms, uint32_t grace_ms) {
  (void)context;
  if (!is_greeted()) return;
  // What lies further away than the clock can count is as good as one that it can, and 0 would be no end.
  lease_until_ns = until_ms > INT64_MAX / MS ? INT64_MAX : until_ms < 1 ? 1 : until_ms * MS;
  lease_grace_ms = grace_ms;
  timer_set(&lease_timer, lease_until_ns);
}

// ------------------------------------------------------------------------------------------ what the server says

static void on_start(void *context, struct start *start) {
  (void)context;
  if (is_greeted() && protocol_error == NULL && attempt_find(start->ref) == NULL) {
    uint32_t ref = start->ref;
    attempt_submit(start);
    if (is_lease_over()) attempt_stop(attempt_find(ref), STOP_SHUTDOWN, 0);
    return;
  }
  if (protocol_error == NULL) protocol_error = "an attempt has been started already";
  start_free(start);
}

static void on_stop(void *context, uint32_t ref, enum stop_cause cause, uint32_t grace_ms) {
  (void)context;
  // One that is not there has ended meanwhile, and the server is about to learn it.
  struct attempt *attempt = is_greeted() ? attempt_find(ref) : NULL;
  if (attempt != NULL) attempt_stop(attempt, cause, grace_ms);
}

static void on_deadline(void *context, uint32_t ref, int64_t attempt_ms, int64_t idle_ms) {
  (void)context;
  if (!is_greeted()) return;
  struct attempt *attempt = attempt_find(ref);
  out_deadline_set(&to_server, ref, attempt != NULL && attempt_extend(attempt, attempt_ms, idle_ms));
}

static void on_sweep(void *context, uint32_t id, struct strings markers, struct strings paths) {
  (void)context;
  if (is_greeted()) sweep(instance, id, markers, paths);
}

static void on_hide(void *context, struct strings hidden) {
  (void)context;
  if (is_greeted()) hidden_set(hidden);
}

static void on_ping(void *context, uint32_t id) {
  (void)context;
  if (is_greeted()) out_pong(&to_server, id);
}

static void on_input_frame(void *context, uint32_t ref, struct bytes bytes, bool is_last) {
  (void)context;
  struct attempt *attempt = is_greeted() ? attempt_find(ref) : NULL;
  if (attempt != NULL) input_add(attempt, bytes, is_last);
}

static void on_signal_frame(void *context, uint32_t ref, int number, enum stop_scope scope) {
  (void)context;
  struct attempt *attempt = is_greeted() ? attempt_find(ref) : NULL;
  if (attempt != NULL && attempt->phase == RUNNING) attempt_signal(attempt, number, scope);
}

static void on_resize(void *context, uint32_t ref, uint32_t cols, uint32_t rows) {
  (void)context;
  struct attempt *attempt = is_greeted() ? attempt_find(ref) : NULL;
  if (attempt != NULL) attempt_resize(attempt, cols, rows);
}

static const struct listener listener = {.hello = on_hello,
                                         .start = on_start,
                                         .stop = on_stop,
                                         .deadline = on_deadline,
                                         .sweep = on_sweep,
                                         .hide = on_hide,
                                         .ping = on_ping,
                                         .input = on_input_frame,
                                         .signal = on_signal_frame,
                                         .resize = on_resize,
                                         .lease = on_lease};

static void on_input(struct source *source) {
  for (size_t total = 0; total < MAX_TURN_BYTES && !is_ending;) {
    ssize_t got = read(source->fd, decoder_room(&from_server, READ_BYTES), READ_BYTES);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (got <= 0) {
      end(0);
      break;
    }
    total += (size_t)got;
    const char *error = decoder_take(&from_server, (size_t)got, &listener);
    if (error == NULL) error = protocol_error;
    if (error != NULL) {
      out_failure(&to_server, error);
      end(EXIT_PROTOCOL);
    }
  }
  attempts_begin();
}

// ------------------------------------------------------------------------------------------ signals and timers

static bool has_child_ended;

static void on_signal(struct source *source) {
  struct signalfd_siginfo info;
  while (read(source->fd, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD) has_child_ended = true;
    else end(0);
  }
}

static void on_mail(struct source *source) {
  (void)source;
  mailbox_open();
}

static struct timer growth_timer, trim_timer;

static void on_growth_timer(void *arg) {
  (void)arg;
  if (to_server.length < BEHIND_BYTES) attempts_send_growth();
}

static void trim_work(struct job *job) {
  (void)job;
  starters_lock();
  private_dirs_trim();
  starters_unlock();
}

static void trim_done(struct job *job) { (void)job; }
static struct job trim_job = {NULL, trim_work, trim_done};

static void on_trim_timer(void *arg) {
  (void)arg;
  if (attempts_live() > 0) return;
  if (jobs_open() == attempts_hanging()) workers_do(starter, &trim_job);
  else timer_set(&trim_timer, now_ns() + TRIM_NS);
}

// ------------------------------------------------------------------------------------------ the loop

static void run(void) {
  size_t live_before = 0;
  while (!is_ending || attempts_live() > 0) {
    int64_t next_ns = timers_run();
    if (has_child_ended) attempts_look();
    has_child_ended = false;
    attempts_end_turn();
    if (attempts_live() > 0 && growth_timer.place == 0) timer_set(&growth_timer, now_ns() + GROWTH_NS);
    if (attempts_live() == 0 && live_before > 0) timer_set(&trim_timer, now_ns() + TRIM_NS);
    live_before = attempts_live();
    write_out();
    loop_turn(next_ns < 0 ? -1 : (int)((next_ns + MS - 1) / MS > 60000 ? 60000 : (next_ns + MS - 1) / MS));
  }
}

/** Waits for all jobs except starts that hang in the system. */
static void finish_jobs(void) {
  while (jobs_open() > attempts_hanging()) {
    poll(&(struct pollfd){mailbox_fd(), POLLIN, 0}, 1, 1000);
    mailbox_open();
  }
}

/** Everything has ended: what is left are orphans that were nobody's, directories, and words to the server. */
static void finish(void) {
  attempts_end_turn();
  kill_all_orphans();
  // Only when all directories have been given back: several starters work beside each other.
  finish_jobs();
  static struct job last_trim = {NULL, trim_work, trim_done};
  workers_do(starter, &last_trim);
  if (scratch_dir != NULL) remove_later(scratch_dir);
  finish_jobs();
  for (int tries = 0; tries < 50 && to_server.length > 0; tries++) {
    poll(&(struct pollfd){STDOUT_FILENO, POLLOUT, 0}, 1, 100);
    write_out();
  }
}

/** Descriptors that whoever started this host left open, and how it has set its signals, are nothing to users' processes. */
static int prepare_process(void) {
  syscall(SYS_close_range, 3, ~0U, 0);
  for (int number = 1; number < 32; number++) signal(number, SIG_DFL);
  sigset_t signals;
  sigemptyset(&signals);
  for (size_t i = 0; i < 4; i++) sigaddset(&signals, (int[]){SIGCHLD, SIGTERM, SIGINT, SIGHUP}[i]);
  int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  // Blocked rather than ignored: children inherit what is ignored, and begin with nothing blocked.
  sigaddset(&signals, SIGPIPE);
  sigprocmask(SIG_SETMASK, &signals, NULL);
  if (fd < 0) die("signalfd");
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) die("the host cannot adopt orphans");
  for (int i = 0; i < 2; i++) fcntl(i, F_SETFL, fcntl(i, F_GETFL) | O_NONBLOCK);
  // Memory of a command, and the secrets in it, do not go to disks.
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  return fd;
}

// ------------------------------------------------------------------------------------------ self-check

/**
 * Whether this kernel, and what confines this process, allow all that this host builds on. `version` is the protocol's.
 * Starts itself, which is a process as good as any.
 */
static int check(const char *version) {
  if (strcmp(version, PROTOCOL_VERSION) != 0) return 1;
  prepare_process();
  char *args[] = {"/proc/self/exe", "--nothing", NULL}, *env[] = {NULL, NULL};
  struct start start = {.args = {args, 2}, .env = {env, 0}, .cwd = "/", .limits = UNLIMITED};
  int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC), status = 1;
  struct spawn_options options = {.stdio = {nowhere, nowhere, nowhere}, .tag = tag_of("check")};
  struct spawned spawned = spawn_process(&start, args[0], &options);
  if (spawned.exec_errno != 0) return 1;
  int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
  if (syscall(SYS_pidfd_send_signal, self, 0, NULL, 0) < 0 || syscall(SYS_close_range, 1000, ~0U, 0) < 0) return 1;
  struct pollfd ended = {spawned.pid_fd, POLLIN, 0};
  struct process process;
  bool is_seen = poll(&ended, 1, 5000) == 1 && process_read(spawned.pid, &process) && process.parent == getpid();
  if (waitpid(spawned.pid, &status, __WALL) != spawned.pid) return 1;
  // No child, and none of this thread: without these two answers orphans could not be told from leaders.
  return is_seen && status == 0 && !orphans_reap() ? 0 : 1;
}

int main(int count, char **args) {
  if (count == 2 && strcmp(args[1], "--nothing") == 0) return 0;
  if ((count == 2 || count == 3) && strcmp(args[1], "--init") == 0) return sandbox_init(args[2]);
  if (count == 3 && strcmp(args[1], "--check") == 0) return check(args[2]);
  struct source signals = {on_signal, prepare_process()};
  loop_prepare();
  attempts_prepare();
  input = (struct source){on_input, STDIN_FILENO};
  struct source mail = {on_mail, mailbox_fd()};
  loop_add(&signals);
  loop_add(&mail);
  loop_add(&input);
  workers_prepare();
  growth_timer.fn = on_growth_timer;
  lease_timer.fn = on_lease_timer;
  trim_timer.fn = on_trim_timer;
  run();
  finish();
  // A thread that hangs keeps the process, and with it what is open.
  if (attempts_hanging() > 0) {
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    // What else would run at the end may wait for all threads, as a search for leaks does.
    _exit(exit_code);
  }
  exit(exit_code);
}
