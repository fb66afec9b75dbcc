// Finds the program and the working directory of an attempt before anything is made, and explains what execve(2) says: its
// ENOENT means a missing program, a missing interpreter and a missing working directory alike.
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"

static bool refuse(struct refusal *refusal, enum start_failure reason, char *message) {
  *refusal = (struct refusal){reason, message};
  return false;
}

static bool check_directory(const char *cwd, struct refusal *refusal) {
  struct stat stat_;
  int error = stat(cwd, &stat_) < 0 ? errno : 0;
  if (error == 0 && !S_ISDIR(stat_.st_mode))
    return refuse(refusal, CWD_NOT_DIRECTORY, must_format("The working directory %s is not a directory.", cwd));
  if (error == 0 && faccessat(AT_FDCWD, cwd, X_OK, AT_EACCESS) < 0) error = EACCES;
  switch (error) {
    case 0:
      return true;
    case EACCES:
      return refuse(refusal, CWD_NOT_ACCESSIBLE,
                    must_format("The working directory %s cannot be entered: permission denied.", cwd));
    case ENOTDIR:
      return refuse(refusal, CWD_NOT_DIRECTORY, must_format("A part of the path %s is not a directory.", cwd));
    default:
      return refuse(refusal, CWD_NOT_FOUND, must_format("The working directory %s does not exist.", cwd));
  }
}

enum look { EXECUTABLE, NOT_EXECUTABLE, MISSING };

static enum look look(const char *file) {
  struct stat stat_;
  if (stat(file, &stat_) < 0) return errno == EACCES ? NOT_EXECUTABLE : MISSING;
  if (!S_ISREG(stat_.st_mode)) return NOT_EXECUTABLE;
  return faccessat(AT_FDCWD, file, X_OK, AT_EACCESS) == 0 ? EXECUTABLE : NOT_EXECUTABLE;
}

/** `dir` and `name` one below the other, below `cwd` where they are not absolute. */
static char *join(const char *cwd, const char *dir, size_t dir_length, const char *name) {
  if (name[0] == '/') return must_copy(name);
  if (dir_length == 0) return must_format("%s/%s", cwd, name);
  if (dir[0] == '/') return must_format("%.*s/%s", (int)dir_length, dir, name);
  return must_format("%s/%.*s/%s", cwd, (int)dir_length, dir, name);
}

static const char *path_of(const struct start *start) {
  for (uint32_t i = 1; i < start->env.count; i++)
    if (strncmp(start->env.items[i], "PATH=", 5) == 0) return start->env.items[i] + 5;
  return "";
}

static char *why_not_found(const char *program, const char *path) {
  if (program[0] == '/') return must_format("The program \"%s\" was not found.", program);
  if (strchr(program, '/') != NULL)
    return must_format("The program \"%s\" was not found below the working directory.", program);
  return must_format("The program \"%s\" was not found on the PATH %s.", program, path);
}

/** Searches as execvp(3) does: a name with a slash is a path, any other is looked for on the PATH of the command. */
static bool find_program(const struct start *start, const char *cwd, char **file, struct refusal *refusal) {
  const char *program = start->program;
  const char *path = path_of(start);
  char *denied = NULL;
  const char *dir = strchr(program, '/') != NULL ? "" : path;
  for (;;) {
    size_t length = strcspn(dir, ":");
    char *candidate = join(cwd, dir, length, program);
    enum look seen = look(candidate);
    if (seen == EXECUTABLE) {
      free(denied);
      *file = candidate;
      return true;
    }
    if (seen == NOT_EXECUTABLE && denied == NULL) denied = candidate;
    else free(candidate);
    if (dir[length] == 0) break;
    dir += length + 1;
  }
  if (denied == NULL) return refuse(refusal, PROGRAM_NOT_FOUND, why_not_found(program, path));
  char *why = why_not_executed(denied, EACCES);
  refuse(refusal, PROGRAM_NOT_EXECUTABLE, must_format("The program %s is not an executable file: %s.", denied, why));
  free(why);
  free(denied);
  return false;
}

/** An interpreter takes the mark for a part of the first line, which then does not do what it shows. */
static bool check_script(const struct start *start, char **file, struct refusal *refusal) {
  if (start->script_file[0] == 0 || !begins_with_mark(start->script_file)) return true;
  free(*file);
  *file = NULL;
  return refuse(refusal, PROGRAM_NOT_EXECUTABLE,
                must_format("The script %s begins with a byte order mark, which \"%s\" reads as a part of the first line: save the script as UTF-8 without it.",
                            start->script_file, start->program));
}

bool find_target(const struct start *start, char **file, struct refusal *refusal) {
  if (start->has_nul)
    return refuse(refusal, SPAWN_ERROR, must_copy("The command could not be started: it contains a NUL character."));
  const char *cwd = start->cwd[0] == 0 ? start->private_dir : start->cwd;
  if (start->cwd[0] != 0 && !check_directory(cwd, refusal)) return false;
  // A script file does not exist yet: it is written into its place just before the start.
  if (start->script_path != NULL && strcmp(start->program, start->script_path) == 0) {
    *file = must_copy(start->program);
    return true;
  }
  return find_program(start, cwd, file, refusal) && check_script(start, file, refusal);
}

/** The interpreter of a file is not there. */
static char *why_no_interpreter(const struct start *start, const char *file) {
  char name[256];
  bool is_script = start->script_path != NULL && strcmp(file, start->script_path) == 0;
  const char *of = is_script ? "the script" : file;
  if (!interpreter_of(file, name)) return must_format("The interpreter that %s names was not found.", of);
  bool has_return = name[strlen(name) - 1] == '\r';
  return must_format("The interpreter \"%s\" that %s names was not found.%s", name, of,
                     has_return ? " Its first line ends with a carriage return: save it with Unix line ends." : "");
}

void explain_exec(struct spawned spawned, const struct start *start, const char *file, struct refusal *refusal) {
  if (spawned.is_cwd) {
    // For its own user it may be another matter than for this one.
    refuse(refusal, CWD_NOT_ACCESSIBLE,
           must_format("The working directory %s cannot be entered: %s.",
                       start->cwd[0] == 0 ? start->private_dir : start->cwd, strerror(spawned.exec_errno)));
    return;
  }
  // What is done between the fork and the program has nothing to do with that.
  int error = spawned.exec_errno;
  if (!spawned.is_exec && error != EAGAIN && error != ENOMEM && error != ENFILE && error != EMFILE) {
    refuse(refusal, SPAWN_ERROR, must_format("The process could not be prepared: %s.", strerror(error)));
    return;
  }
  char *why = NULL;
  switch (error) {
    case E2BIG:
      refuse(refusal, ARGUMENTS_TOO_LONG,
             must_copy("The arguments and the environment are too long for the system. Send long texts as stdin or as a script source."));
      return;
    case ENOENT:
    case ENOTDIR:
      refuse(refusal, INTERPRETER_NOT_FOUND, why_no_interpreter(start, file));
      return;
    case EACCES:
    case ENOEXEC:
    case ETXTBSY:
      why = why_not_executed(file, error);
      refuse(refusal, error == ETXTBSY ? PROGRAM_BUSY : PROGRAM_NOT_EXECUTABLE,
             must_format("The program %s cannot be executed: %s.", file, why));
      free(why);
      return;
    case EAGAIN:
    case ENOMEM:
    case ENFILE:
    case EMFILE:
      refuse(refusal, RESOURCES_UNAVAILABLE, must_copy("The system cannot create another process or file."));
      return;
    default:
      refuse(refusal, SPAWN_ERROR, must_format("%s could not be started: %s.", file, strerror(error)));
  }
}
