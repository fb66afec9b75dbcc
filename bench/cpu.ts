// Processor time of a process and of those that it has started.
import { readdirSync, readFileSync } from 'node:fs';

/** Ticks of the kernel are of 10 ms. */
const TICK_MS = 10;

/** Milliseconds of processor time of a process, of those that it has started and of those of these that have ended. */
export function cpuOfTree(pid: number): number {
  return (
    (ticksOf(pid, true) + childrenOf(pid).reduce((sum, child) => sum + ticksOf(child, false), 0)) * TICK_MS
  );
}

function ticksOf(pid: number, withEnded: boolean): number {
  try {
    // The name may hold blanks; what counts comes after it.
    const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
    const [user, system, endedUser, endedSystem] = rest.split(' ').slice(11, 15).map(Number);
    return (user ?? 0) + (system ?? 0) + (withEnded ? (endedUser ?? 0) + (endedSystem ?? 0) : 0);
  } catch {
    return 0;
  }
}

const childrenOf = (pid: number): number[] =>
  readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
