// Noise for the decoder of frames, from libFuzzer: in one piece and byte by byte it must come to the same, and touch
// nothing that is not its own.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/runner-host/native/host.h"

struct seen {
  uint64_t frames, sum;
};

static void add(struct seen *seen, const char *text) {
  seen->frames += 1;
  seen->sum = seen->sum * 31 + strlen(text);
}

static void hello(void *context, const struct hello *hello) {
  add(context, hello->instance);
  add(context, hello->scratch_dir);
  add(context, hello->bwrap);
  ((struct seen *)context)->sum += hello->first_uid + hello->uid_count;
  for (uint32_t i = 0; i < hello->hidden.count; i++) add(context, hello->hidden.items[i]);
}

static void start(void *context, struct start *start) {
  for (uint32_t i = 0; i < start->args.count; i++) add(context, start->args.items[i]);
  for (uint32_t i = 0; i < start->env.count; i++) add(context, start->env.items[i]);
  assert(start->args.items[start->args.count] == NULL && start->env.items[start->env.count] == NULL);
  assert(start->isolation < TIERS && (start->isolation == TIER_SANDBOX) == (start->frame.data != NULL));
  add(context, start->cwd);
  add(context, start->private_dir);
  add(context, start->journal);
  if (start->script_path != NULL) add(context, start->script_path);
  for (uint32_t i = 0; i < start->stdin_bytes.length; i++) ((struct seen *)context)->sum += start->stdin_bytes.data[i];
  for (uint32_t i = 0; i < start->script.length; i++) ((struct seen *)context)->sum += start->script.data[i];
  for (int i = 0; i < NO_LIMIT; i++) ((struct seen *)context)->sum += (uint64_t)start->limits[i];
  start_free(start);
}

static void stop(void *context, uint32_t ref, enum stop_cause cause, uint32_t grace_ms) {
  assert(cause < STOP_CAUSES);
  ((struct seen *)context)->sum += ref + grace_ms;
}

static void deadline(void *context, uint32_t ref, int64_t attempt_ms, int64_t idle_ms) {
  ((struct seen *)context)->sum += ref + (uint64_t)attempt_ms + (uint64_t)idle_ms;
}

static void sweep_(void *context, uint32_t id, struct strings markers, struct strings paths) {
  ((struct seen *)context)->sum += id;
  for (uint32_t i = 0; i < markers.count; i++) add(context, markers.items[i]);
  for (uint32_t i = 0; i < paths.count; i++) add(context, paths.items[i]);
}

static void hide(void *context, struct strings hidden) {
  for (uint32_t i = 0; i < hidden.count; i++) add(context, hidden.items[i]);
}

static void lease(void *context, int64_t until_ms, uint32_t grace_ms) {
  ((struct seen *)context)->sum += (uint64_t)until_ms + grace_ms;
}

static void ping(void *context, uint32_t id) { ((struct seen *)context)->sum += id; }

static void input(void *context, uint32_t ref, struct bytes bytes, bool is_last) {
  ((struct seen *)context)->sum += ref + is_last;
  for (uint32_t i = 0; i < bytes.length; i++) ((struct seen *)context)->sum += bytes.data[i];
}

static void signal_(void *context, uint32_t ref, int number, enum stop_scope scope) {
  assert(number > 0 && scope < STOP_SCOPES);
  ((struct seen *)context)->sum += ref + (uint64_t)number;
}

static void resize(void *context, uint32_t ref, uint32_t cols, uint32_t rows) {
  ((struct seen *)context)->sum += ref + cols + rows;
}

static struct seen feed(const uint8_t *data, size_t size, size_t piece) {
  struct seen seen = {0, 0};
  struct listener listener = {&seen, hello, start, stop, deadline, sweep_, hide, ping, input, signal_, resize, lease};
  struct decoder decoder = {NULL, 0, 0};
  const char *error = NULL;
  for (size_t at = 0; at < size && error == NULL; at += piece) {
    size_t length = size - at < piece ? size - at : piece;
    memcpy(decoder_room(&decoder, length), data + at, length);
    error = decoder_take(&decoder, length, &listener);
  }
  if (error != NULL) seen.sum += strlen(error);
  free(decoder.data);
  return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct seen whole = feed(data, size, size == 0 ? 1 : size);
  struct seen pieces = feed(data, size, 1);
  assert(whole.frames == pieces.frames && whole.sum == pieces.sum);
  return 0;
}
