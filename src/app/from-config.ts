// Turns settings into the options of each room.
import { accessSync, constants } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { type Config, ConfigError } from '../config/load.ts';
import type { AccessRules, Quotas } from '../domain/access/access-rules.ts';
import { mostBytesOf } from '../domain/execution/kept-size.ts';
import type { OperationDefaults } from '../domain/operations/operation.ts';
import type { WebhookSender } from '../domain/webhooks/webhooks.ts';
import type { Shares } from '../domain/ports/store.ts';
import type { Clock } from '../domain/ports/clock.ts';
import { ofComponent } from '../domain/ports/component-log.ts';
import { eachLimit, LIMITS, type ResourceLimits } from '../domain/limits.ts';
import type { SpecLimits } from '../domain/spec/spec.ts';
import type { EngineSettings } from '../engine/policies/settings.ts';
import { providerKeys } from './access-files.ts';
import type { TokenOptions } from '../access/tokens.ts';
import type { EventHandler } from '../observe/event-handlers.ts';
import { eventLog } from '../observe/event-log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { ConsoleOptions } from '../http/console/routes.ts';
import { guardedConnector, SandboxProxy } from '../runners/requests/sandbox-proxy.ts';
import type { GuideOptions } from '../http/guide/routes.ts';
import { RequestRunner, type RequestRunnerOptions } from '../runners/requests/http.ts';
import { fetchPlain } from '../runners/requests/fetch-plain.ts';
import { GuardedSender } from '../runners/requests/webhook-sender.ts';
import type { Runtime } from './runtime.ts';

/** @throws ConfigError when the keys of the identity provider cannot be read from their file */
export function providerOf(config: Config, clock: Clock, log: Logger): TokenOptions {
  return {
    issuer: config.EXECUTION_OIDC_ISSUER as string,
    audience: config.EXECUTION_OIDC_AUDIENCE as string,
    jwks: providerKeys(config.EXECUTION_OIDC_JWKS as string),
    userClaim: config.EXECUTION_OIDC_USER_CLAIM,
    scopesClaim: config.EXECUTION_OIDC_SCOPES_CLAIM,
    ...{ clock, log: ofComponent(log, 'access'), fetch: fetchPlain(clock) },
  };
}

/** @throws ConfigError for an entry of the allow-list that is none */
export function webhookSender(config: Config, clock: Clock): WebhookSender {
  const { EXECUTION_EGRESS_ALLOW: egressAllow, EXECUTION_WEBHOOK_TIMEOUT_MS: timeoutMs } = config;
  return new GuardedSender({ clock, egressAllow, timeoutMs });
}

/** The way of sandboxes to listed hosts: to public addresses, and to those of EXECUTION_EGRESS_ALLOW. */
export function sandboxProxy(config: Config, clock: Clock): SandboxProxy {
  const { EXECUTION_EGRESS_ALLOW: egressAllow, EXECUTION_SANDBOX_NETWORK_BYTES: mostBytes } = config;
  return new SandboxProxy({ connector: guardedConnector(egressAllow, clock), mostBytes });
}

/** @throws ConfigError for an entry of the allow-list that is none */
export function requestRunner(
  config: Config,
  options: Omit<RequestRunnerOptions, 'egressAllow'>,
): RequestRunner {
  try {
    return new RequestRunner({ ...options, egressAllow: config.EXECUTION_EGRESS_ALLOW });
  } catch (error) {
    throw new ConfigError([`EXECUTION_EGRESS_ALLOW: ${(error as Error).message}`]);
  }
}

/** Those that are asked for; the webhook of the operator is one of the store's. */
export function eventHandlers(config: Config, log: Logger, metrics: Metrics): EventHandler[] {
  const all: EventHandler[] = [
    { name: 'logging', handle: eventLog(log) },
    { name: 'metrics', handle: (event, execution) => metrics.onEvent(event, execution) },
  ];
  return all.filter(({ name }) => (config.EXECUTION_EVENT_HANDLERS as string[]).includes(name));
}

/** A file system in memory, which every Linux has there; else the data directory. */
export function scratchRoot(dataDir: string): string {
  const inMemory = '/dev/shm';
  try {
    accessSync(inMemory, constants.W_OK);
    return inMemory;
  } catch {
    return dataDir;
  }
}

export function quotasOf(config: Config): Quotas {
  return {
    running: config.EXECUTION_USER_MAX_RUNNING ?? null,
    queued: config.EXECUTION_USER_MAX_QUEUED ?? null,
    submitsPerS: config.EXECUTION_USER_SUBMITS_PER_SEC ?? null,
    storeBytes: config.EXECUTION_USER_STORE_BYTES ?? null,
    logBytes: config.EXECUTION_USER_LOG_BYTES ?? null,
    logs: config.EXECUTION_USER_MAX_LOGS ?? null,
    bodyBytes: config.EXECUTION_USER_MAX_BODY_BYTES ?? null,
    streams: config.EXECUTION_USER_MAX_STREAMS ?? null,
    maxPriority: null,
  };
}

/** How users share the slots by these rules. A name that no user has stands for those that are not named. */
export function sharesOf(rules: AccessRules): Shares {
  const shareOf = (user: string) => ({
    weight: rules.weightOf(user),
    running: rules.quotasOf(user).running,
  });
  return { ...shareOf(''), users: Object.fromEntries(rules.users.map((user) => [user, shareOf(user)])) };
}

/** The defaults that apply if an operation does not set a field, as clients see them. */
export function operationDefaults(config: Config): OperationDefaults {
  return {
    attemptMs: config.EXECUTION_DEFAULT_TIMEOUT * 1000,
    onLimit: config.EXECUTION_ON_LIMIT,
    oversized: config.EXECUTION_OVERSIZED_OUTPUT,
    maxOutputBytes: config.EXECUTION_MAX_OUTPUT_BYTES,
    spoolMaxBytes: config.EXECUTION_SPOOL_MAX_BYTES,
    resultBytes: config.EXECUTION_RESULT_BYTES,
    retryAttempts: config.EXECUTION_RETRY_ATTEMPTS,
    retryMultiplier: config.EXECUTION_RETRY_BACKOFF,
    cacheTtlS: config.EXECUTION_CACHE_TTL,
    limits: resourcesOf(config),
    graceMs: config.EXECUTION_KILL_GRACE_MS,
  };
}

export function engineSettings(config: Config): EngineSettings {
  return {
    attemptMs: config.EXECUTION_DEFAULT_TIMEOUT * 1000,
    graceMs: config.EXECUTION_KILL_GRACE_MS,
    maxOutputBytes: config.EXECUTION_MAX_OUTPUT_BYTES,
    oversized: config.EXECUTION_OVERSIZED_OUTPUT,
    spoolMaxBytes: config.EXECUTION_SPOOL_MAX_BYTES,
    resultBytes: config.EXECUTION_RESULT_BYTES,
    limits: resourcesOf(config),
    onLimit: config.EXECUTION_ON_LIMIT,
    slots: slotsOf(config),
    network: config.EXECUTION_SANDBOX_NETWORK,
    pools: config.EXECUTION_POOL,
    hasCache: config.EXECUTION_CACHE_SIZE > 0,
    cacheEntryBytes: mostBytesOf(config.EXECUTION_CACHE_MAX_BYTES),
    cacheTtlMs: config.EXECUTION_CACHE_TTL === 0 ? null : config.EXECUTION_CACHE_TTL * 1000,
    retry: { attempts: config.EXECUTION_RETRY_ATTEMPTS, multiplier: config.EXECUTION_RETRY_BACKOFF },
    maxQueued: config.EXECUTION_MAX_QUEUED,
    maxKept: {
      storeBytes: config.EXECUTION_MAX_STORE_BYTES,
      logBytes: config.EXECUTION_MAX_LOG_BYTES,
      logs: config.EXECUTION_MAX_LOGS,
    },
  };
}

/** How many attempts may run at a time. */
export const slotsOf = (config: Config): EngineSettings['slots'] =>
  config.EXECUTION_ROLE === 'api'
    ? { process: 0, http: 0 }
    : { process: config.EXECUTION_MAX_CONCURRENT, http: config.EXECUTION_MAX_CONCURRENT_HTTP };

/** What processes may use. */
function resourcesOf(config: Config): ResourceLimits {
  return eachLimit((name) => config[LIMITS[name].setting]);
}

/** Files of the Node host for each command that it runs at a time, and for itself. */
const HOST_FILES = { each: 4, own: 64 };

/** The soft limit of commands. The Node host can give them no less than it needs itself. */
export function openFilesOf(config: Config, { openFiles = 1024 }: Runtime, isNative: boolean): number {
  const wanted = config.EXECUTION_OPEN_FILES ?? openFiles;
  return isNative
    ? wanted
    : Math.max(wanted, config.EXECUTION_MAX_CONCURRENT * HOST_FILES.each + HOST_FILES.own);
}

/** The same place from src/ and from dist/. */
const CONSOLE = fileURLToPath(new URL('../../dist/console', import.meta.url));

/** Null: no console is wanted. */
export function consoleOf(config: Config, dir = CONSOLE): ConsoleOptions | null {
  return config.EXECUTION_CONSOLE ? { path: config.EXECUTION_CONSOLE_PATH, dir } : null;
}

const DOCS_SITE = fileURLToPath(new URL('../../dist/guide', import.meta.url));

/** Null: no docs site is wanted. */
export function guideOf(config: Config, dir = DOCS_SITE): GuideOptions | null {
  return config.EXECUTION_GUIDE ? { dir } : null;
}

export function limitsOf(config: Config): SpecLimits {
  return {
    resources: resourcesOf(config),
    maxGraceMs: config.EXECUTION_MAX_KILL_GRACE_MS,
    maxAttemptMs: config.EXECUTION_MAX_TIMEOUT * 1000,
    maxOutputBytes: config.EXECUTION_MAX_OUTPUT_BYTES,
    spoolMaxBytes: config.EXECUTION_SPOOL_MAX_BYTES,
  };
}

/** How long ended executions are kept. What failed is never kept for less than what did not. */
export function retentionOf(config: Config): Retention {
  const { EXECUTION_RETENTION_SECS: ended, EXECUTION_FAILED_RETENTION_SECS: failed } = config;
  const { EXECUTION_LOG_RETENTION_SECS: logs = Infinity } = config;
  return {
    retentionMs: ended * 1000,
    failedRetentionMs: Math.max(ended, failed) * 1000,
    logRetentionMs: logs < ended ? logs * 1000 : null,
  };
}

interface Retention {
  retentionMs: number;
  failedRetentionMs: number;
  logRetentionMs: number | null;
}
