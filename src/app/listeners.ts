// What listens to the engine: webhooks, metrics, handlers of events, logs. None of it speaks back.
import { createIdGenerator } from '../domain/ids.ts';
import { ofComponent } from '../domain/ports/component-log.ts';
import type { Engine, EngineDeps } from '../engine/engine.ts';
import { SseClients } from '../http/edge/sse.ts';
import { toToldWire } from '../http/events/event-wire.ts';
import { AuditLog } from '../observe/audit-log.ts';
import { EventHandlers } from '../observe/event-handlers.ts';
import { accountLog, logScheduleRun, logSilence } from '../observe/event-log.ts';
import { createMetrics, type Metrics } from '../observe/metrics.ts';
import { Ratios } from '../observe/ratios.ts';
import { WarmUps } from '../observe/warm-ups.ts';
import type { Circuits } from '../resilience/circuits.ts';
import { Dispatcher } from '../webhooks/dispatcher.ts';
import { WebhookService } from '../webhooks/webhooks.ts';
import { eventHandlers } from './from-config.ts';
import type { Parts, Setting } from './parts.ts';
import { SizeWatch } from './sizes.ts';
import { VERSION } from './version.ts';

export type Listeners = ReturnType<typeof buildListeners>;

export function buildListeners(setting: Setting, parts: Parts, engine: Engine, circuits: Circuits) {
  const { config, log, clock } = setting;
  const webhooks = buildWebhooks(setting, parts, engine, circuits);
  const sse = new SseClients({
    clock,
    maxClients: config.EXECUTION_MAX_STREAMS,
    quotaOf: (userId) => parts.rules.current.quotasOf(userId).streams,
  });
  const observers = buildObservers(setting, parts, engine, { ...webhooks, sse });
  const audit = new AuditLog({
    dir: `${setting.places.data}/audit`,
    now: () => clock.now(),
    pause: () => clock.sleep(0),
    log: ofComponent(log, 'audit'),
  });
  return { ...webhooks, ...observers, sse, audit };
}

function buildWebhooks(
  { config, log, clock }: Setting,
  { store, commit, notifier, sender, webhookProblems, tracing }: Parts,
  engine: Engine,
  circuits: Circuits,
) {
  const source = () => `urn:execd:${engine.instanceId}`;
  const dispatcher = new Dispatcher({
    ...{
      store,
      commit,
      sender,
      notifier,
      clock,
      circuits,
      tracing,
      source,
      log: ofComponent(log, 'webhook'),
    },
    random: () => Math.random(),
    toData: toToldWire,
    leads: () => engine.leads(),
    maxConcurrent: config.EXECUTION_WEBHOOK_MAX_CONCURRENT,
  });
  const newId = createIdGenerator(() => clock.now());
  engine.onBatch(() => dispatcher.wake());
  engine.listenToAccounts(() => dispatcher.wake());
  return {
    sender,
    dispatcher,
    webhooks: new WebhookService({
      store,
      commit,
      dispatcher,
      notifier,
      source,
      problems: webhookProblems,
      clock,
      newId,
    }),
  };
}

function buildObservers(
  { config, log, clock, runtime, overrides, places }: Setting,
  { operations, tracing }: Parts,
  engine: Engine,
  { sse, dispatcher }: { sse: SseClients; dispatcher: Dispatcher },
) {
  const sizes = new SizeWatch({
    files: { database: `${places.data}/execd.db`, wal: `${places.data}/execd.db-wal` },
    disks: { data: places.data, logs: places.log },
  });
  const metrics: Metrics = createMetrics({
    version: VERSION,
    gauges: async () => ({
      ...(await engine.stats()),
      streams: sse.stats(),
      webhooks: dispatcher.stats(),
      handlers: handlers.stats(),
      logLinesDropped: runtime.droppedLogLines?.() ?? 0,
      data: engine.health().data,
      sizes: sizes.now(),
      memoryRatio: runtime.memoryRatio?.() ?? null,
      operations: operations.all().map(({ name }) => name),
      tracing: tracing?.stats() ?? null,
    }),
    isReady: () => engine.whyNotReady() === null,
    between: (from, to) => clock.between(from, to),
  });
  const handlers = new EventHandlers(
    [...eventHandlers(config, log, metrics), ...(overrides.handlers ?? [])],
    ofComponent(log, 'events'),
  );
  const warmUps = new WarmUps(ofComponent(log, 'cache'));
  const ratios = new Ratios();
  engine.listen((event, execution) => handlers.hear(event, execution));
  engine.listen((event, execution) => warmUps.hear(event, execution));
  engine.listen((event, execution) => ratios.onEvent(event, execution));
  if (tracing !== null) engine.listen((event, execution) => tracing.onEvent(event, execution));
  engine.listenToAccounts((event) => metrics.onAccount(event));
  engine.listenToAccounts(accountLog(ofComponent(log, 'credits')));
  const onScheduleRun: EngineDeps['onScheduleRun'] = (run, schedule) => {
    metrics.onScheduleRun(run.result);
    logScheduleRun(ofComponent(log, 'schedule'), run, schedule);
  };
  const onSilence: EngineDeps['onSilence'] = (schedule) => {
    metrics.onSilent();
    logSilence(ofComponent(log, 'schedule'), schedule);
    dispatcher.wake();
  };
  return { sizes, metrics, warmUps, ratios, onScheduleRun, onSilence };
}
