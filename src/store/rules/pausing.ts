// What is not claimed because it is paused.
import type { Paused } from '../../domain/pauses.ts';
import type { ExecutionRow } from '../rows.ts';
import type { WorkingSet } from './working-set.ts';

type Claimable = Pick<ExecutionRow, 'pool' | 'operation' | 'concurrency_key'>;

export function isPaused({ terms }: WorkingSet, row: Claimable): boolean {
  const { paused } = terms.shares;
  if (paused === undefined || row.pool === 'none') return false;
  return paused.queue || isOperationPaused(paused, row) || isKeyPaused(paused, row.concurrency_key);
}

export function isOperationPaused({ operations }: Paused, { operation }: Claimable): boolean {
  return operation !== null && operations.includes(operation);
}

export function isKeyPaused({ keys }: Paused, key: string | null): boolean {
  return key !== null && keys.includes(key);
}
