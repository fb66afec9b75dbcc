// What a server asks of another one on its store that runs a command: its input, signals, and the size of its terminal.
import type { Signal, StopScope } from '../stop.ts';
import type { AttemptName, TerminalSize } from './runner.ts';

/** `at`: where bytes begin in the input; null: behind all that has come so far. */
export type Ask =
  /** What the command is like, as soon as it runs, or when it has not begun in this time. */
  | { type: 'look'; waitMs: number }
  | { type: 'input'; at: number | null; bytes: Uint8Array }
  /** What it is like as soon as its input has room or is closed, or after a while. */
  | { type: 'room' }
  | { type: 'close'; at: number | null }
  | { type: 'signal'; signal: Signal; scope: StopScope }
  | { type: 'resize'; size: TerminalSize };

/** Bytes of one ask, at most. */
export const MOST_ASKED_BYTES = 256 * 1024;

/** A command that runs elsewhere. */
export interface CommandState {
  hasTerminal: boolean;
  /** Null where it takes none while it runs. */
  input: { offset: number; isOpen: boolean; room: number } | null;
}

export interface AskAnswer {
  /** After what was asked for; null: the command does not run there. */
  command: CommandState | null;
  /** Of `input`: how many of its bytes are taken in; null: they begin beyond what has come so far. */
  taken?: number | null;
}

/** An ask that has come in. It is handed out once. */
export interface TakenAsk {
  id: number;
  /** The epoch that asks. */
  by: number;
  name: AttemptName;
  ask: Ask;
}

export interface Asks {
  /**
   * Asks the epoch that runs an attempt; null: none does whose lease lasts.
   *
   * @throws StoreError
   */
  ask(by: number, name: AttemptName, ask: Ask): Promise<number | null>;
  /** Takes an ask back; false: it has been handed out. Rejects with `StoreError`. */
  takeBack(id: number): Promise<boolean>;
  /** Some of what an epoch is asked for. Rejects with `StoreError`. */
  take(epoch: number): Promise<TakenAsk[]>;
  /** Rejects with `StoreError`. */
  answer(ask: Pick<TakenAsk, 'id' | 'by'>, answer: AskAnswer): Promise<void>;
  /** What an epoch was answered, each once. Rejects with `StoreError`. */
  answers(epoch: number): Promise<{ id: number; answer: AskAnswer }[]>;
  /** Calls this when there may be something to take, for whomever. */
  listen(listener: () => void): () => void;
}
