// The loop: what it listens to, what it writes to the server, and the threads that work beside it. It knows nothing of
// attempts: what the parts beneath tell of one goes to whoever has set `facts`.
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "host.h"

#define WRITERS 2
#define EVENTS 128

struct out to_server;
struct workers *removers, *writers, *starter, *measurer;
const struct facts *facts;

static int epoll_fd;

void loop_prepare(void) {
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) die("epoll");
}

void workers_prepare(void) {
  starter = workers_start(2, STARTERS, false);
  writers = workers_start(WRITERS, WRITERS, false);
  removers = workers_start(1, 1, true);
  measurer = workers_start(1, 1, true);
}

static void listen_for(struct source *source, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = source};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, source->fd, &event) < 0) die("epoll_ctl");
}

void loop_add(struct source *source) { listen_for(source, EPOLLIN); }

void loop_add_writer(struct source *source) { listen_for(source, EPOLLOUT); }

void loop_remove(struct source *source) { epoll_ctl(epoll_fd, EPOLL_CTL_DEL, source->fd, NULL); }

bool loop_write(void) {
  static bool is_waiting;
  static struct source output = {.fd = STDOUT_FILENO};
  bool is_taken = true;
  size_t at = 0;
  while (at < to_server.length) {
    ssize_t written = write(STDOUT_FILENO, to_server.data + at, to_server.length - at);
    if (written > 0) at += (size_t)written;
    else if (errno == EAGAIN) break;
    else if (errno != EINTR) {
      at = to_server.length;
      is_taken = false;
    }
  }
  to_server.length -= at;
  if (at > 0 && to_server.length > 0) memmove(to_server.data, to_server.data + at, to_server.length);
  if (is_waiting == (to_server.length > 0)) return is_taken;
  is_waiting = !is_waiting;
  struct epoll_event event = {.events = EPOLLOUT, .data.ptr = &output};
  epoll_ctl(epoll_fd, is_waiting ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, STDOUT_FILENO, &event);
  return is_taken;
}

void loop_turn(int timeout_ms) {
  struct epoll_event events[EVENTS];
  int count = epoll_wait(epoll_fd, events, EVENTS, timeout_ms);
  if (count < 0 && errno != EINTR) die("epoll_wait");
  facts->turn_begins();
  for (int i = 0; i < count; i++) {
    struct source *source = events[i].data.ptr;
    // One that another event of this turn has closed has no descriptor any more.
    if (source->ready != NULL && source->fd >= 0) source->ready(source);
  }
}
