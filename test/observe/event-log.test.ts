import t from 'tap';
import type { LifecycleEvent } from '../../src/domain/execution/events.ts';
import type { Attempt, Execution } from '../../src/domain/execution/execution.ts';
import { NO_OUTPUT } from '../../src/domain/execution/execution.ts';
import { judge, type Outcome } from '../../src/domain/outcome.ts';
import { eventLog } from '../../src/observe/event-log.ts';
import { EXIT_0, newExecution } from '../helpers/records.ts';

interface Line {
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  facts: Record<string, unknown>;
}

/** The lines that an event leaves. */
function linesOf(event: Partial<LifecycleEvent>, execution: object): Line[] {
  const lines: Line[] = [];
  const writer = (level: Line['level']) => (facts: object, message: string) =>
    void lines.push({ level, message, facts: facts as Line['facts'] });
  const log = {
    ...{ debug: writer('debug'), info: writer('info'), warn: writer('warn'), error: writer('error') },
  };
  const whole = { ...newExecution(), attempts: [], createdAt: 0, queuedAt: 0, ...execution };
  eventLog(log)(
    {
      position: 1,
      executionId: whole.id,
      sequence: 1,
      at: 5000,
      attempt: 1,
      step: null,
      phase: 'done',
      ...event,
    } as LifecycleEvent,
    whole as unknown as Execution,
  );
  return lines;
}

const attempt = (outcome: Outcome): Attempt => ({
  ...{ number: 1, epoch: 1, claimedAt: 0, startedAt: 0, endedAt: 1000, runner: 'node', outcome },
  ...{ output: NO_OUTPUT, resources: null, logComplete: true },
});

/** The end of an execution by an outcome. */
function endOf(outcome: Outcome, more: object = {}): Line[] {
  const { status } = judge(outcome);
  const end = {
    status,
    phase: 'done',
    outcome,
    result: null,
    finishedAt: 4000,
    attempts: [attempt(outcome)],
  };
  return linesOf({ type: status }, { ...end, ...more });
}

const { process } = EXIT_0 as Extract<Outcome, { cause: 'exited' }>;
const FAILED: Outcome = {
  cause: 'exited',
  exitCode: 3,
  process: { ...process, exitCode: 3 },
  resultError: null,
};
const LATE = { cause: 'attempt_timeout', limitMs: 1000, process: null } as unknown as Outcome;
const REFUSED = { cause: 'circuit_open', circuit: 'api' } as unknown as Outcome;
const CACHE = { key: 'k', scope: 'user', status: 'hit', ttlMs: 1000, madeBy: null };
const STEP = { plan: { id: 'p', step: 'build' }, taskId: 't1' };

const TABLE: [what: string, lines: Line[], expected: object[]][] = [
  [
    'an acceptance',
    linesOf({ type: 'accepted', phase: 'queued' }, {}),
    [{ level: 'debug', component: 'execution', message: 'Execution accepted: exec' }],
  ],
  [
    'a start',
    linesOf({ type: 'started', phase: 'starting' }, {}),
    [{ level: 'debug', component: 'execution', message: 'Execution started: exec' }],
  ],
  [
    'a miss of the cache',
    linesOf({ type: 'accepted', phase: 'queued' }, { cache: { ...CACHE, status: 'miss' } }),
    [
      { level: 'debug', component: 'cache', message: 'Cache miss: exec', cache_key: 'k' },
      { component: 'execution' },
    ],
  ],
  [
    'a success',
    endOf(EXIT_0),
    [
      {
        level: 'info',
        component: 'execution',
        message: 'Execution completed: exec',
        exit_code: 0,
        duration_ms: 4000,
      },
    ],
  ],
  [
    'the failure of a step',
    endOf(FAILED, STEP),
    [
      {
        level: 'info',
        component: 'execution',
        message: 'Execution failed: build',
        exit_code: 3,
        task_id: 't1',
        plan_id: 'p',
        step: 'build',
        error_code: 'E003',
      },
    ],
  ],
  [
    'a timeout',
    endOf(LATE),
    [
      {
        component: 'timeout',
        message: 'Execution timed_out: exec',
        limit_ms: 1000,
        cause: 'attempt_timeout',
      },
    ],
  ],
  ['an open circuit', endOf(REFUSED), [{ component: 'circuit', circuit: 'api' }]],
  [
    'a retry',
    linesOf(
      { type: 'retry_scheduled', phase: 'scheduled_retry' },
      {
        status: 'pending',
        phase: 'scheduled_retry',
        retryAt: 7000,
        retry: { attempts: 3 },
        attempts: [attempt(FAILED)],
      },
    ),
    [{ level: 'warn', component: 'retry', message: /^Retry 1\/3 for exec after 2s: /, wait_ms: 2000 }],
  ],
  [
    'the last of all retries',
    endOf({ ...FAILED, exhausted: { attempts: 3, by: 'attempts' } }),
    [
      { level: 'warn', component: 'retry', message: 'Retry count exceeded: exec', attempts: 3 },
      { component: 'execution' },
    ],
  ],
  [
    'a plan',
    linesOf({ type: 'started', phase: 'starting' }, { spec: { kind: 'plan', steps: [] } }),
    [{ level: 'debug', component: 'plan', message: 'Execution started: plan' }],
  ],
];

t.test(
  'each event leaves lines that name their component, their execution, and the facts of an end',
  async (t) => {
    for (const [what, lines, expected] of TABLE) {
      const flat = lines.map(({ level, message, facts }) => ({ ...facts, level, message }));
      t.equal(flat.length, expected.length, what);
      t.match(flat, expected, what);
      for (const one of flat) t.match(one, { execution_id: String, trace_id: String, user_id: 'ann' }, what);
    }
  },
);
