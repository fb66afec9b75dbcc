// Claims: takes from the queue what is next, and gives it to whoever claims it. Comes last in a batch, when everything else
// has freed what it frees.
import type { ExecutionRow } from '../rows.ts';
import { roomOf } from './counting.ts';
import { addAttempt, move } from './moves.ts';
import { type Needs, pair } from './facts.ts';
import type { Claim, ClaimNext, Work } from './parts.ts';
import { type Band, isBefore, type Line, type Place, type Queue } from './queue.ts';
import { isKeyPaused, isOperationPaused } from './pausing.ts';
import type { WorkingSet } from './working-set.ts';

/** Asks for executions that wait at a place, oldest first, from behind the one with this sequence on. */
export interface Look {
  place: Place;
  afterSeq: number;
  limit: number;
}
/** Asks for what a user takes, who is looked at next; what comes back is of no matter. */
export interface LookAtUser {
  user: string;
}
type Looking<T> = Generator<Look | LookAtUser, T, readonly ExecutionRow[]>;

/** Serves them. */
export type Heads = (place: Place, afterSeq: number, limit: number) => readonly ExecutionRow[];

export interface Picking {
  set: WorkingSet;
  queue: Queue;
}

/** What has to be known of those who wait: users with their slots, and how many run with each key. */
export function claimNeeds(queue: Queue, { pools }: ClaimNext): Needs {
  const bands = pools.flatMap((pool) => queue.bands(pool));
  const lines = bands.flatMap((band) => [...band.lines.values()]);
  const users = lines.flatMap(({ order }) => order.map(({ userId }) => userId));
  return { users: [...new Set(users)], keys: lines.map(({ key }) => key).filter((key) => key !== null) };
}

/** Claims up to `limit` executions of some pools. */
export function claimNext({ heads, ...from }: Picking & { heads: Heads }, part: ClaimNext): Work {
  const claiming = claims(from, part);
  let next = claiming.next();
  while (next.done !== true) {
    // What a user takes has been loaded before, or is looked up when it is asked for.
    const rows = 'user' in next.value ? [] : heads(next.value.place, next.value.afterSeq, next.value.limit);
    next = claiming.next(rows);
  }
  return next.value;
}

/** The same for a store that has to wait for what it looks at. */
export function* claims(from: Picking, { pools, limit, claim }: ClaimNext): Looking<Work> {
  const work: Work = { touched: [], events: [], answers: [] };
  if (from.set.terms.shares.paused?.queue === true) return work;
  let left = limit;
  // What has been taken of a place is not looked at again, in whichever round.
  const taking = { ...from, buffers: new Map<string, Buffer>() };
  const take = (row: ExecutionRow) => start(from.set, row, claim, work);
  for (const bands of from.queue.bandsOf(pools)) {
    let open = bands;
    // Pools of a server share its slots evenly within a priority; what one of them leaves, the others get.
    while (left > 0 && open.length > 0) {
      const going: Band[] = [];
      for (const [i, band] of open.entries()) {
        const share = Math.ceil(left / (open.length - i));
        if (share === 0) break;
        const taken = yield* takeTurns(taking, band, share, take);
        left -= taken;
        if (taken === share) going.push(band);
      }
      open = going;
    }
  }
  return work;
}

function start(set: WorkingSet, row: ExecutionRow, claim: Claim, work: Work): void {
  set.fill('executions', row.id, row);
  addAttempt(set, row, claim);
  const attempt = row.attempt + 1;
  move(set, row, { type: 'claim', attempt }, { changes: { attempt } }, work);
}

/** What waits in a place, of which some has been taken. */
class Buffer {
  readonly place: Place;
  #rows: readonly ExecutionRow[] = [];
  #next = 0;
  #last = 0;

  constructor(place: Place) {
    this.place = place;
  }

  /** The first that is left; looks for so many at once. */
  *head(limit: number): Looking<ExecutionRow | undefined> {
    if (this.#next === this.#rows.length) {
      this.#rows = yield { place: this.place, afterSeq: this.#last, limit };
      this.#next = 0;
    }
    return this.#rows[this.#next];
  }

  /** Some that wait here were passed over. */
  hasPassed = false;

  pass(): void {
    this.hasPassed = true;
    this.take();
  }

  take(): void {
    this.#last = this.#rows[this.#next]?.seq ?? this.#last;
    this.#next += 1;
  }
}

/** Takes turns in one priority; returns how many were taken, fewer than the limit when nothing more may run. */
function* takeTurns(
  { set, queue, buffers }: Picking & { buffers: Map<string, Buffer> },
  band: Band,
  limit: number,
  take: (row: ExecutionRow) => void,
): Looking<number> {
  const { pool, priority } = band;
  const bufferOf = (userId: string, key: string | null): Buffer => {
    const name = pair(`${pool} ${priority} ${userId}`, key ?? '');
    const buffer = buffers.get(name) ?? new Buffer({ pool, priority, userId, key });
    buffers.set(name, buffer);
    return buffer;
  };
  const full = new Set<string | null>();
  /** Places where all that is left is paused, with how many wait there: they are left out of this claim. */
  const paused: { place: Place; waiting: number }[] = [];
  let taken = 0;
  while (taken < limit) {
    const lines = [...band.lines.values()].filter(({ key }) => !full.has(key));
    const turn = firstTurn(lines);
    if (turn === null) break;
    const { userId } = turn;
    yield { user: userId };
    if (roomOf(set, userId) <= 0) {
      queue.close(band, userId);
      continue;
    }
    let first: { row: ExecutionRow; buffer: Buffer } | null = null;
    for (const { key, order } of lines.filter((line) => line.order[0] === turn)) {
      const buffer = bufferOf(userId, key);
      const row = yield* headOf(set, buffer, Math.ceil((limit - taken) / order.length));
      if (row === undefined) {
        // The queue has counted what is not there, unless that is paused.
        const waiting = turn.waiting.get(key) ?? 0;
        if (buffer.hasPassed) paused.push({ place: buffer.place, waiting });
        queue.change(buffer.place, -Infinity);
      } else if (!hasRoom(set, row)) full.add(key);
      else if (first === null || row.seq < first.row.seq) first = { row, buffer };
    }
    if (first === null) continue;
    first.buffer.take();
    take(first.row);
    queue.advance(band, turn, weightOf(set, userId));
    queue.change(first.buffer.place, -1);
    taken += 1;
  }
  for (const { place, waiting } of paused) queue.change(place, waiting);
  return taken;
}

/** The first of a place that may start; those of paused operations are passed over. */
function* headOf(set: WorkingSet, buffer: Buffer, limit: number): Looking<ExecutionRow | undefined> {
  const { paused } = set.terms.shares;
  for (;;) {
    const row = yield* buffer.head(limit);
    if (row === undefined || paused === undefined || !isOperationPaused(paused, row)) return row;
    buffer.pass();
  }
}

function firstTurn(lines: readonly Line[]): Line['order'][number] | null {
  let first: Line['order'][number] | null = null;
  for (const { order } of lines) {
    const [turn] = order;
    if (turn !== undefined && (first === null || isBefore(turn, first))) first = turn;
  }
  return first;
}

/** Whether one more with its concurrency key may run. */
function hasRoom(set: WorkingSet, { concurrency_key: key, concurrency_limit: limit }: ExecutionRow): boolean {
  const { paused } = set.terms.shares;
  if (paused !== undefined && isKeyPaused(paused, key)) return false;
  return key === null || limit === null || set.get('keys', key) < limit;
}

function weightOf(set: WorkingSet, userId: string): number {
  const { users, weight } = set.terms.shares;
  return (users[userId] ?? { weight }).weight;
}
