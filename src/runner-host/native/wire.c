// Frames to values and back (docs/internals/runner-protocol.md). Pure: this file calls nothing of the system, so that it can be fed
// with noise alone (test/native/fuzz-frames.c).
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

#define VERSION PROTOCOL_NUMBER
#define MAX_FRAME_BYTES (64u * 1024 * 1024)

enum { HELLO = 1, START, STOP, DEADLINE, SWEEP, HIDE, PING, INPUT, SIGNAL, RESIZE, LEASE };
enum { READY = 0x81, STARTED, START_FAILED, GROWTH, EXITED, SWEPT, FAILURE, PONG, DEADLINE_SET, INPUT_TAKEN, PROGRESS_SAID };

// ------------------------------------------------------------------------------------------ reading

struct reader {
  uint8_t *at, *end;
  /** A field reached beyond the end: everything that is read from here on is empty. */
  bool is_short;
  bool is_code_unknown;
  bool has_nul;
};

static uint8_t *take(struct reader *reader, size_t length) {
  static uint8_t zeros[8];
  if ((size_t)(reader->end - reader->at) < length) {
    reader->is_short = true;
    reader->at = reader->end;
    return zeros;
  }
  uint8_t *taken = reader->at;
  reader->at += length;
  return taken;
}

static uint8_t read_u8(struct reader *reader) { return *take(reader, 1); }

static uint32_t read_u32(struct reader *reader) {
  const uint8_t *b = take(reader, 4);
  return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static int64_t read_i64(struct reader *reader) {
  uint64_t high = read_u32(reader);
  return (int64_t)(high << 32 | read_u32(reader));
}

/** The length and the bytes of a field, wherever they stand; nothing when they are not there. */
static struct bytes read_bytes(struct reader *reader) {
  uint32_t length = read_u32(reader);
  if ((size_t)(reader->end - reader->at) < length) reader->is_short = true;
  if (reader->is_short) return (struct bytes){NULL, 0};
  return (struct bytes){take(reader, length), length};
}

/** A string in its place, moved over its own length, so that there is room for its end. */
static char *read_string(struct reader *reader) {
  static char empty[1];
  struct bytes bytes = read_bytes(reader);
  if (bytes.data == NULL) return empty;
  uint8_t *text = bytes.data - 4;
  memmove(text, bytes.data, bytes.length);
  text[bytes.length] = 0;
  if (memchr(text, 0, bytes.length) != NULL) reader->has_nul = true;
  return (char *)text;
}

/** Strings with `before` free places in front of them, and three behind. */
static struct strings read_list(struct reader *reader, uint32_t before) {
  uint32_t count = read_u32(reader);
  // Each one takes at least its length: a count beyond that is a lie, and must not cost memory.
  if ((size_t)(reader->end - reader->at) / 4 < count) reader->is_short = true;
  if (reader->is_short) count = 0;
  struct strings list = {must_alloc((before + count + 3) * sizeof(char *)), before + count};
  memset(list.items, 0, (before + count + 3) * sizeof(char *));
  for (uint32_t i = 0; i < count; i++) list.items[before + i] = read_string(reader);
  return list;
}

/** Copies them: they outlive the frame. An empty one would cover everything and nothing, and is left out. */
static struct patterns read_patterns(struct reader *reader) {
  uint32_t count = read_u32(reader);
  if ((size_t)(reader->end - reader->at) / 4 < count) reader->is_short = true;
  if (reader->is_short || count == 0) return (struct patterns){NULL, 0};
  size_t most = (size_t)(reader->end - reader->at);
  struct patterns patterns = {must_alloc(count * sizeof(struct bytes) + most), 0};
  uint8_t *at = (uint8_t *)(patterns.items + count);
  for (uint32_t i = 0; i < count; i++) {
    struct bytes pattern = read_bytes(reader);
    if (pattern.data == NULL || pattern.length == 0) continue;
    memcpy(at, pattern.data, pattern.length);
    patterns.items[patterns.count++] = (struct bytes){at, pattern.length};
    at += pattern.length;
  }
  return patterns;
}

static int read_stop_signal(struct reader *reader) {
  static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
  uint8_t code = read_u8(reader);
  if (code < sizeof signals / sizeof *signals) return signals[code];
  reader->is_code_unknown = true;
  return SIGTERM;
}

static void read_start(struct reader *reader, struct start *start) {
  start->ref = read_u32(reader);
  start->marker = read_string(reader);
  uint8_t isolation = read_u8(reader);
  if (isolation >= TIERS) reader->is_code_unknown = true;
  else start->isolation = isolation;
  start->has_network = read_u8(reader) != 0;
  start->journal = read_string(reader);
  start->program = read_string(reader);
  start->args = read_list(reader, 1);
  start->env = read_list(reader, 1);
  start->args.items[0] = start->program;
  start->env.items[0] = start->marker;
  start->cwd = read_string(reader);
  start->private_dir = read_string(reader);
  if (read_u8(reader) != 0) {
    start->script_path = read_string(reader);
    start->script = read_bytes(reader);
  }
  start->script_file = read_string(reader);
  start->has_stdin = read_u8(reader) != 0;
  if (start->has_stdin) start->stdin_bytes = read_bytes(reader);
  start->keep_bytes = read_i64(reader);
  start->fail_on_limit = read_u8(reader) != 0;
  start->attempt_ms = read_i64(reader);
  start->idle_ms = read_i64(reader);
  start->grace_ms = read_u32(reader);
  start->stop_signal = read_stop_signal(reader);
  uint8_t scope = read_u8(reader);
  if (scope >= STOP_SCOPES) reader->is_code_unknown = true;
  else start->stop_scope = scope;
  start->redact = read_patterns(reader);
  bool has_limits = read_u8(reader) != 0;
  for (int i = 0; i < NO_LIMIT; i++) start->limits[i] = has_limits ? read_i64(reader) : -1;
  start->has_nul = reader->has_nul;
  start->owner = read_string(reader);
  size_t known = sizeof start->scalars / sizeof *start->scalars;
  for (size_t i = 0; i < known; i++) start->scalars[i] = -1;
  uint32_t scalars = read_u32(reader);
  for (uint32_t i = 0; i < scalars && !reader->is_short; i++) {
    int64_t value = read_i64(reader);
    if (i < known) start->scalars[i] = value;
  }
  start->root = read_string(reader);
  start->layer_bytes = read_i64(reader);
  start->proxy = read_string(reader);
}

static bool has_variable(const struct start *start, const char *line) {
  size_t length = strcspn(line, "=") + 1;
  for (uint32_t i = 0; i < start->env.count; i++)
    if (strncmp(start->env.items[i], line, length) == 0) return true;
  return false;
}

void start_add_user(struct start *start, const char *name) {
  char *lines[] = {must_format("USER=%s", name), must_format("LOGNAME=%s", name)};
  for (size_t i = 0; i < 2; i++) {
    start->added[i] = lines[i];
    if (!has_variable(start, lines[i])) start->env.items[start->env.count++] = lines[i];
  }
}

static void free_added(struct start *start) {
  for (size_t i = 0; i < 2; i++) {
    free(start->added[i]);
    start->added[i] = NULL;
  }
}

void start_free(struct start *start) {
  free_added(start);
  free(start->args.items);
  free(start->env.items);
  free(start->redact.items);
  free(start->frame.data);
  free(start->body);
  free(start);
}

static char *keep(char **at, const char *text) {
  char *kept = *at;
  *at = stpcpy(kept, text) + 1;
  return kept;
}

void start_shrink(struct start *start) {
  const char *script_path = start->script_path == NULL ? "" : start->script_path;
  char *body = must_alloc(strlen(start->marker) + strlen(start->journal) + strlen(start->private_dir) +
                          strlen(script_path) + 4);
  char *at = body;
  start->marker = keep(&at, start->marker);
  start->journal = keep(&at, start->journal);
  start->private_dir = keep(&at, start->private_dir);
  if (start->script_path != NULL) start->script_path = keep(&at, script_path);
  free_added(start);
  free(start->args.items);
  free(start->env.items);
  free(start->frame.data);
  free(start->body);
  start->frame = (struct bytes){NULL, 0};
  start->body = (uint8_t *)body;
  start->program = start->cwd = start->script_file = start->owner = start->proxy = NULL;
  start->args = start->env = (struct strings){NULL, 0};
  start->script = start->stdin_bytes = (struct bytes){NULL, 0};
}

static const char *finish(const struct reader *reader) {
  if (reader->is_short) return "a frame ends within a field";
  if (reader->at != reader->end) return "a frame is longer than its fields";
  if (reader->is_code_unknown) return "a frame has an unknown code";
  return NULL;
}

static const char *on_start(const uint8_t *body, size_t length, const struct listener *listener) {
  struct start *start = must_alloc(sizeof *start);
  memset(start, 0, sizeof *start);
  start->body = must_alloc(length + 1);
  memcpy(start->body, body, length);
  struct reader reader = {.at = start->body, .end = start->body + length};
  read_start(&reader, start);
  const char *error = finish(&reader);
  if (error == NULL && start->isolation == TIER_SANDBOX) {
    start->frame = (struct bytes){must_alloc(length), (uint32_t)length};
    memcpy(start->frame.data, body, length);
  }
  if (error == NULL) listener->start(listener->context, start);
  else start_free(start);
  return error;
}

static const char *on_hello(struct reader *reader, const struct listener *listener) {
  struct hello hello = {.instance = read_string(reader), .scratch_dir = read_string(reader)};
  hello.first_uid = read_u32(reader);
  hello.uid_count = read_u32(reader);
  hello.bwrap = read_string(reader);
  hello.hidden = read_list(reader, 0);
  hello.open_files = read_u32(reader);
  const char *error = finish(reader);
  if (error == NULL) listener->hello(listener->context, &hello);
  free(hello.hidden.items);
  return error;
}

static const char *on_sweep(struct reader *reader, const struct listener *listener) {
  uint32_t id = read_u32(reader);
  struct strings markers = read_list(reader, 0);
  struct strings paths = read_list(reader, 0);
  const char *error = finish(reader);
  if (error == NULL) listener->sweep(listener->context, id, markers, paths);
  free(markers.items);
  free(paths.items);
  return error;
}

static const char *on_hide(struct reader *reader, const struct listener *listener) {
  struct strings hidden = read_list(reader, 0);
  const char *error = finish(reader);
  if (error == NULL) listener->hide(listener->context, hidden);
  free(hidden.items);
  return error;
}

/** What may be sent to a running command; SIGNALS of protocol.ts. */
static int read_signal(struct reader *reader) {
  static const int signals[] = {SIGTERM, SIGINT,  SIGHUP,  SIGQUIT, SIGUSR1, SIGUSR2,
                                SIGKILL, SIGSTOP, SIGCONT, SIGTSTP, SIGWINCH, SIGALRM};
  uint8_t code = read_u8(reader);
  if (code < sizeof signals / sizeof *signals) return signals[code];
  reader->is_code_unknown = true;
  return SIGTERM;
}

static const char *on_input(struct reader *reader, const struct listener *listener) {
  uint32_t ref = read_u32(reader);
  struct bytes bytes = read_bytes(reader);
  bool is_last = read_u8(reader) != 0;
  const char *error = finish(reader);
  if (error == NULL) listener->input(listener->context, ref, bytes, is_last);
  return error;
}

static const char *on_signal(struct reader *reader, const struct listener *listener) {
  uint32_t ref = read_u32(reader);
  int number = read_signal(reader);
  uint8_t scope = read_u8(reader);
  reader->is_code_unknown |= scope >= STOP_SCOPES;
  const char *error = finish(reader);
  if (error == NULL) listener->signal(listener->context, ref, number, scope);
  return error;
}

static const char *on_resize(struct reader *reader, const struct listener *listener) {
  uint32_t ref = read_u32(reader);
  uint32_t cols = read_u32(reader);
  uint32_t rows = read_u32(reader);
  const char *error = finish(reader);
  if (error == NULL) listener->resize(listener->context, ref, cols, rows);
  return error;
}

static const char *on_lease(struct reader *reader, const struct listener *listener) {
  int64_t until_ms = read_i64(reader);
  uint32_t grace_ms = read_u32(reader);
  const char *error = finish(reader);
  if (error == NULL) listener->lease(listener->context, until_ms, grace_ms);
  return error;
}

static const char *on_frame(uint8_t *frame, size_t length, const struct listener *listener) {
  struct reader reader = {.at = frame + 2, .end = frame + length};
  const char *error;
  if (frame[0] != VERSION) return "a frame has another version than " PROTOCOL_VERSION;
  switch (frame[1]) {
    case HELLO:
      return on_hello(&reader, listener);
    case START:
      return on_start(frame + 2, length - 2, listener);
    case STOP: {
      uint32_t ref = read_u32(&reader);
      uint8_t cause = read_u8(&reader);
      uint32_t grace_ms = read_u32(&reader);
      reader.is_code_unknown = cause >= STOP_CAUSES;
      if ((error = finish(&reader)) == NULL) listener->stop(listener->context, ref, cause, grace_ms);
      return error;
    }
    case DEADLINE: {
      uint32_t ref = read_u32(&reader);
      int64_t attempt_ms = read_i64(&reader);
      int64_t idle_ms = read_i64(&reader);
      if ((error = finish(&reader)) == NULL) listener->deadline(listener->context, ref, attempt_ms, idle_ms);
      return error;
    }
    case SWEEP:
      return on_sweep(&reader, listener);
    case HIDE:
      return on_hide(&reader, listener);
    case PING: {
      uint32_t id = read_u32(&reader);
      if ((error = finish(&reader)) == NULL) listener->ping(listener->context, id);
      return error;
    }
    case INPUT:
      return on_input(&reader, listener);
    case SIGNAL:
      return on_signal(&reader, listener);
    case RESIZE:
      return on_resize(&reader, listener);
    case LEASE:
      return on_lease(&reader, listener);
    default:
      return frame[1] >= READY && frame[1] <= INPUT_TAKEN ? "a frame is one that only a host sends"
                                                       : "a frame has an unknown type";
  }
}

uint8_t *decoder_room(struct decoder *decoder, size_t length) {
  if (decoder->size - decoder->length < length) {
    decoder->size = decoder->length + length > decoder->size * 2 ? decoder->length + length : decoder->size * 2;
    decoder->data = must_grow(decoder->data, decoder->size);
  }
  return decoder->data + decoder->length;
}

/** Above this, memory is given back once it is no longer needed. */
#define SMALL_BYTES (1024 * 1024)

const char *decoder_take(struct decoder *decoder, size_t length, const struct listener *listener) {
  decoder->length += length;
  size_t at = 0;
  const char *error = NULL;
  while (error == NULL && decoder->length - at >= 4) {
    struct reader head = {.at = decoder->data + at, .end = decoder->data + at + 4};
    uint32_t size = read_u32(&head);
    if (size < 2 || size > MAX_FRAME_BYTES) return "a frame claims an impossible length";
    if (decoder->length - at - 4 < size) break;
    error = on_frame(decoder->data + at + 4, size, listener);
    at += 4 + (size_t)size;
  }
  decoder->length -= at;
  if (at > 0 && decoder->length > 0) memmove(decoder->data, decoder->data + at, decoder->length);
  if (decoder->length == 0 && decoder->size > SMALL_BYTES) {
    free(decoder->data);
    *decoder = (struct decoder){NULL, 0, 0};
  }
  return error;
}

// ------------------------------------------------------------------------------------------ writing

static void write_raw(struct out *out, const void *data, size_t length) {
  if (out->size - out->length < length) {
    out->size = out->length + length > out->size * 2 ? out->length + length : out->size * 2;
    out->data = must_grow(out->data, out->size);
  }
  if (length > 0) memcpy(out->data + out->length, data, length);
  out->length += length;
}

static void write_u8(struct out *out, uint8_t value) { write_raw(out, &value, 1); }

static void write_u32(struct out *out, uint32_t value) {
  write_raw(out, (uint8_t[]){value >> 24, value >> 16, value >> 8, value}, 4);
}

static void write_i64(struct out *out, int64_t value) {
  write_u32(out, (uint32_t)((uint64_t)value >> 32));
  write_u32(out, (uint32_t)value);
}

static void write_bytes(struct out *out, struct bytes bytes) {
  write_u32(out, bytes.length);
  write_raw(out, bytes.data, bytes.length);
}

static void write_string(struct out *out, const char *text) {
  write_u32(out, (uint32_t)strlen(text));
  write_raw(out, text, strlen(text));
}

/** Begins a frame; answers where its length stands. */
static size_t begin(struct out *out, uint8_t type) {
  size_t at = out->length;
  write_u32(out, 0);
  write_u8(out, VERSION);
  write_u8(out, type);
  return at;
}

static void end(struct out *out, size_t at) {
  size_t whole = out->length;
  out->length = at;
  write_u32(out, (uint32_t)(whole - at - 4));
  out->length = whole;
}

void out_ready(struct out *out, const char *name, uint32_t pid) {
  size_t at = begin(out, READY);
  write_string(out, name);
  write_u32(out, pid);
  end(out, at);
}

void out_started(struct out *out, uint32_t ref, uint32_t pid, int64_t time) {
  size_t at = begin(out, STARTED);
  write_u32(out, ref);
  write_u32(out, pid);
  write_i64(out, time);
  end(out, at);
}

void out_start_failed(struct out *out, uint32_t ref, enum start_failure reason, const char *message) {
  size_t at = begin(out, START_FAILED);
  write_u32(out, ref);
  write_u8(out, reason);
  write_string(out, message);
  end(out, at);
}

void out_growth(struct out *out, uint32_t ref, const int64_t written[2]) {
  size_t at = begin(out, GROWTH);
  write_u32(out, ref);
  write_i64(out, written[0]);
  write_i64(out, written[1]);
  end(out, at);
}

void out_progress(struct out *out, uint32_t ref, struct bytes bytes) {
  size_t at = begin(out, PROGRESS_SAID);
  write_u32(out, ref);
  write_bytes(out, bytes);
  end(out, at);
}

const char *signal_name(int number) {
  static const char *const names[] = {
      [1] = "HUP",   "INT",  "QUIT", "ILL",  "TRAP", "ABRT", "BUS",    "FPE",  "KILL", "USR1", "SEGV",
      "USR2",        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU",
      "URG",         "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",  "PWR",  "SYS"};
  static char name[24];
  if (number > 0 && number < (int)(sizeof names / sizeof *names)) snprintf(name, sizeof name, "SIG%s", names[number]);
  else snprintf(name, sizeof name, "SIGRTMIN+%d", number - 34);
  return name;
}

void out_exited(struct out *out, const struct exited *exited) {
  size_t at = begin(out, EXITED);
  write_u32(out, exited->ref);
  write_u8(out, exited->cause);
  write_u8(out, exited->is_started);
  write_u32(out, (uint32_t)exited->exit_code);
  write_string(out, exited->signal);
  write_u8(out, exited->forced);
  write_u32(out, exited->leftovers);
  write_u32(out, exited->survivors);
  write_i64(out, exited->started_at);
  write_i64(out, exited->ended_at);
  for (int i = 0; i < 2; i++) write_i64(out, exited->written[i]);
  for (int i = 0; i < 2; i++) write_i64(out, exited->kept[i]);
  write_u32(out, exited->records);
  write_i64(out, exited->cpu_ms);
  write_i64(out, exited->max_rss_bytes);
  for (int i = 0; i < 2; i++) write_bytes(out, exited->tails[i]);
  write_string(out, exited->message);
  write_u8(out, exited->limit != NO_LIMIT);
  if (exited->limit != NO_LIMIT) write_u8(out, exited->limit);
  write_u32(out, exited->signal_count);
  for (uint32_t i = 0; i < exited->signal_count; i++) {
    write_string(out, signal_name(exited->signals[i].number));
    write_i64(out, exited->signals[i].at);
  }
  write_u32(out, exited->found);
  write_u8(out, exited->is_output_lost);
  end(out, at);
}

void out_swept(struct out *out, uint32_t id, uint32_t killed, uint32_t survivors) {
  size_t at = begin(out, SWEPT);
  write_u32(out, id);
  write_u32(out, killed);
  write_u32(out, survivors);
  end(out, at);
}

void out_failure(struct out *out, const char *message) {
  size_t at = begin(out, FAILURE);
  write_string(out, message);
  end(out, at);
}

void out_pong(struct out *out, uint32_t id) {
  size_t at = begin(out, PONG);
  write_u32(out, id);
  end(out, at);
}

void out_deadline_set(struct out *out, uint32_t ref, bool is_in_force) {
  size_t at = begin(out, DEADLINE_SET);
  write_u32(out, ref);
  write_u8(out, is_in_force);
  end(out, at);
}

void out_input_taken(struct out *out, uint32_t ref, int64_t taken, bool is_open) {
  size_t at = begin(out, INPUT_TAKEN);
  write_u32(out, ref);
  write_i64(out, taken);
  write_u8(out, is_open);
  end(out, at);
}
