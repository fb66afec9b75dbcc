// What commands in a sandbox do not see. The server names places; a command could read what is there by every link that
// leads to it, so the real files and directories are covered. They are looked up again for each sandbox, because a link may
// lead elsewhere by then, as those of a Kubernetes secret do after each change.
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"

/** Set by the loop, read by the starter. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct strings places;

void strings_add(struct strings *strings, char *text) {
  strings->items = must_grow(strings->items, (strings->count + 2) * sizeof *strings->items);
  strings->items[strings->count++] = text;
  strings->items[strings->count] = NULL;
}

void strings_free(struct strings *strings) {
  for (uint32_t i = 0; i < strings->count; i++) free(strings->items[i]);
  free(strings->items);
  *strings = (struct strings){NULL, 0};
}

static struct strings copy_of(struct strings strings) {
  struct strings copy = {NULL, 0};
  for (uint32_t i = 0; i < strings.count; i++) strings_add(&copy, must_copy(strings.items[i]));
  return copy;
}

void hidden_set(struct strings places_) {
  struct strings copy = copy_of(places_);
  pthread_mutex_lock(&mutex);
  struct strings old = places;
  places = copy;
  pthread_mutex_unlock(&mutex);
  strings_free(&old);
}

bool is_below(const char *path, const char *dir) {
  size_t length = strlen(dir);
  while (length > 0 && dir[length - 1] == '/') length -= 1;
  return strncmp(path, dir, length) == 0 && (path[length] == '/' || path[length] == 0);
}

/** Whether a part of a path that leads nowhere is a link: then what it leads to may be there later. */
static bool is_lost_link(const char *path) {
  char *part = must_copy(path);
  bool is_lost = false, is_there = true;
  for (char *at = part; is_there && !is_lost && *at != 0;) {
    at += strspn(at, "/");
    at += strcspn(at, "/");
    char end = *at;
    *at = 0;
    struct stat stat_;
    is_there = lstat(part, &stat_) == 0;
    is_lost = is_there && S_ISLNK(stat_.st_mode) && stat(part, &stat_) < 0;
    *at = end;
  }
  free(part);
  return is_lost;
}

/** Adds a real path, unless something that covers it is there; and takes out what it covers. */
static void add_real(struct hidden *hidden, char *real, bool is_dir) {
  for (uint32_t i = 0; i < hidden->dirs.count; i++)
    if (is_below(real, hidden->dirs.items[i])) {
      free(real);
      return;
    }
  struct strings *lists[] = {&hidden->dirs, &hidden->files};
  for (size_t list = 0; list < 2; list++)
    for (uint32_t i = lists[list]->count; i > 0; i--) {
      char *other = lists[list]->items[i - 1];
      if (is_dir ? !is_below(other, real) : strcmp(other, real) != 0) continue;
      lists[list]->items[i - 1] = lists[list]->items[--lists[list]->count];
      free(other);
    }
  strings_add(is_dir ? &hidden->dirs : &hidden->files, real);
}

char *hidden_add(struct hidden *hidden, const char *place) {
  char *real = realpath(place, NULL);
  struct stat stat_;
  if (real != NULL && lstat(real, &stat_) == 0) {
    if (strcmp(real, "/") == 0) {
      free(real);
      return must_format("%s cannot be hidden: it is the root directory", place);
    }
    add_real(hidden, real, S_ISDIR(stat_.st_mode));
    return NULL;
  }
  int error = errno;
  free(real);
  // What this host cannot get to a command cannot get to either: it has no more rights.
  if (error == EACCES || ((error == ENOENT || error == ENOTDIR) && !is_lost_link(place))) return NULL;
  return must_format("%s cannot be hidden: a link in its path has no target (%s)", place,
                     strerror(error));
}

char *hidden_now(struct hidden *hidden) {
  pthread_mutex_lock(&mutex);
  struct strings copy = copy_of(places);
  pthread_mutex_unlock(&mutex);
  char *problem = NULL;
  for (uint32_t i = 0; problem == NULL && i < copy.count; i++) problem = hidden_add(hidden, copy.items[i]);
  strings_free(&copy);
  return problem;
}

/** So many sockets are covered at most. */
#define MOST_SOCKETS 1024

void sockets_find(struct strings *sockets) {
  FILE *file = fopen("/proc/self/net/unix", "re");
  char *line = NULL;
  size_t size = 0;
  for (ssize_t length; file != NULL && sockets->count < MOST_SOCKETS && (length = getline(&line, &size, file)) > 0;) {
    line[length - 1] = 0;
    // Behind seven columns. Relative ones and abstract ones lead nowhere.
    const char *at = line;
    for (int column = 0; column < 7; column++) {
      at += strcspn(at, " ");
      at += strspn(at, " ");
    }
    if (at[0] == '/') strings_add(sockets, must_copy(at));
  }
  if (file != NULL) fclose(file);
  free(line);
}

void hidden_free(struct hidden *hidden) {
  strings_free(&hidden->dirs);
  strings_free(&hidden->files);
}
