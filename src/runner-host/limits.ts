// What an attempt may use. The system holds each process to some of it, by way of prlimit(1), because Node cannot; what all
// processes of an attempt use together is looked at now and then. There is no RLIMIT_NPROC: it counts all processes of a
// user, whosever they are, and root's not at all. There is no RLIMIT_AS: what only reserves addresses, as Node does, would
// die of it.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import type { FoundProcess } from './process-table.ts';
import type { LimitName, Limits } from './protocol.ts';

/** Between two looks; and so many times longer than the last one took, so that looking never takes much. */
const LOOK_MS = 100;
const DISK_MS = 1000;
const TIMES = 20;
/** USER_HZ, which is the same on all machines that Node runs on (proc(5)). */
const TICKS_PER_S = 100;
const SYSTEM_PATH = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'];

function findTool(name: string): string | null {
  return SYSTEM_PATH.map((dir) => `${dir}/${name}`).find((file) => existsSync(file)) ?? null;
}

/** Which of the limits this machine has no means for, and why; null when there is none. */
export function whyUnlimited(limits: Limits): { limit: LimitName; why: string } | null {
  const [held] = ownLimits(limits);
  if (held !== undefined && findTool('prlimit') === null)
    return { limit: held.limit, why: 'there is no prlimit (util-linux)' };
  if (limits.diskBytes >= 0 && findTool('du') === null) return { limit: 'disk_bytes', why: 'there is no du' };
  return null;
}

/** What each process is held to: the option of prlimit, its line in /proc/self/limits, and the two values. */
function ownLimits({ cpuS, memoryBytes, fileBytes, openFiles }: Limits) {
  const all: { limit: LimitName; option: string; line: string; soft: number; hard: number }[] = [
    // SIGXCPU, and a second later SIGKILL for what does not mind.
    { limit: 'cpu_s', option: 'cpu', line: 'Max cpu time', soft: cpuS, hard: cpuS + 1 },
    // Data is what may be written to, whether it is or not: of that there may be more than of memory.
    {
      limit: 'memory_bytes',
      option: 'data',
      line: 'Max data size',
      soft: memoryBytes * 2,
      hard: memoryBytes * 2,
    },
    { limit: 'file_bytes', option: 'fsize', line: 'Max file size', soft: fileBytes, hard: fileBytes },
    { limit: 'open_files', option: 'nofile', line: 'Max open files', soft: openFiles, hard: openFiles },
  ];
  return all.filter(({ soft }) => soft >= 0);
}

/** What stands before a command that is held to limits; empty when nothing holds it. */
export function limiter(limits: Limits | null): string[] {
  const held = limits === null ? [] : ownLimits(limits);
  const prlimit = held.length === 0 ? null : findTool('prlimit');
  if (prlimit === null) return [];
  const now = readFileSync('/proc/self/limits', 'latin1');
  // Never above what this host itself is held to: that is stricter, and nothing else is possible without privileges.
  const options = held.map(({ option, line, soft, hard }) => {
    const most = Number(new RegExp(`^${line} +\\S+ +(\\d+)`, 'm').exec(now)?.[1] ?? Infinity);
    return `--${option}=${Math.min(soft, most)}:${Math.min(hard, most)}`;
  });
  return [prlimit, ...options, '--'];
}

/** Memory of this process, and of all that it starts, does not go to disks when they crash. */
export function forbidCores(): void {
  const prlimit = findTool('prlimit');
  if (prlimit !== null) spawnSync(prlimit, ['--core=0:0', '--pid', String(process.pid)], { stdio: 'ignore' });
}

/** Which limit has ended a command that has ended by itself. Shells say 128 and the number of a signal. */
export function limitOfEnd(
  limits: Limits | null,
  { code, signal }: { code: number | null; signal: string | null },
): LimitName | null {
  if (limits === null) return null;
  if ((signal === 'SIGXFSZ' || code === 153) && limits.fileBytes >= 0) return 'file_bytes';
  return (signal === 'SIGXCPU' || code === 152) && limits.cpuS >= 0 ? 'cpu_s' : null;
}

/** Looks now and then at what the processes of an attempt use, until it is stopped or a limit is exceeded. */
export class LimitWatch {
  readonly #limits: Limits;
  readonly #privateDir: string;
  readonly #find: () => Promise<FoundProcess[]>;
  readonly #exceeded: (limit: LimitName) => void;
  #lookTimer: NodeJS.Timeout | undefined;
  #diskTimer: NodeJS.Timeout | undefined;
  #du: ChildProcess | null = null;
  #isStopped = false;

  /** @param find the living processes of the attempt */
  constructor(
    limits: Limits,
    privateDir: string,
    find: () => Promise<FoundProcess[]>,
    exceeded: (limit: LimitName) => void,
  ) {
    this.#limits = limits;
    this.#privateDir = privateDir;
    this.#find = find;
    this.#exceeded = exceeded;
    const { processes, memoryBytes, cpuS, diskBytes } = limits;
    if (processes >= 0 || memoryBytes >= 0 || cpuS >= 0) this.#lookLater(LOOK_MS);
    if (diskBytes >= 0) this.#measureLater(DISK_MS);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#lookTimer);
    clearTimeout(this.#diskTimer);
    this.#du?.kill('SIGKILL');
  }

  #exceed(limit: LimitName): void {
    this.stop();
    this.#exceeded(limit);
  }

  // -------------------------------------------------------------------------------------- processes

  #lookLater(ms: number): void {
    if (!this.#isStopped) this.#lookTimer = setTimeout(() => void this.#look(), ms);
  }

  async #look(): Promise<void> {
    const beganAt = performance.now();
    const found = await this.#find();
    if (this.#isStopped) return;
    const limit = this.#exceededBy(found);
    if (limit !== null) return this.#exceed(limit);
    this.#lookLater(Math.max(LOOK_MS, (performance.now() - beganAt) * TIMES));
  }

  #exceededBy(found: readonly FoundProcess[]): LimitName | null {
    const { processes, memoryBytes, cpuS } = this.#limits;
    if (processes >= 0 && found.length > processes) return 'processes';
    // Memory that several hold is counted once only by the exact measure, which is never above the other.
    const isOver = (measure: (pid: number) => number) =>
      found.reduce((sum, { pid }) => sum + measure(pid), 0) > memoryBytes;
    if (memoryBytes >= 0 && isOver(residentBytes) && isOver(ownBytes)) return 'memory_bytes';
    const cpuTicks = found.reduce((sum, one) => sum + one.cpuTicks, 0);
    return cpuS >= 0 && cpuTicks >= cpuS * TICKS_PER_S ? 'cpu_s' : null;
  }

  // ------------------------------------------------------------------------------- private directory

  #measureLater(ms: number): void {
    if (!this.#isStopped) this.#diskTimer = setTimeout(() => this.#measure(), ms);
  }

  /** du(1) counts blocks, and a file once however many names it has; and it goes deeper than a path can say. */
  #measure(): void {
    const beganAt = performance.now();
    const args = ['-skx', '--', this.#privateDir];
    const du = spawn('du', args, {
      env: { PATH: SYSTEM_PATH.join(':') },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#du = du;
    let text = '';
    du.stdout.on('data', (piece: Buffer) => (text += piece.toString('latin1')));
    du.on('error', (error) => console.error(`${this.#privateDir} could not be measured: ${error.message}`));
    // What vanishes meanwhile makes it fail, but what it says of the rest stands.
    du.on('close', () => {
      this.#du = null;
      if (this.#isStopped) return;
      if (parseInt(text, 10) * 1024 > this.#limits.diskBytes) return this.#exceed('disk_bytes');
      this.#measureLater(Math.max(DISK_MS, (performance.now() - beganAt) * TIMES));
    });
  }
}

/** Resident memory of a process, 0 when there is none. */
function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readOf(pid, 'status'))?.[1] ?? 0) * 1024;
}

/** Without what nothing but files holds, and what others hold too in parts. */
function ownBytes(pid: number): number {
  const text = readOf(pid, 'smaps_rollup');
  const kib = ['Pss_Anon', 'Pss_Shmem'].map((name) => new RegExp(`^${name}: +(\\d+)`, 'm').exec(text)?.[1]);
  return kib.includes(undefined) ? residentBytes(pid) : kib.reduce((sum, one) => sum + Number(one), 0) * 1024;
}

function readOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
