// Running something to its end for a client that waits: progress from what it writes, and its end when the client cancels.
import { dataOf, type Execd, type Execution, type Plan } from '../client/index.ts';
import { plain } from './results.ts';
import type { Call } from './tool.ts';

/** The most that execd waits in one call, seconds. */
const MAX_WAIT_S = 60;
/** Between two notifications of progress. */
const PROGRESS_MS = 250;
const MESSAGE_CHARS = 500;

/**
 * Waits for the end of an execution, or for so many seconds.
 *
 * @param waitS null: as long as it takes
 */
export async function executionToEnd(call: Call, id: string, waitS: number | null): Promise<Execution> {
  return toEnd(call, waitS, {
    look: (wait, signal) => lookAt(call.client, id, wait, signal),
    cancel: () => call.client.cancel(id, { reason: CANCELLED }),
    follow: (signal) => tellOutput(call, id, signal),
  });
}

export async function planToEnd(call: Call, id: string, waitS: number | null): Promise<Plan> {
  const { client } = call;
  return toEnd(call, waitS, {
    look: (wait, signal) =>
      dataOf(client.api.GET('/v1/plans/{id}', { params: { path: { id }, query: { wait } }, signal })),
    cancel: () => client.plans.cancel(id, { reason: CANCELLED }),
    follow: (signal) => tellSteps(call, id, signal),
  });
}

const CANCELLED = 'the MCP client cancelled the call';

interface Ways<Run> {
  look: (waitS: number, signal: AbortSignal) => Promise<Run>;
  cancel: () => Promise<unknown>;
  /** Tells progress until the signal aborts. */
  follow: (signal: AbortSignal) => Promise<void>;
}

async function toEnd<Run extends { phase: string }>(
  call: Call,
  waitS: number | null,
  { look, cancel, follow }: Ways<Run>,
): Promise<Run> {
  const ended = new AbortController();
  const signal = AbortSignal.any([call.signal, ended.signal]);
  // Progress is a courtesy: what keeps it from coming does not end the call.
  const told = call.progress === null ? null : follow(signal).catch(() => undefined);
  try {
    return await lookUntilDone((wait) => look(wait, call.signal), waitS);
  } catch (error) {
    if (call.signal.aborted && call.isCancelled()) await cancel();
    throw error;
  } finally {
    ended.abort();
    await told;
  }
}

async function lookUntilDone<Run extends { phase: string }>(
  look: (waitS: number) => Promise<Run>,
  waitS: number | null,
): Promise<Run> {
  for (let left = waitS ?? Infinity; ; left -= MAX_WAIT_S) {
    const run = await look(Math.min(left, MAX_WAIT_S));
    if (run.phase === 'done' || left <= MAX_WAIT_S) return run;
  }
}

export function lookAt(client: Execd, id: string, wait: number, signal: AbortSignal): Promise<Execution> {
  return dataOf(client.api.GET('/v1/executions/{id}', { params: { path: { id }, query: { wait } }, signal }));
}

/** The bytes that were written so far, and the end of what came last. */
async function tellOutput(call: Call, id: string, signal: AbortSignal): Promise<void> {
  const latest = new Latest(call, signal);
  await latest.tell({ progress: 0, message: `Execution ${id} was accepted.` });
  const decoder = new TextDecoder();
  let bytes = 0;
  for await (const chunk of call.client.follow(id, { signal })) {
    bytes += chunk.bytes.length;
    const text = plain(decoder.decode(chunk.bytes, { stream: true }));
    await latest.tell({ progress: bytes, message: text.slice(-MESSAGE_CHARS).trimEnd().toWellFormed() });
  }
  await latest.flush();
}

/** The steps that have ended, of all. */
async function tellSteps(call: Call, id: string, signal: AbortSignal): Promise<void> {
  const latest = new Latest(call, signal);
  await latest.tell({ progress: 0, message: `Plan ${id} was accepted.` });
  let ended = 0;
  for await (const { data } of call.client.plans.events(id, { signal })) {
    if (data.execution_id === id || data.phase !== 'done') continue;
    ended += 1;
    await latest.tell({ progress: ended, message: `${data.step}: ${data.status}` });
  }
  await latest.flush();
}

/** Tells the latest state of what changes fast: often enough for people, and not for each line. */
class Latest {
  readonly #call: Call;
  readonly #signal: AbortSignal;
  #held: { progress: number; message: string } | null = null;
  #quiet: Promise<void> | null = null;

  constructor(call: Call, signal: AbortSignal) {
    this.#call = call;
    this.#signal = signal;
  }

  async tell(progress: { progress: number; message: string }): Promise<void> {
    this.#held = progress;
    if (this.#quiet !== null) return;
    this.#quiet = this.#call.clock
      .sleep(PROGRESS_MS, this.#signal)
      .catch(() => undefined)
      .then(() => {
        this.#quiet = null;
        return this.#signal.aborted ? undefined : this.flush();
      });
    await this.#send();
  }

  /** Tells what is held back. */
  async flush(): Promise<void> {
    if (this.#held !== null) await this.tell(this.#held);
  }

  async #send(): Promise<void> {
    const held = this.#held;
    this.#held = null;
    if (held !== null) await this.#call.progress?.(held);
  }
}
