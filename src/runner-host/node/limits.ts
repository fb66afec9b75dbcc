// What an attempt may use. The system holds each process to some of it, by way of prlimit(1), because Node cannot; what all
// processes of an attempt use together is looked at now and then. There is no RLIMIT_NPROC: it counts all processes of a
// user, whosever they are, and root's not at all. There is no RLIMIT_AS: what only reserves addresses, as Node does, would
// die of it.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import type { Readable } from 'node:stream';
import type { FoundProcess } from './process-table.ts';
import { type LimitName, type Limits, SCALAR_FIELDS, type Start } from '../protocol.ts';

/** Between two looks; and so many times longer than the last one took, so that looking never takes much. */
const LOOK_MS = 100;
const LOOK_TIMES = 10;
const DISK_MS = 1000;
const DISK_TIMES = 4;
/** Data is what may be written to, whether it is or not: Node takes half a GiB of it for each of its threads of JavaScript. */
const RESERVED_BYTES = 4 * 1024 ** 3;
/** The least that a file, directory or link counts on the disk. */
const FILE_BYTES = 4096;
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
  const data = memoryBytes < 0 ? memoryBytes : memoryBytes * 2 + RESERVED_BYTES;
  const all: { limit: LimitName; option: string; line: string; soft: number; hard: number }[] = [
    // SIGXCPU, and a second later SIGKILL for what does not mind.
    { limit: 'cpu_s', option: 'cpu', line: 'Max cpu time', soft: cpuS, hard: cpuS + 1 },
    { limit: 'memory_bytes', option: 'data', line: 'Max data size', soft: data, hard: data },
    { limit: 'file_bytes', option: 'fsize', line: 'Max file size', soft: fileBytes, hard: fileBytes },
    { limit: 'open_files', option: 'nofile', line: 'Max open files', soft: openFiles, hard: openFiles },
  ];
  return all.filter(({ soft }) => soft >= 0);
}

/** What stands before a command that is held to limits, or gives way to others; empty when neither is so. */
export function limiter({ limits, scalars }: Pick<Start, 'limits' | 'scalars'>): string[] {
  const more = (scalars[SCALAR_FIELDS.indexOf('nice')] ?? 0) - getPriority();
  const nice = more > 0 ? [findTool('nice') ?? 'nice', '-n', String(more)] : [];
  return [...nice, ...ownLimiter(limits)];
}

function ownLimiter(limits: Limits | null): string[] {
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

/**
 * Memory of this process, and of all that it starts, does not go to disks when they crash. Nor do they inherit the soft
 * limit of open files that Node has raised for itself, but this one; 0 leaves it.
 */
export function limitSelf(openFiles: number): void {
  const prlimit = findTool('prlimit');
  if (prlimit === null) return;
  const now = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  const isLess = openFiles > 0 && openFiles < Number(now);
  const options = ['--core=0:0', ...(isLess ? [`--nofile=${openFiles}:`] : [])];
  spawnSync(prlimit, [...options, '--pid', String(process.pid)], { stdio: 'ignore' });
}

/** Half of the memory that there is: far above what the server takes, and not above what fills all of it alone. */
const MORE_BADNESS = 500;
const MOST_BADNESS = 1000;

/** When memory runs out, a command is ended before the server and this host are. What it started before this is not. */
export function letGoFirst(pid: number): void {
  const own = Math.max(0, Number(readOf('self', 'oom_score_adj')));
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(Math.min(own + MORE_BADNESS, MOST_BADNESS)));
  } catch {
    // It has ended, or is another user's, or this is no Linux: then the kernel chooses by size alone.
  }
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

/** An attempt whose use is looked at. */
export interface Watched {
  limits: Limits;
  privateDir: string;
  /** Its living processes. */
  find(): Promise<FoundProcess[]>;
  exceeded(limit: LimitName): void;
}

/** Looks now and then at what attempts use: at all of them together, because a look at all processes is dear. */
export class LimitWatch {
  readonly #processes = new Set<Watched>();
  readonly #dirs = new Set<Watched>();
  #isLooking = false;
  #isMeasuring = false;

  add(one: Watched): void {
    const { processes, memoryBytes, cpuS, diskBytes } = one.limits;
    if (processes >= 0 || memoryBytes >= 0 || cpuS >= 0) this.#processes.add(one);
    if (diskBytes >= 0) this.#dirs.add(one);
    if (this.#processes.size > 0 && !this.#isLooking) void this.#look();
    if (this.#dirs.size > 0 && !this.#isMeasuring) void this.#measure();
  }

  delete(one: Watched): void {
    this.#processes.delete(one);
    this.#dirs.delete(one);
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    for (let pauseMs = LOOK_MS; this.#processes.size > 0;) {
      await sleep(pauseMs);
      const beganAt = performance.now();
      await Promise.all(
        [...this.#processes].map(async (one) => {
          const found = await one.find();
          const limit = this.#processes.has(one) ? exceededBy(found, one.limits) : null;
          if (limit !== null) one.exceeded(limit);
        }),
      );
      pauseMs = Math.max(LOOK_MS, (performance.now() - beganAt) * LOOK_TIMES);
    }
    this.#isLooking = false;
  }

  async #measure(): Promise<void> {
    this.#isMeasuring = true;
    for (let pauseMs = DISK_MS; this.#dirs.size > 0;) {
      await sleep(pauseMs);
      const beganAt = performance.now();
      for (const one of this.#dirs) {
        const bytes = await treeBytes(one.privateDir, '-k', 1024);
        // Files without content take no blocks, but they are what a disk may run out of first.
        const least = await treeBytes(one.privateDir, '--inodes', FILE_BYTES);
        if (Math.max(bytes, least) > one.limits.diskBytes && this.#dirs.has(one)) one.exceeded('disk_bytes');
      }
      pauseMs = Math.max(DISK_MS, (performance.now() - beganAt) * DISK_TIMES);
    }
    this.#isMeasuring = false;
  }
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function exceededBy(
  found: readonly FoundProcess[],
  { processes, memoryBytes, cpuS }: Limits,
): LimitName | null {
  if (processes >= 0 && found.length > processes) return 'processes';
  const pids = found.map(({ pid }) => pid);
  if (memoryBytes >= 0 && isMemoryOver(pids, memoryBytes)) return 'memory_bytes';
  const cpuTicks = found.reduce((sum, one) => sum + one.cpuTicks, 0);
  return cpuS >= 0 && cpuTicks >= cpuS * TICKS_PER_S ? 'cpu_s' : null;
}

/** What lies below a directory; 0 when that cannot be told. du(1) counts blocks, and goes deeper than a path can say. */
async function treeBytes(path: string, option: '-k' | '--inodes', unit: number): Promise<number> {
  const du = spawn('du', ['-sx', option, '--', path], {
    env: { PATH: SYSTEM_PATH.join(':') },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  // Without a descriptor left, Node makes no pipe.
  (du.stdout as Readable | undefined)?.on('data', (piece: Buffer) => (text += piece.toString('latin1')));
  du.on('error', (error) => console.error(`${path} could not be measured: ${error.message}`));
  await new Promise((resolve) => du.on('close', resolve));
  // What vanishes meanwhile makes it fail, but what it says of the rest stands.
  return (parseInt(text, 10) || 0) * unit;
}

/** Memory that several hold is counted once only by the exact measure, which is never above the other. */
function isMemoryOver(pids: readonly number[], most: number): boolean {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);
  const held = memfdBytes(pids);
  if (sum(pids.map(residentBytes)) + held <= most) return false;
  const exact = pids.map(ownBytes);
  // What is mapped of what is held is in both.
  return sum(exact.map(({ own }) => own)) + Math.max(sum(exact.map(({ shared }) => shared)), held) > most;
}

/** Files in memory that descriptors of these processes lead to (memfd_create(2)), each once. */
function memfdBytes(pids: readonly number[]): number {
  const bytes = new Map<string, number>();
  for (const pid of pids) {
    for (const fd of descriptorsOf(pid)) {
      try {
        if (!readlinkSync(fd).startsWith('/memfd:')) continue;
        const { dev, ino, blocks } = statSync(fd);
        bytes.set(`${dev}:${ino}`, blocks * 512);
      } catch {
        // It was closed meanwhile.
      }
    }
  }
  return [...bytes.values()].reduce((total, one) => total + one, 0);
}

function descriptorsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => `/proc/${pid}/fd/${fd}`);
  } catch {
    return [];
  }
}

/** Resident memory of a process, 0 when there is none. */
function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readOf(pid, 'status'))?.[1] ?? 0) * 1024;
}

/** Without what nothing but files holds, and what others hold too in parts; `shared` is in files in memory. */
function ownBytes(pid: number): { own: number; shared: number } {
  const text = readOf(pid, 'smaps_rollup');
  const bytesOf = (name: string) => Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(text)?.[1]) * 1024;
  const [own, shared] = [bytesOf('Pss_Anon'), bytesOf('Pss_Shmem')];
  return Number.isNaN(own + shared) ? { own: residentBytes(pid), shared: 0 } : { own, shared };
}

function readOf(pid: number | 'self', file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
