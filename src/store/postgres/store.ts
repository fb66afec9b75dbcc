// The store in PostgreSQL: everything that the embedded store keeps, by the same rules, for one server. Writes go through one
// connection, which commits all the groups that have gathered while it was busy with the commit before; reads have their own.
// It must never answer a write before that is durable, and never guess whether it is.
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  type AwaitingExecution,
  type Execution,
  type FinishedExecution,
  isFinished,
  type PendingExecution,
  type RunningExecution,
} from '../../domain/execution/execution.ts';
import type { EndFacts } from '../../domain/execution/report.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { KeptUse } from '../../domain/kept.ts';
import type { Paused } from '../../domain/pauses.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import type { Group, GroupResult, Part } from '../../domain/ports/group.ts';
import { markOf, ONLY, type Replica, type StoreIdentity } from '../../domain/ports/replica.ts';
import {
  type InterruptedAttempt,
  type ListFilter,
  type ListPage,
  type QueuePlace,
  type Shares,
  type Store,
  type StoreCounts,
  StoreError,
  type StoreStats,
} from '../../domain/ports/store.ts';
import { HALF_IMPORTED } from '../../domain/ports/transfer.ts';
import type { QueueUse } from '../../domain/shares.ts';
import { AnswerSender } from '../answer-sender.ts';
import { type GatheredGroup, Gathering } from '../gathering.ts';
import { Removals } from '../removals.ts';
import { type GroupFailure, PIECE, Results } from '../results.ts';
import { toRulePart } from '../rule-parts.ts';
import type { GroupReply } from '../rules/parts.ts';
import type { EndsPlace } from '../end-rows.ts';
import { type SignalRow, toSignal } from '../signal-rows.ts';
import { EQUAL_SHARES, sharedOtherwise } from '../shares.ts';
import { PostgresAsks } from './asks.ts';
import { Batches, type RuleGroup } from './batches.ts';
import { PostgresBlobs } from './blobs.ts';
import { PUT_META } from './changes.ts';
import type { Connection, Database } from './database.ts';
import { pendingIn } from '../memory.ts';
import { Figures } from './memory.ts';
import { importMark } from './import-mark.ts';
import { migrate } from './migrate.ts';
import { enter, type Home, refuseOthers } from './entering.ts';
import { SharedFeed } from './feed.ts';
import { Listening } from './listening.ts';
import { LOG_CHANNEL, PostgresLogs } from './logs.ts';
import { Listing } from './reads/listing.ts';
import {
  AccountReader,
  FileReader,
  readApiKeys,
  readCache,
  readCircuits,
  readEnds,
  readOperations,
  readPauses,
  readSeries,
  ScheduleReader,
} from './reads/other-reads.ts';
import { readQueuePlaces } from './reads/queue-place.ts';
import { Reads, type StepCounts } from './reads/reads.ts';
import { Together } from './reads/together.ts';
import { WebhookReader } from './reads/webhook-reads.ts';
import { isOfData, storeError } from './trouble.ts';
import { LeaseOver, Writer } from './writer.ts';

export interface PostgresStoreOptions {
  database: Database;
  clock: Pick<Clock, 'now' | 'sleep' | 'monotonic' | 'follow'>;
  /** Where what this server has on disk lies: one server has it at a time. */
  home?: Home;
  /** Executions kept in memory for reading. */
  maxInMemory: number;
  /** Deliveries to the webhooks of one user that may wait. */
  maxDeliveries: number;
}

/** Executions that a page of a listing looks at, at most. */
const MOST_LOOKED_AT = 20_000;
/** Ends of a report that are read at once. */
const REPORT_PIECE = 1000;
const NOT_HEARING =
  'No notification of PostgreSQL arrives, so execd reads the changes of other servers four times a second. If the connections go through a pooler in transaction mode, set EXECUTION_DATABASE_LISTEN_URL to the database itself';
/** Parts that go on with what an epoch holds. */
const HELD = new Set<Part['type'] | undefined>([
  ...(['beat', 'drive', 'progress', 'settle', 'retry', 'requeue'] as const),
]);
const SET_FACTS = 'UPDATE execd.epochs SET about = (about::jsonb || $2::text::jsonb)::text WHERE epoch = $1';
/** No transaction has this number, or a greater one. */
const AFTER_ALL = Number.MAX_SAFE_INTEGER;
/** Groups of one transaction. */
const MOST_GROUPS = 256;

export class PostgresStore implements Store {
  readonly #options: PostgresStoreOptions;
  readonly #database: Database;
  readonly #writer: Writer;
  readonly #reads: Reads;
  readonly #places: Together<QueuePlace>;
  readonly #keyUse: Together<number>;
  readonly #stepCounts: Together<StepCounts>;
  readonly #accounts: AccountReader;
  readonly #files: FileReader;
  readonly #schedules: ScheduleReader;
  readonly #webhooks: WebhookReader;
  readonly #results: Results;
  readonly #removals: Removals;
  readonly #gathering: Gathering;
  readonly #answers = new AnswerSender();
  readonly feed: SharedFeed;
  /** Logs of attempts, for all servers. */
  readonly logs: PostgresLogs;
  /** Bytes of files, for all servers. */
  readonly blobs: PostgresBlobs;
  /** What servers ask of each other. */
  readonly asks: PostgresAsks;
  readonly #listening: Listening;
  readonly #stats: Omit<StoreStats, 'queued' | 'deliveries'> = {
    ...{ commits: 0, groups: 0, waiting: 0, commitSeconds: 0 },
  };
  readonly #batches: Batches;
  readonly #figures = new Figures();
  #shares: Shares = EQUAL_SHARES;
  #isOpen = false;
  #epoch = 0;
  #leaseMs: number | null = null;
  #instanceId = '';
  #linkKey = '';
  #bootId = '';

  constructor(options: PostgresStoreOptions) {
    this.#options = options;
    const { database, clock, maxInMemory } = options;
    this.#database = database;
    this.#writer = new Writer({ database: this.#database, clock });
    this.#batches = new Batches(options.maxDeliveries);
    const reads = new Reads(this.#database);
    this.#reads = reads;
    this.logs = new PostgresLogs(database);
    this.blobs = new PostgresBlobs(database, () => this.#epoch);
    this.asks = new PostgresAsks(database, () => clock.monotonic());
    this.#places = new Together((ids) => readQueuePlaces(reads, ids, this.#shares));
    this.#keyUse = new Together((keys) => reads.keyUse(keys));
    this.#stepCounts = new Together((planIds) => reads.stepCounts(planIds));
    this.#accounts = new AccountReader(reads);
    this.#files = new FileReader(reads);
    this.#schedules = new ScheduleReader(reads);
    this.#webhooks = new WebhookReader(reads);
    this.feed = new SharedFeed({
      database,
      signal: (by, signal) => this.#signal(by, JSON.stringify(signal)),
      async records(from, upTo) {
        const { records } = await reads.eventsAfter({ userId: null }, from, upTo - from);
        return records.filter(({ position }) => position <= upTo);
      },
      whyLate: () => (this.#listening.isHearing ? null : NOT_HEARING),
      changed: (userIds) => this.#figures.read(database, userIds),
    });
    this.#listening = new Listening({
      ...{ database, clock, wake: () => void this.feed.wake() },
      asked: (epoch) => {
        if (epoch === null || epoch === this.#epoch) this.asks.wake();
      },
      others: { [LOG_CHANNEL]: (said) => this.logs.heard(said) },
    });
    this.#results = new Results(maxInMemory, () => clock.sleep(0), false);
    this.#removals = new Removals(() => this.#figures.users, {
      endedBefore: (...place) => reads.endedBefore(...place),
      hasFailedStep: (planId) => reads.hasFailedStep(planId),
      hasLogs: ({ id }) => reads.hasLogs(id),
      leastWanted: (...of) => reads.leastWanted(...of),
      pause: () => Promise.resolve(),
    });
    this.#gathering = new Gathering({
      ...{ stats: this.#stats, most: MOST_GROUPS },
      sleep: (ms, signal) => clock.sleep(ms, signal),
      write: (groups) => this.#write(groups),
      running: () => this.#figures.of('running'),
    });
  }

  async open(replica = ONLY): Promise<StoreIdentity> {
    if (this.#isOpen) return this.#enter(replica);
    this.#bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    let connection: Connection | null = null;
    try {
      connection = await this.#database.connect();
      if (replica.leaseMs === null) await this.#writer.takeOver(connection);
      else await this.#writer.share(connection);
      await migrate(connection, { replica: replica.name });
      if ((await importMark(connection))?.isDone === false) throw new StoreError(HALF_IMPORTED);
      if (replica.leaseMs === null) await refuseOthers(connection);
      this.#writer.begin(connection);
      this.#instanceId = await kept(connection, 'instance_id', crypto.randomUUID());
      this.#linkKey = await kept(connection, 'link_key', randomBytes(32).toString('hex'));
      await this.#figures.read(this.#database, null);
      await this.feed.begin(replica.leaseMs !== null);
    } catch (error) {
      await connection?.close();
      await this.#database.close();
      throw storeError('Cannot open the database', error, this.#database.where);
    }
    this.#isOpen = true;
    this.#leaseMs = replica.leaseMs;
    this.#share(this.#shares);
    try {
      const identity = await this.#enter(replica);
      this.#epoch = identity.epoch;
      if (replica.leaseMs !== null) await this.#listening.start();
      return identity;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async #enter(replica: Replica): Promise<StoreIdentity> {
    const home = replica.leaseMs === null ? null : (this.#options.home?.take() ?? null);
    const { epoch } = await this.#writer.commit((connection, { now }) =>
      enter(connection, { replica, home, bootId: this.#bootId, isShared: this.#leaseMs !== null, now }),
    );
    const instanceId = this.#instanceId;
    return { instanceId, mark: markOf(instanceId, replica), epoch };
  }

  async #signal(by: number, signal: string): Promise<void> {
    await this.#writer.commit(
      () => Promise.resolve({ written: Promise.resolve(), signal }),
      () => ({ by, known: null }),
    );
    await this.feed.wake();
  }

  /** Whether others may be taken over from: after the database was away, everybody has a lease to say that it is there. */
  get #isSteady(): boolean {
    return this.#leaseMs === null || this.#writer.steadyMs >= this.#leaseMs;
  }

  setPaused(paused: Paused): void {
    this.#share({ ...this.#shares, paused });
  }

  setShares(shares: Omit<Shares, 'paused'>): void {
    this.#share(sharedOtherwise(this.#shares, shares));
  }

  #share(shares: Shares): void {
    this.#shares = shares;
    this.#batches.setShares(shares);
  }

  commit(groups: readonly Group[], by = this.#epoch): Promise<GroupResult[]> {
    if (!this.#isOpen) return Promise.reject(new StoreError('the store is not open'));
    // While nobody knows how the transaction before has ended, nothing is written for certain.
    if (this.#writer.isInDoubt)
      return Promise.reject(new StoreError('Cannot write to the database: the connection was lost'));
    return this.#gathering.commit(groups, by);
  }

  /** One transaction. A group that the database itself refuses is answered with its error. */
  async #write(groups: readonly GatheredGroup[]): Promise<(GroupResult | StoreError)[]> {
    const started = this.#options.clock.monotonic();
    const rules = groups.map(({ group, by }) => this.#toRules(group, by));
    const by = groups[0]?.by ?? this.#epoch;
    const carried = await this.#carryOut(rules, by).catch((error: unknown) => {
      if (error instanceof LeaseOver) return error;
      throw error;
    });
    // What this replica held is not its own any more; all else is not written.
    if (carried instanceof LeaseOver)
      return groups.map(({ group }) => (HELD.has(group[0]?.type) ? { status: 'stale' } : carried));
    const { replies, now } = carried;
    this.#stats.commits += 1;
    this.#stats.groups += groups.length;
    this.#stats.commitSeconds += (this.#options.clock.monotonic() - started) / 1000;
    const results: (GroupResult | StoreError)[] = [];
    for (const [i, { group }] of groups.entries())
      results.push(await this.#results.of(group, replies[i] as GroupReply | GroupFailure, now));
    const { number, upTo } = carried;
    if (number !== undefined && upTo !== undefined) {
      const told = results.filter((result) => !(result instanceof StoreError)) as GroupResult[];
      this.feed.own({ number, by, upTo, results: told });
    } else await this.feed.wake();
    return results;
  }

  async #carryOut(groups: readonly RuleGroup[], by: number): Promise<CarriedOut> {
    try {
      const done = await this.#writer.commit(
        (connection, begun) => this.#batches.apply(connection, groups, begun),
        () => ({ by, known: this.#batches.known ?? AFTER_ALL }),
      );
      this.#batches.committed(done.number);
      this.#figures.follow(done.changes, done.number);
      return done;
    } catch (error) {
      const { cause, message } = error as Error;
      if (!isOfData(cause)) throw error;
      if (groups.length === 1) return { replies: [{ status: 'failed', message }], now: 0 };
    }
    // One group among them broke the transaction: each gets its own, so that only that one fails.
    const all: CarriedOut = { replies: [], now: 0 };
    for (const group of groups) {
      const { replies, now } = await this.#carryOut([group], by);
      all.replies.push(...replies);
      all.now = Math.max(all.now, now);
    }
    return all;
  }

  #toRules(group: Group, by: number): RuleGroup {
    return group.map((part) =>
      part.type === 'answers' ? this.#answers.toWriter(part) : toRulePart(part, by),
    );
  }

  async get(userId: string | null, id: ExecutionId): Promise<Execution | null> {
    if (this.feed.isShared) {
      const read = await this.#reads.get(id);
      return read !== null && (userId === null || read.userId === userId) ? read : null;
    }
    const { cache } = this.#results;
    let execution = cache.get(id) ?? null;
    if (execution === null) {
      const read = await this.#reads.get(id);
      // A commit that has ended meanwhile has put in what it has come to.
      execution = cache.get(id) ?? read;
      if (execution !== null) cache.set(id, execution);
    }
    return execution !== null && (userId === null || execution.userId === userId) ? execution : null;
  }

  getMany(ids: readonly ExecutionId[]): Promise<Execution[]> {
    return this.#reads.executions('WHERE e.id = ANY($1)', ids);
  }

  async finished(userId: string, id: ExecutionId): Promise<FinishedExecution | null> {
    const execution = await this.#reads.get(id);
    return execution !== null && isFinished(execution) && execution.userId === userId ? execution : null;
  }

  async list(filter: ListFilter, limit: number, after: ExecutionId | null): Promise<ListPage> {
    const executions: Execution[] = [];
    const listing = new Listing(filter, (text, ...values) => this.#reads.all(text, ...values));
    let next = after;
    let left = Math.max(MOST_LOOKED_AT, limit);
    // One more than is wanted shows whether there is a next page.
    for (let size = Math.min(PIECE, limit + 1); ; size = Math.min(PIECE * 4, size * 4)) {
      const piece = await listing.piece(limit - executions.length, Math.min(size, left), next);
      executions.push(...(await this.#reads.toExecutions(piece.rows)));
      ({ next } = piece);
      left -= piece.looked;
      if (next === null || executions.length === limit || left <= 0) return { executions, next };
    }
  }

  readonly events: Store['events'] = async (userId, id, afterSequence, limit = -1) => {
    const records = await this.#reads.events(id, afterSequence, limit);
    return userId === null || records[0]?.userId === userId ? records : [];
  };
  readonly eventsAfter: Store['eventsAfter'] = (...of) => this.#reads.eventsAfter(...of);
  readonly eventEnds: Store['eventEnds'] = (userId) => this.#reads.eventEnds(userId);

  readonly queuePosition: Store['queuePosition'] = async (id) => {
    const place = await this.queuePlace(id);
    return place === null ? null : place.higher + place.own + place.others;
  };
  readonly queuePlace: Store['queuePlace'] = async (id) => (await this.#places.of(id)) ?? null;
  readonly keyUse: Store['keyUse'] = async (key) => (await this.#keyUse.of(key)) ?? 0;

  async interrupted(by = this.#epoch): Promise<InterruptedAttempt[]> {
    const interrupted = await this.#reads.interrupted(by, this.#bootId, this.#options.clock.now());
    return this.#isSteady ? interrupted : interrupted.filter(({ isOwn }) => isOwn);
  }
  readonly replicas: Store['replicas'] = () => this.#reads.replicas(this.#options.clock.now());
  readonly setFacts: NonNullable<Store['setFacts']> = async (facts) => {
    await this.#database.read(SET_FACTS, [this.#epoch, JSON.stringify(facts)]);
  };
  readonly leads: Store['leads'] = (by) => this.#reads.leads(by, this.#options.clock.now());

  async pendingToFollow(): Promise<PendingExecution[]> {
    const pending = await this.#reads.pendingToFollow();
    return pending.filter((execution) => execution.status === 'pending');
  }
  async livePlans(by = this.#epoch): Promise<RunningExecution[]> {
    if (!this.#isSteady) return [];
    const plans = await this.#reads.livePlans(by, this.#options.clock.now());
    return plans.filter((plan) => plan.status === 'running');
  }

  readonly expired: Store['expired'] = (...of) => this.#removals.expired(...of);
  readonly aboveBytes: Store['aboveBytes'] = (...of) => this.#removals.aboveBytes(...of);
  readonly withLogs: Store['withLogs'] = (...of) => this.#removals.withLogs(...of);
  readonly dueStarts: Store['dueStarts'] = (...of) => this.#reads.dueStarts(...of);
  readonly nextStart: Store['nextStart'] = () => this.#reads.nextStart();

  readonly ends: Store['ends'] = async (window, limit) => {
    const ends: EndFacts[] = [];
    let place: EndsPlace = { finishedAt: window.to, id: '' };
    while (ends.length < limit) {
      const piece = await readEnds(this.#reads, window, place, Math.min(REPORT_PIECE, limit - ends.length));
      ends.push(...piece.ends);
      if (piece.next === null) return { ends, isComplete: true };
      place = piece.next;
    }
    return { ends, isComplete: false };
  };

  readonly missing: Store['missing'] = (ids) => this.#reads.missing(ids);
  readonly steps: Store['steps'] = (planId) => this.#reads.steps(planId);
  readonly stepId: Store['stepId'] = (...of) => this.#reads.stepId(...of);
  readonly stepBytes: Store['stepBytes'] = (planIds) => this.#reads.stepBytes(planIds);
  readonly stepCounts: Store['stepCounts'] = async (planId) => (await this.#stepCounts.of(planId)) ?? {};
  readonly cacheEntries: Store['cacheEntries'] = (limit) => readCache(this.#reads, limit);
  readonly circuits: Store['circuits'] = () => readCircuits(this.#reads);
  readonly series: Store['series'] = (webhookId) => readSeries(this.#reads, webhookId);
  readonly operations: Store['operations'] = () => readOperations(this.#reads);
  readonly pauses: Store['pauses'] = () => readPauses(this.#reads);
  readonly apiKeys: Store['apiKeys'] = (known) => readApiKeys(this.#reads, known);
  readonly files: Store['files'] = (...of) => this.#files.files(...of);
  readonly file: Store['file'] = (...of) => this.#files.file(...of);
  readonly fileUse: Store['fileUse'] = (userId) => this.#files.use(userId);
  readonly unusedBlobs: Store['unusedBlobs'] = (limit) => this.#files.unused(limit);
  readonly knownBlobs: Store['knownBlobs'] = () => this.#files.known();
  readonly uploads: Store['uploads'] = (...of) => this.#files.uploads(...of);
  readonly account: Store['account'] = (userId) => this.#accounts.account(userId);
  readonly entries: Store['entries'] = (...of) => this.#accounts.entries(...of);
  readonly grant: Store['grant'] = (grantId) => this.#accounts.grant(grantId);
  readonly dueCharges: Store['dueCharges'] = (...of) => this.#accounts.dueCharges(...of);
  readonly windowCredits: Store['windowCredits'] = (...of) => this.#accounts.windowCredits(...of);
  readonly creditTotals: Store['creditTotals'] = () => this.#accounts.totals();
  readonly schedules: Store['schedules'] = (userId) => this.#schedules.ofUser(userId);
  readonly schedule: Store['schedule'] = (...of) => this.#schedules.named(...of);
  readonly dueSchedules: Store['dueSchedules'] = (...of) => this.#schedules.due(...of);
  readonly nextSchedule: Store['nextSchedule'] = () => this.#schedules.nextAt();
  readonly awaiting: Store['awaiting'] = async () => {
    const found = await this.#reads.executions(`WHERE e.phase = 'awaiting' ORDER BY e.seq`);
    return found as AwaitingExecution[];
  };
  readonly signals: Store['signals'] = async (subjectId) => {
    const text = 'SELECT * FROM execd.signals WHERE subject_id = $1 ORDER BY at, id';
    return (await this.#reads.all<SignalRow>(text, subjectId)).map(toSignal);
  };
  readonly linkKey: Store['linkKey'] = () => Promise.resolve(this.#linkKey);
  readonly scheduleRuns: Store['scheduleRuns'] = (...of) => this.#schedules.runs(...of);
  readonly webhooks: Store['webhooks'] = (userId) => this.#webhooks.webhooks(userId);
  readonly webhook: Store['webhook'] = (...of) => this.#webhooks.webhook(...of);
  readonly deliveries: Store['deliveries'] = (...of) => this.#webhooks.deliveries(...of);
  readonly delivery: Store['delivery'] = (...of) => this.#webhooks.delivery(...of);
  readonly dueLanes: Store['dueLanes'] = (query) => this.#webhooks.dueLanes(query);
  readonly dueDeliveries: Store['dueDeliveries'] = (...of) => this.#webhooks.due(...of);

  readonly expireKeys: Store['expireKeys'] = async (before) => {
    const { count } = await this.#writer.commit(async (connection) => {
      const { rowCount } = await connection.send('DELETE FROM execd.idempotency WHERE expires_at <= $1', [
        before,
      ]);
      return { count: rowCount ?? 0, written: Promise.resolve() };
    });
    return count;
  };

  async counts(): Promise<StoreCounts> {
    const counts = this.#figures.toCounts();
    const { queued: _queued, ...others } = counts;
    return { ...others, pending: pendingIn(counts), oldestQueuedAt: await this.#reads.oldestQueuedAt() };
  }

  stats(): StoreStats {
    const figures = this.#figures;
    return { ...this.#stats, queued: figures.toCounts().queued, deliveries: figures.toDeliveries() };
  }

  queueUse(userId: string): QueueUse {
    const { users } = this.#figures;
    return {
      waiting: users.taken(userId, 'waiting'),
      retrying: users.taken(userId, 'retrying', 'waiting'),
      running: users.taken(userId, 'running'),
    };
  }

  keeps(userId: string): KeptUse {
    return this.#figures.users.keeps(userId);
  }

  async probe(): Promise<void> {
    if (this.#writer.isInDoubt) throw new StoreError('Cannot write to the database: the connection was lost');
    await this.#writer.commit((connection, { now }) =>
      Promise.resolve({ written: connection.query(PUT_META, ['probed_at', String(now)]) }),
    );
  }

  async close(): Promise<void> {
    await this.#gathering.ended();
    this.#isOpen = false;
    await this.#listening.stop();
    await this.feed.close();
    await this.#writer.close();
    await this.#database.close();
    this.#options.home?.leave();
  }
}

interface CarriedOut {
  replies: (GroupReply | GroupFailure)[];
  now: number;
  /** Of one transaction, and the position of its last event; left out: there were several. */
  number?: number;
  upTo?: number;
}

/** What is made once, with the store. */
async function kept(connection: Connection, name: string, value: string): Promise<string> {
  const text = `INSERT INTO execd.meta AS m (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = m.value
    RETURNING value`;
  const [row] = await connection.query<{ value: string }>(text, [name, value]);
  return row?.value as string;
}
