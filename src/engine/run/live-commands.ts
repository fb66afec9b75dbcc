// Commands that run, as clients deal with them: what they type, the signals that they send, the size of their terminal.
import { RefusedError } from '../../domain/errors.ts';
import { type Execution, isFinished } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import type { LiveCommand, LiveInput, TerminalSize } from '../../domain/ports/runner.ts';
import type { Caller } from '../../domain/spec/access.ts';
import type { Signal, StopScope } from '../../domain/stop.ts';
import type { Waiters, Watch } from '../feed/waiters.ts';
import type { Asking } from './asking.ts';
import type { LiveRuns } from './live-runs.ts';

export interface LiveCommandsDeps {
  clock: Clock;
  live: LiveRuns;
  /** Woken when a live attempt has moved on. */
  growth: Waiters;
  own(caller: Caller, id: ExecutionId): Promise<Execution>;
  /** Of this engine. */
  epoch: () => number | undefined;
  /** By which commands at other servers are reached; null where there are none. */
  asking: Pick<Asking, 'find'> | null;
}

/** A command that runs. */
export interface LiveHandle {
  command: LiveCommand;
  attempt: number;
}

/** Bytes of a client, and where they begin. */
export interface InputPart {
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** Null: at the end of what has come so far. */
  offset: number | null;
  /** Whether nothing comes after them. */
  isLast: boolean;
}

export interface InputAnswer {
  attempt: number;
  offset: number;
  isOpen: boolean;
}

export interface Patience {
  /** How long to wait for the start, and for a command that does not read, milliseconds. */
  waitMs: number;
  /** Aborts when the client has gone. */
  signal: AbortSignal;
}

/** How soon it looks again for a command at a server that has not answered. */
const AGAIN_MS = 250;
const NOTHING = new Uint8Array();

export class LiveCommands {
  readonly #deps: LiveCommandsDeps;

  constructor(deps: LiveCommandsDeps) {
    this.#deps = deps;
  }

  /**
   * The command of an execution, once it runs.
   *
   * @throws RefusedError `not_found`, `execution_finished`, `execution_not_running` when it has not started in time
   */
  async running(caller: Caller, id: ExecutionId, { waitMs, signal }: Patience): Promise<LiveHandle> {
    const { clock, live, growth } = this.#deps;
    const endsAt = clock.monotonic() + waitMs;
    const { runId } = await this.#deps.own(caller, id);
    const watch = growth.watch(runId, id);
    try {
      for (;;) {
        const execution = await this.#deps.own(caller, id);
        if (isFinished(execution)) throw finished(id);
        const run = live.get(execution.runId);
        if (run?.stage === 'running' && run.attempt?.command != null)
          return { command: run.attempt.command, attempt: run.name.attempt };
        const leftMs = Math.max(0, endsAt - clock.monotonic());
        const isThere = this.#isElsewhere(execution);
        const handle = isThere ? await this.#elsewhere(execution, leftMs, watch, signal) : null;
        if (handle !== null) return handle;
        if (leftMs <= 0 || !(await watch.next(isThere ? Math.min(leftMs, AGAIN_MS) : leftMs, signal)))
          throw notRunning(id, waitMs);
      }
    } finally {
      watch.close();
    }
  }

  #isElsewhere(execution: Execution): boolean {
    const { asking, epoch } = this.#deps;
    return asking !== null && execution.status === 'running' && execution.attempts.at(-1)?.epoch !== epoch();
  }

  /** The command at the server that has it, unless something happens to the execution first. */
  async #elsewhere(
    { id, runId, userId, attempts }: Execution,
    waitMs: number,
    watch: Watch,
    signal: AbortSignal,
  ): Promise<LiveHandle | null> {
    const over = new AbortController();
    const attempt = attempts.at(-1)?.number ?? 0;
    const looking = AbortSignal.any([signal, over.signal]);
    const asker = { id, userId, signal };
    const found = (async () => {
      // It outlives the look for it.
      const command = await this.#deps.asking?.find({ runId, attempt }, { waitMs, signal: looking }, asker);
      return command == null ? null : { command, attempt };
    })();
    const moved = waitMs === 0 ? found : watch.next(waitMs, looking).then(() => null);
    try {
      return await Promise.race([found, moved]);
    } finally {
      over.abort();
      void found.catch(() => undefined);
    }
  }

  /** @throws RefusedError as `running` does */
  async signal(
    caller: Caller,
    id: ExecutionId,
    { signal, scope }: { signal: Signal; scope: StopScope },
    patience: Patience,
  ): Promise<LiveHandle> {
    const handle = await this.running(caller, id, patience);
    await handle.command.signal(signal, scope);
    return handle;
  }

  /** @throws RefusedError as `running` does, and `no_terminal` */
  async resize(caller: Caller, id: ExecutionId, size: TerminalSize, patience: Patience): Promise<LiveHandle> {
    const handle = await this.running(caller, id, patience);
    if (!handle.command.hasTerminal)
      throw new RefusedError(
        'no_terminal',
        `The execution ${id} has no terminal. Submit it with tty to give it one.`,
      );
    await handle.command.resize(size);
    return handle;
  }

  /**
   * Takes in input as fast as the command reads it.
   *
   * @throws RefusedError as `running` does; `input_closed`; `input_offset`; `input_not_read` when the command reads nothing
   *   for too long, with what has been taken in before
   */
  async input(caller: Caller, id: ExecutionId, part: InputPart, patience: Patience): Promise<InputAnswer> {
    return this.feed(id, await this.running(caller, id, patience), part, patience);
  }

  /** The same for a command that is known to run. */
  async feed(id: ExecutionId, handle: LiveHandle, part: InputPart, patience: Patience): Promise<InputAnswer> {
    const { command, attempt } = handle;
    const { input } = command;
    if (input === null)
      throw closed(`The execution ${id} takes no input while it runs. Submit it with stdin {"open": true}.`);
    let at = part.offset;
    if (at !== null && (await input.add(NOTHING, at)) === null) throw gap(at, input);
    for await (const bytes of part.bytes) {
      await this.#take(id, input, bytes, at, patience);
      if (at !== null) at += bytes.length;
    }
    // The end comes behind all bytes before it, also when it is said again.
    if (part.isLast) await input.close(at);
    return { attempt, offset: input.offset, isOpen: input.isOpen };
  }

  async #take(
    id: ExecutionId,
    input: LiveInput,
    bytes: Uint8Array,
    offset: number | null,
    { waitMs, signal }: Patience,
  ): Promise<void> {
    let [rest, at] = [bytes, offset];
    while (rest.length > 0) {
      const taken = await input.add(rest, at);
      if (taken === null) throw gap(at ?? 0, input);
      rest = rest.subarray(taken);
      if (at !== null) at += taken;
      if (rest.length === 0) return;
      if (!input.isOpen)
        throw closed(`The input of ${id} is closed. execd has taken in ${input.offset} bytes of it.`);
      await this.#untilRoom(id, input, waitMs, signal);
    }
  }

  async #untilRoom(id: ExecutionId, input: LiveInput, waitMs: number, signal: AbortSignal): Promise<void> {
    const timeUp = new AbortController();
    const timer = this.#deps.clock.timer(waitMs, () => timeUp.abort());
    try {
      await input.whenRoom(AbortSignal.any([signal, timeUp.signal]));
    } catch (error) {
      if (!timeUp.signal.aborted) throw error;
      const detail = `The command of ${id} has read nothing for ${waitMs} ms. execd has taken in ${input.offset} bytes of its input. Continue at this offset.`;
      throw new RefusedError('input_not_read', detail, { retryAfterS: 1 });
    } finally {
      timer.cancel();
    }
  }
}

const finished = (id: ExecutionId) =>
  new RefusedError('execution_finished', `The execution ${id} has finished.`);

const notRunning = (id: ExecutionId, waitMs: number) =>
  new RefusedError(
    'execution_not_running',
    `The execution ${id} has no command that runs; execd has waited ${waitMs} ms for it.`,
    { retryAfterS: 1 },
  );

const closed = (detail: string) => new RefusedError('input_closed', detail);

function gap(offset: number, input: LiveInput): RefusedError {
  const message = `is ${offset}, but execd has ${input.offset} bytes of the input: continue there`;
  const fields = [{ field: '?offset', message }];
  return new RefusedError('input_offset', `?offset: ${message}`, { fields });
}
