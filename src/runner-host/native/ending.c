// How an attempt ends: its stop signal and time to act on it, SIGKILL until no process of it is found, its pipes read to
// their ends, its journal written, and then the report. When its leader has ended and others still hold its pipes, they may
// go on writing for a while before they are asked to end, too.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

/** After SIGKILL: how long to look for survivors before giving up. */
#define PROOF_NS (5000 * MS)
/** After the end of the leader, and after each output: how long others may be silent before they are asked to end. */
#define DRAIN_QUIET_NS (2000 * MS)
/** After the last process has ended: how long a silent pipe that something still holds is waited for. */
#define QUIET_NS (500 * MS)
#define MAX_QUIET_TICKS 10
/** What a process without privileges can make a pipe hold (fs.pipe-max-size, pipe(7)). */
#define MAX_PIPE_BYTES (1024 * 1024)
#define FIRST_PAUSE_NS (2 * MS)
#define LAST_PAUSE_NS (100 * MS)

static size_t waiting;
/** Leaders that could not be killed in time; they are reaped when they do end. */
static pid_t *late;
static size_t late_count;

size_t attempts_waiting(void) { return waiting; }

/** Those that wait for processes are counted, so that nobody looks for them when there are none. */
void attempt_set_phase(struct attempt *attempt, enum phase phase) {
  waiting -= attempt->phase == TERMINATING || attempt->phase == KILLING;
  waiting += phase == TERMINATING || phase == KILLING;
  attempt->phase = phase;
  timer_clear(&attempt->phase_timer);
}

// ------------------------------------------------------------------------------------------ report

void reap_late(pid_t pid) {
  late = must_grow(late, (late_count + 1) * sizeof *late);
  late[late_count++] = pid;
}

/** The leader has not ended, and nobody waits for it any longer. */
static void give_up_leader(struct attempt *attempt) {
  loop_remove(&attempt->leader);
  close(attempt->leader.fd);
  reap_late(attempt->spawned.pid);
}

void late_leaders_reap(void) {
  for (size_t i = late_count; i > 0; i--)
    if (waitpid(late[i - 1], NULL, WNOHANG | __WALL) != 0) late[i - 1] = late[--late_count];
}

void ending_report(struct attempt *attempt) {
  struct exited exited = {
      .ref = attempt->start->ref,
      .cause = attempt->cause,
      .is_started = attempt->is_spawned && !attempt->is_abandoned,
      .forced = attempt->forced,
      .exit_code = -1,
      .signal = "",
      .leftovers = attempt->leftover_count,
      .survivors = attempt->survivors,
      .started_at = attempt->started_at,
      .ended_at = attempt->ended_at,
      .cpu_ms = attempt->is_spawned && !attempt->is_abandoned ? (attempt->cpu_us + 500) / 1000 : -1,
      .max_rss_bytes = attempt->is_spawned && !attempt->is_abandoned ? attempt->max_rss_bytes : -1,
      .message = "",
      .limit = attempt->limit,
      .signal_count = attempt->signal_count,
      .found = attempt->found,
      .is_output_lost = attempt->is_output_lost,
  };
  memcpy(exited.signals, attempt->signals, sizeof exited.signals);
  char *message = NULL;
  if (attempt->has_status && WIFEXITED(attempt->status)) exited.exit_code = WEXITSTATUS(attempt->status);
  if (attempt->has_status && WIFSIGNALED(attempt->status)) exited.signal = signal_name(WTERMSIG(attempt->status));
  for (int i = 0; i < 2; i++) {
    exited.written[i] = attempt->streams[i].bytes;
    exited.tails[i] = (struct bytes){attempt->streams[i].tail, attempt->streams[i].tail_length};
  }
  if (attempt->journal != NULL) {
    memcpy(exited.kept, journal_kept(attempt->journal), sizeof exited.kept);
    exited.records = journal_records(attempt->journal);
    if (journal_error(attempt->journal) != 0)
      exited.message = message =
          must_format("The log could not be written: %s.", strerror(journal_error(attempt->journal)));
  }
  if (attempt->is_spawned && !attempt->is_reaped) give_up_leader(attempt);
  attempt_hang_up(attempt);
  out_exited(&to_server, &exited);
  free(message);
  facts->reported(attempt);
}

// ------------------------------------------------------------------------------------------ end

void ending_flush(struct attempt *attempt) {
  if (attempt->phase != FLUSHING) attempt_set_phase(attempt, FLUSHING);
  if (attempt->journal != NULL && !journal_close(attempt->journal)) return;
  if (attempt->journal != NULL && journal_error(attempt->journal) != 0) facts->journal_failed(attempt);
  if (attempt->cause == NO_CAUSE) {
    attempt->limit = attempt->has_status ? limit_of_end(attempt) : NO_LIMIT;
    attempt->cause = attempt->limit != NO_LIMIT                               ? END_RESOURCE_LIMIT
                     : attempt->has_status && WIFSIGNALED(attempt->status) ? END_SIGNALLED
                                                                              : END_EXITED;
  }
  ending_report(attempt);
}

bool attempt_is_read(const struct attempt *attempt) {
  return stream_is_open(&attempt->streams[0]) || stream_is_open(&attempt->streams[1]);
}

/** Something that was not found holds a pipe: waits until it is silent, or has written all that a pipe can hold. */
static void wait_for_quiet(struct attempt *attempt) {
  int64_t bytes = attempt->streams[0].read_bytes + attempt->streams[1].read_bytes;
  bool is_paused = attempt->streams[0].is_paused || attempt->streams[1].is_paused;
  // A full journal backlog also makes it silent, but then there is more to come.
  if (!is_paused || bytes >= attempt->most_bytes) {
    attempt->quiet_ticks += 1;
    if (bytes == attempt->quiet_bytes || bytes >= attempt->most_bytes || attempt->quiet_ticks >= MAX_QUIET_TICKS) {
      for (int i = 0; i < 2; i++) stream_close(&attempt->streams[i]);
      if (attempt->survivors == 0) attempt->survivors = 1;
      attempt->is_output_lost = true;
      ending_flush(attempt);
      return;
    }
    attempt->quiet_bytes = bytes;
  }
  timer_set(&attempt->phase_timer, now_ns() + QUIET_NS);
}

/** No process is left, as far as can be seen. */
static void finish(struct attempt *attempt) {
  attempt_set_phase(attempt, FINISHING);
  attempt->ended_at = wall_ms();
  if (!attempt_is_read(attempt)) {
    ending_flush(attempt);
    return;
  }
  attempt->quiet_bytes = attempt->streams[0].read_bytes + attempt->streams[1].read_bytes;
  attempt->most_bytes = attempt->quiet_bytes + MAX_PIPE_BYTES;
  timer_set(&attempt->phase_timer, now_ns() + QUIET_NS);
}

static void count_leftover(struct attempt *attempt, const struct process *process) {
  for (uint32_t i = 0; i < attempt->leftover_count; i++) {
    const struct process *known = &attempt->leftovers[i];
    if (known->pid == process->pid && known->start_time == process->start_time) return;
  }
  attempt->leftovers = must_grow(attempt->leftovers, (attempt->leftover_count + 1) * sizeof *process);
  attempt->leftovers[attempt->leftover_count++] = *process;
}

/** Takes note of a signal that is sent, for the proof. */
static void note_signal(struct attempt *attempt, int number) {
  for (uint32_t i = 0; i < attempt->signal_count; i++)
    if (attempt->signals[i].number == number) return;
  attempt->signals[attempt->signal_count++] = (struct sent_signal){number, wall_ms()};
}

static void kill_found(struct attempt *attempt, const struct process *found, size_t count, bool has_group) {
  attempt->has_been_killed = true;
  // The group at once: none of its members can start another one meanwhile.
  if (has_group) kill(-attempt->spawned.pid, SIGKILL);
  if (attempt->uid != 0) uid_kill(attempt->uid);
  for (size_t i = 0; i < count; i++) process_signal(&found[i], SIGKILL);
}

/** SIGKILL for all that is left, until nothing is found any more. */
static void kill_round(struct attempt *attempt) {
  if (attempt->has_been_killed && attempt->uid == 0) chase(attempt);
  if (!orphans_reap() && attempt->is_reaped) {
    finish(attempt);
    return;
  }
  struct process *found;
  size_t count = processes_of(attempt, &found);
  pid_t leader = attempt->spawned.pid;
  bool has_group = !attempt->is_reaped;
  for (size_t i = 0; i < count; i++) {
    if (found[i].pid != leader && !holds_sandbox(attempt, &found[i])) count_leftover(attempt, &found[i]);
    has_group |= found[i].group == leader;
  }
  if (count == 0 && attempt->is_reaped && family_is_empty(attempt)) {
    finish(attempt);
    return;
  }
  if (now_ns() > attempt->phase_ends_ns) {
    attempt->survivors = count > 0 ? (uint32_t)count : 1;
    finish(attempt);
    return;
  }
  if (!attempt->is_sandboxed || of_command(attempt, found, count) > 0) {
    note_signal(attempt, SIGKILL);
    attempt->is_output_lost |= attempt_is_read(attempt);
  }
  // A sandbox kills what is in it, and says what it has used; one that does not is killed like anything else.
  bool is_asked = attempt->is_sandboxed && !attempt->is_reaped && attempt->pause_ns < LAST_PAUSE_NS;
  if (is_asked) attempt_tell(attempt, SANDBOX_KILL, 0, true);
  else kill_found(attempt, found, count, has_group);
  timer_set(&attempt->phase_timer, now_ns() + attempt->pause_ns);
  attempt->pause_ns = attempt->pause_ns * 2 < LAST_PAUSE_NS ? attempt->pause_ns * 2 : LAST_PAUSE_NS;
}

void ending_kill(struct attempt *attempt) {
  limits_unwatch(attempt);
  attempt_set_phase(attempt, KILLING);
  attempt->phase_ends_ns = now_ns() + PROOF_NS;
  attempt->pause_ns = FIRST_PAUSE_NS;
  kill_round(attempt);
}

// ------------------------------------------------------------------------------------------ asking

/** A stopped process acts on a signal only once it continues. */
static void signal_and_wake(pid_t pid, int number) {
  kill(pid, number);
  kill(pid, SIGCONT);
}

/** Sends the stop signal to the leader, or to all that were found. */
static void ask(struct attempt *attempt, const struct process *found, size_t count, bool is_for_all) {
  int number = attempt->start->stop_signal;
  pid_t leader = attempt->spawned.pid;
  attempt_set_phase(attempt, TERMINATING);
  timer_set(&attempt->phase_timer, attempt->grace_ends_ns);
  note_signal(attempt, number);
  if (attempt->is_sandboxed) {
    // What is in it must hear it, not what holds it together.
    attempt_tell(attempt, SANDBOX_SIGNAL, number, is_for_all);
    return;
  }
  if (!attempt->is_reaped) signal_and_wake(is_for_all ? -leader : leader, number);
  for (size_t i = 0; is_for_all && i < count; i++) {
    if (found[i].group == leader && !attempt->is_reaped) continue;
    process_signal(&found[i], number);
    process_signal(&found[i], SIGCONT);
  }
}

static int64_t grace_end(const struct attempt *attempt) { return now_ns() + attempt->grace_ms * MS; }

/** The stop signal, and time to act on it. */
void ending_terminate(struct attempt *attempt) {
  struct process *found;
  // Without time to act on a signal, none is better than SIGKILL.
  attempt->is_output_lost |= attempt->grace_ms == 0 && attempt_is_read(attempt);
  size_t count = processes_of(attempt, &found);
  attempt->found = of_command(attempt, found, count);
  // From here, because finding them takes time, which is not theirs.
  attempt->grace_ends_ns = grace_end(attempt);
  ask(attempt, found, count, attempt->start->stop_scope == STOP_ALL);
}

/** The leader has ended, and nothing more is waited for: what it has left behind is asked to end. */
static void end_leftovers(struct attempt *attempt) {
  struct process *found;
  size_t count = attempt->is_reaped && !orphans_reap() ? 0 : processes_of(attempt, &found);
  uint32_t left = 0;
  for (size_t i = 0; i < count; i++) {
    if (found[i].pid == attempt->spawned.pid || holds_sandbox(attempt, &found[i])) continue;
    count_leftover(attempt, &found[i]);
    left += 1;
  }
  if (left == 0) {
    ending_kill(attempt);
    return;
  }
  attempt->is_output_lost |= attempt_is_read(attempt);
  if (attempt->grace_ends_ns == 0) attempt->grace_ends_ns = grace_end(attempt);
  ask(attempt, found, count, true);
}

/** Whoever goes on writing is waited for, whoever is silent is not. */
static void drain(struct attempt *attempt) {
  int64_t now = now_ns();
  int64_t next_ns = attempt->drain_began_ns > attempt->last_output_ns ? attempt->drain_began_ns : attempt->last_output_ns;
  next_ns += DRAIN_QUIET_NS;
  // A full journal backlog also makes it silent, but then there is more to come.
  bool is_paused = attempt->streams[0].is_paused || attempt->streams[1].is_paused;
  if (next_ns <= now && is_paused) next_ns = now + QUIET_NS;
  if (next_ns > attempt->phase_ends_ns) next_ns = attempt->phase_ends_ns;
  if (next_ns <= now || !attempt_is_read(attempt)) end_leftovers(attempt);
  else timer_set(&attempt->phase_timer, next_ns);
}

void ending_drain(struct attempt *attempt, int64_t until_ns) {
  attempt_set_phase(attempt, DRAINING);
  attempt->drain_began_ns = now_ns();
  attempt->phase_ends_ns = until_ns;
  drain(attempt);
}

void ending_hurry(struct attempt *attempt, uint32_t grace_ms) {
  int64_t now = now_ns(), until_ns = now + grace_ms * MS;
  if (grace_ms < attempt->grace_ms) attempt->grace_ms = grace_ms;
  if (attempt->grace_ends_ns > until_ns) attempt->grace_ends_ns = until_ns;
  if (attempt->phase == DRAINING) {
    // Not from here: this may be called in the middle of a read.
    attempt->phase_ends_ns = now;
    timer_set(&attempt->phase_timer, now);
  } else if (attempt->phase == TERMINATING) {
    timer_set(&attempt->phase_timer, attempt->grace_ends_ns);
  }
}

void ending_stream_ended(struct attempt *attempt) {
  if (attempt_is_read(attempt)) return;
  if (attempt->phase == DRAINING) end_leftovers(attempt);
  else if (attempt->phase == FINISHING) ending_flush(attempt);
}

/** Looks whether those that were asked to end have done so. */
void ending_look(struct attempt *attempt) {
  struct process *found;
  if (attempt->phase == KILLING) kill_round(attempt);
  else if (attempt->phase == TERMINATING && attempt->is_reaped &&
           (!orphans_reap() || processes_of(attempt, &found) == 0))
    ending_kill(attempt);
}

void ending_on_timer(void *arg) {
  struct attempt *attempt = arg;
  switch (attempt->phase) {
    case TERMINATING:
      attempt->forced = true;
      ending_kill(attempt);
      return;
    case STARTING:
      // A sandbox that is not made in time.
      facts->is_late(attempt);
      return;
    case DRAINING:
      drain(attempt);
      return;
    case KILLING:
      families_forget();
      kill_round(attempt);
      return;
    case FINISHING:
      wait_for_quiet(attempt);
      return;
    default:
      return;
  }
}

