// What an attempt may use. The system holds each process to some of it (setrlimit(2)); what all processes of an attempt use
// together is looked at now and then. There is no RLIMIT_NPROC: it counts all processes of a user, whosever they are, and
// root's not at all. There is no RLIMIT_AS: what only reserves addresses, as Node does, would die of it.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

/** Between two looks; and so many times longer than the last one took, so that looking never takes much. */
#define LOOK_NS (100 * MS)
#define LOOK_TIMES 10
#define DISK_NS (1000 * MS)
#define DISK_TIMES 4
/** Data is what may be written to, whether it is or not: Node takes half a GiB of it for each of its threads of JavaScript. */
#define RESERVED_BYTES (4ULL << 30)

/** Never above what this host itself is held to: that is stricter, and nothing else is possible without privileges. */
__attribute__((no_sanitize("address", "undefined"))) static int set(int resource, uint64_t soft, uint64_t hard) {
  struct rlimit64 now;
  if (syscall(SYS_prlimit64, 0, resource, NULL, &now) < 0) return errno;
  struct rlimit64 wanted = {soft < now.rlim_max ? soft : now.rlim_max, hard < now.rlim_max ? hard : now.rlim_max};
  return syscall(SYS_prlimit64, 0, resource, &wanted, NULL) < 0 ? errno : 0;
}

static uint64_t default_open_files;

void limits_set_default(uint32_t open_files) { default_open_files = open_files; }

/** The soft limit alone: a program that needs more files may have them. Never above what this host has itself. */
__attribute__((no_sanitize("address", "undefined"))) static int set_open_files(uint64_t soft) {
  struct rlimit64 now;
  if (syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &now) < 0) return errno;
  if (soft >= now.rlim_cur) return 0;
  now.rlim_cur = soft;
  return syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &now, NULL) < 0 ? errno : 0;
}

__attribute__((no_sanitize("address", "undefined"))) int limits_set(const int64_t limits[NO_LIMIT]) {
  int error = 0;
  // SIGXCPU, and a second later SIGKILL for what does not mind.
  if (limits[LIMIT_CPU_S] >= 0)
    error = set(RLIMIT_CPU, (uint64_t)limits[LIMIT_CPU_S], (uint64_t)limits[LIMIT_CPU_S] + 1);
  uint64_t data = (uint64_t)limits[LIMIT_MEMORY_BYTES] * 2 + RESERVED_BYTES;
  if (error == 0 && limits[LIMIT_MEMORY_BYTES] >= 0) error = set(RLIMIT_DATA, data, data);
  if (error == 0 && limits[LIMIT_FILE_BYTES] >= 0)
    error = set(RLIMIT_FSIZE, (uint64_t)limits[LIMIT_FILE_BYTES], (uint64_t)limits[LIMIT_FILE_BYTES]);
  if (error == 0 && limits[LIMIT_OPEN_FILES] >= 0)
    error = set(RLIMIT_NOFILE, (uint64_t)limits[LIMIT_OPEN_FILES], (uint64_t)limits[LIMIT_OPEN_FILES]);
  else if (error == 0 && default_open_files > 0)
    error = set_open_files(default_open_files);
  return error;
}

/** Half of the memory that there is: far above what the server takes, and not above what fills all of it alone. */
#define MORE_BADNESS 500
#define MOST_BADNESS 1000

const char *limits_oom_score(void) {
  static char text[16];
  if (text[0] != 0) return text;
  int own = 0;
  FILE *file = fopen("/proc/self/oom_score_adj", "re");
  if (file != NULL) {
    if (fscanf(file, "%d", &own) != 1 || own < 0) own = 0;
    fclose(file);
  }
  int score = own + MORE_BADNESS < MOST_BADNESS ? own + MORE_BADNESS : MOST_BADNESS;
  snprintf(text, sizeof text, "%d", score);
  return text;
}

// ------------------------------------------------------------------------------------------ processes

/** Memory that several processes hold is counted once only by the exact measure, which is never above the other. */
static bool is_memory_over(const struct attempt *attempt, const struct process *found, size_t count, int64_t most) {
  int64_t held = memory_held(attempt, found, count), bytes = held, own = 0, shared = 0;
  for (size_t i = 0; i < count; i++) bytes += process_memory(found[i].pid, false, &shared);
  if (bytes <= most) return false;
  for (size_t i = 0; i < count; i++) own += process_memory(found[i].pid, true, &shared);
  // What is mapped of what is held is in both.
  return own + (held > shared ? held : shared) > most;
}

static int64_t cpu_us_of(const struct attempt *attempt, const struct process *processes, size_t count) {
  uint64_t ticks = 0;
  for (size_t i = 0; i < count; i++) ticks += processes[i].cpu_ticks;
  return attempt->cpu_us + (int64_t)(ticks * (1000000 / (uint64_t)sysconf(_SC_CLK_TCK)));
}

static enum limit exceeded(struct attempt *attempt) {
  const int64_t *limits = attempt->start->limits;
  int64_t most_memory = limits[LIMIT_MEMORY_BYTES];
  struct process *found;
  size_t count = processes_of(attempt, &found);
  if (limits[LIMIT_PROCESSES] >= 0 && of_command(attempt, found, count) > limits[LIMIT_PROCESSES]) return LIMIT_PROCESSES;
  if (most_memory >= 0 && is_memory_over(attempt, found, count, most_memory)) return LIMIT_MEMORY_BYTES;
  if (limits[LIMIT_CPU_S] >= 0 && cpu_us_of(attempt, found, count) / 1000000 >= limits[LIMIT_CPU_S])
    return LIMIT_CPU_S;
  return NO_LIMIT;
}

/** In the order of their starts: what is seen for the oldest one holds what the others look for (see processes_of). */
static struct attempt *watched, **last_watched = &watched;
static struct timer watch_timer;

static int64_t pause_ns(int64_t began_ns, int64_t least_ns, int64_t times) {
  int64_t took_ns = now_ns() - began_ns;
  return took_ns * times > least_ns ? took_ns * times : least_ns;
}

static void on_watch(void *arg) {
  (void)arg;
  int64_t began_ns = now_ns();
  families_forget();
  for (struct attempt *attempt = watched, *next; attempt != NULL; attempt = next) {
    next = attempt->next_watched;
    enum limit limit = exceeded(attempt);
    if (limit != NO_LIMIT) facts->is_over(attempt, limit);
  }
  if (watched != NULL) timer_set(&watch_timer, now_ns() + pause_ns(began_ns, LOOK_NS, LOOK_TIMES));
}

static void watch(struct attempt *attempt) {
  attempt->is_watched = true;
  attempt->next_watched = NULL;
  *last_watched = attempt;
  last_watched = &attempt->next_watched;
  watch_timer.fn = on_watch;
  if (watch_timer.place == 0) timer_set(&watch_timer, now_ns() + LOOK_NS);
}

static void unwatch(struct attempt *attempt) {
  struct attempt **at = &watched;
  while (*at != attempt) at = &(*at)->next_watched;
  *at = attempt->next_watched;
  if (last_watched == &attempt->next_watched) last_watched = at;
  attempt->is_watched = false;
}

// ------------------------------------------------------------------------------------------ the private directory

struct measure {
  struct job job;
  uint32_t ref;
  /** Tells an attempt from a later one with its number. */
  uint64_t start_ticks;
  int64_t began_ns, bytes;
  char path[];
};

static void measure_work(struct job *job) {
  struct measure *measure = (struct measure *)job;
  measure->bytes = tree_bytes(measure->path);
}

static void measure_done(struct job *job) {
  struct measure *measure = (struct measure *)job;
  struct attempt *attempt = facts->find(measure->ref);
  if (measure->bytes < 0) fprintf(stderr, "%s could not be measured\n", measure->path);
  bool is_wanted = attempt != NULL && attempt->start_ticks == measure->start_ticks &&
                   (attempt->phase == RUNNING || attempt->phase == TERMINATING || attempt->phase == DRAINING);
  if (is_wanted) {
    if (measure->bytes > attempt->start->limits[LIMIT_DISK_BYTES]) facts->is_over(attempt, LIMIT_DISK_BYTES);
    else timer_set(&attempt->disk_timer, now_ns() + pause_ns(measure->began_ns, DISK_NS, DISK_TIMES));
  }
  free(measure);
}

static void on_disk(void *arg) {
  struct attempt *attempt = arg;
  const char *path = attempt->start->private_dir;
  struct measure *measure = must_alloc(sizeof *measure + strlen(path) + 1);
  measure->job = (struct job){NULL, measure_work, measure_done};
  measure->ref = attempt->start->ref;
  measure->start_ticks = attempt->start_ticks;
  measure->began_ns = now_ns();
  strcpy(measure->path, path);
  workers_do(measurer, &measure->job);
}

// ------------------------------------------------------------------------------------------ watching

void limits_watch(struct attempt *attempt) {
  const int64_t *limits = attempt->start->limits;
  attempt->disk_timer = (struct timer){.fn = on_disk, .arg = attempt};
  if (limits[LIMIT_PROCESSES] >= 0 || limits[LIMIT_MEMORY_BYTES] >= 0 || limits[LIMIT_CPU_S] >= 0) watch(attempt);
  if (limits[LIMIT_DISK_BYTES] >= 0) timer_set(&attempt->disk_timer, now_ns() + DISK_NS);
}

void limits_unwatch(struct attempt *attempt) {
  if (attempt->is_watched) unwatch(attempt);
  timer_clear(&attempt->disk_timer);
}

// Shells say 128 and the number of a signal that has ended their last command.
enum limit limit_of_end(const struct attempt *attempt) {
  const int64_t *limits = attempt->start->limits;
  int status = attempt->status;
  int number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) - 128;
  if (number == SIGXFSZ && limits[LIMIT_FILE_BYTES] >= 0) return LIMIT_FILE_BYTES;
  if (limits[LIMIT_CPU_S] < 0) return NO_LIMIT;
  bool is_over = attempt->cpu_us / 1000000 >= limits[LIMIT_CPU_S];
  return number == SIGXCPU || (number == SIGKILL && is_over) ? LIMIT_CPU_S : NO_LIMIT;
}
