// User namespaces for a host that is root. Such a host must not hand its rights to read files on to commands, so each sandbox
// gets a user namespace in which the users of this machine are the same as outside. A namespace for an idmapped mount has one
// user in the place of root.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

#define STACK_BYTES (16 * 1024)

/** Is there, until it is killed, or this host dies. It shares the memory of the host: it may call the system only. */
__attribute__((no_sanitize("address", "undefined"))) static int idle_main(void *arg) {
  syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (syscall(SYS_getppid) != *(const pid_t *)arg) syscall(SYS_exit, 0);
  for (;;) syscall(SYS_ppoll, NULL, 0, NULL, NULL, 8);
  return 0;
}

/** All users, or groups, of this process's namespace, each as itself; malloc'ed. NULL with errno. */
static char *same_users(const char *file) {
  char *own = must_format("/proc/self/%s", file), *text = must_copy("");
  FILE *from = fopen(own, "re");
  free(own);
  unsigned long first, count;
  while (from != NULL && fscanf(from, "%lu %*u %lu", &first, &count) == 2) {
    char *longer = must_format("%s%lu %lu %lu\n", text, first, first, count);
    free(text);
    text = longer;
  }
  if (from != NULL) fclose(from);
  else free(text);
  return from == NULL ? NULL : text;
}

/** The users of the machine, one of them in the place of root and root in its. */
static char *swapped_users(uid_t one) {
  unsigned user = (unsigned)one;
  char *between = user == 1 ? must_copy("") : must_format("1 1 %u\n", user - 1);
  char *text = must_format("0 %u 1\n%s%u 0 1\n%u %u %u\n", user, between, user, user + 1, user + 1, UINT32_MAX - user - 1);
  free(between);
  return text;
}

/** Returns 0 or an errno. */
static int map_users(pid_t pid, const char *file, uid_t swapped) {
  char *text = swapped == 0 ? same_users(file) : swapped_users(swapped);
  if (text == NULL) return errno;
  char *path = must_format("/proc/%d/%s", (int)pid, file);
  int to = open(path, O_WRONLY | O_CLOEXEC);
  // In one piece: the kernel takes a single write.
  int error = to < 0 || write(to, text, strlen(text)) < 0 ? errno : 0;
  if (to >= 0) close(to);
  free(text);
  free(path);
  return error;
}

int userns_make(uid_t swapped) {
  static _Thread_local _Alignas(64) uint8_t stack[STACK_BYTES];
  pid_t host = getpid();
  // Without a signal at its end: nobody but this thread waits for it.
  pid_t pid = clone(idle_main, stack + STACK_BYTES, CLONE_VM | CLONE_NEWUSER, &host);
  if (pid < 0) return -1;
  int error = map_users(pid, "uid_map", swapped);
  if (error == 0) error = map_users(pid, "gid_map", swapped);
  char *path = must_format("/proc/%d/ns/user", (int)pid);
  int fd = error == 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (error == 0 && fd < 0) error = errno;
  free(path);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, __WALL);
  errno = error;
  return fd;
}
