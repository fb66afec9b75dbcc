// The execution that a submission becomes: its settings, its rights, its secrets and its start.
import { hasNoRun, hasSteps, takesProcess } from '../../domain/kinds.ts';
import { actingUser, type Caller } from '../../domain/spec/access.ts';
import type { Allowed } from '../../domain/access/access-rules.ts';
import { quoted, RefusedError } from '../../domain/errors.ts';
import { askedFor, type ExecutionAccess, ownKey } from '../../domain/execution/execution.ts';
import { bothOf, type Confinement, type IsolationTier, tierFor } from '../../domain/isolation.ts';
import { firstOutside, type Network, networkInBoth, networkOf } from '../../domain/network.ts';
import { DEFAULT_POOL } from '../../domain/pools.ts';
import type { NewExecution } from '../../domain/ports/group.ts';
import { askedConfinement } from '../../domain/spec/sandbox.ts';
import { secretsIn } from '../../domain/spec/secrets.ts';
import type { AnySpec } from '../../domain/spec/any.ts';
import type { PlanSpec } from '../../domain/spec/plan.ts';
import type { WaitSpec } from '../../domain/spec/wait.ts';
import { MAX_DELAY_MS, type Spec, type StartSpec, type Work } from '../../domain/spec/spec.ts';
import { withFiles } from '../files/identity.ts';
import type { Resolved } from '../policies/operations.ts';
import { type SpecSettings, checkPriority, newExecution } from '../policies/settings.ts';
import type { Submission, SubmitDeps } from './submission.ts';

/** A spec as it is kept and shown. */
function withoutSecret<T extends AnySpec>(spec: T): T {
  if (spec.webhook?.secret === undefined) return spec;
  const { secret: _secret, ...webhook } = spec.webhook;
  return { ...spec, webhook };
}

/** @throws RefusedError `validation` for a webhook that cannot be told of anything */
function checkWebhook({ userId }: Caller, { webhook }: AnySpec, deps: SubmitDeps): void {
  const problems = webhook === undefined ? [] : deps.webhookProblems(webhook, userId);
  if (problems.length === 0) return;
  const fields = problems.map(({ field, message }) => ({ field: `/webhook${field}`, message }));
  throw new RefusedError(
    'validation',
    fields.map(({ field, message }) => `${field}: ${message}`).join('; '),
    { fields },
  );
}

/**
 * The record of a new execution, before it is known how it begins.
 *
 * @throws RefusedError
 */
export function accepted(caller: Caller, submission: Submission, deps: SubmitDeps): NewExecution {
  const { rerunOf } = submission;
  const spec = withoutSecret(submission.spec);
  checkWebhook(caller, submission.spec, deps);
  if (hasNoRun(spec)) return acceptedPlan(caller, { ...submission, spec }, deps);
  const decision = deps.rules.decide(caller, askedFor(spec, submission.granted?.operation));
  if ('why' in decision) throw new RefusedError('command_not_allowed', decision.why);
  const made = spec.kind === 'operation' ? deps.planOf(spec) : null;
  if (made !== null) return acceptedPlan(caller, { ...submission, spec: mayBePlan(made, submission) }, deps);
  const resolved = withSecrets(caller, submission, withFiles(deps.resolve(spec), submission.inputs), deps);
  const isShared = resolved.settings.cache?.scope === 'global';
  if (isShared && !caller.scopes.has('admin') && submission.granted === undefined && !onlyUses(spec)) {
    const detail = 'Only administrators and operations may change results that all users share.';
    throw new RefusedError('forbidden', detail, { fields: [{ field: '/cache', message: detail }] });
  }
  const quotas = deps.rules.quotasOf(caller.userId);
  checkPriority(resolved.settings, quotas);
  checkPool(caller, submission, deps);
  deps.pools.check(resolved.settings.pool);
  const trace = submission.trace ?? deps.newTrace();
  const adaptiveMs = deps.policies.adaptiveLimitMs(spec);
  const ofOwn = resolved.version === undefined ? {} : { operationVersion: resolved.version };
  const access = { ...accessOf(caller, decision, deps), ...submission.granted, ...ofOwn };
  const plan = submission.plan ?? null;
  const startAt = startOf(spec, deps.clock.now());
  const asked = { work: resolved.work, spec, allowed: decision.confinement };
  const confined = confinement(caller, asked, deps);
  const schedule = submission.schedule?.of ?? null;
  const from = { caller, access, ...confined, trace, rerunOf, schedule, redriveOf: null, plan, startAt };
  const { concurrency: limited } = resolved;
  const key = limited?.isOwn === true ? ownKey(caller.userId, limited.key) : limited?.key;
  const concurrency = limited === null || key === undefined ? null : { key, limit: limited.limit };
  const acceptance = { id: deps.newId(), spec, ...resolved, concurrency, adaptiveMs, ...from };
  const execution = newExecution(acceptance, deps.policy);
  execution.priority = Math.min(execution.priority, quotas.maxPriority ?? Infinity);
  if (submission.onDisconnect !== undefined) execution.onDisconnect = submission.onDisconnect;
  return execution;
}

/**
 * What the request itself says; an operation names its pool for whoever may run it.
 *
 * @throws RefusedError `command_not_allowed` for a pool that the policy file does not give to the user
 */
function checkPool(
  { userId }: Caller,
  { spec, granted }: Pick<Submission, 'spec' | 'granted'>,
  { rules }: Pick<SubmitDeps, 'rules'>,
): void {
  const allowed = rules.poolsOf(userId);
  const named = hasNoRun(spec) ? undefined : spec.pool;
  if (allowed === 'any' || granted !== undefined) return;
  if (named === undefined && spec.kind === 'operation') return;
  const pool = named ?? DEFAULT_POOL;
  if (allowed.includes(pool)) return;
  const how = named === undefined ? ' (the default)' : '';
  const message = `is ${quoted(pool)}${how}; the policy file allows ${allowed.map(quoted).join(', ')}. Name one of these pools`;
  throw new RefusedError('command_not_allowed', `pool ${message}.`, {
    fields: [{ field: '/pool', message }],
  });
}

/**
 * When it is to start; null for at once.
 *
 * @throws RefusedError `validation` for a time that is too far ahead
 */
export function startOf(
  {
    start_at: at,
    debounce_ms: debounceMs = 0,
    delay_ms: delayMs = debounceMs,
  }: StartSpec & { debounce_ms?: number | undefined },
  now: number,
): number | null {
  const startAt = at === undefined ? now + delayMs : Date.parse(at);
  if (startAt <= now) return null;
  if (startAt <= now + MAX_DELAY_MS) return startAt;
  const latest = new Date(now + MAX_DELAY_MS).toISOString();
  const message = `must be at most 366 days ahead (${latest}), not ${at ?? ''}`;
  throw new RefusedError('validation', `/start_at: ${message}`, {
    fields: [{ field: '/start_at', message }],
  });
}

/**
 * How its attempts are to be isolated. A request is made by the server itself.
 *
 * @throws RefusedError `validation` for what the request asks for and this server, or the policy, does not give
 */
function confinement(
  { userId }: Pick<Caller, 'userId'>,
  { work, spec, allowed }: { work: Work; spec: Spec; allowed: Confinement },
  { policy, tiers, roots }: Pick<SubmitDeps, 'policy' | 'tiers' | 'roots'>,
): { isolation: IsolationTier; network: Network } {
  if (!takesProcess(work)) return NO_PROCESS;
  const asked = askedConfinement(work);
  const { isolation } = bothOf(allowed, asked);
  const found = tierFor(isolation, tiers());
  if (found === null && isolation !== allowed.isolation)
    throw unfit('isolation', `is ${isolation}; this server offers ${tiers().join(', ')}`);
  const operation = spec.kind === 'operation' ? spec.name : null;
  if (work.root !== undefined && roots.find(work.root, { userId, operation }) === null)
    throw unfit('root', `is ${work.root}, which is not a root directory of this server for this user`);
  // Where none is strong enough any more, the runner refuses.
  const tier = found ?? isolation;
  const most = tier === 'sandbox' && (allowed.network ?? policy.network);
  if (work.network !== undefined && tier !== 'sandbox')
    throw unfit('network', 'requires isolation: sandbox, or root');
  const why = work.network === undefined ? null : whyNotNetwork(networkOf(work.network), most);
  if (why !== null) throw unfit(why.field, why.message);
  return { isolation: tier, network: networkInBoth(most, asked.network ?? true) };
}

/** What of a network that is asked for is more than what is allowed; null when nothing is. */
function whyNotNetwork(asked: Network, most: Network): { field: string; message: string } | null {
  const allowed =
    most === false ? 'no network' : most === true ? 'all' : most.length === 0 ? 'no host' : most.join(', ');
  const whose = `the policy, or EXECUTION_SANDBOX_NETWORK, allows ${allowed}`;
  if (asked === false) return null;
  if (asked === true) return most === true ? null : { field: 'network', message: `is true; ${whose}` };
  const at = firstOutside(asked, most);
  return at === null ? null : { field: `network/allow/${at}`, message: `is ${asked[at]}; ${whose}` };
}

function unfit(field: string, message: string): RefusedError {
  return new RefusedError('validation', `/${field}: ${message}`, {
    fields: [{ field: `/${field}`, message }],
  });
}

const NO_PROCESS = { isolation: 'none', network: false } as const;

/** On whose word it is accepted. */
function accessOf(
  caller: Caller,
  { limits, hosts }: Pick<Allowed, 'limits' | 'hosts'>,
  { rules }: Pick<SubmitDeps, 'rules'>,
): ExecutionAccess {
  const { credential } = caller;
  const keyId = credential?.type === 'key' ? credential.id : null;
  const facts = { policyVersion: rules.version, submittedBy: actingUser(caller), limits, hosts };
  return keyId === null ? facts : { ...facts, keyId };
}

/**
 * What a spec asks for, when its secrets are there for the caller. Another value of one makes another result.
 *
 * @throws RefusedError `unknown_secret`
 */
function withSecrets(
  { userId }: Caller,
  { spec, granted }: Pick<Submission, 'spec' | 'granted'>,
  resolved: Resolved,
  { secrets }: SubmitDeps,
): Resolved {
  const names = secretsIn(resolved.work);
  if (names.length === 0) return resolved;
  const operation = spec.kind === 'operation' ? spec.name : (granted?.operation ?? null);
  const missing = secrets.whyNot({ names, userId, operation });
  if (missing !== null) {
    throw new RefusedError('unknown_secret', `There is no secret ${missing} for this user.`);
  }
  const generations = names.map((name) => [name, secrets.generation(name)]);
  return { ...resolved, identity: { identity: resolved.identity, secrets: generations } };
}

/** @throws RefusedError `validation` where an operation that is a plan cannot run */
function mayBePlan(plan: PlanSpec, { granted, isRaw }: Pick<Submission, 'granted' | 'isRaw'>): PlanSpec {
  const why =
    granted !== undefined
      ? `is a plan, which the plan of the operation ${granted.operation} cannot run; write its steps as a step of kind plan`
      : isRaw === true
        ? 'is a plan, which has no output of its own; submit it to /v1/executions'
        : null;
  if (why === null) return plan;
  throw new RefusedError('validation', `/name: ${why}`, { fields: [{ field: '/name', message: why }] });
}

/** A plan, or a wait. */
function acceptedPlan(
  caller: Caller,
  { spec, trace, rerunOf, redrive, ...submission }: Submission & { spec: PlanSpec | WaitSpec },
  deps: SubmitDeps,
): NewExecution {
  const refusal = hasSteps(spec) ? deps.whyNoRoom(caller.userId, spec) : null;
  if (refusal !== null) throw refusal;
  const plan = submission.plan ?? null;
  const quotas = deps.rules.quotasOf(caller.userId);
  checkPriority(spec, quotas);
  const made = hasSteps(spec) ? spec.operation : undefined;
  const granted =
    made === undefined ? submission.granted : { operation: made.name, operationVersion: made.version };
  const access = { ...accessOf(caller, { limits: null, hosts: null }, deps), ...granted };
  const from = {
    caller,
    access,
    trace: trace ?? deps.newTrace(),
    ...NO_PROCESS,
    rerunOf,
    schedule: submission.schedule?.of ?? null,
    redriveOf: redrive?.of ?? null,
    plan,
    startAt: hasSteps(spec) ? startOf(spec, deps.clock.now()) : null,
  };
  const what = {
    spec,
    work: spec,
    settings: spec as SpecSettings,
    identity: null,
    adaptiveMs: null,
    concurrency: null,
  };
  return newExecution({ id: deps.newId(), ...what, ...from }, deps.policy);
}

/** Whether a request takes results as they are, and has no say in how they are made and kept. */
function onlyUses({ cache }: Spec): boolean {
  const { mode = 'read_write', ...others } = cache ?? {};
  return ['read_write', 'read', 'bypass'].includes(mode) && Object.keys(others).length === 0;
}
