// The life of one attempt in the engine, as a list: it becomes visible as live, its clock is set, it is started, its
// end is awaited and concluded, the end is stored, and what it held is given back.
import { hasNoRun, isRequest } from '../../domain/kinds.ts';
import { hostsInBoth, redirectHosts } from '../../domain/spec/access.ts';
import type { AccessRules } from '../../domain/access/access-rules.ts';
import type { Result, RunningExecution } from '../../domain/execution/execution.ts';
import { askedFor, grantedBy, lastAttemptNumber } from '../../domain/execution/execution.ts';
import { bothOf, type Confinement } from '../../domain/isolation.ts';
import { judge, type Outcome } from '../../domain/outcome.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { Journal } from '../../domain/ports/journal.ts';
import type {
  AttemptListener,
  AttemptReport,
  AttemptStart,
  Command,
  HttpRunner,
  RunningAttempt,
  Runner,
} from '../../domain/ports/runner.ts';
import type { Group } from '../../domain/ports/group.ts';
import { traceparentOf } from '../../domain/ports/tracing.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import {
  type FilledProcessWork,
  type FilledWork,
  fillSecrets,
  redactValue,
  secretHeaders,
  secretsIn,
  type Secrets,
} from '../../domain/spec/secrets.ts';
import { resolveStop } from '../../domain/stop.ts';
import { GROWING, untilDone } from '../../resilience/retrying.ts';
import { type AttemptFiles, type Gathered, hasFiles } from '../files/attempt-files.ts';
import { prepared } from './prepared.ts';
import { interruptedGroup, withExhausted } from './interrupted.ts';
import type { LiveRun, LiveRuns } from './live-runs.ts';
import type { Policies } from '../policies/policies.ts';
import { decideRetry, type RetryDecision } from '../policies/retry.ts';
import { type EngineSettings, whyRevoked } from '../policies/settings.ts';
import { resultOf } from './result.ts';
import type { Scheduler } from './scheduler.ts';
import type { Waiters } from '../feed/waiters.ts';
import type { WriteBehind } from './write-behind.ts';

export interface RunDeps {
  policy: EngineSettings;
  clock: Clock;
  log: Log;
  runner: Runner;
  files: AttemptFiles;
  requests: HttpRunner;
  journal: Journal;
  live: LiveRuns;
  scheduler: Scheduler;
  writeBehind: WriteBehind;
  /** Woken when a live attempt has written something or has moved on. */
  growth: Waiters;
  policies: Policies;
  /** As they are at the start. */
  rules: AccessRules;
  secrets: Secrets;
  isRevoked: (keyId: string) => boolean;
  toCommand(execution: RunningExecution, work: FilledProcessWork, traceparent: string): Command;
  /** Id of the span of what an attempt does. */
  attemptSpan(runId: ExecutionId, attempt: number): string;
  random(): number;
  /** An attempt has ended by what may be the fault of a disk. */
  suspectDisks(): void;
  /** Aborts when the engine gives up; what is not stored then will be found by the next recovery. */
  signal: AbortSignal;
}

/** Carries a claimed execution through one attempt. Never rejects; gives the slot back at its end. */
export async function runExecution(execution: RunningExecution, deps: RunDeps): Promise<void> {
  const began = deps.clock.monotonic();
  const run = deps.live.begin(execution, began);
  const denied = whyDenied(execution, deps);
  if (denied !== null) return settle(run, execution, async (now) => refusedGroup(now, denied), deps);
  const pass = deps.policies.admit(execution);
  if ('outcome' in pass) {
    return settle(run, execution, async (now) => refusedGroup(now, pass.outcome), deps);
  }
  const name = { runId: execution.runId, attempt: lastAttemptNumber(execution) };
  const shipping = deps.journal.ship?.(name, deps.signal);
  const attempt = launch(run, execution, { ...deps, grew: () => shipping?.grew() });
  const { files } = deps;
  const report = withoutJumps(await attempt.ended, deps);
  await shipping?.finish();
  run.stage = 'ended';
  const lastedMs = deps.clock.monotonic() - began;
  if (report.type === 'ended' && isOfTheSystem(report.outcome)) deps.suspectDisks();
  pass.done(report.type === 'ended' ? report.outcome : null, lastedMs);
  const gathered: Gathering = { dir: hasFiles(execution) ? run.privateDir : null, is: null };
  await settle(run, execution, ending(run, execution, { report, gathered }, deps), deps);
  gathered.is?.release();
  if (gathered.dir !== null) deps.runner.discard(gathered.dir);
  if (gathered.is !== null && !deps.signal.aborted) void files.keeper.sweep();
  deps.scheduler.noteDuration(lastedMs);
}

/** The files that an attempt has left, once they have been looked at. */
interface Gathering {
  /** Its private directory; null where nobody asks for what is in it. */
  dir: string | null;
  is: Gathered | null;
}
const NOTHING_GATHERED: Gathering = { dir: null, is: null };

const isOfTheSystem = (outcome: Outcome): boolean => {
  const isNoEnd =
    outcome.cause === 'internal' || outcome.cause === 'spawn_failed' || outcome.cause === 'request_failed';
  return isNoEnd && judge(outcome).error?.fault === 'system';
};

/** The end of an attempt on the clock of its start, so that its duration, and what it costs, is how long it ran. */
function withoutJumps(report: AttemptReport, { clock }: RunDeps): AttemptReport {
  if (report.type !== 'ended' || report.end.startedAt === null) return report;
  const { startedAt, endedAt } = report.end;
  return { ...report, end: { ...report.end, endedAt: startedAt + clock.between(startedAt, endedAt) } };
}

/** What was allowed at its acceptance may not be any more. What its key may do has had its say then. */
function whyDenied(execution: RunningExecution, { rules, secrets, isRevoked }: RunDeps): Outcome | null {
  const revoked = whyRevoked(execution, isRevoked);
  if (revoked !== null) return revoked;
  const { userId, spec, access, work } = execution;
  const missing = secrets.whyNot({ names: secretsIn(work), userId, operation: grantedBy(execution) });
  if (missing !== null) return { cause: 'denied', message: `There is no secret ${missing} for this user.` };
  if (rules.version === access.policyVersion) return null;
  if (hasNoRun(spec)) return null;
  const decision = rules.decide({ userId, mayRun: 'any' }, askedFor(spec, access.operation));
  return 'why' in decision ? { cause: 'denied', message: decision.why } : null;
}

/** The group that ends an execution whose attempt was not let through: the attempt is given back unstarted. */
function refusedGroup(execution: RunningExecution, outcome: Outcome): Group {
  const fence = { executionId: execution.runId, attempt: lastAttemptNumber(execution) };
  const settle = { type: 'settle', ...fence, result: null, end: null } as const;
  if (execution.phase === 'starting')
    return [
      { type: 'requeue', ...fence },
      { ...settle, outcome },
    ];
  const reason = execution.cancel?.reason ?? null;
  return [{ ...settle, outcome: { cause: 'cancelled', reason, process: null } }];
}

/** Gives a claimed execution back to the queue, without having handed it to the runner; its slot too. Never rejects. */
export async function giveBack(execution: RunningExecution, deps: RunDeps): Promise<void> {
  const run = deps.live.begin(execution, deps.clock.monotonic());
  const unstarted: AttemptReport = { type: 'interrupted', detail: 'shutdown', isStarted: false };
  const ended = { report: unstarted, gathered: NOTHING_GATHERED };
  await settle(run, execution, ending(run, execution, ended, deps), deps);
}

function launch(
  run: LiveRun,
  execution: RunningExecution,
  deps: RunDeps & { grew: () => void },
): RunningAttempt {
  const names = hasNoRun(execution.work) ? [] : secretsIn(execution.work);
  if (names.length > 0) run.progress.redact = (text) => deps.secrets.redact(names, text);
  const attempt = start(run, execution, deps, {
    started(pid, at) {
      Object.assign(run, { stage: 'running', pid, startedAt: at, aliveAt: deps.clock.monotonic() });
      noteProgress(run, deps, true);
    },
    growth({ stdoutBytes, stderrBytes }) {
      run.output = { stdoutBytes, stderrBytes };
      run.aliveAt = deps.clock.monotonic();
      deps.grew();
      noteProgress(run, deps, false);
    },
    said(bytes) {
      run.aliveAt = deps.clock.monotonic();
      run.progress.add(bytes);
    },
  });
  run.attempt = attempt;
  if (run.stop !== null) attempt.stop(run.stop);
  return attempt;
}

/** Hands the work to the runner that can do it. */
function start(
  run: LiveRun,
  execution: RunningExecution,
  deps: RunDeps,
  listener: AttemptListener,
): RunningAttempt {
  const { timeouts, outputPolicy, work, trace } = execution;
  if (hasNoRun(work)) throw new TypeError('a plan has no attempts');
  // What it calls on belongs to the span of this attempt (https://www.w3.org/TR/trace-context/).
  const traceparent = traceparentOf(trace, deps.attemptSpan(run.name.runId, run.name.attempt));
  const names = secretsIn(work);
  const filled =
    names.length === 0 ? (work as FilledWork) : fillSecrets(work, (name) => deps.secrets.reveal(name));
  const shared = {
    ...run.name,
    redact: deps.secrets.patterns(names),
    keepBytes: outputPolicy.maxBytes,
    failOnLimit: outputPolicy.oversized === 'fail',
    attemptMs: timeouts.attemptMs,
    idleMs: timeouts.idleMs,
  };
  if (isRequest(filled)) {
    const { id: executionId, userId } = execution;
    const hosts = redirectHosts(filled, hostsNow(execution, deps.rules), grantedBy(execution) !== null);
    const request = {
      ...{ work: filled, secretHeaders: secretHeaders(work), redirectHosts: hosts, executionId, userId },
    };
    return deps.requests.run({ ...shared, ...request, traceparent }, listener);
  }
  const command = deps.toCommand(execution, filled, traceparent);
  run.privateDir = command.privateDir;
  const confined = confinementNow(execution, deps.rules);
  const { limits, stop, userId } = execution;
  const ending = stop ?? resolveStop({}, { byDefault: deps.policy.graceMs, most: null });
  const begin = () =>
    deps.runner.run({ ...shared, ...confined, userId, command, limits, stop: ending }, listener);
  if (!hasFiles(execution)) return begin();
  return prepared(deps.files.place(execution, command.privateDir), begin, () => deps.clock.now());
}

/** Hosts that it may reach: those of its acceptance, or fewer where the rules have become so. */
function hostsNow({ access, spec, userId }: RunningExecution, rules: AccessRules): readonly string[] | null {
  const { hosts = null } = access;
  if (rules.version === access.policyVersion || hasNoRun(spec)) return hosts;
  const decision = rules.decide({ userId, mayRun: 'any' }, askedFor(spec, access.operation));
  return 'why' in decision ? hosts : hostsInBoth(hosts, decision.hosts);
}

/** As it was accepted, or stronger where the rules have become so. */
function confinementNow(
  execution: RunningExecution,
  rules: AccessRules,
): Pick<AttemptStart, keyof Confinement> {
  const { isolation, network, access, spec, userId } = execution;
  if (rules.version === access.policyVersion || hasNoRun(spec)) return { isolation, network };
  const decision = rules.decide({ userId, mayRun: 'any' }, askedFor(spec, access.operation));
  if ('why' in decision) return { isolation, network };
  const now = bothOf({ isolation, network }, decision.confinement);
  return { isolation: now.isolation, network: now.network ?? network };
}

function noteProgress(run: LiveRun, deps: RunDeps, isFirst: boolean): void {
  const { id, name, startedAt, output } = run;
  if (startedAt !== null) {
    // What is kept is known at the end; until then the counters say what was written.
    const kept = { stdoutKeptBytes: 0, stderrKeptBytes: 0, records: 0, truncated: false };
    const part = { executionId: id, attempt: name.attempt, startedAt, output: { ...output, ...kept } };
    deps.writeBehind.note({ type: 'progress', ...part }, isFirst);
  }
  deps.growth.notify(id);
}

/** Makes the group that ends an attempt of an execution as it is then. */
type Ending = (now: RunningExecution) => Promise<Group>;

function ending(
  run: LiveRun,
  execution: RunningExecution,
  { report, gathered }: { report: AttemptReport; gathered: Gathering },
  deps: RunDeps,
): Ending {
  if (report.type === 'interrupted') {
    const { isStarted, detail } = report;
    const interruption = { mayBeUnstarted: !isStarted, startedAt: run.startedAt, detail };
    return (now) => interruptedGroup(now, interruption, deps);
  }
  let concluded: Concluded | null = null;
  return async (now) => {
    concluded ??= await conclude(execution, report, deps);
    const { outcome, result, decision } = concluded;
    const end = { executionId: now.runId, attempt: lastAttemptNumber(now), end: report.end };
    // Who has asked for a cancel wants no further attempt.
    if (decision.retry && now.phase === 'starting') {
      return [{ type: 'retry', ...end, outcome, waitMs: decision.waitMs }];
    }
    const exhausted = decision.retry ? null : decision.exhausted;
    const last = withExhausted(outcome, exhausted);
    if (gathered.dir === null) return [{ type: 'settle', ...end, outcome: last, result }];
    gathered.is ??= await deps.files.collect(execution, gathered.dir);
    const { end: artifacts, files } = gathered.is;
    return [
      { type: 'settle', ...end, outcome: { ...last, artifacts }, result },
      { type: 'files', put: files, drop: [], forget: [] },
    ];
  };
}

interface Concluded {
  outcome: Outcome;
  result: Result;
  decision: RetryDecision;
}

async function conclude(
  execution: RunningExecution,
  report: Extract<AttemptReport, { type: 'ended' }>,
  deps: RunDeps,
): Promise<Concluded> {
  const { outcome, result } = await resultOf(
    execution,
    withoutSecrets(execution, report, deps.secrets),
    deps,
  );
  const decision = decideRetry(execution, outcome, deps.policies.budgetOf(execution), () => deps.random());
  return { outcome, result: withoutParsedSecrets(execution, result, deps.secrets), decision };
}

type EndedReport = Extract<AttemptReport, { type: 'ended' }>;

/** A report whose messages and headers do not repeat what was put into the work. Its output is clean already. */
function withoutSecrets({ work }: RunningExecution, report: EndedReport, secrets: Secrets): EndedReport {
  const names = secretsIn(work);
  if (names.length === 0) return report;
  const redact = (text: string) => secrets.redact(names, text);
  // The names of its fields are ours; those of headers are not.
  const outcome = JSON.parse(JSON.stringify(report.outcome), (_name, one: unknown) =>
    typeof one === 'string' ? redact(one) : one,
  ) as Outcome;
  const { response } = report;
  if (response === null) return { ...report, outcome };
  const headers = redactValue(response.headers, redact) as typeof response.headers;
  return { ...report, outcome, response: { ...response, url: redact(response.url), headers } };
}

/** What was parsed says what its text had escaped, which the log may have let through. */
function withoutParsedSecrets({ work }: RunningExecution, result: Result, secrets: Secrets): Result {
  const names = secretsIn(work);
  if (names.length === 0 || secrets.patterns(names).length === 0) return result;
  const redact = (text: string) => secrets.redact(names, text);
  if (result?.type === 'json') return { ...result, value: redactValue(result.value, redact) };
  if (result?.type !== 'http' || !('json' in result.body)) return result;
  return { ...result, body: { json: redactValue(result.body.json, redact) } };
}

/** Stores the end, however often it takes, and gives back what the attempt held. */
async function settle(
  run: LiveRun,
  execution: RunningExecution,
  makeGroup: Ending,
  deps: RunDeps,
): Promise<void> {
  const { clock, log, signal } = deps;
  const failed = (err: unknown, wait_ms: number) =>
    log.warn({ err, execution_id: run.id, wait_ms }, 'Cannot store the end of an attempt; execd retries');
  let now: RunningExecution | null = execution;
  const settleNow = async (): Promise<void> => {
    while (now !== null && !signal.aborted) {
      const group = await makeGroup(now);
      deps.writeBehind.drop(run.id);
      const result = await deps.scheduler.claimWith(group);
      // The execution has moved on since it was looked at, and another group is due.
      const hasMoved = result.status === 'refused' && result.reason === 'illegal';
      now = hasMoved && result.execution.status === 'running' ? result.execution : null;
    }
  };
  await untilDone(settleNow, { clock, signal, failed, backoff: GROWING });
  deps.live.end(run);
  deps.growth.notify(run.id);
}
