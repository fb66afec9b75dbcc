// Composition root: every room is seen from here, and from nowhere else. Building starts nothing; start and stop are ordered.
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { type Config, ignoredNames } from '../config/load.ts';
import type { RefusedError } from '../domain/errors.ts';
import { ownerOfCircuit } from '../domain/webhooks/webhooks.ts';
import type { Engine } from '../engine/engine.ts';
import { ConditionThread } from '../expressions/condition-thread.ts';
import { loadFiles } from '../operator-files/live-files.ts';
import { Circuits } from '../resilience/circuits.ts';
import { buildEngine } from './engine-parts.ts';
import { refuseFailed } from './isolation.ts';
import { buildListeners, type Listeners } from './listeners.ts';
import { operatorWebhook } from './operator-webhook.ts';
import { buildParts, type Commit, type Overrides, type Parts, type Setting, settingOf } from './parts.ts';
import { makePlaces } from './places.ts';
import { listen, refuseRoot, refuseStrangers, warnOfReaders } from './refuse.ts';
import { reloader } from './reload.ts';
import type { Runtime } from './runtime.ts';
import { buildServers } from './servers.ts';
import { VERSION } from './version.ts';
import { warmUp } from './warm-up.ts';

export type { Overrides } from './parts.ts';

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
  /** Resolves when others may have taken over what this server held, and nothing runs here any more: it is to be started again. */
  readonly gone: Promise<unknown>;
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
  const setting = settingOf(config, log, runtime, overrides);
  const { clock } = setting;
  // What is wrong with it is said before anything is made.
  const operator = operatorWebhook(config);
  const commit: Commit = (groups) => engine.commit(groups);
  const conditions = new ConditionThread(clock);
  const parts = await buildParts(setting, commit, conditions);
  const circuits = new Circuits(() => clock.monotonic(), ownerOfCircuit);
  const gone = Promise.withResolvers<null>();
  const engine: Engine = buildEngine(setting, parts, {
    ...{ circuits, conditions },
    onScheduleRun: (run, schedule) => listeners.onScheduleRun(run, schedule),
    onSilence: (schedule) => listeners.onSilence(schedule),
    gone: () => gone.resolve(null),
    changedElsewhere: (what) => takeIn(what),
  });
  parts.growth.grew = ({ runId }) => engine.logGrew(runId);
  parts.growth.operationsChanged = () => engine.tellOthers('operations');
  const listeners: Listeners = buildListeners(setting, parts, engine, circuits);
  const reload = reloader(setting, parts, engine);
  const reloadHere = () =>
    reload().catch((error: unknown) => {
      log.error(
        { err: error, fields: (error as RefusedError).fields },
        'Cannot reload the files of the operator; nothing was changed',
      );
    });
  const takeIn = async (what: 'operations' | 'reload') => {
    if (what === 'reload') await reloadHere();
    else if (await parts.storedOperations.refreshChanged()) engine.forgetPolicies();
  };
  const servers = await buildServers(setting, parts, engine, listeners, async () => {
    const reloaded = await reload();
    engine.tellOthers('reload');
    return reloaded;
  });
  const life = new Life(setting, { ...servers, parts, engine, listeners, conditions, operator });
  return {
    server: servers.server,
    engine,
    start: () => life.start(),
    reload: () => void reloadHere(),
    metricsAddress: () => life.metricsAddress,
    needsKey: () => parts.needsKey(),
    gone: gone.promise,
    stopNoted: () => engine.stopNoted,
    stop: () => life.stop(),
  };
}

interface Whole {
  server: FastifyInstance;
  metricsServer: FastifyInstance;
  parts: Parts;
  engine: Engine;
  listeners: Listeners;
  conditions: ConditionThread;
  operator: ReturnType<typeof operatorWebhook>;
}

/** Start and stop, each step in its order. */
class Life {
  readonly #setting: Setting;
  readonly #whole: Whole;
  /** Aborts what goes on beside requests. */
  readonly #ending = new AbortController();
  #warming: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | null = null;
  metricsAddress: string | null = null;

  constructor(setting: Setting, whole: Whole) {
    this.#setting = setting;
    this.#whole = whole;
  }

  async start(): Promise<string> {
    try {
      await this.#prepare();
      const address = await this.#listen();
      const { engine, listeners, parts } = this.#whole;
      const { log, places } = this.#setting;
      // Only now: a start that ends at a busy port must not have begun to run anything.
      engine.open();
      listeners.dispatcher.start();
      log.info({ address, version: VERSION, data_dir: places.data }, `Listening on ${address}`);
      this.#warming = warmUp(parts.operations, engine, log, this.#ending.signal);
      return address;
    } catch (error) {
      await this.#end();
      throw error;
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#end().then(() => this.#setting.log.info({}, 'Stopped'));
    return this.#stopping;
  }

  async #prepare(): Promise<void> {
    const { config, log, runtime, places } = this.#setting;
    const { parts, engine, listeners, operator } = this.#whole;
    refuseRoot(config, runtime.uid, log);
    loadFiles(parts.files);
    makePlaces(config, places);
    warnOfReaders(places.data, log);
    for (const { name, setting } of ignoredNames(runtime.env ?? {}))
      log.warn({}, `${name} is not a setting of execd and is ignored. Set ${setting} instead`);
    await engine.start();
    listeners.sizes.now();
    // Only the host can say what works. Queued work begins at `open`, not before.
    refuseFailed(config, parts.commands.failedTiers);
    if (parts.commands.failedTiers.length > 0) loadFiles([parts.rules.file]);
    await parts.storedOperations.refresh();
    await parts.keys.refresh();
    refuseStrangers(config, parts.needsKey());
    await listeners.webhooks.configure(operator);
  }

  async #listen(): Promise<string> {
    const {
      EXECUTION_HOST: host,
      EXECUTION_PORT: port,
      EXECUTION_METRICS_PORT: metricsPort,
    } = this.#setting.config;
    const { server, metricsServer } = this.#whole;
    if (metricsPort !== undefined)
      this.metricsAddress = await listen(metricsServer, 'EXECUTION_METRICS_PORT', host, metricsPort);
    return listen(server, 'EXECUTION_PORT', host, port);
  }

  async #end(): Promise<void> {
    const { server, metricsServer, parts, engine, listeners, conditions } = this.#whole;
    this.#ending.abort();
    await this.#warming;
    await engine.drain();
    await listeners.dispatcher.stop();
    listeners.sender.close();
    await engine.close();
    await conditions.close();
    listeners.sse.close();
    await server.close();
    await metricsServer.close();
    await listeners.audit.close();
    await parts.tracing?.close();
  }
}
