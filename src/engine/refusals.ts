// How what went wrong below is refused above.
import { quoted, RefusedError } from '../domain/errors.ts';
import type { ExecutionId } from '../domain/ids.ts';
import { isExecutionId } from '../domain/ids.ts';
import type { GroupRefusal, GroupResult } from '../domain/ports/group.ts';
import { StoreError } from '../domain/ports/store.ts';

/** When a client should try again while the server or its store is away, seconds. */
export const AWAY_RETRY_S = 5;

/** Turns a failure of the store into its refusal. */
export async function stored<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw unavailable(error);
  }
}

export function unavailable(cause: unknown): unknown {
  if (!(cause instanceof StoreError)) return cause;
  const detail = 'The store is unavailable; nothing was changed. Try again later.';
  return new RefusedError('store_unavailable', detail, { cause, retryAfterS: AWAY_RETRY_S });
}

export function notFound(id: ExecutionId): RefusedError {
  return new RefusedError('not_found', `There is no execution ${isExecutionId(id) ? id : quoted(id)}.`);
}

/** The refusal of what may cost more than there is. */
export function insufficientCredits({
  needed,
  available,
}: Extract<GroupRefusal, { reason: 'no_credit' }>): RefusedError {
  return new RefusedError(
    'insufficient_credits',
    `The request reserves ${needed} credits; ${available} are available. Ask an administrator for a grant.`,
  );
}

/** The refusal of a change that the store did not make. */
export function notChanged(result: GroupResult | undefined, id: ExecutionId, what: string): RefusedError {
  if (result?.status === 'refused' && result.reason === 'no_credit') return insufficientCredits(result);
  if (result?.status === 'refused' && result.reason === 'illegal') {
    return new RefusedError(
      'execution_finished',
      `The execution ${id} is ${result.execution.status}: ${what}.`,
    );
  }
  return notFound(id);
}
