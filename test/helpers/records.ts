// Small records for tests of stores and engines.
import { createIdGenerator, createTraceIds } from '../../src/domain/ids.ts';
import { NO_ACCESS_FACTS, NO_OUTPUT } from '../../src/domain/execution/execution.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { AcceptPart, AttemptEnd, NewExecution, SettlePart } from '../../src/domain/ports/group.ts';
import type { Spec, Work } from '../../src/domain/spec/spec.ts';

const nextId = createIdGenerator(() => Date.now());
const traces = createTraceIds();

export function newExecution(more: Partial<NewExecution> & { spec?: Spec } = {}): NewExecution {
  const id = more.id ?? nextId();
  const spec: Spec = more.spec ?? { kind: 'exec', program: 'true' };
  return {
    id,
    runId: id,
    userId: 'ann',
    spec,
    work: spec as Work,
    retry: null,
    retrySafe: false,
    concurrency: null,
    cache: null,
    cost: null,
    taskId: null,
    labels: {},
    priority: 0,
    timeouts: { queueMs: null, attemptMs: 300_000, totalMs: null, idleMs: null },
    monitor: null,
    limits: {},
    stop: null,
    outputPolicy: { maxBytes: 1000, oversized: 'truncate', parse: null },
    trace: { traceId: traces.traceId(), parentId: traces.spanId(), flags: '01' },
    rerunOf: null,
    schedule: null,
    redriveOf: null,
    keptFrom: null,
    caller: null,
    plan: null,
    isolation: 'none',
    network: false,
    access: NO_ACCESS_FACTS,
    webhook: null,
    startAt: null,
    status: 'pending',
    phase: 'queued',
    ...more,
  };
}

export function accept(execution: NewExecution, more: Partial<AcceptPart> = {}): AcceptPart {
  return { type: 'accept', execution, claim: null, joins: false, end: null, maxQueued: 1_000_000, ...more };
}

/** Nothing is too old. */
export const NO_AGE = { finishedBefore: 0, failedBefore: 0 };

export const EXIT_0: Outcome = {
  cause: 'exited',
  exitCode: 0,
  process: {
    exitCode: 0,
    signal: null,
    forced: false,
    signals: [],
    processesFound: 0,
    leftoverProcesses: 0,
    outputLost: false,
    survivors: 0,
  },
  resultError: null,
};

export const END: AttemptEnd = {
  startedAt: 2100,
  endedAt: 2900,
  output: { ...NO_OUTPUT, stdoutBytes: 5, stdoutKeptBytes: 5, records: 1 },
  resources: null,
  logComplete: true,
};

export function settle(executionId: string, attempt: number, more: Partial<SettlePart> = {}): SettlePart {
  return {
    type: 'settle',
    executionId,
    attempt,
    outcome: EXIT_0,
    result: { type: 'tails', stdout: 'hi\n', stderr: '' },
    end: attempt === 0 ? null : END,
    ...more,
  };
}
