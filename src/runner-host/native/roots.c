// A sandbox whose root directory is another one: an unpacked image, say. Its files are there to be read, and nothing of this
// machine is. The way down to the private directory may not be in it: each directory on that way is made in memory, with what
// the root has beside it, so that no file of the root is written to make a place for it.
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"

/** On the way to the private directory: what is beside it is bound piece by piece. */
#define MOST_ENTRIES 2000

/** Made for each sandbox, whatever the root has there. */
static const char *const made[] = {"dev", "proc", "sys", "tmp", "run", NULL};

static void add(struct strings *args, const char *option, const char *from, const char *to) {
  strings_add(args, must_copy(option));
  if (from != NULL) strings_add(args, must_copy(from));
  strings_add(args, must_copy(to));
}

static bool is_made(const char *name) {
  for (const char *const *one = made; *one != NULL; one++)
    if (strcmp(name, *one) == 0) return true;
  return false;
}

static mode_t type_of(const char *path) {
  struct stat stat_;
  return lstat(path, &stat_) == 0 ? stat_.st_mode & S_IFMT : 0;
}

static void add_directory(struct strings *args, const char *path) {
  add(args, "--perms", NULL, "0755");
  add(args, "--dir", NULL, path);
}

/** A link is made as it is: within the sandbox it leads nowhere else than to what is there. */
static void add_link(struct strings *args, const char *from, const char *to) {
  char target[4096];
  ssize_t length = readlink(from, target, sizeof target - 1);
  if (length < 0) return;
  target[length] = 0;
  add(args, "--symlink", target, to);
}

/** What is in one directory of the root. NULL, or what is wrong. */
static char *add_level(struct strings *args, const char *root, const char *inner, const char *private_dir) {
  char *dir = must_format("%s%s", root, inner), *problem = NULL;
  DIR *stream = opendir(dir);
  if (stream == NULL) problem = must_format("the root directory %s cannot be read: %s", dir, strerror(errno));
  uint32_t count = 0;
  for (struct dirent *entry; problem == NULL && (entry = readdir(stream)) != NULL;) {
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || (inner[0] == 0 && is_made(name))) continue;
    char *to = must_format("%s/%s", inner, name), *from = must_format("%s%s", root, to);
    mode_t type = type_of(from);
    if (++count > MOST_ENTRIES)
      problem = must_format("%s has more than %d entries beside the way to the data directory", dir, MOST_ENTRIES);
    else if (is_below(private_dir, to)) {
      if (type == S_IFDIR) {
        add_directory(args, to);
        problem = add_level(args, root, to, private_dir);
      }
    } else if (type == S_IFLNK) add_link(args, from, to);
    // Devices, pipes and sockets of it are left out.
    else if (type == S_IFDIR || type == S_IFREG) add(args, "--ro-bind", from, to);
    free(to);
    free(from);
  }
  if (stream != NULL) closedir(stream);
  free(dir);
  return problem;
}

/** The rest of the way to the private directory, which the root does not have. */
static void add_way(struct strings *args, const char *private_dir) {
  for (const char *end = private_dir; (end = strchr(end + 1, '/')) != NULL;) {
    char *dir = must_format("%.*s", (int)(end - private_dir), private_dir);
    // A mount point of its own, which is there by then.
    bool is_place = false;
    for (const char *const *place = sandbox_places; *place != NULL; place++) is_place |= is_below(dir, *place);
    if (!is_place) add_directory(args, dir);
    free(dir);
  }
}

char *root_add(struct strings *args, const char *root, const char *private_dir) {
  if (root[0] != '/') return must_format("there is no root directory %s any more", root);
  char *problem = add_level(args, root, "", private_dir);
  add_way(args, private_dir);
  return problem;
}

bool root_has_place(const char *root, const char *place) {
  if (strchr(place + 1, '/') == NULL || strncmp(place, "/dev/", 5) == 0) return true;
  char *path = must_format("%s%s", root, place);
  bool is_there = type_of(path) == S_IFDIR;
  free(path);
  return is_there;
}

void root_add_names(struct strings *args, const char *root) {
  char *path = must_format("%s/etc/resolv.conf", root);
  if (type_of(path) == S_IFREG) add(args, "--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf");
  free(path);
}
