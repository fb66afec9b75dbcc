// Whose turn it is. A higher priority always comes first; within one, users take turns, each as many as they have weight.
// A turn is a user in a band (a pool and a priority); it has a tag that moves on when something of it is dispatched, and
// the smallest tag is next. Executions carry no number, so nothing has to be moved when one is cancelled, changed or given
// back. The turns of a user who has as many running as may are closed; those of a concurrency key are passed over. How long
// the queue is costs nothing.
import type { SlotKind } from '../../domain/execution/execution.ts';

/** Where an execution waits: null as key is without one. */
export interface Place {
  pool: SlotKind;
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
  pool: SlotKind;
  priority: number;
  /** Tag of the last turn that was taken: an idle user comes back here, and has saved nothing up. */
  virtual: number;
  turns: Map<string, Turn>;
  lines: Map<string | null, Line>;
  waiting: number;
}

/** How far a tag moves for one execution of a user of weight 1. */
const STEP = 2 ** 24;
/** Turns that nothing waits in are kept for their tags, until there are so many more than others. */
const MOST_IDLE = 64;

/** What has happened in a queue, for another one that is to be the same. */
export type QueueChange =
  | { place: Place; by: number }
  | { pool: SlotKind; priority: number; userId: string; weight: number }
  | { opened: string };

export class Queue {
  /** Highest priority first. */
  readonly #bands: Band[] = [];
  readonly #closed = new Set<string>();
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
        const band = this.#bands.find((one) => one.pool === pool && one.priority === priority);
        const turn = band?.turns.get(userId);
        if (band !== undefined && turn !== undefined) this.advance(band, turn, weight);
      }
    }
    this.#changes = [];
  }

  /** How many wait in a pool. */
  waiting(pool: SlotKind): number {
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
    if (!this.#closed.has(userId)) {
      if (before === 0 && now > 0) insert(lineOf(band, key), turn);
      else if (before > 0 && now <= 0) remove(band, key, turn);
    }
    if (turn.waiting.size === 0 && turn.tag <= band.virtual) band.turns.delete(userId);
    band.waiting += now - before;
    if (band.waiting <= 0) this.#bands.splice(this.#bands.indexOf(band), 1);
  }

  bands(pool: SlotKind): Band[] {
    return this.#bands.filter((band) => band.pool === pool);
  }

  /** The turns of a user who can have no more running are left out, until they are opened again. */
  close(userId: string): void {
    this.#closed.add(userId);
    for (const band of this.#bands) {
      const turn = band.turns.get(userId);
      if (turn !== undefined) for (const key of turn.waiting.keys()) remove(band, key, turn);
    }
  }

  open(userId: string): void {
    if (this.#isRecording) this.#changes.push({ opened: userId });
    if (!this.#closed.delete(userId)) return;
    for (const band of this.#bands) {
      const turn = band.turns.get(userId);
      if (turn !== undefined) for (const key of turn.waiting.keys()) insert(lineOf(band, key), turn);
    }
  }

  openAll(): void {
    for (const userId of [...this.#closed]) this.open(userId);
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
    for (const key of keys) insert(lineOf(band, key), turn);
    if (band.turns.size > 2 * band.waiting + MOST_IDLE) forgetIdle(band);
  }

  #band(pool: SlotKind, priority: number): Band {
    const at = this.#bands.findIndex(
      (band) => band.priority < priority || (band.priority === priority && band.pool === pool),
    );
    const found = this.#bands[at];
    if (found?.priority === priority && found.pool === pool) return found;
    const band: Band = { pool, priority, virtual: 0, turns: new Map(), lines: new Map(), waiting: 0 };
    this.#bands.splice(at === -1 ? this.#bands.length : at, 0, band);
    return band;
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
