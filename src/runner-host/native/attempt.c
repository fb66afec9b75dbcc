// One attempt, from the start frame to the end of its process. It owns the attempt and idle clocks; whatever stops it, the
// first cause wins and the rest is silent. ending.c has what follows.
//
//   STARTING → RUNNING → TERMINATING (something stops it) → KILLING → FINISHING → FLUSHING → ENDED
//                      → DRAINING    (it ends by itself)  →
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

/** After the leader's exit: how long others may go on writing before they count as leftovers. */
#define DRAIN_NS (250 * MS)

#define BUCKETS 1024
static struct attempt *table[BUCKETS];
static struct attempt *ended;
static struct attempt *fresh, **last_fresh = &fresh;
static size_t live;

struct attempt *attempt_find(uint32_t ref) {
  struct attempt *attempt = table[ref % BUCKETS];
  while (attempt != NULL && attempt->start->ref != ref) attempt = attempt->next_in_table;
  return attempt;
}

size_t attempts_live(void) { return live; }

void attempts_look(void) {
  late_leaders_reap();
  if (attempts_waiting() == 0) {
    orphans_reap();
    return;
  }
  for (size_t i = 0; i < BUCKETS; i++)
    for (struct attempt *attempt = table[i], *next; attempt != NULL; attempt = next) {
      next = attempt->next_in_table;
      ending_look(attempt);
    }
}

/** Reported: it is no more. */
void attempt_forget(struct attempt *attempt) {
  struct attempt **at = &table[attempt->start->ref % BUCKETS];
  while (*at != attempt) at = &(*at)->next_in_table;
  *at = attempt->next_in_table;
  family_remove(attempt);
  attempt_set_phase(attempt, ENDED);
  // Freed at the end of the turn: an event for it may still be on its way.
  attempt->next_in_line = ended;
  ended = attempt;
  live -= 1;
}

// ------------------------------------------------------------------------------------------ clocks

static int64_t later(int64_t from_ns, int64_t ms) {
  return ms < 0 ? from_ns : ms > INT64_MAX / MS / 2 ? INT64_MAX / 2 : from_ns + ms * MS;
}

static void disarm_clocks(struct attempt *attempt) {
  timer_clear(&attempt->attempt_timer);
  timer_clear(&attempt->idle_timer);
}

static void on_attempt_timer(void *arg) { attempt_end(arg, END_ATTEMPT_TIMEOUT); }

/** Output only moves a time stamp; the timer looks at it when it goes off. */
static void on_idle_timer(void *arg) {
  struct attempt *attempt = arg;
  int64_t due_ns = later(attempt->last_output_ns, attempt->idle_ms);
  if (due_ns <= now_ns()) attempt_end(attempt, END_IDLE_TIMEOUT);
  else timer_set(&attempt->idle_timer, due_ns);
}

static void arm_clocks(struct attempt *attempt) {
  disarm_clocks(attempt);
  timer_set(&attempt->attempt_timer, later(attempt->started_ns, attempt->attempt_ms));
  if (attempt->idle_ms > 0) timer_set(&attempt->idle_timer, later(attempt->last_output_ns, attempt->idle_ms));
}

void attempt_extend(struct attempt *attempt, int64_t attempt_ms, int64_t idle_ms) {
  attempt->attempt_ms = attempt_ms;
  attempt->idle_ms = idle_ms;
  if (attempt->phase == RUNNING) arm_clocks(attempt);
}

// ------------------------------------------------------------------------------------------ what happens

void attempt_end(struct attempt *attempt, enum end_cause cause) {
  if (attempt->cause != NO_CAUSE) return;
  attempt->cause = cause;
  disarm_clocks(attempt);
  if (attempt->phase == STARTING) atomic_store(&attempt->is_stopped_early, true);
  else if (attempt->phase == RUNNING) ending_terminate(attempt);
}

void attempt_stop(struct attempt *attempt, enum stop_cause cause, uint32_t grace_ms) {
  if (attempt->phase != STARTING && attempt->phase != RUNNING) return;
  if (attempt->cause == NO_CAUSE) attempt->grace_ms = grace_ms;
  attempt_end(attempt, END_CANCELLED + cause);
}

void attempts_stop_all(void) {
  for (size_t i = 0; i < BUCKETS; i++)
    for (struct attempt *attempt = table[i]; attempt != NULL; attempt = attempt->next_in_table) {
      // Nobody is left to wait for a longer grace.
      if (attempt->phase == TERMINATING) timer_set(&attempt->phase_timer, now_ns());
      attempt_stop(attempt, STOP_SHUTDOWN, 0);
    }
}

void attempt_add_usage(struct attempt *attempt, const struct rusage *usage) {
  attempt->cpu_us += (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000LL + usage->ru_utime.tv_usec +
                     usage->ru_stime.tv_usec;
  if (usage->ru_maxrss * 1024LL > attempt->max_rss_bytes) attempt->max_rss_bytes = usage->ru_maxrss * 1024LL;
}

static void on_leader(struct source *source) {
  struct attempt *attempt = (struct attempt *)((char *)source - offsetof(struct attempt, leader));
  struct rusage usage;
  if (wait4(attempt->spawned.pid, &attempt->status, WNOHANG | __WALL, &usage) <= 0) return;
  attempt->is_reaped = true;
  attempt_add_usage(attempt, &usage);
  loop_remove(source);
  close(source->fd);
  source->fd = -1;
  if (attempt->phase != RUNNING) {
    ending_look(attempt);
    return;
  }
  // The command has ended by itself: no clock and no cancel comes first any more.
  disarm_clocks(attempt);
  attempt_set_phase(attempt, DRAINING);
  if (attempt_is_read(attempt)) timer_set(&attempt->phase_timer, now_ns() + DRAIN_NS);
  else ending_kill(attempt);
}

void attempt_stream_ended(struct attempt *attempt) {
  if (attempt_is_read(attempt)) return;
  if (attempt->phase == DRAINING) ending_kill(attempt);
  else if (attempt->phase == FINISHING) ending_flush(attempt);
}

void attempt_output(struct attempt *attempt) {
  attempt->last_output_ns = now_ns();
  attempt->has_grown = true;
  if (attempt->journal == NULL) return;
  journal_flush(attempt->journal);
  if (!journal_is_full(attempt->journal)) return;
  for (int i = 0; i < 2; i++) stream_pause(&attempt->streams[i]);
}

void attempt_journal_changed(void *arg) {
  struct attempt *attempt = arg;
  if (journal_error(attempt->journal) != 0) attempt_end(attempt, END_JOURNAL_FAILED);
  else journal_flush(attempt->journal);
  for (int i = 0; i < 2; i++) stream_resume(&attempt->streams[i]);
  if (attempt->phase == FLUSHING) ending_flush(attempt);
}

static void on_started(struct job *job) {
  struct attempt *attempt = (struct attempt *)job;
  if (attempt->is_refused) {
    out_start_failed(&to_server, attempt->start->ref, attempt->refusal.reason, attempt->refusal.message);
    free(attempt->refusal.message);
    attempt_forget(attempt);
    return;
  }
  if (!attempt->is_spawned) {
    attempt->ended_at = wall_ms();
    ending_report(attempt);
    return;
  }
  attempt->phase = RUNNING;
  attempt->started_ns = attempt->last_output_ns = now_ns();
  family_add(attempt);
  attempt->leader = (struct source){on_leader, attempt->spawned.pid_fd};
  loop_add(&attempt->leader);
  for (int i = 0; i < 2; i++) stream_open(&attempt->streams[i], attempt, i, attempt->pipes[i]);
  start_shrink(attempt->start);
  out_started(&to_server, attempt->start->ref, (uint32_t)attempt->spawned.pid, attempt->started_at);
  if (attempt->cause == NO_CAUSE) arm_clocks(attempt);
  else ending_terminate(attempt);
}

void attempt_submit(struct start *start) {
  struct attempt *attempt = must_alloc(sizeof *attempt);
  memset(attempt, 0, sizeof *attempt);
  attempt->job.work = start_work;
  attempt->job.done = on_started;
  attempt->start = start;
  for (int i = 0; i < 2; i++) attempt->pipes[i] = attempt->streams[i].source.fd = -1;
  attempt->cause = NO_CAUSE;
  attempt->grace_ms = start->grace_ms;
  attempt->attempt_ms = start->attempt_ms;
  attempt->idle_ms = start->idle_ms;
  attempt->attempt_timer = (struct timer){.fn = on_attempt_timer, .arg = attempt};
  attempt->idle_timer = (struct timer){.fn = on_idle_timer, .arg = attempt};
  attempt->phase_timer = (struct timer){.fn = ending_on_timer, .arg = attempt};
  attempt->tag = tag_of(start->marker);
  family_expect(attempt);
  attempt->next_in_table = table[start->ref % BUCKETS];
  table[start->ref % BUCKETS] = attempt;
  live += 1;
  *last_fresh = attempt;
  last_fresh = &attempt->next_in_line;
}

void attempts_begin(void) {
  while (fresh != NULL) {
    struct attempt *attempt = fresh;
    fresh = attempt->next_in_line;
    workers_do(starter, &attempt->job);
  }
  last_fresh = &fresh;
}

// ------------------------------------------------------------------------------------------ turns

void attempts_send_growth(void) {
  for (size_t i = 0; i < BUCKETS; i++)
    for (struct attempt *attempt = table[i]; attempt != NULL; attempt = attempt->next_in_table) {
      if (!attempt->has_grown) continue;
      attempt->has_grown = false;
      out_growth(&to_server, attempt->start->ref, (int64_t[]){attempt->streams[0].bytes, attempt->streams[1].bytes});
    }
}

void attempts_end_turn(void) {
  while (ended != NULL) {
    struct attempt *attempt = ended;
    ended = attempt->next_in_line;
    disarm_clocks(attempt);
    for (int i = 0; i < 2; i++) free(attempt->streams[i].tail);
    if (attempt->journal != NULL) journal_free(attempt->journal);
    free(attempt->leftovers);
    attempt_release(attempt);
  }
}
