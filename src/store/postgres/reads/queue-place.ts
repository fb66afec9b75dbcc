// How many queued executions are ahead of some, counted in the index of the queue, as far as that is short.
import type { ExecutionId } from '../../../domain/ids.ts';
import type { QueuePlace, Shares } from '../../../domain/ports/store.ts';
import type { Reads } from './reads.ts';

/** Those that wait in one pool with one priority. */
interface BandRow {
  higher: number;
  /** How many of each user wait. */
  turns: Readonly<Record<string, number>>;
  /** Of those that are asked for: how many of their users are before them. */
  own: Readonly<Record<ExecutionId, readonly [before: number, userId: string]>> | null;
}

/** Executions that are counted at most: whoever is further behind is told no number. */
const MOST_COUNTED = 10_000;

const QUEUED = `FROM execd.executions e WHERE e.phase = 'queued' AND e.pool = b.pool AND e.priority`;
const LIMIT = `LIMIT ${MOST_COUNTED + 1}`;
const BANDS = `WITH b AS (SELECT DISTINCT pool, priority FROM execd.executions
    WHERE id = ANY($1::text[]) AND phase = 'queued' AND pool <> 'none')
  SELECT h.higher, q.turns, q.own FROM b
  CROSS JOIN LATERAL (SELECT count(*) AS higher FROM (SELECT 1 ${QUEUED} > b.priority ${LIMIT}) found) h
  CROSS JOIN LATERAL (
    WITH found AS MATERIALIZED (SELECT e.id, e.user_id, e.seq ${QUEUED} = b.priority ${LIMIT})
    SELECT (SELECT json_object_agg(user_id, n) FROM (SELECT user_id, count(*) AS n FROM found GROUP BY user_id) t) AS turns,
      (SELECT json_object_agg(id, json_build_array(before, user_id))
        FROM (SELECT id, user_id, row_number() OVER (PARTITION BY user_id ORDER BY seq) - 1 AS before FROM found) r
        WHERE id = ANY($1::text[])) AS own) q`;

/** Of those that wait, and are not too far behind. */
export async function readQueuePlaces(
  reads: Pick<Reads, 'all'>,
  ids: readonly ExecutionId[],
  shares: Shares,
): Promise<Map<ExecutionId, QueuePlace>> {
  const places = new Map<ExecutionId, QueuePlace>();
  for (const { higher, turns, own } of await reads.all<BandRow>(BANDS, ids)) {
    const counted = Object.values(turns).reduce((sum, n) => sum + n, 0);
    if (higher > MOST_COUNTED || counted > MOST_COUNTED) continue;
    for (const [id, [before, userId]] of Object.entries(own ?? {}))
      places.set(id, { higher, own: before, others: othersBefore(turns, userId, { before, shares }) });
  }
  return places;
}

/** Those of other users whose turns come before. */
function othersBefore(
  turns: BandRow['turns'],
  userId: string,
  { before, shares: { users, weight } }: { before: number; shares: Shares },
): number {
  const weightOf = (user: string) => users[user]?.weight ?? weight;
  const rounds = Math.floor(before / weightOf(userId));
  let others = 0;
  for (const [other, n] of Object.entries(turns)) {
    // In the round of its own turn, those before it in the order of names come first.
    if (other !== userId) others += Math.min(n, (rounds + (other < userId ? 1 : 0)) * weightOf(other));
  }
  return others;
}
