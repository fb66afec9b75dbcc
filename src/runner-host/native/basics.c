// Memory, clocks, timers, and the threads that do what may block.
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

// ------------------------------------------------------------------------------------------ memory

void die(const char *what) {
  fprintf(stderr, "runner host: %s: %s\n", what, strerror(errno));
  _exit(70);
}

void *must_alloc(size_t size) {
  void *memory = malloc(size);
  if (memory == NULL) die("no memory");
  return memory;
}

void *must_grow(void *memory, size_t size) {
  void *grown = realloc(memory, size);
  if (grown == NULL) die("no memory");
  return grown;
}

char *must_copy(const char *text) {
  char *copy = strdup(text);
  if (copy == NULL) die("no memory");
  return copy;
}

char *must_format(const char *format, ...) {
  char *text;
  va_list args;
  va_start(args, format);
  if (vasprintf(&text, format, args) < 0) die("no memory");
  va_end(args);
  return text;
}

// ------------------------------------------------------------------------------------------ clocks

int64_t wall_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

int64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/** A heap; places count from 1, so that the two below place n are 2n and 2n + 1. */
static struct timer **heap;
static size_t heap_length, heap_size;

static void put(struct timer *timer, size_t place) {
  heap[place] = timer;
  timer->place = place;
}

static void rise(struct timer *timer, size_t place) {
  for (; place > 1 && heap[place / 2]->due_ns > timer->due_ns; place /= 2) put(heap[place / 2], place);
  put(timer, place);
}

static void sink(struct timer *timer, size_t place) {
  for (size_t below; (below = place * 2) <= heap_length; place = below) {
    if (below < heap_length && heap[below + 1]->due_ns < heap[below]->due_ns) below += 1;
    if (heap[below]->due_ns >= timer->due_ns) break;
    put(heap[below], place);
  }
  put(timer, place);
}

void timer_set(struct timer *timer, int64_t due_ns) {
  timer_clear(timer);
  if (heap_length + 2 > heap_size) {
    heap_size = heap_size == 0 ? 64 : heap_size * 2;
    heap = must_grow(heap, heap_size * sizeof *heap);
  }
  timer->due_ns = due_ns;
  rise(timer, ++heap_length);
}

void timer_clear(struct timer *timer) {
  if (timer->place == 0) return;
  size_t place = timer->place;
  struct timer *last = heap[heap_length--];
  timer->place = 0;
  if (last == timer) return;
  if (place > 1 && heap[place / 2]->due_ns > last->due_ns) rise(last, place);
  else sink(last, place);
}

int64_t timers_run(void) {
  int64_t now = now_ns();
  while (heap_length > 0 && heap[1]->due_ns <= now) {
    struct timer *timer = heap[1];
    timer_clear(timer);
    timer->fn(timer->arg);
  }
  return heap_length == 0 ? -1 : heap[1]->due_ns - now;
}

// ------------------------------------------------------------------------------------------ threads

struct workers {
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  struct job *first, **last;
  bool has_own_files;
  int threads, most_threads, idle;
  /** Jobs that no thread has taken yet. */
  int queued;
};

/** Jobs that have been done, in their order. */
static struct {
  pthread_mutex_t mutex;
  struct job *first, **last;
  int fd;
} mailbox = {.mutex = PTHREAD_MUTEX_INITIALIZER, .last = &mailbox.first, .fd = -1};
/** Handed out by the loop, and by the starter. */
static atomic_size_t open_jobs;

int mailbox_fd(void) {
  if (mailbox.fd < 0) mailbox.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (mailbox.fd < 0) die("eventfd");
  return mailbox.fd;
}

static void hand_back(struct job *job) {
  pthread_mutex_lock(&mailbox.mutex);
  bool is_first = mailbox.first == NULL;
  job->next = NULL;
  *mailbox.last = job;
  mailbox.last = &job->next;
  pthread_mutex_unlock(&mailbox.mutex);
  if (is_first && write(mailbox.fd, &(uint64_t){1}, 8) < 0) die("eventfd");
}

void mailbox_open(void) {
  uint64_t count;
  if (read(mailbox.fd, &count, 8) < 0 && errno != EAGAIN) die("eventfd");
  pthread_mutex_lock(&mailbox.mutex);
  struct job *job = mailbox.first;
  mailbox.first = NULL;
  mailbox.last = &mailbox.first;
  pthread_mutex_unlock(&mailbox.mutex);
  while (job != NULL) {
    struct job *next = job->next;
    open_jobs -= 1;
    job->done(job);
    job = next;
  }
}

/** A table of descriptors of this thread's own, with nothing in it but what every thread needs. */
static void take_own_files(void) {
  if (unshare(CLONE_FILES) < 0) die("a table of descriptors");
  int mail = mailbox_fd();
  if (mail > 3) syscall(SYS_close_range, 3, mail - 1, 0);
  syscall(SYS_close_range, mail + 1, ~0U, 0);
}

static void *work(void *arg) {
  struct workers *workers = arg;
  if (workers->has_own_files) take_own_files();
  for (;;) {
    pthread_mutex_lock(&workers->mutex);
    workers->idle += 1;
    while (workers->first == NULL) pthread_cond_wait(&workers->wake, &workers->mutex);
    workers->idle -= 1;
    workers->queued -= 1;
    struct job *job = workers->first;
    workers->first = job->next;
    if (workers->first == NULL) workers->last = &workers->first;
    pthread_mutex_unlock(&workers->mutex);
    job->work(job);
    hand_back(job);
  }
  return NULL;
}

/** Enough for what the threads do; the stack of a child is another one (spawn.c). */
#define STACK_BYTES (256 * 1024)

static bool add_thread(struct workers *workers) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  errno = pthread_create(&thread, &attributes, work, workers);
  pthread_attr_destroy(&attributes);
  if (errno != 0) return false;
  pthread_detach(thread);
  return true;
}

struct workers *workers_start(int threads, int most_threads, bool has_own_files) {
  struct workers *workers = must_alloc(sizeof *workers);
  *workers = (struct workers){.has_own_files = has_own_files, .threads = threads, .most_threads = most_threads};
  pthread_mutex_init(&workers->mutex, NULL);
  pthread_cond_init(&workers->wake, NULL);
  workers->last = &workers->first;
  for (int i = 0; i < threads; i++)
    if (!add_thread(workers)) die("a thread");
  return workers;
}

void workers_do(struct workers *workers, struct job *job) {
  open_jobs += 1;
  job->next = NULL;
  pthread_mutex_lock(&workers->mutex);
  *workers->last = job;
  workers->last = &job->next;
  workers->queued += 1;
  // Where none can be made the job waits for those that there are.
  bool is_short = workers->queued > workers->idle && workers->threads < workers->most_threads;
  if (is_short && add_thread(workers)) workers->threads += 1;
  pthread_cond_signal(&workers->wake);
  pthread_mutex_unlock(&workers->mutex);
}

size_t jobs_open(void) { return open_jobs; }
