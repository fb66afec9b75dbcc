// Who is on the store, and what runs there, as both databases answer it.
import { SLOT_KINDS, type SlotKind } from '../domain/kinds.ts';
import { type PoolKey, slotKindIn } from '../domain/pools.ts';
import type { ReplicaFacts, ReplicaView } from '../domain/ports/replica.ts';

export interface ReplicaRow {
  epoch: number;
  replica: string;
  opened_at: number;
  until: number | null;
  /** What the replica says of itself, as JSON. */
  about: string | null;
}

export interface RunningThereRow {
  epoch: number;
  pool: PoolKey;
  run_id: string;
  /** Of all in this epoch and pool. */
  n: number;
}

/** Runs of a replica and a pool that are named. */
const NAMED = 100;

/** What runs, by epoch and pool: how many, and the oldest of them. Executions that share a run count as one. */
export const runningThere = (schema: '' | 'execd.'): string =>
  `SELECT epoch, pool, run_id, n FROM (
    SELECT epoch, pool, run_id, count(*) OVER (PARTITION BY epoch, pool) AS n,
      row_number() OVER (PARTITION BY epoch, pool ORDER BY run_id) AS place
    FROM (SELECT DISTINCT a.epoch AS epoch, e.pool AS pool, e.run_id AS run_id FROM ${schema}executions e
      JOIN ${schema}attempts a ON a.run_id = e.run_id AND a.number = e.attempt
      WHERE e.phase IN ('starting', 'canceling')) live
  ) numbered WHERE place <= ${NAMED} ORDER BY epoch, pool, run_id`;

export function toReplicas(replicas: ReplicaRow[], running: readonly RunningThereRow[]): ReplicaView[] {
  return replicas.map(({ epoch, replica: name, opened_at: since, until, about }) => {
    const own = running.filter((row) => row.epoch === epoch);
    const of = (slotKind: SlotKind) => {
      const rows = own.filter(({ pool }) => slotKindIn(pool) === slotKind);
      const counts = new Map(rows.map(({ pool, n }) => [pool, n]));
      const count = [...counts.values()].reduce((sum, n) => sum + n, 0);
      const runs = rows.map(({ run_id: id }) => id);
      return { count, runs: runs.sort().slice(0, NAMED) };
    };
    const counts = Object.fromEntries(
      SLOT_KINDS.map((slotKind) => [slotKind, of(slotKind)]),
    ) as ReplicaView['running'];
    const facts = JSON.parse(about ?? '{}') as Partial<ReplicaFacts>;
    return { name, epoch, since, until, about: facts, running: counts };
  });
}
