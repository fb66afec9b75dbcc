// Who is on the store, and what runs there, as both databases answer it.
import { type SlotKind, SLOT_KINDS } from '../domain/execution/execution.ts';
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
  pool: SlotKind;
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
    const of = (pool: SlotKind) => {
      const rows = running.filter((row) => row.epoch === epoch && row.pool === pool);
      return { count: rows[0]?.n ?? 0, runs: rows.map(({ run_id: id }) => id) };
    };
    const counts = Object.fromEntries(SLOT_KINDS.map((pool) => [pool, of(pool)])) as ReplicaView['running'];
    const facts = JSON.parse(about ?? '{}') as Partial<ReplicaFacts>;
    return { name, epoch, since, until, about: facts, running: counts };
  });
}
