// Carries out groups in one transaction: what they need is loaded in two rounds, the rules are applied in memory, and what they
// come to is written at once. Four journeys to the database, however many groups there are. Nothing that another server may
// have changed is taken from memory, but for the queue, which repeats what others have done.
import { SLOT_KINDS } from '../../domain/kinds.ts';
import type { Shares } from '../../domain/ports/store.ts';
import { EQUAL_SHARES } from '../shares.ts';
import { applyGroup, firstNeeds, secondNeeds } from '../rules/groups.ts';
import { changeNeeds } from '../rules/moves.ts';
import type { Terms } from '../rules/orders.ts';
import type { ClaimNext, GroupReply, RulePart, Work } from '../rules/parts.ts';
import { claims, type Look, type LookAtUser } from '../rules/picking.ts';
import type { Place, QueueChange } from '../rules/queue.ts';
import { type Changes, WorkingSet } from '../rules/working-set.ts';
import type { ExecutionRow } from '../rows.ts';
import { statementsOf } from './changes.ts';
import type { Connection } from './database.ts';
import { load, NOTHING_LOADED } from './load.ts';
import { Following, heads, isAt, Waiting } from './waiting.ts';
import type { Begun } from './writer.ts';

export type RuleGroup = readonly RulePart[];

/** What was carried out, before it is known whether it is stored. */
export interface Carried {
  replies: GroupReply[];
  changes: Changes;
  now: number;
  /** The transaction that it is. */
  number: number;
  /** Position of the last event. */
  upTo: number;
  queueChanges: readonly QueueChange[];
  /** Resolves when all of it is written. */
  written: Promise<unknown>;
}

/** Places that are looked at ahead of claims, and executions in them. */
const LOOKS = 64;

export class Batches {
  readonly #waiting = new Waiting();
  #terms: Omit<Terms, 'now'>;

  constructor(maxDeliveries: number) {
    this.#terms = { maxDeliveries, shares: EQUAL_SHARES };
  }

  setShares(shares: Shares): void {
    this.#terms = { ...this.#terms, shares };
    this.#waiting.queue.openAll();
  }

  /** The transaction after which the queue is known; what others have changed since is to be read. */
  get known(): number | null {
    return this.#waiting.known;
  }

  /**
   * Carries out groups at a time, one after the other, in a transaction of the caller, who then says how that has ended. What
   * they need is looked up ahead for all of them.
   */
  async apply(connection: Connection, groups: readonly RuleGroup[], begun: Begun): Promise<Carried> {
    const { now, number } = begun;
    const set = new WorkingSet({ ...this.#terms, now }, NOTHING_LOADED);
    const waiting = this.#waiting;
    if (!waiting.follow(begun.queueChanges, number - 1)) await waiting.reload(connection);
    // Whatever is carried out takes places in the queue.
    waiting.begin();
    const following = new Following(waiting, set);
    const ahead = new Ahead(connection, set, following);
    const decided = groups.filter((group) => !isClaim(group));
    const parts = groups.filter(isClaim).map(([part]) => part);
    const claimed = [...new Set(parts.flatMap(({ pools }) => pools))];
    const [rows] = await Promise.all([
      ahead.rows(this.#looks(parts)),
      load(connection, set, firstNeeds(decided, now)),
      load(connection, set, { counts: claimed.map((pool) => `queued ${pool}`) }),
    ]);
    await Promise.all([
      load(connection, set, changeNeeds(rows)),
      load(connection, set, secondNeeds(decided, set)),
    ]);
    // What is counted is the truth.
    const counted = [...SLOT_KINDS, ...claimed];
    if (!waiting.isLike(counted, (pool) => set.get('counts', `queued ${pool}`)))
      await waiting.reload(connection);
    const replies: GroupReply[] = [];
    for (const group of groups) {
      if (!isClaim(group)) {
        replies.push(applyGroup(set, group));
        continue;
      }
      following.follow();
      const work = await claim(claims({ set, queue: waiting.queue }, group[0]), ahead);
      following.took(work.touched.map(({ row }) => row));
      replies.push({ status: 'applied', ...work });
    }
    following.follow();
    const upTo = set.get('last', 'event');
    const changes = set.changes();
    const queueChanges = waiting.queue.changes();
    return { replies, changes, now, number, upTo, queueChanges, written: write(connection, changes, now) };
  }

  /** What was carried out is stored. */
  committed(number: number): void {
    this.#waiting.committed(number);
  }

  /** Where the next ones most likely wait. */
  #looks(parts: readonly ClaimNext[]): Look[] {
    const looks: Look[] = [];
    for (const pool of new Set(parts.flatMap(({ pools }) => pools))) {
      const most = parts.reduce((sum, { pools, limit }) => sum + (pools.includes(pool) ? limit : 0), 0);
      let left = most;
      for (const band of this.#waiting.queue.bands(pool)) {
        if (left <= 0 || looks.length >= LOOKS) break;
        for (const { key, order } of band.lines.values()) {
          for (const { userId, waiting } of order.slice(0, most)) {
            if (looks.length >= LOOKS) break;
            const limit = Math.min(Math.ceil(most / Math.min(order.length, most)), waiting.get(key) ?? 0);
            looks.push({ place: { pool, priority: band.priority, userId, key }, afterSeq: 0, limit });
          }
        }
        left -= band.waiting;
      }
    }
    return looks.filter(({ limit }) => limit > 0);
  }
}

/** Sends what has changed; whoever commits waits for it. */
function write(connection: Connection, changes: Changes, now: number): Promise<unknown> {
  const sent = statementsOf(changes, now).map(({ text, values }) => connection.query(text, values));
  return Promise.all(sent);
}

async function claim(claiming: ReturnType<typeof claims>, ahead: Ahead): Promise<Work> {
  let next = claiming.next();
  while (next.done !== true) next = claiming.next(await ahead.look(next.value));
  return next.value;
}

/** What is known of what waits at a place in the database: all up to a sequence. */
interface Known {
  rows: ExecutionRow[];
  upTo: number;
}

/** Executions that wait, looked up ahead. */
class Ahead {
  readonly #connection: Connection;
  readonly #set: WorkingSet;
  readonly #following: Following;
  readonly #known = new Map<string, Known>();

  constructor(connection: Connection, set: WorkingSet, following: Following) {
    this.#connection = connection;
    this.#set = set;
    this.#following = following;
  }

  /** Looks them up; what it takes to claim them has to be loaded. */
  async rows(looks: readonly Look[]): Promise<ExecutionRow[]> {
    if (looks.length === 0) return [];
    const rows = await heads(this.#connection, looks);
    for (const { place, limit } of looks) {
      const own = rows.filter((row) => isAt(row, place));
      for (const row of own) this.#set.fill('executions', row.id, row);
      const before = this.#known.get(nameOf(place))?.rows ?? [];
      const upTo = own.length < limit ? Infinity : (own.at(-1)?.seq ?? Infinity);
      this.#known.set(nameOf(place), { rows: [...before, ...own], upTo });
    }
    return rows;
  }

  async look(at: Look | LookAtUser): Promise<ExecutionRow[]> {
    if (!('user' in at)) return this.heads(at);
    const users = [at.user];
    if (!this.#set.knows('users', at.user)) await load(this.#connection, this.#set, { users });
    return [];
  }

  /** Those that wait there now, also because of the batch, and are left. */
  async heads({ place, afterSeq, limit }: Look): Promise<ExecutionRow[]> {
    for (;;) {
      const known = this.#known.get(nameOf(place));
      const left = this.#left(place, afterSeq, known);
      if (left.length > 0 || known?.upTo === Infinity) return left;
      const rows = await this.rows([{ place, afterSeq: known?.upTo ?? 0, limit }]);
      await load(this.#connection, this.#set, changeNeeds(rows));
    }
  }

  #left(place: Place, afterSeq: number, known: Known | undefined): ExecutionRow[] {
    if (known === undefined) return [];
    const ids = new Set([...known.rows, ...this.#following.at(place)].map(({ id }) => id));
    const waits = (row: ExecutionRow | null): row is ExecutionRow =>
      row?.phase === 'queued' && isAt(row, place) && row.seq > afterSeq && row.seq <= known.upTo;
    const rows = [...ids].map((id) => this.#set.execution(id)).filter(waits);
    return rows.sort((a, b) => a.seq - b.seq);
  }
}

const nameOf = ({ pool, priority, userId, key }: Place): string =>
  `${pool} ${priority} ${key === null ? '' : `${key.length} ${key}`} ${userId}`;

const isClaim = (group: RuleGroup): group is readonly [ClaimNext] => group[0]?.type === 'claim_next';
