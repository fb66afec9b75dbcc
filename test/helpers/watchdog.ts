// Ends what a process of the tests has started when that process is killed before it could do so itself.
import { spawn } from 'node:child_process';
import type { Lifetime } from './scope.ts';

/** Reads until the other end of the pipe is closed, however that comes. A number that the process has left to another is not signalled. */
const WATCH = `while read -r _; do :; done
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ] && grep -qaF "$1" "/proc/$pid/cmdline" 2>/dev/null; then
  kill -QUIT "$pid"
  while [ -d "/proc/$pid" ]; do sleep 0.1; done
fi
rm -rf "$@"`;

/** Ends the PostgreSQL whose data are in `home`, and removes the directories, with this process at the latest. */
export function endWithThisProcess(t: Lifetime, home: string, others: readonly string[]): void {
  // In a session of its own: Ctrl-C is for the tests.
  const watchdog = spawn('sh', ['-c', WATCH, 'watchdog', home, ...others], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watchdog.unref();
  const pipe = watchdog.stdin as typeof watchdog.stdin & { unref(): void };
  pipe.unref();
  t.teardown(async () => {
    const ended = new Promise((resolve) => watchdog.once('exit', resolve));
    watchdog.ref();
    pipe.end();
    await ended;
  });
}
