// Probes, statistics, metrics and maintenance.
import type { FastifyInstance } from 'fastify';
import { json } from '../edge/answers.ts';
import { flushed, health, probe, stats } from './ops-schemas.ts';
import { removed } from '../cache/cache-schemas.ts';
import { toCacheStats } from '../cache/cache-wire.ts';
import { healthOf } from './health.ts';
import { healthSummaryRoute } from './health-summary.ts';
import type { OpsRoutesOptions, StatsOptions } from './options.ts';
import type { z } from 'zod';

export type { OpsRoutesOptions, Scrape, StatsOptions } from './options.ts';

export function opsRoutes(app: FastifyInstance, options: StatsOptions): void {
  probeRoutes(app, options);
  healthSummaryRoute(app, options);
  metricsRoute(app, options, 'read');
  adminRoutes(app, options);
}

/** What is served on the metrics port: no key is needed there. */
export function metricsPortRoutes(app: FastifyInstance, options: OpsRoutesOptions): void {
  probeRoutes(app, options);
  metricsRoute(app, options, 'public');
}

function metricsRoute(app: FastifyInstance, { scrape }: OpsRoutesOptions, access: 'read' | 'public'): void {
  app.route({
    method: 'GET',
    url: '/metrics',
    config: { access, anyQuery: true },
    schema: {
      operationId: 'getMetrics',
      summary: 'Get Prometheus metrics',
      description: 'Returns all metrics since the start of the server.',
      tags: ['server'],
      response: {
        200: {
          description: 'The metrics, in the text format of Prometheus.',
          content: { 'text/plain': { schema: { type: 'string' } } },
        },
      },
    },
    handler: async (_request, reply) => reply.type(scrape.contentType).send(await scrape.render()),
  });
}

function probeRoutes(app: FastifyInstance, { engine, clock, version }: OpsRoutesOptions): void {
  const tags = ['server'];

  app.route({
    method: 'GET',
    url: '/livez',
    config: { access: 'public' },
    schema: {
      operationId: 'getLiveness',
      summary: 'Check that the process responds',
      description: 'For liveness probes.',
      tags,
      response: { 200: json('The process responds.', probe) },
    },
    handler: async () => ({ status: 'ok', reason: null }),
  });

  app.route({
    method: 'GET',
    url: '/readyz',
    config: { access: 'public' },
    schema: {
      operationId: 'getReadiness',
      summary: 'Check that the server accepts executions',
      description: 'For readiness probes.',
      tags,
      response: {
        200: json('The server accepts executions.', probe),
        503: json('It does not; `reason` has the reason.', probe),
      },
    },
    handler: async (_request, reply) => {
      const reason = engine.whyNotReady();
      if (reason === null) return { status: 'ok', reason };
      return reply.code(503).send({ status: 'unavailable', reason });
    },
  });

  app.route({
    method: 'GET',
    url: '/health',
    config: { access: 'public' },
    schema: {
      operationId: 'getHealth',
      summary: 'Get the health of the server',
      description: 'Checks each component.',
      tags,
      response: {
        200: json('All components work.', health),
        503: json('A component does not work.', health),
      },
    },
    handler: async (_request, reply) => {
      const body = healthOf({ engine, clock, version });
      return reply.code(body.error === null ? 200 : 503).send(body);
    },
  });
}

function adminRoutes(app: FastifyInstance, { engine, sse, ratios }: StatsOptions): void {
  const tags = ['admin'];

  app.route({
    method: 'GET',
    url: '/v1/stats',
    config: { access: 'read' },
    schema: {
      operationId: 'getStats',
      summary: 'Get statistics of the server',
      description: 'Returns executions by status, and the use of slots, queue, store and cache.',
      tags: ['server'],
      response: { 200: json('The statistics.', stats) },
    },
    handler: async (): Promise<z.infer<typeof stats>> => {
      const now = await engine.stats();
      const { pending, running, finished } = now.counts;
      const { commits, groups, waiting, commitSeconds } = now.store;
      const { clients, blocked, sent, cut } = sse.stats();
      const cache = toCacheStats(now.cache);
      const { timeout, retry, memory } = ratios();
      return {
        executions: { pending, running, ...finished },
        total: [pending, running, ...Object.values(finished)].reduce((sum, count) => sum + count, 0),
        ratios: { cache_hit: cache.hit_ratio, timeout, retry, memory },
        concurrency: now.concurrency.process,
        http_concurrency: now.concurrency.http,
        queue: { depth: pending, oldest_age_ms: now.queueAgeMs },
        cache,
        write_behind: {
          waiting: now.writeBehind.waiting,
          lag_ms: Math.round(now.writeBehind.lagMs),
          flushes: now.writeBehind.flushes,
          failures: now.writeBehind.failures,
        },
        store: {
          commits,
          groups,
          waiting,
          commit_ms_mean: commits === 0 ? 0 : (commitSeconds * 1000) / commits,
        },
        runner_host: {
          name: now.runner.name,
          pid: now.runner.pid,
          restarts: now.runner.restarts,
          ready: now.runner.isReady,
          isolation: [...now.runner.tiers],
        },
        waiting: { polls: now.waiting.polls, log_followers: now.waiting.logFollowers },
        streams: { ...clients, blocked, sent, cut_slow: cut.slow, cut_shutdown: cut.shutdown },
      };
    },
  });

  app.route({
    method: 'POST',
    url: '/v1/admin/cleanup',
    config: { access: 'admin' },
    schema: {
      operationId: 'cleanUp',
      summary: 'Remove executions whose retention has ended',
      description: 'Removes them now, instead of at the next regular cleanup.',
      tags,
      response: { 200: json('How many were removed.', removed) },
    },
    handler: async () => ({ removed: await engine.cleanup() }),
  });

  app.route({
    method: 'POST',
    url: '/v1/admin/flush',
    config: { access: 'admin' },
    schema: {
      operationId: 'flushCounters',
      summary: 'Store the output counters of running executions',
      description: 'Stores them now, instead of at the next regular write.',
      tags,
      response: { 200: json('How many were stored.', flushed) },
    },
    handler: async () => ({ flushed: await engine.flush() }),
  });
}
