// Probes, statistics, metrics and maintenance.
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Clock } from '../../domain/ports.ts';
import type { Engine } from '../../engine/engine.ts';
import type { SseClients } from '../sse.ts';
import { flushed, health, probe, problem, removed, stats } from '../schemas.ts';
import { isoTime, toCacheStats } from '../wire.ts';
import type { z } from 'zod';

/** Renders the metrics. */
export interface Scrape {
  contentType: string;
  render(): Promise<string>;
}

export interface OpsRoutesOptions {
  engine: Engine;
  clock: Clock;
  version: string;
  scrape: Scrape;
}

export interface StatsOptions extends OpsRoutesOptions {
  sse: SseClients;
}

export function opsRoutes(app: FastifyInstance, options: StatsOptions): void {
  probeRoutes(app, options);
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
      summary: 'Prometheus metrics',
      tags: ['operation'],
      response: {
        200: { description: 'Text format', content: { 'text/plain': { schema: { type: 'string' } } } },
      },
    },
    handler: async (_request, reply) => reply.type(scrape.contentType).send(await scrape.render()),
  });
}

function probeRoutes(app: FastifyInstance, { engine, clock, version }: OpsRoutesOptions): void {
  const tags = ['operation'];

  app.route({
    method: 'GET',
    url: '/livez',
    config: { access: 'public' },
    schema: { summary: 'Whether the process answers', tags, response: { 200: probe } },
    handler: async () => ({ status: 'ok', reason: null }),
  });

  app.route({
    method: 'GET',
    url: '/readyz',
    config: { access: 'public' },
    schema: { summary: 'Whether new executions are accepted', tags, response: { 200: probe, 503: probe } },
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
    schema: { summary: 'The health of each part', tags, response: { 200: health, 503: health } },
    handler: async (_request, reply) => sendHealth(reply),
  });

  function sendHealth(reply: FastifyReply): FastifyReply {
    const component = (detail: string | null) => ({
      status: detail === null ? ('healthy' as const) : ('unhealthy' as const),
      detail,
    });
    const { store, runnerHost, hostName, tiers, intake, disks } = engine.health();
    const logs = disks.logs ?? null;
    const work = disks.work_directories ?? null;
    const error = store ?? runnerHost ?? intake ?? logs ?? work;
    const body: z.infer<typeof health> = {
      status: error === null ? 'healthy' : 'unhealthy',
      timestamp: isoTime(clock.now()),
      version,
      cache_size: engine.cacheStats().entries,
      error,
      components: {
        store: component(store),
        runner_host: { ...component(runnerHost), name: hostName, isolation: [...tiers] },
        intake: component(intake),
        logs: component(logs),
        work_directories: component(work),
      },
    };
    return reply.code(error === null ? 200 : 503).send(body);
  }
}

function adminRoutes(app: FastifyInstance, { engine, sse }: StatsOptions): void {
  const errors = { '4xx': problem, '5xx': problem };
  const tags = ['operation'];

  app.route({
    method: 'GET',
    url: '/v1/stats',
    config: { access: 'read' },
    schema: { summary: 'Statistics', tags, response: { 200: stats, ...errors } },
    handler: async (): Promise<z.infer<typeof stats>> => {
      const now = await engine.stats();
      const { pending, running, finished } = now.counts;
      const { commits, groups, waiting, commitSeconds } = now.store;
      const { clients, blocked, sent, cut } = sse.stats();
      return {
        executions: { pending, running, ...finished },
        concurrency: now.concurrency.process,
        http_concurrency: now.concurrency.http,
        queue: { depth: pending, oldest_age_ms: now.queueAgeMs },
        cache: toCacheStats(now.cache),
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
    schema: { summary: 'Remove what has been kept long enough', tags, response: { 200: removed, ...errors } },
    handler: async () => ({ removed: await engine.cleanup() }),
  });

  app.route({
    method: 'POST',
    url: '/v1/admin/flush',
    config: { access: 'admin' },
    schema: { summary: 'Store the counters that are waiting', tags, response: { 200: flushed, ...errors } },
    handler: async () => ({ flushed: await engine.flush() }),
  });
}
