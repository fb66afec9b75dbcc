// What a process and those that it has started use now, as /proc shows it. Looked at when somebody asks, and for a bounded number of
// processes: what has left its parent is not seen, and counts when it ends.
import { readFileSync } from 'node:fs';

export interface LiveUsage {
  cpuMs: number;
  memoryBytes: number;
}

const MAX_PROCESSES = 200;
/** sysconf(_SC_CLK_TCK) and the size of a page, as Linux has them on all that execd runs on. */
const MS_PER_TICK = 10;
const PAGE_BYTES = 4096;

/** @returns null when there is no such process */
export function liveUsage(pid: number, root = '/proc'): LiveUsage | null {
  const first = statOf(pid, root);
  if (first === null) return null;
  const usage = { ...first };
  const pids = childrenOf(pid, root);
  for (let i = 0; i < pids.length && i < MAX_PROCESSES; i++) {
    const child = pids[i] as number;
    const one = statOf(child, root);
    if (one === null) continue;
    usage.cpuMs += one.cpuMs;
    usage.memoryBytes += one.memoryBytes;
    pids.push(...childrenOf(child, root));
  }
  return usage;
}

/** Its own, and that of children it has waited for. */
function statOf(pid: number, root: string): LiveUsage | null {
  const text = readOrNull(`${root}/${pid}/stat`);
  if (text === null) return null;
  // The name may hold spaces and parentheses.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [user = 0, system = 0, waitedUser = 0, waitedSystem = 0] = fields.slice(11, 15);
  return {
    cpuMs: (user + system + waitedUser + waitedSystem) * MS_PER_TICK,
    memoryBytes: (fields[21] ?? 0) * PAGE_BYTES,
  };
}

/** Also those that its other threads have started. */
function childrenOf(pid: number, root: string): number[] {
  const text = readOrNull(`${root}/${pid}/task/${pid}/children`);
  return text === null ? [] : text.split(' ').filter(Boolean).map(Number);
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return null;
  }
}
