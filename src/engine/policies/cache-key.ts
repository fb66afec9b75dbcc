// What tells one result from another: everything that affects it, in a form that is the same in every process.
import { hash } from 'node:crypto';
import type { CacheScope, CacheUse } from '../../domain/cache.ts';
import { timesOfResult } from '../../domain/spec/times.ts';
import type { OutputPolicy, Timeouts } from '../../domain/execution/execution.ts';
import { canonicalJson } from '../../domain/json.ts';
import type { ResourceLimits } from '../../domain/limits.ts';
import type { CacheSpec } from '../../domain/spec/spec.ts';

/** Grows when what goes into a key changes, so that entries of an older version are not found. */
const KEY_VERSION = 3;

export interface CacheSubject {
  userId: string;
  taskId: string | null;
  /** What is to be done. */
  identity: unknown;
  /** What another policy has allowed is another thing. */
  policyVersion: string | null;
  /** Hosts that it may reach; null is any. */
  hosts: readonly string[] | null;
  timeouts: Timeouts;
  output: OutputPolicy;
  limits: ResourceLimits;
}

/** How an execution takes part in the cache; null when it does not. `ttlMs` is the default, and `mostBytes` what a result may take. */
export function cacheUse(
  spec: CacheSpec | undefined,
  subject: CacheSubject,
  defaults: { ttlMs: number | null; mostBytes: number },
): CacheUse | null {
  if (spec === undefined || spec.mode === 'bypass') return null;
  const scope = spec.scope ?? (subject.taskId === null ? 'user' : 'task');
  const ttlMs = spec.ttl_s === undefined ? defaults.ttlMs : spec.ttl_s === 0 ? null : spec.ttl_s * 1000;
  const key = cacheKey(spec, scope, subject);
  const { mostBytes } = defaults;
  return { mode: spec.mode ?? 'read_write', key, scope, ttlMs, mostBytes, status: 'miss', storedAt: null };
}

/** SHA-256 (hexadecimal) of the canonical JSON (RFC 8785) of all that the result depends on. */
function cacheKey(spec: CacheSpec, scope: CacheScope, subject: CacheSubject): string {
  const { userId, taskId, identity, policyVersion, hosts, timeouts, output, limits } = subject;
  const owner = { task: { userId, taskId }, user: { userId }, global: {} }[scope];
  const whole = {
    version: KEY_VERSION,
    owner,
    policyVersion,
    // What redirects have led to may be no business of whoever may reach less.
    ...(hosts === null ? {} : { hosts: [...hosts].sort() }),
    identity: (spec.key_exclude ?? []).reduce(without, identity),
    // Whoever leaves out other fields asks for another thing.
    excluded: [...(spec.key_exclude ?? [])].sort(),
    // How long it may wait says nothing about what comes out.
    limits: timesOfResult(timeouts),
    resources: limits,
    output,
    salt: spec.salt ?? null,
  };
  return hash('sha256', canonicalJson(whole));
}

/** A value without the field at a dotted path. Names may hold dots themselves: the longest one that is there is taken. */
export function without(value: unknown, path: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const object = value as Record<string, unknown>;
  if (Object.hasOwn(object, path)) {
    const { [path]: _, ...others } = object;
    return others;
  }
  const name = Object.keys(object)
    .filter((one) => path.startsWith(`${one}.`))
    .sort((a, b) => b.length - a.length)[0];
  if (name === undefined) return value;
  return { ...object, [name]: without(object[name], path.slice(name.length + 1)) };
}
