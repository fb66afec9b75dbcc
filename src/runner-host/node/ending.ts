// How the processes of an attempt end: the stop signal and time to act on it, SIGKILL until none is found. When the leader
// has ended and others still hold its pipes, they may go on writing for a while before they are asked to end, too.
import type { ChildProcess } from 'node:child_process';
import type { OutputStream } from './output-stream.ts';
import { type FoundProcess, type Leader, type ProcessTable, signalFound } from './process-table.ts';
import type { Exited, SentSignal, Start } from '../protocol.ts';

/** After the end of the leader, and after each output: how long others may be silent before they are asked to end. */
const DRAIN_QUIET_MS = 2000;
/** After SIGKILL: how long to look for survivors before giving up. */
const PROOF_MS = 5000;
/** While the journal is full: when to look again. */
const PAUSED_MS = 500;

/** What an ending deals with. */
export interface Ending {
  child: ChildProcess & { pid: number };
  leader: Leader;
  exited: Promise<unknown>;
  streams: readonly OutputStream[];
  processes: ProcessTable;
  start: Pick<Start, 'stopSignal' | 'stopScope'>;
  graceMs: number;
  /** On the monotonic clock. */
  lastOutputAt: () => number;
}

type Proof = Pick<Exited, 'forced' | 'leftovers' | 'survivors' | 'found' | 'outputLost' | 'signals'>;

export class Ender {
  readonly #of: Ending;
  readonly #leftovers = new Set<string>();
  readonly #signals: SentSignal[] = [];
  readonly #proof = { forced: false, survivors: 0, found: 0, outputLost: false };
  #graceMs: number;
  /** When SIGKILL is due; infinite before the stop signal. */
  #graceEndsAt = Infinity;
  /** Infinite when it has not begun. */
  #drainEndsAt = Infinity;
  #hurried: () => void = () => undefined;

  constructor(of: Ending) {
    this.#of = of;
    this.#graceMs = of.graceMs;
  }

  get proof(): Proof {
    return { ...this.#proof, leftovers: this.#leftovers.size, signals: this.#signals };
  }

  /**
   * Ends all processes. Never rejects.
   *
   * @param isStopped whether something has stopped the attempt; else its leader has ended by itself
   */
  async end(isStopped: boolean): Promise<void> {
    const hasLeaderEnded = !isStopped || (await this.#terminate());
    if (hasLeaderEnded && !(await this.#endLeftovers())) return;
    await this.#killAll();
  }

  /** Whoever goes on writing is not waited for any longer, and the grace ends after so long at the latest. */
  hurry(graceMs: number): void {
    const now = performance.now();
    this.#graceMs = Math.min(this.#graceMs, graceMs);
    if (this.#graceEndsAt < Infinity) this.#graceEndsAt = Math.min(this.#graceEndsAt, now + graceMs);
    if (this.#drainEndsAt < Infinity) this.#drainEndsAt = now;
    this.#hurried();
  }

  /** The stop signal. True when it has ended the leader, which alone has got it. */
  async #terminate(): Promise<boolean> {
    const { processes, leader, start, exited } = this.#of;
    // Without time to act on a signal, none is better than SIGKILL.
    this.#proof.outputLost ||= this.#graceMs === 0 && this.#isRead();
    const found = await processes.find(leader);
    this.#proof.found = found.length;
    // From the signal on: on a busy machine, the search takes a part of it.
    this.#graceEndsAt = performance.now() + this.#graceMs;
    if (start.stopScope === 'all') {
      this.#ask(found);
      await this.#untilGone();
      return false;
    }
    this.#noteSignal(start.stopSignal);
    this.#signalLeader(this.#of.child.pid);
    while (!this.#hasLeaderEnded() && this.#graceEndsAt > performance.now())
      await this.#wait(this.#graceEndsAt, exited);
    this.#proof.forced ||= !this.#hasLeaderEnded();
    return this.#hasLeaderEnded();
  }

  /** The leader has ended: waits for what others still write, then asks them to end. False when there are none. */
  async #endLeftovers(): Promise<boolean> {
    await this.#drain();
    const left = (await this.#of.processes.find(this.#of.leader)).filter(({ pid }) => !this.#isLeader(pid));
    if (left.length === 0) return false;
    this.#countLeftovers(left);
    this.#proof.outputLost ||= this.#isRead();
    this.#graceEndsAt = Math.min(this.#graceEndsAt, performance.now() + this.#graceMs);
    this.#ask(left);
    await this.#untilGone();
    return true;
  }

  /** Whoever goes on writing is waited for, whoever is silent is not. */
  async #drain(): Promise<void> {
    const { streams, lastOutputAt } = this.#of;
    const ended = Promise.all(streams.map((stream) => stream.ended));
    const beganAt = performance.now();
    this.#drainEndsAt = Math.min(beganAt + this.#graceMs, this.#graceEndsAt);
    while (this.#isRead()) {
      const now = performance.now();
      let next = Math.max(beganAt, lastOutputAt()) + DRAIN_QUIET_MS;
      // A full journal backlog also makes it silent, but then there is more to come.
      if (next <= now && streams.some((stream) => stream.isPaused)) next = now + PAUSED_MS;
      next = Math.min(next, this.#drainEndsAt);
      if (next <= now) break;
      await this.#wait(next, ended);
    }
    this.#drainEndsAt = Infinity;
  }

  /** Sends the stop signal to all, whoever has started them. */
  #ask(found: readonly FoundProcess[]): void {
    const { child, start } = this.#of;
    this.#noteSignal(start.stopSignal);
    const hasGroup = !this.#hasLeaderEnded();
    if (hasGroup) this.#signalLeader(-child.pid);
    for (const other of found) {
      if (hasGroup && other.pid === child.pid) continue;
      signalFound(other, start.stopSignal);
      if (!hasGroup) signalFound(other, 'SIGCONT');
    }
  }

  /** Waits until all that were asked to end have done so, or the grace is over. */
  async #untilGone(): Promise<void> {
    for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 100)) {
      const left = await this.#of.processes.find(this.#of.leader);
      if (left.length === 0) return;
      const now = performance.now();
      if (now >= this.#graceEndsAt) {
        this.#proof.forced = true;
        return;
      }
      await this.#wait(Math.min(now + pauseMs, this.#graceEndsAt));
    }
  }

  /** SIGKILL for all that is left, until nothing is found any more. */
  async #killAll(): Promise<void> {
    const { processes, leader } = this.#of;
    const giveUpAt = performance.now() + PROOF_MS;
    for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 2, 100)) {
      const left = await processes.find(leader);
      this.#countLeftovers(left);
      this.#proof.survivors = left.length;
      if (left.length === 0 || performance.now() > giveUpAt) return;
      this.#noteSignal('SIGKILL');
      this.#proof.outputLost ||= this.#isRead();
      for (const found of left) signalFound(found, 'SIGKILL');
      await sleep(pauseMs);
    }
  }

  #countLeftovers(found: readonly FoundProcess[]): void {
    for (const { pid, startTime } of found)
      if (!this.#isLeader(pid)) this.#leftovers.add(`${pid}/${startTime}`);
  }

  /** Its number may be another's once it has been reaped. */
  #isLeader(pid: number): boolean {
    return pid === this.#of.child.pid && !this.#hasLeaderEnded();
  }

  #hasLeaderEnded(): boolean {
    const { exitCode, signalCode } = this.#of.child;
    return exitCode !== null || signalCode !== null;
  }

  /** Whether one of the pipes has not come to its end. */
  #isRead(): boolean {
    return this.#of.streams.some((stream) => !stream.hasEnded);
  }

  /** Takes note of a signal that is sent, for the proof. */
  #noteSignal(signal: string): void {
    if (this.#signals.every((sent) => sent.signal !== signal)) this.#signals.push({ signal, at: Date.now() });
  }

  /** The stop signal for the leader, or, below zero, its group, which is ours as long as it has not been reaped. */
  #signalLeader(pid: number): void {
    if (this.#hasLeaderEnded()) return;
    try {
      process.kill(pid, this.#of.start.stopSignal);
      // A stopped process acts on a signal only once it continues.
      process.kill(pid, 'SIGCONT');
    } catch {
      // It has ended in between.
    }
  }

  /** Until a time, or an event, or `hurry`. */
  async #wait(until: number, event?: Promise<unknown>): Promise<void> {
    const hurried = new Promise<void>((resolve) => {
      this.#hurried = resolve;
    });
    const waits = event === undefined ? hurried : Promise.race([hurried, event]);
    await within(Math.max(0, until - performance.now()), waits);
  }
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** The value, or null when it does not come within the time. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}
