// The schemas that have a name of their own in the OpenAPI document.
import { z } from 'zod';
import { accountComponents } from '../accounts/account-schemas.ts';
import { keyComponents } from '../keys/key-schemas.ts';
import { me, usage } from '../keys/me.ts';
import { settingList } from '../ops/settings.ts';
import { operationComponents, resourceLimits } from '../operations/operation-schemas.ts';
import { hookComponents } from '../hooks/hook-schemas.ts';
import { wordComponents } from '../edge/words.ts';
import { byKind } from '../edge/kinds.ts';
import { explainComponents } from '../explain/explain-schemas.ts';
import { pauseComponents } from '../ops/pauses.ts';
import { runnerComponents } from '../ops/runners.ts';
import { waitComponents } from '../waits/wait-schemas.ts';
import { type ScheduleBodies, scheduleComponents } from '../schedules/schedule-schemas.ts';
import { planComponents } from '../plans/plan-schemas.ts';
import { againRequest } from '../executions/accepting.ts';
import { progress } from '../executions/progress.ts';
import { outcomeComponents } from '../executions/outcome-schemas.ts';
import { commonParts } from '../../domain/spec/spec.ts';
import { output, resources, attempt, effectiveMonitor, effectiveTimeouts, cacheUse, warning, execution, appliedPolicy, dryRun, executionList, batchAnswer, stepResult, bulkCancelAnswer, type RequestSchemas } from '../executions/schemas.ts';
import { slots, stats, health, probe, flushed } from '../ops/ops-schemas.ts';
import { cacheStats, cacheEntry, circuit, circuitList, removed } from '../cache/cache-schemas.ts';
import { reportComponents } from '../reports/route.ts';
import { artifact, artifactList, upload } from '../files/file-schemas.ts';
import { filesEnd } from '../edge/file-words.ts';
import { liveComponents } from '../live/live-schemas.ts';
import { fieldProblem, problem } from '../edge/schemas.ts';

/** The bodies that depend on the settings. */
export type Requests = RequestSchemas & { schedules: ScheduleBodies };

/** Everything that stands under its own name in the OpenAPI document. */
export function components(requests: Requests): Record<string, z.ZodType> {
  const { spec, run, batchItem, parts } = requests;
  return {
    Spec: spec,
    ...byKind(spec, 'Spec'),
    RunRequest: run,
    ...byKind(run, 'RunRequest'),
    BatchRequest: requests.batch,
    BatchItem: batchItem,
    ...byKind(batchItem, 'BatchItem'),
    Timeouts: parts.timeouts,
    OutputOptions: parts.output,
    ResourceLimits: parts.limits,
    StopOptions: parts.stop,
    ...commonParts,
    PatchRequest: requests.patch,
    CancelRequest: requests.cancelRequest,
    BulkCancelRequest: requests.bulkCancel,
    AgainRequest: againRequest,
    ExecutionProgress: progress,
    WarmRequest: requests.warm,
    Execution: execution,
    ExecutionList: executionList,
    BatchAnswer: batchAnswer,
    StepResult: stepResult,
    BulkCancelAnswer: bulkCancelAnswer,
    DryRun: dryRun,
    AppliedPolicy: appliedPolicy,
    EffectiveTimeouts: effectiveTimeouts,
    EffectiveMonitor: effectiveMonitor,
    EffectiveLimits: resourceLimits,
    ...wordComponents,
    Attempt: attempt,
    ...outcomeComponents,
    ...explainComponents,
    ...reportComponents,
    Output: output,
    Resources: resources,
    CacheUse: cacheUse,
    Warning: warning,
    Problem: problem,
    FieldProblem: fieldProblem,
    ...planComponents(requests.limits, parts),
    ...scheduleComponents(requests.schedules),
    ...waitComponents(),
    ...pauseComponents(),
    ...runnerComponents(),
    CacheStats: cacheStats,
    CacheEntry: cacheEntry,
    Circuit: circuit,
    CircuitList: circuitList,
    ...operationComponents,
    ...hookComponents,
    ...accountComponents,
    ...keyComponents,
    Me: me,
    Usage: usage,
    SettingList: settingList,
    Stats: stats,
    Slots: slots,
    Health: health,
    Probe: probe,
    Upload: upload,
    Artifact: artifact,
    ArtifactList: artifactList,
    FilesEnd: filesEnd,
    ...liveComponents,
    Removed: removed,
    Flushed: flushed,
  };
}
