// System V objects of the users that attempts run as (svipc(7)). They outlive the processes that have made them, and the
// next attempt with that user could read them.
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

enum { SHM, SEM, MSG, KINDS };

static const struct {
  const char *file;
  /** Columns of the owner and of the creator. */
  int owner, creator;
} kinds[KINDS] = {{"/proc/sysvipc/shm", 7, 9}, {"/proc/sysvipc/sem", 4, 6}, {"/proc/sysvipc/msg", 7, 9}};

#define COLUMNS 16
/** In memory, and on a swap device; of shared memory. */
enum { ID = 1, RESIDENT = 14, SWAPPED = 15 };

/** Calls for each object of a user. */
static void each(int kind, uid_t uid, void (*fn)(const int64_t columns[COLUMNS], void *arg), void *arg) {
  FILE *file = fopen(kinds[kind].file, "re");
  char line[512];
  // The first line has names.
  for (bool is_first = true; file != NULL && fgets(line, sizeof line, file) != NULL; is_first = false) {
    int64_t columns[COLUMNS] = {0};
    char *at = line;
    for (int i = 0; i < COLUMNS; i++) columns[i] = strtoll(at, &at, 10);
    if (!is_first && (columns[kinds[kind].owner] == uid || columns[kinds[kind].creator] == uid)) fn(columns, arg);
  }
  if (file != NULL) fclose(file);
}

static void add_bytes(const int64_t columns[COLUMNS], void *arg) {
  *(int64_t *)arg += columns[RESIDENT] + columns[SWAPPED];
}

int64_t ipc_bytes(uid_t uid) {
  int64_t bytes = 0;
  each(SHM, uid, add_bytes, &bytes);
  return bytes;
}

// ------------------------------------------------------------------------------------------ removal

struct found {
  uid_t uid;
  int kind;
  size_t count;
  int ids[256];
};

static void note(const int64_t columns[COLUMNS], void *arg) {
  struct found *found = arg;
  if (found->count < sizeof found->ids / sizeof *found->ids) found->ids[found->count++] = (int)columns[ID];
}

#define STACK_BYTES (16 * 1024)

// As in spawn.c: it shares the memory of the host, and may call the system only. As that user it needs no privileges.
__attribute__((no_sanitize("address", "undefined"))) static int remove_main(void *arg) {
  const struct found *found = arg;
  if (syscall(SYS_setresuid, found->uid, found->uid, found->uid) < 0) syscall(SYS_exit, 1);
  for (size_t i = 0; i < found->count; i++) {
    if (found->kind == SHM) syscall(SYS_shmctl, found->ids[i], IPC_RMID, NULL);
    else if (found->kind == SEM) syscall(SYS_semctl, found->ids[i], 0, IPC_RMID, NULL);
    else syscall(SYS_msgctl, found->ids[i], IPC_RMID, NULL);
  }
  syscall(SYS_exit, 0);
  return 0;
}

/** There may be more than fit into one list. */
#define MOST_ROUNDS 256

void ipc_remove(uid_t uid) {
  static _Thread_local _Alignas(64) uint8_t stack[STACK_BYTES];
  for (int kind = 0; kind < KINDS; kind++)
    for (int round = 0; round < MOST_ROUNDS; round++) {
      struct found found = {.uid = uid, .kind = kind};
      each(kind, uid, note, &found);
      if (found.count == 0) break;
      pid_t pid = clone(remove_main, stack + STACK_BYTES, CLONE_VM | CLONE_VFORK | CLONE_FILES, &found);
      if (pid > 0) waitpid(pid, NULL, __WALL);
    }
}
