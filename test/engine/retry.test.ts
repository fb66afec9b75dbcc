import t from 'tap';
import { LOCAL_CALLER } from '../../src/domain/spec/access.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import { judge } from '../../src/domain/outcome.ts';
import type { Spec } from '../../src/domain/spec/spec.ts';
import { fakeClock } from '../helpers/clock.ts';
import { engineWorld, type EngineWorld } from '../helpers/engine-world.ts';
import { heard } from '../helpers/heard.ts';
import { EXIT_0 } from '../helpers/records.ts';
import { tempDir } from '../helpers/temp.ts';

const FAILED = { ...EXIT_0, exitCode: 7 } as Outcome;
const RETRY = { retry: { attempts: 3, jitter: 0 } } satisfies Partial<Spec>;

/** Ends the live attempt, and waits until the execution has moved on. */
async function endAttempt(world: EngineWorld, id: string, outcome: Outcome): Promise<void> {
  const { revision } = await world.get(id);
  world.runner.live[0]?.begin();
  world.runner.live[0]?.end(outcome);
  await heard('the end is stored', async () => (await world.get(id)).revision > revision);
}

async function begun(world: EngineWorld): Promise<void> {
  await heard('an attempt runs', () => world.runner.live.length === 1);
}

t.test('an attempt that fails is made again after a growing wait, and holds no slot meanwhile', async (t) => {
  const world = await engineWorld(t, { slots: 1 });
  const { engine, clock, submit, get } = world;
  const { id } = await submit(RETRY);
  await endAttempt(world, id, FAILED);
  const first = await get(id);
  t.match(first, { status: 'pending', phase: 'scheduled_retry', retryAt: clock.now() + 1000 });
  t.match((await engine.stats()).concurrency.process, { running: 0, available: 1, pending: 0 });
  await clock.advance(999);
  t.equal(world.runner.live.length, 0, 'not earlier');
  await clock.advance(1);
  await begun(world);
  await endAttempt(world, id, FAILED);
  t.match(await get(id), { phase: 'scheduled_retry', retryAt: clock.now() + 2000 });
  await clock.advance(2000);
  await begun(world);
  await endAttempt(world, id, EXIT_0);
  const done = await get(id);
  t.match(done, { status: 'completed', attempts: [{ number: 1 }, { number: 2 }, { number: 3 }] });
  t.same(
    done.attempts.map(({ outcome }) => outcome?.cause),
    ['exited', 'exited', 'exited'],
  );
  const lines = world.log.map(({ message }) => message);
  t.notOk(lines.some((line) => line.startsWith('Retry count exceeded')));
});

t.test('attempts that are used up end as E005, which keeps the last cause and its status', async (t) => {
  const world = await engineWorld(t);
  const { id } = await world.submit({ retry: { attempts: 2, jitter: 0 } });
  await endAttempt(world, id, { ...EXIT_0, exitCode: 1 } as Outcome);
  await world.clock.advance(1000);
  await begun(world);
  await endAttempt(world, id, { cause: 'attempt_timeout', limitMs: 5, process: null });
  const done = await world.get(id);
  if (done.phase !== 'done') throw new Error('it has not ended');
  t.equal(done.status, 'timed_out');
  t.match(done.outcome, { cause: 'attempt_timeout', limitMs: 5, exhausted: { attempts: 2, by: 'attempts' } });
  t.match(judge(done.outcome).error, {
    code: 'E005',
    type: 'retry_exhausted',
    retryable: false,
    message: /5 ms/,
  });
  t.equal(done.attempts.at(-1)?.outcome?.exhausted, undefined, 'the attempt itself used up nothing');
});

t.test('what is not retried ends at once', async (t) => {
  const world = await engineWorld(t);
  const ends: [Partial<Spec>, Outcome][] = [
    [{}, FAILED],
    [{ retry: { attempts: 1 } }, FAILED],
    [RETRY, { cause: 'spawn_failed', reason: 'program_not_found', message: 'no' }],
    [RETRY, { cause: 'total_timeout', limitMs: 1, process: null }],
    [RETRY, { cause: 'output_limit', limitBytes: 1, process: null }],
    [RETRY, { cause: 'resource_limit', limit: 'cpu_s', limitValue: 1, process: null }],
    [RETRY, { cause: 'spawn_failed', reason: 'limit_unavailable', message: 'no' }],
    [{ retry: { attempts: 3, retry_on: { exit_codes: [75] } } }, FAILED],
  ];
  for (const [spec, outcome] of ends) {
    const { id } = await world.submit(spec);
    await endAttempt(world, id, outcome);
    const done = await world.get(id);
    t.match(done, { phase: 'done', outcome: { ...outcome, exhausted: undefined } });
  }
});

t.test('a restart in the middle of a backoff makes the attempt once, at its time', async (t) => {
  const clock = fakeClock();
  const dir = tempDir(t);
  const before = await engineWorld(t, { clock, dir });
  const { id } = await before.submit({ retry: { attempts: 2, jitter: 0, min_ms: 60_000, max_ms: 60_000 } });
  await endAttempt(before, id, FAILED);
  await clock.advance(20_000);
  await before.engine.drain();
  await before.engine.close();
  const world = await engineWorld(t, { clock, dir });
  t.match(await world.get(id), { phase: 'scheduled_retry' });
  await clock.advance(39_999);
  t.equal(world.runner.live.length, 0);
  await clock.advance(1);
  await begun(world);
  t.match(await world.get(id), { attempts: [{ number: 1 }, { number: 2 }] });
  await endAttempt(world, id, EXIT_0);
  await clock.advance(600_000);
  t.match(await world.get(id), { status: 'completed', attempts: { length: 2 } });
});

t.test('a backoff that was over while the server was away ends when it is back', async (t) => {
  const clock = fakeClock();
  const dir = tempDir(t);
  const before = await engineWorld(t, { clock, dir });
  const { id } = await before.submit(RETRY);
  await endAttempt(before, id, FAILED);
  await before.engine.close();
  await clock.advance(3_600_000);
  const world = await engineWorld(t, { clock, dir });
  await clock.advance(0);
  await begun(world);
  t.match(await world.get(id), { attempts: { length: 2 } });
});

t.test('a cancel during the backoff is the end', async (t) => {
  const world = await engineWorld(t);
  const { id } = await world.submit(RETRY);
  await endAttempt(world, id, FAILED);
  await world.engine.cancel(LOCAL_CALLER, id, 'enough');
  t.match(await world.get(id), { status: 'cancelled', outcome: { cause: 'cancelled', reason: 'enough' } });
  await world.clock.advance(60_000);
  t.equal(world.runner.live.length, 0);
});

t.test('who has asked for a cancel gets no further attempt, however the last one ends', async (t) => {
  const world = await engineWorld(t);
  const { id } = await world.submit(RETRY);
  await world.engine.cancel(LOCAL_CALLER, id, null);
  await endAttempt(world, id, FAILED);
  t.match(await world.get(id), { status: 'failed', outcome: { cause: 'exited', exitCode: 7 } });
});

t.test('the total limit ends a backoff', async (t) => {
  const world = await engineWorld(t);
  const { id } = await world.submit({ ...RETRY, timeouts: { total_ms: 500 } });
  await endAttempt(world, id, FAILED);
  await world.clock.advance(500);
  await heard('it has ended', async () => (await world.get(id)).phase === 'done');
  t.match(await world.get(id), { status: 'timed_out', outcome: { cause: 'total_timeout', limitMs: 500 } });
});

t.test('an interrupted attempt is made again only where that is declared to be safe', async (t) => {
  const world = await engineWorld(t);
  const safe = await world.submit({ ...RETRY, retry_safe: true });
  const unsafe = await world.submit(RETRY);
  for (const attempt of [...world.runner.live]) {
    attempt.begin();
    attempt.interrupt(true);
  }
  await heard('both have moved on', async () => {
    const [one, other] = [await world.get(safe.id), await world.get(unsafe.id)];
    return one.phase === 'scheduled_retry' && other.phase === 'done';
  });
  t.match(await world.get(unsafe.id), { status: 'failed', outcome: { cause: 'lost' } });
  await world.clock.advance(1000);
  await begun(world);
  await endAttempt(world, safe.id, EXIT_0);
  t.match(await world.get(safe.id), { status: 'completed', attempts: { length: 2 } });
});

t.test('a server that says when to come again is not asked earlier', async (t) => {
  const world = await engineWorld(t);
  const spec = { kind: 'http', url: 'http://example.com/', ...RETRY } as Spec;
  const { id } = await world.submit(spec);
  const busy = {
    cause: 'http_response',
    status: 429,
    isExpected: false,
    retryAfterMs: 7000,
    resultError: null,
  } as const;
  await endAttempt(world, id, busy);
  t.match(await world.get(id), { phase: 'scheduled_retry', retryAt: world.clock.now() + 7000 });
});

t.test('a retry that cannot be stored is stored later, and is one retry', async (t) => {
  let isBroken = false;
  const world = await engineWorld(t, {
    wrap: (store) =>
      new Proxy(store, {
        get(target, name) {
          const value = Reflect.get(target, name) as unknown;
          if (name === 'commit' && isBroken) return () => Promise.reject(new Error('no space left'));
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      }),
  });
  const { id } = await world.submit(RETRY);
  isBroken = true;
  world.runner.live[0]?.begin();
  world.runner.live[0]?.end(FAILED);
  await heard('it was tried', () => world.clock.hasTimer(100));
  isBroken = false;
  await world.clock.advance(100);
  await heard('it is stored', async () => (await world.get(id)).phase === 'scheduled_retry');
  t.match(await world.get(id), { attempts: { length: 1 } });
});
