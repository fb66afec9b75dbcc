// What a client does to a command while it runs: input, signals, and the size of its terminal. Input waits here until the
// command takes it; the server sends no more than it has been told was taken, so that what waits is bounded.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "host.h"

static struct attempt *attempt_of(struct source *source) {
  return (struct attempt *)((char *)source - offsetof(struct attempt, input.source));
}

static void tell(struct attempt *attempt) {
  struct input *input = &attempt->input;
  out_input_taken(&to_server, attempt->start->ref, input->taken, input->source.fd >= 0 && !input->is_over);
}

static void wait_for_room(struct input *input, bool is_waiting) {
  if (input->is_waiting == is_waiting) return;
  input->is_waiting = is_waiting;
  if (is_waiting) loop_add_writer(&input->source);
  else loop_remove(&input->source);
}

/** Nothing more is taken in. What has not been taken is given up. */
static void stop_input(struct input *input) {
  input->is_over = true;
  if (input->source.fd >= 0) wait_for_room(input, false);
  free(input->data);
  input->data = NULL;
  input->length = input->at = 0;
}

void input_close(struct attempt *attempt) {
  struct input *input = &attempt->input;
  stop_input(input);
  if (input->source.fd >= 0) close(input->source.fd);
  input->source.fd = -1;
}

/**
 * Of a pipe, its end. A terminal stays until its command has ended: when the last descriptor of this side goes, the kernel sends
 * SIGHUP, also to a command that has closed its own side and is about to exit.
 */
static void finish_input(struct attempt *attempt) {
  if (attempt->has_terminal) stop_input(&attempt->input);
  else input_close(attempt);
}

/**
 * The end of input. A terminal has none: its end is a character, which ends a line that has been begun, and says
 * "nothing more" only at the beginning of one.
 */
static void end_input(struct attempt *attempt) {
  struct input *input = &attempt->input;
  struct termios settings;
  if (attempt->has_terminal && tcgetattr(input->source.fd, &settings) == 0) {
    uint8_t ends[2] = {settings.c_cc[VEOF], settings.c_cc[VEOF]};
    // What does not fit is not needed: a terminal that is full of unread input has no reader.
    ssize_t written = write(input->source.fd, ends, input->is_in_line ? 2 : 1);
    (void)written;
  }
  finish_input(attempt);
}

/** Writes what the command takes now. */
static void write_input(struct attempt *attempt) {
  struct input *input = &attempt->input;
  int64_t before = input->taken;
  while (input->at < input->length) {
    ssize_t written = write(input->source.fd, input->data + input->at, input->length - input->at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) break;
    if (written <= 0) {
      // Nobody reads any more.
      finish_input(attempt);
      tell(attempt);
      return;
    }
    input->at += (size_t)written;
    input->taken += written;
    input->is_in_line = input->data[input->at - 1] != '\n';
  }
  bool is_empty = input->at == input->length;
  if (is_empty) {
    free(input->data);
    input->data = NULL;
    input->at = input->length = 0;
  }
  if (is_empty && input->is_last) end_input(attempt);
  else wait_for_room(input, !is_empty);
  if (input->taken > before || input->is_over) tell(attempt);
}

static void on_room(struct source *source) { write_input(attempt_of(source)); }

void input_open(struct attempt *attempt) {
  attempt->input.source = (struct source){on_room, attempt->input_fd};
  attempt->input_fd = -1;
}

void input_add(struct attempt *attempt, struct bytes bytes, bool is_last) {
  struct input *input = &attempt->input;
  if (input->source.fd < 0 || input->is_over || input->is_last) {
    tell(attempt);
    return;
  }
  if (input->at > 0) {
    memmove(input->data, input->data + input->at, input->length - input->at);
    input->length -= input->at;
    input->at = 0;
  }
  if (bytes.length > 0) {
    input->data = must_grow(input->data, input->length + bytes.length);
    memcpy(input->data + input->length, bytes.data, bytes.length);
    input->length += bytes.length;
  }
  input->is_last = is_last;
  write_input(attempt);
}

void attempt_signal(struct attempt *attempt, int number, enum stop_scope scope) {
  bool is_for_all = scope == STOP_ALL;
  if (attempt->is_sandboxed) {
    attempt_tell(attempt, SANDBOX_SEND, number, is_for_all);
    return;
  }
  pid_t leader = attempt->spawned.pid;
  if (!attempt->is_reaped) kill(is_for_all ? -leader : leader, number);
  if (!is_for_all) return;
  struct process *found;
  size_t count = processes_of(attempt, &found);
  for (size_t i = 0; i < count; i++)
    if (attempt->is_reaped || found[i].group != leader) process_signal(&found[i], number);
}

void attempt_resize(struct attempt *attempt, uint32_t cols, uint32_t rows) {
  struct winsize size = {.ws_col = (unsigned short)cols, .ws_row = (unsigned short)rows};
  if (attempt->has_terminal && stream_is_open(&attempt->streams[0]))
    ioctl(attempt->streams[0].source.fd, TIOCSWINSZ, &size);
}
