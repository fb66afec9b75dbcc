// Whose turn it is. A higher priority always comes first; within one, users take turns, each as many as they have weight.
// A turn is a user in a band (the key of a pool, and a priority); it has a tag that moves on when something of it is dispatched, and
// the smallest tag is next. Executions carry no number, so nothing has to be moved when one is cancelled, changed or given
// back. The turns of a user who has as many running as may are closed; those of a concurrency key are passed over. How long
// the queue is costs nothing.
import type { PoolKey } from '../../domain/pools.ts';

/** Where an execution waits: null as key is without one. */
export interface Place {
  pool: PoolKey;
  priority: number;
  userId: string;
  key: string | null;
}

interface Turn {
  userId: string;
  tag: number;
  /** How many wait, by concurrency key. */
  waiting: Map<string | null, number>;
}

/** Open turns that have something waiting with one concurrency key, the next one first. */
export interface Line {
  key: string | null;
  order: Turn[];
}

export interface Band {
  pool: PoolKey;
  priority: number;
  /** Tag of the last turn that was taken: an idle user comes back here, and has saved nothing up. */
  virtual: number;
  turns: Map<string, Turn>;
  lines: Map<string | null, Line>;
  waiting: number;
  /** Turns that were taken in it; see `bandsOf`. */
  taken: number;
}

/** How far a tag moves for one execution of a user of weight 1. */
const STEP = 2 ** 24;
/** Turns that nothing waits in are kept for their tags, until there are so many more than others. */
const MOST_IDLE = 64;

/** What has happened in a queue, for another one that is to be the same. */
export type QueueChange =
  | { place: Place; by: number }
  | { pool: PoolKey; priority: number; userId: string; weight: number }
  | { opened: string };

export class Queue {
  /** Of each pool, highest priority first: what waits for other pools costs a claim nothing. */
  readonly #bands = new Map<PoolKey, Band[]>();
  /** Users whose turns are closed, and where. */
  readonly #closed = new Map<string, Set<Band>>();
  #changes: QueueChange[] = [];
  readonly #isRecording: boolean;

  /** @param isRecording what happens is handed out by `changes` */
  constructor(isRecording = false) {
    this.#isRecording = isRecording;
  }

  /** What has happened since it was called last, but for turns that were closed: they are where somebody takes them. */
  changes(): QueueChange[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  /** Does what has happened in another one. */
  repeat(changes: readonly QueueChange[]): void {
    for (const change of changes) {
      if ('place' in change) this.change(change.place, change.by);
      else if ('opened' in change) this.open(change.opened);
      else {
        const { pool, priority, userId, weight } = change;
        const band = this.bands(pool).find((one) => one.priority === priority);
        const turn = band?.turns.get(userId);
        if (band !== undefined && turn !== undefined) this.advance(band, turn, weight);
      }
    }
    this.#changes = [];
  }

  /** How many wait in a pool. */
  waiting(pool: PoolKey): number {
    return this.bands(pool).reduce((sum, band) => sum + band.waiting, 0);
  }

  /** So many more wait there, or fewer. */
  change(place: Place, by: number): void {
    const { pool, priority, userId, key } = place;
    const band = this.#band(pool, priority);
    const turn = turnOf(band, userId);
    const before = turn.waiting.get(key) ?? 0;
    const now = Math.max(0, before + by);
    if (this.#isRecording && now !== before) this.#changes.push({ place, by: now - before });
    if (now > 0) turn.waiting.set(key, now);
    else turn.waiting.delete(key);
    if (this.#closed.get(userId)?.has(band) !== true) {
      if (before === 0 && now > 0) insert(lineOf(band, key), turn);
      else if (before > 0 && now <= 0) remove(band, key, turn);
    }
    if (turn.waiting.size === 0 && turn.tag <= band.virtual) band.turns.delete(userId);
    band.waiting += now - before;
    if (band.waiting <= 0) this.#drop(band);
  }

  /** Pools that something waits for. */
  get pools(): PoolKey[] {
    return [...this.#bands.keys()];
  }

  /** Highest priority first. */
  bands(pool: PoolKey): readonly Band[] {
    return this.#bands.get(pool) ?? [];
  }

  /**
   * The bands of several pools, by priority, highest first; within one, that which has had less comes first, so that no pool of
   * a server starves another. A pool that nothing waited for saves nothing up.
   */
  bandsOf(pools: readonly PoolKey[]): Band[][] {
    const byPriority = new Map<number, Band[]>();
    for (const band of pools.flatMap((pool) => this.bands(pool))) {
      const others = byPriority.get(band.priority);
      if (others === undefined) byPriority.set(band.priority, [band]);
      else others.push(band);
    }
    const all = [...byPriority.values()];
    for (const bands of all) {
      const most = bands.reduce((max, { taken }) => Math.max(max, taken), 0);
      for (const band of bands) band.taken = Math.max(band.taken, most - 1);
      bands.sort((a, b) => a.taken - b.taken);
    }
    return all.sort(([a], [b]) => (b as Band).priority - (a as Band).priority);
  }

  /** The turn of a user who can have no more running is left out here, until it is opened again. */
  close(band: Band, userId: string): void {
    const where = this.#closed.get(userId);
    if (where === undefined) this.#closed.set(userId, new Set([band]));
    else where.add(band);
    const turn = band.turns.get(userId);
    if (turn !== undefined) for (const key of turn.waiting.keys()) remove(band, key, turn);
  }

  open(userId: string): void {
    if (this.#isRecording) this.#changes.push({ opened: userId });
    const where = this.#closed.get(userId);
    if (where === undefined) return;
    this.#closed.delete(userId);
    for (const band of where) {
      const turn = band.turns.get(userId);
      if (turn !== undefined) for (const key of turn.waiting.keys()) insert(lineOf(band, key), turn);
    }
  }

  openAll(): void {
    for (const userId of [...this.#closed.keys()]) this.open(userId);
  }

  /** A turn has been taken: it goes behind those who have had less for their weight. */
  advance(band: Band, turn: Turn, weight: number): void {
    const keys = [...turn.waiting.keys()];
    for (const key of keys) remove(band, key, turn);
    band.virtual = Math.max(band.virtual, turn.tag);
    if (this.#isRecording) {
      const { pool, priority } = band;
      this.#changes.push({ pool, priority, userId: turn.userId, weight });
    }
    turn.tag += STEP / weight;
    band.taken += 1;
    for (const key of keys) insert(lineOf(band, key), turn);
    if (band.turns.size > 2 * band.waiting + MOST_IDLE) forgetIdle(band);
  }

  #band(pool: PoolKey, priority: number): Band {
    let bands = this.#bands.get(pool);
    if (bands === undefined) this.#bands.set(pool, (bands = []));
    const at = bands.findIndex((band) => band.priority <= priority);
    const found = bands[at];
    if (found?.priority === priority) return found;
    const empty = { virtual: 0, turns: new Map(), lines: new Map(), waiting: 0, taken: 0 };
    const band: Band = { pool, priority, ...empty };
    bands.splice(at === -1 ? bands.length : at, 0, band);
    return band;
  }

  #drop(band: Band): void {
    const bands = this.#bands.get(band.pool) ?? [];
    const at = bands.indexOf(band);
    if (at !== -1) bands.splice(at, 1);
    if (bands.length === 0) this.#bands.delete(band.pool);
    for (const userId of band.turns.keys()) {
      const where = this.#closed.get(userId);
      if (where?.delete(band) === true && where.size === 0) this.#closed.delete(userId);
    }
  }
}

/** An idle user begins where the others are, or behind, if they have had more. */
function turnOf(band: Band, userId: string): Turn {
  let turn = band.turns.get(userId);
  if (turn === undefined) {
    turn = { userId, tag: band.virtual, waiting: new Map() };
    band.turns.set(userId, turn);
  } else if (turn.waiting.size === 0) turn.tag = Math.max(turn.tag, band.virtual);
  return turn;
}

function forgetIdle({ turns, virtual }: Band): void {
  for (const [userId, { waiting, tag }] of turns) {
    if (waiting.size === 0 && tag <= virtual) turns.delete(userId);
  }
}

function lineOf(band: Band, key: string | null): Line {
  let line = band.lines.get(key);
  if (line === undefined) band.lines.set(key, (line = { key, order: [] }));
  return line;
}

function insert({ order }: Line, turn: Turn): void {
  const at = search(order, turn);
  if (order[at] !== turn) order.splice(at, 0, turn);
}

function remove(band: Band, key: string | null, turn: Turn): void {
  const order = band.lines.get(key)?.order;
  if (order === undefined) return;
  const at = search(order, turn);
  if (order[at] === turn) order.splice(at, 1);
  if (order.length === 0) band.lines.delete(key);
}

/** Index of the first turn that does not come before this one. */
function search(order: readonly Turn[], turn: Turn): number {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(order[middle] as Turn, turn)) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function isBefore(a: Pick<Turn, 'tag' | 'userId'>, b: Pick<Turn, 'tag' | 'userId'>): boolean {
  return a.tag < b.tag || (a.tag === b.tag && a.userId < b.userId);
}
