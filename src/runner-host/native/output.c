// Reads the two output streams of a process from their pipes: counts, keeps the ends, and hands pieces to the journal that
// are not cut within a UTF-8 character, so that a piece of text can be shown as text.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

/** Number of bytes at the end that begin a UTF-8 sequence without finishing it: 0 to 3. */
static uint32_t unfinished_utf8(const uint8_t *bytes, size_t length) {
  for (uint32_t back = 1; back <= 3 && back <= length; back++) {
    uint8_t byte = bytes[length - back];
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    uint32_t wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return wanted > back ? back : 0;
  }
  return 0;
}

static void keep_end(struct stream *stream, const uint8_t *piece, size_t length) {
  if (stream->tail == NULL) stream->tail = must_alloc(TAIL_BYTES);
  if (length >= TAIL_BYTES) {
    memcpy(stream->tail, piece + length - TAIL_BYTES, TAIL_BYTES);
    stream->tail_length = TAIL_BYTES;
    return;
  }
  size_t room = TAIL_BYTES - stream->tail_length;
  if (length > room) {
    memmove(stream->tail, stream->tail + (length - room), TAIL_BYTES - length);
    stream->tail_length = (uint32_t)(TAIL_BYTES - length);
  }
  memcpy(stream->tail + stream->tail_length, piece, length);
  stream->tail_length += (uint32_t)length;
}

/** Bytes that may still be kept. */
static int64_t keep_left(const struct attempt *attempt) {
  const struct journal *journal = attempt->journal;
  if (journal != NULL && journal_error(journal) != 0) return 0;
  int64_t left = attempt->start->keep_bytes - (journal == NULL ? 0 : journal_size(journal));
  return left > 0 ? left : 0;
}

/** Takes in so many bytes at the beginning of the room; keeps what fits, counts all. */
static void take(struct stream *stream, uint32_t length, bool is_journal) {
  struct attempt *attempt = stream->attempt;
  int64_t left = keep_left(attempt);
  if (is_journal && left > 0)
    journal_append(attempt->journal, stream->number, length < left ? length : (uint32_t)left, wall_ms());
  if (length > left && attempt->start->fail_on_limit) facts->wrote_too_much(attempt);
}

/** A heavy writer gets a pipe that holds more: fewer turns for the same bytes. */
static void widen(struct stream *stream) {
  if (stream->is_wide || stream->bytes < 4 * PIECE_BYTES) return;
  stream->is_wide = true;
  fcntl(stream->source.fd, F_SETPIPE_SZ, 1024 * 1024);
}

/** Where the next bytes may stand: in the journal, or nowhere. False when the journal has no room. */
static bool find_room(struct stream *stream, uint8_t **room) {
  static uint8_t scrap[PIECE_BYTES + 16];
  struct attempt *attempt = stream->attempt;
  *room = scrap;
  if (keep_left(attempt) == 0) return true;
  if (attempt->journal == NULL) attempt->journal = journal_new(attempt->start->journal, facts->journal_changed, attempt);
  if (journal_is_full(attempt->journal)) return false;
  *room = journal_room(attempt->journal);
  return true;
}

/** Takes in bytes that stand in the room, behind what is carried. */
static void accept(struct stream *stream, uint8_t *room, uint32_t length) {
  struct attempt *attempt = stream->attempt;
  bool is_journal = keep_left(attempt) > 0;
  uint32_t carried = stream->carried_length;
  memcpy(room, stream->carried, carried);
  stream->bytes += length;
  keep_end(stream, room + carried, length);
  uint32_t whole = carried + length;
  stream->carried_length = unfinished_utf8(room, whole);
  uint32_t cut = whole - stream->carried_length;
  memcpy(stream->carried, room + cut, stream->carried_length);
  if (cut > 0) take(stream, cut, is_journal);
  facts->wrote(attempt);
}

/** Takes in a piece of what is clean. False when the journal has no room for it. */
static bool take_pending(struct stream *stream) {
  uint8_t *room;
  if (!find_room(stream, &room)) return false;
  uint32_t left = stream->pending.length - stream->pending_at, most = PIECE_BYTES - stream->carried_length;
  uint32_t length = left < most ? left : most;
  memcpy(room + stream->carried_length, stream->pending.data + stream->pending_at, length);
  stream->pending_at += length;
  accept(stream, room, length);
  return true;
}

static bool has_pending(const struct stream *stream) { return stream->pending_at < stream->pending.length; }

static void set_pending(struct stream *stream, struct bytes clean) {
  free(stream->pending.data);
  stream->pending = clean;
  stream->pending_at = 0;
}

static void end_stream(struct stream *stream) {
  stream_close(stream);
  facts->stream_ended(stream->attempt);
}

/** Reads one piece from which secrets are taken out. False when there is nothing more for now. */
static bool read_redacted(struct stream *stream) {
  static uint8_t piece[PIECE_BYTES];
  if (has_pending(stream)) return take_pending(stream);
  if (stream->has_ended) {
    end_stream(stream);
    return false;
  }
  ssize_t got = read(stream->source.fd, piece, PIECE_BYTES);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  stream->has_ended = got <= 0;
  stream->read_bytes += got > 0 ? got : 0;
  set_pending(stream, got > 0 ? redactor_push(stream->redactor, piece, (size_t)got) : redactor_end(stream->redactor));
  // Somebody has written something, although it may all be held back.
  facts->wrote(stream->attempt);
  return true;
}

/** Reads one piece. False when there is nothing more for now. */
static bool read_piece(struct stream *stream) {
  uint8_t *room;
  if (stream->redactor != NULL) return read_redacted(stream);
  if (!find_room(stream, &room)) return false;
  uint32_t carried = stream->carried_length;
  ssize_t got = read(stream->source.fd, room + carried, PIECE_BYTES - carried);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got <= 0) {
    end_stream(stream);
    return false;
  }
  stream->read_bytes += got;
  accept(stream, room, (uint32_t)got);
  return got == PIECE_BYTES - carried;
}

/** Pieces that one stream may bring before others have their turn. */
#define MAX_PIECES 4

static void on_ready(struct source *source) {
  struct stream *stream = (struct stream *)source;
  for (int i = 0; i < MAX_PIECES && !stream->is_paused && stream_is_open(stream) && read_piece(stream); i++) continue;
  if (stream_is_open(stream)) widen(stream);
}

void stream_open(struct stream *stream, struct attempt *attempt, int number, int fd) {
  *stream = (struct stream){.source = {on_ready, fd}, .attempt = attempt, .number = number};
  stream->redactor = redactor_new(&attempt->start->redact);
  loop_add(&stream->source);
}

/** What began a character and did not finish it is kept too. */
void stream_close(struct stream *stream) {
  if (!stream_is_open(stream)) return;
  if (!stream->is_paused) loop_remove(&stream->source);
  close(stream->source.fd);
  stream->source.fd = -1;
  struct attempt *attempt = stream->attempt;
  // Of a stream that is given up, what the journal has no room for is lost.
  if (stream->redactor != NULL && !stream->has_ended) {
    while (has_pending(stream) && take_pending(stream)) continue;
    if (!has_pending(stream)) set_pending(stream, redactor_end(stream->redactor));
    while (has_pending(stream) && take_pending(stream)) continue;
  }
  redactor_free(stream->redactor);
  stream->redactor = NULL;
  set_pending(stream, (struct bytes){NULL, 0});
  uint32_t carried = stream->carried_length;
  stream->carried_length = 0;
  if (carried == 0) return;
  bool is_journal = keep_left(attempt) > 0;
  uint8_t *room = is_journal ? journal_room(attempt->journal) : NULL;
  if (room != NULL) memcpy(room, stream->carried, carried);
  take(stream, carried, room != NULL);
}

bool stream_is_open(const struct stream *stream) { return stream->source.fd >= 0; }

void stream_pause(struct stream *stream) {
  if (stream->is_paused || !stream_is_open(stream)) return;
  stream->is_paused = true;
  loop_remove(&stream->source);
}

void stream_resume(struct stream *stream) {
  if (!stream->is_paused || !stream_is_open(stream)) return;
  stream->is_paused = false;
  loop_add(&stream->source);
  // What waits for room is not announced by the pipe.
  if (has_pending(stream) || stream->has_ended) on_ready(&stream->source);
}
