// The embedded store: SQLite in WAL mode with synchronous=FULL. Writes go through one worker thread, which commits all
// the groups that have gathered while it was busy with the commit before; reads run here, on the caller's thread.
// It must never answer a write before it is on the disk.
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import {
  type Execution,
  type FinishedExecution,
  isFinished,
  type PendingExecution,
  type RunningExecution,
} from '../../domain/execution/execution.ts';
import type { Account, CreditTotals, LedgerEntry } from '../../domain/credits/account.ts';
import type { Window } from '../../domain/cost.ts';
import type { EventFilter, EventRecord } from '../../domain/execution/events.ts';
import type { FileRole, FileUse, OwnedFile } from '../../domain/ports/files.ts';
import type { EndFacts } from '../../domain/execution/report.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type {
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
import type { CacheEntry, Group, GroupResult, KeptState } from '../../domain/ports/group.ts';
import { StoreError } from '../../domain/ports/store.ts';
import type { AwaitingExecution } from '../../domain/execution/execution.ts';
import type { Signal } from '../../domain/plans/waits.ts';
import type { Schedule, ScheduleRun } from '../../domain/schedules/schedule.ts';
import type { KeptUse } from '../../domain/kept.ts';
import type { QueueUse } from '../../domain/shares.ts';
import { AnswerSender } from '../answer-sender.ts';
import { type GatheredGroup, Gathering } from '../gathering.ts';
import { LocalFeed } from '../local-feed.ts';
import type { Counts } from '../memory.ts';
import { Removals } from '../removals.ts';
import { PIECE, Results } from '../results.ts';
import { toRulePart } from '../rule-parts.ts';
import { EQUAL_SHARES } from '../shares.ts';
import * as accounts from './reads/account-reads.ts';
import type {
  Delivery,
  DeliveryQuery,
  DueDelivery,
  DueLanes,
  DueLanesQuery,
  Webhook,
} from '../../domain/webhooks/webhooks.ts';
import { takeLock } from './lock.ts';
import { Reads } from './reads/reads.ts';
import { type EndsPlace, readEnds } from './reads/report-reads.ts';
import { Usages } from '../usages.ts';
import type { WriterReply, WriterRequest } from './writer.ts';

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

/** Ends of a report that are read without a pause. */
const REPORT_PIECE = 1000;
/** Executions that a page of a listing looks at, at most. */
const MOST_LOOKED_AT = 20_000;
export class SqliteStore implements Store {
  readonly #options: SqliteStoreOptions;
  readonly #results: Results;
  readonly #removals: Removals;
  readonly #gathering: Gathering;
  readonly feed: LocalFeed;
  readonly #answers = new AnswerSender();
  readonly #stats: Omit<StoreStats, 'queued'> = {
    ...{ commits: 0, groups: 0, waiting: 0, commitSeconds: 0 },
    deliveries: { pending: 0, dropped: 0 },
  };
  #replies: {
    to: WriterRequest['type'];
    resolve: (reply: WriterReply) => void;
    reject: (error: StoreError) => void;
  }[] = [];
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
    this.feed = new LocalFeed((from, upTo) => {
      const { records } = this.#read((reads) => reads.eventsAfter({ userId: null }, from, upTo - from));
      return records.filter(({ position }) => position <= upTo);
    });
    this.#results = new Results(options.maxInMemory, () => options.sleep?.(0));
    this.#removals = new Removals(this.#users, {
      endedBefore: async (...place) => this.#read((reads) => reads.endedBefore(...place)),
      hasFailedStep: async (planId) => this.#read((reads) => reads.hasFailedStep(planId)),
      leastWanted: async (...of) => this.#read((reads) => reads.leastWanted(...of)),
      pause: () => this.#turn(),
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
      this.#results.queue(this.#reads.queue());
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
    return this.#gathering.commit(groups, by);
  }

  async get(userId: string | null, id: ExecutionId): Promise<Execution | null> {
    const { cache } = this.#results;
    let execution = cache.get(id) ?? null;
    if (execution === null) {
      execution = this.#read((reads) => reads.get(id));
      if (execution !== null) cache.set(id, execution);
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
    return this.#results.place(id, this.#shares);
  }

  async keyUse(key: string): Promise<number> {
    return this.#read((reads) => reads.keyUse(key));
  }

  async pendingToFollow(): Promise<PendingExecution[]> {
    const pending = this.#read((reads) => reads.pendingToFollow());
    return pending.filter((execution) => execution.status === 'pending');
  }

  expired(...of: Parameters<Store['expired']>): ReturnType<Store['expired']> {
    return this.#removals.expired(...of);
  }

  aboveBytes(...of: Parameters<Store['aboveBytes']>): ReturnType<Store['aboveBytes']> {
    return this.#removals.aboveBytes(...of);
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

  async awaiting(): Promise<AwaitingExecution[]> {
    return (await this.#read((reads) => reads.awaiting())) as AwaitingExecution[];
  }

  async signals(subjectId: ExecutionId): Promise<Signal[]> {
    return this.#read((reads) => reads.signals(subjectId));
  }

  async linkKey(): Promise<string> {
    return this.#read((reads) => reads.linkKey());
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
    const pending =
      queued.process + queued.http + others.delayed + others.awaiting + others.scheduledRetry + others.joined;
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
    await this.#gathering.ended();
    await this.#shut();
  }

  /** One transaction. A group that the database itself refused is answered with its error. */
  async #write(groups: readonly GatheredGroup[]): Promise<(GroupResult | StoreError)[]> {
    // The clock of the store is that of its process: whoever compares times knows its jumps.
    const now = this.#options.now();
    const reply = await this.#call({
      ...{ type: 'commit', now },
      groups: groups.map(({ group, by }) =>
        group.map((part) => (part.type === 'answers' ? this.#answers.toWriter(part) : toRulePart(part, by))),
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
      results.push(await this.#results.of((groups[i] as GatheredGroup).group, answer, now));
    return results;
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

function unexpected(reply: WriterReply): StoreError {
  return new StoreError(`the writer answered "${reply.type}"`);
}
