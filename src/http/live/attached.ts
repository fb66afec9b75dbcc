// One WebSocket that is attached to an execution. Output goes out as fast as the client takes it, input goes in as fast as the
// command reads it; neither holds up the other, nor signals. Both can be continued by their offsets on another connection.
import type { WebSocket } from '@fastify/websocket';
import { RefusedError } from '../../domain/errors.ts';
import type { Caller } from '../../domain/spec/access.ts';
import type { Clock, Log, Timer } from '../../domain/ports/clock.ts';
import type { Engine, LiveHandle, LogItem, LogQuery } from '../../engine/engine.ts';
import { toEndWire } from '../logs/log-formats.ts';
import { attachMessage, type AttachMessage } from './live-schemas.ts';

/** Of a message of a client. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;
/** What may wait for the command before no more is read from the client. */
const QUEUED_BYTES = 256 * 1024;
/** Proxies close what is silent for a minute or less; a client that does not answer in that time has gone. */
const PING_MS = 15_000;
/** How long a client may take nothing. */
const STALL_MS = 30_000;
/** As long as the client is there: a command may read when it likes. */
const FOREVER_MS = 2_000_000_000;

const CLOSE = { ended: 1000, goingAway: 1001, unusable: 1003, failed: 1011, cut: 1012 } as const;
const OFFSET_BYTES = 8;
const HEAD_BYTES = 1 + 4 + 8;

export interface AttachedOptions {
  engine: Engine;
  clock: Clock;
  log: Log;
  caller: Caller;
  id: string;
  /** ATTEMPT.OFFSET, behind which output is sent; null: from the beginning. */
  cursor: string | null;
}

interface Queued {
  bytes: Uint8Array;
  offset: number;
  isLast: boolean;
}

export class Attached {
  readonly #socket: WebSocket;
  readonly #options: AttachedOptions;
  readonly #gone = new AbortController();
  readonly #queue: Queued[] = [];
  #queuedBytes = 0;
  #isFeeding = false;
  #hasAnswered = true;
  #pings: Timer | null = null;
  /** The command that runs; it is looked for again when it takes nothing more. */
  #handle: LiveHandle | null = null;

  constructor(socket: WebSocket, options: AttachedOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  begin(): void {
    const socket = this.#socket;
    socket.on('message', (data: Buffer, isBinary: boolean) => this.#take(data, isBinary));
    socket.on('pong', () => (this.#hasAnswered = true));
    socket.on('error', () => socket.terminate());
    socket.once('close', () => {
      this.#pings?.cancel();
      this.#gone.abort();
    });
    this.#pingLater();
    void this.#announce().catch((error: unknown) => this.#refuse(error));
    void this.#sendOutput().catch((error: unknown) => this.#fail(error));
  }

  // ------------------------------------------------------------------------------------------ output

  async #sendOutput(): Promise<void> {
    const { engine, caller, id, cursor } = this.#options;
    const items = await engine.readLog(caller, id, queryFrom(cursor), this.#gone.signal);
    for await (const item of items) {
      if (item.type === 'record') await this.#send(frameOf(item));
      if (item.type !== 'end') continue;
      if (item.isCut) return this.#socket.close(CLOSE.goingAway, 'continue on another connection');
      await this.#say({ type: 'end', ...toEndWire(item) });
      this.#socket.close(CLOSE.ended);
    }
  }

  /** Tells of the command once it runs. */
  async #announce(): Promise<void> {
    const { execution_id, attempt, command } = await this.#running();
    const { input, hasTerminal } = command;
    await this.#say({
      ...{ type: 'ready', execution_id, attempt, tty: hasTerminal },
      input: input === null ? null : { offset: input.offset, open: input.isOpen },
    });
  }

  async #running(): Promise<LiveHandle & { execution_id: string }> {
    const { engine, caller, id } = this.#options;
    const patience = { waitMs: FOREVER_MS, signal: this.#gone.signal };
    this.#handle ??= await engine.commands.running(caller, id, patience);
    return { ...this.#handle, execution_id: id };
  }

  #say(message: object): Promise<void> {
    return this.#send(JSON.stringify(message));
  }

  /** Resolves when the connection has taken it; ends a connection that takes nothing for too long. */
  #send(message: string | Buffer): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.timer(STALL_MS, () => this.#socket.terminate());
      this.#socket.send(message, () => {
        timer.cancel();
        resolve();
      });
    });
  }

  #pingLater(): void {
    this.#pings = this.#options.clock.timer(PING_MS, () => {
      if (!this.#hasAnswered) return this.#socket.terminate();
      this.#hasAnswered = false;
      this.#socket.ping();
      this.#pingLater();
    });
  }

  // ------------------------------------------------------------------------------------------ input

  #take(data: Buffer, isBinary: boolean): void {
    try {
      if (isBinary) this.#enqueue(inputOf(data));
      else this.#obey(attachMessage.parse(JSON.parse(data.toString('utf8'))));
    } catch (error) {
      if (error instanceof RefusedError) return this.#refuse(error);
      this.#socket.close(CLOSE.unusable, 'not a message of this route: see docs/live.md');
    }
  }

  /** Signals and sizes do not wait behind input that nobody reads. */
  #obey(message: AttachMessage): void {
    if (message.type === 'close_input')
      return this.#enqueue({ bytes: new Uint8Array(), offset: message.offset, isLast: true });
    this.#check(message.type === 'signal' ? 'cancel' : 'submit');
    void this.#running()
      .then(({ command }) => {
        if (message.type === 'signal') command.signal(message.signal, message.scope ?? 'all');
        else command.resize({ cols: message.cols, rows: message.rows });
      })
      .catch((error: unknown) => this.#refuse(error));
  }

  #check(scope: 'submit' | 'cancel'): void {
    if (this.#options.caller.scopes.has(scope)) return;
    throw new RefusedError('forbidden', `This message requires the scope "${scope}".`);
  }

  #enqueue(part: Queued): void {
    this.#check('submit');
    this.#queue.push(part);
    this.#queuedBytes += part.bytes.length;
    if (this.#queuedBytes > QUEUED_BYTES) this.#socket.pause();
    if (!this.#isFeeding) void this.#feed();
  }

  async #feed(): Promise<void> {
    this.#isFeeding = true;
    for (let part = this.#queue[0]; part !== undefined; part = this.#queue[0]) {
      await this.#feedOne(part).catch((error: unknown) => this.#refuse(error));
      this.#queue.shift();
      this.#queuedBytes -= part.bytes.length;
      if (this.#queuedBytes <= QUEUED_BYTES) this.#socket.resume();
    }
    this.#isFeeding = false;
  }

  async #feedOne({ bytes, offset, isLast }: Queued): Promise<void> {
    const { engine, id } = this.#options;
    const patience = { waitMs: FOREVER_MS, signal: this.#gone.signal };
    const handle = await this.#running();
    const part = { bytes: [bytes], offset, isLast };
    const state = await engine.commands.feed(id, handle, part, patience);
    // What has ended may be followed by another attempt.
    if (!state.isOpen) this.#handle = null;
    await this.#say({ type: 'input', attempt: state.attempt, offset: state.offset, open: state.isOpen });
  }

  // ------------------------------------------------------------------------------------------ problems

  /** Says why a message had no effect; the connection goes on. */
  #refuse(error: unknown): void {
    if (this.#gone.signal.aborted) return;
    if (!(error instanceof RefusedError)) return this.#fail(error);
    // The end follows, and says so.
    if (error.type === 'execution_finished') return;
    void this.#say({ type: 'error', error: error.type, detail: error.message });
  }

  #fail(error: unknown): void {
    if (this.#gone.signal.aborted) return;
    this.#options.log.warn({ err: error, execution_id: this.#options.id }, 'A WebSocket ends early');
    this.#socket.close(CLOSE.failed, 'execd cannot continue this connection');
  }
}

function queryFrom(cursor: string | null): LogQuery {
  const [attempt = null, offset = 0] = cursor?.split('.').map(Number) ?? [];
  return {
    ...{ stream: 'all', attempt: null, follow: true, limitBytes: null },
    start: { attempt, at: { from: 'offset', offset } },
  };
}

/** u8 stream (1 stdout, 2 stderr) · u32 attempt · u64 offset in its log · bytes; big-endian. */
function frameOf({ attempt, record }: LogItem & { type: 'record' }): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(record.stream === 'stdout' ? 1 : 2, 0);
  head.writeUInt32BE(attempt, 1);
  head.writeBigUInt64BE(BigInt(record.offset), 5);
  return Buffer.concat([head, record.bytes]);
}

/** u64 offset in the input · bytes. */
function inputOf(data: Buffer): Queued {
  if (data.length < OFFSET_BYTES) throw new TypeError('a binary message begins with an offset');
  const offset = Number(data.readBigUInt64BE());
  return { bytes: data.subarray(OFFSET_BYTES), offset, isLast: false };
}
