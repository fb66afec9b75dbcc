import t from 'tap';
import type { Execution } from '../../../src/domain/execution/execution.ts';
import type { Outcome } from '../../../src/domain/outcome.ts';
import type { Spec } from '../../../src/domain/spec/spec.ts';
import { Policies } from '../../../src/engine/policies/policies.ts';
import { Circuits } from '../../../src/resilience/circuits.ts';
import { LOCAL_CALLER } from '../../../src/domain/spec/access.ts';
import { engineWorld, NO_POLICIES } from '../../helpers/engine-world.ts';
import { heard } from '../../helpers/heard.ts';
import { EXIT_0, newExecution } from '../../helpers/records.ts';

const SETTINGS = {
  trip: { type: 'consecutive', failures: 1 },
  ...{ openMs: 1000, maxOpenMs: 1000, probes: 1, countUserFaults: true },
} as const;

/** Policies whose executions all share one circuit. */
function policies(): Policies {
  const source = {
    circuitOf: () => ({ name: 'shared', settings: SETTINGS }),
    circuits: () => new Map([['shared', SETTINGS]]),
    retryBudgetOf: () => ({ ratio: 0, perSecond: 0, burst: 0 }),
    adaptiveTimeoutOf: () => null,
  };
  return new Policies(source, new Circuits(() => 0), () => 0);
}

const BY_ATTEMPT: Outcome = { cause: 'attempt_timeout', limitMs: 1, process: null };
const BY_IDLE: Outcome = { cause: 'idle_timeout', limitMs: 1, process: null };
const BY_MEMORY: Outcome = { cause: 'resource_limit', limit: 'memory_bytes', limitValue: 1, process: null };
const BY_OUTPUT: Outcome = { cause: 'output_limit', limitBytes: 1, process: null };
const OPERATION = { kind: 'operation', name: 'ask' } as const;
const COMMAND = { kind: 'exec', program: 'true' } as const;

t.test('circuits are as they were after a restart, those that are held open too', async (t) => {
  const trip = { type: 'consecutive', failures: 1 } as const;
  const settings = { trip, openMs: 60_000, maxOpenMs: 60_000, probes: 1, countUserFaults: true };
  const names = ['program:true', 'program:held'];
  const deps = {
    policies: {
      ...NO_POLICIES,
      circuitOf: ({ work }: Pick<Execution, 'work'>) =>
        work.kind === 'exec' ? { name: `program:${work.program}`, settings } : null,
      circuits: () => new Map(names.map((name) => [name, settings])),
    },
  };
  const first = await engineWorld(t, { deps });
  const { id } = await first.submit();
  first.runner.live[0]?.end({ ...EXIT_0, exitCode: 1 } as Outcome);
  await heard('it has failed', async () => (await first.get(id)).phase === 'done');
  await first.engine.changeCircuit('program:held', 'isolate');
  const bad = [
    { name: 'host:a', state: '{"settings":{}}' },
    { name: 'host:b', state: 'null' },
  ];
  await first.store.commit([[{ type: 'circuits', put: bad, drop: [] }]]);
  await first.engine.drain();
  await first.engine.close();
  const { engine, submit } = await engineWorld(t, { deps, dir: first.dir, clock: first.clock });
  t.match(
    new Map(engine.circuits(LOCAL_CALLER).map((one) => [one.name, one])),
    new Map([
      ['program:true', { state: 'open', opened: 1 }],
      ['program:held', { state: 'isolated' }],
    ]),
  );
  t.match(await submit(), { outcome: { cause: 'circuit_open' } });
  t.match(await submit({ program: 'held' }), { outcome: { cause: 'circuit_open' } });
  await engine.changeCircuit('program:held', 'reset');
  t.match(await submit({ program: 'held' }), { phase: 'starting' });
});

t.test(
  'a limit that a request sets itself opens no circuit for others; the limit of the operator does',
  async (t) => {
    const rows: [spec: Spec, outcome: Outcome, isOpened: boolean][] = [
      [OPERATION, BY_ATTEMPT, true],
      [{ ...OPERATION, timeouts: { attempt_ms: 1 } }, BY_ATTEMPT, false],
      [{ ...OPERATION, timeouts: { idle_ms: 1 } }, BY_ATTEMPT, true],
      [{ ...OPERATION, timeouts: { idle_ms: 1 } }, BY_IDLE, false],
      [{ ...COMMAND, timeouts: { attempt_ms: 1 } }, BY_ATTEMPT, false],
      [COMMAND, BY_MEMORY, true],
      [{ ...COMMAND, limits: { memory_bytes: 1_000_000 } }, BY_MEMORY, false],
      [{ ...COMMAND, output: { max_bytes: 1 } }, BY_OUTPUT, false],
    ];
    for (const [spec, outcome, isOpened] of rows) {
      const all = policies();
      const execution = newExecution({ spec }) as unknown as Execution;
      const pass = all.admit({ ...execution, attempts: [] });
      if ('outcome' in pass) throw new Error('refused');
      pass.done(outcome, 1);
      t.equal(all.isOpen(execution), isOpened, JSON.stringify([spec, outcome]));
    }
  },
);
