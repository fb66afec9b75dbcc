// What the engine is built of: the world through its ports, what the operator has set, and what is made of a spec.
import type { AccessRules } from '../domain/access/access-rules.ts';
import type { RunningExecution, Trace } from '../domain/execution/execution.ts';
import type { ExecutionId } from '../domain/ids.ts';
import type { Blobs, PrivateFiles } from '../domain/ports/blobs.ts';
import type { Clock, Log } from '../domain/ports/clock.ts';
import type { Journal } from '../domain/ports/journal.ts';
import type { Replica, ReplicaFacts } from '../domain/ports/replica.ts';
import type { Command, HttpRunner, Runner } from '../domain/ports/runner.ts';
import type { Store } from '../domain/ports/store.ts';
import type { Committed } from './feed/committer.ts';
import type { Schedule, ScheduleRun, TimesOf } from '../domain/schedules/schedule.ts';
import type { When } from '../domain/schedules/schedule-schema.ts';
import type { Roots } from '../domain/spec/sandbox.ts';
import type { FilledProcessWork, Secrets } from '../domain/spec/secrets.ts';
import type { Circuits } from '../resilience/circuits.ts';
import type { SubmitDeps } from './accept/submission.ts';
import type { CreditSource } from './credits/credit-source.ts';
import type { FileBounds } from './files/file-room.ts';
import type { PlansDeps } from './plans/plans.ts';
import type { WaitsDeps } from './waits/waits.ts';
import type { CacheSettings } from './policies/cache.ts';
import type { PolicySource } from './policies/policies.ts';
import type { EngineSettings } from './policies/settings.ts';
import type { Disk } from './upkeep/disk-watch.ts';

export interface EngineDeps {
  store: Store;
  /** Left out: the only one on its store. */
  replica?: Replica;
  /** What others may know of it. */
  facts?: () => ReplicaFacts;
  /** Takes in what was changed at another server; rejects with StoreError, and is then called again. */
  changedElsewhere?: (what: 'operations' | 'reload') => Promise<void>;
  /** Called when the lease of the replica is over and nothing runs any more: it is of no use. */
  gone?: () => void;
  runner: Runner;
  requests: HttpRunner;
  journal: Journal;
  clock: Clock;
  log: Log;
  /** 0 to 1, for jitter. */
  random: () => number;
  newId: () => ExecutionId;
  newTrace: () => Trace;
  /** Id of the span of what an attempt does. */
  attemptSpan: (runId: ExecutionId, attempt: number) => string;
  /** Called with each commit of the store, from and to milliseconds since the epoch; left out: nobody asks. */
  committed?: Committed | undefined;
  policy: EngineSettings;
  policies: PolicySource;
  /** Shared with whoever else has circuits; kept here over restarts. */
  circuits: Circuits;
  cache: CacheSettings & {
    /** Whether results outlive a restart. */
    isPersistent: boolean;
    cleanupIntervalMs: number;
  };
  files: {
    blobs: Blobs;
    privateFiles: PrivateFiles;
    fileBounds: (userId: string) => FileBounds;
    uploadTtlMs: number;
  };
  /** What a spec asks for: itself, or what its operation makes of it. Throws RefusedError. */
  resolve: SubmitDeps['resolve'];
  planOf: SubmitDeps['planOf'];
  /** Null: credits are off. What executions owe from before is charged. */
  credits: CreditSource | null;
  chargeWorkers: number;
  /** The rules that apply now. */
  rules: () => AccessRules;
  secrets: Secrets;
  webhookProblems: SubmitDeps['webhookProblems'];
  roots: Roots;
  /** Whether an API key has been revoked. */
  isRevoked: (keyId: string) => boolean;
  /** Due times of schedules. */
  times: { timesOf: TimesOf; cronProblem: (when: When, now: number) => string | null };
  /** Called with what became of each due time of a schedule. */
  onScheduleRun: (run: ScheduleRun, schedule: Schedule) => void;
  /** Called when a schedule was reported as silent. */
  onSilence: (schedule: Schedule) => void;
  /** What plans are made of: how they are checked, and their values worked out. */
  plans: Pick<PlansDeps, 'check' | 'parse' | 'conditions' | 'maxLiveBytes' | 'maxStepBytes'> &
    Pick<WaitsDeps, 'checkPayload'>;
  syncIntervalMs: number;
  drainMs: number;
  /** Null: finished executions are removed on demand only. */
  cleanupIntervalMs: number | null;
  /** What every attempt writes into. */
  disks: readonly Disk[];
  retentionMs: number;
  /** Of what failed or timed out; not less. */
  failedRetentionMs: number;
  /** Of the logs of what completed or was cancelled, less than `retentionMs`; null: they go with it. */
  logRetentionMs: number | null;
  maxDataBytes: number;
  maxRetained: number;
  toCommand: (
    execution: RunningExecution,
    work: FilledProcessWork,
    options: { epoch: number; traceparent: string },
  ) => Command;
}
