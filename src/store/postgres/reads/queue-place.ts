// How many queued executions are ahead of one, counted in the index of the queue, as far as that is short.
import type { ExecutionId } from '../../../domain/ids.ts';
import type { QueuePlace, Shares } from '../../../domain/ports/store.ts';
import type { ExecutionRow } from '../../rows.ts';
import type { Reads } from './reads.ts';

type Queued = Pick<ExecutionRow, 'pool' | 'priority' | 'user_id' | 'seq' | 'phase'>;

/** Executions that are counted at most: whoever is further behind is told no number. */
const MOST_COUNTED = 10_000;

const QUEUED = `FROM execd.executions WHERE phase = 'queued' AND pool = $1 AND priority`;
const HIGHER = `SELECT count(*) AS n FROM (SELECT 1 ${QUEUED} > $2 LIMIT ${MOST_COUNTED + 1}) found`;
/** Of each user of the priority: how many wait, and how many of them before a sequence. */
const TURNS = `SELECT user_id, count(*) AS n, count(*) FILTER (WHERE seq < $3) AS before
  FROM (SELECT user_id, seq ${QUEUED} = $2 LIMIT ${MOST_COUNTED + 1}) found GROUP BY user_id`;

/** Null when it does not wait, or is too far behind. */
export async function readQueuePlace(
  reads: Reads,
  id: ExecutionId,
  { users, weight }: Shares,
): Promise<QueuePlace | null> {
  const row = await reads.one<Queued>(
    'SELECT pool, priority, user_id, seq, phase FROM execd.executions WHERE id = $1',
    id,
  );
  if (row?.phase !== 'queued' || row.pool === 'none') return null;
  const { pool, priority, user_id: userId, seq } = row;
  const [[higher], turns] = await Promise.all([
    reads.all<{ n: number }>(HIGHER, pool, priority),
    reads.all<{ user_id: string; n: number; before: number }>(TURNS, pool, priority, seq),
  ]);
  const counted = turns.reduce((sum, { n }) => sum + n, 0);
  if ((higher?.n ?? 0) > MOST_COUNTED || counted > MOST_COUNTED) return null;
  const weightOf = (user: string) => users[user]?.weight ?? weight;
  const own = turns.find((turn) => turn.user_id === userId)?.before ?? 0;
  const rounds = Math.floor(own / weightOf(userId));
  let others = 0;
  for (const { user_id: other, n } of turns) {
    // In the round of its own turn, those before it in the order of names come first.
    if (other !== userId) others += Math.min(n, (rounds + (other < userId ? 1 : 0)) * weightOf(other));
  }
  return { higher: higher?.n ?? 0, own, others };
}
