// What the operations file says, as the engine needs it.
import type { AnyWork } from '../../domain/spec/any.ts';
import { SCALAR_NAMES } from '../../domain/spec/scalars.ts';
import type { PlanSpec } from '../../domain/spec/plan.ts';
import type { Spec, Work } from '../../domain/spec/spec.ts';
import {
  type Operations,
  type OperationSpec,
  resolveOperation,
  resolvePlan,
} from '../../domain/operations/operation.ts';
import type { BreakerSettings } from '../../domain/operations/definition.ts';
import { RefusedError } from '../../domain/errors.ts';
import type { SpecSettings } from './settings.ts';
import type { Trip } from '../../resilience/breakers.ts';
import type { CircuitSettings } from '../../resilience/circuit.ts';
import type { PolicySource } from './policies.ts';

/** What a request asks for. */
export interface Resolved {
  work: Work;
  /** The policies of the request over those of its operation. */
  settings: SpecSettings;
  /** What tells its result apart from others: the work, or the operation with its parameters. */
  identity: unknown;
  /** At most so many of its key run at a time. */
  concurrency: { key: string; limit: number; isOwn?: true } | null;
  /** Of its operation. */
  version?: string;
}

/** The plan that an operation runs; null for one that runs something else. Throws RefusedError. */
export const planOf = (operations: Operations, spec: OperationSpec): PlanSpec | null =>
  resolvePlan(operations, spec);

/**
 * What a spec asks for: itself, or what its operation makes of it.
 *
 * @throws RefusedError `unknown_operation`, `validation`
 */
export function resolveSpec(operations: Operations, spec: Spec): Resolved {
  if (spec.kind !== 'operation') {
    return { work: spec, settings: spec, identity: ownFields(spec), concurrency: asked(spec) };
  }
  const { operation, params, work } = resolveOperation(operations, spec);
  const { name, definition, version } = operation;
  if (spec.cache !== undefined && spec.cache.mode !== 'bypass' && !definition.cacheable) {
    const fields = [{ field: '/cache', message: `must be left out: the operation ${name} is not cacheable` }];
    throw new RefusedError('validation', `The operation ${name} is not cacheable.`, { fields });
  }
  const limit = definition.concurrency;
  if (limit !== undefined && spec.concurrency !== undefined) {
    const message = `must be left out: the operation ${name} has a limit of its own, ${limit}`;
    const fields = [{ field: '/concurrency', message }];
    throw new RefusedError('validation', `/concurrency: ${message}`, { fields });
  }
  const concurrency = limit === undefined ? asked(spec) : { key: `operation:${name}`, limit };
  const identity = { operation: name, run: definition.run, params };
  return { work, settings: work, identity, concurrency, version };
}

/** What the request itself says; whose key it is, is known where its user is. */
function asked({ concurrency }: Spec): Resolved['concurrency'] {
  return concurrency === undefined
    ? null
    : { key: concurrency.key, limit: concurrency.limit ?? 1, isOwn: true };
}

/** Fields that change how it is carried out, but not what comes out. */
const POLICY_FIELDS: ReadonlySet<string> = new Set([
  ...[
    'task_id',
    'labels',
    'priority',
    'pool',
    'on_limit',
    'retry',
    'retry_safe',
    'cache',
    'timeouts',
    'monitor',
    'limits',
    'stop',
    'output',
    'webhook',
    'start_at',
    'delay_ms',
    'concurrency',
    'debounce_ms',
    'progress',
  ],
  ...SCALAR_NAMES,
]);

export function ownFields(work: Work): Record<string, unknown> {
  return Object.fromEntries(Object.entries(work).filter(([name]) => !POLICY_FIELDS.has(name)));
}

/** Policies from the operations as they are now. */
export function policySource(operations: Operations): PolicySource {
  return {
    circuitOf({ spec, work }) {
      const definition = spec.kind === 'operation' ? operations.get(spec.name)?.definition : undefined;
      if (spec.kind === 'operation' && definition?.circuit !== undefined) {
        return { name: `operation:${spec.name}`, settings: toSettings(definition.circuit) };
      }
      const target = targetOf(work);
      const found = operations.circuits.find((one) => target.includes(nameOf(one)));
      return found === undefined ? null : { name: nameOf(found), settings: toSettings(found) };
    },
    circuits: () =>
      new Map([
        ...operations
          .all()
          .flatMap(({ name, definition: { circuit } }): [string, CircuitSettings][] =>
            circuit === undefined ? [] : [[`operation:${name}`, toSettings(circuit)]],
          ),
        ...operations.circuits.map((one): [string, CircuitSettings] => [nameOf(one), toSettings(one)]),
      ]),
    retryBudgetOf(operation) {
      const budget = operations.get(operation)?.definition.retry_budget;
      if (budget === undefined) return { ratio: 0.2, perSecond: 1, burst: 10 };
      return { ratio: budget.ratio, perSecond: budget.per_second, burst: budget.burst };
    },
    adaptiveTimeoutOf(operation) {
      const settings = operations.get(operation)?.definition.adaptive_timeout;
      if (settings === undefined) return null;
      const { factor, min_ms: minMs, max_ms: maxMs, min_samples: minSamples } = settings;
      return { factor, minMs, maxMs, minSamples };
    },
  };
}

const nameOf = (one: { program?: string | undefined; host?: string | undefined }): string =>
  one.program === undefined ? `host:${one.host}` : `program:${one.program}`;

/** Names of the circuits that work may belong to. */
function targetOf(work: AnyWork): string[] {
  if (work.kind === 'http') return [`host:${new URL(work.url).host.replace(/\.(?=:|$)/, '')}`];
  return work.kind === 'exec' ? [`program:${work.program}`] : [];
}

function toSettings(settings: BreakerSettings): CircuitSettings {
  const { open_ms: openMs, probes, count_user_faults: countUserFaults } = settings;
  const maxOpenMs = Math.max(openMs, settings.max_open_ms ?? openMs);
  return { trip: tripOf(settings), openMs, maxOpenMs, probes, countUserFaults };
}

function tripOf(settings: BreakerSettings): Trip {
  switch (settings.type) {
    case 'consecutive':
      return { type: 'consecutive', failures: settings.failures };
    case 'count': {
      const { ratio, size, min_calls: minCalls } = settings;
      return { type: 'count', ratio, size, minCalls: Math.min(size, minCalls ?? size) };
    }
    case 'sampling': {
      const { ratio, min_calls: minCalls, window_ms: windowMs } = settings;
      return { type: 'sampling', ratio, minCalls, windowMs };
    }
    default:
      return settings satisfies never;
  }
}
