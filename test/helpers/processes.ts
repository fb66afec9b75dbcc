// Looks at real processes.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Numbers of living processes (not zombies) whose environment holds a text. */
export function withEnvironment(text: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && environmentOf(pid).includes(text) && isAlive(pid));
}

/** The environments of all living processes. */
export function environments(): [pid: number, environment: string][] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && isAlive(pid))
    .map((pid) => [pid, environmentOf(pid)]);
}

/** Numbers of living processes one of whose arguments holds a text. */
export function withArgument(text: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && argumentsOf(pid).includes(text) && isAlive(pid));
}

/** Kills processes that were seen a moment ago. One that has ended meanwhile, on its own or by its host, is no fault. */
export function killSeen(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** Whether a text is in an argument of a process that was born just now: for what is gone before all could be looked at. */
export function isHopping(text: string): boolean {
  for (let looks = 0; looks < 3000; looks++) {
    const newest = Number(readFileSync('/proc/loadavg', 'latin1').trim().split(' ').at(-1));
    for (const pid of [newest + 1, newest, newest - 1]) if (argumentsOf(pid).includes(text)) return true;
  }
  return false;
}

export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !'ZX'.includes(stat.slice(stat.lastIndexOf(')') + 2)[0] ?? 'X');
  } catch {
    return false;
  }
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}

function argumentsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

/** Resident memory of a process, bytes. */
export function memoryOf(pid: number): number {
  const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) * 1024;
}

export const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** Open descriptors that are no sockets: those of clients come and go. */
export function filesOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return !readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;
}

/** Children of a process that have ended and were not reaped. */
export function zombiesOf(pid: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((one) => Number.isInteger(one))
    .filter((one) => {
      try {
        const fields = readFileSync(`/proc/${one}/stat`, 'latin1')
          .replace(/^.*\) /, '')
          .split(' ');
        return fields[0] === 'Z' && Number(fields[1]) === pid;
      } catch {
        return false;
      }
    });
}

/** No test passes because of it: on a machine that is busy with other things, a start takes a multiple of its time. */
export const GIVE_UP_MS = 180_000;

/**
 * Runs a command that a real limit ends, with a longer one each time, until the command has come as far as it has to
 * before: how long a start takes is a matter of the machine.
 */
export async function withLimit<Ended>(
  run: (ms: number) => Promise<Ended>,
  hasComeSoFar: (ended: Ended) => boolean,
  firstMs = 200,
): Promise<Ended> {
  for (let ms = firstMs; ; ms *= 2) {
    const ended = await run(ms);
    if (hasComeSoFar(ended) || ms > GIVE_UP_MS) return ended;
  }
}

/** Waits until something holds, looking now and then; for facts that nothing announces. */
export async function until(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  timeoutMs = GIVE_UP_MS,
): Promise<void> {
  const giveUpAt = Date.now() + timeoutMs;
  while (!(await isTrue())) {
    if (Date.now() > giveUpAt) throw new Error(`it never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
