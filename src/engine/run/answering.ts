// Does to the commands of this server what others ask for: each ask once, and answered. It never waits for long, and never keeps bytes
// that the command has no room for: whoever asks has them, and asks again.
import type { Asks, AskAnswer, CommandState, TakenAsk } from '../../domain/ports/asks.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { LiveCommand } from '../../domain/ports/runner.ts';
import type { Waiters } from '../feed/waiters.ts';
import type { LiveRuns } from './live-runs.ts';

export interface AnsweringDeps {
  asks: Asks;
  live: LiveRuns;
  growth: Waiters;
  clock: Clock;
  log: Log;
  epoch: () => number | undefined;
}

/** How long an ask may wait here for the start of a command, or for room in its input. */
export const ASK_WAIT_MS = 5000;

export class Answering {
  readonly #deps: AnsweringDeps;
  readonly #ending = new AbortController();
  #leave: (() => void) | null = null;
  #taking: Promise<void> | null = null;
  #isDue = false;

  constructor(deps: AnsweringDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#leave = this.#deps.asks.listen(() => this.#look());
  }

  async close(): Promise<void> {
    this.#leave?.();
    this.#ending.abort();
    await this.#taking;
  }

  #look(): void {
    if (this.#ending.signal.aborted) return;
    this.#isDue = true;
    this.#taking ??= this.#takeAll()
      .catch((err: unknown) => this.#deps.log.debug({ err }, 'Cannot read the requests of other servers'))
      .finally(() => {
        this.#taking = null;
        if (this.#isDue) this.#look();
      });
  }

  async #takeAll(): Promise<void> {
    const { asks, epoch } = this.#deps;
    while (this.#isDue) {
      this.#isDue = false;
      for (;;) {
        const taken = await asks.take(epoch() ?? 0);
        if (taken.length === 0) break;
        for (const ask of taken) void this.#obey(ask);
      }
    }
  }

  async #obey(taken: TakenAsk): Promise<void> {
    const { asks, log } = this.#deps;
    try {
      await asks.answer(taken, await this.#do(taken));
    } catch (err) {
      log.warn({ err, run_id: taken.name.runId }, 'Cannot respond to another server about a command here');
    }
  }

  async #do({ name, ask }: TakenAsk): Promise<AskAnswer> {
    const command = ask.type === 'look' ? await this.#running(name, ask.waitMs) : this.#command(name);
    if (command === null) return { command: null };
    const { input } = command;
    let taken: number | null = 0;
    if (ask.type === 'input') taken = (await input?.add(ask.bytes, ask.at)) ?? null;
    else if (ask.type === 'close') await input?.close(ask.at);
    else if (ask.type === 'signal') await command.signal(ask.signal, ask.scope);
    else if (ask.type === 'resize') await command.resize(ask.size);
    else if (ask.type === 'room') await this.#untilRoom(command);
    return { command: stateOf(command), taken };
  }

  #command({ runId, attempt }: TakenAsk['name']): LiveCommand | null {
    const run = this.#deps.live.get(runId);
    return run?.stage === 'running' && run.name.attempt === attempt ? (run.attempt?.command ?? null) : null;
  }

  /** Waits for the start. */
  async #running(name: TakenAsk['name'], waitMs: number): Promise<LiveCommand | null> {
    const { growth, clock, live } = this.#deps;
    const endsAt = clock.monotonic() + Math.min(waitMs, ASK_WAIT_MS);
    const watch = growth.watch(name.runId);
    try {
      for (;;) {
        const command = this.#command(name);
        const leftMs = endsAt - clock.monotonic();
        const isOver = leftMs <= 0 || live.get(name.runId)?.name.attempt !== name.attempt;
        if (command !== null || isOver) return command;
        if (!(await watch.next(leftMs, this.#ending.signal))) return null;
      }
    } finally {
      watch.close();
    }
  }

  async #untilRoom({ input }: LiveCommand): Promise<void> {
    const over = new AbortController();
    const timer = this.#deps.clock.timer(ASK_WAIT_MS, () => over.abort());
    await input
      ?.whenRoom(AbortSignal.any([over.signal, this.#ending.signal]))
      .catch(() => undefined)
      .finally(() => timer.cancel());
  }
}

function stateOf({ hasTerminal, input }: LiveCommand): CommandState {
  if (input === null) return { hasTerminal, input: null };
  return { hasTerminal, input: { offset: input.offset, isOpen: input.isOpen, room: input.room } };
}
