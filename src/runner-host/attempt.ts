// One attempt in the host, from the start frame to the report of its end. It owns the attempt, idle, output and grace
// clocks; whatever stops it, the first cause wins and the rest is silent. Its end is reported when its processes have
// been seen dead and its output has been written.
import type { ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { JournalWriter } from './journal-writer.ts';
import { limitOfEnd, type LimitWatch, type Watched } from './limits.ts';
import { findTarget, launch, LaunchError, prepareFiles } from './launch.ts';
import { OutputStream } from './output-stream.ts';
import type { PrivateDirs } from './private-dirs.ts';
import { closePipe, type PipeEnds, type PipePool } from './pipes.ts';
import type { FoundProcess, Leader, ProcessTable } from './process-table.ts';
import { signalFound } from './process-table.ts';
import type { Deadline, EndCause, Exited, LimitName, SentSignal, Start, Stop, ToServer } from './protocol.ts';

/** What attempts share. */
export interface HostContext {
  pipes: PipePool;
  processes: ProcessTable;
  privateDirs: PrivateDirs;
  limits: LimitWatch;
  send(frame: ToServer): void;
  /** Announces that an attempt's counters have moved. */
  grew(attempt: Attempt): void;
}

/** After the leader's exit: how long others may go on writing before they count as leftovers. */
const DRAIN_MS = 250;
/** After SIGKILL: how long to look for survivors before giving up. */
const PROOF_MS = 5000;
/** After the tree is empty: how long a silent pipe that something still holds is waited for. */
const QUIET_MS = 500;

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** An attempt whose process runs. */
interface Running {
  child: ChildProcess & { pid: number };
  leader: Leader;
  journal: JournalWriter;
  stdout: OutputStream;
  stderr: OutputStream;
  startedAt: number;
  exited: Promise<Exit>;
}

export class Attempt {
  readonly ref: number;
  readonly #start: Start;
  readonly #host: HostContext;
  #cause: EndCause | null = null;
  /** The leader has ended before anything stopped it. */
  #hasExited = false;
  #message = '';
  /** For `resource_limit`. */
  #limit: LimitName | null = null;
  readonly #signals: SentSignal[] = [];
  #watched: Watched | null = null;
  #graceMs: number;
  #attemptMs: number;
  #idleMs: number;
  #startedAt = 0;
  #lastOutputAt = 0;
  #attemptTimer: NodeJS.Timeout | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #running: Running | null = null;
  #requestStop: () => void = () => undefined;
  readonly #stopRequested = new Promise<void>((resolve) => {
    this.#requestStop = resolve;
  });

  constructor(start: Start, host: HostContext) {
    this.ref = start.ref;
    this.#start = start;
    this.#host = host;
    this.#graceMs = start.graceMs;
    this.#attemptMs = start.attemptMs;
    this.#idleMs = start.idleMs;
  }

  get totals(): { stdoutBytes: number; stderrBytes: number } {
    return { stdoutBytes: this.#running?.stdout.bytes ?? 0, stderrBytes: this.#running?.stderr.bytes ?? 0 };
  }

  /** Carries the attempt through and reports its end. Never rejects. */
  async run(): Promise<void> {
    try {
      const running = await this.#begin();
      this.#host.send(running === null ? this.#stoppedBeforeStart() : await this.#untilEnd(running));
    } catch (error) {
      const { reason, message } =
        error instanceof LaunchError ? error : new LaunchError('spawn_error', (error as Error).message);
      this.#host.send({ type: 'start_failed', ref: this.ref, reason, message });
    }
  }

  /** Stops the attempt; before its start, nothing is executed. */
  stop({ cause, graceMs }: Pick<Stop, 'cause' | 'graceMs'>): void {
    if (this.#hasExited) return;
    if (this.#cause === null) this.#graceMs = graceMs;
    this.#end(cause);
  }

  extend({ attemptMs, idleMs }: Deadline): void {
    this.#attemptMs = attemptMs;
    this.#idleMs = idleMs;
    if (this.#running !== null && this.#cause === null && !this.#hasExited) this.#armClocks();
  }

  /** Decides the cause, once, and has the attempt ended. */
  #end(cause: EndCause): void {
    if (this.#cause !== null) return;
    this.#cause = cause;
    this.#disarmClocks();
    this.#unwatchLimits();
    this.#requestStop();
  }

  /** What goes over a limit gets no time to act on SIGTERM: it would go on meanwhile. */
  #exceed(limit: LimitName): void {
    if (this.#cause !== null || this.#hasExited) return;
    this.#limit = limit;
    this.#graceMs = 0;
    this.#end('resource_limit');
  }

  // ------------------------------------------------------------------------------------------ start

  /** Starts the process; null when the attempt was stopped before. */
  async #begin(): Promise<Running | null> {
    if (this.#start.isolation !== 'none')
      throw new LaunchError(
        'isolation_unavailable',
        `The Node host cannot give the tier ${this.#start.isolation}.`,
      );
    const target = findTarget(this.#start);
    const pipes: PipeEnds[] = [];
    try {
      pipes.push(await this.#host.pipes.take(), await this.#host.pipes.take());
    } catch (error) {
      pipes.forEach(closePipe);
      throw new LaunchError('resources_unavailable', `No pipe could be made: ${(error as Error).message}.`);
    }
    if (this.#cause !== null) {
      pipes.forEach(closePipe);
      return null;
    }
    const [out, err] = pipes as [PipeEnds, PipeEnds];
    const journal = this.#createJournal(pipes);
    let stdin: number | null = null;
    try {
      stdin = this.#prepareFiles();
      const child = await launch(this.#start, target, [stdin, out.writeFd, err.writeFd]);
      return this.#track(child, journal, out, err);
    } catch (error) {
      closeSync(out.readFd);
      closeSync(err.readFd);
      await journal.close();
      throw error;
    } finally {
      if (stdin !== null) closeSync(stdin);
      closeSync(out.writeFd);
      closeSync(err.writeFd);
    }
  }

  #prepareFiles(): number | null {
    try {
      return prepareFiles(this.#start, this.#host.privateDirs);
    } catch (error) {
      throw new LaunchError(
        'resources_unavailable',
        `The private files could not be made: ${(error as Error).message}.`,
      );
    }
  }

  /** Creating the journal is the point of no return: a recovery takes it as proof that the attempt may have started. */
  #createJournal(pipes: PipeEnds[]): JournalWriter {
    try {
      return new JournalWriter(this.#start.journal, (error) => {
        this.#message = `The log could not be written: ${error.message}.`;
        this.#end('journal_failed');
      });
    } catch (error) {
      pipes.forEach(closePipe);
      throw new LaunchError(
        'journal_write_failed',
        `The log could not be created: ${(error as Error).message}.`,
      );
    }
  }

  #track(child: Running['child'], journal: JournalWriter, out: PipeEnds, err: PipeEnds): Running {
    const leader = this.#host.processes.add(child.pid, this.#start.marker);
    const startedAt = Date.now();
    const exited = new Promise<Exit>((resolve) => {
      child.once('exit', (code, signal) => {
        this.#host.processes.reaped(leader);
        resolve({ code, signal });
      });
    });
    const take = (name: 'stdout' | 'stderr') => (bytes: Buffer) => this.#take(name, bytes);
    const stdout = new OutputStream(out.readFd, take('stdout'), this.#start.redact);
    const stderr = new OutputStream(err.readFd, take('stderr'), this.#start.redact);
    this.#running = { child, leader, journal, stdout, stderr, startedAt, exited };
    this.#startedAt = this.#lastOutputAt = performance.now();
    this.#armClocks();
    this.#watchLimits(leader);
    this.#host.send({ type: 'started', ref: this.ref, pid: child.pid, at: startedAt });
    return this.#running;
  }

  #watchLimits(leader: Leader): void {
    const { limits, privateDir } = this.#start;
    if (limits === null || this.#cause !== null) return;
    this.#watched = {
      limits,
      privateDir,
      find: () => this.#host.processes.find(leader),
      exceeded: (limit) => this.#exceed(limit),
    };
    this.#host.limits.add(this.#watched);
  }

  #unwatchLimits(): void {
    if (this.#watched !== null) this.#host.limits.delete(this.#watched);
  }

  // ----------------------------------------------------------------------------------------- output

  /** Takes in a piece of output: keeps what fits, counts all. */
  #take(stream: 'stdout' | 'stderr', bytes: Buffer): void {
    const { journal, stdout, stderr } = this.#running as Running;
    this.#lastOutputAt = performance.now();
    this.#host.grew(this);
    const room = this.#start.keepBytes - journal.size;
    if (room > 0 && this.#cause !== 'journal_failed') {
      journal.append(stream, bytes.length > room ? bytes.subarray(0, room) : bytes, Date.now());
    }
    if (bytes.length > room && this.#start.failOnLimit) this.#end('output_limit');
    if (!journal.isFull) return;
    stdout.pause();
    stderr.pause();
    journal.whenDrained(() => {
      stdout.resume();
      stderr.resume();
    });
  }

  // ------------------------------------------------------------------------------------------ clocks

  #armClocks(): void {
    this.#disarmClocks();
    const ranMs = performance.now() - this.#startedAt;
    this.#attemptTimer = setTimeout(() => this.#end('attempt_timeout'), Math.max(0, this.#attemptMs - ranMs));
    if (this.#idleMs > 0) this.#armIdleClock();
  }

  /** Output only moves a time stamp; the timer looks at it when it goes off. */
  #armIdleClock(): void {
    const leftMs = this.#lastOutputAt + this.#idleMs - performance.now();
    if (leftMs <= 0) this.#end('idle_timeout');
    else this.#idleTimer = setTimeout(() => this.#armIdleClock(), leftMs);
  }

  #disarmClocks(): void {
    clearTimeout(this.#attemptTimer);
    clearTimeout(this.#idleTimer);
  }

  // --------------------------------------------------------------------------------------------- end

  async #untilEnd(running: Running): Promise<Exited> {
    const { exited, journal, stdout, stderr } = running;
    const isStopped = await Promise.race([exited.then(() => false), this.#stopRequested.then(() => true)]);
    const proof = { forced: false, leftovers: 0, survivors: 0, found: 0 };
    this.#hasExited = !isStopped;
    // The command has ended by itself: no clock and no cancel comes first any more.
    if (!isStopped) this.#disarmClocks();
    this.#unwatchLimits();
    if (isStopped) Object.assign(proof, await this.#terminate(running));
    else await within(DRAIN_MS, Promise.all([stdout.ended, stderr.ended]));
    Object.assign(proof, await this.#killAll(running));
    const exit = await within(PROOF_MS, exited);
    const endedAt = Date.now();
    const ends = await Promise.all([stdout.finish(QUIET_MS), stderr.finish(QUIET_MS)]);
    // Something that was not found still held a pipe.
    if (ends.includes(false)) proof.survivors = Math.max(1, proof.survivors);
    await journal.close();
    if (this.#cause === null && exit !== null) this.#limit = limitOfEnd(this.#start.limits, exit);
    this.#end(this.#limit !== null ? 'resource_limit' : exit?.signal != null ? 'signalled' : 'exited');
    return this.#report(running, exit ?? { code: null, signal: null }, endedAt, proof);
  }

  /** SIGTERM, and time to act on it. `forced` when SIGKILL is needed. */
  async #terminate(running: Running): Promise<Pick<Exited, 'forced' | 'found'>> {
    const { child, leader, exited } = running;
    const graceEnds = performance.now() + this.#graceMs;
    const found = await this.#host.processes.find(leader);
    this.#noteSignal('SIGTERM');
    this.#signalGroup(child, 'SIGTERM');
    // A stopped process acts on SIGTERM only once it continues.
    this.#signalGroup(child, 'SIGCONT');
    for (const other of found) if (other.pid !== child.pid) signalFound(other, 'SIGTERM');
    await within(this.#graceMs, exited);
    for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 100)) {
      const left = await this.#host.processes.find(leader);
      const leftMs = graceEnds - performance.now();
      if (left.length === 0 || leftMs <= 0) return { forced: left.length > 0, found: found.length };
      await sleep(Math.min(pauseMs, leftMs));
    }
  }

  /** SIGKILL for all that is left, until nothing is found any more. */
  async #killAll({ child, leader }: Running): Promise<{ leftovers: number; survivors: number }> {
    const giveUpAt = performance.now() + PROOF_MS;
    const leftovers = new Set<string>();
    for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 2, 100)) {
      const left: FoundProcess[] = await this.#host.processes.find(leader);
      for (const { pid, startTime } of left) if (pid !== child.pid) leftovers.add(`${pid}/${startTime}`);
      if (left.length === 0 || performance.now() > giveUpAt) {
        return { leftovers: leftovers.size, survivors: left.length };
      }
      this.#noteSignal('SIGKILL');
      for (const found of left) signalFound(found, 'SIGKILL');
      await sleep(pauseMs);
    }
  }

  /** Takes note of a signal that is sent, for the proof. */
  #noteSignal(signal: string): void {
    if (this.#signals.every((sent) => sent.signal !== signal)) this.#signals.push({ signal, at: Date.now() });
  }

  /** The group is ours as long as its leader has not been reaped. */
  #signalGroup(child: Running['child'], signal: NodeJS.Signals): void {
    if (child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      // The group has ended in between.
    }
  }

  #report(
    running: Running,
    exit: Exit,
    endedAt: number,
    proof: Pick<Exited, 'forced' | 'leftovers' | 'survivors' | 'found'>,
  ): Exited {
    const { journal, stdout, stderr, startedAt } = running;
    return {
      ...this.#stoppedBeforeStart(),
      ...proof,
      isStarted: true,
      exitCode: exit.code ?? -1,
      signal: exit.signal ?? '',
      startedAt,
      endedAt,
      stdoutBytes: stdout.bytes,
      stderrBytes: stderr.bytes,
      stdoutKept: journal.kept.stdout,
      stderrKept: journal.kept.stderr,
      records: journal.records,
      stdoutTail: stdout.tail,
      stderrTail: stderr.tail,
    };
  }

  #stoppedBeforeStart(): Exited {
    return {
      type: 'exited',
      ref: this.ref,
      cause: this.#cause as EndCause,
      isStarted: false,
      exitCode: -1,
      signal: '',
      forced: false,
      leftovers: 0,
      survivors: 0,
      startedAt: 0,
      endedAt: Date.now(),
      stdoutBytes: 0,
      stderrBytes: 0,
      stdoutKept: 0,
      stderrKept: 0,
      records: 0,
      // Node does not tell what a child has used.
      cpuMs: -1,
      maxRssBytes: -1,
      stdoutTail: new Uint8Array(),
      stderrTail: new Uint8Array(),
      message: this.#message,
      limit: this.#limit,
      signals: this.#signals,
      found: 0,
    };
  }
}

/** The value, or null when it does not come within the time. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}
