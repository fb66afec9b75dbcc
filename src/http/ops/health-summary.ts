// The health of the server in one answer for people and scripts: its parts, the ratios and ages that operators set thresholds
// on, each beside its threshold, and what is out of use at the moment. Probes ask less, and more often.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { EngineStats } from '../../engine/engine.ts';
import { json } from '../edge/answers.ts';
import { count } from '../edge/schemas.ts';
import { toCacheStats } from '../cache/cache-wire.ts';
import { healthOf } from './health.ts';
import { health } from './ops-schemas.ts';
import type { StatsOptions } from './options.ts';

/** A figure is good from `least` on, or up to `most`. */
interface Check {
  about: string;
  limit: { least: number } | { most: number };
}

/** The thresholds of the alert rules (docs/operate/monitoring.md). */
const CHECKS = {
  cache_hit_ratio: { about: 'Cache lookups that found a result.', limit: { least: 0.8 } },
  timeout_ratio: { about: 'Executions that timed out, of those that have ended.', limit: { most: 0.05 } },
  retry_ratio: { about: 'Retries, of all attempts.', limit: { most: 0.1 } },
  memory_ratio: {
    about: 'Memory of the server, as a part of the memory of its container or machine.',
    limit: { most: 0.9 },
  },
  queue_age_seconds: { about: 'Age of the oldest queued execution.', limit: { most: 300 } },
  oldest_run_seconds: { about: 'How long the oldest attempt has been running.', limit: { most: 5400 } },
  write_behind_lag_seconds: { about: 'Age of the oldest counters that are not stored.', limit: { most: 60 } },
  late_executions: {
    about: 'Executions that a monitor has reported and that have not ended.',
    limit: { most: 0 },
  },
  open_circuits: { about: 'Targets that execd does not call at the moment.', limit: { most: 0 } },
  pauses: { about: 'Pauses of the queue, of operations and of concurrency keys.', limit: { most: 0 } },
} as const satisfies Record<string, Check>;
type CheckName = keyof typeof CHECKS;
export const CHECK_NAMES = Object.keys(CHECKS) as CheckName[];
type Values = Record<CheckName, number | null>;

const check = z
  .strictObject({
    value: z.number().nullable().describe('The figure now; null while nothing has been counted.'),
    threshold: z.number().describe('The threshold of the figure.'),
    bound: z.enum(['least', 'most']).describe('Whether `threshold` is the least or the most.'),
    ok: z.boolean().describe('Whether the figure is within its threshold. True without a figure.'),
  })
  .describe('A figure beside its threshold.');

export const healthSummary = health
  .extend({
    status: z
      .enum(['healthy', 'degraded', 'unhealthy'])
      .describe('`unhealthy` if a component is; `degraded` if a check is not ok; else `healthy`.'),
    checks: z
      .strictObject(
        Object.fromEntries(
          Object.entries(CHECKS).map(([name, { about }]) => [name, check.describe(about)]),
        ) as Record<CheckName, typeof check>,
      )
      .describe('Ratios since the start of the server, and ages, counts and lags at the moment.'),
    failed: z
      .array(z.string())
      .describe('Names of the checks that are not ok, and of components that do not work.'),
    running: count.describe('Attempts that hold a slot.'),
    queued: count.describe('Executions that wait.'),
  })
  .describe('Health of the server with figures and thresholds.');

export function healthSummaryRoute(app: FastifyInstance, options: StatsOptions): void {
  const { engine, ratios } = options;
  app.route({
    method: 'GET',
    url: '/v1/health/summary',
    config: { access: 'read' },
    schema: {
      operationId: 'getHealthSummary',
      summary: 'Get the health with figures and thresholds',
      description:
        'Returns the components of `/health`, and ratios, ages and lags beside the thresholds of the alert rules. The status code is always 200.',
      tags: ['server'],
      response: { 200: json('The summary.', healthSummary) },
    },
    handler: async (): Promise<z.infer<typeof healthSummary>> => {
      const now = await engine.stats();
      const base = healthOf(options);
      const checks = checksOf(valuesOf(now, ratios()));
      const parts = Object.entries(base.components).filter(([, part]) => part.status === 'unhealthy');
      const late = Object.entries(checks).filter(([, { ok }]) => !ok);
      return {
        ...base,
        status: base.status === 'unhealthy' ? 'unhealthy' : late.length > 0 ? 'degraded' : 'healthy',
        checks,
        failed: [...parts, ...late].map(([name]) => name),
        running: now.concurrency.process.running + now.concurrency.http.running,
        queued: now.counts.pending,
      };
    },
  });
}

function valuesOf(now: EngineStats, { timeout, retry, memory }: ReturnType<StatsOptions['ratios']>): Values {
  return {
    cache_hit_ratio: toCacheStats(now.cache).hit_ratio,
    timeout_ratio: timeout,
    retry_ratio: retry,
    memory_ratio: memory,
    queue_age_seconds: now.queueAgeMs / 1000,
    oldest_run_seconds: now.oldestRunMs / 1000,
    write_behind_lag_seconds: now.writeBehind.lagMs / 1000,
    late_executions: now.lateExecutions,
    open_circuits: now.circuits.filter(({ state }) => state !== 'closed').length,
    pauses: now.pauses,
  };
}

/** Each figure beside its threshold. */
export function checksOf(values: Values): Record<CheckName, z.infer<typeof check>> {
  const all = Object.entries(CHECKS).map(([name, { limit }]: [string, Check]) => {
    const value = values[name as CheckName];
    const isLeast = 'least' in limit;
    const threshold = isLeast ? limit.least : limit.most;
    const ok = value === null || (isLeast ? value >= threshold : value <= threshold);
    return [name, { value, threshold, bound: isLeast ? 'least' : 'most', ok }] as const;
  });
  return Object.fromEntries(all) as Record<CheckName, z.infer<typeof check>>;
}
