// An execution over a WebSocket: its output, and what its command is told. It is connected again when the connection breaks, and goes
// on where it was: output by the cursor of the last piece, input from what execd has.
import { ConnectionError } from './errors.ts';
import { Backoff, type Transport } from './transport.ts';

export interface AttachOptions {
  /** Where to go on in the log: ATTEMPT.OFFSET. */
  cursor?: string;
  /** Ends it; the execution goes on. */
  signal?: AbortSignal;
}

/** What comes over the connection. */
export type AttachMessage =
  | { type: 'output'; stream: 'stdout' | 'stderr'; bytes: Uint8Array }
  /** The command runs; `input` is null where it takes none. Comes again after each new connection. */
  | { type: 'ready'; attempt: number; tty: boolean; input: { offset: number; open: boolean } | null }
  | { type: 'input'; attempt: number; offset: number; open: boolean }
  /** Something that was sent has had no effect. */
  | { type: 'error'; error: string; detail: string }
  /** It has ended. */
  | { type: 'end'; exit_code: number | null; cause: string | null };

const HEAD_BYTES = 13;
const OFFSET_BYTES = 8;
const NORMAL = 1000;

export class Attachment {
  readonly #transport: Transport;
  readonly #id: string;
  readonly #outageMs: number;
  readonly #signal: AbortSignal | undefined;
  #cursor: string | undefined;
  #socket: WebSocket | null = null;
  /** Input that execd has not said it has, from `#known` on. */
  #unsaid: Uint8Array[] = [];
  #known = 0;
  #isClosing = false;
  #size: { cols: number; rows: number } | null = null;

  constructor(of: { transport: Transport; outageMs: number }, id: string, options: AttachOptions) {
    this.#transport = of.transport;
    this.#outageMs = of.outageMs;
    this.#id = id;
    this.#cursor = options.cursor;
    this.#signal = options.signal;
  }

  /** Adds input. */
  send(bytes: Uint8Array): void {
    const at = this.#known + lengthOf(this.#unsaid);
    this.#unsaid.push(bytes);
    this.#write(at, bytes);
  }

  /** Ends the input. */
  closeInput(): void {
    this.#isClosing = true;
    this.#say({ type: 'close_input', offset: this.#known + lengthOf(this.#unsaid) });
  }

  resize(size: { cols: number; rows: number }): void {
    this.#size = size;
    this.#say({ type: 'resize', ...size });
  }

  kill(signal: string, scope: 'all' | 'main' = 'all'): void {
    this.#say({ type: 'signal', signal, scope });
  }

  /**
   * All that comes, to the end.
   *
   * @throws ConnectionError when the server cannot be reached for too long
   */
  async *messages(): AsyncGenerator<AttachMessage, void> {
    const backoff = new Backoff();
    let lostAt: number | null = null;
    for (let tries = 1; ; tries++) {
      let hasCome = false;
      const connection = await this.#connect();
      for await (const message of connection.messages) {
        hasCome = true;
        this.#note(message);
        yield message;
        if (message.type === 'end') return;
      }
      this.#socket = null;
      this.#signal?.throwIfAborted();
      if (hasCome) [lostAt, tries] = [null, 1];
      lostAt ??= this.#transport.clock.now();
      const delayMs = backoff.nextMs();
      const reason = connection.reason();
      if (this.#transport.clock.now() - lostAt + delayMs > this.#outageMs)
        throw new ConnectionError(this.#transport.url, reason);
      await this.#transport.pause({ reason, delayMs, tries }, this.#signal);
    }
  }

  async #connect(): Promise<{ messages: AsyncIterable<AttachMessage>; reason: () => unknown }> {
    const cursor = this.#cursor === undefined ? '' : `?cursor=${this.#cursor}`;
    const socket = await this.#transport.socket(
      `/v1/executions/${encodeURIComponent(this.#id)}/attach${cursor}`,
    );
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    let reason: unknown = new Error('the WebSocket was closed');
    const messages: AttachMessage[] = [];
    let isOver = false;
    let wake: () => void = () => undefined;
    const end = () => {
      isOver = true;
      wake();
    };
    const stop = () => socket.close(NORMAL);
    this.#signal?.addEventListener('abort', stop, { once: true });
    socket.addEventListener('message', ({ data }) => {
      messages.push(this.#read(data as string | ArrayBuffer));
      wake();
    });
    socket.addEventListener('error', (event) => (reason = (event as { error?: unknown }).error ?? reason));
    socket.addEventListener('close', end);
    const signal = this.#signal;
    async function* all(): AsyncGenerator<AttachMessage> {
      try {
        for (;;) {
          const next = messages.shift();
          if (next !== undefined) yield next;
          else if (isOver) return;
          else await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        signal?.removeEventListener('abort', stop);
        if (!isOver) socket.close(NORMAL);
      }
    }
    return { messages: all(), reason: () => reason };
  }

  #read(data: string | ArrayBuffer): AttachMessage {
    if (typeof data === 'string') return JSON.parse(data) as AttachMessage;
    const head = new DataView(data);
    const bytes = new Uint8Array(data, HEAD_BYTES);
    this.#cursor = `${head.getUint32(1)}.${Number(head.getBigUint64(5)) + bytes.length}`;
    return { type: 'output', stream: head.getUint8(0) === 1 ? 'stdout' : 'stderr', bytes };
  }

  #note(message: AttachMessage): void {
    if (message.type === 'input') this.#forget(message.offset);
    if (message.type !== 'ready' || message.input === null) return;
    if (this.#known === 0 && this.#unsaid.length === 0) this.#known = message.input.offset;
    this.#forget(message.input.offset);
    let at = this.#known;
    for (const bytes of this.#unsaid) {
      this.#write(at, bytes);
      at += bytes.length;
    }
    if (this.#size !== null) this.#say({ type: 'resize', ...this.#size });
    if (this.#isClosing) this.closeInput();
  }

  /** Execd has the input up to there. */
  #forget(offset: number): void {
    while (this.#unsaid.length > 0 && offset > this.#known) {
      const first = this.#unsaid[0] as Uint8Array;
      const known = Math.min(first.length, offset - this.#known);
      this.#known += known;
      if (known === first.length) this.#unsaid.shift();
      else this.#unsaid[0] = first.subarray(known);
    }
  }

  #write(at: number, bytes: Uint8Array): void {
    const message = new Uint8Array(OFFSET_BYTES + bytes.length);
    new DataView(message.buffer).setBigUint64(0, BigInt(at));
    message.set(bytes, OFFSET_BYTES);
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(message);
  }

  #say(message: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}

const lengthOf = (pieces: readonly Uint8Array[]): number =>
  pieces.reduce((sum, { length }) => sum + length, 0);
