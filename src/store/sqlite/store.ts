// The embedded store: SQLite in WAL mode with synchronous=FULL. Writes go through one worker thread, which commits all
// the groups that have gathered while it was busy with the commit before; reads run here, on the caller's thread.
// It must never answer a write before it is on the disk.
import type { Paused } from '../../domain/pauses.ts';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Execution,
  type FinishedExecution,
  isFinished,
  type RunningExecution,
} from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type {
  InterruptedAttempt,
  ListPage,
  QueuePlace,
  Shares,
  Store,
  StoreCounts,
  StoreStats,
} from '../../domain/ports/store.ts';
import {
  markOf,
  ONLY,
  type Replica,
  type ReplicaView,
  type StoreIdentity,
} from '../../domain/ports/replica.ts';
import type { Group, GroupResult } from '../../domain/ports/group.ts';
import { StoreError } from '../../domain/ports/store.ts';
import type { KeptUse } from '../../domain/kept.ts';
import type { QueueUse } from '../../domain/shares.ts';
import { AnswerSender } from '../answer-sender.ts';
import { type GatheredGroup, Gathering } from '../gathering.ts';
import { LocalFeed } from '../local-feed.ts';
import { type Counts, pendingIn } from '../memory.ts';
import { Removals } from '../removals.ts';
import { Results } from '../results.ts';
import { toRulePart } from '../rule-parts.ts';
import { EQUAL_SHARES, sharedOtherwise } from '../shares.ts';
import { takeLock } from './lock.ts';
import { Reads } from './reads/reads.ts';
import { Usages } from '../usages.ts';
import { LongReads } from './reads/long-reads.ts';
import { TableReads } from './reads/table-reads.ts';
import { WriterThread } from './writer-thread.ts';

export interface SqliteStoreOptions {
  /** Directory of the store; made when it is not there. */
  dir: string;
  /** Wall clock, ms since the epoch. */
  now: () => number;
  /** Resolves after so many milliseconds, 0 being the turn of the others; rejects when it is aborted. Left out: nothing waits for anything. */
  sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Executions kept in memory for reading. */
  maxInMemory: number;
  /** Deliveries to the webhooks of one user that may wait. */
  maxDeliveries: number;
  /** Told to another server that tries to open the directory. */
  owner: string;
  /** Looks nothing up but what the parts of a batch name, ahead of it: as a store over a network has to. */
  isStrict?: boolean;
}

export class SqliteStore extends TableReads implements Store {
  readonly #options: SqliteStoreOptions;
  readonly #results: Results;
  readonly #removals: Removals;
  readonly #gathering: Gathering;
  readonly #long: LongReads;
  readonly feed: LocalFeed;
  readonly #answers = new AnswerSender();
  readonly #stats: Omit<StoreStats, 'queued'> = {
    ...{ commits: 0, groups: 0, waiting: 0, commitSeconds: 0 },
    deliveries: { pending: 0, dropped: 0 },
  };
  #thread: WriterThread | null = null;
  #reads: Reads | null = null;
  #releaseLock: (() => void) | null = null;
  #counts: Counts | null = null;
  /** Of users for whom something waits or is kept. */
  readonly #users = new Usages();
  #shares: Shares = EQUAL_SHARES;
  /** Of the replica that has opened it first, which most often is the only one. */
  #epoch = 0;
  #instanceId = '';
  #bootId = '';

  constructor(options: SqliteStoreOptions) {
    super();
    this.#options = options;
    this.feed = new LocalFeed((from, upTo) => {
      const { records } = this.read((reads) => reads.events.after({ userId: null }, from, upTo - from));
      return records.filter(({ position }) => position <= upTo);
    });
    this.#results = new Results(options.maxInMemory, () => options.sleep?.(0));
    this.#long = new LongReads(
      (query) => this.read(query),
      () => options.sleep?.(0),
    );
    this.#removals = new Removals(() => this.#users, {
      endedBefore: async (...place) => this.read((reads) => reads.endedBefore(...place)),
      hasFailedStep: async (planId) => this.read((reads) => reads.plans.hasFailedStep(planId)),
      hasLogs: async ({ id }) => this.read((reads) => reads.plans.hasLogs(id)),
      leastWanted: async (...of) => this.read((reads) => reads.leastWanted(...of)),
      pause: () => this.#long.turn(),
    });
    this.#gathering = new Gathering({
      ...{ feed: this.feed, stats: this.#stats, sleep: options.sleep, most: Infinity },
      write: (groups) => this.#write(groups),
      running: () => this.#counts?.running ?? 0,
    });
  }

  async open(replica = ONLY): Promise<StoreIdentity> {
    if (this.#reads !== null) return this.#enter(replica);
    const { dir, owner, maxDeliveries, isStrict = false } = this.#options;
    this.#releaseLock = takeLock(join(dir, 'lock'), owner);
    try {
      const file = join(dir, 'execd.db');
      this.#bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
      this.#thread = new WriterThread();
      const instance = { instanceId: crypto.randomUUID(), maxDeliveries, isStrict };
      const opened = await this.#thread.call({ type: 'open', file, ...instance }, 'opened');
      this.#instanceId = opened.instanceId;
      this.#counts = opened.counts;
      for (const [user, usage] of opened.users) this.#users.set(user, usage);
      this.#stats.deliveries = opened.deliveries;
      this.#reads = new Reads(file);
      this.#results.queue(this.#reads.queue());
      this.#share(this.#shares);
      this.feed.begin(this.#reads.events.ends(null).last);
      const identity = await this.#enter(replica);
      this.#epoch = identity.epoch;
      return identity;
    } catch (error) {
      await this.#shut();
      throw error;
    }
  }

  async #enter(replica: Replica): Promise<StoreIdentity> {
    const now = this.#options.now();
    const { epoch } = await this.#writer.call(
      { type: 'enter', bootId: this.#bootId, replica, now },
      'entered',
    );
    const instanceId = this.#instanceId;
    return { instanceId, mark: markOf(instanceId, replica), epoch };
  }

  setPaused(paused: Paused): void {
    this.#share({ ...this.#shares, paused });
  }

  setShares(shares: Omit<Shares, 'paused'>): void {
    this.#share(sharedOtherwise(this.#shares, shares));
  }

  #share(shares: Shares): void {
    this.#shares = shares;
    // A writer that has failed fails whatever comes next, and says so there.
    this.#thread?.call({ type: 'shares', shares }, 'shared').catch(() => undefined);
  }

  async interrupted(by = this.#epoch): Promise<InterruptedAttempt[]> {
    return this.read((reads) => reads.interrupted(by, this.#bootId, this.#options.now()));
  }

  async replicas(): Promise<ReplicaView[]> {
    return this.read((reads) => reads.replicas(this.#options.now()));
  }

  async leads(by: number): Promise<boolean> {
    return this.read((reads) => reads.leads(by, this.#options.now()));
  }

  commit(groups: readonly Group[], by = this.#epoch): Promise<GroupResult[]> {
    return this.#gathering.commit(groups, by);
  }

  async get(userId: string | null, id: ExecutionId): Promise<Execution | null> {
    const { cache } = this.#results;
    let execution = cache.get(id) ?? null;
    if (execution === null) {
      execution = this.read((reads) => reads.get(id));
      if (execution !== null) cache.set(id, execution);
    }
    return execution !== null && (userId === null || execution.userId === userId) ? execution : null;
  }

  async getMany(ids: readonly ExecutionId[]): Promise<Execution[]> {
    const executions = await Promise.all(ids.map((id) => this.get(null, id)));
    return executions.filter((execution) => execution !== null);
  }

  async finished(userId: string, id: ExecutionId): Promise<FinishedExecution | null> {
    const execution = this.read((reads) => reads.get(id));
    return execution !== null && isFinished(execution) && execution.userId === userId ? execution : null;
  }

  list(...of: Parameters<Store['list']>): Promise<ListPage> {
    return this.#long.list(...of);
  }

  ends(...of: Parameters<Store['ends']>): ReturnType<Store['ends']> {
    return this.#long.ends(...of);
  }

  async queuePosition(id: ExecutionId): Promise<number | null> {
    const place = await this.queuePlace(id);
    return place === null ? null : place.higher + place.own + place.others;
  }

  async queuePlace(id: ExecutionId): Promise<QueuePlace | null> {
    return this.#results.place(id, this.#shares);
  }

  expired(...of: Parameters<Store['expired']>): ReturnType<Store['expired']> {
    return this.#removals.expired(...of);
  }

  aboveBytes(...of: Parameters<Store['aboveBytes']>): ReturnType<Store['aboveBytes']> {
    return this.#removals.aboveBytes(...of);
  }

  withLogs(...of: Parameters<Store['withLogs']>): ReturnType<Store['withLogs']> {
    return this.#removals.withLogs(...of);
  }

  async livePlans(by = this.#epoch): Promise<RunningExecution[]> {
    const plans = this.read((reads) => reads.livePlans(by, this.#options.now()));
    return plans.filter((plan) => plan.status === 'running');
  }

  async expireKeys(before: number): Promise<number> {
    const { count } = await this.#writer.call({ type: 'expire_keys', before }, 'expired');
    return count;
  }

  async counts(): Promise<StoreCounts> {
    if (this.#counts === null) throw new StoreError('the store is not open');
    const { queued: _queued, ...others } = this.#counts;
    return {
      ...others,
      pending: pendingIn(this.#counts),
      oldestQueuedAt: this.read((reads) => reads.oldestQueuedAt()),
    };
  }

  stats(): StoreStats {
    return { ...this.#stats, queued: this.#counts?.queued ?? {} };
  }

  queueUse(userId: string): QueueUse {
    return {
      waiting: this.#users.taken(userId, 'waiting'),
      retrying: this.#users.taken(userId, 'retrying', 'waiting'),
      running: this.#users.taken(userId, 'running'),
    };
  }

  keeps(userId: string): KeptUse {
    return this.#users.keeps(userId);
  }

  async probe(): Promise<void> {
    await this.#writer.call({ type: 'probe', now: this.#options.now() }, 'probed');
  }

  async close(): Promise<void> {
    await this.#gathering.ended();
    await this.#shut();
  }

  /** One transaction. A group that the database itself refused is answered with its error. */
  async #write(groups: readonly GatheredGroup[]): Promise<(GroupResult | StoreError)[]> {
    // The clock of the store is that of its process: whoever compares times knows its jumps.
    const now = this.#options.now();
    const parts = groups.map(({ group, by }) =>
      group.map((part) => (part.type === 'answers' ? this.#answers.toWriter(part) : toRulePart(part, by))),
    );
    const reply = await this.#writer.call({ type: 'commit', now, groups: parts }, 'committed');
    this.#counts = reply.counts;
    for (const [user, usage] of reply.users) this.#users.set(user, usage);
    this.#stats.deliveries = reply.deliveries;
    this.#stats.commits += 1;
    this.#stats.groups += groups.length;
    this.#stats.commitSeconds += reply.seconds;
    const results: (GroupResult | StoreError)[] = [];
    for (const [i, answer] of reply.replies.entries())
      results.push(await this.#results.of((groups[i] as GatheredGroup).group, answer, now));
    return results;
  }

  protected read<T>(query: (reads: Reads) => T): T {
    if (this.#reads === null) throw new StoreError('the store is not open');
    try {
      return query(this.#reads);
    } catch (error) {
      throw new StoreError('the store could not be read', { cause: error });
    }
  }

  /** The thread that writes. */
  get #writer(): WriterThread {
    if (this.#thread === null) throw new StoreError('the store is not open');
    return this.#thread;
  }

  async #shut(): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    await thread?.close();
    this.#reads?.close();
    this.#releaseLock?.();
  }
}
