// One attempt, from the start frame to the end of its process. It owns the attempt and idle clocks; whatever stops it, the
// first cause wins and the rest is silent. ending.c has what follows.
//
//   STARTING → RUNNING → TERMINATING (something stops it) ─────────────→ KILLING → FINISHING → FLUSHING → ENDED
//                      → DRAINING (its leader ends) → TERMINATING (others are left) →
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

/** Until a sandbox has to be there. */
#define SANDBOX_NS (10000 * MS)
/** What a start may take however short the limit is. */
#define LEAST_START_MS 2000

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
static void forget(struct attempt *attempt) {
  struct attempt **at = &table[attempt->start->ref % BUCKETS];
  while (*at != attempt) at = &(*at)->next_in_table;
  *at = attempt->next_in_table;
  live -= 1;
  input_close(attempt);
  attempt_set_phase(attempt, ENDED);
  // The rest when its start comes back: until then its process is known by its tag, and taken for nobody else's.
  if (attempt->is_abandoned) return;
  family_remove(attempt);
  // Freed at the end of the turn: an event for it may still be on its way.
  attempt->next_in_line = ended;
  ended = attempt;
}

// ------------------------------------------------------------------------------------------ clocks

static void end(struct attempt *attempt, enum end_cause cause);

static int64_t later(int64_t from_ns, int64_t ms) {
  return ms < 0 ? from_ns : ms > INT64_MAX / MS / 2 ? INT64_MAX / 2 : from_ns + ms * MS;
}

static void disarm_clocks(struct attempt *attempt) {
  timer_clear(&attempt->attempt_timer);
  timer_clear(&attempt->idle_timer);
}

static void on_attempt_timer(void *arg) { end(arg, END_ATTEMPT_TIMEOUT); }

/** Output only moves a time stamp; the timer looks at it when it goes off. */
static void on_idle_timer(void *arg) {
  struct attempt *attempt = arg;
  int64_t due_ns = later(attempt->last_output_ns, attempt->idle_ms);
  if (due_ns <= now_ns()) end(attempt, END_IDLE_TIMEOUT);
  else timer_set(&attempt->idle_timer, due_ns);
}

static void arm_clocks(struct attempt *attempt) {
  disarm_clocks(attempt);
  timer_set(&attempt->attempt_timer, later(attempt->started_ns, attempt->attempt_ms));
  if (attempt->idle_ms > 0) timer_set(&attempt->idle_timer, later(attempt->last_output_ns, attempt->idle_ms));
}

static int64_t start_limit_ms(const struct attempt *attempt) {
  return attempt->attempt_ms > LEAST_START_MS ? attempt->attempt_ms : LEAST_START_MS;
}

bool attempt_extend(struct attempt *attempt, int64_t attempt_ms, int64_t idle_ms) {
  if (attempt->cause != NO_CAUSE) return false;
  attempt->attempt_ms = attempt_ms;
  attempt->idle_ms = idle_ms;
  if (attempt->phase == RUNNING) arm_clocks(attempt);
  else if (attempt->is_slow) timer_set(&attempt->attempt_timer, later(attempt->handed_ns, start_limit_ms(attempt)));
  return true;
}

// ------------------------------------------------------------------------------------------ what happens

// ------------------------------------------------------------------------------------------ starts

/** Starts that are expected to come back soon; more of them at a time are not faster. */
#define MAX_FRESH 2
/** After that a start is slow: others do not wait for it, it counts against its limit, and it can be given up. */
#define SLOW_NS (50 * MS)
#define LOOK_NS (20 * MS)
/** After SIGKILL, until a sandbox that is not there yet is left behind. */
#define UNKILLED_NS (5000 * MS)
/** Some starters are left for what does not hang. */
#define MAX_SLOW ((size_t)(STARTERS - MAX_FRESH - 2))

static struct attempt *starting;
static size_t fresh_starts, slow_starts, hanging;
static struct timer slow_timer;

size_t attempts_hanging(void) { return hanging; }

/** Reports an attempt whose start does not come back. What comes of the start is undone when it does. */
static void abandon(struct attempt *attempt) {
  spawn_kill(&attempt->starting_pid);
  attempt->is_abandoned = true;
  hanging += 1;
  fprintf(stderr, "the start of %s hangs in the kernel, perhaps on a file system that does not respond; the host leaves it behind\n",
          attempt->start->marker);
  attempt->ended_at = wall_ms();
  ending_report(attempt);
}

static void look_for_slow(void *arg) {
  (void)arg;
  int64_t now = now_ns();
  for (struct attempt *attempt = starting, *next; attempt != NULL; attempt = next) {
    next = attempt->next_starting;
    if (attempt->is_slow || now - attempt->handed_ns < SLOW_NS) continue;
    attempt->is_slow = true;
    fresh_starts -= 1;
    slow_starts += 1;
    if (attempt->cause != NO_CAUSE) abandon(attempt);
    else timer_set(&attempt->attempt_timer, later(attempt->handed_ns, start_limit_ms(attempt)));
  }
  if (fresh_starts > 0) timer_set(&slow_timer, now + LOOK_NS);
  attempts_begin();
}

/** Whoever has more starts that hang gets fewer of what is left; so that something is left for everybody else. */
static bool has_share(const struct attempt *attempt) {
  size_t own = 0;
  if (slow_starts == 0) return true;
  for (const struct attempt *other = starting; other != NULL; other = other->next_starting)
    own += other->is_slow && other->owner == attempt->owner;
  return own < (MAX_SLOW - slow_starts) / 2;
}

static void hand_out(struct attempt *attempt) {
  timer_clear(&attempt->attempt_timer);
  attempt->is_handed = true;
  attempt->handed_ns = now_ns();
  attempt->next_starting = starting;
  starting = attempt;
  fresh_starts += 1;
  slow_timer.fn = look_for_slow;
  if (slow_timer.place == 0) timer_set(&slow_timer, attempt->handed_ns + LOOK_NS);
  workers_do(starter, &attempt->job);
}

/** A start has come back. */
static void take_back(struct attempt *attempt) {
  struct attempt **at = &starting;
  while (*at != attempt) at = &(*at)->next_starting;
  *at = attempt->next_starting;
  if (attempt->is_slow) slow_starts -= 1;
  else fresh_starts -= 1;
  timer_clear(&attempt->attempt_timer);
  attempts_begin();
}

/** The pipes of one that does not run. */
static void close_pipes(struct attempt *attempt) {
  int *ends[] = {&attempt->pipes[0], &attempt->pipes[1], &attempt->input_fd, &attempt->progress_fd};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    if (*ends[i] >= 0) close(*ends[i]);
    *ends[i] = -1;
  }
}

/** It has been reported: whatever was started is killed, before it can have done anything. */
static void undo_start(struct attempt *attempt) {
  hanging -= 1;
  if (attempt->is_refused) free(attempt->refusal.message);
  if (attempt->is_spawned) {
    kill(attempt->spawned.pid, SIGKILL);
    reap_late(attempt->spawned.pid);
    close(attempt->spawned.pid_fd);
    close_pipes(attempt);
    if (attempt->is_sandboxed) {
      close(attempt->sandbox.control);
      close(attempt->sandbox.said);
    }
  }
  family_remove(attempt);
  attempt->next_in_line = ended;
  ended = attempt;
}

static void on_no_sandbox(struct attempt *attempt);

/** Kills a sandbox that is not there yet; one that cannot be killed is left behind when this is called again. */
static void kill_start(struct attempt *attempt) {
  if (!attempt->has_been_killed) {
    attempt->has_been_killed = true;
    kill(-attempt->spawned.pid, SIGKILL);
    timer_set(&attempt->phase_timer, now_ns() + UNKILLED_NS);
    return;
  }
  fprintf(stderr, "the sandbox of %s cannot be killed; the host leaves it behind\n", attempt->start->marker);
  loop_remove(&attempt->leader);
  close(attempt->leader.fd);
  attempt->leader.fd = -1;
  reap_late(attempt->spawned.pid);
  on_no_sandbox(attempt);
}

static void leave_line(struct attempt *attempt) {
  struct attempt **at = &fresh;
  while (*at != attempt) at = &(*at)->next_in_line;
  *at = attempt->next_in_line;
  if (*at == NULL) last_fresh = at;
}

/** It has a cause before it runs. */
static void stop_start(struct attempt *attempt) {
  atomic_store(&attempt->is_stopped_early, true);
  if (!attempt->is_handed) {
    leave_line(attempt);
    attempt->ended_at = wall_ms();
    ending_report(attempt);
  } else if (attempt->is_spawned && attempt->leader.fd > 0) {
    kill_start(attempt);
  } else if (attempt->is_slow) {
    abandon(attempt);
  }
}

static void end(struct attempt *attempt, enum end_cause cause) {
  if (attempt->cause != NO_CAUSE) return;
  attempt->cause = cause;
  disarm_clocks(attempt);
  if (attempt->phase == STARTING) stop_start(attempt);
  else if (attempt->phase == RUNNING) ending_terminate(attempt);
  // What others have written goes over the limit, or cannot be kept.
  else if (attempt->phase == DRAINING) ending_hurry(attempt, attempt->grace_ms);
}

void attempt_stop(struct attempt *attempt, enum stop_cause cause, uint32_t grace_ms) {
  if (attempt->phase != STARTING && attempt->phase != RUNNING) {
    // The first cause stays, but nobody wants to wait for long any more.
    ending_hurry(attempt, grace_ms);
    return;
  }
  if (attempt->cause == NO_CAUSE) attempt->grace_ms = grace_ms;
  end(attempt, END_CANCELLED + cause);
}

void attempts_stop_all(uint32_t grace_ms) {
  for (size_t i = 0; i < BUCKETS; i++)
    for (struct attempt *attempt = table[i]; attempt != NULL; attempt = attempt->next_in_table)
      attempt_stop(attempt, STOP_SHUTDOWN, grace_ms);
}

/** The leader has ended. If it has done so by itself, no clock and no cancel comes first any more. */
static void on_command_ended(struct attempt *attempt, int status) {
  attempt->has_status = true;
  attempt->status = status;
  disarm_clocks(attempt);
  if (attempt->phase == RUNNING) ending_drain(attempt, later(now_ns(), attempt->grace_ms));
  // It alone has been asked to end.
  else if (attempt->phase == TERMINATING && attempt->start->stop_scope == STOP_MAIN)
    ending_drain(attempt, attempt->grace_ends_ns);
}

/** The program runs. */
static void begin(struct attempt *attempt) {
  attempt_set_phase(attempt, RUNNING);
  attempt->started_ns = attempt->last_output_ns = now_ns();
  // A start that has taken long counts against the limit; a busy machine alone does not make it so long.
  if (attempt->started_ns - attempt->handed_ns > LEAST_START_MS * MS) attempt->started_ns = attempt->handed_ns;
  for (int i = 0; i < 2; i++)
    if (attempt->pipes[i] >= 0) stream_open(&attempt->streams[i], attempt, i, attempt->pipes[i]);
  if (attempt->input_fd >= 0) input_open(attempt);
  if (attempt->progress_fd >= 0) progress_open(attempt);
  start_shrink(attempt->start);
  out_started(&to_server, attempt->start->ref, (uint32_t)attempt->spawned.pid, attempt->started_at);
  limits_watch(attempt);
  if (attempt->cause == NO_CAUSE) arm_clocks(attempt);
  else ending_terminate(attempt);
}

static void report_refusal(struct attempt *attempt) {
  out_start_failed(&to_server, attempt->start->ref, attempt->refusal.reason, attempt->refusal.message);
  free(attempt->refusal.message);
  forget(attempt);
}

// ------------------------------------------------------------------------------------------ sandboxes

/** Takes one word of the sandbox. False: there is none now. */
static bool hear(struct attempt *attempt) {
  char packet[4096];
  ssize_t length = recv(attempt->control.fd, packet, sizeof packet - 1, MSG_DONTWAIT);
  if (length < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (length <= 0) {
    sandbox_close_control(attempt);
    return false;
  }
  packet[length] = 0;
  if (packet[0] == SANDBOX_STARTED && attempt->phase == STARTING) {
    attempt->started_at = wall_ms();
    begin(attempt);
  } else if (packet[0] == SANDBOX_REFUSED && length > 1 && attempt->phase == STARTING && !attempt->is_refused) {
    attempt->is_refused = true;
    attempt->refusal = (struct refusal){(enum start_failure)packet[1], must_copy(packet + 2)};
  } else if (packet[0] == SANDBOX_ENDED && length == 1 + sizeof(int) && !attempt->has_status) {
    int status;
    memcpy(&status, packet + 1, sizeof status);
    on_command_ended(attempt, status);
  }
  return true;
}

static void on_control(struct source *source) {
  struct attempt *attempt = (struct attempt *)((char *)source - offsetof(struct attempt, control));
  while (source->fd >= 0 && hear(attempt)) continue;
}

/** It has ended before the program ran: it says why, or bwrap did. */
static void on_no_sandbox(struct attempt *attempt) {
  close_pipes(attempt);
  if (!attempt->is_refused && attempt->cause == NO_CAUSE) {
    char said[512] = "its first process ended without a message";
    ssize_t length = pread(attempt->sandbox.said, said, sizeof said - 1, 0);
    if (length > 0) said[length] = 0;
    said[strcspn(said, "\n")] = 0;
    attempt->is_refused = true;
    attempt->refusal = (struct refusal){ISOLATION_UNAVAILABLE, must_format("The sandbox could not be created: %s.", said)};
  }
  attempt_hang_up(attempt);
  attempt->is_spawned = false;
  attempt->ended_at = wall_ms();
  if (attempt->is_refused) report_refusal(attempt);
  else ending_report(attempt);
}

static void on_leader(struct source *source) {
  struct attempt *attempt = (struct attempt *)((char *)source - offsetof(struct attempt, leader));
  struct rusage usage;
  int status;
  if (wait4(attempt->spawned.pid, &status, WNOHANG | __WALL, &usage) <= 0) return;
  // Its last words first.
  while (attempt->control.fd >= 0 && hear(attempt)) continue;
  attempt->is_reaped = true;
  attempt_add_usage(attempt, &usage);
  loop_remove(source);
  close(source->fd);
  source->fd = -1;
  if (attempt->phase == STARTING) {
    on_no_sandbox(attempt);
    return;
  }
  bool was_running = attempt->phase == RUNNING;
  // A sandbox that has not told of an end was killed.
  if (!attempt->has_status) on_command_ended(attempt, attempt->is_sandboxed ? SIGKILL : status);
  if (!was_running) ending_look(attempt);
}

static void on_wrote(struct attempt *attempt) {
  attempt->last_output_ns = now_ns();
  attempt->has_grown = true;
  if (attempt->journal == NULL) return;
  journal_flush(attempt->journal);
  if (!journal_is_full(attempt->journal)) return;
  for (int i = 0; i < 2; i++) stream_pause(&attempt->streams[i]);
}

static void on_journal_changed(void *arg) {
  struct attempt *attempt = arg;
  if (journal_error(attempt->journal) != 0) end(attempt, END_JOURNAL_FAILED);
  else journal_flush(attempt->journal);
  for (int i = 0; i < 2; i++) stream_resume(&attempt->streams[i]);
  if (attempt->phase == FLUSHING) ending_flush(attempt);
}

static void on_started(struct job *job) {
  struct attempt *attempt = (struct attempt *)job;
  take_back(attempt);
  if (attempt->is_abandoned) {
    undo_start(attempt);
    return;
  }
  if (attempt->is_refused) {
    report_refusal(attempt);
    return;
  }
  if (!attempt->is_spawned) {
    attempt->ended_at = wall_ms();
    ending_report(attempt);
    return;
  }
  family_add(attempt);
  attempt->leader = (struct source){on_leader, attempt->spawned.pid_fd};
  loop_add(&attempt->leader);
  if (!attempt->is_sandboxed) {
    begin(attempt);
    return;
  }
  attempt->control = (struct source){on_control, attempt->sandbox.control};
  loop_add(&attempt->control);
  timer_set(&attempt->phase_timer, now_ns() + SANDBOX_NS);
  // As for other slow starts: what it waits for in there may never come.
  if (attempt->cause == NO_CAUSE)
    timer_set(&attempt->attempt_timer, later(attempt->handed_ns, start_limit_ms(attempt)));
  else stop_start(attempt);
}

void attempt_submit(struct start *start) {
  struct attempt *attempt = must_alloc(sizeof *attempt);
  memset(attempt, 0, sizeof *attempt);
  attempt->job.work = start_work;
  attempt->job.done = on_started;
  attempt->start = start;
  for (int i = 0; i < 2; i++) attempt->pipes[i] = attempt->streams[i].source.fd = -1;
  attempt->control.fd = attempt->input.source.fd = attempt->input_fd = -1;
  attempt->progress.fd = attempt->progress_fd = -1;
  attempt->cause = NO_CAUSE;
  attempt->limit = NO_LIMIT;
  attempt->grace_ms = start->grace_ms;
  attempt->attempt_ms = start->attempt_ms;
  attempt->idle_ms = start->idle_ms;
  attempt->attempt_timer = (struct timer){.fn = on_attempt_timer, .arg = attempt};
  attempt->idle_timer = (struct timer){.fn = on_idle_timer, .arg = attempt};
  attempt->phase_timer = (struct timer){.fn = ending_on_timer, .arg = attempt};
  attempt->tag = tag_of(start->marker);
  attempt->owner = tag_of(start->owner);
  family_expect(attempt);
  attempt->next_in_table = table[start->ref % BUCKETS];
  table[start->ref % BUCKETS] = attempt;
  live += 1;
  *last_fresh = attempt;
  last_fresh = &attempt->next_in_line;
}

void attempts_begin(void) {
  for (struct attempt **at = &fresh; *at != NULL && fresh_starts < MAX_FRESH;) {
    struct attempt *attempt = *at;
    if (!has_share(attempt)) {
      // It waits for starts that hang, and that counts.
      if (attempt->attempt_timer.place == 0)
        timer_set(&attempt->attempt_timer, later(now_ns(), attempt->attempt_ms));
      at = &attempt->next_in_line;
      continue;
    }
    *at = attempt->next_in_line;
    if (*at == NULL) last_fresh = at;
    hand_out(attempt);
  }
}

// ------------------------------------------------------------------------------------------ turns

void attempts_send_growth(void) {
  for (size_t i = 0; i < BUCKETS; i++)
    for (struct attempt *attempt = table[i]; attempt != NULL; attempt = attempt->next_in_table) {
      progress_send(attempt);
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
    progress_close(attempt);
    limits_unwatch(attempt);
    for (int i = 0; i < 2; i++) free(attempt->streams[i].tail);
    attempt->is_silent = attempt->is_spawned && (attempt->journal == NULL || journal_size(attempt->journal) == 0);
    if (attempt->journal != NULL) journal_free(attempt->journal);
    free(attempt->leftovers);
    attempt_release(attempt);
  }
}

// ------------------------------------------------------------------------------------------ facts

static void on_wrote_too_much(struct attempt *attempt) { end(attempt, END_OUTPUT_LIMIT); }
static void on_journal_failed(struct attempt *attempt) { end(attempt, END_JOURNAL_FAILED); }

/** What goes over a limit gets no time to act on a signal: it would go on meanwhile. */
static void on_over(struct attempt *attempt, enum limit limit) {
  if (attempt->phase != RUNNING || attempt->cause != NO_CAUSE) {
    // It ends for another cause, but its time to do so ends here.
    attempt->forced = true;
    ending_kill(attempt);
    return;
  }
  attempt->limit = limit;
  attempt->grace_ms = 0;
  end(attempt, END_RESOURCE_LIMIT);
}

void attempts_prepare(void) {
  static const struct facts decisions = {.turn_begins = families_forget,
                                         .find = attempt_find,
                                         .wrote = on_wrote,
                                         .wrote_too_much = on_wrote_too_much,
                                         .stream_ended = ending_stream_ended,
                                         .journal_changed = on_journal_changed,
                                         .journal_failed = on_journal_failed,
                                         .is_over = on_over,
                                         .is_late = kill_start,
                                         .reported = forget};
  facts = &decisions;
}
