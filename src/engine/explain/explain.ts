// Explains one execution: why it waits, why it ended as it did, what was retried, what the cache had, and what a rerun would do.
// Reads only; each part is a pure function of the record and of what the queue knows now.
import type { Pauses } from '../policies/pauses.ts';
import { type MonitorEvent, monitorSays, toldBy } from '../../domain/spec/monitor.ts';
import { type SlotKind, hasSteps, isWait } from '../../domain/kinds.ts';
import { withoutStart } from '../../domain/spec/spec.ts';
import type { AccessRules } from '../../domain/access/access-rules.ts';
import { RefusedError } from '../../domain/errors.ts';
import { type Execution, isFinished, type PendingExecution } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import { judge } from '../../domain/outcome.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { Caller } from '../../domain/spec/access.ts';
import type { WouldBegin } from '../accept/dry-run.ts';
import type { Intake } from '../accept/intake.ts';
import type { Plans } from '../plans/plans.ts';
import type { Policies } from '../policies/policies.ts';
import type { ExecutionView, Queries } from '../read/queries.ts';
import type { Pools } from '../policies/pools.ts';
import { boundsOf } from '../read/waiting-for.ts';
import { stored } from '../refusals.ts';
import type { Scheduler } from '../run/scheduler.ts';
import { type StepWhy, stepsOf } from './plan-steps.ts';
import { type WhyEnded, whyEnded } from './why-ended.ts';
import { type WhyMissed, whyMissed } from './why-missed.ts';
import { type WhyRetried, whyRetried } from './why-retried.ts';
import { type WhyWaiting, whyWaiting } from './why-waiting.ts';

export interface Explanation {
  view: ExecutionView;
  /** All of it in one or two sentences. */
  summary: string;
  /** From its acceptance to the claim of its first attempt, or until now, milliseconds. */
  waitedMs: number;
  waiting: WhyWaiting | null;
  end: WhyEnded | null;
  /** What its monitor has reported, the oldest first. */
  told: { event: MonitorEvent; at: number; words: string }[];
  attempts: WhyRetried[];
  cache: WhyMissed | null;
  /** Null where it cannot be run again now: it is live, or the server accepts nothing. */
  rerun: WhatOnRerun | null;
  /** Of a plan. */
  steps: { steps: StepWhy[]; leftOut: number } | null;
}

export interface WhatOnRerun {
  refusal: RefusedError | null;
  /** Null for a plan, and where it would be refused. */
  begins: WouldBegin | null;
  /** Whether the cause of its end may be gone the next time. */
  mayHelp: boolean;
  words: string;
}

export interface ExplainDeps {
  pauses: Pick<Pauses, 'of' | 'ownDrain'>;
  store: Store;
  clock: Clock;
  policies: Policies;
  schedulers: Readonly<Record<SlotKind, Scheduler>>;
  pools: Pools;
  rules: () => AccessRules;
  standing: { isOpen: () => boolean };
  queries: Queries;
  plans: Plans;
  intake: Intake;
}

/** Earlier executions that are compared with one that found nothing in the cache. */
const MOST_EARLIER = 100;

/** @throws RefusedError `not_found` */
export async function explain(caller: Caller, id: ExecutionId, deps: ExplainDeps): Promise<Explanation> {
  const view = await deps.queries.get(caller, id);
  const { execution } = view;
  const isPlan = hasSteps(execution.spec);
  const waiting = execution.status === 'pending' ? await waitingOf(execution, deps) : null;
  const end = isFinished(execution) ? whyEnded(execution) : null;
  const steps = isPlan ? stepsOf(await deps.plans.get(caller, id)) : null;
  const told = toldOf(execution);
  const firstClaim = execution.attempts[0]?.claimedAt;
  const until = firstClaim ?? (isFinished(execution) ? execution.finishedAt : deps.clock.now());
  return {
    ...{ view, waiting, end, steps, told },
    summary: [
      summaryOf(execution, waiting, end, steps),
      ...(end === null ? told : []).map(({ words }) => words),
    ].join(' '),
    waitedMs: isPlan ? 0 : Math.max(0, deps.clock.between(execution.createdAt, until)),
    attempts: whyRetried(execution),
    cache: execution.cache === null ? null : whyMissed(execution, await earlierOf(execution, deps)),
    rerun: await rerunOf(caller, execution, deps),
  };
}

/** In the past tense: it may have started, or written something, since. */
function toldOf({ monitor }: Execution): Explanation['told'] {
  if (monitor === null) return [];
  return toldBy(monitor).map(({ event, at }) => ({
    ...{ event, at },
    words: `Its monitor reported at ${new Date(at).toISOString()}: ${monitorSays(monitor, event)}.`,
  }));
}

async function waitingOf(execution: PendingExecution, deps: ExplainDeps): Promise<WhyWaiting> {
  const { store, clock, policies, standing } = deps;
  const place = await stored(store.queuePlace(execution.id));
  const bounds = await boundsOf(execution, {
    ...deps,
    isOpen: standing.isOpen,
    pauseOf: (one) => deps.pauses.of(one),
    ownDrain: () => deps.pauses.ownDrain,
  });
  return whyWaiting(execution, {
    ...bounds,
    now: clock.now(),
    place,
    circuit: policies.viewOf(execution),
  });
}

/** Those that may have left a result, newest first. */
async function earlierOf(execution: Execution, { store }: ExplainDeps): Promise<Execution[]> {
  const { spec, userId, id, cache } = execution;
  if (cache?.status !== 'miss' || cache.mode === 'write' || cache.mode === 'refresh') return [];
  const operation = spec.kind === 'operation' ? spec.name : undefined;
  const filter = { userId, kind: [spec.kind], operation };
  const { executions } = await stored(store.list(filter, MOST_EARLIER, id));
  return executions;
}

async function rerunOf(caller: Caller, execution: Execution, deps: ExplainDeps): Promise<WhatOnRerun | null> {
  if (!isFinished(execution) || !deps.standing.isOpen()) return null;
  const { spec, outcome, status, id } = execution;
  const mayHelp = status !== 'completed' && judge(outcome).error?.retryable !== false;
  if (isWait(spec)) return null;
  if (hasSteps(spec)) {
    const words =
      status === 'completed'
        ? 'A rerun runs all steps again.'
        : 'A rerun runs all steps again. A redrive keeps the completed steps and runs the others.';
    return { refusal: null, begins: null, mayHelp, words };
  }
  const submission = { spec: withoutStart(spec), trace: null, idempotency: null, rerunOf: id };
  const { refusal, begins } = await deps.intake.dryRun(caller, submission);
  const first = refusal === null ? BEGINS[begins ?? 'queued'] : `execd would reject it: ${refusal.message}`;
  const second = status === 'completed' ? '' : mayHelp ? MAY_HELP : SAME_AGAIN;
  return { refusal, begins, mayHelp, words: `${first} ${second}`.trim() };
}

const MAY_HELP = 'It can end differently: the cause may no longer exist.';
const SAME_AGAIN = 'Unless you change the request or its input, it will probably end in the same way.';
const BEGINS: Record<WouldBegin, string> = {
  hit: 'It would get a stored result from the cache, and run nothing.',
  joined: 'It would join the run of an identical execution.',
  running: 'It would start at once.',
  queued: 'It would wait in the queue.',
  scheduled: 'It would wait for its start time.',
  refused_by_circuit: 'It would fail at once, because its circuit is open.',
};

function summaryOf(
  execution: Execution,
  waiting: WhyWaiting | null,
  end: WhyEnded | null,
  steps: Explanation['steps'],
): string {
  const { status } = execution;
  if (waiting !== null) return `It waits. ${waiting.words}`;
  if (end === null) return execution.phase === 'canceling' ? 'execd is stopping it.' : 'It runs.';
  const first = steps?.steps.find(({ isFirst }) => isFirst);
  const root = first === undefined ? '' : ` The step ${first.step} was the first: ${first.words}`;
  const meaning = end.meaning === null ? '' : ` ${end.meaning}`;
  return `${STATUS_WORDS[status]} ${end.message}${meaning}${root}`;
}

const STATUS_WORDS: Record<Execution['status'], string> = {
  pending: 'It waits.',
  running: 'It runs.',
  completed: 'It completed.',
  failed: 'It failed.',
  cancelled: 'It was cancelled.',
  timed_out: 'It timed out.',
};
