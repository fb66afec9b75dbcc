// What runs commands and requests.
import { type RequestKind } from '../kinds.ts';
import type { HttpResponse, OutputTotals } from '../execution/execution.ts';
import type { ExecutionId } from '../ids.ts';
import type { IsolationTier } from '../isolation.ts';
import type { Network, NetworkEnd } from '../network.ts';
import type { ResourceLimits } from '../limits.ts';
import type { LostDetail, Outcome } from '../outcome.ts';
import type { Scalars } from '../spec/scalars.ts';
import type { FilledWork } from '../spec/secrets.ts';
import type { Signal, StopPolicy, StopScope } from '../stop.ts';
import type { AttemptEnd } from './group.ts';
import type { StoreIdentity } from './replica.ts';

/** What to start, field by field. The runner adds nothing to it. */
export interface Command {
  program: string;
  /** What the request calls it. */
  programField: 'program' | 'shell' | 'interpreter';
  args: readonly string[];
  /** `NAME=value` lines; the whole environment of the process. */
  env: readonly string[];
  /** Null is the private directory. */
  cwd: string | null;
  /** Made before the start and removed after the end. */
  privateDir: string;
  /** A file that is written before the start: the inline source of a script. */
  script: { path: string; source: string } | null;
  /** A script that the program reads, and that must not begin with a byte order mark; null: nothing is looked at. */
  scriptFile: string | null;
  /** Null is /dev/null; `open`: it comes while the command runs. */
  stdin: Uint8Array | 'open' | null;
  /** A terminal as its input and output; null: there is none. */
  tty: TerminalSize | null;
  scalars: Scalars;
  /** Whether it has a descriptor for its progress. */
  hasProgressFd?: boolean;
  /** The directory that its sandbox has as its root directory; null: that of this machine. */
  root: RootDirectory | null;
  /** The private directory is there already, and whoever has made it removes it. */
  hasGivenDir?: boolean;
}

export interface RootDirectory {
  path: string;
  /** What may be written into it, to a layer in memory that is gone with the sandbox; null: nothing. */
  writableBytes: number | null;
}

export interface TerminalSize {
  cols: number;
  rows: number;
}

/** Run and number: what names an attempt everywhere. */
export interface AttemptName {
  runId: ExecutionId;
  attempt: number;
}

export interface AttemptStart extends AttemptName {
  userId: string;
  command: Command;
  limits: ResourceLimits;
  /** At least this tier. */
  isolation: IsolationTier;
  /** The network that it has in a sandbox. */
  network: Network;
  /** Bytes that the log keeps. */
  keepBytes: number;
  /** Whether to stop the attempt when it writes more. */
  failOnLimit: boolean;
  attemptMs: number;
  /** Null is off. */
  idleMs: number | null;
  stop: StopPolicy;
  /** What is taken out of the output. */
  redact: readonly Uint8Array[];
}

/** An HTTP request as an attempt. */
export interface RequestStart extends AttemptName {
  work: Extract<FilledWork, { kind: RequestKind }>;
  userId: string;
  /** Headers, in lower case, that no other server is to have. */
  secretHeaders: readonly string[];
  /** Hosts that redirects may lead to; null is any. */
  redirectHosts: readonly string[] | null;
  /** What is taken out of the answer's body. */
  redact: readonly Uint8Array[];
  /** Sent along, so that the other side knows which attempt of what this is. */
  executionId: ExecutionId;
  traceparent: string;
  /** Bytes of the answer's body that the log keeps. */
  keepBytes: number;
  failOnLimit: boolean;
  attemptMs: number;
  idleMs: number | null;
}

export interface AttemptListener {
  /** `pid` is null where there is no process. */
  started(pid: number | null, at: number): void;
  growth(output: Pick<OutputTotals, 'stdoutBytes' | 'stderrBytes'>): void;
  /** The next bytes of what it says of its progress, where it has a descriptor for that. */
  said?(bytes: Uint8Array): void;
}

/** Bytes of each stream that the report of an attempt brings along. */
export const REPORTED_BYTES = 4096;

/** The end of an attempt, as the runner host saw it. */
export type AttemptReport =
  | {
      type: 'ended';
      outcome: Outcome;
      end: AttemptEnd;
      /** The last bytes of each stream as text: `REPORTED_BYTES` of them where there are so many. */
      tails: { stdout: string; stderr: string };
      /** Of an HTTP request that was answered. */
      response: HttpResponse | null;
    }
  /** The host died. `isStarted` is what it had told; the journal knows more. Its processes are proven dead. */
  | { type: 'interrupted'; detail: LostDetail; isStarted: boolean };

/** Input of a command that comes while it runs. Nothing of it is kept, but what waits to be read: a bounded amount. */
export interface LiveInput {
  /** Bytes that have been taken in since the start. */
  readonly offset: number;
  /** False when it has been closed, or nobody reads it any more. */
  readonly isOpen: boolean;
  /** Bytes that it takes now. */
  readonly room: number;
  /**
   * Takes in as many of these bytes as fit, without those before `offset`.
   *
   * @param at where they begin; null: at the offset, whatever it is by then
   * @returns how many bytes from `at` on are taken in now; null when they begin beyond the offset
   */
  add(bytes: Uint8Array, at: number | null): number | null | Promise<number | null>;
  /** Nothing comes behind `at`; it stays open while bytes are there from behind it. Null: nothing comes any more. */
  close(at: number | null): void | Promise<void>;
  /** Resolves when there is room, or it is closed; rejects when the signal aborts. */
  whenRoom(signal: AbortSignal): Promise<void>;
}

/** What can be done to a command that runs. */
export interface LiveCommand {
  /** Null where it has none that stays open. */
  input: LiveInput | null;
  hasTerminal: boolean;
  /** Sends a signal; what becomes of the command shows in its end. */
  signal(signal: Signal, scope: StopScope): void | Promise<void>;
  /** Nothing where there is no terminal. */
  resize(size: TerminalSize): void | Promise<void>;
}

export interface RunningAttempt {
  /** Never rejects. */
  ended: Promise<AttemptReport>;
  /**
   * Stops the attempt; before its start, nothing is executed. The first cause wins; a later request can make the grace
   * shorter.
   */
  stop(outcome: StopRequest): void;
  /**
   * Moves the attempt and idle limits; both count from the start and from the last output. Answers whether they are in
   * force: not when the attempt has ended, or is being ended. Never rejects.
   */
  extend(attemptMs: number, idleMs: number | null): Promise<boolean>;
  /** Null, or left out, where there is no command. */
  readonly command?: LiveCommand | null;
}

export type StopRequest =
  /** `graceMs` takes the place of the attempt's own. */
  | { cause: 'cancelled'; reason: string | null; graceMs?: number | null }
  | { cause: 'total_timeout'; limitMs: number }
  | { cause: 'lost'; detail: 'shutdown' };

/** Makes HTTP requests. Their bodies go to the log as standard output. */
export interface HttpRunner {
  run(start: RequestStart, listener: AttemptListener): RunningAttempt;
  /** Ends idle connections; running attempts have been stopped before. */
  close(): Promise<void>;
}

/** Where a proxy is to listen for one attempt, and what its command may reach. */
export interface ProxySocket {
  /** Of a socket, at most 107 bytes. */
  path: string;
  userId: string;
  hosts: readonly string[];
}

/** The way of sandboxes to listed hosts. */
export interface NetworkProxy {
  /** @throws an Error where nothing can listen at the path */
  open(socket: ProxySocket): OpenProxy;
}

export interface OpenProxy {
  /** Ends all connections, removes the socket, and returns what the command did with it. */
  close(): NetworkEnd;
}

export interface RunnerStatus {
  name: string;
  pid: number | null;
  /** Times that the host was started again after it had died. */
  restarts: number;
  isReady: boolean;
  /** Why it is not ready; null when it is. */
  problem: string | null;
  /** The isolation tiers that it offers, from the weakest; attempts run at the first that is strong enough. */
  tiers: readonly IsolationTier[];
}

/** A tier that was to be offered, and does not work here. */
export interface FailedTier {
  tier: IsolationTier;
  problem: string;
}

export interface Runner {
  /** Starts the host, and tries its tiers: those that do not work are not offered. */
  start(identity: StoreIdentity): Promise<void>;
  /**
   * To be called once, before the first run: kills what earlier servers left of these attempts, proves it, and
   * removes their private directories. Answers how many processes were found.
   */
  sweep(attempts: readonly AttemptName[]): Promise<number>;
  /** Removes a private directory that was given to an attempt, whatever is in it. */
  discard(path: string): void;
  run(start: AttemptStart, listener: AttemptListener): RunningAttempt;
  /**
   * What it runs is to have ended at `until` on the monotonic clock of the server and `graceMs` later at the latest, also
   * when this process is frozen by then. Each call takes the place of the one before; without any, there is no end.
   */
  lease(until: number, graceMs: number): void;
  status(): RunnerStatus;
  /** Ends the host and with it everything that it still runs. */
  stop(): Promise<void>;
}
