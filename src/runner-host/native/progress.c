// What a command says of its progress, on a descriptor of its own. It is handed to the server as it is, a piece with each growth:
// a command that says more than that waits, and nothing of it is kept here.
#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "host.h"

/** Of a piece. A command can say 20 of them in a second. */
#define MAX_SAID 4096

static void on_ready(struct source *source) {
  struct attempt *attempt = (struct attempt *)((char *)source - offsetof(struct attempt, progress));
  // Until it is read, it would be announced in each turn.
  loop_remove(source);
  attempt->is_progress_ready = true;
}

void progress_open(struct attempt *attempt) {
  attempt->progress = (struct source){on_ready, attempt->progress_fd};
  attempt->progress_fd = -1;
  loop_add(&attempt->progress);
}

void progress_send(struct attempt *attempt) {
  uint8_t piece[MAX_SAID];
  if (!attempt->is_progress_ready) return;
  attempt->is_progress_ready = false;
  ssize_t got = read(attempt->progress.fd, piece, sizeof piece);
  if (got > 0) out_progress(&to_server, attempt->start->ref, (struct bytes){piece, (uint32_t)got});
  if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) {
    loop_add(&attempt->progress);
    return;
  }
  // Nobody can say more.
  close(attempt->progress.fd);
  attempt->progress.fd = -1;
}

void progress_close(struct attempt *attempt) {
  if (attempt->progress.fd < 0) return;
  if (!attempt->is_progress_ready) loop_remove(&attempt->progress);
  attempt->is_progress_ready = false;
  close(attempt->progress.fd);
  attempt->progress.fd = -1;
}
