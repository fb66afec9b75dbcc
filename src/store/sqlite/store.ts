// The embedded store: SQLite in WAL mode with synchronous=FULL. Writes go through one worker thread, which commits all
// the groups that have gathered while it was busy with the commit before; reads run here, on the caller's thread.
// It must never answer a write before it is on the disk.
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { LRUCache } from 'lru-cache';
import {
  endedAtOnce,
  type Execution,
  type FinishedExecution,
  isFinished,
  type PendingExecution,
  type Pool,
  poolOf,
  type RunningExecution,
} from '../../domain/execution/execution.ts';
import type { Account, CreditTotals, LedgerEntry } from '../../domain/credits/account.ts';
import type { Window } from '../../domain/cost.ts';
import type { EventFilter, EventRecord } from '../../domain/execution/events.ts';
import { writeJson } from '../../domain/exact-json.ts';
import type { FileRole, FileUse, OwnedFile } from '../../domain/ports/files.ts';
import { cacheId } from '../../domain/cache.ts';
import type { EndFacts } from '../../domain/execution/report.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type {
  Ages,
  DueStart,
  EventPage,
  InterruptedAttempt,
  ListFilter,
  ListPage,
  QueuePlace,
  ReportWindow,
  Shares,
  StepRecord,
  Store,
  StoreCounts,
  StoreStats,
} from '../../domain/ports/store.ts';
import { ONLY, type Replica, type StoreIdentity } from '../../domain/ports/replica.ts';
import type { AnswersPart, CacheEntry, Group, GroupResult, KeptState } from '../../domain/ports/group.ts';
import { StoreError } from '../../domain/ports/store.ts';
import type { Schedule, ScheduleRun } from '../../domain/schedules/schedule.ts';
import { dataBytesOf, type KeptUse } from '../../domain/kept.ts';
import { type QueueUse, surplusOf } from '../../domain/shares.ts';
import type { Kind } from '../../domain/spec/spec.ts';
import { costOf, type LedgerRow, newRow, toEntry, toEvent, toExecution } from '../rows.ts';
import { EQUAL_SHARES } from '../shares.ts';
import * as accounts from './reads/account-reads.ts';
import { AnswerSender, written } from './answer-sender.ts';
import type {
  Delivery,
  DeliveryQuery,
  DueDelivery,
  DueLanes,
  DueLanesQuery,
  Webhook,
} from '../../domain/webhooks/webhooks.ts';
import type { GroupReply, RowWithAttempts, RulePart } from '../rules/parts.ts';
import { SqliteFeed } from './feed.ts';
import { takeLock } from './lock.ts';
import { QueueOrder } from './queue-order.ts';
import { type EndPlace, Reads } from './reads/reads.ts';
import { type EndsPlace, readEnds } from './reads/report-reads.ts';
import type { Counts } from './memory.ts';
import { Usages } from './usages.ts';
import type { GroupFailure, WriterReply, WriterRequest } from './writer.ts';

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

/** Executions of one answer of the writer that are read without a pause: a plan may touch thousands at once. */
const PIECE = 250;
/** Ends of a report that are read without a pause. */
const REPORT_PIECE = 1000;
/** Executions that a page of a listing looks at, at most. */
const MOST_LOOKED_AT = 20_000;
/** How long a transaction waits for more groups, ms. */
const GATHER_MS = 8;
/** Bytes of specs and results that the read cache holds at most. */
const CACHE_BYTES = 64 * 1024 * 1024;

interface Waiting {
  groups: readonly Group[];
  /** The epoch that does it. */
  by: number;
  resolve: (results: GroupResult[]) => void;
  reject: (error: unknown) => void;
}

export class SqliteStore implements Store {
  readonly #options: SqliteStoreOptions;
  readonly #cache: LRUCache<ExecutionId, Execution>;
  readonly feed: SqliteFeed;
  readonly #answers = new AnswerSender();
  readonly #queues = { process: new QueueOrder(), http: new QueueOrder() } satisfies Record<Pool, QueueOrder>;
  readonly #specSizes = new WeakMap<Execution['spec'], number>();
  readonly #stats: Omit<StoreStats, 'queued'> = {
    ...{ commits: 0, groups: 0, waiting: 0, commitSeconds: 0 },
    deliveries: { pending: 0, dropped: 0 },
  };
  #replies: {
    to: WriterRequest['type'];
    resolve: (reply: WriterReply) => void;
    reject: (error: StoreError) => void;
  }[] = [];
  #gathered: Waiting[] = [];
  /** What the next transaction waits for. */
  #crowd: { groups: number; isThere: AbortController } | null = null;
  #lastGroups = 0;
  #writing: Promise<void> | null = null;
  #worker: Worker | null = null;
  #reads: Reads | null = null;
  #releaseLock: (() => void) | null = null;
  #failure: StoreError | null = null;
  #counts: Counts | null = null;
  /** Of users for whom something waits or is kept. */
  readonly #users = new Usages();
  #shares: Shares = EQUAL_SHARES;
  #searching: Promise<void> = Promise.resolve();
  /** Of the replica that has opened it first, which most often is the only one. */
  #epoch = 0;
  #instanceId = '';
  #bootId = '';

  constructor(options: SqliteStoreOptions) {
    this.#options = options;
    this.feed = new SqliteFeed((from, upTo) => {
      const { records } = this.#read((reads) => reads.eventsAfter({ userId: null }, from, upTo - from));
      return records.filter(({ position }) => position <= upTo);
    });
    this.#cache = new LRUCache({
      max: Math.max(1, options.maxInMemory),
      maxSize: CACHE_BYTES,
      sizeCalculation: (execution) => this.#sizeOf(execution),
    });
  }

  async open(replica = ONLY): Promise<StoreIdentity> {
    if (this.#reads !== null) return this.#enter(replica);
    const { dir, owner, maxDeliveries, isStrict = false } = this.#options;
    this.#releaseLock = takeLock(join(dir, 'lock'), owner);
    try {
      const file = join(dir, 'execd.db');
      this.#bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
      this.#worker = this.#startWorker();
      const opened = await this.#call({
        type: 'open',
        file,
        instanceId: crypto.randomUUID(),
        maxDeliveries,
        isStrict,
      });
      if (opened.type !== 'opened') throw unexpected(opened);
      this.#instanceId = opened.instanceId;
      this.#counts = opened.counts;
      for (const [user, usage] of opened.users) this.#users.set(user, usage);
      this.#stats.deliveries = opened.deliveries;
      this.#reads = new Reads(file);
      for (const { id, pool, user_id: userId, priority, seq } of this.#reads.queue())
        if (pool !== 'none') this.#queues[pool].put(id, { userId, priority, seq });
      this.setShares(this.#shares);
      this.feed.begin(this.#reads.eventEnds(null).last);
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
    const entered = await this.#call({ type: 'enter', bootId: this.#bootId, replica, now });
    if (entered.type !== 'entered') throw unexpected(entered);
    const instanceId = this.#instanceId;
    // The only one has the mark that it had before there were others.
    const mark = replica.name === ONLY.name ? instanceId : `${instanceId}.${replica.name}`;
    return { instanceId, mark, epoch: entered.epoch };
  }

  setShares(shares: Shares): void {
    this.#shares = shares;
    if (this.#reads === null) return;
    // A writer that has failed fails whatever comes next, and says so there.
    this.#call({ type: 'shares', shares }).catch(() => undefined);
  }

  async interrupted(by = this.#epoch): Promise<InterruptedAttempt[]> {
    return this.#read((reads) => reads.interrupted(by, this.#bootId, this.#options.now()));
  }

  async leads(by: number): Promise<boolean> {
    return this.#read((reads) => reads.leads(by, this.#options.now()));
  }

  commit(groups: readonly Group[], by = this.#epoch): Promise<GroupResult[]> {
    return new Promise((resolve, reject) => {
      this.#gathered.push({ groups, by, resolve, reject });
      this.#stats.waiting += groups.length;
      if (this.#crowd !== null && this.#stats.waiting >= this.#crowd.groups) this.#crowd.isThere.abort();
      this.#writing ??= this.#writeGathered();
    });
  }

  async get(userId: string | null, id: ExecutionId): Promise<Execution | null> {
    let execution = this.#cache.get(id) ?? null;
    if (execution === null) {
      execution = this.#read((reads) => reads.get(id));
      if (execution !== null) this.#cache.set(id, execution);
    }
    return execution !== null && (userId === null || execution.userId === userId) ? execution : null;
  }

  async finished(userId: string, id: ExecutionId): Promise<FinishedExecution | null> {
    const execution = this.#read((reads) => reads.get(id));
    return execution !== null && isFinished(execution) && execution.userId === userId ? execution : null;
  }

  async list(filter: ListFilter, limit: number, after: ExecutionId | null): Promise<ListPage> {
    const executions: Execution[] = [];
    const listing = this.#read((reads) => reads.listing(filter));
    let next = after;
    let left = Math.max(MOST_LOOKED_AT, limit);
    // One more than is wanted shows whether there is a next page.
    for (let size = Math.min(PIECE, limit + 1); ; size = Math.min(PIECE, size * 4)) {
      const piece = this.#read((reads) => {
        const { rows, ...others } = listing.piece(limit - executions.length, Math.min(size, left), next);
        return { found: reads.toExecutions(rows), ...others };
      });
      executions.push(...piece.found);
      ({ next } = piece);
      left -= piece.looked;
      if (next === null || executions.length === limit || left <= 0) return { executions, next };
      await this.#turn();
    }
  }

  /** Searches that take long wait in one line and go on one at a time, so that others wait for one piece of one of them. */
  async #turn(): Promise<void> {
    this.#searching = this.#searching.then(() => this.#options.sleep?.(0));
    await this.#searching;
  }

  async events(
    userId: string | null,
    id: ExecutionId,
    afterSequence: number,
    limit = -1,
  ): Promise<EventRecord[]> {
    const records = this.#read((reads) => reads.events(id, afterSequence, limit));
    return userId === null || records[0]?.userId === userId ? records : [];
  }

  async eventsAfter(filter: EventFilter, position: number, limit: number): Promise<EventPage> {
    return this.#read((reads) => reads.eventsAfter(filter, position, limit));
  }

  async eventEnds(userId: string | null): Promise<{ last: number; swept: number }> {
    return this.#read((reads) => reads.eventEnds(userId));
  }

  async queuePosition(id: ExecutionId): Promise<number | null> {
    const place = await this.queuePlace(id);
    return place === null ? null : place.higher + place.own + place.others;
  }

  async queuePlace(id: ExecutionId): Promise<QueuePlace | null> {
    const { users, weight } = this.#shares;
    const weightOf = (userId: string) => users[userId]?.weight ?? weight;
    const { process, http } = this.#queues;
    return process.place(id, weightOf) ?? http.place(id, weightOf);
  }

  async keyUse(key: string): Promise<number> {
    return this.#read((reads) => reads.keyUse(key));
  }

  async pendingToFollow(): Promise<PendingExecution[]> {
    const pending = this.#read((reads) => reads.pendingToFollow());
    return pending.filter((execution) => execution.status === 'pending');
  }

  async expired(
    ages: Ages,
    keepAtMost: number,
    limit: number,
    youngAfter = Infinity,
  ): ReturnType<Store['expired']> {
    const old = await this.#old(ages, limit);
    if (old.length > 0) return old;
    const kept = [...this.#users.all()].map(([userId, { kept }]) => [userId, kept] as const);
    const total = kept.reduce((sum, [, n]) => sum + n, 0);
    const before = this.#toCut(surplusOf(kept, total - keepAtMost), youngAfter, limit);
    return before.length > 0 ? before : this.#toCut(surplusOf(kept, total - 2 * keepAtMost), Infinity, limit);
  }

  async aboveBytes(keepBytes: number, limit: number, youngAfter: number): ReturnType<Store['aboveBytes']> {
    const total = dataBytesOf(this.#users.sum);
    if (total <= keepBytes) return [];
    const usages = [...this.#users.all()].filter(([, { kept }]) => kept > 0);
    const taken = usages.map(([userId, usage]) => [userId, dataBytesOf(usage)] as const);
    // About as many as it takes: the caller asks again.
    const cuts = (surplus: number) =>
      surplusOf(taken, surplus).map(([userId, bytes]): [string, number] => {
        const usage = this.#users.of(userId);
        return [userId, Math.ceil((bytes / dataBytesOf(usage)) * usage.kept)];
      });
    const old = this.#toCut(cuts(total - keepBytes), youngAfter, limit);
    return old.length > 0 ? old : this.#toCut(cuts(total - 2 * keepBytes), Infinity, limit);
  }

  async #old({ finishedBefore, failedBefore }: Ages, limit: number): ReturnType<Store['expired']> {
    const first: EndPlace = { finishedAt: Number.MIN_SAFE_INTEGER, id: '' };
    const found: { id: ExecutionId; kind: Kind }[] = this.#read((reads) =>
      reads.endedBefore(true, failedBefore, first, limit),
    );
    let place = first;
    while (found.length < limit) {
      const after = place;
      const piece = this.#read((reads) => reads.endedBefore(false, finishedBefore, after, limit));
      const isKept = (one: { id: ExecutionId; kind: Kind; finishedAt: number }) =>
        one.kind === 'plan' &&
        one.finishedAt >= failedBefore &&
        this.#read((reads) => reads.hasFailedStep(one.id));
      found.push(...piece.filter((one) => !isKept(one)));
      const last = piece.at(-1);
      if (last === undefined || piece.length < limit) break;
      place = last;
      await this.#turn();
    }
    return found.slice(0, limit).map(({ id, kind }) => ({ id, kind }));
  }

  #toCut(
    cuts: readonly [userId: string, n: number][],
    endedBefore: number,
    limit: number,
  ): { id: ExecutionId; kind: Kind }[] {
    const found: { id: ExecutionId; kind: Kind }[] = [];
    for (const [userId, n] of cuts) {
      if (found.length >= limit) break;
      found.push(
        ...this.#read((reads) => reads.leastWanted(userId, endedBefore, Math.min(n, limit - found.length))),
      );
    }
    return found;
  }

  async dueStarts(now: number, after: DueStart | null, limit: number): Promise<DueStart[]> {
    return this.#read((reads) => reads.dueStarts(now, after, limit));
  }

  async nextStart(): Promise<number | null> {
    return this.#read((reads) => reads.nextStart());
  }

  async ends(window: ReportWindow, limit: number): ReturnType<Store['ends']> {
    const ends: EndFacts[] = [];
    let place: EndsPlace = { finishedAt: window.to, id: '' };
    while (ends.length < limit) {
      const before = place;
      const size = Math.min(REPORT_PIECE, limit - ends.length);
      const piece = this.#read((reads) => readEnds(reads, window, before, size));
      ends.push(...piece.ends);
      if (piece.next === null) return { ends, isComplete: true };
      place = piece.next;
      await this.#turn();
    }
    return { ends, isComplete: false };
  }

  async missing(ids: readonly ExecutionId[]): Promise<ExecutionId[]> {
    return this.#read((reads) => reads.missing(ids));
  }

  async livePlans(by = this.#epoch): Promise<RunningExecution[]> {
    const plans = this.#read((reads) => reads.livePlans(by, this.#options.now()));
    return plans.filter((plan) => plan.status === 'running');
  }

  async files(ownerId: string, role: FileRole): Promise<OwnedFile[]> {
    return this.#read((reads) => reads.files.files(ownerId, role));
  }

  async file(ownerId: string, role: FileRole, path: string): Promise<OwnedFile | null> {
    return this.#read((reads) => reads.files.file(ownerId, role, path));
  }

  async fileUse(userId: string): Promise<{ own: FileUse; all: FileUse }> {
    return this.#read((reads) => reads.files.use(userId));
  }

  async unusedBlobs(limit: number): Promise<string[]> {
    return this.#read((reads) => reads.files.unused(limit));
  }

  async knownBlobs(): Promise<string[]> {
    return this.#read((reads) => reads.files.known());
  }

  async uploads(
    filter: { userId: string | null; expiredAt: number | null },
    limit: number,
  ): Promise<OwnedFile[]> {
    return this.#read((reads) => reads.files.uploads(filter, limit));
  }

  async steps(planId: ExecutionId): Promise<StepRecord[]> {
    return this.#read((reads) => reads.steps(planId));
  }

  async stepId(planId: ExecutionId, step: string): Promise<ExecutionId | null> {
    return this.#read((reads) => reads.stepId(planId, step));
  }

  async stepBytes(planIds: readonly ExecutionId[]): Promise<Map<ExecutionId, number>> {
    return this.#read((reads) => reads.stepBytes(planIds));
  }

  async stepCounts(planId: ExecutionId): Promise<Partial<Record<StepRecord['status'], number>>> {
    return this.#read((reads) => reads.stepCounts(planId));
  }

  async cacheEntries(limit: number): Promise<CacheEntry[]> {
    return this.#read((reads) => reads.cacheEntries(limit));
  }

  async circuits(): Promise<KeptState[]> {
    return this.#read((reads) => reads.circuits());
  }

  async account(userId: string): Promise<Account | null> {
    return this.#read((reads) => accounts.readAccount(reads, userId));
  }

  async entries(userId: string, limit: number, before: number | null): Promise<LedgerEntry[]> {
    return this.#read((reads) => accounts.readEntries(reads, userId, limit, before));
  }

  async grant(grantId: ExecutionId): Promise<LedgerEntry | null> {
    return this.#read((reads) => accounts.readGrant(reads, grantId));
  }

  async dueCharges(shard: number, shards: number, limit: number): Promise<ExecutionId[]> {
    return this.#read((reads) => accounts.readDueCharges(reads, shard, shards, limit));
  }

  async windowCredits(userId: string, windows: readonly Window[], at: number): Promise<number> {
    return this.#read((reads) => accounts.readWindowCredits(reads, userId, windows, at));
  }

  async creditTotals(): Promise<CreditTotals> {
    return this.#read((reads) => accounts.readTotals(reads));
  }

  async apiKeys(knownVersion: number): ReturnType<Store['apiKeys']> {
    return this.#read((reads) => reads.apiKeys(knownVersion));
  }

  async expireKeys(before: number): Promise<number> {
    const reply = await this.#call({ type: 'expire_keys', before });
    if (reply.type !== 'expired') throw unexpected(reply);
    return reply.count;
  }

  async schedules(userId: string): Promise<Schedule[]> {
    return this.#read((reads) => reads.schedules.ofUser(userId));
  }

  async schedule(userId: string, name: string): Promise<Schedule | null> {
    return this.#read((reads) => reads.schedules.named(userId, name));
  }

  async dueSchedules(now: number, limit: number): Promise<Schedule[]> {
    return this.#read((reads) => reads.schedules.due(now, limit));
  }

  async nextSchedule(): Promise<number | null> {
    return this.#read((reads) => reads.schedules.nextAt());
  }

  async scheduleRuns(scheduleId: string, limit: number): Promise<ScheduleRun[]> {
    return this.#read((reads) => reads.schedules.runs(scheduleId, limit));
  }

  async webhooks(userId: string): Promise<Webhook[]> {
    return this.#read((reads) => reads.webhooks.webhooks(userId));
  }

  async webhook(userId: string, id: string): Promise<Webhook | null> {
    return this.#read((reads) => reads.webhooks.webhook(userId, id));
  }

  async deliveries(webhookId: string, query: DeliveryQuery): Promise<Delivery[]> {
    return this.#read((reads) => reads.webhooks.deliveries(webhookId, query));
  }

  async delivery(webhookId: string, id: number): Promise<Delivery | null> {
    return this.#read((reads) => reads.webhooks.delivery(webhookId, id));
  }

  async dueLanes(query: DueLanesQuery): Promise<DueLanes> {
    return this.#read((reads) => reads.webhooks.dueLanes(query));
  }

  async dueDeliveries(lane: string, now: number, limit: number): Promise<DueDelivery[]> {
    return this.#read((reads) => reads.webhooks.due(lane, now, limit));
  }

  async counts(): Promise<StoreCounts> {
    if (this.#counts === null) throw new StoreError('the store is not open');
    const { queued, ...others } = this.#counts;
    const pending = queued.process + queued.http + others.delayed + others.scheduledRetry + others.joined;
    return { ...others, pending, oldestQueuedAt: this.#read((reads) => reads.oldestQueuedAt()) };
  }

  stats(): StoreStats {
    return { ...this.#stats, queued: this.#counts?.queued ?? NONE_QUEUED };
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
    const reply = await this.#call({ type: 'probe', now: this.#options.now() });
    if (reply.type !== 'probed') throw unexpected(reply);
  }

  async close(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
    await this.#shut();
  }

  /** Commits what has gathered until nothing is left. Never rejects. */
  async #writeGathered(): Promise<void> {
    while (this.#gathered.length > 0) {
      await this.#gather();
      const batch = this.#gathered;
      this.#gathered = [];
      try {
        const results = await this.#write(
          batch.flatMap(({ groups, by }) => groups.map((group) => ({ group, by }))),
        );
        for (const { groups, by, resolve, reject } of batch) {
          const own = results.splice(0, groups.length);
          this.feed.tell(by, own.filter((result) => !(result instanceof StoreError)) as GroupResult[]);
          const failure = own.find((result) => result instanceof StoreError);
          if (failure === undefined) resolve(own as GroupResult[]);
          else reject(failure);
        }
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
      for (const { groups } of batch) this.#stats.waiting -= groups.length;
    }
    this.#writing = null;
  }

  /**
   * Where much runs much is about to end, and a transaction of twenty groups costs little more than one of one. So it waits
   * for as many as a quarter of what runs, but not for more than the last one had, and not for long.
   */
  async #gather(): Promise<void> {
    const groups = Math.min(Math.ceil((this.#counts?.running ?? 0) / 4), this.#lastGroups);
    if (this.#stats.waiting < groups) {
      this.#crowd = { groups, isThere: new AbortController() };
      await this.#options.sleep?.(GATHER_MS, this.#crowd.isThere.signal).catch(() => undefined);
      this.#crowd = null;
    }
    this.#lastGroups = this.#stats.waiting;
  }

  /** One transaction. A group that the database itself refused is answered with its error. */
  async #write(groups: { group: Group; by: number }[]): Promise<(GroupResult | StoreError)[]> {
    // The clock of the store is that of its process: whoever compares times knows its jumps.
    const now = this.#options.now();
    const reply = await this.#call({
      ...{ type: 'commit', now },
      groups: groups.map(({ group, by }) =>
        group.map((part) =>
          part.type === 'answers' ? this.#answers.toWriter(part) : toWriterPart(part, by),
        ),
      ),
    });
    if (reply.type !== 'committed') throw unexpected(reply);
    this.#counts = reply.counts;
    for (const [user, usage] of reply.users) this.#users.set(user, usage);
    this.#stats.deliveries = reply.deliveries;
    this.#stats.commits += 1;
    this.#stats.groups += groups.length;
    this.#stats.commitSeconds += reply.seconds;
    const results: (GroupResult | StoreError)[] = [];
    for (const [i, answer] of reply.replies.entries())
      results.push(await this.#result((groups[i] as { group: Group }).group, answer, now));
    return results;
  }

  async #result(
    group: Group,
    reply: GroupReply | GroupFailure,
    now: number,
  ): Promise<GroupResult | StoreError> {
    if (reply.status === 'stale') return reply;
    if (reply.status === 'failed') return new StoreError(`the store refused a group: ${reply.message}`);
    if (reply.status === 'refused') {
      if (reply.reason !== 'illegal') return reply;
      const execution = this.#known(reply.current);
      return { status: 'refused', reason: 'illegal', execution };
    }
    const isRemoval = group.some((part) => part.type === 'remove');
    const ended = group.find((part) => part.type === 'accept' && part.end !== null);
    if (ended?.type === 'accept' && ended.end !== null) {
      const execution = endedAtOnce(ended.execution, ended.end, now);
      const row = reply.touched[0]?.row;
      execution.cost = row === undefined ? null : costOf(row);
      this.#cache.set(execution.id, execution);
      return {
        ...{ status: 'applied', executions: [execution], events: reply.events.map(toEvent) },
        ...this.#entriesOf(reply.entries),
      };
    }
    const [only] = group;
    if (only?.type === 'answers') return written(only, reply.answers);
    let first: Execution | null = null;
    const executions: Execution[] = [];
    for (const [i, { row, attempts, hasResultOfFirst }] of reply.touched.entries()) {
      if (i % PIECE === PIECE - 1) await this.#options.sleep?.(0);
      const execution = this.#known({ row, attempts });
      if (hasResultOfFirst === true && first?.phase === 'done' && execution.phase === 'done') {
        execution.result = first.result;
      }
      first ??= execution;
      if (isRemoval) this.#cache.delete(execution.id);
      else this.#cache.set(execution.id, execution);
      executions.push(execution);
      const pool = poolOf(execution.work);
      if (pool === null) continue;
      const queue = this.#queues[pool];
      if (execution.phase === 'queued') {
        const { userId, priority, queueSequence: seq } = execution;
        queue.put(execution.id, { userId, priority, seq });
      } else queue.delete(execution.id);
    }
    return {
      ...{ status: 'applied', executions, events: reply.events.map(toEvent) },
      ...this.#entriesOf(reply.entries),
    };
  }

  /** What was added to the ledger; executions in memory are told what they were charged. */
  #entriesOf(rows: readonly LedgerRow[] | undefined): { entries?: LedgerEntry[] } {
    if (rows === undefined) return {};
    const entries = rows.map(toEntry);
    for (const { subjectId, amount, balanceAfter } of entries) {
      const known = this.#cache.peek(subjectId);
      // One that was read between the commit and its answer has it already.
      if (known?.cost?.charged !== null) continue;
      const cost = { ...known.cost, charged: Math.abs(amount), balanceAfter };
      this.#cache.set(subjectId, { ...known, revision: known.revision + 1, cost });
    }
    return { entries };
  }

  /** What was asked for never changes, and may be long: it is read once. */
  #known({ row, attempts }: RowWithAttempts): Execution {
    return toExecution(row, attempts, this.#cache.peek(row.id)?.spec);
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

  #read<T>(query: (reads: Reads) => T): T {
    if (this.#reads === null) throw new StoreError('the store is not open');
    try {
      return query(this.#reads);
    } catch (error) {
      throw new StoreError('the store could not be read', { cause: error });
    }
  }

  #startWorker(): Worker {
    // The same source runs as .ts in development and as .js when built.
    const worker = new Worker(new URL(`./writer${extname(import.meta.url)}`, import.meta.url));
    worker.on('message', (reply: WriterReply) => {
      const waiting = this.#replies.shift();
      if (reply.type !== 'failed') return waiting?.resolve(reply);
      const done = waiting?.to === 'open' ? 'opened' : 'written';
      const error = new StoreError(`the store could not be ${done}: ${reply.message}`);
      if (reply.isFatal) this.#failure = error;
      waiting?.reject(error);
    });
    worker.on('error', (error) => this.#fail(new StoreError('the writer thread failed', { cause: error })));
    worker.on('exit', () => this.#fail(new StoreError('the writer thread has ended')));
    return worker;
  }

  #fail(error: StoreError): void {
    this.#failure ??= error;
    for (const { reject } of this.#replies.splice(0)) reject(error);
  }

  #call(request: WriterRequest): Promise<WriterReply> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) return reject(this.#failure);
      if (this.#worker === null) return reject(new StoreError('the store is not open'));
      try {
        this.#worker.postMessage(request);
      } catch (error) {
        return reject(new StoreError('the request could not be handed to the writer', { cause: error }));
      }
      this.#replies.push({ to: request.type, resolve, reject });
    });
  }

  async #shut(): Promise<void> {
    const worker = this.#worker;
    if (worker !== null) {
      await this.#call({ type: 'close' }).catch(() => undefined);
      this.#worker = null;
      await worker.terminate();
    }
    this.#reads?.close();
    this.#releaseLock?.();
  }
}

const NONE_QUEUED = { process: 0, http: 0 };

/** @param epoch that does it */
function toWriterPart(part: Exclude<Group[number], AnswersPart>, epoch: number): RulePart {
  // A result travels as its text: the writer has no use for its parts.
  if (part.type === 'settle') {
    return { ...part, result: part.result === null ? null : writeJson(part.result) };
  }
  if (part.type === 'cache') {
    const put = part.put.map((entry) => ({
      key: cacheId(entry),
      storedAt: entry.storedAt,
      text: writeJson(entry),
    }));
    return { ...part, put };
  }
  if (part.type === 'claim_next') return { ...part, claim: { ...part.claim, epoch } };
  if (part.type === 'stop_asked' || part.type === 'beat' || part.type === 'drive') return { ...part, epoch };
  if (part.type !== 'accept') return part;
  const { execution, end, claim: claimant, ...rest } = part;
  const claim = claimant === null ? null : { ...claimant, epoch };
  const ending = end === null ? null : { ...end, result: writeJson(end.result) };
  return {
    ...rest,
    epoch,
    claim,
    end: ending,
    row: newRow(execution),
    labels: Object.entries(execution.labels),
  };
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length * 2;
  if (typeof value !== 'object' || value === null) return 8;
  return Object.entries(value).reduce((sum, [name, item]) => sum + name.length + sizeOf(item), 16);
}

function unexpected(reply: WriterReply): StoreError {
  return new StoreError(`the writer answered "${reply.type}"`);
}
