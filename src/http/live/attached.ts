// One WebSocket that is attached to an execution. Output goes out as fast as the client takes it, input goes in as fast as the
// command reads it; neither holds up the other, nor signals. Both can be continued by their offsets on another connection.
import type { WebSocket } from '@fastify/websocket';
import { RefusedError } from '../../domain/errors.ts';
import type { Caller } from '../../domain/spec/access.ts';
import type { Clock, Log, Timer } from '../../domain/ports/clock.ts';
import type { Engine, InputPart, LiveHandle, LogItem, LogQuery, Patience } from '../../engine/engine.ts';
import { toEndWire } from '../logs/log-formats.ts';
import { attachMessage, type AttachMessage } from './live-schemas.ts';

/** Of a message of a client. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;
/** What may wait for the command before no more is read from the client. */
const HELD_BYTES = 256 * 1024;
/** What a message counts at least: a signal or a size waits for the start of the command, and takes room meanwhile. */
const MESSAGE_BYTES = 256;
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

export class Attached {
  readonly #socket: WebSocket;
  readonly #options: AttachedOptions;
  readonly #gone = new AbortController();
  /** What was asked for last: input waits for all that came before it, signals and sizes do not wait for input. */
  readonly #last: Record<'input' | 'control', Promise<void>> = {
    input: Promise.resolve(),
    control: Promise.resolve(),
  };
  #heldBytes = 0;
  #hasAnswered = true;
  #pings: Timer | null = null;
  /** The command that input goes to; it is looked for again when it takes nothing more. */
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
    const { attempt, command } = await this.#running();
    const { input, hasTerminal } = command;
    await this.#say({
      ...{ type: 'ready', execution_id: this.#options.id, attempt, tty: hasTerminal },
      input: input === null ? null : { offset: input.offset, open: input.isOpen },
    });
  }

  get #patience(): Patience {
    return { waitMs: FOREVER_MS, signal: this.#gone.signal };
  }

  async #running(): Promise<LiveHandle> {
    const { engine, caller, id } = this.#options;
    return (this.#handle ??= await engine.commands.running(caller, id, this.#patience));
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
      // While nothing is read from the client, its answer is not read either.
      if (!this.#hasAnswered && !this.#socket.isPaused) return this.#socket.terminate();
      this.#hasAnswered = false;
      this.#socket.ping();
      this.#pingLater();
    });
  }

  // ------------------------------------------------------------------------------------------ input

  #take(data: Buffer, isBinary: boolean): void {
    const bytes = Math.max(data.length, MESSAGE_BYTES);
    this.#heldBytes += bytes;
    if (this.#heldBytes > HELD_BYTES) this.#socket.pause();
    void this.#obey(data, isBinary)
      .catch((error: unknown) => this.#refuse(error))
      .finally(() => {
        this.#heldBytes -= bytes;
        if (this.#heldBytes <= HELD_BYTES) this.#socket.resume();
      });
  }

  async #obey(data: Buffer, isBinary: boolean): Promise<void> {
    const message = isBinary ? inputOf(data) : messageOf(data);
    if (message === null)
      return this.#socket.close(CLOSE.unusable, 'not a message of this route: see docs/reference/live.md');
    if ('bytes' in message) return this.#feed(message);
    if (message.type === 'close_input')
      return this.#feed({ bytes: [], offset: message.offset, isLast: true });
    const { engine, caller, id } = this.#options;
    if (message.type === 'signal') {
      this.#check('cancel');
      const { signal, scope = 'all' } = message;
      await this.#inOrder('control', () =>
        engine.commands.signal(caller, id, { signal, scope }, this.#patience),
      );
    } else {
      this.#check('submit');
      const { cols, rows } = message;
      await this.#inOrder('control', () =>
        engine.commands.resize(caller, id, { cols, rows }, this.#patience),
      );
    }
  }

  #check(scope: 'submit' | 'cancel'): void {
    if (this.#options.caller.scopes.has(scope)) return;
    throw new RefusedError('forbidden', `This message requires the scope "${scope}".`);
  }

  #feed(part: InputPart): Promise<void> {
    this.#check('submit');
    return this.#inOrder('input', () => this.#feedOne(part));
  }

  async #inOrder(kind: 'input' | 'control', act: () => Promise<unknown>): Promise<void> {
    const { input, control } = this.#last;
    const done = (kind === 'input' ? Promise.all([input, control]) : control).then(act);
    this.#last[kind] = done.then(
      () => undefined,
      () => undefined,
    );
    await done;
  }

  async #feedOne(part: InputPart): Promise<void> {
    const { engine, id } = this.#options;
    const state = await engine.commands.feed(id, await this.#running(), part, this.#patience);
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

/** u64 offset in the input · bytes. Null: it is none. */
function inputOf(data: Buffer): InputPart | null {
  if (data.length < OFFSET_BYTES) return null;
  const offset = Number(data.readBigUInt64BE());
  return { bytes: [data.subarray(OFFSET_BYTES)], offset, isLast: false };
}

function messageOf(data: Buffer): AttachMessage | null {
  try {
    return attachMessage.parse(JSON.parse(data.toString('utf8')));
  } catch {
    return null;
  }
}
