// Accepting: what is answered with an execution is on the disk by then; what is refused leaves nothing behind.
import { SLOT_KINDS, carrierFacts, hasNoRun, hasSteps, isWait } from '../../domain/kinds.ts';
import type { Caller } from '../../domain/spec/access.ts';
import { type CacheUse, cacheOwner } from '../../domain/cache.ts';
import { RefusedError } from '../../domain/errors.ts';
import { MAX_OPEN_KEYS, slotKindOf } from '../../domain/execution/execution.ts';
import type {
  AcceptPart,
  CacheEntry,
  Group,
  GroupResult,
  NewExecution,
  Part,
} from '../../domain/ports/group.ts';
import type { AnySpec } from '../../domain/spec/any.ts';
import { resultBytesOf } from '../../domain/execution/result-text.ts';
import { keepsTooMuch, keptBounds, quotaExceeded } from './kept-quota.ts';
import { isMail } from '../../domain/spec/mail.ts';
import { newSecret, type Webhook } from '../../domain/webhooks/webhooks.ts';
import { type EngineSettings, KEY_LIFETIME_MS, whyRevoked } from '../policies/settings.ts';
import { insufficientCredits } from '../refusals.ts';
import { poolOf } from '../../domain/pools.ts';
import type { Scheduler } from '../run/scheduler.ts';
import { type Submission, StepNotTaken, Stale, type Submitted, type SubmitDeps } from './submission.ts';
import { accepted } from './accepted.ts';
import { queueFull, keyBusy, userQueueFull, limitReached } from './no-room.ts';

/**
 * Accepts many executions in one commit. Each gets its own answer, in order: an execution, or why it was refused. A
 * promise only where something is to be stored first.
 *
 * @throws StoreError when nothing could be written
 */
export function submitAll(
  caller: Caller,
  submissions: readonly Submission[],
  deps: SubmitDeps,
): (Submitted | RefusedError)[] | Promise<(Submitted | RefusedError)[]> {
  const drafts = submissions.map((submission) => tryDraft(caller, submission, deps));
  return drafts.every(isAnswer) ? drafts : store(caller, drafts, deps);
}

const isAnswer = (drafted: Drafted): drafted is Submitted | RefusedError => !('group' in drafted);

/** @throws StoreError when nothing could be written */
async function store(
  caller: Caller,
  drafts: Drafted[],
  deps: SubmitDeps,
): Promise<(Submitted | RefusedError)[]> {
  const groups = drafts.flatMap((one) => (isAnswer(one) ? [] : [one.group]));
  let results: GroupResult[];
  try {
    results = await deps.commit(groups);
  } catch (error) {
    for (const one of drafts) if (!isAnswer(one)) undo(one, deps);
    throw error;
  }
  let next = 0;
  const answers: (Submitted | RefusedError)[] = [];
  for (const one of drafts) {
    if (isAnswer(one)) answers.push(one);
    else answers.push(await conclude(caller, one, results[next++] as GroupResult, deps));
  }
  for (const slotKind of SLOT_KINDS) deps.schedulers[slotKind].fill();
  return answers;
}

/** What is to be stored before it is answered. */
interface Draft {
  submission: Submission;
  group: Group;
  execution: NewExecution;
  scheduler: Scheduler;
  /** The scheduler whose slot it holds; null without one. */
  slot: Scheduler | null;
  mayWait: boolean;
  /** Of its webhook, where none was given. */
  madeSecret: string | null;
}

type Drafted = Draft | Submitted | RefusedError;

function tryDraft(caller: Caller, submission: Submission, deps: SubmitDeps): Drafted {
  try {
    return draft(caller, submission, deps);
  } catch (error) {
    if (error instanceof RefusedError) return error;
    throw error;
  }
}

function undo({ execution, slot }: Draft, deps: SubmitDeps): void {
  slot?.release();
  deps.joins.withdraw(execution.id);
}

/** A submission costs one of those that its user has in a second, whatever becomes of it. */
/** @throws RefusedError `too_many_submits` */
export function checkSubmitRate(
  { userId }: Caller,
  { rules, rates }: Pick<SubmitDeps, 'rules' | 'rates'>,
): void {
  const { submitsPerS } = rules.quotasOf(userId);
  const retryAfterS = submitsPerS === null ? null : rates.take(userId, submitsPerS);
  if (retryAfterS === null) return;
  const detail = `The user may submit at most ${submitsPerS} executions per second.`;
  throw new RefusedError('too_many_submits', detail, { retryAfterS });
}

/** @throws RefusedError */
function draft(caller: Caller, submission: Submission, deps: SubmitDeps): Draft | Submitted {
  const { idempotency, spec, trace, isRepeated = false } = submission;
  // Who takes a plan in takes in its steps.
  if (submission.plan === undefined) checkSubmitRate(caller, deps);
  // A hit has nothing to lose but its own record, which may follow; that of a step is awaited by its plan.
  const mayFollow =
    idempotency === null &&
    submission.plan === undefined &&
    submission.schedule === undefined &&
    // It owns the bytes of its files.
    submission.inputs === undefined &&
    deps.hits.hasRoom &&
    !keepsTooMuch(caller, deps);
  const again = mayFollow && isRepeated ? deps.hits.again(caller, spec, trace) : null;
  if (again !== null) return { ...again, isReplay: false, webhookSecret: null };
  const execution = accepted(caller, submission, deps);
  checkKeyRate(execution, submission, deps);
  const beginning = begin(execution, submission, deps);
  const pricing = price(execution, beginning, submission, deps);
  if (beginning.hit !== null && mayFollow && execution.cost === null && execution.webhook === null) {
    return {
      ...deps.hits.first(caller, execution, beginning.hit, isRepeated),
      isReplay: false,
      webhookSecret: null,
    };
  }
  const { scheduler, slot } = beginning;
  const group: Part[] = [...(submission.schedule?.parts(execution.id) ?? [])];
  if (idempotency !== null) {
    const { key, bodyHash } = idempotency;
    const { userId } = caller;
    const lifetimeMs = KEY_LIFETIME_MS;
    group.push({ type: 'idempotency', userId, key, bodyHash, executionId: execution.id, lifetimeMs });
  }
  const { joins, end, besides } = beginning;
  // What has a slot may still have to wait for its concurrency key; who joins a run needs no slot.
  const mayWait = joins || !mustStart(execution, scheduler, deps.policy);
  // Who takes a plan in takes in its steps.
  const maxQueued = execution.plan !== null ? Infinity : deps.policy.maxQueued;
  const claim = slot === null ? null : deps.claimant();
  const quota = quotaOf(execution, deps);
  const conflict = conflictOf(spec);
  const how = { claim, joins, end, maxQueued, mayWait, ...conflict, ...pricing, ...quota };
  group.push({ type: 'accept', execution, ...how, ...(besides === undefined ? {} : { besides }) });
  addInputs(group, execution, submission, deps.clock.now());
  if (submission.redrive !== undefined) {
    const { of, copies } = submission.redrive;
    const kept = copies.map((copy) => ({ ...copy, planId: copy.planId ?? execution.id }));
    group.push({ type: 'keep_steps', of, copies: kept });
  }
  const madeSecret = addWebhook(group, execution, submission, deps);
  return { submission, group, execution, scheduler, slot, mayWait, madeSecret };
}

/** @throws RefusedError `key_rate_exceeded` */
function checkKeyRate(
  { concurrency }: NewExecution,
  { spec }: Submission,
  { rates }: Pick<SubmitDeps, 'rates'>,
): void {
  const rate = hasNoRun(spec) ? undefined : spec.concurrency?.rate;
  if (rate === undefined || concurrency === null) return;
  const { limit, per_ms: perMs } = rate;
  const retryAfterS = rates.takeOfKey(concurrency.key, { limit, perMs });
  if (retryAfterS === null) return;
  const detail = `At most ${limit} executions with this concurrency key are accepted in ${perMs} ms (concurrency.rate). Try again later.`;
  throw new RefusedError('key_rate_exceeded', detail, { retryAfterS });
}

/** What becomes of others with its concurrency key. */
function conflictOf(spec: AnySpec): Pick<AcceptPart, 'conflict'> {
  if (hasNoRun(spec)) return {};
  const { concurrency, debounce_ms: debounceMs } = spec;
  const asked = concurrency?.on_conflict ?? 'queue';
  if (debounceMs !== undefined) return { conflict: 'debounce' };
  return asked === 'queue' ? {} : { conflict: asked };
}

/** Stores what its files are made of, as its own. */
function addInputs(
  group: Part[],
  { id, userId }: Pick<NewExecution, 'id' | 'userId'>,
  { inputs }: Submission,
  createdAt: number,
): void {
  if (inputs === undefined || inputs.files.length === 0) return;
  const own = { ownerId: id, role: 'input', userId, createdAt, expiresAt: null, expected: null } as const;
  group.push({ type: 'files', put: inputs.files.map((file) => ({ ...file, ...own })), drop: [], forget: [] });
}

/** Stores the webhook that the spec brings along; answers the secret that was made for it. */
function addWebhook(
  group: Part[],
  execution: NewExecution,
  submission: Submission,
  { clock }: Pick<SubmitDeps, 'clock'>,
): string | null {
  const { id, userId, webhook } = execution;
  if (webhook === null) return null;
  const given = submission.spec.webhook?.secret ?? submission.webhookSecret ?? null;
  const secret = isMail(webhook.url) ? null : (given ?? newSecret());
  const own: Webhook = {
    ...{ id, userId, executionId: id, url: webhook.url, description: null, disabled: null },
    ...{
      filter: { userId, types: webhook.events },
      withResult: webhook.withResult === true,
      notification: webhook.notification ?? null,
    },
    ...{ secrets: secret === null ? [] : [{ secret, until: null }], createdAt: clock.now() },
  };
  group.push({ type: 'webhook', webhook: own });
  return given === null ? secret : null;
}

/** What its user may have in the queue and keep. If a plan is accepted, its steps may wait. */
function quotaOf({ userId, plan }: NewExecution, deps: SubmitDeps): Pick<AcceptPart, 'quota'> {
  const queued = plan === null ? deps.rules.quotasOf(userId).queued : null;
  return { quota: { queued, kept: keptBounds(userId, deps) } };
}

/** What happens when no slot is free. A step has its place in the plan, and waits; so does what is to start later. */
export function onLimitOf({ work, plan, startAt }: NewExecution, policy: EngineSettings): 'queue' | 'reject' {
  if (plan !== null || startAt !== null || hasNoRun(work)) return 'queue';
  return work.on_limit ?? policy.onLimit;
}

/** Whether an execution is rejected if it gets no slot. */
export function mustStart(
  execution: NewExecution,
  scheduler: Pick<Scheduler, 'mayStartElsewhere'>,
  policy: EngineSettings,
): boolean {
  return onLimitOf(execution, policy) === 'reject' && !scheduler.mayStartElsewhere(poolOf(execution.work));
}

/** Sets what an execution costs; answers how it is counted. */
export function price(
  execution: NewExecution,
  { joins }: Pick<Beginning, 'joins'>,
  { isFree = false }: Submission,
  { credits }: Pick<SubmitDeps, 'credits'>,
): Pick<AcceptPart, 'pricing'> {
  if (credits === null || isFree || isWait(execution.work)) return {};
  const isPlan = hasNoRun(execution.work);
  const as = isPlan ? 'plan' : execution.cache?.status === 'hit' ? 'hit' : joins ? 'joined' : 'run';
  const quote = credits.quote(execution, as);
  if (quote === null) return {};
  execution.cost = quote.cost;
  return { pricing: { windows: quote.windows, lowBalance: credits.lowBalance() } };
}

/** Each of them gets the result, in one transaction: of large ones, fewer. */
export function mostJoined({ outputPolicy, work }: NewExecution): number {
  if (outputPolicy.parse === 'json') return 64;
  const most = carrierFacts(work).texts * resultBytesOf(outputPolicy);
  return Math.min(1000, Math.floor(MOST_JOINED_BYTES / Math.max(1, most)));
}
const MOST_JOINED_BYTES = 128 * 1024 * 1024;

type Beginning = Pick<Draft, 'scheduler' | 'slot'> &
  Pick<AcceptPart, 'joins' | 'end' | 'besides'> & {
    /** The kept result that it ends with. */
    hit: CacheEntry | null;
  };

/**
 * How an execution begins: with an earlier result, in the run of another one, not at all because its circuit is open, or
 * with a slot or a place in the queue. Sets its run, and how it takes part in the cache.
 *
 * @throws RefusedError
 */
function begin(execution: NewExecution, submission: Submission, deps: SubmitDeps): Beginning {
  const scheduler = deps.schedulers[slotKindOf(execution.work) ?? 'process'];
  const idle = { scheduler, slot: null, joins: false, end: null, hit: null };
  if (hasNoRun(execution.work)) return idle;
  const denied = whyRevoked(execution, deps.isRevoked);
  if (denied !== null) return { ...idle, end: { outcome: denied, result: null } };
  // Whether there is a result by then, nobody knows now.
  if (execution.startAt !== null) return idle;
  const found = findResult(execution, deps);
  if (found !== null) return { ...idle, ...found };
  const outcome = deps.policies.refusal(execution);
  if (outcome !== null) return { ...idle, end: { outcome, result: null } };
  const hasSlot = scheduler.tryReserve(poolOf(execution.work));
  const isRejected = !hasSlot && mustStart(execution, scheduler, deps.policy);
  // With a key it may be the second time, and then the answer is the first execution: the store knows.
  if (isRejected && submission.idempotency === null) throw limitReached(scheduler);
  const slot = hasSlot ? scheduler : null;
  if (isRejected) return { ...idle, slot };
  // Another server may have begun such a run that is not known here yet.
  const { cache } = execution;
  const besides = cache !== null && mayShare(cache) ? { besides: deps.joins.newest(execution) } : {};
  deps.joins.offer(execution, execution.runId);
  return { ...idle, slot, ...besides };
}

/** Whether a result or a run of others may take the place of its own. */
export function mayShare({ mode }: Pick<CacheUse, 'mode'>): boolean {
  return mode !== 'write' && mode !== 'refresh';
}

/** What spares an execution its own run: an earlier result, or a run that is under way. */
function findResult(
  execution: NewExecution,
  deps: SubmitDeps,
): Pick<Beginning, 'end' | 'hit'> | Pick<Beginning, 'joins'> | null {
  const { cache, userId } = execution;
  if (cache === null) return null;
  const owner = cacheOwner(cache, userId);
  if (cache.mode === 'refresh') deps.cache.drop({ userId: owner, key: cache.key });
  if (!mayShare(cache)) return null;
  const entry = deps.cache.find(owner, cache.key);
  if (entry !== null) {
    const { runId, log, storedAt } = entry;
    const madeBy = runId === null || log === undefined ? {} : { madeBy: { runId, ...log } };
    execution.cache = { ...cache, status: 'hit', storedAt, ...madeBy };
    return { end: { outcome: entry.outcome, result: entry.result }, hit: entry };
  }
  const runId = deps.joins.find(execution, mostJoined(execution));
  if (runId === null) {
    deps.cache.countMiss();
    return null;
  }
  execution.cache = { ...cache, status: 'joined' };
  execution.runId = runId;
  return { joins: true };
}

async function conclude(
  caller: Caller,
  one: Draft,
  result: GroupResult,
  deps: SubmitDeps,
): Promise<Submitted | RefusedError> {
  const execution = result.status === 'applied' ? result.executions.at(-1) : undefined;
  if (execution !== undefined) {
    if (execution.status !== 'running') one.slot?.release();
    else if (hasSteps(execution.spec)) deps.beginPlan(execution);
    else deps.run(execution);
    if (execution.cache?.status === 'joined') deps.cache.countJoin();
    if (execution.phase === 'queued') deps.pools.noteWaiting(execution.work);
    // Others with its concurrency key, which it has cancelled.
    if (result.status === 'applied') deps.stopped(result.executions.slice(0, -1), execution);
    return { execution, isReplay: false, webhookSecret: one.madeSecret };
  }
  undo(one, deps);
  const { scheduler } = one;
  if (result.status === 'stale' && one.submission.schedule !== undefined) return new Stale();
  if (result.status !== 'refused')
    return new RefusedError('internal_error', 'The store rejected the execution.');
  switch (result.reason) {
    case 'run_open':
    case 'run_gone': {
      // Another server has begun such a run; or the run has ended in between: its result is there, or another run is due.
      if (result.reason === 'run_open') deps.joins.offer(one.execution, result.executionId);
      else deps.joins.withdraw(one.execution.runId);
      const [answer] = await submitAll(caller, [one.submission], deps);
      return answer as Submitted | RefusedError;
    }
    case 'queue_full':
      if (!one.mayWait) return limitReached(scheduler);
      return queueFull(scheduler, deps.policy.maxQueued);
    case 'key_busy':
      return keyBusy(one.submission.spec, scheduler);
    case 'too_many_open_keys':
      return new RefusedError(
        'too_many_open_keys',
        `Executions with ${MAX_OPEN_KEYS} different concurrency keys wait or run, and execd allows no more. Use fewer keys, or try again when some have ended.`,
        { retryAfterS: scheduler.retryAfterS() },
      );
    case 'no_credit':
      return insufficientCredits(result);
    case 'user_queue_full':
      return userQueueFull(caller, deps, scheduler);
    case 'quota_exceeded':
      return quotaExceeded(caller, result.tooMuch);
    case 'not_found':
      return new RefusedError('not_found', `The plan ${one.submission.redrive?.of ?? ''} has been removed.`);
    case 'plan_closed':
    case 'step_exists':
      return new StepNotTaken(result.reason);
    case 'key_reused':
      return new RefusedError(
        'idempotency_key_reused',
        'This Idempotency-Key was used with a different request. Use a new key.',
      );
    case 'key_gone':
      return new RefusedError(
        'execution_removed',
        `The execution ${result.executionId} that this Idempotency-Key created was removed. Use a new key.`,
      );
    case 'key_replayed': {
      const first = await deps.store.get(caller.userId, result.executionId);
      if (first !== null) return { execution: first, isReplay: true, webhookSecret: null };
      return new RefusedError(
        'execution_removed',
        `The execution ${result.executionId} that this Idempotency-Key created was removed. Use a new key.`,
      );
    }
    default:
      return new RefusedError('internal_error', `The store refused the execution: ${result.reason}.`);
  }
}
