// What the engine is built on: the store, the runners, the operator's files, and access.
import type { Logger } from 'pino';
import { Authentication } from '../access/authentication.ts';
import { KeyRing } from '../access/key-ring.ts';
import { tokenReader } from '../access/tokens.ts';
import type { Config } from '../config/load.ts';
import type { Clock } from '../domain/ports/clock.ts';
import { ofComponent } from '../domain/ports/component-log.ts';
import type { Group, GroupResult } from '../domain/ports/group.ts';
import type { Journal } from '../domain/ports/journal.ts';
import type { AttemptName, Runner } from '../domain/ports/runner.ts';
import type { Replica } from '../domain/ports/replica.ts';
import type { Store } from '../domain/ports/store.ts';
import { Notifier } from '../webhooks/notifier.ts';
import { byScheme, webhookProblems } from '../webhooks/receivers.ts';
import { mailSender } from './mail.ts';
import type { AskedWebhook, WebhookSender } from '../domain/webhooks/webhooks.ts';
import { SubmitRates } from '../engine/policies/submit-rates.ts';
import type { ConditionThread } from '../expressions/condition-thread.ts';
import { celConditions } from '../expressions/conditions.ts';
import { planParts } from '../expressions/plan-parts.ts';
import { planChecks } from '../domain/plans/plan-check.ts';
import { hookChecker } from '../hooks/check-hook.ts';
import { createHooks } from '../hooks/hooks.ts';
import { FileJournal, journalPath } from '../journal/reader.ts';
import { SharedJournal } from '../journal/shared-journal.ts';
import type { EventHandler } from '../observe/event-handlers.ts';
import { liveCredits } from '../operator-files/credits-file.ts';
import type { LiveFile } from '../operator-files/live-files.ts';
import { type Checks, liveOperations } from '../operator-files/operations-file.ts';
import { StoredOperations } from '../operator-files/stored-operations.ts';
import { liveRules } from '../operator-files/policy-file.ts';
import { liveRoots } from '../operator-files/roots-file.ts';
import { liveSecrets } from '../operator-files/secrets-file.ts';
import { CommandRunner } from '../runners/commands/command.ts';
import { keysOf } from './access-files.ts';
import { type ChosenHost, chooseHost } from './choose-host.ts';
import { createClock } from './clock.ts';
import {
  limitsOf,
  openFilesOf,
  providerOf,
  quotasOf,
  requestRunner,
  sandboxProxy,
  webhookSender,
  scratchRoot,
  sharesOf,
} from './from-config.ts';
import { hiddenPlaces, isolationOf } from './isolation.ts';
import { storeOf } from './open-store.ts';
import { type Places, placesOf } from './places.ts';
import { tracingOf } from './tracing.ts';
import type { Runtime } from './runtime.ts';

/** Parts that a test may put in place of the real ones. */
export interface Overrides {
  clock?: Clock;
  /** By which the runner host is watched. */
  hostClock?: Clock;
  /** The runner host, chosen and checked before. */
  host?: ChosenHost;
  store?: (real: Store) => Store;
  /** Among the servers that share a database; left out: that of the settings. */
  replica?: Replica;
  runner?: (real: Runner) => Runner;
  journal?: (real: Journal) => Journal;
  sender?: (real: WebhookSender) => WebhookSender;
  /** Directory of the built console. */
  consoleDir?: string;
  /** Directory of the built docs site. */
  guideDir?: string;
  /** Further ones. */
  handlers?: readonly EventHandler[];
}

/** Facts and choices that everything is built of. */
export interface Setting {
  config: Config;
  log: Logger;
  runtime: Runtime;
  overrides: Overrides;
  clock: Clock;
  /** That of the machine, also where a test has another one. */
  systemClock: Clock;
  places: Places;
}

export function settingOf(config: Config, log: Logger, runtime: Runtime, overrides: Overrides): Setting {
  const systemClock = createClock();
  const clock = overrides.clock ?? systemClock;
  return { config, log, runtime, overrides, clock, systemClock, places: placesOf(config) };
}

/** Set by whoever wants to know that a log of another server has grown, or that operations were changed by API here. */
export interface Growth {
  grew: (name: AttemptName) => void;
  operationsChanged: () => void;
}

export type Commit = (groups: readonly Group[]) => Promise<GroupResult[]>;
export type Parts = Awaited<ReturnType<typeof buildParts>>;

/** @throws ConfigError when the runner host that was asked for is not there */
export async function buildParts(setting: Setting, commit: Commit, thread: ConditionThread) {
  const { config, overrides, places, clock, runtime } = setting;
  const store = await storeOf(config, {
    ...{ clock, dir: places.data, owner: `pid ${runtime.pid}` },
    maxInMemory: config.EXECUTION_MAX_IN_MEMORY,
  });
  const tracing = await tracingOf(setting);
  const { logs } = store;
  const growth: Growth = { grew: () => undefined, operationsChanged: () => undefined };
  const journal =
    logs === undefined
      ? new FileJournal(places.log)
      : new SharedJournal({
          ...{ dir: places.log, copies: `${places.data}/copies`, logs, clock },
          grew: (name) => growth.grew(name),
        });
  const conditions = celConditions((...evaluation) => thread.evaluate(...evaluation));
  const { check } = planParts(limitsOf(config), (...evaluation) => thread.evaluate(...evaluation));
  const files = operatorFiles(setting, { checkHook: hookChecker(conditions), checkPlan: planChecks(check) });
  const commands = await commandRunner(setting, () => files.secrets.valueFiles());
  const runner = overrides.runner?.(commands) ?? commands;
  const requests = requestRunner(config, { clock, journalPath: (name) => journalPath(places.log, name) });
  const rules = liveRules({
    path: config.EXECUTION_POLICY_FILE ?? null,
    quotas: quotasOf(config),
    tiers: () => runner.status().tiers,
    onChange: (changed) => store.setShares(sharesOf(changed)),
    log: ofComponent(setting.log, 'access'),
  });
  store.setShares(sharesOf(rules.current));
  const usedStore = overrides.store?.(store) ?? store;
  const access = accessOf(setting, usedStore, commit);
  const live: LiveFile[] = [
    keysOf(config.EXECUTION_API_KEYS_FILE ?? null, access.keys),
    ...[rules.file, files.secrets.file, files.prices.file, files.operations.file, files.roots.file],
  ];
  const notifier = new Notifier({ conditions, secrets: files.secrets });
  const mail = mailSender(config, clock, ofComponent(setting.log, 'webhook'));
  const guarded = byScheme(webhookSender(config, clock), mail);
  const sender = overrides.sender?.(guarded) ?? guarded;
  const rates = new SubmitRates(() => clock.monotonic());
  const hooks = createHooks({
    ...{
      operations: files.operations,
      secrets: files.secrets,
      conditions,
      clock,
      log: ofComponent(setting.log, 'hook'),
    },
    takeRate: (operation, perS) => rates.take(operation, perS),
  });
  const storedOperations = new StoredOperations({
    ...{ store: usedStore, commit, live: files.operations, clock, log: setting.log },
    tell: () => growth.operationsChanged(),
  });
  return {
    ...{
      hooks,
      conditions,
      storedOperations,
      store: usedStore,
      journal,
      growth,
      commands,
      runner,
      requests,
      rules,
      commit,
      notifier,
      sender,
    },
    webhookProblems: (asked: AskedWebhook, userId: string) =>
      webhookProblems(asked, userId, { sender, notifier }),
    tracing,
    ...{ ...files, ...access, files: live },
  };
}

async function commandRunner(
  { config, runtime, overrides, clock, systemClock, places, ...setting }: Setting,
  valueFiles: () => readonly string[],
): Promise<CommandRunner> {
  const log = ofComponent(setting.log, 'runner');
  const host = overrides.host ?? (await chooseHost(config, runtime.execPath, log));
  return new CommandRunner({
    hostCommand: host.command,
    openFiles: openFilesOf(config, runtime, host.isNative),
    user: { name: runtime.user ?? 'root', isRoot: runtime.uid === 0 },
    ...isolationOf(config, host.isNative, places, valueFiles),
    workDir: places.work,
    scratchRoot: scratchRoot(places.data),
    journalPath: (name) => journalPath(places.log, name),
    clock,
    hostClock: overrides.hostClock ?? systemClock,
    hostSilenceMs: config.EXECUTION_RUNNER_SILENCE_SECS * 1000,
    proxy: sandboxProxy(config, clock),
    log,
  });
}

function operatorFiles({ config, runtime, places }: Setting, checks: Checks) {
  const hasCredits = config.EXECUTION_CREDITS_FILE !== undefined;
  return {
    secrets: liveSecrets({
      path: config.EXECUTION_SECRETS_FILE ?? null,
      env: runtime.env ?? {},
      isRedacting: config.EXECUTION_REDACT_SECRETS,
    }),
    roots: liveRoots({
      path: config.EXECUTION_ROOTS_FILE ?? null,
      closed: () => hiddenPlaces(config, places, []),
    }),
    prices: liveCredits(config.EXECUTION_CREDITS_FILE ?? null),
    operations: liveOperations(config.EXECUTION_OPERATIONS_FILE ?? null, limitsOf(config), {
      ...{ hasCredits, ...checks },
    }),
    hasCredits,
  };
}

function accessOf({ config, log, clock }: Setting, store: Store, commit: Commit) {
  const keys = new KeyRing({ store, commit, clock, log: ofComponent(log, 'access') });
  const tokens =
    config.EXECUTION_OIDC_ISSUER === undefined ? null : tokenReader(providerOf(config, clock, log));
  const authentication = new Authentication({ keys, tokens, clock });
  return { keys, authentication, needsKey: () => keys.isInUse || tokens !== null };
}
