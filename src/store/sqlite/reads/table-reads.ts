// The reads of the port that look something up in the tables, and nothing else. Each is answered on the caller's thread.
import type { StoredOperation } from '../../../domain/operations/stored.ts';
import type { Pause } from '../../../domain/pauses.ts';
import type { AwaitingExecution, PendingExecution } from '../../../domain/execution/execution.ts';
import type { Account, CreditTotals, LedgerEntry } from '../../../domain/credits/account.ts';
import type { Window } from '../../../domain/cost.ts';
import type { EventFilter, EventRecord } from '../../../domain/execution/events.ts';
import type { FileRole, FileUse, OwnedFile } from '../../../domain/ports/files.ts';
import type { ExecutionId } from '../../../domain/ids.ts';
import type { DueStart, EventPage, StepRecord, Store } from '../../../domain/ports/store.ts';
import type { CacheEntry, KeptState } from '../../../domain/ports/group.ts';
import type { Schedule, ScheduleRun } from '../../../domain/schedules/schedule.ts';
import * as accounts from './account-reads.ts';
import type {
  Delivery,
  DeliveryQuery,
  DueDelivery,
  DueLanes,
  DueLanesQuery,
  Webhook,
} from '../../../domain/webhooks/webhooks.ts';
import type { Signal } from '../../../domain/plans/waits.ts';
import type { Reads } from './reads.ts';

export abstract class TableReads {
  protected abstract read<T>(query: (reads: Reads) => T): T;

  async events(
    userId: string | null,
    id: ExecutionId,
    afterSequence: number,
    limit = -1,
  ): Promise<EventRecord[]> {
    const records = this.read((reads) => reads.events.of(id, afterSequence, limit));
    return userId === null || records[0]?.userId === userId ? records : [];
  }

  async eventsAfter(filter: EventFilter, position: number, limit: number): Promise<EventPage> {
    return this.read((reads) => reads.events.after(filter, position, limit));
  }

  async eventEnds(userId: string | null): Promise<{ last: number; swept: number }> {
    return this.read((reads) => reads.events.ends(userId));
  }

  async keyUse(key: string): Promise<number> {
    return this.read((reads) => reads.keyUse(key));
  }

  async pendingToFollow(): Promise<PendingExecution[]> {
    const pending = this.read((reads) => reads.pendingToFollow());
    return pending.filter((execution) => execution.status === 'pending');
  }

  async dueStarts(now: number, after: DueStart | null, limit: number): Promise<DueStart[]> {
    return this.read((reads) => reads.dueStarts(now, after, limit));
  }

  async nextStart(): Promise<number | null> {
    return this.read((reads) => reads.nextStart());
  }

  async missing(ids: readonly ExecutionId[]): Promise<ExecutionId[]> {
    return this.read((reads) => reads.missing(ids));
  }

  async files(ownerId: string, role: FileRole): Promise<OwnedFile[]> {
    return this.read((reads) => reads.files.files(ownerId, role));
  }

  async file(ownerId: string, role: FileRole, path: string): Promise<OwnedFile | null> {
    return this.read((reads) => reads.files.file(ownerId, role, path));
  }

  async fileUse(userId: string): Promise<{ own: FileUse; all: FileUse }> {
    return this.read((reads) => reads.files.use(userId));
  }

  async unusedBlobs(limit: number): Promise<string[]> {
    return this.read((reads) => reads.files.unused(limit));
  }

  async knownBlobs(): Promise<string[]> {
    return this.read((reads) => reads.files.known());
  }

  async uploads(
    filter: { userId: string | null; expiredAt: number | null },
    limit: number,
  ): Promise<OwnedFile[]> {
    return this.read((reads) => reads.files.uploads(filter, limit));
  }

  async steps(planId: ExecutionId): Promise<StepRecord[]> {
    return this.read((reads) => reads.plans.steps(planId));
  }

  async stepId(planId: ExecutionId, step: string): Promise<ExecutionId | null> {
    return this.read((reads) => reads.plans.stepId(planId, step));
  }

  async stepBytes(planIds: readonly ExecutionId[]): Promise<Map<ExecutionId, number>> {
    return this.read((reads) => reads.plans.stepBytes(planIds));
  }

  async stepCounts(planId: ExecutionId): Promise<Partial<Record<StepRecord['status'], number>>> {
    return this.read((reads) => reads.plans.stepCounts(planId));
  }

  async cacheEntries(limit: number): Promise<CacheEntry[]> {
    return this.read((reads) => reads.cacheEntries(limit));
  }

  async circuits(): Promise<KeptState[]> {
    return this.read((reads) => reads.circuits());
  }

  async account(userId: string): Promise<Account | null> {
    return this.read((reads) => accounts.readAccount(reads, userId));
  }

  async entries(userId: string, limit: number, before: number | null): Promise<LedgerEntry[]> {
    return this.read((reads) => accounts.readEntries(reads, userId, limit, before));
  }

  async grant(grantId: ExecutionId): Promise<LedgerEntry | null> {
    return this.read((reads) => accounts.readGrant(reads, grantId));
  }

  async dueCharges(shard: number, shards: number, limit: number): Promise<ExecutionId[]> {
    return this.read((reads) => accounts.readDueCharges(reads, shard, shards, limit));
  }

  async windowCredits(userId: string, windows: readonly Window[], at: number): Promise<number> {
    return this.read((reads) => accounts.readWindowCredits(reads, userId, windows, at));
  }

  async creditTotals(): Promise<CreditTotals> {
    return this.read((reads) => accounts.readTotals(reads));
  }

  async apiKeys(knownVersion: number): ReturnType<Store['apiKeys']> {
    return this.read((reads) => reads.apiKeys(knownVersion));
  }

  async schedules(userId: string): Promise<Schedule[]> {
    return this.read((reads) => reads.schedules.ofUser(userId));
  }

  async schedule(userId: string, name: string): Promise<Schedule | null> {
    return this.read((reads) => reads.schedules.named(userId, name));
  }

  async dueSchedules(now: number, limit: number): Promise<Schedule[]> {
    return this.read((reads) => reads.schedules.due(now, limit));
  }

  async nextSchedule(): Promise<number | null> {
    return this.read((reads) => reads.schedules.nextAt());
  }

  async scheduleRuns(scheduleId: string, limit: number): Promise<ScheduleRun[]> {
    return this.read((reads) => reads.schedules.runs(scheduleId, limit));
  }

  async webhooks(userId: string): Promise<Webhook[]> {
    return this.read((reads) => reads.webhooks.webhooks(userId));
  }

  async webhook(userId: string, id: string): Promise<Webhook | null> {
    return this.read((reads) => reads.webhooks.webhook(userId, id));
  }

  async deliveries(webhookId: string, query: DeliveryQuery): Promise<Delivery[]> {
    return this.read((reads) => reads.webhooks.deliveries(webhookId, query));
  }

  async delivery(webhookId: string, id: number): Promise<Delivery | null> {
    return this.read((reads) => reads.webhooks.delivery(webhookId, id));
  }

  async dueLanes(query: DueLanesQuery): Promise<DueLanes> {
    return this.read((reads) => reads.webhooks.dueLanes(query));
  }

  async dueDeliveries(lane: string, now: number, limit: number): Promise<DueDelivery[]> {
    return this.read((reads) => reads.webhooks.due(lane, now, limit));
  }

  async awaiting(): Promise<AwaitingExecution[]> {
    return this.read((reads) => reads.awaiting()) as AwaitingExecution[];
  }

  async signals(subjectId: ExecutionId): Promise<Signal[]> {
    return this.read((reads) => reads.signals(subjectId));
  }

  async series(webhookId: string): Promise<string | null> {
    return this.read((reads) => reads.series(webhookId));
  }

  async operations(): Promise<StoredOperation[]> {
    return this.read((reads) => reads.operations());
  }

  async pauses(): Promise<Pause[]> {
    return this.read((reads) => reads.pauses());
  }

  async linkKey(): Promise<string> {
    return this.read((reads) => reads.linkKey());
  }
}
