// Standard input that is passed on while it comes, and a command in this terminal.
import { ProblemError } from '../client/index.ts';
import type { Execution } from '../client/index.ts';
import { watched } from './attach.ts';
import { exitOf } from './exits.ts';
import type { Session } from './session.ts';

/** Seconds that one request waits for a command that does not read. */
const WAIT_S = 60;
const PIECE_BYTES = 65_536;
/** Ctrl-]: leaves the command running, as in telnet. */
const LEAVE = 0x1d;
/** What a command says that does not take input any more. */
const OVER = ['execution_finished', 'input_closed', 'execution_removed', 'not_found'];
const NOT_YET = ['input_not_read', 'execution_not_running'];

/** Passes standard input on, from what execd has of it on. Resolves when all has been passed on, or nobody takes it. */
export async function passInput(session: Session, id: string, signal: AbortSignal): Promise<void> {
  try {
    let offset = await sendAll(session, id, { bytes: new Uint8Array(), signal });
    for await (const piece of process.stdin as AsyncIterable<Uint8Array>)
      for (let at = 0; at < piece.length; at += PIECE_BYTES) {
        const bytes = piece.subarray(at, at + PIECE_BYTES);
        offset = await sendAll(session, id, { bytes, offset, signal });
      }
    await sendAll(session, id, { bytes: new Uint8Array(), offset, isLast: true, signal });
  } catch (error) {
    if (!(error instanceof ProblemError) || !OVER.includes(error.type)) throw error;
  }
}

interface Part {
  bytes: Uint8Array;
  offset?: number;
  isLast?: boolean;
  signal: AbortSignal;
}

/** Sends a piece until it has been taken; bytes that come again do no harm. */
async function sendAll({ client }: Session, id: string, part: Part): Promise<number> {
  const { bytes, offset, isLast = false, signal } = part;
  for (;;) {
    signal.throwIfAborted();
    try {
      const at = offset === undefined ? {} : { offset };
      return (await client.sendInput(id, bytes, { ...at, close: isLast, wait: WAIT_S })).offset;
    } catch (error) {
      if (!(error instanceof ProblemError) || !NOT_YET.includes(error.type)) throw error;
    }
  }
}

export const hasTerminal = (): boolean => process.stdin.isTTY && process.stdout.isTTY;

export function terminalSize(): { cols: number; rows: number } {
  return { cols: process.stdout.columns || 80, rows: process.stdout.rows || 24 };
}

/** Gives this terminal to a command until it ends. Ctrl-] leaves it running. */
export async function attachTerminal(session: Session, id: string): Promise<number> {
  const { client, terminal } = session;
  const left = new AbortController();
  return watched<Execution>(session, {
    id,
    async follow(interrupted) {
      const signal = AbortSignal.any([interrupted, left.signal]);
      const attachment = client.attach(id, { signal });
      const resize = () => attachment.resize(terminalSize());
      const type = (bytes: Buffer) => {
        if (bytes.includes(LEAVE)) left.abort(new Error('left'));
        else attachment.send(bytes);
      };
      process.stdin.setRawMode(true);
      process.stdin.on('data', type);
      process.stdout.on('resize', resize);
      try {
        for await (const message of attachment.messages()) {
          session.isBack();
          if (message.type === 'ready') resize();
          if (message.type === 'output') await terminal.out.write(message.bytes);
        }
      } catch (error) {
        if (!left.signal.aborted) throw error;
      } finally {
        process.stdin.setRawMode(false);
        process.stdin.pause().off('data', type);
        process.stdout.off('resize', resize);
      }
      return left.signal.aborted ? client.get(id) : client.wait(id, { signal });
    },
    cancel: (reason) => client.cancel(id, { reason }),
    async tell(ended) {
      if (left.signal.aborted && ended.phase !== 'done')
        await terminal.note(`\r\n${id} continues. To come back: execd attach ${id}`, 'yellow');
      return left.signal.aborted ? 0 : exitOf(ended);
    },
    comeBack: `execd attach ${id}`,
  });
}
