// Hears from PostgreSQL that somebody has committed something. Where that does not work, as behind a pooler that gives a
// connection to others after each transaction, it looks often instead.
import { GROWING, untilDone } from '../../resilience/retrying.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import type { Database, Heard } from './database.ts';
import { ASKED } from './asks.ts';
import { CHANNEL } from './writer.ts';

export interface ListeningDeps {
  database: Pick<Database, 'read' | 'listen'>;
  clock: Pick<Clock, 'sleep'>;
  /** There may be something new. */
  wake: () => void;
  /** An epoch may have been asked for something, or answered; null: whichever. */
  asked: (epoch: number | null) => void;
  /** What is said on other channels. */
  others: Readonly<Record<string, (said: string) => void>>;
}

/** How often it looks although notifications come, and where none come. */
const LOOK_MS = 1000;
const POLL_MS = 250;
/** How long a notification to oneself may take, and how often it is sent. */
const ECHO_MS = 2000;
const CHECK_MS = 30_000;

export class Listening {
  readonly #deps: ListeningDeps;
  readonly #ending = new AbortController();
  #connection: Heard | null = null;
  #isHearing = false;
  #done: Promise<unknown> = Promise.resolve();
  #echoes = new Map<string, () => void>();

  constructor(deps: ListeningDeps) {
    this.#deps = deps;
  }

  /** Whether notifications come. */
  get isHearing(): boolean {
    return this.#isHearing;
  }

  /** Resolves when it is known whether notifications come. */
  async start(): Promise<void> {
    await this.#connect().catch(() => undefined);
    this.#done = Promise.all([this.#look(), this.#keep()]);
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    for (const echo of this.#echoes.values()) echo();
    await this.#done;
    await this.#connection?.close();
  }

  async #look(): Promise<void> {
    const { clock, wake, asked } = this.#deps;
    const { signal } = this.#ending;
    for (;;) {
      await clock.sleep(this.#isHearing ? LOOK_MS : POLL_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      wake();
      asked(null);
    }
  }

  /** Connects again when it is lost, and finds out now and then whether notifications come. */
  async #keep(): Promise<void> {
    const { clock } = this.#deps;
    const { signal } = this.#ending;
    const how = { clock, signal, backoff: GROWING, failed: () => undefined };
    for (;;) {
      const lost = this.#connection?.lost ?? Promise.resolve();
      const rest = new AbortController();
      const isOver = AbortSignal.any([signal, rest.signal]);
      await Promise.race([lost, clock.sleep(CHECK_MS, isOver).catch(() => undefined)]);
      rest.abort();
      if (signal.aborted) return;
      if (this.#connection?.isLost === false) await this.#check().catch(() => (this.#isHearing = false));
      else await untilDone(() => this.#connect(), how);
    }
  }

  async #connect(): Promise<void> {
    this.#isHearing = false;
    await this.#connection?.close();
    this.#connection = null;
    const hear = (said: string) => {
      this.#echoes.get(said)?.();
      const [kind, epoch] = said.split(' ');
      if (kind === ASKED) this.#deps.asked(Number(epoch));
      else this.#deps.wake();
    };
    this.#connection = await this.#deps.database.listen({ [CHANNEL]: hear, ...this.#deps.others });
    await this.#check();
    // What was said before is not said again.
    this.#deps.wake();
    this.#deps.asked(null);
  }

  async #check(): Promise<void> {
    const { database, clock } = this.#deps;
    const word = crypto.randomUUID();
    let isHeard = false;
    const over = new AbortController();
    this.#echoes.set(word, () => {
      isHeard = true;
      over.abort();
    });
    try {
      const late = clock.sleep(ECHO_MS, over.signal).catch(() => undefined);
      await database.read('SELECT pg_notify($1, $2)', [CHANNEL, word]);
      await late;
    } finally {
      over.abort();
      this.#echoes.delete(word);
    }
    this.#isHearing = isHeard;
  }
}
