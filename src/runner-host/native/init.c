// The first process in a sandbox (sandbox.c): starts the command of the frame that it is given, tells the host what becomes
// of it, and does to all that is in the sandbox what the host says. When it ends, the kernel kills all the rest.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

/** Where sandbox_spawn puts them. */
enum { CONTROL = 3, FRAME, SELF, STDIO, PROGRESS_END = STDIO + 3, EXTRA, USERNS, LOWER, PROXY };
#define START_TYPE 2
#define MAX_MESSAGE 4000

static pid_t leader;
static bool has_ended;

static void say(enum sandbox_word word, const void *more, size_t length) {
  uint8_t packet[MAX_MESSAGE + 2] = {(uint8_t)word};
  memcpy(packet + 1, more, length);
  send(CONTROL, packet, length + 1, MSG_NOSIGNAL);
}

static _Noreturn void refuse(struct refusal refusal) {
  uint8_t body[MAX_MESSAGE + 1] = {(uint8_t)refusal.reason};
  size_t length = strnlen(refusal.message, MAX_MESSAGE);
  memcpy(body + 1, refusal.message, length);
  say(SANDBOX_REFUSED, body, length + 1);
  _exit(0);
}

// ------------------------------------------------------------------------------------------ the frame

static struct start *start;

static void on_start(void *context, struct start *read) {
  (void)context;
  start = read;
}

/** Reads the frame, which comes without its head. */
static void read_frame(void) {
  struct decoder decoder = {NULL, 0, 0};
  const struct listener listener = {.start = on_start};
  off_t length = lseek(FRAME, 0, SEEK_END);
  if (length < 0 || lseek(FRAME, 0, SEEK_SET) < 0) _exit(1);
  uint32_t size = (uint32_t)length + 2;
  uint8_t *room = decoder_room(&decoder, (size_t)length + 6);
  memcpy(room,
         (uint8_t[]){size >> 24, size >> 16 & 255, size >> 8 & 255, size & 255, PROTOCOL_NUMBER, START_TYPE}, 6);
  for (off_t at = 0; at < length;) {
    ssize_t got = read(FRAME, room + 6 + at, (size_t)(length - at));
    if (got > 0) at += got;
    else if (got == 0 || errno != EINTR) _exit(1);
  }
  close(FRAME);
  if (decoder_take(&decoder, (size_t)length + 6, &listener) != NULL || start == NULL) _exit(1);
  free(decoder.data);
}

/** Reads what it is told beside the frame, and finishes the sandbox if that is left to it. */
static void settle(void) {
  static const char what[] = "The sandbox could not be created: ";
  struct sandbox_extra extra = {0};
  char path[4096];
  FILE *file = fdopen(EXTRA, "re");
  if (file == NULL || fread(&extra.uid, sizeof extra.uid, 1, file) != 1) _exit(1);
  char *at = NULL;
  // Places come first, up to an empty one.
  struct strings *into = &extra.places;
  for (size_t size = 0; getdelim(&at, &size, 0, file) > 0;) {
    if (at[0] == 0) into = &extra.sockets;
    else strings_add(into, must_copy(at));
  }
  free(at);
  fclose(file);
  extra.layer_bytes = start->layer_bytes;
  bool is_left = extra.uid != 0 || extra.layer_bytes > 0;
  char *problem = is_left ? sandbox_settle(&extra, extra.uid != 0 ? LOWER : -1) : NULL;
  close(USERNS);
  close(LOWER);
  strings_free(&extra.sockets);
  strings_free(&extra.places);
  if (problem == NULL) return;
  snprintf(path, sizeof path, "%s%s.", what, problem);
  refuse((struct refusal){ISOLATION_UNAVAILABLE, path});
}

/** Above the limit, so that threads and what is being reaped have room; the host looks for the limit itself. */
#define MOST_PROCESSES(limit) ((rlim_t)(limit) * 4 + 256)

/**
 * A user has a count of its own in each user namespace (since Linux 5.14): here it holds what forks faster than the host looks.
 * Where the kernel counts a user once for all, it would count other commands, too.
 */
static void bound_processes(void) {
  struct utsname name;
  int major = 0, minor = 0;
  bool is_own = uname(&name) == 0 && sscanf(name.release, "%d.%d", &major, &minor) == 2 && major * 100 + minor >= 514;
  int64_t limit = start->limits[LIMIT_PROCESSES];
  if (!is_own || limit < 0 || limit > INT32_MAX) return;
  setrlimit(RLIMIT_NPROC, &(struct rlimit){MOST_PROCESSES(limit), MOST_PROCESSES(limit)});
}

/** The way out comes before the command, which so finds its place taken. */
static void open_relay(void) {
  if (start->proxy[0] == 0) {
    close(PROXY);
    return;
  }
  const char *problem = relay_open(PROXY);
  if (problem == NULL) return;
  char text[512];
  snprintf(text, sizeof text, "The sandbox could not be created: its proxy cannot listen at 127.0.0.1:%d: %s.", RELAY_PORT, problem);
  refuse((struct refusal){ISOLATION_UNAVAILABLE, text});
}

static void start_command(void) {
  bound_processes();
  char *file = NULL;
  struct refusal refusal;
  int passed[] = {start->scalars[PROGRESS] == 1 ? PROGRESS_END : -1, -1};
  struct spawn_options options = {
      .stdio = {STDIO, STDIO + 1, STDIO + 2}, .passed = passed, .has_terminal = start->scalars[TTY_COLS] > 0};
  if (!find_target(start, &file, &refusal)) refuse(refusal);
  struct spawned spawned = spawn_process(start, file, &options);
  if (spawned.exec_errno != 0) {
    explain_exec(spawned, start, file, &refusal);
    refuse(refusal);
  }
  leader = spawned.pid;
  close(spawned.pid_fd);
  // Or the ends of its pipes would not be seen.
  for (int fd = STDIO; fd <= PROGRESS_END; fd++) close(fd);
  free(file);
  start_free(start);
  say(SANDBOX_STARTED, "", 0);
}

// ------------------------------------------------------------------------------------------ life

/** Reaps what has ended; the sandbox ends with the last one. */
static void reap(int options) {
  for (;;) {
    int status;
    pid_t pid = waitpid(-1, &status, options | __WALL);
    if (pid < 0 && errno == EINTR) continue;
    if (pid < 0) _exit(0);
    if (pid == 0) return;
    if (pid != leader || has_ended) continue;
    has_ended = true;
    say(SANDBOX_ENDED, &status, sizeof status);
  }
}

/** All but this process: the sandbox has no others. */
#define ALL (-1)

static void hear(void) {
  // The word, a signal, and whether it is for all.
  uint8_t said[3] = {0};
  ssize_t got = recv(CONTROL, said, sizeof said, 0);
  if (got > 0 && said[0] == SANDBOX_SIGNAL) {
    pid_t whom = said[2] || has_ended ? ALL : leader;
    kill(whom, said[1]);
    // A stopped process acts on a signal only once it continues.
    kill(whom, SIGCONT);
  } else if (got > 0 && said[0] == SANDBOX_SEND) {
    if (said[2] || !has_ended) kill(said[2] ? ALL : leader, said[1]);
  } else if (got <= 0 || said[0] == SANDBOX_KILL) {
    kill(ALL, SIGKILL);
    reap(0);
  }
}

/** What it waits for beside connections: its children, and the host. */
#define OWN_SOURCES 2

int sandbox_init(const char *user) {
  // It has the user of the command, which must not look into it or trace it.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  close(SELF);
  for (int fd = CONTROL; fd <= PROXY; fd++) fcntl(fd, F_SETFD, FD_CLOEXEC);
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  sigprocmask(SIG_SETMASK, &children, NULL);
  struct pollfd sources[OWN_SOURCES + RELAY_SOURCES] = {{signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK), POLLIN, 0},
                                                        {CONTROL, POLLIN, 0}};
  if (sources[0].fd < 0) _exit(1);
  read_frame();
  settle();
  if (user != NULL) start_add_user(start, user);
  open_relay();
  start_command();
  relay_make_room();
  for (;;) {
    size_t relayed = relay_wait(sources + OWN_SOURCES);
    bool is_ready = poll(sources, OWN_SOURCES + relayed, -1) >= 0;
    if (!is_ready && errno != EINTR) _exit(1);
    struct signalfd_siginfo info;
    while (read(sources[0].fd, &info, sizeof info) == sizeof info) continue;
    reap(WNOHANG);
    if (!is_ready) continue;
    if (sources[1].revents != 0) hear();
    relay_turn(sources + OWN_SOURCES);
  }
}
