// Composition root: every room is seen here, and only here. Building starts nothing; start and stop are ordered.
import { dirname, resolve } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { createClock } from './clock.ts';
import { liveCredits } from '../operator-files/credits-file.ts';
import { type Config, ignoredNames, shownSettings } from '../config/load.ts';
import { isLoopback } from '../config/settings.ts';
import { makeDirectory, probeDirectory } from './directories.ts';
import { createIdGenerator, createTraceIds } from '../domain/ids.ts';
import { RefusedError } from '../domain/errors.ts';
import { ownerOfCircuit, type WebhookSender } from '../domain/webhooks/webhooks.ts';
import type { Store } from '../domain/ports/store.ts';
import type { Journal } from '../domain/ports/journal.ts';
import type { Runner } from '../domain/ports/runner.ts';
import type { Group } from '../domain/ports/group.ts';
import type { Clock } from '../domain/ports/clock.ts';
import { creditSource } from '../engine/credits/credit-source.ts';
import { Engine } from '../engine/engine.ts';
import { policySource, resolveSpec } from '../engine/policies/operations.ts';
import { buildMetricsServer, buildServer } from '../http/server.ts';
import { toToldWire } from '../http/events/event-wire.ts';
import { SseClients } from '../http/edge/sse.ts';
import { FileJournal, journalPath } from '../journal/reader.ts';
import { Authentication } from '../access/authentication.ts';
import { KeyRing } from '../access/key-ring.ts';
import { keysOf } from './access-files.ts';
import { tokenReader } from '../access/tokens.ts';
import { type LiveFile, loadFiles, prepareFiles } from '../operator-files/live-files.ts';
import { liveRules } from '../operator-files/policy-file.ts';
import { AuditLog } from '../observe/audit-log.ts';
import { type ChosenHost, chooseHost } from './choose-host.ts';
import { hiddenPlaces, isolationOf, refuseFailed } from './isolation.ts';
import { type EventHandler, EventHandlers } from '../observe/event-handlers.ts';
import { accountLog, logScheduleRun } from '../observe/event-log.ts';
import { createMetrics, type Metrics } from '../observe/metrics.ts';
import { Ratios } from '../observe/ratios.ts';
import { WarmUps } from '../observe/warm-ups.ts';
import { CommandRunner } from '../runners/commands/command.ts';
import { Circuits } from '../resilience/circuits.ts';
import { Dispatcher } from '../webhooks/dispatcher.ts';
import { WebhookService } from '../webhooks/webhooks.ts';
import { toCommand } from '../runners/commands/to-command.ts';
import { SqliteStore } from '../store/sqlite/store.ts';
import { mcpServing } from './mcp-serving.ts';
import { operatorWebhook } from './operator-webhook.ts';
import { liveOperations } from '../operator-files/operations-file.ts';
import { liveSecrets } from '../operator-files/secrets-file.ts';
import { ConditionThread } from '../expressions/condition-thread.ts';
import { cronProblem, timesOf } from '../expressions/cron.ts';
import { planParts } from '../expressions/plan-parts.ts';
import { SizeWatch } from './sizes.ts';
import { warmUp } from './warm-up.ts';
import { VERSION } from './version.ts';
import {
  providerOf,
  webhookSender,
  requestRunner,
  eventHandlers,
  scratchRoot,
  quotasOf,
  sharesOf,
  operationDefaults,
  engineSettings,
  openFilesOf,
  limitsOf,
  consoleOf,
} from './from-config.ts';
import { warnOfReaders, refuseRoot, refuseStrangers, listen } from './refuse.ts';
import type { Runtime } from './runtime.ts';

/** Parts that a test may put in place of the real ones. */
export interface Overrides {
  clock?: Clock;
  /** By which the runner host is watched. */
  hostClock?: Clock;
  /** The runner host, chosen and checked before. */
  host?: ChosenHost;
  store?: (real: Store) => Store;
  runner?: (real: Runner) => Runner;
  journal?: (real: Journal) => Journal;
  sender?: (real: WebhookSender) => WebhookSender;
  /** Directory of the built console. */
  consoleDir?: string;
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
  const policy = engineSettings(config);
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
  const host = overrides.host ?? (await chooseHost(config, runtime.execPath, log));
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
  const usedStore = overrides.store?.(store) ?? store;
  const commit = (groups: readonly Group[]) => engine.commit(groups);
  const keys = new KeyRing({ store: usedStore, commit, clock, log });
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
  const circuits = new Circuits(() => clock.monotonic(), ownerOfCircuit);
  const engine: Engine = new Engine({
    store: usedStore,
    rules: () => rules.current,
    secrets,
    isRevoked: (id) => keys.isRevoked(id),
    runner,
    requests,
    random: () => Math.random(),
    resolve: (spec) => resolveSpec(operations, spec),
    policies: policySource(operations),
    circuits,
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
    times: { timesOf, cronProblem },
    onScheduleRun: (run, schedule) => {
      metrics.onScheduleRun(run.result);
      logScheduleRun(log, run, schedule);
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
  const guarded = webhookSender(config, clock);
  const sender = overrides.sender?.(guarded) ?? guarded;
  const dispatcher = new Dispatcher({
    ...{
      store: usedStore,
      commit,
      sender,
      clock,
      log,
      circuits,
      random: () => Math.random(),
      toData: toToldWire,
    },
    source: () => `urn:execd:${engine.instanceId}`,
    maxConcurrent: config.EXECUTION_WEBHOOK_MAX_CONCURRENT,
  });
  const newId = createIdGenerator(() => clock.now());
  const webhooks = new WebhookService({ store: usedStore, commit, dispatcher, sender, clock, newId });
  engine.onBatch(() => dispatcher.wake());
  engine.listenToAccounts(() => dispatcher.wake());
  const sse = new SseClients({
    clock,
    maxClients: config.EXECUTION_MAX_STREAMS,
    quotaOf: (userId) => rules.current.quotasOf(userId).streams,
  });
  const sizes = new SizeWatch({
    files: { database: `${dataDir}/execd.db`, wal: `${dataDir}/execd.db-wal` },
    disks: { data: dataDir, logs: logDir },
  });
  const metrics: Metrics = createMetrics({
    version: VERSION,
    gauges: async () => ({
      ...(await engine.stats()),
      streams: sse.stats(),
      webhooks: dispatcher.stats(),
      handlers: handlers.stats(),
      logLinesDropped: runtime.droppedLogLines?.() ?? 0,
      sizes: sizes.now(),
      memoryRatio: runtime.memoryRatio?.() ?? null,
      operations: operations.all().map(({ name }) => name),
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
    settings: shownSettings(config),
    console: consoleOf(config, overrides.consoleDir),
    mcp: config.EXECUTION_MCP ? mcpServing({ clock, log }) : null,
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
        sizes.now();
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
