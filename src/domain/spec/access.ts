// Who asks, and what their credential lets them do. The user comes from the credential, never from the body.
import { z } from 'zod';
import { isRequest } from '../kinds.ts';
import { quoted } from '../errors.ts';
import { hostName, type HttpWork, operationName, type Spec } from './spec.ts';

export const SCOPES = ['submit', 'read', 'cancel', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** Names a user: 1 to 255 printable ASCII characters without spaces, so that it can stand in a header. */
export const userId = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 printable ASCII characters without spaces');

const envNames = z.array(z.string().min(1).max(255)).max(1000);
/** One thing that may be run. What is listed is allowed, and nothing else. */
export const grant = z.union(
  [
    z.strictObject({
      program: z
        .string()
        .regex(/^\/[^\0]*$/, 'must be an absolute path')
        .describe('A program for kind `exec`, by absolute path, with any arguments and working directory.'),
      env: envNames.default([]).describe('Environment variables that the request may set.'),
    }),
    z.strictObject({ operation: operationName.describe('An operation, with any parameters that it takes.') }),
    z.strictObject({ template: z.string().min(1).max(100).describe('A template of the policy file.') }),
    z.strictObject({ host: hostName.describe('A host for kind `http`, at any port.') }),
  ],
  { error: 'must be an object with one of program, operation, template, host' },
);
export type Grant = z.infer<typeof grant>;

/** `any` is everything; `policy` is what the policy file says of the user. */
export const mayRun = z.union([z.literal('any'), z.literal('policy'), z.array(grant).max(1000)], {
  error: ({ input }) =>
    Array.isArray(input)
      ? undefined
      : 'must be "any", "policy" or a list of programs, operations, templates and hosts',
});
export type MayRun = z.infer<typeof mayRun>;

export interface Caller {
  userId: string;
  scopes: ReadonlySet<Scope>;
  mayRun: MayRun;
  /** What they have shown, and whose it is: another user's where an administrator acts for somebody. */
  credential?: Credential;
}

export interface Credential {
  type: 'key' | 'token';
  /** Id of the key; of a token its `jti`, if it has one. */
  id: string | null;
  userId: string;
  /** Milliseconds since the epoch; null is never. */
  expiresAt: number | null;
}

/** Everyone on this machine, where there are no keys. */
export const LOCAL_CALLER: Caller = Object.freeze({
  userId: 'local',
  scopes: new Set(SCOPES),
  mayRun: 'any',
});

/** The user who acts for the one that it is done for; null when it is the same. */
export function actingUser(caller: Caller): string | null {
  const actor = caller.credential?.userId ?? null;
  return actor === null || actor === caller.userId ? null : actor;
}

/** Whether a spec fits a template of the policy file: null when it does; else why not, empty when it is another program. */
export type FitsTemplate = (name: string, spec: Spec) => string | null;

export interface GrantQuestion {
  /** How the list is called in an answer: "This key". */
  whose: string;
  fits: FitsTemplate;
}

/** The first of the grants that allows a spec, or what stands against it. */
export function findGrant(
  grants: readonly Grant[],
  spec: Spec,
  question: GrantQuestion,
): { grant: Grant } | { why: string } {
  const { whose } = question;
  switch (spec.kind) {
    case 'operation': {
      const grant = grants.find((one) => 'operation' in one && one.operation === spec.name);
      return grant === undefined ? { why: `${whose} may not run the operation ${spec.name}.` } : { grant };
    }
    case 'http': {
      const name = hostOf(spec.url);
      const grant = grants.find((one) => 'host' in one && one.host === name);
      return grant === undefined ? { why: `${whose} may not call the host ${quoted(name)}.` } : { grant };
    }
    case 'exec':
      return findProgram(grants, spec, question);
    default: {
      const ways = '"exec", "http" or "operation"';
      return {
        why: `Kind "${spec.kind}" is not allowed for ${whose.toLowerCase()}. Allowed kinds: ${ways}.`,
      };
    }
  }
}

/** The host of a URL as grants name it. */
export function hostOf(url: string | URL): string {
  return new URL(url).hostname.replace(/\.$/, '');
}

/** Hosts that a list of grants lets a call reach, by itself and by redirects; null is any. */
export function hostsIn(list: 'any' | readonly Grant[], spec: Spec): readonly string[] | null {
  if (list === 'any' || !isRequest(spec)) return null;
  return list.flatMap((one) => ('host' in one ? [one.host] : []));
}

/** Hosts that are in both; null is any. */
export function hostsInBoth(
  one: readonly string[] | null,
  other: readonly string[] | null,
): readonly string[] | null {
  if (one === null) return other;
  return other === null ? one : one.filter((host) => other.includes(host));
}

/**
 * Hosts that redirects of a call may lead to; null is any.
 *
 * @param granted what the grants of its user allow
 * @param isOperation whoever may run an operation may reach what it reaches, and nothing that its target then names
 */
export function redirectHosts(
  { url, redirect_hosts }: Pick<HttpWork, 'url' | 'redirect_hosts'>,
  granted: readonly string[] | null,
  isOperation: boolean,
): readonly string[] | null {
  const asked = redirect_hosts ?? (isOperation ? [] : 'any');
  return hostsInBoth(asked === 'any' ? null : [hostOf(url), ...asked], granted);
}

type ExecSpec = Extract<Spec, { kind: 'exec' }>;

function findProgram(
  grants: readonly Grant[],
  spec: ExecSpec,
  { whose, fits }: GrantQuestion,
): { grant: Grant } | { why: string } {
  let why = `${whose} may not run ${quoted(spec.program)}. Give the program exactly as its list does, by absolute path.`;
  for (const grant of grants) {
    if ('program' in grant && grant.program === spec.program) {
      const name = Object.keys(spec.env ?? {}).find((name) => !grant.env.includes(name));
      // In another root directory it is another program.
      if (name === undefined && spec.root === undefined) return { grant };
      if (name === undefined)
        why = `${whose} may run ${spec.program} only without root; a template with roots allows it.`;
      else why = `${whose} may not set the environment variable ${quoted(name)} for ${spec.program}.`;
    } else if ('template' in grant) {
      const misfit = fits(grant.template, spec);
      if (misfit === null) return { grant };
      if (misfit !== '')
        why = `${whose} may run ${spec.program} only as the template ${grant.template} defines: ${misfit}.`;
    }
  }
  return { why };
}
