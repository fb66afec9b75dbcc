// What the key of a cached result is made of, field by field, as far as a record shows it: two records with different keys differ
// in one of these fields, or in what no record holds (the definition of an operation, the value of a secret).
import { hasNoRun } from '../../domain/kinds.ts';
import { timesOfResult, toWireTimes } from '../../domain/spec/times.ts';
import type { Execution } from '../../domain/execution/execution.ts';
import { canonicalJson } from '../../domain/json.ts';
import { without } from '../policies/cache-key.ts';
import { ownFields } from '../policies/operations.ts';

export interface Difference {
  /** As a path into the request: `params.region`, `timeouts.attempt_ms`. */
  field: string;
  /** Canonical JSON, cut; null where it is absent. */
  here: string | null;
  there: string | null;
}

type Keyed = Pick<
  Execution,
  'spec' | 'work' | 'taskId' | 'cache' | 'timeouts' | 'outputPolicy' | 'limits' | 'access' | 'retrySafe'
>;

const MOST_CHARS = 200;
const MOST_FIELDS = 20;

/** Fields in which the keys of two executions differ; none where no record shows it. */
export function differences(here: Keyed, there: Keyed): Difference[] {
  const [one, other] = [flat(fieldsOf(here)), flat(fieldsOf(there))];
  const names = [...new Set([...one.keys(), ...other.keys()])];
  const differing = names.filter((name) => one.get(name) !== other.get(name)).sort();
  return differing.slice(0, MOST_FIELDS).map((field) => ({
    field,
    here: cut(one.get(field)),
    there: cut(other.get(field)),
  }));
}

const cut = (text: string | undefined): string | null =>
  text === undefined ? null : text.length > MOST_CHARS ? `${text.slice(0, MOST_CHARS)}…` : text;

function fieldsOf(execution: Keyed): Record<string, unknown> {
  const { spec, work, taskId, cache, timeouts, outputPolicy, limits, access } = execution;
  const settings = hasNoRun(work) ? undefined : work.cache;
  const excluded = settings?.key_exclude ?? [];
  const asked = spec.kind === 'operation' ? { operation: spec.name, params: spec.params ?? {} } : {};
  const run = hasNoRun(work) ? {} : ownFields(work);
  // Parameters say the same as the work that is made of them, in words of the caller.
  const identity = spec.kind === 'operation' ? { ...asked } : run;
  const { attempt_ms, ...times } = toWireTimes(timesOfResult(timeouts));
  const isAdaptive = spec.kind === 'operation' && spec.timeouts?.attempt_ms === undefined;
  return {
    ...(excluded.reduce<unknown>(without, identity) as object),
    ...(cache?.scope === 'task' ? { task_id: taskId } : {}),
    cache: { scope: cache?.scope ?? null, key_exclude: [...excluded].sort(), salt: settings?.salt ?? null },
    timeouts: { ...(isAdaptive ? {} : { attempt_ms }), ...times },
    output: outputPolicy,
    limits,
    policy_version: access.policyVersion,
    hosts: access.hosts ?? null,
  };
}

/** Leaves of an object by their paths, each as canonical JSON. Lists are leaves. */
function flat(value: unknown, path = '', into = new Map<string, string>()): Map<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    if (value !== undefined) into.set(path, canonicalJson(value));
    return into;
  }
  for (const [name, one] of Object.entries(value)) flat(one, path === '' ? name : `${path}.${name}`, into);
  return into;
}
