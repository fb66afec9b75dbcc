// One attempt in the host, from the start frame to the report of its end. It owns the attempt, idle, output and grace
// clocks; whatever stops it, the first cause wins and the rest is silent. Its end is reported when its processes have
// been seen dead and its output has been written.
import type { ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { Ender, within } from './ending.ts';
import { JournalWriter } from '../../journal/journal-writer.ts';
import { limitOfEnd, type LimitWatch, type Watched } from './limits.ts';
import { checkFound, findTarget, launch, LaunchError, prepareFiles } from './launch.ts';
import { OutputStream } from './output-stream.ts';
import type { PrivateDirs } from './private-dirs.ts';
import { closePipe, type PipeEnds, type PipePool } from './pipes.ts';
import { type Leader, type ProcessTable, signalFound } from './process-table.ts';
import { lookElsewhere } from './elsewhere.ts';
import { LiveInput } from './live-input.ts';
import { ProgressPipe } from './progress-pipe.ts';
import { filesOf, type Mounts } from './slow-disks.ts';
import type {
  Deadline,
  EndCause,
  Exited,
  Input,
  LimitName,
  SendSignal,
  Start,
  Stop,
  ToServer,
} from '../protocol.ts';
import { SCALAR_FIELDS } from '../protocol.ts';

/** What attempts share. */
export interface HostContext {
  pipes: PipePool;
  processes: ProcessTable;
  privateDirs: PrivateDirs;
  limits: LimitWatch;
  mounts: Mounts;
  send(frame: ToServer): void;
  /** Announces that an attempt's counters have moved. */
  grew(attempt: Attempt): void;
}

/** After the end of all processes: how long the system may take to tell of that of the leader. */
const PROOF_MS = 5000;
/** After the tree is empty: how long a silent pipe that something still holds is waited for. */
const QUIET_MS = 500;

interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A process, and the ends of its pipes. */
interface Spawned {
  child: ChildProcess & { pid: number };
  journal: JournalWriter;
  out: PipeEnds;
  err: PipeEnds;
  live: PipeEnds | null;
  told: PipeEnds | null;
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
  /** Null where its input is all there at the start. */
  input: LiveInput | null;
  /** Null where it has no descriptor for progress. */
  progress: ProgressPipe | null;
}

export class Attempt {
  readonly ref: number;
  readonly #start: Start;
  readonly #host: HostContext;
  #cause: EndCause | null = null;
  #message = '';
  /** For `resource_limit`. */
  #limit: LimitName | null = null;
  /** There when the end has begun. */
  #ender: Ender | null = null;
  #watched: Watched | null = null;
  #graceMs: number;
  #attemptMs: number;
  #idleMs: number;
  /** When its clock has begun to run; null before. */
  #startedAt: number | null = null;
  #isLooking = false;
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
    // The first cause stays, but nobody wants to wait for long any more.
    if (this.#ender !== null) return this.#ender.hurry(graceMs);
    this.#graceMs = this.#cause === null ? graceMs : Math.min(this.#graceMs, graceMs);
    this.#end(cause);
  }

  /** Answers whether the new limits are in force. */
  extend({ attemptMs, idleMs }: Deadline): boolean {
    if (this.#cause !== null || this.#ender !== null) return false;
    this.#attemptMs = attemptMs;
    this.#idleMs = idleMs;
    if (this.#running !== null) this.#armClocks();
    else if (this.#isLooking) this.#armAttemptClock();
    return true;
  }

  /** More of its input. */
  input(frame: Input): void {
    const { input } = this.#running ?? {};
    if (input == null) this.#host.send({ type: 'input_taken', ref: this.ref, taken: 0, isOpen: false });
    else input.add(frame);
  }

  /** Sends a signal to what runs; nobody waits for what becomes of it. */
  async signal({ signal, scope }: SendSignal): Promise<void> {
    if (this.#running === null || this.#ender !== null || this.#cause !== null) return;
    const { child, leader } = this.#running;
    const isForAll = scope === 'all';
    const found = isForAll ? await this.#host.processes.find(leader) : [];
    try {
      if (child.exitCode === null && child.signalCode === null)
        process.kill(isForAll ? -child.pid : child.pid, signal);
    } catch {
      // It has ended in between.
    }
    for (const one of found) if (one.group !== child.pid) signalFound(one, signal);
  }

  /** Decides the cause, once, and has the attempt ended. */
  #end(cause: EndCause): void {
    if (this.#cause !== null) return;
    this.#cause = cause;
    this.#disarmClocks();
    this.#requestStop();
    // What others have written goes over the limit, or cannot be kept.
    this.#ender?.hurry(this.#graceMs);
  }

  /** What goes over a limit gets no time to act on a signal: it would go on meanwhile. */
  #exceed(limit: LimitName): void {
    // It ends for another cause, but its time to do so ends here.
    if (this.#ender !== null) return this.#ender.hurry(0);
    if (this.#cause !== null) return;
    this.#limit = limit;
    this.#graceMs = 0;
    this.#end('resource_limit');
  }

  // ------------------------------------------------------------------------------------------ start

  /** Starts the process; null when the attempt was stopped before. */
  async #begin(): Promise<Running | null> {
    if (this.#start.proxy !== '')
      throw new LaunchError(
        'isolation_unavailable',
        'A network of listed hosts requires a sandbox, which the Node host does not offer.',
      );
    if (this.#start.isolation !== 'none')
      throw new LaunchError(
        'isolation_unavailable',
        `The Node host does not offer the isolation tier ${this.#start.isolation}.`,
      );
    if (this.#scalar('ttyCols') > 0)
      throw new LaunchError(
        'terminal_unavailable',
        'The Node host does not offer terminals. Leave out tty, or let execd use the native host (EXECUTION_RUNNER_HOST).',
      );
    const mayHang = this.#host.mounts.mayHang(this.#start);
    if (mayHang && !(await this.#looksElsewhere())) return null;
    const target = mayHang ? null : findTarget(this.#start);
    const pipes: PipeEnds[] = [];
    let live: PipeEnds | null = null;
    let told: PipeEnds | null = null;
    try {
      pipes.push(await this.#host.pipes.take(), await this.#host.pipes.take());
      if (this.#scalar('openStdin') === 1) pipes.push((live = await this.#host.pipes.take(true)));
      if (this.#scalar('progressFd') === 1) pipes.push((told = await this.#host.pipes.take()));
    } catch (error) {
      pipes.forEach(closePipe);
      throw new LaunchError(
        'resources_unavailable',
        `The pipes could not be created: ${(error as Error).message}.`,
      );
    }
    if (this.#cause !== null) {
      pipes.forEach(closePipe);
      return null;
    }
    const [out, err] = pipes as [PipeEnds, PipeEnds];
    const journal = this.#createJournal(pipes);
    let stdin: number | null = live?.readFd ?? null;
    try {
      const prepared = this.#prepareFiles();
      stdin ??= prepared;
      const beside: [number?] = told === null ? [] : [told.writeFd];
      const child = await launch(this.#start, target, [stdin, out.writeFd, err.writeFd, ...beside]);
      return this.#track({ child, journal, out, err, live, told });
    } catch (error) {
      closeSync(out.readFd);
      closeSync(err.readFd);
      if (live !== null) closeSync(live.writeFd);
      if (told !== null) closeSync(told.readFd);
      await journal.close();
      throw error;
    } finally {
      if (stdin !== null) closeSync(stdin);
      closeSync(out.writeFd);
      closeSync(err.writeFd);
      if (told !== null) closeSync(told.writeFd);
    }
  }

  /** Until what it looks for can be looked at, which is part of its time; false when it was stopped before. */
  async #looksElsewhere(): Promise<boolean> {
    this.#isLooking = true;
    this.#startedAt = performance.now();
    this.#armAttemptClock();
    const found = await lookElsewhere(this.#start, filesOf(this.#start), this.#stopRequested);
    this.#isLooking = false;
    this.#disarmClocks();
    if (this.#cause !== null) return false;
    if (found === null)
      throw new LaunchError('resources_unavailable', 'The process that looks for the program could not run.');
    if (found !== 'all') checkFound(this.#start, found);
    return true;
  }

  #prepareFiles(): number | null {
    try {
      return prepareFiles(this.#start, this.#host.privateDirs);
    } catch (error) {
      throw new LaunchError(
        'resources_unavailable',
        `The private files could not be created: ${(error as Error).message}.`,
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

  #scalar(name: (typeof SCALAR_FIELDS)[number]): number {
    return this.#start.scalars[SCALAR_FIELDS.indexOf(name)] ?? -1;
  }

  #track({ child, journal, out, err, live, told: progressPipe }: Spawned): Running {
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
    const told = (taken: { taken: number; isOpen: boolean }) =>
      this.#host.send({ type: 'input_taken', ref: this.ref, ...taken });
    const input = live === null ? null : new LiveInput(live.writeFd, told);
    const said = (bytes: Buffer) => this.#host.send({ type: 'progress', ref: this.ref, said: bytes });
    const progress = progressPipe === null ? null : new ProgressPipe(progressPipe.readFd, said);
    this.#running = { child, leader, journal, stdout, stderr, startedAt, exited, input, progress };
    this.#lastOutputAt = performance.now();
    this.#startedAt ??= this.#lastOutputAt;
    this.#armClocks();
    this.#watchLimits(leader);
    this.#host.send({ type: 'started', ref: this.ref, pid: child.pid, at: startedAt });
    return this.#running;
  }

  #watchLimits(leader: Leader): void {
    const { limits, privateDir } = this.#start;
    if (limits === null) return;
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
    this.#armAttemptClock();
    clearTimeout(this.#idleTimer);
    if (this.#idleMs > 0) this.#armIdleClock();
  }

  #armAttemptClock(): void {
    clearTimeout(this.#attemptTimer);
    const now = performance.now();
    const leftMs = this.#attemptMs - (now - (this.#startedAt ?? now));
    this.#attemptTimer = setTimeout(() => this.#end('attempt_timeout'), Math.max(0, leftMs));
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
    const { child, leader, exited, journal, stdout, stderr } = running;
    const isStopped = await Promise.race([exited.then(() => false), this.#stopRequested.then(() => true)]);
    // If the command has ended by itself, no clock and no cancel comes first any more.
    this.#disarmClocks();
    const ender = new Ender({
      ...{ child, leader, exited, streams: [stdout, stderr], processes: this.#host.processes },
      ...{ start: this.#start, graceMs: this.#graceMs, lastOutputAt: () => this.#lastOutputAt },
    });
    this.#ender = ender;
    await ender.end(isStopped);
    running.input?.close();
    running.progress?.close();
    this.#unwatchLimits();
    const exit = await within(PROOF_MS, exited);
    const endedAt = Date.now();
    const ends = await Promise.all([stdout.finish(QUIET_MS), stderr.finish(QUIET_MS)]);
    await journal.close();
    if (this.#cause === null && exit !== null) this.#limit = limitOfEnd(this.#start.limits, exit);
    this.#end(this.#limit !== null ? 'resource_limit' : exit?.signal != null ? 'signalled' : 'exited');
    const report = this.#report(running, exit ?? { code: null, signal: null }, endedAt);
    const { survivors, outputLost } = report;
    // Something that was not found still held a pipe.
    const isHeld = ends.includes(false);
    return {
      ...report,
      survivors: isHeld ? Math.max(1, survivors) : survivors,
      outputLost: outputLost || isHeld,
    };
  }

  #report(running: Running, exit: Exit, endedAt: number): Exited {
    const { journal, stdout, stderr, startedAt } = running;
    return {
      ...this.#stoppedBeforeStart(),
      ...this.#ender?.proof,
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
      signals: [],
      found: 0,
      outputLost: false,
    };
  }
}
