import t from 'tap';
import { warningsOf } from '../../src/domain/execution/warnings.ts';
import { CATALOGUE, classOf, ERROR_CODES } from '../../src/domain/errors.ts';
import {
  CODE_OF_CAUSE,
  judge,
  LOST_DETAILS,
  type Outcome,
  type ProcessEnd,
  SPAWN_FAILURES,
} from '../../src/domain/outcome.ts';

const process: ProcessEnd = {
  exitCode: 0,
  signal: 'SIGTERM',
  forced: false,
  signals: [],
  processesFound: 0,
  leftoverProcesses: 0,
  outputLost: false,
  survivors: 0,
};

interface Row {
  outcome: Outcome;
  status: string;
  code: string | null;
  class: string | null;
  fault: string | null;
  type: string | null;
}

const row = (
  outcome: Outcome,
  status: string,
  code: string,
  kind: string,
  fault: string,
  type: string,
): Row => {
  return { outcome, status, code, class: kind, fault, type };
};

const ROWS: Row[] = [
  {
    outcome: { cause: 'exited', exitCode: 0, process, resultError: null },
    status: 'completed',
    code: null,
    class: null,
    fault: null,
    type: null,
  },
  row(
    { cause: 'exited', exitCode: 3, process, resultError: null },
    'failed',
    'E003',
    'execution',
    'user',
    'exit_code',
  ),
  row(
    { cause: 'exited', exitCode: 0, process, resultError: 'output_not_json' },
    ...(['failed', 'E003', 'execution', 'user', 'output_not_json'] as const),
  ),
  row({ cause: 'signalled', signal: 'SIGSEGV', process }, 'failed', 'E003', 'execution', 'user', 'signal'),
  row(
    { cause: 'imported', endedAs: 'timed_out', code: null, message: 'late', errorMessage: null },
    ...(['timed_out', 'E002', 'timeout', 'user', 'imported'] as const),
  ),
  row(
    { cause: 'imported', endedAs: 'failed', code: 'E006', message: null, errorMessage: 'no table' },
    ...(['failed', 'E006', 'system', 'user', 'imported'] as const),
  ),
  row({ cause: 'queue_timeout', limitMs: 5 }, 'timed_out', 'E002', 'timeout', 'system', 'queue_timeout'),
  row(
    { cause: 'attempt_timeout', limitMs: 5, process },
    'timed_out',
    'E002',
    'timeout',
    'user',
    'attempt_timeout',
  ),
  row(
    { cause: 'total_timeout', limitMs: 5, process },
    'timed_out',
    'E002',
    'timeout',
    'user',
    'total_timeout',
  ),
  row({ cause: 'idle_timeout', limitMs: 5, process }, 'timed_out', 'E002', 'timeout', 'user', 'idle_timeout'),
  row(
    { cause: 'output_limit', limitBytes: 5, process },
    'failed',
    'E003',
    'execution',
    'user',
    'output_limit',
  ),
  row(
    { cause: 'resource_limit', limit: 'memory_bytes', limitValue: 5, process },
    'failed',
    'E003',
    'execution',
    'user',
    'resource_limit',
  ),
  row(
    { cause: 'cancelled', reason: null, process: null },
    'cancelled',
    'E004',
    'system',
    'user',
    'cancelled',
  ),
  row(
    { cause: 'internal', message: 'x', process: null },
    'failed',
    'E003',
    'execution',
    'system',
    'internal',
  ),
];

for (const { outcome, status, code, class: kind, fault, type } of ROWS) {
  t.test(`an outcome of cause ${outcome.cause} (${type ?? 'success'}) means ${status}`, async (t) => {
    const verdict = judge(outcome);
    t.equal(verdict.status, status);
    t.equal(verdict.error?.code ?? null, code);
    t.equal(verdict.error?.type ?? null, type);
    t.equal(verdict.error?.fault ?? null, fault);
    t.equal(verdict.error === null ? null : classOf(verdict.error.code), kind);
    if (code !== null && code !== 'E005' && outcome.cause !== 'imported')
      t.equal(CODE_OF_CAUSE[outcome.cause], code);
    t.equal(
      verdict.error === null,
      status === 'completed',
      'an error stands exactly beside an unsuccessful end',
    );
  });
}

t.test('a command that exits with 0 on the signal of its timeout has still timed out', async (t) => {
  t.equal(
    judge({ cause: 'attempt_timeout', limitMs: 1, process: { ...process, exitCode: 0 } }).status,
    'timed_out',
  );
});

t.test('each way to fail before the start has its own error', async (t) => {
  for (const reason of SPAWN_FAILURES) {
    const { error } = judge({ cause: 'spawn_failed', reason, message: 'why' });
    t.equal(error?.type, reason);
    t.equal(error?.message, 'why');
  }
});

t.test('a lost attempt is a failure of the system, whatever interrupted it', async (t) => {
  for (const detail of LOST_DETAILS) {
    const { status, error } = judge({ cause: 'lost', detail });
    t.equal(status, 'failed');
    t.equal(error?.fault, 'system');
    t.equal(error?.retryable, false, 'nobody knows how far it came');
  }
});

t.test('every code of the catalogue is one of the seven, and has a class', async (t) => {
  for (const { code } of Object.values(CATALOGUE)) {
    t.ok(code in ERROR_CODES);
    t.type(classOf(code), 'string');
  }
});

t.test('the code of a refusal tells whether to change the request or to send it again later', async (t) => {
  for (const [type, { status, code, retryable }] of Object.entries(CATALOGUE))
    if (status !== null) t.equal(retryable, code !== 'E001', type);
  t.not(CATALOGUE.queue_full.code, CATALOGUE.validation.code);
});

t.test('what the status does not show is a warning', async (t) => {
  const signals = [
    { signal: 'SIGTERM', at: 1 },
    { signal: 'SIGKILL', at: 2 },
  ];
  const rows: [Partial<ProcessEnd>, string[]][] = [
    [{}, []],
    [{ leftoverProcesses: 1, signals }, []],
    [
      { outputLost: true, leftoverProcesses: 2, signals },
      [
        'The command left 2 processes behind that held its output. execd ended them with SIGTERM and SIGKILL. The end of the output may be missing.',
      ],
    ],
    [
      { outputLost: true, processesFound: 3, forced: true, signals },
      ['execd killed a process that still held the output. The end of the output may be missing.'],
    ],
    [
      { outputLost: true, survivors: 1 },
      [
        'A process that execd could not find held the output. The end of the output may be missing.',
        'execd could not prove that 1 process of this execution ended.',
      ],
    ],
  ];
  for (const [more, expected] of rows) {
    const outcome: Outcome = {
      cause: 'exited',
      exitCode: 0,
      process: { ...process, ...more },
      resultError: null,
    };
    t.same(
      warningsOf(outcome).map(({ message }) => message),
      expected,
    );
  }
  t.same(warningsOf(null), []);
  t.same(warningsOf({ cause: 'cancelled', reason: null, process: null }), []);
});
