// The control protocol between server and runner host, pure: frames to values and back. docs/internals/runner-protocol.md is its
// description for other implementations; every host must pass test/helpers/host-contract.ts.
//
//   frame  = u32 length of the rest · u8 version · u8 type · body          (big-endian)
//   string = u32 length · UTF-8 bytes;  list = u32 count · items;  optional = u8 0 | 1 · item
import { Buffer } from 'node:buffer';

export const VERSION = 11;
/** Frames above this are malformed: the largest legal one carries a script, arguments and stdin. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;
/** Bytes of each stream's end that `exited` carries. */
export const TAIL_BYTES = 4096;

export const STOP_CAUSES = ['cancelled', 'total_timeout', 'shutdown'] as const;
export type StopFrameCause = (typeof STOP_CAUSES)[number];

/** What may ask processes to end. */
export const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;
export type StopSignal = (typeof STOP_SIGNALS)[number];
/** What may be sent to a command that runs; native/wire.c has them in the same order. */
export const SIGNALS = [
  ...STOP_SIGNALS,
  'SIGKILL',
  'SIGSTOP',
  'SIGCONT',
  'SIGTSTP',
  'SIGWINCH',
  'SIGALRM',
] as const;
export type Signal = (typeof SIGNALS)[number];
/** Which processes get it: all at once, or the first one alone and the others when that has ended. */
export const STOP_SCOPES = ['all', 'main'] as const;
export type StopScope = (typeof STOP_SCOPES)[number];

/** How far a command is kept from everything else, from the weakest to the strongest; docs/operate/isolation.md. */
export const TIERS = ['none', 'supervised', 'uid', 'sandbox'] as const;
export type Tier = (typeof TIERS)[number];

/** How an attempt ended, as the host decides it: the first of these to happen. */
export const END_CAUSES = [
  'exited',
  'signalled',
  'attempt_timeout',
  'idle_timeout',
  'output_limit',
  ...STOP_CAUSES,
  'journal_failed',
  'resource_limit',
] as const;
export type EndCause = (typeof END_CAUSES)[number];

/** What an attempt may use; the codes of `exited`'s `limit`. */
export const LIMITS = [
  'cpu_s',
  'memory_bytes',
  'processes',
  'file_bytes',
  'open_files',
  'disk_bytes',
] as const;
export type LimitName = (typeof LIMITS)[number];

export const START_FAILURES = [
  'program_not_found',
  'program_not_executable',
  'interpreter_not_found',
  'cwd_not_found',
  'cwd_not_directory',
  'cwd_not_accessible',
  'arguments_too_long',
  'resources_unavailable',
  'journal_write_failed',
  'spawn_error',
  'limit_unavailable',
  'isolation_unavailable',
  'program_busy',
  'terminal_unavailable',
] as const;
export type StartFailure = (typeof START_FAILURES)[number];

/** First frame to a host: who the server is, and where scratch files may be made. */
export interface Hello {
  type: 'hello';
  /** Identity of the store; hosts carry it in their environment as EXECD_HOST. */
  instance: string;
  /** A directory of this host alone, empty and writable, best on a file system in memory. */
  scratchDir: string;
  /** The users that commands run as at the tier `uid`, one each, and in sandboxes; none: 0 of them. */
  firstUid: number;
  uidCount: number;
  /** The program that makes sandboxes; empty: there is none. */
  bwrap: string;
  /** Files and directories that commands in a sandbox do not see. */
  hidden: string[];
  /** The soft limit of open files that commands start with; 0: that of the host. */
  openFiles: number;
}

export interface Start {
  type: 'start';
  /** Names the attempt on this connection. */
  ref: number;
  /** `NAME=value`, unique to the attempt; put into the environment, and looked for when processes are searched. */
  marker: string;
  /** At least this tier; a host that cannot give it refuses. */
  isolation: Tier;
  /** Whether a sandbox has the network of this machine. */
  hasNetwork: boolean;
  /** Path of the journal without its ending. */
  journal: string;
  program: string;
  args: string[];
  /** `NAME=value` lines. */
  env: string[];
  /** Empty: the private directory. */
  cwd: string;
  /** Made by the host before the start, removed after the end. */
  privateDir: string;
  script: { path: string; source: string } | null;
  /** Path of a script that the program reads, refused if it begins with a byte order mark; empty: none is looked at. */
  scriptFile: string;
  stdin: Uint8Array | null;
  /** Bytes that the journal keeps. */
  keepBytes: number;
  /** Stop the attempt when it writes more. */
  failOnLimit: boolean;
  attemptMs: number;
  /** 0: off. */
  idleMs: number;
  /** Between the stop signal and SIGKILL, unless a `stop` says otherwise; also how long others are waited for at most. */
  graceMs: number;
  stopSignal: StopSignal;
  stopScope: StopScope;
  /** What is taken out of both streams, each as redactor.ts has it. */
  redact: Uint8Array[];
  /** Null: nothing is limited. */
  limits: Limits | null;
  /** Whose it is: starts that hang are bounded by owner. */
  owner: string;
  /** In the order of `SCALAR_FIELDS`; -1: as the system has it. */
  scalars: number[];
  /** The directory that a sandbox has as its root directory; empty: that of this machine. */
  root: string;
  /** What may be written into that directory, to a layer in memory; 0: nothing. */
  layerBytes: number;
  /**
   * Path of a socket of the server. The command of a sandbox without network reaches it at 127.0.0.1, port `PROXY_PORT`;
   * empty: there is none.
   */
  proxy: string;
}

/** Where the command of a sandbox finds the proxy of the server; native/host.h has the same. */
export const PROXY_PORT = 3128;
/** Connections of one attempt to it at a time; others wait to be accepted. */
export const PROXY_CONNECTIONS = 64;

/** Of all processes of an attempt together, but for the first two of files. -1: not limited. */
export interface Limits {
  /** Seconds of cpu time. */
  cpuS: number;
  /** Resident memory that nothing else holds; twice as much and 4 GiB is the data of one process (RLIMIT_DATA). */
  memoryBytes: number;
  processes: number;
  /** Of each file that is written (RLIMIT_FSIZE). */
  fileBytes: number;
  /** Of each process (RLIMIT_NOFILE). */
  openFiles: number;
  /** What lies in the private directory. */
  diskBytes: number;
}

/** A signal that the host has sent: the first of its kind. */
export interface SentSignal {
  signal: string;
  /** Milliseconds since the epoch. */
  at: number;
}

export interface Stop {
  type: 'stop';
  ref: number;
  cause: StopFrameCause;
  graceMs: number;
}

/**
 * New limits of a live attempt; both count as before, from the start and from the last output. Is answered with
 * `deadline_set`.
 */
export interface Deadline {
  type: 'deadline';
  ref: number;
  attemptMs: number;
  idleMs: number;
}

/** Kill what carries one of these markers, and older hosts of the same instance; then remove what they left. */
export interface Sweep {
  type: 'sweep';
  id: number;
  markers: string[];
  /** Files and directories. Their removal may go on after the answer. */
  paths: string[];
}

/** In place of the list that `hello` had; for sandboxes that are started from now on. */
export interface Hide {
  type: 'hide';
  hidden: string[];
}

/** Is answered with `pong` as soon as the host comes to it: its loop still turns. */
export interface Ping {
  type: 'ping';
  id: number;
}

/** More of the input of an attempt that was started with it open. Is answered with `input_taken`. */
export interface Input {
  type: 'input';
  ref: number;
  data: Uint8Array;
  /** Nothing comes after it. */
  isLast: boolean;
}

/** A signal for a command that runs; it ends nothing by itself. */
export interface SendSignal {
  type: 'signal';
  ref: number;
  signal: Signal;
  scope: StopScope;
}

/** The size of the terminal of an attempt. */
export interface Resize {
  type: 'resize';
  ref: number;
  cols: number;
  rows: number;
}

/**
 * How long what the host runs may go on. Afterwards others may do the same work, so that the host ends it, whatever has
 * become of the server. Each one takes the place of the one before; without any, there is no end.
 */
export interface Lease {
  type: 'lease';
  /** Milliseconds of CLOCK_MONOTONIC, which all processes of a machine have in common. */
  until: number;
  /** From then on until SIGKILL, at most. */
  graceMs: number;
}

export type ToHost =
  | Hello
  | Start
  | Stop
  | Deadline
  | Sweep
  | Hide
  | Ping
  | Input
  | SendSignal
  | Resize
  | Lease;

export interface Ready {
  type: 'ready';
  name: string;
  pid: number;
}

export interface Started {
  type: 'started';
  ref: number;
  pid: number;
  /** Milliseconds since the epoch. */
  at: number;
}

export interface StartFailed {
  type: 'start_failed';
  ref: number;
  reason: StartFailure;
  message: string;
}

/** Bytes written so far; sent at most every 50 ms. */
export interface Growth {
  type: 'growth';
  ref: number;
  stdoutBytes: number;
  stderrBytes: number;
}

export interface Exited {
  type: 'exited';
  ref: number;
  cause: EndCause;
  /** False: stopped before its start, nothing was executed and there is no process to speak of. */
  isStarted: boolean;
  /** -1: none. */
  exitCode: number;
  /** Name of the signal that ended the leader; empty: none. */
  signal: string;
  /** Not all had ended after the grace. */
  forced: boolean;
  /** Processes besides the first that were there after its end, or had to be killed. */
  leftovers: number;
  survivors: number;
  startedAt: number;
  endedAt: number;
  stdoutBytes: number;
  stderrBytes: number;
  stdoutKept: number;
  stderrKept: number;
  records: number;
  /** -1: the host cannot measure it. */
  cpuMs: number;
  maxRssBytes: number;
  stdoutTail: Uint8Array;
  stderrTail: Uint8Array;
  /** For `journal_failed`: what went wrong. */
  message: string;
  /** For `resource_limit`: which. */
  limit: LimitName | null;
  /** In the order in which they were sent. SIGCONT, which goes with SIGTERM, is not among them. */
  signals: SentSignal[];
  /** Processes that were there when the attempt was told to end; 0 when it ended by itself. */
  found: number;
  /** Something that still held a pipe was killed, or was left behind and told to end: there may have been more output. */
  outputLost: boolean;
}

export interface Swept {
  type: 'swept';
  id: number;
  killed: number;
  /** Still alive after all. */
  survivors: number;
}

/** The last word of a host that cannot go on, for instance after a malformed frame. */
export interface Failure {
  type: 'failure';
  message: string;
}

export interface Pong {
  type: 'pong';
  id: number;
}

/** Whether new limits are in force: not when the attempt has ended, or is being ended. */
export interface DeadlineSet {
  type: 'deadline_set';
  ref: number;
  isInForce: boolean;
}

/** How much of its input a command has taken, from the start on. */
export interface InputTaken {
  type: 'input_taken';
  ref: number;
  taken: number;
  /** False: there is no input, or it has ended, or nobody reads it any more. */
  isOpen: boolean;
}

/** What a command has said on its descriptor for progress: the next bytes of it, at most every 50 ms and 4096 of them. */
export interface ProgressSaid {
  type: 'progress';
  ref: number;
  said: Uint8Array;
}

export type ToServer =
  | Ready
  | Started
  | StartFailed
  | Growth
  | Exited
  | Swept
  | Failure
  | Pong
  | DeadlineSet
  | InputTaken
  | ProgressSaid;
export type Frame = ToHost | ToServer;

/** The other side does not speak this protocol. */
export class ProtocolError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ProtocolError';
  }
}

// ------------------------------------------------------------------------------------------ fields

interface Codec<T> {
  write(out: Writer, value: T): void;
  read(input: Reader): T;
}

class Writer {
  #buffer = Buffer.allocUnsafe(512);
  #length = 0;

  /** Makes room for `bytes` and says where. */
  reserve(bytes: number): { buffer: Buffer; at: number } {
    const at = this.#length;
    this.#length += bytes;
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#length, this.#buffer.length * 2));
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    }
    return { buffer: this.#buffer, at };
  }

  finish(): Buffer {
    this.#buffer.writeUInt32BE(this.#length - 4, 0);
    return this.#buffer.subarray(0, this.#length);
  }
}

class Reader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  take(bytes: number): Buffer {
    const end = this.#at + bytes;
    if (end > this.#buffer.length) throw new ProtocolError('a frame ends within a field');
    const taken = this.#buffer.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  finish(): void {
    if (this.#at !== this.#buffer.length) throw new ProtocolError('a frame is longer than its fields');
  }
}

const u8: Codec<number> = {
  write(out, value) {
    const { buffer, at } = out.reserve(1);
    buffer.writeUInt8(value, at);
  },
  read: (input) => input.take(1).readUInt8(),
};
const u32: Codec<number> = {
  write(out, value) {
    const { buffer, at } = out.reserve(4);
    buffer.writeUInt32BE(value, at);
  },
  read: (input) => input.take(4).readUInt32BE(),
};
const i32: Codec<number> = {
  write(out, value) {
    const { buffer, at } = out.reserve(4);
    buffer.writeInt32BE(value, at);
  },
  read: (input) => input.take(4).readInt32BE(),
};
/** 64 bits signed; values above 2^53 do not occur (bytes, milliseconds). */
const i64: Codec<number> = {
  write(out, value) {
    const { buffer, at } = out.reserve(8);
    buffer.writeBigInt64BE(BigInt(value), at);
  },
  read: (input) => Number(input.take(8).readBigInt64BE()),
};
const bool: Codec<boolean> = {
  write: (out, value) => u8.write(out, value ? 1 : 0),
  read: (input) => u8.read(input) !== 0,
};
const bytes: Codec<Uint8Array> = {
  write(out, value) {
    u32.write(out, value.length);
    const { buffer, at } = out.reserve(value.length);
    buffer.set(value, at);
  },
  read: (input) => input.take(u32.read(input)),
};
const string: Codec<string> = {
  write(out, value) {
    const length = Buffer.byteLength(value);
    u32.write(out, length);
    const { buffer, at } = out.reserve(length);
    buffer.write(value, at);
  },
  read: (input) => input.take(u32.read(input)).toString('utf8'),
};

function oneOf<T extends string>(names: readonly T[]): Codec<T> {
  return {
    write: (out, value) => u8.write(out, names.indexOf(value)),
    read(input) {
      const name = names[u8.read(input)];
      if (name === undefined) throw new ProtocolError('a frame has an unknown code');
      return name;
    },
  };
}

function list<T>(item: Codec<T>): Codec<T[]> {
  return {
    write(out, values) {
      u32.write(out, values.length);
      for (const value of values) item.write(out, value);
    },
    read(input) {
      const count = u32.read(input);
      const values: T[] = [];
      for (let i = 0; i < count; i++) values.push(item.read(input));
      return values;
    },
  };
}

function optional<T>(item: Codec<T>): Codec<T | null> {
  return {
    write(out, value) {
      bool.write(out, value !== null);
      if (value !== null) item.write(out, value);
    },
    read: (input) => (bool.read(input) ? item.read(input) : null),
  };
}

type Fields<T> = { [name in Exclude<keyof T, 'type'>]-?: Codec<T[name]> };

/** The fields of a frame, in the order in which they are written. */
function fields<T extends { type: string }>(code: number, type: T['type'], codecs: Fields<T>) {
  const entries = Object.entries(codecs as unknown as Record<string, Codec<unknown>>);
  return {
    code,
    type,
    write(out: Writer, frame: T) {
      for (const [name, codec] of entries) codec.write(out, frame[name as keyof T]);
    },
    read(input: Reader): T {
      const frame: Record<string, unknown> = { type };
      for (const [name, codec] of entries) frame[name] = codec.read(input);
      return frame as T;
    },
  };
}

const inlineScript: Codec<{ path: string; source: string }> = {
  write(out, { path, source }) {
    string.write(out, path);
    string.write(out, source);
  },
  read: (input) => ({ path: string.read(input), source: string.read(input) }),
};

const limits: Codec<Limits> = {
  write(out, value) {
    for (const name of LIMIT_FIELDS) i64.write(out, value[name]);
  },
  read: (input) =>
    Object.fromEntries(LIMIT_FIELDS.map((name) => [name, i64.read(input)])) as unknown as Limits,
};
/** Numbers that a spec says of its process; native/host.h has them in the same order. */
export const SCALAR_FIELDS = ['nice', 'givenDir', 'openStdin', 'ttyCols', 'ttyRows', 'progressFd'] as const;

/** In the order of `LIMITS`. */
const LIMIT_FIELDS = ['cpuS', 'memoryBytes', 'processes', 'fileBytes', 'openFiles', 'diskBytes'] as const;

const sentSignal: Codec<SentSignal> = {
  write(out, { signal, at }) {
    string.write(out, signal);
    i64.write(out, at);
  },
  read: (input) => ({ signal: string.read(input), at: i64.read(input) }),
};

const FRAMES = [
  fields<Hello>(0x01, 'hello', {
    instance: string,
    scratchDir: string,
    firstUid: u32,
    uidCount: u32,
    bwrap: string,
    hidden: list(string),
    openFiles: u32,
  }),
  fields<Start>(0x02, 'start', {
    ref: u32,
    marker: string,
    isolation: oneOf(TIERS),
    hasNetwork: bool,
    journal: string,
    program: string,
    args: list(string),
    env: list(string),
    cwd: string,
    privateDir: string,
    script: optional(inlineScript),
    scriptFile: string,
    stdin: optional(bytes),
    keepBytes: i64,
    failOnLimit: bool,
    attemptMs: i64,
    idleMs: i64,
    graceMs: u32,
    stopSignal: oneOf(STOP_SIGNALS),
    stopScope: oneOf(STOP_SCOPES),
    redact: list(bytes),
    limits: optional(limits),
    owner: string,
    scalars: list(i64),
    root: string,
    layerBytes: i64,
    proxy: string,
  }),
  fields<Stop>(0x03, 'stop', { ref: u32, cause: oneOf(STOP_CAUSES), graceMs: u32 }),
  fields<Deadline>(0x04, 'deadline', { ref: u32, attemptMs: i64, idleMs: i64 }),
  fields<Sweep>(0x05, 'sweep', { id: u32, markers: list(string), paths: list(string) }),
  fields<Hide>(0x06, 'hide', { hidden: list(string) }),
  fields<Ping>(0x07, 'ping', { id: u32 }),
  fields<Input>(0x08, 'input', { ref: u32, data: bytes, isLast: bool }),
  fields<SendSignal>(0x09, 'signal', { ref: u32, signal: oneOf(SIGNALS), scope: oneOf(STOP_SCOPES) }),
  fields<Resize>(0x0a, 'resize', { ref: u32, cols: u32, rows: u32 }),
  fields<Lease>(0x0b, 'lease', { until: i64, graceMs: u32 }),
  fields<Ready>(0x81, 'ready', { name: string, pid: u32 }),
  fields<Started>(0x82, 'started', { ref: u32, pid: u32, at: i64 }),
  fields<StartFailed>(0x83, 'start_failed', { ref: u32, reason: oneOf(START_FAILURES), message: string }),
  fields<Growth>(0x84, 'growth', { ref: u32, stdoutBytes: i64, stderrBytes: i64 }),
  fields<Exited>(0x85, 'exited', {
    ref: u32,
    cause: oneOf(END_CAUSES),
    isStarted: bool,
    exitCode: i32,
    signal: string,
    forced: bool,
    leftovers: u32,
    survivors: u32,
    startedAt: i64,
    endedAt: i64,
    stdoutBytes: i64,
    stderrBytes: i64,
    stdoutKept: i64,
    stderrKept: i64,
    records: u32,
    cpuMs: i64,
    maxRssBytes: i64,
    stdoutTail: bytes,
    stderrTail: bytes,
    message: string,
    limit: optional(oneOf(LIMITS)),
    signals: list(sentSignal),
    found: u32,
    outputLost: bool,
  }),
  fields<Swept>(0x86, 'swept', { id: u32, killed: u32, survivors: u32 }),
  fields<Failure>(0x87, 'failure', { message: string }),
  fields<Pong>(0x88, 'pong', { id: u32 }),
  fields<DeadlineSet>(0x89, 'deadline_set', { ref: u32, isInForce: bool }),
  fields<InputTaken>(0x8a, 'input_taken', { ref: u32, taken: i64, isOpen: bool }),
  fields<ProgressSaid>(0x8b, 'progress', { ref: u32, said: bytes }),
] as const;

const BY_CODE = new Map<number, (typeof FRAMES)[number]>(FRAMES.map((frame) => [frame.code, frame]));
const BY_TYPE = new Map<string, (typeof FRAMES)[number]>(FRAMES.map((frame) => [frame.type, frame]));

/** Writes one frame. */
export function encode(frame: Frame): Buffer {
  const layout = BY_TYPE.get(frame.type);
  if (layout === undefined) throw new ProtocolError(`there is no frame "${frame.type}"`);
  const out = new Writer();
  out.reserve(4);
  u8.write(out, VERSION);
  u8.write(out, layout.code);
  layout.write(out, frame as never);
  return out.finish();
}

/** Cuts a stream of bytes into frames. Bytes of one frame are copied once, however many pieces they come in. */
export class Decoder {
  #pieces: Buffer[] = [];
  #length = 0;

  /**
   * Takes more bytes and returns the frames that they complete.
   *
   * @throws ProtocolError for anything that is not a frame; the stream cannot be used any further
   */
  push(piece: Buffer): Frame[] {
    this.#pieces.push(piece);
    this.#length += piece.length;
    const frames: Frame[] = [];
    for (;;) {
      const frame = this.#next();
      if (frame === null) return frames;
      frames.push(frame);
    }
  }

  #next(): Frame | null {
    if (this.#length < 4) return null;
    const size = this.#peek(4).readUInt32BE();
    if (size < 2 || size > MAX_FRAME_BYTES) throw new ProtocolError(`a frame claims ${size} bytes`);
    if (this.#length < 4 + size) return null;
    const body = this.#peek(4 + size).subarray(4, 4 + size);
    const rest = (this.#pieces[0] as Buffer).subarray(4 + size);
    this.#length -= 4 + size;
    this.#pieces = rest.length > 0 ? [rest] : [];
    const input = new Reader(body);
    const version = u8.read(input);
    if (version !== VERSION) throw new ProtocolError(`a frame has version ${version}, not ${VERSION}`);
    const layout = BY_CODE.get(u8.read(input));
    if (layout === undefined) throw new ProtocolError('a frame has an unknown type');
    const frame = layout.read(input);
    input.finish();
    return frame;
  }

  /** The first bytes, made contiguous: all pieces become one when the first is too short. */
  #peek(bytes: number): Buffer {
    const first = this.#pieces[0] as Buffer;
    if (first.length >= bytes || this.#pieces.length === 1) return first;
    const joined = Buffer.concat(this.#pieces);
    this.#pieces = [joined];
    return joined;
  }
}
