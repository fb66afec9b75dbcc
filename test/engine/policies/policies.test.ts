import t from 'tap';
import type { Execution } from '../../../src/domain/execution/execution.ts';
import type { Outcome } from '../../../src/domain/outcome.ts';
import type { Spec } from '../../../src/domain/spec/spec.ts';
import { Policies } from '../../../src/engine/policies/policies.ts';
import { newExecution } from '../../helpers/records.ts';

const SETTINGS = {
  trip: { type: 'consecutive', failures: 1 },
  ...{ openMs: 1000, probes: 1, countUserFaults: true },
} as const;

/** Policies whose executions all share one circuit. */
function policies(): Policies {
  const source = {
    circuitOf: () => ({ name: 'shared', settings: SETTINGS }),
    circuitNames: () => ['shared'],
    retryBudgetOf: () => ({ ratio: 0, perSecond: 0, burst: 0 }),
    adaptiveTimeoutOf: () => null,
  };
  return new Policies(source, () => 0);
}

const BY_ATTEMPT: Outcome = { cause: 'attempt_timeout', limitMs: 1, process: null };
const BY_IDLE: Outcome = { cause: 'idle_timeout', limitMs: 1, process: null };
const BY_MEMORY: Outcome = { cause: 'resource_limit', limit: 'memory_bytes', limitValue: 1, process: null };
const BY_OUTPUT: Outcome = { cause: 'output_limit', limitBytes: 1, process: null };
const OPERATION = { kind: 'operation', name: 'ask' } as const;
const COMMAND = { kind: 'exec', program: 'true' } as const;

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
