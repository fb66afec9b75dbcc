// Writes the journal of one attempt (format: ../journal-format.ts). Bytes are never put out of order, and never recorded
// before they are written. Writing is the work of other threads: while one batch is being written the next one fills, and
// when that is full too, the pipes are not read. A slow disk therefore stops the command, and nothing else.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"

#define RECORD_BYTES 24
#define MAX_RECORD_BYTES 65536
#define MAGIC "EXJIDX1\n"
#define MAGIC_BYTES 8
#define APPEND (O_WRONLY | O_NOFOLLOW | O_APPEND | O_CLOEXEC)
#define NEW_FILE (APPEND | O_CREAT | O_EXCL)
#define MODE 0640

/** From here on a batch counts as full; it has room for one more piece, and the remains of two characters. */
#define FULL_BYTES (256 * 1024)
#define MAX_RECORDS 1024
#define SPARE_RECORDS 2

struct record {
  int64_t offset, time_ms;
  uint32_t length;
  uint8_t stream;
};

/** Bytes on their way to the log, with their records. */
struct batch {
  struct batch *next;
  uint32_t length, count;
  struct record records[MAX_RECORDS + SPARE_RECORDS];
  uint8_t index[MAGIC_BYTES + (MAX_RECORDS + SPARE_RECORDS) * RECORD_BYTES];
  uint8_t data[FULL_BYTES + PIECE_BYTES + 16];
};

/** Batches that wait for their next use; a host with little output needs few, however many attempts it runs. */
static struct batch *spare;
static int spare_count;
#define MAX_SPARE 16

struct journal {
  struct job job;
  char *path;
  void (*changed)(void *arg);
  void *arg;
  /** Where the next byte will stand in the log. */
  int64_t size;
  struct batch *filling, *writing;
  bool is_at_work, is_closing, is_closed;
  // The rest belongs to the writer while it is at work.
  int log_fd, index_fd, error;
  bool has_index;
  int64_t kept[2];
  uint32_t records;
};

static int open_file(const char *path, const char *ending, int flags) {
  char *file = must_format("%s%s", path, ending);
  int fd = open(file, flags, MODE);
  int error = errno;
  free(file);
  errno = error;
  return fd;
}

/** A log that is empty and stays so: others begin as names of it. The starter's alone. */
static char *empty_log;

int journal_create(const char *path) {
  if (empty_log != NULL) {
    char *file = must_format("%s.log", path);
    int error = link(empty_log, file) == 0 ? 0 : errno;
    free(file);
    if (error == 0 || error == EEXIST) return error;
    // It was removed, or has all the names that it can have.
    free(empty_log);
    empty_log = NULL;
  }
  int fd = open_file(path, ".log", NEW_FILE);
  if (fd < 0) return errno;
  close(fd);
  return 0;
}

void journal_stays_empty(const char *path) {
  if (empty_log == NULL) empty_log = must_format("%s.log", path);
}

/** Opens the log. One that is a name of another gets a file of its own; at no time is there none. */
static int open_log(const char *path) {
  int fd = open_file(path, ".log", APPEND);
  struct stat stat_;
  if (fd < 0) return -1;
  bool is_known = fstat(fd, &stat_) == 0;
  if (is_known && stat_.st_nlink <= 1) return fd;
  int error = errno;
  close(fd);
  errno = error;
  // What cannot be told from another's is not written to.
  fd = is_known ? open_file(path, ".new", NEW_FILE) : -1;
  if (fd < 0) return -1;
  char *from = must_format("%s.new", path), *to = must_format("%s.log", path);
  if (rename(from, to) < 0) {
    error = errno;
    close(fd);
    unlink(from);
    errno = error;
    fd = -1;
  }
  free(from);
  free(to);
  return fd;
}

struct journal *journal_new(const char *path, void (*changed)(void *arg), void *arg) {
  struct journal *journal = must_alloc(sizeof *journal);
  *journal = (struct journal){.path = must_copy(path), .changed = changed, .arg = arg, .log_fd = -1, .index_fd = -1};
  return journal;
}

uint8_t *journal_room(struct journal *journal) {
  if (journal->filling == NULL) {
    if (spare != NULL) {
      journal->filling = spare;
      spare = spare->next;
      spare_count -= 1;
    } else {
      journal->filling = must_alloc(sizeof(struct batch));
    }
    journal->filling->length = journal->filling->count = 0;
  }
  return journal->filling->data + journal->filling->length;
}

void journal_append(struct journal *journal, int stream, uint32_t length, int64_t time_ms) {
  struct batch *batch = journal->filling;
  struct record *last = batch->count == 0 ? NULL : &batch->records[batch->count - 1];
  // What came from one stream without a break is one record, with the time of its first bytes.
  if (last != NULL && last->stream == stream + 1 && last->length + length <= MAX_RECORD_BYTES)
    last->length += length;
  else batch->records[batch->count++] = (struct record){journal->size, time_ms, length, (uint8_t)(stream + 1)};
  batch->length += length;
  journal->size += length;
}

bool journal_is_full(const struct journal *journal) {
  const struct batch *batch = journal->filling;
  return batch != NULL && (batch->length >= FULL_BYTES || batch->count >= MAX_RECORDS);
}

int64_t journal_size(const struct journal *journal) { return journal->size; }
const int64_t *journal_kept(const struct journal *journal) { return journal->kept; }
uint32_t journal_records(const struct journal *journal) { return journal->records; }
int journal_error(const struct journal *journal) { return journal->is_at_work ? 0 : journal->error; }

// ------------------------------------------------------------------------------------------ the writer

static void put(uint8_t *at, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

/** Writes the records; answers the number of bytes. The magic comes before the first. */
static size_t encode(struct journal *journal, struct batch *batch) {
  uint8_t *at = batch->index;
  if (!journal->has_index) {
    memcpy(at, MAGIC, MAGIC_BYTES);
    at += MAGIC_BYTES;
  }
  for (uint32_t i = 0; i < batch->count; i++, at += RECORD_BYTES) {
    const struct record *record = &batch->records[i];
    memset(at, 0, RECORD_BYTES);
    put(at, (uint64_t)record->offset, 8);
    put(at + 8, record->length, 4);
    at[12] = record->stream;
    put(at + 16, (uint64_t)record->time_ms, 8);
  }
  return (size_t)(at - batch->index);
}

/** Writes what it can; answers how much. */
static size_t write_all(int fd, const uint8_t *data, size_t length, int *error) {
  size_t at = 0;
  while (at < length) {
    ssize_t written = write(fd, data + at, length - at);
    if (written >= 0) at += (size_t)written;
    else if (errno != EINTR) {
      *error = errno;
      break;
    }
  }
  return at;
}

/** What could not be written is not recorded; the character at the end of what was may be cut. */
static void keep_only(struct batch *batch, size_t length) {
  size_t seen = 0;
  for (uint32_t i = 0; i < batch->count; i++) {
    if (seen + batch->records[i].length > length) {
      batch->records[i].length = (uint32_t)(length - seen);
      batch->count = batch->records[i].length == 0 ? i : i + 1;
      return;
    }
    seen += batch->records[i].length;
  }
}

static void write_batch(struct journal *journal, struct batch *batch) {
  if (journal->log_fd < 0) journal->log_fd = open_log(journal->path);
  if (journal->log_fd < 0) {
    journal->error = errno;
    return;
  }
  size_t written = write_all(journal->log_fd, batch->data, batch->length, &journal->error);
  if (written < batch->length) keep_only(batch, written);
  if (journal->index_fd < 0)
    journal->index_fd = open_file(journal->path, ".idx", journal->has_index ? APPEND : NEW_FILE);
  if (journal->index_fd < 0) {
    if (journal->error == 0) journal->error = errno;
    return;
  }
  size_t head = journal->has_index ? 0 : MAGIC_BYTES;
  size_t recorded = write_all(journal->index_fd, batch->index, encode(journal, batch), &journal->error);
  journal->has_index = true;
  size_t whole = recorded < head ? 0 : (recorded - head) / RECORD_BYTES;
  for (size_t i = 0; i < whole; i++) journal->kept[batch->records[i].stream - 1] += batch->records[i].length;
  journal->records += (uint32_t)whole;
}

static void write_work(struct job *job) {
  struct journal *journal = (struct journal *)job;
  if (journal->writing != NULL && journal->error == 0) write_batch(journal, journal->writing);
  if (!journal->is_closing) return;
  if (journal->log_fd >= 0) close(journal->log_fd);
  if (journal->index_fd >= 0) close(journal->index_fd);
  journal->log_fd = journal->index_fd = -1;
}

// ------------------------------------------------------------------------------------------ the loop

static void give_back(struct batch *batch) {
  if (batch == NULL) return;
  if (spare_count >= MAX_SPARE) {
    free(batch);
    return;
  }
  batch->next = spare;
  spare = batch;
  spare_count += 1;
}

static void write_done(struct job *job) {
  struct journal *journal = (struct journal *)job;
  journal->is_at_work = false;
  journal->is_closed = journal->is_closing;
  give_back(journal->writing);
  journal->writing = NULL;
  journal->changed(journal->arg);
}

/** Hands what was appended to a writer, to be closed behind it if that is all. */
static void hand_over(struct journal *journal, bool is_closing) {
  journal->writing = journal->filling;
  journal->filling = NULL;
  journal->is_at_work = true;
  journal->is_closing = is_closing;
  journal->job.work = write_work;
  journal->job.done = write_done;
  workers_do(writers, &journal->job);
}

void journal_flush(struct journal *journal) {
  if (!journal->is_at_work && journal->filling != NULL && journal->filling->length > 0) hand_over(journal, false);
}

bool journal_close(struct journal *journal) {
  if (journal->is_at_work) return false;
  if (journal->filling != NULL && journal->filling->length == 0) {
    give_back(journal->filling);
    journal->filling = NULL;
  }
  if (journal->filling == NULL && journal->log_fd < 0 && journal->index_fd < 0) return true;
  if (journal->is_closed && journal->filling == NULL) return true;
  hand_over(journal, true);
  return false;
}

void journal_free(struct journal *journal) {
  give_back(journal->filling);
  free(journal->path);
  free(journal);
}
