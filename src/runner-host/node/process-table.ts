// Finds the processes of an attempt: its process group, its session, and whatever carries its marker in the
// environment. What has cleared its environment and left the session is out of reach here (the native host has it).
//
// A look at every process costs milliseconds, so all searches of one turn of the loop share one pass over /proc, and a
// search for a young attempt looks only at processes that are younger than its leader. Process numbers tell that as
// long as the counter has not wrapped around in between.
import { readdirSync, readFileSync } from 'node:fs';

export interface FoundProcess {
  pid: number;
  group: number;
  /** Start time in clock ticks since boot: with the pid, the identity of a process (proc(5), field 22). */
  startTime: string;
  /** Its own cpu time and that of children it has waited for. */
  cpuTicks: number;
}

/** What is known of an attempt's process when it is spawned. */
export interface Leader {
  pid: number;
  marker: string;
  /** Turn of the pid counter in which it was started. */
  turn: number;
}

interface Search {
  leader: Leader;
  isReaped: boolean;
  found: FoundProcess[];
  done: (found: FoundProcess[]) => void;
}

interface Stat {
  state: string;
  group: number;
  session: number;
  startTime: string;
  cpuTicks: number;
}

/** The pid counter is trusted not to wrap around unseen within this time. */
const UNSEEN_MS = 1000;

export class ProcessTable {
  readonly #marker: string;
  readonly #leaders = new Map<number, Leader>();
  #searches: Search[] = [];
  #lastPid = 0;
  #seenAt = -Infinity;
  #turn = 0;

  /** @param markerName name of the environment variable that carries the markers */
  constructor(markerName: string) {
    this.#marker = `${markerName}=`;
  }

  /** Registers a leader that has just been spawned. */
  add(pid: number, marker: string): Leader {
    this.#see(pid);
    const leader = { pid, marker, turn: this.#turn };
    this.#leaders.set(pid, leader);
    return leader;
  }

  /** To be called as soon as the leader has been reaped. */
  reaped(leader: Leader): void {
    if (this.#leaders.get(leader.pid) === leader) this.#leaders.delete(leader.pid);
  }

  /** The living processes of an attempt; its leader is among them until it is reaped. Zombies do not count. */
  find(leader: Leader): Promise<FoundProcess[]> {
    return new Promise((done) => {
      if (this.#searches.length === 0) setImmediate(() => this.#pass());
      const isReaped = this.#leaders.get(leader.pid) !== leader;
      this.#searches.push({ leader, isReaped, found: [], done });
    });
  }

  #pass(): void {
    const searches = this.#searches;
    this.#searches = [];
    this.#see(Number(readFileSync('/proc/loadavg', 'latin1').split(' ')[4]));
    const byMarker = new Map(searches.map((search) => [search.leader.marker, search]));
    const byGroup = new Map<number, Search>();
    let youngerThan = Infinity;
    for (const search of searches) {
      const { leader, isReaped } = search;
      // A reaped leader's number is given out again only when its group and session are empty: then they are others'.
      if (!isReaped || readStat(leader.pid) === null) byGroup.set(leader.pid, search);
      youngerThan = Math.min(youngerThan, leader.turn === this.#turn ? leader.pid : 0);
    }
    for (const name of readdirSync('/proc')) {
      const pid = Number(name);
      if (!(pid >= youngerThan)) continue;
      if (this.#leaders.has(pid) && !byGroup.has(pid)) continue;
      const stat = readStat(pid);
      if (stat === null || stat.state === 'Z' || stat.state === 'X') continue;
      const search =
        byGroup.get(stat.group) ?? byGroup.get(stat.session) ?? byMarker.get(this.#markerOf(pid) ?? '');
      search?.found.push({ pid, group: stat.group, startTime: stat.startTime, cpuTicks: stat.cpuTicks });
    }
    for (const search of searches) search.done(search.found);
  }

  #markerOf(pid: number): string | null {
    return findVariable(pid, this.#marker);
  }

  /** Takes note of a process number that has just been given out. */
  #see(pid: number): void {
    const now = performance.now();
    if (pid < this.#lastPid || now - this.#seenAt > UNSEEN_MS) this.#turn += 1;
    this.#lastPid = pid;
    this.#seenAt = now;
  }
}

/** The line `NAME=value` of a process's environment that begins so; null when there is none or it is not readable. */
function findVariable(pid: number, prefix: string): string | null {
  let environment;
  try {
    environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return null;
  }
  let at = environment.indexOf(prefix);
  while (at > 0 && environment[at - 1] !== '\0') at = environment.indexOf(prefix, at + 1);
  if (at === -1) return null;
  const end = environment.indexOf('\0', at);
  return environment.slice(at, end === -1 ? undefined : end);
}

function readStat(pid: number): Stat | null {
  let text;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  // The command name may hold anything, parentheses too: the fields begin behind the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = '', , group, session] = fields;
  const cpuTicks = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0);
  return { state, group: Number(group), session: Number(session), startTime: fields[19] ?? '', cpuTicks };
}

/** Every living process whose environment has one of these `NAME=value` lines. */
export function findMarked(prefix: string, wanted: ReadonlySet<string>): FoundProcess[] {
  const found: FoundProcess[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const stat = readStat(pid);
    if (stat === null || stat.state === 'Z' || stat.state === 'X') continue;
    const line = findVariable(pid, prefix);
    if (line === null || !wanted.has(line)) continue;
    found.push({ pid, group: stat.group, startTime: stat.startTime, cpuTicks: stat.cpuTicks });
  }
  return found;
}

/** Sends a signal, after a second look that the number still means the same process. */
export function signalFound(found: FoundProcess, signal: NodeJS.Signals): void {
  if (readStat(found.pid)?.startTime !== found.startTime) return;
  try {
    process.kill(found.pid, signal);
  } catch {
    // Ended in between, or not ours to signal: the next search tells.
  }
}
