// The two HTTP servers: that of the API, and that of the metrics port.
import { Links } from '../access/links.ts';
import { mediaTypeOf } from '../engine/files/media-types.ts';
import type { FastifyInstance } from 'fastify';
import { shownSettings } from '../config/load.ts';
import { isLoopback } from '../config/settings.ts';
import { ofComponent } from '../domain/ports/component-log.ts';
import type { Engine } from '../engine/engine.ts';
import { buildMetricsServer, buildServer } from '../http/server.ts';
import { consoleOf, guideOf, limitsOf, operationDefaults } from './from-config.ts';
import type { Listeners } from './listeners.ts';
import { mcpServing } from './mcp-serving.ts';
import type { Parts, Setting } from './parts.ts';
import type { Reload } from './reload.ts';
import { liveUsage } from '../runners/commands/live-usage.ts';
import { VERSION } from './version.ts';

export async function buildServers(
  setting: Setting,
  parts: Parts,
  engine: Engine,
  listeners: Listeners,
  reload: Reload,
): Promise<{ server: FastifyInstance; metricsServer: FastifyInstance }> {
  const { config, log, clock, runtime, overrides } = setting;
  const { keys, authentication, operations, rules, journal, hooks } = parts;
  const { metrics, ratios, audit, sse, webhooks, warmUps } = listeners;
  const shared = { engine, clock, log: ofComponent(log, 'http'), version: VERSION, scrape: metrics };
  const onRefused: Metered['onRefused'] = (type) => metrics.onRefused(type);
  const metricsServer = buildMetricsServer({ ...shared, onRefused });
  // Whoever only runs serves on its port what is served on the metrics port.
  if (config.EXECUTION_ROLE === 'runner')
    return { server: buildMetricsServer({ ...shared, onRefused }), metricsServer };
  const server = await buildServer({
    ...{ ...shared, keys, audit, sse, webhooks, warmUps, onRefused, hooks, tracing: parts.tracing },
    limits: limitsOf(config),
    links: new Links(() => parts.store.linkKey()),
    publicUrl: config.EXECUTION_PUBLIC_URL?.replace(/\/+$/, '') ?? null,
    gate: {
      isLoopback: isLoopback(config.EXECUTION_HOST),
      allowedHosts: config.EXECUTION_ALLOWED_HOSTS,
      authenticate: authentication,
      clock,
      maxConnections: config.EXECUTION_MAX_CONNECTIONS,
    },
    trustProxy: config.EXECUTION_TRUST_PROXY,
    readAudit: (day) => audit.read(day),
    bodyBytesOf: (userId) => rules.current.quotasOf(userId).bodyBytes,
    ratios: () => ({ ...ratios.now(), memory: runtime.memoryRatio?.() ?? null }),
    streamsOutput: config.EXECUTION_STREAM_OUTPUT,
    mediaTypeOf,
    usageOf: (pid) => liveUsage(pid),
    settings: shownSettings(config),
    console: consoleOf(config, overrides.consoleDir),
    guide: guideOf(config, overrides.guideDir),
    mcp: config.EXECUTION_MCP ? mcpServing({ clock, log: ofComponent(log, 'mcp') }) : null,
    operations: {
      operations,
      defaults: operationDefaults(config),
      adaptiveTimeoutMs: (name) => engine.adaptiveTimeoutMs(name),
      reload,
      stored: {
        list: () => parts.storedOperations.list(),
        get: (name) => parts.storedOperations.get(name),
        async put(name, definition, by) {
          const put = await parts.storedOperations.put(name, definition, by);
          engine.forgetPolicies();
          return put;
        },
        async remove(name) {
          await parts.storedOperations.remove(name);
          engine.forgetPolicies();
        },
      },
    },
    onRequest: (...facts) => metrics.onRequest(...facts),
    logPath: (runId, attempt) => journal.path({ runId, attempt }),
  });
  return { server, metricsServer };
}

type Metered = Pick<Listeners['metrics'], 'onRefused'>;
