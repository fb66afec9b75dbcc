// An old result as a finished execution. Its id follows from the record, so that a file that is imported again changes nothing.
import { hash } from 'node:crypto';
import {
  type FinishedExecution,
  NO_ACCESS_FACTS,
  type OwnFacts,
  type Trace,
} from '../domain/execution/execution.ts';
import type { ExecutionId } from '../domain/ids.ts';
import { canonicalJson } from '../domain/json.ts';
import { NO_TIMES } from '../domain/spec/times.ts';
import type { Work } from '../domain/spec/spec.ts';
import type { OldResult } from './records.ts';

/** Numbers records that are equal, so that each of them is an execution of its own. */
export class Ordinals {
  readonly #seen = new Map<string, number>();

  next(digest: string): number {
    const ordinal = this.#seen.get(digest) ?? 0;
    this.#seen.set(digest, ordinal + 1);
    return ordinal;
  }
}

/**
 * @param userId of records that name no user
 * @param at when it counts as ended, ms since the epoch
 */
export function toFinished(
  old: OldResult,
  { userId, at, ordinals }: { userId: string; at: number; ordinals: Ordinals },
): { like: FinishedExecution; own: OwnFacts } {
  const owner = old.userId ?? userId;
  const digest = hash('sha256', canonicalJson({ ...old, userId: owner }));
  const ordinal = ordinals.next(digest);
  const random = hash('sha256', `${digest} ${ordinal}`);
  const id = idFrom(old.at ?? 0, random);
  const trace: Trace = { traceId: random.slice(0, 32), parentId: random.slice(32, 48), flags: '00' };
  const like: FinishedExecution = {
    ...NOTHING_ASKED,
    ...{ id, runId: id, userId: owner, trace },
    spec: { kind: 'operation', name: old.step },
    work: NO_WORK,
    taskId: old.taskId,
    ...{ status: old.status, createdAt: at, startAt: null, schedule: null, queuedAt: at, finishedAt: at },
    outcome: {
      cause: 'imported',
      ...{ endedAs: old.status, code: old.code, message: old.message, errorMessage: old.errorMessage },
    },
    result: old.result === null ? null : { type: 'json', value: old.result },
  };
  return { like, own: { id, trace, at } };
}

/** A UUIDv7 of a time, with bits of a digest in place of random ones. */
function idFrom(ms: number, digest: string): ExecutionId {
  const time = ms.toString(16).padStart(12, '0');
  const variant = ((parseInt(digest.slice(0, 2), 16) & 0x3f) | 0x80).toString(16);
  return [
    ...[time.slice(0, 8), time.slice(8), `7${digest.slice(2, 5)}`],
    ...[`${variant}${digest.slice(5, 7)}`, digest.slice(7, 19)],
  ].join('-');
}

/** It ran elsewhere: nothing is known of how. */
const NO_WORK: Work = { kind: 'exec', program: 'unknown' };
const NOTHING_ASKED = {
  ...{ plan: null, labels: {}, priority: 0, limits: {}, stop: null, retry: null, retrySafe: false },
  timeouts: NO_TIMES,
  monitor: null,
  outputPolicy: { maxBytes: 0, oversized: 'truncate', parse: null },
  ...{ concurrency: null, cache: null, cost: null, rerunOf: null, redriveOf: null, keptFrom: null },
  ...{ caller: null, isolation: 'none', network: false, access: NO_ACCESS_FACTS, webhook: null },
  ...{ phase: 'done', revision: 1, eventSequence: 2, attempts: [], cancel: null },
} as const satisfies Partial<FinishedExecution>;
