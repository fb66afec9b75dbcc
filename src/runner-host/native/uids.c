// The users that attempts run as, one each: what runs as another user can neither be seen into nor signalled by a command,
// and all that runs as one is killed by a single call. The range belongs to this host alone.
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

static uid_t first;
static uint32_t count, next;
static bool *is_taken;
/** A digest of the owner that each was given to last; 0: none. */
static uint64_t *last_owners;
static char **names;

/** Of the file alone: to ask a directory service could take long. */
static void read_names(void) {
  names = must_alloc(count * sizeof *names);
  memset(names, 0, count * sizeof *names);
  FILE *file = fopen("/etc/passwd", "re");
  for (struct passwd *user; file != NULL && (user = fgetpwent(file)) != NULL;)
    if (user->pw_uid >= first && user->pw_uid - first < count && names[user->pw_uid - first] == NULL)
      names[user->pw_uid - first] = must_copy(user->pw_name);
  if (file != NULL) fclose(file);
  for (uint32_t i = 0; i < count; i++)
    if (names[i] == NULL) names[i] = must_format("%u", first + i);
}

bool uids_set(uint32_t first_uid, uint32_t uid_count) {
  if (uid_count == 0) return true;
  uint64_t end = (uint64_t)first_uid + uid_count;
  // Neither root nor this host itself: what runs as one of these users is killed.
  if (first_uid == 0 || end > UINT32_MAX || (getuid() >= first_uid && getuid() < end)) return false;
  first = first_uid;
  count = uid_count;
  is_taken = must_alloc(count * sizeof *is_taken);
  memset(is_taken, 0, count * sizeof *is_taken);
  last_owners = must_alloc(count * sizeof *last_owners);
  memset(last_owners, 0, count * sizeof *last_owners);
  read_names();
  return true;
}

bool uids_are_there(void) { return count > 0; }

const char *uid_name(uid_t uid) { return uid == SANDBOX_USER ? "nobody" : names[uid - first]; }

/** FNV-1a. Two owners with one digest only share a preference. */
static uint64_t digest_of(const char *owner) {
  uint64_t digest = 0xcbf29ce484222325;
  for (; *owner != 0; owner++) digest = (digest ^ (uint8_t)*owner) * 0x100000001b3;
  return digest == 0 ? 1 : digest;
}

/** The next free one, in turn, that was given to `last` last; -1: none. */
static int64_t find_free(uint64_t last) {
  for (uint32_t tries = 0; tries < count; tries++) {
    uint32_t at = (next + tries) % count;
    if (!is_taken[at] && last_owners[at] == last) return at;
  }
  return -1;
}

/** The next free one, in turn, whoever had it. */
static int64_t find_any(void) {
  for (uint32_t tries = 0; tries < count; tries++) {
    uint32_t at = (next + tries) % count;
    if (!is_taken[at]) return at;
  }
  return -1;
}

uid_t uid_take(const char *owner) {
  uint64_t digest = digest_of(owner);
  // Files that a command has left in /tmp are read by nobody else then, as long as there are enough users.
  int64_t at = find_free(digest);
  if (at < 0) at = find_free(0);
  if (at < 0) at = find_any();
  if (at < 0) return 0;
  next = (uint32_t)at + 1;
  is_taken[at] = true;
  // Whatever an earlier host may have left of it.
  uid_kill(first + (uid_t)at);
  if (last_owners[at] == 0) ipc_remove(first + (uid_t)at);
  last_owners[at] = digest;
  return first + (uid_t)at;
}

void uid_give(uid_t uid) { is_taken[uid - first] = false; }

#define STACK_BYTES (16 * 1024)

// As in spawn.c: it shares the memory of the host, and may call the system only. The kernel sends the signal to whatever
// the caller may signal: it must have become that user alone, with no capability left, before.
__attribute__((no_sanitize("address", "undefined"))) static int kill_main(void *arg) {
  const uid_t uid = *(const uid_t *)arg;
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}}, left[2] = {{1, 1, 1}, {1, 1, 1}};
  if (uid != 0 && syscall(SYS_setresuid, uid, uid, uid) == 0 && syscall(SYS_capset, &header, none) == 0 &&
      syscall(SYS_capget, &header, left) == 0 && (left[0].effective | left[1].effective) == 0 &&
      syscall(SYS_getuid) == (long)uid && syscall(SYS_geteuid) == (long)uid)
    syscall(SYS_kill, -1, SIGKILL);
  syscall(SYS_exit, 0);
  return 0;
}

void uid_kill(uid_t uid) {
  // The starter and the loop may both be here.
  static _Thread_local _Alignas(64) uint8_t stack[STACK_BYTES];
  if (count == 0 || uid < first || uid >= first + count) return;
  // Without a signal at its end: nobody but this thread waits for it.
  // It shares the descriptors, too: a copy would hold open what another thread closes meanwhile.
  pid_t pid = clone(kill_main, stack + STACK_BYTES, CLONE_VM | CLONE_VFORK | CLONE_FILES, &uid);
  if (pid > 0) waitpid(pid, NULL, __WALL);
}

#define MOST_GROUPS 256

void as_user(uid_t uid, void (*look)(void *), void *arg) {
  gid_t groups[MOST_GROUPS];
  int groups_count = uid == 0 ? 0 : getgroups(MOST_GROUPS, groups);
  if (uid != 0) {
    // The functions of the C library would change all threads.
    syscall(SYS_setgroups, 0, NULL);
    syscall(SYS_setfsgid, uid);
    syscall(SYS_setfsuid, uid);
  }
  look(arg);
  if (uid == 0) return;
  syscall(SYS_setfsuid, geteuid());
  syscall(SYS_setfsgid, getegid());
  if (groups_count > 0) syscall(SYS_setgroups, (size_t)groups_count, groups);
}
