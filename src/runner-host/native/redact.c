// Takes secrets out of a stream of bytes: every run of bytes that patterns cover, touching or overlapping, becomes one mark.
// What may be the beginning of a pattern is held back until more is known. ../redactor.ts is the definition, and
// test/fixtures/redaction.json has cases.
#include <stdlib.h>
#include <string.h>

#include "host.h"

#define MARK "[redacted]"
#define MARK_BYTES 10

struct redactor {
  const struct patterns *patterns;
  /** Bytes that were held back, and then those that are taken in. */
  uint8_t *all;
  size_t length, size;
  /** So many of them are covered by a mark that has been given out. */
  size_t covered;
  /** For each of `all` whether a pattern covers it. */
  bool *is_covered;
  /** By byte: whether any of the escaped patterns may begin with it. */
  bool may_begin[256];
  /** Where the first escaped pattern may begin whose end is not there. */
  size_t open_from;
};

/** The first byte of a pattern: how the rest of it is looked for. */
enum form { FORM_EXACT, FORM_TEXT, FORM_BASE64 };

static struct bytes body_of(struct bytes pattern) { return (struct bytes){pattern.data + 1, pattern.length - 1}; }

struct redactor *redactor_new(const struct patterns *patterns) {
  if (patterns->count == 0) return NULL;
  struct redactor *redactor = must_alloc(sizeof *redactor);
  *redactor = (struct redactor){.patterns = patterns};
  for (uint32_t i = 0; i < patterns->count; i++) {
    struct bytes pattern = patterns->items[i];
    if (pattern.length > 1 && pattern.data[0] != FORM_EXACT)
      mark_beginnings(body_of(pattern), pattern.data[0] == FORM_BASE64, redactor->may_begin);
  }
  return redactor;
}

void redactor_free(struct redactor *redactor) {
  if (redactor == NULL) return;
  free(redactor->all);
  free(redactor->is_covered);
  free(redactor);
}

static void take_in(struct redactor *redactor, const uint8_t *piece, size_t length) {
  size_t wanted = redactor->length + length;
  if (wanted > redactor->size) {
    uint8_t *all = must_alloc(wanted);
    if (redactor->length > 0) memcpy(all, redactor->all, redactor->length);
    free(redactor->all);
    free(redactor->is_covered);
    redactor->all = all;
    redactor->is_covered = must_alloc(wanted * sizeof(bool));
    redactor->size = wanted;
  }
  if (length > 0) memcpy(redactor->all + redactor->length, piece, length);
  redactor->length = wanted;
}

/** Covers what escaped patterns match, and notes where one may begin. */
static void cover_escaped(struct redactor *redactor) {
  struct bytes all = {redactor->all, (uint32_t)redactor->length};
  redactor->open_from = redactor->length;
  for (size_t at = 0; at < redactor->length; at++) {
    if (!redactor->may_begin[all.data[at]]) continue;
    for (uint32_t i = 0; i < redactor->patterns->count; i++) {
      struct bytes pattern = redactor->patterns->items[i];
      if (pattern.length < 2 || pattern.data[0] == FORM_EXACT) continue;
      ssize_t end = match_escaped(all, at, body_of(pattern), pattern.data[0] == FORM_BASE64);
      if (end == MATCH_OPEN && at < redactor->open_from) redactor->open_from = at;
      else if (end > 0) memset(redactor->is_covered + at, true, ((size_t)end - at) * sizeof(bool));
    }
  }
}

static void cover(struct redactor *redactor) {
  const uint8_t *all = redactor->all, *end = all + redactor->length;
  memset(redactor->is_covered, 0, redactor->length * sizeof(bool));
  memset(redactor->is_covered, true, redactor->covered * sizeof(bool));
  for (uint32_t i = 0; i < redactor->patterns->count; i++) {
    struct bytes pattern = redactor->patterns->items[i];
    if (pattern.length < 2 || pattern.data[0] != FORM_EXACT) continue;
    pattern = body_of(pattern);
    for (const uint8_t *at = all; (at = memmem(at, (size_t)(end - at), pattern.data, pattern.length)) != NULL; at++)
      memset(redactor->is_covered + (at - all), true, pattern.length * sizeof(bool));
  }
  cover_escaped(redactor);
}

/** Where the first pattern may begin whose end is not there. */
static size_t open_end(const struct redactor *redactor) {
  size_t first = redactor->open_from;
  for (uint32_t i = 0; i < redactor->patterns->count; i++) {
    struct bytes pattern = redactor->patterns->items[i];
    if (pattern.length < 2 || pattern.data[0] != FORM_EXACT) continue;
    pattern = body_of(pattern);
    size_t longest = pattern.length - 1 < redactor->length ? pattern.length - 1 : redactor->length;
    for (size_t at = redactor->length - longest; at < first; at++) {
      if (memcmp(redactor->all + at, pattern.data, redactor->length - at) == 0) first = at;
    }
  }
  return first;
}

/** The clean bytes up to `end`, malloc'ed. */
static struct bytes clean(const struct redactor *redactor, size_t end) {
  size_t marks = 0, plain = 0;
  // The run at the beginning may have its mark already.
  bool was_covered = redactor->covered > 0;
  for (size_t i = 0; i < end; i++) {
    bool is_covered = redactor->is_covered[i];
    if (!is_covered) plain += 1;
    else if (!was_covered) marks += 1;
    was_covered = is_covered;
  }
  uint8_t *data = must_alloc(plain + marks * MARK_BYTES + 1), *at = data;
  was_covered = redactor->covered > 0;
  for (size_t i = 0; i < end; i++) {
    bool is_covered = redactor->is_covered[i];
    if (!is_covered) *at++ = redactor->all[i];
    else if (!was_covered) at = mempcpy(at, MARK, MARK_BYTES);
    was_covered = is_covered;
  }
  return (struct bytes){data, (uint32_t)(at - data)};
}

struct bytes redactor_push(struct redactor *redactor, const uint8_t *piece, size_t length) {
  take_in(redactor, piece, length);
  if (redactor->length == 0) return (struct bytes){must_alloc(1), 0};
  cover(redactor);
  size_t keep = open_end(redactor);
  struct bytes out = clean(redactor, keep);
  // A run that reaches what is held back may go on there: its mark is given out, and that is remembered.
  bool has_mark = keep == 0 ? redactor->covered > 0 : redactor->is_covered[keep - 1];
  size_t end = keep;
  while (has_mark && end < redactor->length && redactor->is_covered[end]) end += 1;
  if (has_mark && end == keep) keep -= 1;
  redactor->covered = has_mark ? end - keep : 0;
  redactor->length -= keep;
  memmove(redactor->all, redactor->all + keep, redactor->length);
  return out;
}

struct bytes redactor_end(struct redactor *redactor) {
  if (redactor->length == 0) return (struct bytes){must_alloc(1), 0};
  cover(redactor);
  struct bytes out = clean(redactor, redactor->length);
  redactor->length = redactor->covered = 0;
  return out;
}
