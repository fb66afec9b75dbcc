// The control protocol as docs/internals/runner-protocol.md describes it, written a second time on purpose: the contract suite of
// runner hosts shares no code with any host.
import { Buffer } from 'node:buffer';

const str = (text: string): Buffer => bytes(Buffer.from(text, 'utf8'));
const bytes = (value: Uint8Array): Buffer => Buffer.concat([u32(value.length), value]);
const u8 = (value: number): Buffer => Buffer.from([value]);
const u32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value);
  return buffer;
};
const i64 = (value: number): Buffer => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(BigInt(value));
  return buffer;
};
const list = (items: readonly string[]): Buffer => Buffer.concat([u32(items.length), ...items.map(str)]);

export function rawFrame(type: number, body: Buffer, version = 11): Buffer {
  return Buffer.concat([u32(body.length + 2), u8(version), u8(type), body]);
}

const LIMIT_FIELDS = ['cpuS', 'memoryBytes', 'processes', 'fileBytes', 'openFiles', 'diskBytes'] as const;
const LIMIT_NAMES = ['cpu_s', 'memory_bytes', 'processes', 'file_bytes', 'open_files', 'disk_bytes'];

export interface RawStart {
  ref: number;
  marker: string;
  isolation: keyof typeof TIER;
  hasNetwork: boolean;
  journal: string;
  program: string;
  args: string[];
  env: string[];
  cwd: string;
  privateDir: string;
  script: { path: string; source: string } | null;
  scriptFile?: string;
  stdin: Uint8Array | null;
  keepBytes: number;
  failOnLimit: boolean;
  attemptMs: number;
  idleMs: number;
  graceMs: number;
  stopSignal?: keyof typeof STOP_SIGNAL;
  stopScope?: keyof typeof STOP_SCOPE;
  redact?: Uint8Array[];
  limits?: Partial<Record<(typeof LIMIT_FIELDS)[number], number>> | undefined;
  owner?: string;
  scalars?: number[];
  root?: string;
  layerBytes?: number;
  proxy?: string;
}

export interface RawHello {
  firstUid: number;
  uidCount: number;
  bwrap: string;
  hidden: string[];
  openFiles?: number;
}

export const TIER = { none: 0, supervised: 1, uid: 2, sandbox: 3 };
const STOP_SIGNAL = { SIGTERM: 0, SIGINT: 1, SIGHUP: 2, SIGQUIT: 3, SIGUSR1: 4, SIGUSR2: 5 };
const SIGNAL = { ...STOP_SIGNAL, SIGKILL: 6, SIGSTOP: 7, SIGCONT: 8, SIGTSTP: 9, SIGWINCH: 10, SIGALRM: 11 };
const STOP_SCOPE = { all: 0, main: 1 };
export const STOP_CAUSE = { cancelled: 0, total_timeout: 1, shutdown: 2 };

/** A host that is to offer none of the stronger tiers. */
export const NO_TIERS: RawHello = { firstUid: 0, uidCount: 0, bwrap: '', hidden: [] };

export const raw = {
  hello: (instance: string, scratchDir: string, hello: RawHello = NO_TIERS) => {
    const { firstUid, uidCount, bwrap, hidden, openFiles = 0 } = hello;
    return rawFrame(
      0x01,
      Buffer.concat([
        ...[str(instance), str(scratchDir), u32(firstUid), u32(uidCount), str(bwrap), list(hidden)],
        u32(openFiles),
      ]),
    );
  },
  start: (s: RawStart) =>
    rawFrame(
      0x02,
      Buffer.concat([
        ...[
          u32(s.ref),
          str(s.marker),
          u8(TIER[s.isolation]),
          u8(s.hasNetwork ? 1 : 0),
          str(s.journal),
          str(s.program),
          list(s.args),
          list(s.env),
          str(s.cwd),
        ],
        str(s.privateDir),
        s.script === null ? u8(0) : Buffer.concat([u8(1), str(s.script.path), str(s.script.source)]),
        str(s.scriptFile ?? ''),
        s.stdin === null ? u8(0) : Buffer.concat([u8(1), bytes(s.stdin)]),
        ...[i64(s.keepBytes), u8(s.failOnLimit ? 1 : 0), i64(s.attemptMs), i64(s.idleMs), u32(s.graceMs)],
        ...[u8(STOP_SIGNAL[s.stopSignal ?? 'SIGTERM']), u8(STOP_SCOPE[s.stopScope ?? 'all'])],
        ...[u32(s.redact?.length ?? 0), ...(s.redact ?? []).map(bytes)],
        s.limits == null
          ? u8(0)
          : Buffer.concat([u8(1), ...LIMIT_FIELDS.map((name) => i64(s.limits?.[name] ?? -1))]),
        str(s.owner ?? ''),
        ...[u32(s.scalars?.length ?? 0), ...(s.scalars ?? []).map(i64)],
        str(s.root ?? ''),
        i64(s.layerBytes ?? 0),
        str(s.proxy ?? ''),
      ]),
    ),
  stop: (ref: number, cause: keyof typeof STOP_CAUSE, graceMs: number) =>
    rawFrame(0x03, Buffer.concat([u32(ref), u8(STOP_CAUSE[cause]), u32(graceMs)])),
  deadline: (ref: number, attemptMs: number, idleMs: number) =>
    rawFrame(0x04, Buffer.concat([u32(ref), i64(attemptMs), i64(idleMs)])),
  sweep: (id: number, markers: string[], paths: string[]) =>
    rawFrame(0x05, Buffer.concat([u32(id), list(markers), list(paths)])),
  hide: (hidden: string[]) => rawFrame(0x06, list(hidden)),
  ping: (id: number) => rawFrame(0x07, u32(id)),
  input: (ref: number, data: string | Uint8Array, isLast = false) =>
    rawFrame(0x08, Buffer.concat([u32(ref), bytes(Buffer.from(data)), u8(isLast ? 1 : 0)])),
  signal: (ref: number, signal: keyof typeof SIGNAL, scope: keyof typeof STOP_SCOPE = 'all') =>
    rawFrame(0x09, Buffer.concat([u32(ref), u8(SIGNAL[signal]), u8(STOP_SCOPE[scope])])),
  resize: (ref: number, cols: number, rows: number) =>
    rawFrame(0x0a, Buffer.concat([u32(ref), u32(cols), u32(rows)])),
  lease: (until: number, graceMs: number) => rawFrame(0x0b, Buffer.concat([i64(until), u32(graceMs)])),
};

class Cursor {
  readonly #buffer: Buffer;
  #at = 0;
  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }
  u8 = (): number => this.#buffer.readUInt8(this.#move(1));
  u32 = (): number => this.#buffer.readUInt32BE(this.#move(4));
  i32 = (): number => this.#buffer.readInt32BE(this.#move(4));
  i64 = (): number => Number(this.#buffer.readBigInt64BE(this.#move(8)));
  bytes = (): Buffer => {
    const length = this.u32();
    const from = this.#move(length);
    return this.#buffer.subarray(from, from + length);
  };
  str = (): string => this.bytes().toString('utf8');
  #move(by: number): number {
    const from = this.#at;
    this.#at += by;
    if (this.#at > this.#buffer.length) throw new Error('a frame ends within a field');
    return from;
  }
  get isAtEnd(): boolean {
    return this.#at === this.#buffer.length;
  }
}

const END_CAUSES = [
  ...['exited', 'signalled', 'attempt_timeout', 'idle_timeout', 'output_limit', 'cancelled', 'total_timeout'],
  ...['shutdown', 'journal_failed', 'resource_limit'],
];
const START_FAILURES = [
  ...[
    'program_not_found',
    'program_not_executable',
    'interpreter_not_found',
    'cwd_not_found',
    'cwd_not_directory',
  ],
  ...[
    'cwd_not_accessible',
    'arguments_too_long',
    'resources_unavailable',
    'journal_write_failed',
    'spawn_error',
    'limit_unavailable',
    'isolation_unavailable',
    'program_busy',
    'terminal_unavailable',
  ],
];

export interface RawExited {
  type: 'exited';
  ref: number;
  cause: string;
  isStarted: boolean;
  exitCode: number;
  signal: string;
  forced: boolean;
  leftovers: number;
  survivors: number;
  startedAt: number;
  endedAt: number;
  stdoutBytes: number;
  stderrBytes: number;
  stdoutKept: number;
  stderrKept: number;
  records: number;
  cpuMs: number;
  maxRssBytes: number;
  stdoutTail: Buffer;
  stderrTail: Buffer;
  message: string;
  limit: string | null;
  signals: { signal: string; at: number }[];
  found: number;
  outputLost: boolean;
}

export type RawReply =
  | { type: 'ready'; name: string; pid: number }
  | { type: 'started'; ref: number; pid: number; at: number }
  | { type: 'start_failed'; ref: number; reason: string; message: string }
  | { type: 'growth'; ref: number; stdoutBytes: number; stderrBytes: number }
  | RawExited
  | { type: 'swept'; id: number; killed: number; survivors: number }
  | { type: 'failure'; message: string }
  | { type: 'pong'; id: number }
  | { type: 'deadline_set'; ref: number; isInForce: boolean }
  | { type: 'input_taken'; ref: number; taken: number; isOpen: boolean }
  | { type: 'progress'; ref: number; said: Buffer };

/** Reads one frame's version, type and fields. */
export function readReply(frame: Buffer): RawReply {
  const at = new Cursor(frame);
  const version = at.u8();
  if (version !== 11) throw new Error(`version ${version}`);
  const type = at.u8();
  const reply = readBody(type, at);
  if (!at.isAtEnd) throw new Error(`${reply.type} has more than its fields`);
  return reply;
}

function readBody(type: number, at: Cursor): RawReply {
  switch (type) {
    case 0x81:
      return { type: 'ready', name: at.str(), pid: at.u32() };
    case 0x82:
      return { type: 'started', ref: at.u32(), pid: at.u32(), at: at.i64() };
    case 0x83:
      return {
        type: 'start_failed',
        ref: at.u32(),
        reason: START_FAILURES[at.u8()] ?? '?',
        message: at.str(),
      };
    case 0x84:
      return { type: 'growth', ref: at.u32(), stdoutBytes: at.i64(), stderrBytes: at.i64() };
    case 0x85:
      return {
        type: 'exited',
        ref: at.u32(),
        cause: END_CAUSES[at.u8()] ?? '?',
        isStarted: at.u8() === 1,
        exitCode: at.i32(),
        signal: at.str(),
        forced: at.u8() === 1,
        leftovers: at.u32(),
        survivors: at.u32(),
        startedAt: at.i64(),
        endedAt: at.i64(),
        stdoutBytes: at.i64(),
        stderrBytes: at.i64(),
        stdoutKept: at.i64(),
        stderrKept: at.i64(),
        records: at.u32(),
        cpuMs: at.i64(),
        maxRssBytes: at.i64(),
        stdoutTail: at.bytes(),
        stderrTail: at.bytes(),
        message: at.str(),
        limit: at.u8() === 0 ? null : (LIMIT_NAMES[at.u8()] ?? '?'),
        signals: Array.from({ length: at.u32() }, () => ({ signal: at.str(), at: at.i64() })),
        found: at.u32(),
        outputLost: at.u8() === 1,
      };
    case 0x86:
      return { type: 'swept', id: at.u32(), killed: at.u32(), survivors: at.u32() };
    case 0x87:
      return { type: 'failure', message: at.str() };
    case 0x88:
      return { type: 'pong', id: at.u32() };
    case 0x89:
      return { type: 'deadline_set', ref: at.u32(), isInForce: at.u8() !== 0 };
    case 0x8a:
      return { type: 'input_taken', ref: at.u32(), taken: at.i64(), isOpen: at.u8() !== 0 };
    case 0x8b:
      return { type: 'progress', ref: at.u32(), said: at.bytes() };
    default:
      throw new Error(`a host does not send type ${type}`);
  }
}
