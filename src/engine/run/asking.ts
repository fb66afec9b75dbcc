// Commands that run at other servers, as if they ran here: whatever is done to them is asked of the server that runs them. Input goes
// there in pieces that it has room for, each once by its offset; what is on its way has a bound for each user and for all.
import { RefusedError } from '../../domain/errors.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import {
  type Ask,
  type AskAnswer,
  type Asks,
  type CommandState,
  MOST_ASKED_BYTES,
} from '../../domain/ports/asks.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { AttemptName, LiveCommand, LiveInput } from '../../domain/ports/runner.ts';
import { stored } from '../refusals.ts';
import { AskedBytes } from './asked-bytes.ts';
import { ASK_WAIT_MS } from './answering.ts';

export interface AskingDeps {
  asks: Asks;
  clock: Clock;
  log: Log;
  epoch: () => number | undefined;
}

/** Whose command it is, and until when somebody waits. */
export interface Asker {
  id: ExecutionId;
  userId: string;
  signal: AbortSignal;
}

/** How much longer than the other server may wait an answer may take. */
const ANSWER_MS = 5000;
/** How often it looks for answers where no notification comes. */
const LOOK_MS = 100;

type Answered = AskAnswer | 'nobody' | 'silent';

export class Asking {
  readonly #deps: AskingDeps;
  readonly #bytes = new AskedBytes();
  readonly #waiting = new Map<number, (answer: AskAnswer) => void>();
  /** Answers that have come before it was known what they belong to. */
  readonly #early = new Map<number, AskAnswer>();
  #beingAsked = 0;
  #isReading = false;
  #isDue = false;
  readonly #leave: () => void;

  constructor(deps: AskingDeps) {
    this.#deps = deps;
    this.#leave = deps.asks.listen(() => this.#look());
  }

  close(): void {
    this.#leave();
  }

  /**
   * The command of an attempt, as soon as it runs; null: it does not, or the server that has it is silent.
   *
   * @throws RefusedError `store_unavailable`; rejects when the signal aborts
   */
  async find(
    name: AttemptName,
    { waitMs, signal }: { waitMs: number; signal: AbortSignal },
    asker: Asker,
  ): Promise<LiveCommand | null> {
    const answer = await this.#ask(name, { type: 'look', waitMs }, { ...asker, signal });
    if (typeof answer === 'string' || answer.command === null) return null;
    return this.#command(name, asker, answer.command);
  }

  #command(name: AttemptName, asker: Asker, state: CommandState): LiveCommand {
    const must = async (ask: Ask) => {
      const answer = await this.#ask(name, ask, asker);
      if (answer === 'silent') throw silent(asker.id);
    };
    return {
      hasTerminal: state.hasTerminal,
      input:
        state.input === null
          ? null
          : new AskedInput(state.input, asker.id, (ask, signal = asker.signal) =>
              this.#ask(name, ask, { ...asker, signal }),
            ),
      signal: (signal, scope) => must({ type: 'signal', signal, scope }),
      resize: (size) => must({ type: 'resize', size }),
    };
  }

  /** Asks once. `nobody`: no server runs it. `silent`: no answer has come, and it is not known what was done. */
  async #ask(name: AttemptName, ask: Ask, { userId, signal }: Asker): Promise<Answered> {
    const bytes = ask.type === 'input' ? ask.bytes.length : 0;
    const release = await this.#bytes.take(userId, bytes, signal);
    try {
      return await stored(this.#askNow(name, ask, signal));
    } finally {
      release();
    }
  }

  async #askNow(name: AttemptName, ask: Ask, signal: AbortSignal): Promise<Answered> {
    const { asks, epoch } = this.#deps;
    this.#beingAsked += 1;
    const over = new AbortController();
    try {
      const id = await asks.ask(epoch() ?? 0, name, ask);
      if (id === null) return 'nobody';
      void this.#lookOften(over.signal);
      const answer = await this.#answerTo(id, signal);
      if (answer !== null) return answer;
      signal.throwIfAborted();
      // What nobody has taken was not done either.
      return (await asks.takeBack(id)) ? 'nobody' : 'silent';
    } finally {
      over.abort();
      this.#beingAsked -= 1;
      if (this.#beingAsked === 0) this.#early.clear();
    }
  }

  async #answerTo(id: number, signal: AbortSignal): Promise<AskAnswer | null> {
    const early = this.#early.get(id);
    if (early !== undefined) {
      this.#early.delete(id);
      return early;
    }
    const { clock, asks, log } = this.#deps;
    const { promise, resolve } = Promise.withResolvers<AskAnswer | null>();
    const end = () => resolve(null);
    const timer = clock.timer(ASK_WAIT_MS + ANSWER_MS, end);
    this.#waiting.set(id, resolve);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
    try {
      return await promise;
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', end);
      this.#waiting.delete(id);
      if (signal.aborted)
        asks
          .takeBack(id)
          .catch((err: unknown) => log.debug({ err }, 'Cannot withdraw a request to another server'));
    }
  }

  /** Notifications may not come. */
  async #lookOften(signal: AbortSignal): Promise<void> {
    const pause = () => this.#deps.clock.sleep(LOOK_MS, signal).catch(() => undefined);
    for (await pause(); !signal.aborted; await pause()) this.#look();
  }

  #look(): void {
    if (this.#beingAsked === 0) return;
    this.#isDue = true;
    if (this.#isReading) return;
    this.#isReading = true;
    void this.#read()
      .catch(() => undefined)
      .finally(() => {
        this.#isReading = false;
        if (this.#isDue) this.#look();
      });
  }

  async #read(): Promise<void> {
    const { asks, epoch } = this.#deps;
    while (this.#isDue) {
      this.#isDue = false;
      for (const { id, answer } of await asks.answers(epoch() ?? 0)) {
        const resolve = this.#waiting.get(id);
        if (resolve === undefined) this.#early.set(id, answer);
        else resolve(answer);
      }
    }
  }
}

/** Input of a command at another server. What is known of it is as old as the last answer. */
class AskedInput implements LiveInput {
  readonly #id: ExecutionId;
  readonly #ask: (ask: Ask, signal?: AbortSignal) => Promise<Answered>;
  #state: NonNullable<CommandState['input']>;

  constructor(
    state: NonNullable<CommandState['input']>,
    id: ExecutionId,
    ask: (ask: Ask, signal?: AbortSignal) => Promise<Answered>,
  ) {
    this.#state = state;
    this.#id = id;
    this.#ask = ask;
  }

  get offset(): number {
    return this.#state.offset;
  }

  get isOpen(): boolean {
    return this.#state.isOpen;
  }

  get room(): number {
    return this.#state.room;
  }

  async add(bytes: Uint8Array, at: number | null): Promise<number | null> {
    const known = at === null ? 0 : Math.min(bytes.length, Math.max(0, this.offset - at));
    // Others may have sent more since: only the other server knows what is beyond.
    const fresh = bytes.subarray(known, known + Math.min(this.room, MOST_ASKED_BYTES));
    if (fresh.length === 0 && (at === null || at <= this.offset)) return known;
    const from = at === null ? null : at + known;
    const answer = await this.#ask({ type: 'input', at: from, bytes: fresh });
    this.#learn(answer);
    if (typeof answer === 'string' || answer.command === null) return known;
    return answer.taken === null ? null : known + (answer.taken ?? 0);
  }

  async close(at: number | null): Promise<void> {
    if (!this.isOpen) return;
    this.#learn(await this.#ask({ type: 'close', at }));
  }

  async whenRoom(signal: AbortSignal): Promise<void> {
    do this.#learn(await this.#ask({ type: 'room' }, signal));
    while (this.isOpen && this.room === 0);
  }

  #learn(answer: Answered): void {
    if (answer === 'silent') throw silent(this.#id);
    const input = answer === 'nobody' ? null : (answer.command?.input ?? null);
    this.#state = input ?? { ...this.#state, isOpen: false, room: 0 };
  }
}

function silent(id: ExecutionId): RefusedError {
  const detail = `The server that runs ${id} does not respond. The command may or may not have received this: read the execution, and send it again if it did not.`;
  return new RefusedError('runner_silent', detail, { retryAfterS: 5 });
}
