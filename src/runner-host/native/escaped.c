// Finds a secret that somebody has escaped: ../escaped-match.ts is the definition, rule by rule.
#include <string.h>

#include "host.h"

/** Backslashes in a row that may be one escape. */
#define MAX_BACKSLASHES 8
/** Bytes between two lines of base64. */
#define MAX_BREAK 64

/** A place in the bytes and in the pattern. */
struct step {
  size_t at, k;
};

struct search {
  const uint8_t *all;
  size_t length;
  const uint8_t *pattern;
  size_t wanted;
  bool is_base64;
};

/** What a letter behind a backslash means; NONE for others. */
static int meaning_of(uint8_t letter) {
  switch (letter) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'b': return 8;
    case 'f': return 12;
    case 'v': return 11;
    case '0': return 0;
    default: return MATCH_NONE;
  }
}

static int digit_of(uint8_t byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  uint8_t lower = byte | 0x20;
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : MATCH_NONE;
}

static bool is_alphanumeric(uint8_t byte) {
  uint8_t lower = byte | 0x20;
  return (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z');
}

static int hex_at(const struct search *search, size_t at, int digits) {
  int value = 0;
  for (size_t i = at; i < at + (size_t)digits; i++) {
    if (i >= search->length) return MATCH_OPEN;
    int digit = digit_of(search->all[i]);
    if (digit < 0) return MATCH_NONE;
    value = value * 16 + digit;
  }
  return value;
}

/** How many backslashes are in a row, with something behind them. */
static int run_of(const struct search *search, size_t at) {
  int run = 0;
  while (at + (size_t)run < search->length && search->all[at + (size_t)run] == '\\' && run <= MAX_BACKSLASHES) run += 1;
  if (run > MAX_BACKSLASHES) return MATCH_NONE;
  return at + (size_t)run == search->length ? MATCH_OPEN : run;
}

static int move(struct step *step, size_t bytes, size_t matched) {
  step->at += bytes;
  step->k += matched;
  return 0;
}

static int match_code_point(const struct search *search, struct step *step, int value, size_t length) {
  uint8_t bytes[4];
  size_t count = 0;
  if (value < 0x80) bytes[count++] = (uint8_t)value;
  else if (value < 0x800) bytes[count++] = (uint8_t)(0xc0 | (value >> 6));
  else if (value < 0x10000) {
    bytes[count++] = (uint8_t)(0xe0 | (value >> 12));
    bytes[count++] = (uint8_t)(0x80 | ((value >> 6) & 0x3f));
  } else {
    bytes[count++] = (uint8_t)(0xf0 | (value >> 18));
    bytes[count++] = (uint8_t)(0x80 | ((value >> 12) & 0x3f));
    bytes[count++] = (uint8_t)(0x80 | ((value >> 6) & 0x3f));
  }
  if (value >= 0x80) bytes[count++] = (uint8_t)(0x80 | (value & 0x3f));
  if (step->k + count > search->wanted || memcmp(search->pattern + step->k, bytes, count) != 0) return MATCH_NONE;
  return move(step, length, count);
}

static int match_unicode(const struct search *search, struct step *step, size_t run) {
  int unit = hex_at(search, step->at + run + 1, 4);
  if (unit < 0) return unit;
  size_t length = run + 5;
  if (unit < 0xd800 || unit > 0xdbff) return match_code_point(search, step, unit, length);
  // The other half of a pair, behind as many backslashes.
  size_t next = step->at + length;
  for (size_t i = 0; i <= run; i++) {
    if (next + i >= search->length) return MATCH_OPEN;
    if (search->all[next + i] != (i < run ? '\\' : 'u')) return MATCH_NONE;
  }
  int low = hex_at(search, next + run + 1, 4);
  if (low < 0) return low;
  // No character has any other second half.
  if (low < 0xdc00 || low > 0xdfff) return MATCH_NONE;
  return match_code_point(search, step, 0x10000 + (unit - 0xd800) * 0x400 + (low - 0xdc00), 2 * length);
}

static int match_backslashes(const struct search *search, struct step *step) {
  int run = run_of(search, step->at);
  if (run < 0) return run;
  size_t own = 0;
  while (step->k + own < search->wanted && search->pattern[step->k + own] == '\\') own += 1;
  if (own > 0 && own <= MAX_BACKSLASHES) {
    // Each level of escaping doubles them, and puts 2^level - 1 before what it escapes next.
    for (int doubled = 1; doubled <= MAX_BACKSLASHES; doubled *= 2) {
      int rest = run - (int)own * doubled;
      if (rest == 0 || rest == doubled - 1) return move(step, own * (size_t)doubled, own);
    }
  }
  size_t behind = step->at + (size_t)run;
  uint8_t letter = search->all[behind], wanted = search->pattern[step->k];
  if (letter == 'u') return match_unicode(search, step, (size_t)run);
  if (letter == 'x') {
    int value = hex_at(search, behind + 1, 2);
    if (value < 0) return value;
    if (value == wanted) return move(step, (size_t)run + 3, 1);
    return match_code_point(search, step, value, (size_t)run + 3);
  }
  int meant = meaning_of(letter);
  if (meant >= 0) return meant == wanted ? move(step, (size_t)run + 1, 1) : MATCH_NONE;
  // Anything but a letter or digit stands for itself.
  return letter == wanted && !is_alphanumeric(letter) ? move(step, (size_t)run + 1, 1) : MATCH_NONE;
}

static bool is_same(uint8_t byte, uint8_t wanted, bool is_base64) {
  if (byte == wanted) return true;
  if (!is_base64) return wanted == ' ' && byte == '+';
  return (wanted == '+' && byte == '-') || (wanted == '/' && byte == '_');
}

static int match_one(const struct search *search, struct step *step) {
  uint8_t byte = search->all[step->at], wanted = search->pattern[step->k];
  if (byte == '\\') return match_backslashes(search, step);
  if (byte == '%') {
    int value = hex_at(search, step->at + 1, 2);
    if (value == MATCH_OPEN) return MATCH_OPEN;
    if (value == wanted) return move(step, 3, 1);
  }
  return is_same(byte, wanted, search->is_base64) ? move(step, 1, 1) : MATCH_NONE;
}

/** The length of a line break, or of a blank behind one; 0 where there is none. */
static int break_at(const struct search *search, size_t at, bool is_behind) {
  uint8_t byte = search->all[at];
  if (byte == '\n' || byte == '\r' || (is_behind && (byte == ' ' || byte == '\t'))) return 1;
  if (byte == '%') {
    int value = hex_at(search, at + 1, 2);
    if (value == MATCH_OPEN) return MATCH_OPEN;
    return value == '\n' || value == '\r' ? 3 : 0;
  }
  if (byte != '\\') return 0;
  int run = run_of(search, at);
  if (run < 0) return run == MATCH_OPEN ? MATCH_OPEN : 0;
  int meant = meaning_of(search->all[at + (size_t)run]);
  return meant == '\n' || meant == '\r' ? run + 1 : 0;
}

/** Goes behind the line breaks and the indentation that stand at a place. */
static int skip_break(const struct search *search, struct step *step) {
  size_t from = step->at;
  while (step->at - from <= MAX_BREAK) {
    if (step->at >= search->length) return MATCH_OPEN;
    int length = break_at(search, step->at, step->at > from);
    if (length <= 0) return length;
    step->at += (size_t)length;
  }
  return MATCH_NONE;
}

ssize_t match_escaped(struct bytes all, size_t from, struct bytes pattern, bool is_base64) {
  struct search search = {all.data, all.length, pattern.data, pattern.length, is_base64};
  struct step step = {from, 0};
  while (step.k < search.wanted) {
    int found = is_base64 && step.k > 0 ? skip_break(&search, &step) : 0;
    if (found < 0) return found;
    if (step.at >= search.length) return MATCH_OPEN;
    found = match_one(&search, &step);
    if (found < 0) return found;
  }
  return (ssize_t)step.at;
}

void mark_beginnings(struct bytes pattern, bool is_base64, bool may_begin[256]) {
  uint8_t first = pattern.data[0];
  may_begin[first] = may_begin['\\'] = may_begin['%'] = true;
  if (first == ' ' && !is_base64) may_begin['+'] = true;
  if (is_base64 && first == '+') may_begin['-'] = true;
  if (is_base64 && first == '/') may_begin['_'] = true;
}
