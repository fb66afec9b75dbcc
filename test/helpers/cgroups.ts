// Groups of processes that may have so much of the machine and no more, as containers are made of.
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lifetime } from './scope.ts';
import { until } from './processes.ts';

/** Where groups are made, with the files that say how much there is: of cgroup v2, and of v1. Swapping would hide a lack. */
const PLACES = {
  pids: [
    ['/sys/fs/cgroup', 'pids.max', null],
    ['/sys/fs/cgroup/pids', 'pids.max', null],
  ],
  memory: [
    ['/sys/fs/cgroup', 'memory.max', 'memory.swap.max'],
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes', 'memory.swappiness'],
  ],
} as const;

let made = 0;

/**
 * Makes a group; null where this user or this machine cannot. Whatever is in it has to be gone when the test ends: to be
 * called before the server is started.
 */
export function cgroup(t: Lifetime, share: keyof typeof PLACES, most: number): string | null {
  for (const [root, file, swap] of PLACES[share]) {
    made += 1;
    const dir = join(root, `execd-test-${process.pid}-${made}`);
    try {
      mkdirSync(dir);
    } catch {
      continue;
    }
    t.teardown(() => until('the group is empty', () => isRemoved(dir)));
    if (!hasWritten(join(dir, file), most)) continue;
    if (swap !== null) hasWritten(join(dir, swap), 0);
    return dir;
  }
  return null;
}

/** Puts a process into a group, and what it starts from now on. */
export function enter(dir: string, pid: number): void {
  writeFileSync(join(dir, 'cgroup.procs'), String(pid));
}

function hasWritten(file: string, value: number): boolean {
  try {
    // Not made where it is missing, which would not say so.
    writeFileSync(file, String(value), { flag: 'r+' });
    return true;
  } catch {
    return false;
  }
}

function isRemoved(dir: string): boolean {
  try {
    rmdirSync(dir);
    return true;
  } catch {
    return false;
  }
}
