// Composition root: every room is seen here, and only here. Building starts nothing; start and stop are ordered.
import { accessSync, constants, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { createClock } from './clock.ts';
import { liveCredits } from '../operator-files/credits-file.ts';
import { type Config, ConfigError, ignoredNames, isLoopback } from '../config/load.ts';
import { makeDirectory, probeDirectory } from './directories.ts';
import { createIdGenerator, createTraceIds } from '../domain/ids.ts';
import { type AccessRules, type Quotas } from '../domain/access/access-rules.ts';
import { RefusedError } from '../domain/errors.ts';
import { mostBytesOf } from '../domain/execution/kept-size.ts';
import type { PolicyDefaults } from '../domain/operations/operation.ts';
import type { WebhookSender } from '../domain/webhooks/webhooks.ts';
import type { Shares, Store } from '../domain/ports/store.ts';
import type { Journal } from '../domain/ports/journal.ts';
import type { Runner } from '../domain/ports/runner.ts';
import type { Group } from '../domain/ports/group.ts';
import type { Clock, Log } from '../domain/ports/clock.ts';
import { eachLimit, LIMITS, type ResourceLimits } from '../domain/limits.ts';
import type { SpecLimits } from '../domain/spec/spec.ts';
import { creditSource } from '../engine/credits/credit-source.ts';
import { Engine } from '../engine/engine.ts';
import { policySource, resolveSpec } from '../engine/policies/operations.ts';
import type { EnginePolicy } from '../engine/policies/settings.ts';
import { buildMetricsServer, buildServer } from '../http/server.ts';
import { toToldWire } from '../http/events/event-wire.ts';
import { SseClients } from '../http/edge/sse.ts';
import { FileJournal, journalPath } from '../journal/reader.ts';
import { Authentication } from '../access/authentication.ts';
import { KeyRing } from '../access/key-ring.ts';
import { keysOf, providerKeys } from './access-files.ts';
import { type TokenOptions, tokenReader } from '../access/tokens.ts';
import { type LiveFile, loadFiles, prepareFiles } from '../operator-files/live-files.ts';
import { liveRules } from '../operator-files/policy-file.ts';
import { AuditLog } from '../observe/audit-log.ts';
import { chooseHost } from './choose-host.ts';
import { hiddenPlaces, isolationOf, refuseFailed } from './isolation.ts';
import { type EventHandler, EventHandlers } from '../observe/event-handlers.ts';
import { accountLog, eventLog } from '../observe/event-log.ts';
import { createMetrics, type Metrics } from '../observe/metrics.ts';
import { Ratios } from '../observe/ratios.ts';
import { WarmUps } from '../observe/warm-ups.ts';
import { CommandRunner } from '../runners/commands/command.ts';
import { RequestRunner, type RequestRunnerOptions } from '../runners/requests/http.ts';
import { fetchPlain } from '../runners/requests/fetch-plain.ts';
import { GuardedSender } from '../runners/requests/webhook-sender.ts';
import { Dispatcher } from '../webhooks/dispatcher.ts';
import { WebhookService } from '../webhooks/webhooks.ts';
import { toCommand } from '../runners/commands/to-command.ts';
import { SqliteStore } from '../store/sqlite/store.ts';
import { operatorWebhook } from './operator-webhook.ts';
import { liveOperations } from '../operator-files/operations-file.ts';
import { liveSecrets } from '../operator-files/secrets-file.ts';
import { ConditionThread } from '../expressions/condition-thread.ts';
import { planParts } from '../expressions/plan-parts.ts';
import { warmUp } from './warm-up.ts';
import { VERSION } from './version.ts';

/** What the process is, as far as the app needs to know. */
export interface Runtime {
  execPath: string;
  pid: number;
  /** Number of the user that it runs as; undefined where that is no matter. */
  uid?: number | undefined;
  /** Its name. */
  user?: string;
  /** The soft limit of open files that it was started with; undefined where that is unknown. */
  openFiles?: number;
  /** Where secrets may come from. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Part of the memory that it may take, of its container or of the machine; null where that is unknown. */
  memoryRatio?: () => number | null;
  /** Lines of the server's log that nobody took. */
  droppedLogLines?: () => number;
}

/** Parts that a test may put in place of the real ones. */
export interface Overrides {
  clock?: Clock;
  /** By which the runner host is watched. */
  hostClock?: Clock;
  store?: (real: Store) => Store;
  runner?: (real: Runner) => Runner;
  journal?: (real: Journal) => Journal;
  sender?: (real: WebhookSender) => WebhookSender;
  /** Further ones. */
  handlers?: readonly EventHandler[];
}

export interface App {
  server: FastifyInstance;
  engine: Engine;
  /**
   * Opens everything and begins to listen; answers the address.
   *
   * @throws ConfigError when a directory cannot be used, or a port cannot be listened on
   */
  start(): Promise<string>;
  /** Reads the files again; what is wrong with them is logged, and nothing has changed. */
  reload(): void;
  /** Where the metrics port listens; null when there is none. */
  metricsAddress(): string | null;
  /** Whether a request has to show a key or a token. */
  needsKey(): boolean;
  /** Resolves when a stop that was begun is stored, or cannot be. */
  stopNoted(): Promise<void>;
  /** Drains, and ends everything in order. A second call waits for the first. */
  stop(): Promise<void>;
}

/**
 * Builds the service.
 *
 * @throws ConfigError for settings that only their use shows to be wrong, or when the runner host that was asked for is not
 *   there
 */
export async function buildApp(
  config: Config,
  log: Logger,
  runtime: Runtime,
  overrides: Overrides = {},
): Promise<App> {
  const systemClock = createClock();
  const clock = overrides.clock ?? systemClock;
  const operator = operatorWebhook(config);
  const dataDir = resolve(config.EXECUTION_DATA_DIR);
  const logDir =
    config.EXECUTION_LOG_DIR === undefined ? `${dataDir}/logs` : resolve(config.EXECUTION_LOG_DIR);
  const workDir = (epoch: number) => `${dataDir}/work/${epoch}`;
  const policy = policyOf(config);
  const traces = createTraceIds();

  const store: Store = new SqliteStore({
    dir: dataDir,
    now: () => clock.now(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
    maxInMemory: config.EXECUTION_MAX_IN_MEMORY,
    maxDeliveries: config.EXECUTION_WEBHOOK_MAX_PENDING,
    owner: `pid ${runtime.pid}`,
  });
  const journal: Journal = new FileJournal(logDir);
  const host = chooseHost(config, runtime.execPath, log);
  const secrets = liveSecrets({
    path: config.EXECUTION_SECRETS_FILE ?? null,
    env: runtime.env ?? {},
    isRedacting: config.EXECUTION_REDACT_SECRETS,
  });
  const dirs = { data: dataDir, log: logDir };
  const commands = new CommandRunner({
    hostCommand: host.command,
    openFiles: openFilesOf(config, runtime, host.isNative),
    user: { name: runtime.user ?? 'root', isRoot: runtime.uid === 0 },
    ...isolationOf(config, host.isNative, dirs, () => secrets.valueFiles()),
    workDir,
    scratchRoot: scratchRoot(dataDir),
    journalPath: (name) => journalPath(logDir, name),
    clock,
    hostClock: overrides.hostClock ?? systemClock,
    hostSilenceMs: config.EXECUTION_RUNNER_SILENCE_SECS * 1000,
    log,
  });
  const runner = overrides.runner?.(commands) ?? commands;
  const creditsPath = config.EXECUTION_CREDITS_FILE ?? null;
  const prices = liveCredits(creditsPath);
  const operations = liveOperations(
    config.EXECUTION_OPERATIONS_FILE ?? null,
    limitsOf(config),
    creditsPath !== null,
  );
  const requests = requestRunner(config, { clock, journalPath: (name) => journalPath(logDir, name) });
  const rules = liveRules({
    path: config.EXECUTION_POLICY_FILE ?? null,
    quotas: quotasOf(config),
    tiers: () => runner.status().tiers,
    onChange: (changed) => store.setShares(sharesOf(changed)),
    log,
  });
  store.setShares(sharesOf(rules.current));
  const keys = new KeyRing({ store, clock, log });
  const tokens =
    config.EXECUTION_OIDC_ISSUER === undefined ? null : tokenReader(providerOf(config, clock, log));
  const authentication = new Authentication({ keys, tokens, clock });
  const files: LiveFile[] = [
    keysOf(config.EXECUTION_API_KEYS_FILE ?? null, keys),
    rules.file,
    secrets.file,
    prices.file,
    operations.file,
  ];
  const conditions = new ConditionThread(clock);
  const usedStore = overrides.store?.(store) ?? store;
  const engine = new Engine({
    store: usedStore,
    rules: () => rules.current,
    secrets,
    isRevoked: (id) => keys.isRevoked(id),
    runner,
    requests,
    random: () => Math.random(),
    resolve: (spec) => resolveSpec(operations, spec),
    policies: policySource(operations),
    cache: {
      maxEntries: config.EXECUTION_CACHE_SIZE,
      maxBytes: config.EXECUTION_CACHE_MAX_BYTES,
      isPersistent: config.EXECUTION_CACHE_PERSIST,
      cleanupIntervalMs: config.EXECUTION_CACHE_CLEANUP_INTERVAL * 1000,
    },
    journal: overrides.journal?.(journal) ?? journal,
    clock,
    log,
    policy,
    newId: createIdGenerator(() => clock.now()),
    newTrace: () => ({ traceId: traces.traceId(), parentId: traces.spanId(), flags: '01' }),
    credits: creditsPath === null ? null : creditSource(operations, () => prices.now()),
    chargeWorkers: config.EXECUTION_CHARGE_WORKERS,
    plans: {
      ...planParts(limitsOf(config), (...evaluation) => conditions.evaluate(...evaluation)),
      maxLiveBytes: config.EXECUTION_PLAN_MEMORY_BYTES,
      maxStepBytes: config.EXECUTION_PLAN_STEP_BYTES,
    },
    syncIntervalMs: config.EXECUTION_SYNC_INTERVAL_MS,
    drainMs: config.EXECUTION_DRAIN_SECS * 1000,
    cleanupIntervalMs: config.EXECUTION_AUTO_CLEANUP ? config.EXECUTION_CLEANUP_INTERVAL * 1000 : null,
    disks: [
      { name: 'logs', what: 'EXECUTION_LOG_DIR', probe: () => probeDirectory(logDir) },
      {
        name: 'work_directories',
        what: 'EXECUTION_DATA_DIR/work',
        probe: () => probeDirectory(dirname(workDir(0))),
      },
    ],
    retentionMs: config.EXECUTION_RETENTION_SECS * 1000,
    maxRetained: config.EXECUTION_MAX_RETAINED,
    toCommand: (execution, work, { epoch, traceparent }) =>
      toCommand(execution, work, { path: config.EXECUTION_PATH, workDir: workDir(epoch), traceparent }),
  });
  const commit = (groups: readonly Group[]) => usedStore.commit(groups);
  const guarded = webhookSender(config, clock);
  const sender = overrides.sender?.(guarded) ?? guarded;
  const dispatcher = new Dispatcher({
    ...{ store: usedStore, commit, sender, clock, log, random: () => Math.random(), toData: toToldWire },
    source: () => `urn:execd:${engine.instanceId}`,
    maxConcurrent: config.EXECUTION_WEBHOOK_MAX_CONCURRENT,
  });
  const newId = createIdGenerator(() => clock.now());
  const webhooks = new WebhookService({ store: usedStore, commit, dispatcher, sender, clock, newId });
  engine.listen(() => dispatcher.wake());
  engine.listenToAccounts(() => dispatcher.wake());
  const sse = new SseClients({
    clock,
    maxClients: config.EXECUTION_MAX_STREAMS,
    quotaOf: (userId) => rules.current.quotasOf(userId).streams,
  });
  const metrics: Metrics = createMetrics({
    version: VERSION,
    gauges: async () => ({
      ...(await engine.stats()),
      streams: sse.stats(),
      webhooks: dispatcher.stats(),
      handlers: handlers.stats(),
      logLinesDropped: runtime.droppedLogLines?.() ?? 0,
    }),
    isReady: () => engine.whyNotReady() === null,
    between: (from, to) => clock.between(from, to),
  });
  const handlers = new EventHandlers(
    [...eventHandlers(config, log, metrics), ...(overrides.handlers ?? [])],
    log,
  );
  engine.listen((event, execution) => handlers.hear(event, execution));
  const warmUps = new WarmUps(log);
  engine.listen((event, execution) => warmUps.hear(event, execution));
  engine.listenToAccounts((event) => metrics.onAccount(event));
  const ratios = new Ratios();
  engine.listen((event, execution) => ratios.onEvent(event, execution));
  engine.listenToAccounts(accountLog(log));

  const audit = new AuditLog({
    dir: `${dataDir}/audit`,
    now: () => clock.now(),
    pause: () => clock.sleep(0),
    log,
  });
  const server = await buildServer({
    engine,
    clock,
    log,
    version: VERSION,
    limits: limitsOf(config),
    gate: {
      isLoopback: isLoopback(config.EXECUTION_HOST),
      allowedHosts: config.EXECUTION_ALLOWED_HOSTS,
      authenticate: authentication,
      clock,
      maxConnections: config.EXECUTION_MAX_CONNECTIONS,
    },
    keys,
    trustProxy: config.EXECUTION_TRUST_PROXY,
    audit,
    readAudit: (day) => audit.read(day),
    bodyBytesOf: (userId) => rules.current.quotasOf(userId).bodyBytes,
    scrape: metrics,
    ratios: () => ({ ...ratios.now(), memory: runtime.memoryRatio?.() ?? null }),
    sse,
    webhooks,
    streamsOutput: config.EXECUTION_STREAM_OUTPUT,
    warmUps,
    operations: {
      operations,
      defaults: operationDefaults(config),
      adaptiveTimeoutMs: (name) => engine.adaptiveTimeoutMs(name),
      reload,
    },
    onRequest: (...facts) => metrics.onRequest(...facts),
    onRefused: (type) => metrics.onRefused(type),
    logPath: (runId, attempt) => journal.path({ runId, attempt }),
  });
  const metricsServer = buildMetricsServer({
    engine,
    clock,
    log,
    version: VERSION,
    scrape: metrics,
    onRefused: (type) => metrics.onRefused(type),
  });

  let reloading: Promise<unknown> = Promise.resolve();
  /** One after the other. Throws RefusedError when a file is not usable; then nothing has changed. */
  function reload(): Promise<{ operations: number; circuits: number }> {
    const reloaded = reloading.then(reloadNow);
    reloading = reloaded.catch(() => undefined);
    return reloaded;
  }

  async function reloadNow(): Promise<{ operations: number; circuits: number }> {
    const apply = prepareFiles(files);
    const problem = await commands.hide(hiddenPlaces(config, dirs, apply.valueFiles ?? []));
    if (problem !== null) {
      const why = `execd cannot hide a path from commands in a sandbox: ${problem}. Nothing was changed.`;
      throw new RefusedError('invalid_secrets_file', why);
    }
    apply();
    engine.forgetPolicies();
    const counts = operations.counts();
    log.info({ ...counts, policy_version: rules.current.version }, 'Operations, policy and keys reloaded');
    return counts;
  }

  let metricsAddress: string | null = null;
  let stopping: Promise<void> | null = null;
  /** Aborts what goes on beside requests. */
  const ending = new AbortController();
  let warming: Promise<void> = Promise.resolve();
  async function end(): Promise<void> {
    ending.abort();
    await warming;
    await engine.drain();
    await dispatcher.stop();
    sender.close();
    await engine.close();
    await conditions.close();
    sse.close();
    await server.close();
    await metricsServer.close();
    await audit.close();
  }
  async function stop(): Promise<void> {
    await end();
    log.info({}, 'Stopped');
  }

  return {
    server,
    engine,
    async start() {
      const { EXECUTION_HOST: host, EXECUTION_PORT: port, EXECUTION_METRICS_PORT: metricsPort } = config;
      try {
        refuseRoot(config, runtime.uid, log);
        loadFiles(files);
        makeDirectory('EXECUTION_DATA_DIR', dataDir, 0o700);
        makeDirectory(
          config.EXECUTION_LOG_DIR === undefined ? 'EXECUTION_DATA_DIR' : 'EXECUTION_LOG_DIR',
          logDir,
          0o750,
        );
        warnOfReaders(dataDir, log);
        for (const { name, setting } of ignoredNames(runtime.env ?? {}))
          log.warn({}, `${name} is not a setting of execd and is ignored. Set ${setting} instead`);
        await engine.start();
        // Only the host can say what works. What is queued begins at `open`, not before.
        refuseFailed(config, commands.failedTiers);
        if (commands.failedTiers.length > 0) loadFiles([rules.file]);
        await keys.refresh();
        refuseStrangers(config, keys.isInUse || tokens !== null);
        await webhooks.configure(operator);
        if (metricsPort !== undefined)
          metricsAddress = await listen(metricsServer, 'EXECUTION_METRICS_PORT', host, metricsPort);
        const address = await listen(server, 'EXECUTION_PORT', host, port);
        // Only now: a start that ends at a busy port must not have begun to run anything.
        engine.open();
        dispatcher.start();
        log.info({ address, version: VERSION, data_dir: dataDir }, `Listening on ${address}`);
        warming = warmUp(operations, engine, log, ending.signal);
        return address;
      } catch (error) {
        await end();
        throw error;
      }
    },
    reload() {
      reload().catch((error: unknown) => {
        log.error(
          { err: error, fields: (error as RefusedError).fields },
          'Cannot reload the files of the operator; nothing was changed',
        );
      });
    },
    metricsAddress: () => metricsAddress,
    needsKey: () => keys.isInUse || tokens !== null,
    stopNoted: () => engine.stopNoted,
    stop: () => (stopping ??= stop()),
  };
}

/** @throws ConfigError when the keys of the identity provider cannot be read from their file */
function providerOf(config: Config, clock: Clock, log: Logger): TokenOptions {
  return {
    issuer: config.EXECUTION_OIDC_ISSUER as string,
    audience: config.EXECUTION_OIDC_AUDIENCE as string,
    jwks: providerKeys(config.EXECUTION_OIDC_JWKS as string),
    userClaim: config.EXECUTION_OIDC_USER_CLAIM,
    scopesClaim: config.EXECUTION_OIDC_SCOPES_CLAIM,
    ...{ clock, log, fetch: fetchPlain(clock) },
  };
}

/** Warns about a data directory that others can look into: most of what is in it is nobody else's business. */
function warnOfReaders(dataDir: string, log: Log): void {
  if ((statSync(dataDir).mode & 0o006) === 0) return;
  log.warn({ data_dir: dataDir }, `Other users can read the data directory: run chmod o-rw ${dataDir}`);
}

/** Whether every command runs as another user than the server. */
function hasOwnUsers({ EXECUTION_ISOLATION: isolation, EXECUTION_UIDS: uids }: Config): boolean {
  // A server that is root makes sandboxes for another user.
  return isolation === 'sandbox' || (isolation === 'uid' && uids !== undefined);
}

/** @throws ConfigError when others can reach a server whose every command is root */
function refuseRoot(config: Config, uid: number | undefined, log: Logger): void {
  if (uid !== 0 || config.EXECUTION_ALLOW_ROOT || hasOwnUsers(config)) return;
  if (isLoopback(config.EXECUTION_HOST)) {
    return log.warn(
      {},
      'Running as root; commands run as root, too. Set EXECUTION_ALLOW_ROOT=true to accept this',
    );
  }
  throw new ConfigError([
    `EXECUTION_HOST: ${config.EXECUTION_HOST} is not a loopback address, and execd runs as root: every command would run as root, too. ` +
      'Run execd as another user, or set EXECUTION_ALLOW_ROOT=true',
  ]);
}

/** @throws ConfigError when others could reach a server that asks nobody who they are */
function refuseStrangers({ EXECUTION_HOST: host }: Config, isAsking: boolean): void {
  if (isLoopback(host) || isAsking) return;
  throw new ConfigError([
    `EXECUTION_HOST: ${host} is not a loopback address, and there are no API keys: anyone who can reach it could run ` +
      'commands. Create a key first (npm run keys -- create), or set EXECUTION_API_KEYS_FILE',
  ]);
}

/** @throws ConfigError for an entry of the allow-list that is none */
function webhookSender(config: Config, clock: Clock): WebhookSender {
  const { EXECUTION_EGRESS_ALLOW: egressAllow, EXECUTION_WEBHOOK_TIMEOUT_MS: timeoutMs } = config;
  return new GuardedSender({ clock, egressAllow, timeoutMs });
}

/** @throws ConfigError for an entry of the allow-list that is none */
function requestRunner(config: Config, options: Omit<RequestRunnerOptions, 'egressAllow'>): RequestRunner {
  try {
    return new RequestRunner({ ...options, egressAllow: config.EXECUTION_EGRESS_ALLOW });
  } catch (error) {
    throw new ConfigError([`EXECUTION_EGRESS_ALLOW: ${(error as Error).message}`]);
  }
}

/** Those that are asked for; the webhook of the operator is one of the store's. */
function eventHandlers(config: Config, log: Logger, metrics: Metrics): EventHandler[] {
  const all: EventHandler[] = [
    { name: 'logging', handle: eventLog(log) },
    { name: 'metrics', handle: (event, execution) => metrics.onEvent(event, execution) },
  ];
  return all.filter(({ name }) => (config.EXECUTION_EVENT_HANDLERS as string[]).includes(name));
}

/** Connections that may wait to be taken, as far as the system allows it: thousands may come back at once after a restart. */
const BACKLOG = 4096;

/** @throws ConfigError that names the setting that stands against it */
async function listen(
  server: FastifyInstance,
  setting: 'EXECUTION_PORT' | 'EXECUTION_METRICS_PORT',
  host: string,
  port: number,
): Promise<string> {
  try {
    return await server.listen({ host, port, backlog: BACKLOG });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    switch (code) {
      case 'EADDRINUSE':
        throw new ConfigError([
          `${setting}: another program listens on port ${port} of ${host}. Stop it, or set ${setting} to another port`,
        ]);
      case 'EACCES':
        throw new ConfigError([
          `${setting}: this user may not listen on port ${port}. Set ${setting} to a port above 1023`,
        ]);
      default:
        throw new ConfigError([`EXECUTION_HOST: execd cannot listen on ${host} (${message})`]);
    }
  }
}

/** A file system in memory, which every Linux has there; else the data directory. */
function scratchRoot(dataDir: string): string {
  const inMemory = '/dev/shm';
  try {
    accessSync(inMemory, constants.W_OK);
    return inMemory;
  } catch {
    return dataDir;
  }
}

function quotasOf(config: Config): Quotas {
  return {
    running: config.EXECUTION_USER_MAX_RUNNING ?? null,
    queued: config.EXECUTION_USER_MAX_QUEUED ?? null,
    submitsPerS: config.EXECUTION_USER_SUBMITS_PER_SEC ?? null,
    logBytes: config.EXECUTION_USER_LOG_BYTES ?? null,
    bodyBytes: config.EXECUTION_USER_MAX_BODY_BYTES ?? null,
    streams: config.EXECUTION_USER_MAX_STREAMS ?? null,
    maxPriority: null,
  };
}

/** How users share the slots by these rules. A name that no user has stands for those that are not named. */
function sharesOf(rules: AccessRules): Shares {
  const shareOf = (user: string) => ({
    weight: rules.weightOf(user),
    running: rules.quotasOf(user).running,
  });
  return { ...shareOf(''), users: Object.fromEntries(rules.users.map((user) => [user, shareOf(user)])) };
}

/** What applies where an operation says nothing, for readers. */
function operationDefaults(config: Config): PolicyDefaults {
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

function policyOf(config: Config): EnginePolicy {
  return {
    attemptMs: config.EXECUTION_DEFAULT_TIMEOUT * 1000,
    graceMs: config.EXECUTION_KILL_GRACE_MS,
    maxOutputBytes: config.EXECUTION_MAX_OUTPUT_BYTES,
    oversized: config.EXECUTION_OVERSIZED_OUTPUT,
    spoolMaxBytes: config.EXECUTION_SPOOL_MAX_BYTES,
    resultBytes: config.EXECUTION_RESULT_BYTES,
    limits: resourcesOf(config),
    onLimit: config.EXECUTION_ON_LIMIT,
    slots: { process: config.EXECUTION_MAX_CONCURRENT, http: config.EXECUTION_MAX_CONCURRENT_HTTP },
    hasNetwork: config.EXECUTION_SANDBOX_NETWORK,
    hasCache: config.EXECUTION_CACHE_SIZE > 0,
    cacheEntryBytes: mostBytesOf(config.EXECUTION_CACHE_MAX_BYTES),
    cacheTtlMs: config.EXECUTION_CACHE_TTL === 0 ? null : config.EXECUTION_CACHE_TTL * 1000,
    retry: { attempts: config.EXECUTION_RETRY_ATTEMPTS, multiplier: config.EXECUTION_RETRY_BACKOFF },
    maxQueued: config.EXECUTION_MAX_QUEUED,
  };
}

/** What processes may use. */
function resourcesOf(config: Config): ResourceLimits {
  return eachLimit((name) => config[LIMITS[name].setting]);
}

/** Files of the Node host for each command that it runs at a time, and for itself. */
const HOST_FILES = { each: 4, own: 64 };

/** The soft limit of commands. The Node host can give them no less than it needs itself. */
function openFilesOf(config: Config, { openFiles = 1024 }: Runtime, isNative: boolean): number {
  const wanted = config.EXECUTION_OPEN_FILES ?? openFiles;
  return isNative
    ? wanted
    : Math.max(wanted, config.EXECUTION_MAX_CONCURRENT * HOST_FILES.each + HOST_FILES.own);
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
