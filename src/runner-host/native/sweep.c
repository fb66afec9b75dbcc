// After the death of another host of this instance: kills it if it still lives, so that it cannot start anything more, and
// then everything that carries the tag or the marker of one of its attempts.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

#define PAUSE_NS (5 * MS)
#define PROOF_NS (5000 * MS)

struct sweep {
  struct timer timer;
  uint32_t id, killed;
  char *instance;
  char **markers;
  uint64_t *tags;
  uint32_t count;
  char **paths;
  uint32_t path_count;
  int64_t give_up_ns;
  /** Of one round. */
  bool is_for_hosts;
  uint32_t found;
  struct process *victims;
  uint32_t victim_count;
};

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static int by_number(const void *a, const void *b) {
  uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
  return left < right ? -1 : left > right;
}

static bool is_old_host(const struct sweep *sweep, const struct process *process) {
  // What the starter is just starting still looks like this host.
  if (process->pid == getpid() || process->parent == getpid()) return false;
  char *instance = process_variable(process->pid, "EXECD_HOST=");
  bool is_one = instance != NULL && strcmp(instance, sweep->instance) == 0;
  free(instance);
  return is_one;
}

static bool is_marked(const struct sweep *sweep, pid_t pid) {
  uint64_t tag = process_tag(pid);
  if (tag != 0 && bsearch(&tag, sweep->tags, sweep->count, sizeof tag, by_number) != NULL) return true;
  char *value = process_variable(pid, MARKER);
  if (value == NULL) return false;
  char *marker = must_format(MARKER "%s", value);
  bool is_one = bsearch(&marker, sweep->markers, sweep->count, sizeof marker, by_text) != NULL;
  free(marker);
  free(value);
  return is_one;
}

static void count_victim(struct sweep *sweep, const struct process *process) {
  for (uint32_t i = 0; i < sweep->victim_count; i++)
    if (sweep->victims[i].pid == process->pid && sweep->victims[i].start_time == process->start_time) return;
  sweep->victims = must_grow(sweep->victims, (sweep->victim_count + 1) * sizeof *process);
  sweep->victims[sweep->victim_count++] = *process;
}

static void look_at(pid_t pid, void *arg) {
  struct sweep *sweep = arg;
  struct process process;
  if (!process_read(pid, &process) || process.state == 'Z' || process.state == 'X' || pid == getpid()) return;
  if (sweep->is_for_hosts ? !is_old_host(sweep, &process) : !is_marked(sweep, pid)) return;
  sweep->found += 1;
  if (!sweep->is_for_hosts) count_victim(sweep, &process);
  process_signal(&process, SIGKILL);
}

static void free_all(char **texts, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) free(texts[i]);
  free(texts);
}

static void end(struct sweep *sweep) {
  for (uint32_t i = 0; i < sweep->path_count; i++) remove_later(sweep->paths[i]);
  out_swept(&to_server, sweep->id, sweep->victim_count, sweep->found);
  free_all(sweep->markers, sweep->count);
  free_all(sweep->paths, sweep->path_count);
  free(sweep->instance);
  free(sweep->tags);
  free(sweep->victims);
  free(sweep);
}

static void round_(void *arg) {
  struct sweep *sweep = arg;
  sweep->found = 0;
  sweep->is_for_hosts = true;
  each_pid(1, look_at, sweep);
  if (sweep->found == 0) {
    sweep->is_for_hosts = false;
    each_pid(1, look_at, sweep);
  }
  orphans_reap();
  if (sweep->found == 0 || now_ns() > sweep->give_up_ns) end(sweep);
  else timer_set(&sweep->timer, now_ns() + PAUSE_NS);
}

static char **copy_all(struct strings strings) {
  char **copies = must_alloc((strings.count + 1) * sizeof *copies);
  for (uint32_t i = 0; i < strings.count; i++) copies[i] = must_copy(strings.items[i]);
  return copies;
}

void sweep(const char *instance, uint32_t id, struct strings markers, struct strings paths) {
  struct sweep *sweep = must_alloc(sizeof *sweep);
  *sweep = (struct sweep){
      .timer = {.fn = round_, .arg = sweep},
      .id = id,
      .instance = must_copy(instance),
      .markers = copy_all(markers),
      .tags = must_alloc((markers.count + 1) * sizeof(uint64_t)),
      .count = markers.count,
      .paths = copy_all(paths),
      .path_count = paths.count,
      .give_up_ns = now_ns() + PROOF_NS,
  };
  for (uint32_t i = 0; i < markers.count; i++) sweep->tags[i] = tag_of(markers.items[i]);
  qsort(sweep->markers, sweep->count, sizeof *sweep->markers, by_text);
  qsort(sweep->tags, sweep->count, sizeof *sweep->tags, by_number);
  round_(sweep);
}
