// Which process belongs to which attempt. All that an attempt has started descends from its leader; what loses its parent
// becomes a child of this host (PR_SET_CHILD_SUBREAPER), whatever session it has made for itself and whatever it has
// cleared from its environment. Such orphans are children of the main thread, while leaders are children of the starter:
// so one system call says that there is no orphan, which is all that a command that leaves nothing behind ever costs.
//
// When there are orphans, they are told apart by a tag that is inherited by everything and shown to nobody: the limit of
// file locks (RLIMIT_LOCKS), which Linux has ignored since 2.6, set to a hash of the attempt's marker. It outlives the
// host, too. What has taken off its tag is told by session, group, parent or marker; and if it has none of these, by there
// being only one attempt that it can be of.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

#define BUCKETS 4096
static struct attempt *by_tag[BUCKETS];
static struct attempt *live;
/** Attempts that the starter has in hand: what it has just started is a child of this host, and looks like an orphan. */
static size_t expected;

/** What was found by the last look, by process number. */
static struct {
  struct process *items;
  size_t count, size;
  pid_t from;
  bool is_fresh;
} seen;

/** The pid counter is trusted not to wrap around unseen within this time. */
#define UNSEEN_NS (1000 * MS)
static pid_t newest_pid;
static int64_t newest_at_ns;
static uint32_t pid_turn;

/** Takes note of a process number that has just been given out. */
static void note_pid(pid_t pid) {
  int64_t now = now_ns();
  if (pid < newest_pid || now - newest_at_ns > UNSEEN_NS) pid_turn += 1;
  newest_pid = pid;
  newest_at_ns = now;
}

uint64_t tag_of(const char *marker) {
  static uint64_t ceiling;
  if (ceiling == 0) {
    struct rlimit limit;
    getrlimit(RLIMIT_LOCKS, &limit);
    ceiling = limit.rlim_max > 1ULL << 62 ? 1ULL << 62 : limit.rlim_max;
  }
  // FNV-1a, and a last stir. Within another execd the limit can only be lowered: half of what is left still tells much.
  uint64_t hash = 0xcbf29ce484222325;
  for (const char *at = marker; *at != 0; at++) hash = (hash ^ (uint8_t)*at) * 0x100000001b3;
  hash ^= hash >> 29;
  return ceiling < 1 << 20 ? 0 : ceiling / 2 + hash % (ceiling / 2);
}

static struct attempt *tagged(uint64_t tag) {
  struct attempt *attempt = tag == 0 ? NULL : by_tag[tag % BUCKETS];
  while (attempt != NULL && attempt->tag != tag) attempt = attempt->next_by_tag;
  return attempt;
}

void family_expect(struct attempt *attempt) {
  attempt->next_by_tag = by_tag[attempt->tag % BUCKETS];
  by_tag[attempt->tag % BUCKETS] = attempt;
  expected += 1;
}

void family_add(struct attempt *attempt) {
  note_pid(attempt->spawned.pid);
  attempt->pid_turn = pid_turn;
  attempt->is_in_family = true;
  attempt->next_live = live;
  live = attempt;
  expected -= 1;
  seen.is_fresh = false;
}

void family_remove(struct attempt *attempt) {
  struct attempt **at = &by_tag[attempt->tag % BUCKETS];
  while (*at != attempt) at = &(*at)->next_by_tag;
  *at = attempt->next_by_tag;
  if (!attempt->is_in_family) {
    expected -= 1;
    return;
  }
  for (at = &live; *at != attempt;) at = &(*at)->next_live;
  *at = attempt->next_live;
}

// ------------------------------------------------------------------------------------------ orphans

/** Deaths of orphans that were not known to be of an attempt. */
static uint64_t stranger_deaths;

void attempt_add_usage(struct attempt *attempt, const struct rusage *usage) {
  attempt->cpu_us += (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000LL + usage->ru_utime.tv_usec +
                     usage->ru_stime.tv_usec;
  if (usage->ru_maxrss * 1024LL > attempt->max_rss_bytes) attempt->max_rss_bytes = usage->ru_maxrss * 1024LL;
}

bool orphans_reap(void) {
  for (;;) {
    siginfo_t info = {0};
    // Of this thread alone: leaders are the starter's.
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL | __WNOTHREAD) < 0) return errno != ECHILD;
    if (info.si_pid == 0) return true;
    struct attempt *owner = tagged(process_tag(info.si_pid));
    struct rusage usage;
    if (wait4(info.si_pid, NULL, __WALL, &usage) <= 0) continue;
    if (owner != NULL) {
      attempt_add_usage(owner, &usage);
      owner->orphan_deaths += 1;
    } else {
      stranger_deaths += 1;
    }
  }
}

// ------------------------------------------------------------------------------------------ looking

static struct process *find(pid_t pid) {
  size_t low = 0, high = seen.count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (seen.items[middle].pid == pid) return &seen.items[middle];
    if (seen.items[middle].pid < pid) low = middle + 1;
    else high = middle;
  }
  return NULL;
}

static struct attempt *led_by(pid_t leader) {
  struct attempt *attempt = live;
  while (attempt != NULL && attempt->spawned.pid != leader) attempt = attempt->next_live;
  return attempt;
}

/** The attempt whose own user this is. */
static struct attempt *run_by(uid_t uid) {
  if (uid == 0 || !uids_are_there()) return NULL;
  struct attempt *attempt = live;
  while (attempt != NULL && attempt->uid != uid) attempt = attempt->next_live;
  return attempt;
}

static void look_at(pid_t pid, void *arg) {
  pid_t own_session = *(pid_t *)arg;
  struct process process;
  if (!process_read(pid, &process)) return;
  // What is still in the session of the host is a part of it: every attempt has left it before it was executed.
  if (process.session == own_session || process.state == 'Z' || process.state == 'X') return;
  process.owner = run_by(process.uid);
  if (process.owner == NULL) process.owner = tagged(process_tag(pid));
  if (process.owner == NULL) process.owner = led_by(process.session);
  if (process.owner == NULL) process.owner = led_by(process.group);
  if (seen.count == seen.size) {
    seen.size = seen.size == 0 ? 256 : seen.size * 2;
    seen.items = must_grow(seen.items, seen.size * sizeof *seen.items);
  }
  seen.items[seen.count++] = process;
}

/** The only attempt that can have started a process; NULL when there are several, or none. */
static struct attempt *only_candidate(const struct process *process) {
  struct attempt *only = NULL;
  if (expected > 0) return NULL;
  for (struct attempt *attempt = live; attempt != NULL; attempt = attempt->next_live) {
    if (attempt->start_ticks > process->start_time) continue;
    if (only != NULL) return NULL;
    only = attempt;
  }
  return only;
}

static struct attempt *owner_of_orphan(const struct process *process) {
  char *marker = process_variable(process->pid, MARKER);
  struct attempt *owner = marker == NULL ? NULL : live;
  while (owner != NULL && (strncmp(owner->start->marker, MARKER, strlen(MARKER)) != 0 ||
                           strcmp(owner->start->marker + strlen(MARKER), marker) != 0))
    owner = owner->next_live;
  free(marker);
  return owner != NULL ? owner : only_candidate(process);
}

static void look(pid_t from) {
  pid_t own_session = getsid(0), host = getpid();
  seen.count = 0;
  seen.from = from;
  seen.is_fresh = true;
  each_pid(from, look_at, &own_session);
  for (size_t i = 0; i < seen.count; i++)
    if (seen.items[i].owner == NULL && seen.items[i].parent == host)
      seen.items[i].owner = owner_of_orphan(&seen.items[i]);
  // Children of what is known; again, while that makes more known.
  for (bool has_found = true; has_found;) {
    has_found = false;
    for (size_t i = 0; i < seen.count; i++) {
      if (seen.items[i].owner != NULL) continue;
      const struct process *parent = find(seen.items[i].parent);
      if (parent == NULL || parent->owner == NULL) continue;
      seen.items[i].owner = parent->owner;
      has_found = true;
    }
  }
}

void families_forget(void) { seen.is_fresh = false; }

size_t processes_of(struct attempt *attempt, struct process **found) {
  static struct process *own;
  static size_t size;
  note_pid(last_pid());
  // What an attempt has started is younger than its leader, as long as the numbers have not begun anew.
  pid_t from = attempt->pid_turn == pid_turn ? attempt->spawned.pid : 1;
  if (!seen.is_fresh || seen.from > from) look(from);
  size_t count = 0;
  for (size_t i = 0; i < seen.count; i++) {
    if (seen.items[i].owner != attempt) continue;
    if (count == size) {
      size = size == 0 ? 16 : size * 2;
      own = must_grow(own, size * sizeof *own);
    }
    own[count++] = seen.items[i];
  }
  *found = own;
  return count;
}

bool holds_sandbox(const struct attempt *attempt, const struct process *process) {
  pid_t leader = attempt->spawned.pid;
  return attempt->is_sandboxed && (process->pid == leader || process->parent == leader);
}

uint32_t of_command(const struct attempt *attempt, const struct process *found, size_t count) {
  uint32_t own = 0;
  for (size_t i = 0; i < count; i++) own += !holds_sandbox(attempt, &found[i]);
  return own;
}

// One that is born while all are looked at may be missed. But then one of its ancestors has died meanwhile, up to an orphan,
// whose parent is this host: it is reaped here.
bool family_is_empty(struct attempt *attempt) {
  if (!orphans_reap()) return true;
  uint64_t before = attempt->orphan_deaths + stranger_deaths;
  struct process *found;
  seen.is_fresh = false;
  if (processes_of(attempt, &found) > 0) return false;
  orphans_reap();
  return attempt->orphan_deaths + stranger_deaths == before;
}

// ------------------------------------------------------------------------------------------ the chase

/** So far behind the newest process number is looked, and for so long. */
#define NEWEST 16
#define CHASE_NS (4 * MS)

/** Without looking at its parents, which are gone. */
static bool is_of(struct attempt *attempt, pid_t pid) {
  struct process process;
  struct attempt *owner = tagged(process_tag(pid));
  if (owner != NULL) return owner == attempt;
  return process_read(pid, &process) && process.parent == getpid() && process.session != getsid(0) &&
         led_by(process.session) == NULL && only_candidate(&process) == attempt;
}

/** Looks again once it has a descriptor: then the number cannot be given to another one behind its back. */
static void kill_if_of(struct attempt *attempt, pid_t pid) {
  if (pid <= 1 || pid == attempt->spawned.pid || !is_of(attempt, pid)) return;
  int fd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0) return;
  if (is_of(attempt, pid)) syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
  close(fd);
}

void chase(struct attempt *attempt) {
  for (int64_t until = now_ns() + CHASE_NS; orphans_reap() && now_ns() < until;) {
    pid_t newest = last_pid();
    for (pid_t pid = newest + 1; pid > newest - NEWEST; pid--) kill_if_of(attempt, pid);
  }
}

// ------------------------------------------------------------------------------------------ the end

static void kill_orphan(pid_t pid, void *arg) {
  const pid_t *host_and_session = arg;
  struct process process;
  if (process_read(pid, &process) && process.parent == host_and_session[0] &&
      process.session != host_and_session[1])
    kill(pid, SIGKILL);
}

void kill_all_orphans(void) {
  pid_t host_and_session[2] = {getpid(), getsid(0)};
  for (int64_t until = now_ns() + 5000 * MS; orphans_reap() && now_ns() < until; usleep(1000))
    each_pid(1, kill_orphan, host_and_session);
}
