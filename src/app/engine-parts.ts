// The engine, and what it needs that is made for it alone.
import { filesOf } from './files.ts';
import { factsOf, replicaOf } from './open-store.ts';
import { VERSION } from './version.ts';
import { createIdGenerator, createTraceIds } from '../domain/ids.ts';
import { creditSource } from '../engine/credits/credit-source.ts';
import { Engine, type EngineDeps } from '../engine/engine.ts';
import { planOf, policySource, resolveSpec } from '../engine/policies/operations.ts';
import { cronProblem, timesOf } from '../expressions/cron.ts';
import type { ConditionThread } from '../expressions/condition-thread.ts';
import { planParts } from '../expressions/plan-parts.ts';
import type { Circuits } from '../resilience/circuits.ts';
import { toCommand } from '../runners/commands/to-command.ts';
import { engineSettings, limitsOf, retentionOf } from './from-config.ts';
import type { Parts, Setting } from './parts.ts';
import { disksOf } from './places.ts';

/** What the engine shares with others, and whoever listens to schedules. */
export interface EngineMates {
  circuits: Circuits;
  conditions: ConditionThread;
  onScheduleRun: EngineDeps['onScheduleRun'];
  onSilence: EngineDeps['onSilence'];
  gone: () => void;
  changedElsewhere: NonNullable<EngineDeps['changedElsewhere']>;
}

export function buildEngine(
  { config, log, clock, overrides, places }: Setting,
  {
    store,
    journal,
    runner,
    requests,
    rules,
    secrets,
    roots,
    operations,
    prices,
    hasCredits,
    keys,
    tracing,
    webhookProblems,
  }: Parts,
  { circuits, conditions, onScheduleRun, onSilence, gone, changedElsewhere }: EngineMates,
): Engine {
  const traces = createTraceIds();
  const facts = () =>
    factsOf(config, VERSION, { policy: rules.current.version, operations: operations.version });
  const replica = overrides.replica ?? replicaOf(config, facts);
  return new Engine({
    ...{ facts, changedElsewhere, store, secrets, roots, runner, requests, circuits, clock, log, gone },
    ...(replica === undefined ? {} : { replica }),
    rules: () => rules.current,
    webhookProblems,
    isRevoked: (id) => keys.isRevoked(id),
    random: () => Math.random(),
    files: filesOf(config, store.blobs),
    resolve: (spec) => resolveSpec(operations, spec),
    planOf: (spec) => planOf(operations, spec),
    policies: policySource(operations),
    cache: {
      maxEntries: config.EXECUTION_CACHE_SIZE,
      maxBytes: config.EXECUTION_CACHE_MAX_BYTES,
      isPersistent: config.EXECUTION_CACHE_PERSIST,
      cleanupIntervalMs: config.EXECUTION_CACHE_CLEANUP_INTERVAL * 1000,
    },
    journal: overrides.journal?.(journal) ?? journal,
    policy: engineSettings(config),
    newId: createIdGenerator(() => clock.now()),
    newTrace: () =>
      tracing?.newTrace() ?? { traceId: traces.traceId(), parentId: traces.spanId(), flags: '01' },
    attemptSpan: (runId, attempt) => tracing?.attemptSpan(runId, attempt) ?? traces.spanId(),
    committed: tracing === null ? undefined : (...commit) => tracing.committed(...commit),
    credits: hasCredits ? creditSource(operations, () => prices.now()) : null,
    chargeWorkers: config.EXECUTION_CHARGE_WORKERS,
    plans: {
      ...planParts(limitsOf(config), (...evaluation) => conditions.evaluate(...evaluation)),
      maxLiveBytes: config.EXECUTION_PLAN_MEMORY_BYTES,
      maxStepBytes: config.EXECUTION_PLAN_STEP_BYTES,
    },
    ...{ times: { timesOf, cronProblem }, onScheduleRun, onSilence },
    syncIntervalMs: config.EXECUTION_SYNC_INTERVAL_MS,
    drainMs: config.EXECUTION_DRAIN_SECS * 1000,
    cleanupIntervalMs: config.EXECUTION_AUTO_CLEANUP ? config.EXECUTION_CLEANUP_INTERVAL * 1000 : null,
    disks: disksOf(places),
    ...retentionOf(config),
    maxRetained: config.EXECUTION_MAX_RETAINED,
    maxDataBytes: config.EXECUTION_MAX_DATA_BYTES,
    toCommand: (execution, work, { epoch, traceparent }) =>
      toCommand(execution, work, {
        path: config.EXECUTION_PATH,
        workDir: places.work(epoch),
        traceparent,
        roots,
      }),
  });
}
