// Fills the cache at start with what the operations file names.
import type { Caller } from '../domain/spec/access.ts';
import { SCOPES } from '../domain/spec/access.ts';
import type { Operations, OperationSpec } from '../domain/operations/operation.ts';
import type { Log } from '../domain/ports/clock.ts';
import type { Engine } from '../engine/engine.ts';

/** Runs at a time. */
const AT_A_TIME = 8;
const WAIT_MS = 60_000;

interface Item {
  spec: OperationSpec;
  caller: Caller;
}

/** Runs what is to be warm, a few at a time, until the signal aborts. Never rejects. */
export async function warmUp(
  operations: Operations,
  engine: Engine,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const items = itemsOf(operations);
  const work = async () => {
    for (let item = items.shift(); item !== undefined && !signal.aborted; item = items.shift()) {
      await warm(item, engine, log, signal);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
}

function itemsOf(operations: Operations): Item[] {
  return operations.all().flatMap(({ name, definition }) =>
    (definition.warm ?? []).map(({ params, user, task_id }): Item => ({
      spec: { kind: 'operation', name, params, ...(task_id === undefined ? {} : { task_id }) },
      caller: { userId: user, scopes: new Set(SCOPES), mayRun: 'any' },
    })),
  );
}

async function warm({ spec, caller }: Item, engine: Engine, log: Log, signal: AbortSignal): Promise<void> {
  const facts = { operation: spec.name, user_id: caller.userId };
  try {
    const { execution } = await engine.submit(caller, {
      spec,
      trace: null,
      idempotency: null,
      rerunOf: null,
      isFree: true,
    });
    let now = execution;
    while (now.phase !== 'done' && !signal.aborted) {
      now = (await engine.wait(caller, now.id, { until: 'finished' }, WAIT_MS, signal)).execution;
    }
    if (now.phase === 'done' && now.status !== 'completed') {
      log.warn({ ...facts, execution_id: now.id, cause: now.outcome.cause }, 'Warm-up operation failed');
    }
  } catch (error) {
    if (!signal.aborted) log.warn({ ...facts, err: error }, 'Warm-up operation failed');
  }
}
