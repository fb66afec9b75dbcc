// What the calls that submit something have in common.
import { given, newKey } from './calls.ts';

/** The most that execd waits in one call, seconds. */
export const MAX_WAIT_S = 60;

export interface SubmitOptions {
  /** Made once for each call if it is not given; give one to repeat a call of an earlier process. */
  idempotencyKey?: string;
  /** Answer when it has ended, or after so many seconds (at most 60). */
  waitS?: number;
  signal?: AbortSignal;
}

export interface AgainOptions extends SubmitOptions {
  /** Parameters that change. */
  params?: Record<string, unknown>;
}

/** The body of a call that runs something again. */
export const changed = (params: Record<string, unknown> | undefined) =>
  params === undefined ? {} : { body: { params } };

export interface RunOptions extends Omit<SubmitOptions, 'waitS'> {
  /** Whether an abort cancels what runs; false leaves it running. Default: true. */
  cancelOnAbort?: boolean;
}

/** How a request that submits is sent. */
export interface Submission {
  header: { 'Idempotency-Key': string; Prefer?: string };
  signal?: AbortSignal;
  /** Ends the tries, but not one that is under way: what it has begun is to be known. */
  lastTry?: AbortSignal;
}

export function submission({ signal, idempotencyKey = newKey(), waitS }: SubmitOptions): Submission {
  const prefer = waitS === undefined ? {} : { Prefer: `wait=${waitS}` };
  return { header: { 'Idempotency-Key': idempotencyKey, ...prefer }, ...given({ signal }) };
}

interface Run {
  id: string;
  phase: string;
}

/** Submits and waits for the end. An abort ends the wait, and cancels what runs unless it is to be left. */
export async function runToEnd<Ended extends Run>(
  { signal, cancelOnAbort = true, ...options }: RunOptions,
  calls: {
    submit: (begin: Submission) => Promise<Ended>;
    wait: (id: string, signal: AbortSignal | undefined) => Promise<Ended>;
    cancel: (id: string) => Promise<unknown>;
  },
): Promise<Ended> {
  signal?.throwIfAborted();
  const run = await calls.submit({ ...submission(options), ...given({ lastTry: signal }) });
  try {
    signal?.throwIfAborted();
    return run.phase === 'done' ? run : await calls.wait(run.id, signal);
  } catch (error) {
    if (signal?.aborted === true && cancelOnAbort) await calls.cancel(run.id);
    throw error;
  }
}

/** Looks again and again until a run has ended, however long that takes. */
export async function untilDone<Ended extends Run>(look: (waitS: number) => Promise<Ended>): Promise<Ended> {
  for (;;) {
    const run = await look(MAX_WAIT_S);
    if (run.phase === 'done') return run;
  }
}
