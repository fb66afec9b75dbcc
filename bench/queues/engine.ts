// The engine on a store, with a runner whose commands take no time.
import { createClock } from '../../src/app/clock.ts';
import { NO_OUTPUT } from '../../src/domain/execution/execution.ts';
import type { AttemptListener, AttemptReport, RunningAttempt } from '../../src/domain/ports/runner.ts';
import { LOCAL_CALLER } from '../../src/domain/spec/access.ts';
import type { Spec } from '../../src/domain/spec/spec.ts';
import type { EngineDeps } from '../../src/engine/engine.ts';
import type { FakeClock } from '../../test/helpers/clock.ts';
import { engineWorld } from '../../test/helpers/engine-world.ts';
import { fakeRunner } from '../../test/helpers/fake-runner.ts';
import { EXIT_0 } from '../../test/helpers/records.ts';

/** Something that takes in jobs durably and runs them. */
export interface Queue {
  name: string;
  /** Accepts a job; resolves when its end is stored. */
  run(): Promise<void>;
  /** The process that keeps it, and how many bytes that has written; null: this process, and nobody knows. */
  disk: Disk;
  stop(): Promise<void>;
}

export interface Disk {
  pid: number | null;
  wal: (() => Promise<number>) | null;
}

export interface EngineAbout extends Pick<EngineDeps, 'store'> {
  name: string;
  dir: string;
  clock: ReturnType<typeof createClock>;
  slots: number;
  replica?: { name: string; leaseMs: number };
  disk: Disk;
}

const TRUE = { kind: 'exec', program: 'true' } as Spec;

export async function engineOf({
  store,
  name,
  dir,
  clock,
  slots,
  replica,
  disk,
}: EngineAbout): Promise<Queue> {
  const undo: (() => unknown)[] = [];
  const t = { teardown: (one: () => unknown) => void undo.unshift(one) };
  const { engine } = await engineWorld(t as Parameters<typeof engineWorld>[0], {
    ...{ beside: { store, dir, clock: clock as FakeClock }, slots, maxQueued: 100_000 },
    deps: {
      runner: { ...fakeRunner(), run: (_, listener) => atOnce(listener, clock.now()) },
      ...(replica === undefined ? {} : { replica: { ...replica, about: ABOUT } }),
    },
  });
  const waiting = new Map<string, () => void>();
  engine.listen((event) => {
    if (event.phase !== 'done') return;
    waiting.get(event.executionId)?.();
    waiting.delete(event.executionId);
  });
  return {
    ...{ name, disk },
    async run() {
      const asked = { spec: TRUE, trace: null, idempotency: null, rerunOf: null };
      const { execution } = await engine.submit(LOCAL_CALLER, asked);
      await new Promise<void>((resolve) => waiting.set(execution.id, resolve));
    },
    async stop() {
      for (const one of undo) await one();
      await store.close();
    },
  };
}

const ABOUT = {
  role: 'all',
  host: 'bench',
  version: '0',
  slots: { process: 1, http: 1 },
  pools: ['default'],
  versions: { policy: null, operations: null },
} as const;

function atOnce(listener: AttemptListener, now: number): RunningAttempt {
  listener.started(1, now);
  const end = { startedAt: now, endedAt: now, output: NO_OUTPUT, resources: null, logComplete: true };
  const report: AttemptReport = {
    ...{ type: 'ended', outcome: EXIT_0, end, tails: { stdout: '', stderr: '' }, response: null },
  };
  return { ended: Promise.resolve(report), stop: () => undefined, extend: () => Promise.resolve(true) };
}
