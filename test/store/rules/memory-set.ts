// A working set over rows that a test names, without a database. What is not named is not there; what was changed is read
// back from the set itself.
import type { RulePart } from '../../../src/store/rules/parts.ts';
import type { Facts, Kind, Source } from '../../../src/store/rules/facts.ts';
import { NO_ACCOUNT, NO_USAGE } from '../../../src/store/rules/facts.ts';
import { WorkingSet } from '../../../src/store/rules/working-set.ts';
import { type ExecutionRow, newRow } from '../../../src/store/rows.ts';
import { EQUAL_SHARES } from '../../../src/store/shares.ts';
import { newExecution } from '../../helpers/records.ts';

type Named = { [K in Kind]?: Record<string, Facts[K]> };

const NOTHING: Facts = {
  ...{ executions: null, members: [], sharers: [], attempts: [], steps: null, liveSteps: [], allSteps: [] },
  ...{ firstEvents: null, idempotency: null, accounts: NO_ACCOUNT, windows: null, reservations: null },
  ...{ listeners: [], pending: 0, webhooks: null, deliveries: null, waiting: [], held: [] },
  ...{ schedules: null, scheduleNames: null, scheduleCounts: 0, scheduleRuns: null },
  ...{ signals: null, signalCounts: 0 },
  ...{ epochs: null, drivers: null },
  ...{
    apiKeys: null,
    apiKeyCount: 0,
    users: NO_USAGE,
    sums: NO_USAGE,
    keys: 0,
    openKeys: 0,
    keyed: [],
    openRuns: [],
    counts: 0,
    last: 0,
  },
};

export function setOf(named: Named = {}, terms: Partial<WorkingSet['terms']> = {}): WorkingSet {
  const source = Object.fromEntries(
    Object.entries(NOTHING).map(([kind, nothing]) => {
      const known = named[kind as Kind] as Record<string, unknown> | undefined;
      return [kind, (key: string): unknown => known?.[key] ?? nothing];
    }),
  ) as unknown as Source;
  return new WorkingSet({ now: 5, maxDeliveries: 2, shares: EQUAL_SHARES, ...terms }, source);
}

let seq = 0;

/** A row as it is stored, of ann's. */
export function row(changes: Partial<ExecutionRow> = {}): ExecutionRow {
  seq += 1;
  const fresh = newRow(newExecution({ userId: changes.user_id ?? 'ann' }));
  const id = changes.id ?? fresh.id;
  return {
    ...fresh,
    ...{ seq, id, run_id: id, revision: 1, event_sequence: 2, created_at: 1000, queued_at: 1000 },
    ...changes,
  };
}

/** Rows by their ids, as facts. */
export function byId(...rows: ExecutionRow[]): Record<string, ExecutionRow> {
  return Object.fromEntries(rows.map((one) => [one.id, one]));
}

export function acceptOf(
  changes: Partial<ExecutionRow> = {},
  more: Partial<Extract<RulePart, { type: 'accept' }>> = {},
): RulePart {
  const { seq: _, ...fresh } = row(changes);
  return {
    type: 'accept',
    epoch: 7,
    row: fresh,
    labels: [],
    claim: null,
    maxQueued: 10,
    joins: false,
    end: null,
    ...more,
  };
}
