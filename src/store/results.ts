// What the rules have answered, as executions, for those who asked; and what is kept in memory of executions: those that were
// read last, and the order of the queue.
import { LRUCache } from 'lru-cache';
import type { LedgerEntry } from '../domain/credits/account.ts';
import { endedAtOnce, type Execution, slotKindOf } from '../domain/execution/execution.ts';
import type { ExecutionId } from '../domain/ids.ts';
import { type PoolKey, poolKey, poolOf } from '../domain/pools.ts';
import type { Group, GroupResult } from '../domain/ports/group.ts';
import { type QueuePlace, type Shares, StoreError } from '../domain/ports/store.ts';
import { written } from './answer-sender.ts';
import { QueueOrder } from './queue-order.ts';
import { costOf, type ExecutionRow, type LedgerRow, toEntry, toEvent, toExecution } from './rows.ts';
import type { GroupReply, RowWithAttempts } from './rules/parts.ts';

/** A group that the database itself refused; its neighbours are not touched by it. */
export interface GroupFailure {
  status: 'failed';
  message: string;
}

/** Executions of one answer that are made without a pause: a plan may touch thousands at once. */
export const PIECE = 250;
/** Bytes of specs and results that the cache holds at most. */
const CACHE_BYTES = 64 * 1024 * 1024;

export class Results {
  readonly cache: LRUCache<ExecutionId, Execution>;
  /** By what is waited for; null: not kept here. */
  readonly #queues: Map<PoolKey, QueueOrder> | null;
  readonly #specSizes = new WeakMap<Execution['spec'], number>();
  readonly #pause: () => Promise<void> | undefined;

  /**
   * @param maxInMemory executions kept for reading
   * @param pause lets others have their turn
   * @param hasQueue whether the order of the queue is kept here: not where others change it as well
   */
  constructor(maxInMemory: number, pause: () => Promise<void> | undefined, hasQueue = true) {
    this.#pause = pause;
    this.#queues = hasQueue ? new Map() : null;
    this.cache = new LRUCache({
      max: Math.max(1, maxInMemory),
      maxSize: CACHE_BYTES,
      sizeCalculation: (execution) => this.#sizeOf(execution),
    });
  }

  /** Takes in what waits. */
  queue(rows: Iterable<Pick<ExecutionRow, 'id' | 'pool' | 'user_id' | 'priority' | 'seq'>>): void {
    for (const { id, pool, user_id: userId, priority, seq } of rows)
      if (pool !== 'none') this.#put(pool, id, { userId, priority, seq });
  }

  place(id: ExecutionId, { users, weight }: Shares): QueuePlace | null {
    const weightOf = (userId: string) => users[userId]?.weight ?? weight;
    for (const queue of this.#queues?.values() ?? []) {
      const place = queue.place(id, weightOf);
      if (place !== null) return place;
    }
    return null;
  }

  /** @param now when the group was carried out */
  async of(group: Group, reply: GroupReply | GroupFailure, now: number): Promise<GroupResult | StoreError> {
    if (reply.status === 'stale') return reply;
    if (reply.status === 'failed') return new StoreError(`the store rejected a group: ${reply.message}`);
    if (reply.status === 'refused') {
      if (reply.reason !== 'illegal') return reply;
      return { status: 'refused', reason: 'illegal', execution: this.#known(reply.current) };
    }
    const events = reply.events.map(toEvent);
    const ended = group.find((part) => part.type === 'accept' && part.end !== null);
    if (ended?.type === 'accept' && ended.end !== null) {
      const execution = endedAtOnce(ended.execution, ended.end, now);
      const row = reply.touched[0]?.row;
      execution.cost = row === undefined ? null : costOf(row);
      this.cache.set(execution.id, execution);
      return { status: 'applied', executions: [execution], events, ...this.#entriesOf(reply.entries) };
    }
    const [only] = group;
    if (only?.type === 'answers') return written(only, reply.answers);
    const isRemoval = group.some((part) => part.type === 'remove');
    const executions = await this.#touched(reply.touched, isRemoval);
    return { status: 'applied', executions, events, ...this.#entriesOf(reply.entries) };
  }

  async #touched(touched: readonly RowWithAttempts[], isRemoval: boolean): Promise<Execution[]> {
    let first: Execution | null = null;
    const executions: Execution[] = [];
    for (const [i, { row, attempts, hasResultOfFirst }] of touched.entries()) {
      if (i % PIECE === PIECE - 1) await this.#pause();
      const execution = this.#known({ row, attempts });
      if (hasResultOfFirst === true && first?.phase === 'done' && execution.phase === 'done') {
        execution.result = first.result;
      }
      first ??= execution;
      if (isRemoval) this.cache.delete(execution.id);
      else this.cache.set(execution.id, execution);
      executions.push(execution);
      const slotKind = slotKindOf(execution.work);
      if (slotKind === null || this.#queues === null) continue;
      const pool = poolKey(slotKind, poolOf(execution.work));
      if (execution.phase === 'queued') {
        const { userId, priority, queueSequence: seq } = execution;
        this.#put(pool, execution.id, { userId, priority, seq });
      } else {
        const queue = this.#queues.get(pool);
        queue?.delete(execution.id);
        if (queue?.size === 0) this.#queues.delete(pool);
      }
    }
    return executions;
  }

  #put(pool: PoolKey, id: ExecutionId, entry: Parameters<QueueOrder['put']>[1]): void {
    if (this.#queues === null) return;
    let queue = this.#queues.get(pool);
    if (queue === undefined) this.#queues.set(pool, (queue = new QueueOrder()));
    queue.put(id, entry);
  }

  /** What was added to the ledger; executions in memory are told what they were charged. */
  #entriesOf(rows: readonly LedgerRow[] | undefined): { entries?: LedgerEntry[] } {
    if (rows === undefined) return {};
    const entries = rows.map(toEntry);
    for (const { subjectId, amount, balanceAfter } of entries) {
      const known = this.cache.peek(subjectId);
      // One that was read between the commit and its answer has it already.
      if (known?.cost?.charged !== null) continue;
      const cost = { ...known.cost, charged: Math.abs(amount), balanceAfter };
      this.cache.set(subjectId, { ...known, revision: known.revision + 1, cost });
    }
    return { entries };
  }

  /** What was asked for never changes, and may be long: it is read once. */
  #known({ row, attempts }: RowWithAttempts): Execution {
    return toExecution(row, attempts, this.cache.peek(row.id)?.spec);
  }

  /** Approximate bytes in memory. */
  #sizeOf(execution: Execution): number {
    const { spec } = execution;
    let bytes = this.#specSizes.get(spec);
    if (bytes === undefined) {
      bytes = sizeOf(spec);
      this.#specSizes.set(spec, bytes);
    }
    return 2048 + bytes + (execution.phase === 'done' ? sizeOf(execution.result) : 0);
  }
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length * 2;
  if (typeof value !== 'object' || value === null) return 8;
  return Object.entries(value).reduce((sum, [name, item]) => sum + name.length + sizeOf(item), 16);
}
