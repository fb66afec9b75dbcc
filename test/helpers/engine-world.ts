// An engine with a real store and logs, a clock and a runner that the test moves.
import type { Test } from 'tap';
import { FileBlobs } from '../../src/blobs/file-blobs.ts';
import { FilePrivateFiles } from '../../src/blobs/private-files.ts';
import { LOCAL_CALLER } from '../../src/domain/spec/access.ts';
import { accessRules, NO_QUOTAS } from '../../src/domain/access/access-rules.ts';
import type { Execution } from '../../src/domain/execution/execution.ts';
import { createIdGenerator, createTraceIds } from '../../src/domain/ids.ts';
import type { Store } from '../../src/domain/ports/store.ts';
import type { Journal } from '../../src/domain/ports/journal.ts';
import type { Log } from '../../src/domain/ports/clock.ts';
import { NO_OPERATIONS } from '../../src/domain/operations/operation.ts';
import { NO_ROOTS } from '../../src/domain/spec/sandbox.ts';
import { NO_SECRETS } from '../../src/domain/spec/secrets.ts';
import type { Spec } from '../../src/domain/spec/spec.ts';
import { cronProblem, timesOf } from '../../src/expressions/cron.ts';
import { planParts } from '../../src/expressions/plan-parts.ts';
import { resolveSpec } from '../../src/engine/policies/operations.ts';
import { Engine, type EngineDeps } from '../../src/engine/engine.ts';
import { Circuits } from '../../src/resilience/circuits.ts';
import type { PolicySource } from '../../src/engine/policies/policies.ts';
import { FileJournal } from '../../src/journal/reader.ts';
import { SqliteStore } from '../../src/store/sqlite/store.ts';
import { type FakeClock, fakeClock } from './clock.ts';
import { evaluateHere } from './conditions.ts';
import { fakeRequests, type FakeRunner, fakeRunner } from './fake-runner.ts';
import { tell, telling, tellOf } from './heard.ts';
import { tempDir } from './temp.ts';

export const NO_POLICIES: PolicySource = {
  circuitOf: () => null,
  circuits: () => new Map(),
  retryBudgetOf: () => ({ ratio: 0.2, perSecond: 1, burst: 10 }),
  adaptiveTimeoutOf: () => null,
};

export interface EngineWorld {
  engine: Engine;
  store: Store;
  runner: FakeRunner;
  clock: FakeClock;
  journal: Journal;
  dir: string;
  log: { level: string; message: string; facts: Record<string, unknown> }[];
  submit(spec?: Partial<Spec>): Promise<Execution>;
  get(id: string): Promise<Execution>;
}

export interface WorldOptions {
  slots?: number;
  maxQueued?: number;
  hasCache?: boolean;
  maxLiveBytes?: number;
  maxStepBytes?: number;
  dir?: string;
  clock?: FakeClock;
  /** False: it is started, and left for the test to open. */
  isOpen?: boolean;
  /** A store that others are on, too; the test closes it. */
  beside?: { store: Store; dir: string; clock: FakeClock };
  /** Puts something between the engine and the store. */
  wrap?: (store: Store) => Store;
  deps?: Partial<EngineDeps>;
}

/** A store that others close. */
const besides = (store: Store): Store =>
  new Proxy(store, {
    get(target, name) {
      if (name === 'close') return () => Promise.resolve();
      const value = Reflect.get(target, name) as unknown;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });

export async function engineWorld(t: Test, options: WorldOptions = {}): Promise<EngineWorld> {
  const { beside } = options;
  const dir = options.dir ?? beside?.dir ?? tempDir(t);
  const clock = options.clock ?? beside?.clock ?? fakeClock();
  const runner = fakeRunner();
  const lines: EngineWorld['log'] = [];
  const write = (level: string) => (facts: object, message: string) => {
    lines.push({ level, message, facts: facts as Record<string, unknown> });
    tell();
  };
  const log: Log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  const real =
    beside === undefined
      ? new SqliteStore({
          ...{ dir, now: () => clock.now(), maxInMemory: 100, owner: '', maxDeliveries: 1000 },
        })
      : besides(beside.store);
  const store = telling(options.wrap?.(real) ?? real);
  const journal = new FileJournal(`${dir}/logs`);
  const traces = createTraceIds();
  const engine = new Engine({
    store,
    runner,
    requests: fakeRequests(runner),
    journal,
    clock,
    log,
    random: () => 0,
    resolve: (spec) => resolveSpec(NO_OPERATIONS, spec),
    planOf: () => null,
    files: filesIn(dir),
    secrets: NO_SECRETS,
    webhookProblems: () => [],
    roots: NO_ROOTS,
    isRevoked: () => false,
    rules: () => accessRules(null, NO_QUOTAS),
    cache: { maxEntries: 100, maxBytes: 10_000_000, isPersistent: false, cleanupIntervalMs: 300_000 },
    policies: NO_POLICIES,
    circuits: new Circuits(() => clock.monotonic()),
    newId: createIdGenerator(() => clock.now()),
    newTrace: () => ({ traceId: traces.traceId(), parentId: traces.spanId(), flags: '01' }),
    attemptSpan: () => traces.spanId(),
    policy: {
      attemptMs: 300_000,
      graceMs: 5000,
      maxOutputBytes: 1000,
      oversized: 'truncate',
      spoolMaxBytes: 5000,
      resultBytes: 65_536,
      limits: {},
      onLimit: 'queue',
      pools: ['default'],
      slots: { process: options.slots ?? 2, http: 2 },
      retry: { attempts: 3, multiplier: 1 },
      network: false,
      hasCache: options.hasCache ?? true,
      cacheEntryBytes: 2_500_000,
      cacheTtlMs: 3_600_000,
      maxQueued: options.maxQueued ?? 1000,
      maxKept: { storeBytes: 1e9, logBytes: 1e9, logs: 1e9 },
    },
    times: { timesOf, cronProblem },
    onScheduleRun: () => undefined,
    onSilence: () => undefined,
    credits: null,
    chargeWorkers: 2,
    plans: {
      ...planParts({ maxAttemptMs: 3_600_000, maxOutputBytes: 1000, spoolMaxBytes: 5000 }, evaluateHere),
      maxLiveBytes: options.maxLiveBytes ?? 100_000_000,
      maxStepBytes: options.maxStepBytes ?? 64 * 1024 * 1024,
    },
    syncIntervalMs: 5000,
    drainMs: 30_000,
    cleanupIntervalMs: null,
    disks: [],
    retentionMs: 3_600_000,
    failedRetentionMs: 3_600_000,
    logRetentionMs: null,
    maxRetained: 1000,
    maxDataBytes: 1e12,
    toCommand: () => ({
      program: 'true',
      programField: 'program',
      args: [],
      env: [],
      cwd: null,
      privateDir: '/nowhere',
      script: null,
      scriptFile: null,
      scalars: {},
      root: null,
      stdin: null,
      tty: null,
    }),
    ...options.deps,
  });
  t.teardown(() => engine.close());
  tellOf(engine);
  await engine.start();
  if (options.isOpen !== false) engine.open();
  return {
    engine,
    store,
    runner,
    clock,
    journal,
    dir,
    log: lines,
    async submit(spec = {}) {
      const whole = { kind: 'exec', program: 'true', ...spec } as Spec;
      const { execution } = await engine.submit(LOCAL_CALLER, {
        spec: whole,
        trace: null,
        idempotency: null,
        rerunOf: null,
      });
      return execution;
    },
    async get(id) {
      return (await engine.get(LOCAL_CALLER, id)).execution;
    },
  };
}

function filesIn(dir: string) {
  const blobs = new FileBlobs(`${dir}/files`);
  const bounds = { userBytes: 1e9, allBytes: 1e9, artifacts: 100, artifactBytes: 1e9 };
  const privateFiles = new FilePrivateFiles({ blobs, isOfCommands: null });
  return { blobs, privateFiles, fileBounds: () => bounds, uploadTtlMs: 3_600_000 };
}
