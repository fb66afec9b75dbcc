// What a batch of groups works on: the facts that it has looked at, and what it has changed of them. Nothing of a store is
// changed from here; a store writes once, from `changes`, what the whole batch has come to. Rows are never changed in
// place, so that what was handed out stays what it was, and a refused group can be undone by forgetting.
import { type EventRow, type ExecutionRow, isOpenRun, type LedgerRow, type NewRow } from '../rows.ts';
import {
  type CountName,
  type DeliveryFacts,
  type Facts,
  type Kind,
  type Numbered,
  pair,
  type Source,
} from './facts.ts';
import type { Order, Terms } from './orders.ts';

/** A rule has asked for what none of its needs has named. */
export class NotLoaded extends Error {
  constructor(kind: Kind, key: string) {
    super(`a rule asks for ${kind} "${key.replace('\0', ' ')}", which its needs do not name`);
    this.name = 'NotLoaded';
  }
}

type Shelves = { [K in Kind]: Map<string, Facts[K]> };
type AnyMap = Map<string, unknown>;

/** What is to be written. */
export interface Changes {
  /** Of each kind, what was changed, by key, with what it was at first; undefined where that was not looked at. */
  before: { [K in Kind]?: ReadonlyMap<string, Facts[K] | undefined> };
  /** What it has become. */
  after: { [K in Kind]: ReadonlyMap<string, Facts[K]> };
  events: readonly EventRow[];
  entries: readonly LedgerRow[];
  orders: readonly Order[];
  /** Executions that have gone. */
  removed: readonly ExecutionRow[];
}

interface Mark {
  log: number;
  events: number;
  entries: number;
  orders: number;
  removed: number;
}

export class WorkingSet {
  readonly terms: Terms;
  readonly #source: Source | null;
  readonly #known = shelves();
  #before: Partial<Record<Kind, AnyMap>> = {};
  /** How to go back: maps, with what they held before. */
  #log: [map: AnyMap, key: string, was: unknown][] = [];
  #events: EventRow[] = [];
  #entries: LedgerRow[] = [];
  #orders: Order[] = [];
  #removed: ExecutionRow[] = [];
  /** Executions that were changed, by what they belong to now: a fact that is looked at later does not know them. */
  readonly #ofRun = new Map<string, Set<string>>();
  readonly #ofKey = new Map<string, Set<string>>();
  readonly #ofJoinKey = new Map<string, Set<string>>();
  readonly #ofPlan = new Map<string, Set<string>>();

  /** @param source serves what was not loaded; without one, that is an error */
  constructor(terms: Terms, source: Source | null) {
    this.terms = terms;
    this.#source = source;
  }

  /** The time of everything that a batch does. */
  get now(): number {
    return this.terms.now;
  }

  get<K extends Kind>(kind: K, key: string): Facts[K] {
    const shelf = this.#known[kind] as Map<string, Facts[K]>;
    const known = shelf.get(key);
    if (known !== undefined) return known;
    if (this.#source === null) throw new NotLoaded(kind, key);
    const found = this.#source[kind](key);
    shelf.set(key, found);
    return found;
  }

  /** Whether a fact is known without a look. */
  knows(kind: Kind, key: string): boolean {
    return this.#known[kind].has(key);
  }

  /** Takes in a fact, unless it is known. */
  fill<K extends Kind>(kind: K, key: string, value: Facts[K]): void {
    const shelf = this.#known[kind] as Map<string, Facts[K]>;
    if (!shelf.has(key)) shelf.set(key, value);
  }

  /** Changes a fact. */
  put<K extends Kind>(kind: K, key: string, value: Facts[K]): void {
    const shelf = this.#known[kind] as AnyMap;
    const before = (this.#before[kind] ??= new Map());
    const was = shelf.get(key);
    if (!before.has(key)) {
      before.set(key, was);
      this.#log.push([before, key, undefined]);
    }
    this.#log.push([shelf, key, was]);
    shelf.set(key, value);
  }

  add(kind: 'counts', key: CountName, by: number): void;
  add(kind: 'keys' | 'openKeys' | 'pending', key: string, by: number): void;
  add(kind: 'counts' | 'keys' | 'openKeys' | 'pending', key: string, by: number): void {
    this.put(kind, key, this.get(kind, key) + by);
  }

  /** Gives out so many numbers; returns the first of them. */
  next(what: Numbered, many = 1): number {
    const last = this.get('last', what);
    this.put('last', what, last + many);
    return last + 1;
  }

  execution(id: string): ExecutionRow | null {
    return this.get('executions', id);
  }

  /** Those that take part in a run now, and are not the one that it is named after; oldest first. */
  members(runId: string): ExecutionRow[] {
    const rows = this.#rows(this.get('members', runId), this.#ofRun.get(runId));
    return rows.filter((row) => row.run_id === runId && row.id !== runId && row.phase !== 'done');
  }

  /** Whether an execution refers to the run, besides this one. */
  isShared(runId: string, besides: string | null = null): boolean {
    if (runId !== besides && this.get('executions', runId) !== null) return true;
    const ids = new Set([...this.get('sharers', runId), ...(this.#ofRun.get(runId) ?? [])]);
    const known = this.#known.executions;
    return [...ids].some((id) => id !== besides && (!known.has(id) || known.get(id)?.run_id === runId));
  }

  /** Those that wait or run with a concurrency key, oldest first. */
  keyed(key: string): ExecutionRow[] {
    const rows = this.#rows(this.get('keyed', key), this.#ofKey.get(key));
    return rows.filter((row) => row.concurrency_key === key && row.phase !== 'done');
  }

  /** Executions that stand for runs with a join key which others may join, oldest first. */
  openRuns(key: string): ExecutionRow[] {
    const rows = this.#rows(this.get('openRuns', key), this.#ofJoinKey.get(key));
    return rows.filter((row) => row.join_key === key && isOpenRun(row));
  }

  liveSteps(planId: string): ExecutionRow[] {
    const rows = this.#rows(this.get('liveSteps', planId), this.#ofPlan.get(planId));
    return rows.filter((row) => row.plan_id === planId && row.phase !== 'done');
  }

  allSteps(planId: string): ExecutionRow[] {
    const rows = this.#rows(this.get('allSteps', planId), this.#ofPlan.get(planId));
    return rows.filter((row) => row.plan_id === planId);
  }

  /** The deliveries of a webhook that are known, as they are now. */
  deliveriesOf(webhookId: string): DeliveryFacts[] {
    return [...this.#known.deliveries.values()].filter(
      (one) => one?.webhook_id === webhookId,
    ) as DeliveryFacts[];
  }

  /** Rows as they are now, those that were changed with them. */
  #rows(found: readonly ExecutionRow[], changed: ReadonlySet<string> | undefined): ExecutionRow[] {
    const known = this.#known.executions;
    for (const row of found) if (!known.has(row.id)) known.set(row.id, row);
    if (found.length === 0 && changed === undefined) return [];
    const ids = new Set([...found.map(({ id }) => id), ...(changed ?? [])]);
    const rows = [...ids].map((id) => known.get(id)).filter((row) => row !== null && row !== undefined);
    return rows.sort((a, b) => a.seq - b.seq);
  }

  insert(row: NewRow): ExecutionRow {
    if (this.#known.executions.get(row.id) != null)
      throw new Error(`there is an execution ${row.id} already`);
    const whole: ExecutionRow = { ...row, seq: this.next('execution') };
    // Nothing can have referred to it before: what ends and removes it in the same batch need not have named it.
    this.fill('sharers', row.id, []);
    this.#write(whole);
    return whole;
  }

  update(row: ExecutionRow, changes: Partial<ExecutionRow>): ExecutionRow {
    const whole = { ...row, ...changes };
    if (whole.plan_id !== row.plan_id && row.plan_id !== null && row.step !== null) {
      this.put('steps', pair(row.plan_id, row.step), null);
    }
    this.#write(whole);
    return whole;
  }

  remove(row: ExecutionRow): void {
    this.put('executions', row.id, null);
    this.#removed.push(row);
    if (row.plan_id !== null && row.step !== null) this.put('steps', pair(row.plan_id, row.step), null);
  }

  #write(row: ExecutionRow): void {
    this.put('executions', row.id, row);
    if (row.run_id !== row.id) note(this.#ofRun, row.run_id, row.id);
    if (row.concurrency_key !== null) note(this.#ofKey, row.concurrency_key, row.id);
    if (row.join_key !== null) note(this.#ofJoinKey, row.join_key, row.id);
    if (row.plan_id === null || row.step === null) return;
    note(this.#ofPlan, row.plan_id, row.id);
    this.put('steps', pair(row.plan_id, row.step), row.id);
  }

  announce(event: EventRow): void {
    this.#events.push(event);
  }

  enter(entry: LedgerRow): void {
    this.#entries.push(entry);
  }

  /** Has something done that needs no look at what is there. */
  order(order: Order): void {
    this.#orders.push(order);
  }

  get mark(): Mark {
    return {
      ...{ log: this.#log.length, events: this.#events.length, entries: this.#entries.length },
      ...{ orders: this.#orders.length, removed: this.#removed.length },
    };
  }

  /** Forgets what was changed since. */
  undo({ log, events, entries, orders, removed }: Mark): void {
    for (let i = this.#log.length - 1; i >= log; i--) {
      const [map, key, was] = this.#log[i] as [AnyMap, string, unknown];
      if (was === undefined) map.delete(key);
      else map.set(key, was);
    }
    this.#log.length = log;
    this.#events.length = events;
    this.#entries.length = entries;
    this.#orders.length = orders;
    this.#removed.length = removed;
  }

  /** What has been changed since `changes` was called last. */
  get changed(): Pick<Changes, 'before' | 'after'> {
    return { before: this.#before as Changes['before'], after: this.#known };
  }

  /** Hands out what is to be written, and takes it for written: later changes count as new ones. */
  changes(): Changes {
    const lists = {
      events: this.#events,
      entries: this.#entries,
      orders: this.#orders,
      removed: this.#removed,
    };
    const before = this.#before as Changes['before'];
    this.#before = {};
    this.#log = [];
    [this.#events, this.#entries, this.#orders, this.#removed] = [[], [], [], []];
    return { before, after: this.#known, ...lists };
  }
}

function note(index: Map<string, Set<string>>, of: string, id: string): void {
  const ids = index.get(of);
  if (ids === undefined) index.set(of, new Set([id]));
  else ids.add(id);
}

function shelves(): Shelves {
  return {
    ...{ executions: new Map(), members: new Map(), sharers: new Map(), attempts: new Map() },
    ...{ steps: new Map(), liveSteps: new Map(), allSteps: new Map(), firstEvents: new Map() },
    ...{ idempotency: new Map(), accounts: new Map(), windows: new Map(), reservations: new Map() },
    ...{ listeners: new Map(), pending: new Map(), webhooks: new Map(), deliveries: new Map() },
    ...{ waiting: new Map(), held: new Map(), apiKeys: new Map(), apiKeyCount: new Map(), users: new Map() },
    ...{ schedules: new Map(), scheduleNames: new Map(), scheduleCounts: new Map(), scheduleRuns: new Map() },
    ...{ signals: new Map(), signalCounts: new Map() },
    ...{ epochs: new Map(), drivers: new Map() },
    ...{
      sums: new Map(),
      keys: new Map(),
      openKeys: new Map(),
      keyed: new Map(),
      openRuns: new Map(),
      counts: new Map(),
      last: new Map(),
    },
  };
}
