// How many files a command may have open at first. Node raises its own soft limit to the hard one when it starts, and what
// it starts inherits that: programs that use select(2) fail beyond 1024, and those that close every possible descriptor
// take minutes where the hard limit is a thousand million. So the limit that execd was started with is looked for.
import { readFileSync } from 'node:fs';

/** What systems give a program that asks for nothing. */
const USUAL_OPEN_FILES = 1024;
/** An ancestor farther away says nothing of how this process was started. */
const MAX_ANCESTORS = 16;

interface Ancestor {
  parent: number;
  soft: number;
  hard: number;
}

/**
 * The soft limit that the process was started with: that of its nearest ancestor that has not raised its own to the hard
 * one, as Node and systemd do; the usual one where there is none.
 *
 * @param parent number of the parent process
 */
export function startedOpenFiles(
  parent: number,
  read: (pid: number) => Ancestor | null = readAncestor,
): number {
  let pid = parent;
  for (let i = 0; i < MAX_ANCESTORS && pid > 0; i++) {
    const ancestor = read(pid);
    if (ancestor === null) break;
    if (ancestor.soft < ancestor.hard) return ancestor.soft;
    pid = ancestor.parent;
  }
  return USUAL_OPEN_FILES;
}

function readAncestor(pid: number): Ancestor | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const limits = readFileSync(`/proc/${pid}/limits`, 'latin1');
    // The command name may hold anything: the fields begin behind its last parenthesis.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    const [, soft, hard] = /^Max open files +(\S+) +(\S+)/m.exec(limits) ?? [];
    const toNumber = (text: string | undefined) => (text === 'unlimited' ? Infinity : Number(text));
    return { parent, soft: toNumber(soft), hard: toNumber(hard) };
  } catch {
    return null;
  }
}
