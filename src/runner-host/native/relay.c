// The way out of a sandbox whose command may reach listed hosts only: the first process in it listens at 127.0.0.1, which
// nothing outside can reach, and copies the bytes of each connection to a socket of the server and back. It looks at none of
// them: the server decides which host is reached (src/runners/requests/sandbox-proxy.ts).
//
// One turn moves at most one buffer for each direction, so that no connection holds up the others, or the words of the host.
// Where the reader of a direction is slow, nothing more is read for it.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host.h"

#define BUFFER_BYTES 16384
/** Descriptors of this process, with what else it holds. */
#define MOST_FILES (2 * RELAY_CONNECTIONS + 64)

/** One direction of a connection. */
struct flow {
  uint32_t from, to;
  /** The side that it is read from has ended; the other side has been told; that takes nothing any more. */
  bool is_read, is_told, is_lost;
  uint8_t buffer[BUFFER_BYTES];
};

/** `fds` and `flows` begin with the command's side: flow 0 is read from it. */
struct connection {
  int fds[2];
  struct flow flows[2];
};

static struct connection *connections[RELAY_CONNECTIONS];
static size_t count;
static int listener = -1, target = -1;
/** No descriptor was left: until a connection ends, none is taken. */
static bool is_full;

const char *relay_open(int target_) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(RELAY_PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  target = target_;
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0) return strerror(errno);
  if (bind(listener, (const struct sockaddr *)&address, sizeof address) < 0) return strerror(errno);
  return listen(listener, RELAY_CONNECTIONS) < 0 ? strerror(errno) : NULL;
}

void relay_make_room(void) {
  struct rlimit files;
  if (listener < 0 || getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= MOST_FILES) return;
  files.rlim_cur = files.rlim_max < MOST_FILES ? files.rlim_max : MOST_FILES;
  setrlimit(RLIMIT_NOFILE, &files);
}

/** A connection to the socket of the server, wherever that is: the descriptor leads to it. */
static int reach_server(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", target);
  if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

/** Takes one connection of the command. */
static void take(void) {
  int inner = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (inner < 0) {
    is_full = errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS;
    return;
  }
  int outer = reach_server();
  // What the command sees then is that its connection ends.
  struct connection *connection = outer < 0 ? NULL : calloc(1, sizeof *connection);
  if (connection == NULL) {
    if (outer >= 0) close(outer);
    close(inner);
    return;
  }
  connection->fds[0] = inner;
  connection->fds[1] = outer;
  connections[count++] = connection;
}

static void end_connection(size_t i) {
  for (int side = 0; side < 2; side++) close(connections[i]->fds[side]);
  free(connections[i]);
  connections[i] = connections[--count];
  is_full = false;
}

static bool is_later(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

/** Moves at most a buffer from one side to the other. */
static void move(struct flow *flow, int from, int to) {
  if (flow->from == flow->to && !flow->is_read) {
    ssize_t got = read(from, flow->buffer, sizeof flow->buffer);
    flow->is_read = got == 0 || (got < 0 && !is_later());
    flow->from = 0;
    flow->to = got > 0 ? (uint32_t)got : 0;
  }
  if (flow->from < flow->to && !flow->is_lost) {
    ssize_t put = send(to, flow->buffer + flow->from, flow->to - flow->from, MSG_NOSIGNAL);
    flow->is_lost = put < 0 && !is_later();
    if (put > 0) flow->from += (uint32_t)put;
  }
  if (flow->is_lost) flow->from = flow->to;
  if (!flow->is_read || flow->from < flow->to || flow->is_told) return;
  flow->is_told = true;
  // The other direction may go on.
  shutdown(to, SHUT_WR);
}

/**
 * Whether it is of use yet. What the server does not take any more is read and thrown away, or the command would not get
 * what the server has said before it closed, such as that a host is refused; without the command, all is over.
 */
static bool is_alive(const struct flow flows[2]) { return !flows[1].is_lost && !(flows[0].is_told && flows[1].is_told); }

size_t relay_wait(struct pollfd *sources) {
  if (listener < 0) return 0;
  bool has_room = count < RELAY_CONNECTIONS && !(is_full && count > 0);
  sources[0] = (struct pollfd){has_room ? listener : -1, POLLIN, 0};
  for (size_t i = 0; i < count; i++) {
    const struct connection *connection = connections[i];
    for (int side = 0; side < 2; side++) {
      const struct flow *in = &connection->flows[side], *out = &connection->flows[1 - side];
      short events = 0;
      if (in->from == in->to && !in->is_read) events |= POLLIN;
      if (out->from < out->to) events |= POLLOUT;
      // Where there is nothing to do, that it has ended would be said again and again.
      sources[1 + 2 * i + (size_t)side] = (struct pollfd){events == 0 ? -1 : connection->fds[side], events, 0};
    }
  }
  return 1 + 2 * count;
}

void relay_turn(const struct pollfd *sources) {
  if (listener < 0) return;
  // From the last one on: the last one takes the place of one that ends.
  for (size_t i = count; i-- > 0;) {
    struct connection *connection = connections[i];
    if (sources[1 + 2 * i].revents == 0 && sources[2 + 2 * i].revents == 0) continue;
    move(&connection->flows[0], connection->fds[0], connection->fds[1]);
    move(&connection->flows[1], connection->fds[1], connection->fds[0]);
    if (!is_alive(connection->flows)) end_connection(i);
  }
  if (sources[0].revents != 0) take();
}
