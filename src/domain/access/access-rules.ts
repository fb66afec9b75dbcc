// What users may run, and how much of the service they may take: the words of the policy file, and the decisions that
// follow from it. Without a file a key says for itself what it may run, and a key that says nothing may run nothing.
import { z } from 'zod';
import { networkOf } from '../network.ts';
import { type Caller, findGrant, type Grant, grant, hostsIn, hostsInBoth, userId } from '../spec/access.ts';
import { type CommandTemplate, template, templateName, whyNotFitting } from './command-template.ts';
import type { TemplateLimits } from '../execution/execution.ts';
import { bothOf, type Confinement, type IsolationTier, NOT_CONFINED, tierFor } from '../isolation.ts';
import type { Issue } from '../issues.ts';
import { narrowest, NO_LIMITS } from '../limits.ts';
import { poolName } from '../pool-name.ts';
import { priority, type Spec } from '../spec/spec.ts';

/** How much of the service a user may take. Null is without a bound of its own. */
export interface Quotas {
  /** Executions that run at a time. */
  running: number | null;
  /** Executions that wait. */
  queued: number | null;
  /** Submissions in a second, on average; so many may come at once. */
  submitsPerS: number | null;
  /** Bytes that their executions keep in the store. */
  storeBytes: number | null;
  /** Bytes that the logs of their executions keep. */
  logBytes: number | null;
  /** Logs that they keep, one for each attempt. */
  logs: number | null;
  /** Bytes of the body of a request. */
  bodyBytes: number | null;
  /** Streams that are open at a time. */
  streams: number | null;
  /** Greatest priority. */
  maxPriority: number | null;
}

export const NO_QUOTAS: Quotas = Object.freeze({
  ...{
    running: null,
    queued: null,
    submitsPerS: null,
    storeBytes: null,
    logBytes: null,
    logs: null,
    bodyBytes: null,
    streams: null,
    maxPriority: null,
  },
});

const quota = (max = Number.MAX_SAFE_INTEGER) => z.int().min(0).max(max).nullable().optional();
const quotas = z.strictObject({
  running: quota().describe('Most executions that run at a time; null: no limit but the slots.'),
  queued: quota().describe('Most executions that wait.'),
  submits_per_s: z.number().gt(0).max(1_000_000).nullable().optional(),
  store_bytes: quota().describe('Most bytes that executions of the user keep in the store.'),
  log_bytes: quota().describe('Most bytes that the logs of the user keep.'),
  logs: quota().describe('Most logs that execd keeps for the user, one for each attempt.'),
  body_bytes: quota().describe('Most bytes of the body of a request.'),
  streams: quota().describe('Most open streams.'),
  max_priority: priority.nullable().optional(),
});

const user = z.strictObject({
  may_run: z
    .union([z.literal('any'), z.array(grant).max(1000)], {
      error: ({ input }) => (Array.isArray(input) ? undefined : 'must be "any" or a list'),
    })
    .optional(),
  pools: z
    .union([z.literal('any'), z.array(poolName).min(1).max(1000)], {
      error: ({ input }) => (Array.isArray(input) ? undefined : 'must be "any" or a list of pools'),
    })
    .optional()
    .describe('pools that requests may name; without a `pool` they are in "default". Default: any'),
  quotas: quotas.optional(),
  weight: z.int().min(1).max(1000).optional().describe('turns in a round of the queue; default 1'),
});

/** The policy file. */
export const policyFile = z.strictObject({
  templates: z.record(templateName, template).default({}),
  users: z
    .record(userId, user)
    .default({})
    .describe('"*" applies to all users, unless they have an entry of their own'),
});
export type PolicyDefinition = z.infer<typeof policyFile>;

/** What is wrong with a file beyond its form. */
export function policyIssues(
  { templates, users }: PolicyDefinition,
  offered: readonly IsolationTier[],
): Issue[] {
  const issues: Issue[] = [];
  for (const [name, { isolation, network }] of Object.entries(templates)) {
    // Weaker tiers have the network whatever is said here.
    if (network !== undefined && isolation !== 'sandbox')
      issues.push({ path: ['templates', name, 'network'], message: 'requires isolation: sandbox' });
    if (tierFor(isolation, offered) !== null) continue;
    const message = `is ${isolation}; this server offers ${offered.join(', ')}`;
    issues.push({ path: ['templates', name, 'isolation'], message });
  }
  for (const [name, { may_run: list = [] }] of Object.entries(users)) {
    if (list === 'any') continue;
    for (const [i, one] of list.entries()) {
      if (!('template' in one) || Object.hasOwn(templates, one.template)) continue;
      const message = `is ${one.template}, which is not a template of this file`;
      issues.push({ path: ['users', name, 'may_run', i, 'template'], message });
    }
  }
  return issues;
}

export interface Allowed {
  limits: TemplateLimits | null;
  confinement: Confinement;
  /** Hosts that an HTTP call may reach; null is any. */
  hosts: readonly string[] | null;
}
export type Decision = Allowed | { why: string };

/** The rules that apply now. They never change; a reload puts others in their place. */
export interface AccessRules {
  /** Names the policy file by its content; null without one. */
  version: string | null;
  decide(caller: Pick<Caller, 'userId' | 'mayRun'>, spec: Spec): Decision;
  quotasOf(userId: string): Quotas;
  /** The pools that executions of a user may be in. */
  poolsOf(userId: string): 'any' | readonly string[];
  /** What the policy file allows to a user; null without a file. */
  mayRunOf(userId: string): 'any' | readonly Grant[] | null;
  /** Turns in a round of the queue. */
  weightOf(userId: string): number;
  /** Users that the file names, but "*". */
  users: readonly string[];
}

/** The rules of a policy file, or of none. */
export function accessRules(
  file: { definition: PolicyDefinition; version: string } | null,
  defaults: Quotas,
): AccessRules {
  const templates = new Map(Object.entries(file?.definition.templates ?? {}));
  const users = new Map(Object.entries(file?.definition.users ?? {}));
  const everyone = users.get('*');
  const shared = over(defaults, everyone?.quotas);
  const own = new Map([...users].map(([name, { quotas }]) => [name, over(shared, quotas)]));
  const listOf = (userId: string) => users.get(userId)?.may_run ?? everyone?.may_run ?? [];
  return {
    version: file?.version ?? null,
    users: [...users.keys()].filter((name) => name !== '*'),
    decide(caller, spec) {
      const lists: { whose: string; list: 'any' | readonly Grant[] }[] = [];
      if (file !== null) {
        lists.push({ whose: 'This user', list: listOf(caller.userId) });
      } else if (caller.mayRun === 'policy') {
        return {
          why: 'This key has may_run "policy", but the server has no policy file. Set EXECUTION_POLICY_FILE, or create a key with another may_run.',
        };
      }
      if (caller.mayRun !== 'policy') lists.push({ whose: 'This key', list: caller.mayRun });
      return decideBy(lists, spec, templates);
    },
    mayRunOf: (userId) => (file === null ? null : listOf(userId)),
    poolsOf: (userId) => users.get(userId)?.pools ?? everyone?.pools ?? 'any',
    quotasOf: (userId) => own.get(userId) ?? shared,
    weightOf: (userId) => users.get(userId)?.weight ?? everyone?.weight ?? 1,
  };
}

/** All lists have to allow it. The limits of all that did apply together. */
function decideBy(
  lists: readonly { whose: string; list: 'any' | readonly Grant[] }[],
  spec: Spec,
  templates: ReadonlyMap<string, CommandTemplate>,
): Decision {
  let limits: TemplateLimits | null = null;
  let confinement = NOT_CONFINED;
  let hosts: readonly string[] | null = null;
  const fits = (name: string, spec: Spec) => {
    const one = templates.get(name);
    return one === undefined ? '' : whyNotFitting(one, spec);
  };
  for (const { whose, list } of lists) {
    if (list === 'any') continue;
    const found = findGrant(list, spec, { whose, fits });
    if ('why' in found) return found;
    hosts = hostsInBoth(hosts, hostsIn(list, spec));
    const used = 'template' in found.grant ? templates.get(found.grant.template) : undefined;
    if (used === undefined) continue;
    limits = narrower(limits, used.limits);
    confinement = bothOf(confinement, {
      isolation: used.isolation,
      network: used.network === undefined ? null : networkOf(used.network),
    });
  }
  return { limits, confinement, hosts };
}

function narrower(
  before: TemplateLimits | null,
  { attempt_ms, total_ms, output_bytes, grace_ms, ...resources }: CommandTemplate['limits'],
): TemplateLimits {
  const least = (a: number | null | undefined, b: number | undefined) =>
    a == null ? (b ?? null) : Math.min(a, b ?? Infinity);
  return {
    attemptMs: least(before?.attemptMs, attempt_ms),
    totalMs: least(before?.totalMs, total_ms),
    outputBytes: least(before?.outputBytes, output_bytes),
    graceMs: least(before?.graceMs, grace_ms),
    resources: narrowest(before?.resources ?? NO_LIMITS, resources),
  };
}

/** What the file does not say is as it was before; null takes a bound away. */
function over(before: Quotas, said: z.infer<typeof quotas> = {}): Quotas {
  const pick = (value: number | null | undefined, otherwise: number | null) =>
    value === undefined ? otherwise : value;
  return Object.freeze({
    running: pick(said.running, before.running),
    queued: pick(said.queued, before.queued),
    submitsPerS: pick(said.submits_per_s, before.submitsPerS),
    storeBytes: pick(said.store_bytes, before.storeBytes),
    logBytes: pick(said.log_bytes, before.logBytes),
    logs: pick(said.logs, before.logs),
    bodyBytes: pick(said.body_bytes, before.bodyBytes),
    streams: pick(said.streams, before.streams),
    maxPriority: pick(said.max_priority, before.maxPriority),
  });
}
