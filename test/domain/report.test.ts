import t from 'tap';
import { type EndFacts, reportOf, spreadOf } from '../../src/domain/execution/report.ts';
import { EXIT_0 } from '../helpers/records.ts';

const end = (more: Partial<EndFacts> = {}): EndFacts => ({
  ...{
    type: 'exec',
    status: 'completed',
    outcome: EXIT_0,
    createdAt: 0,
    claimedAt: 10,
    startedAt: 20,
    endedAt: 120,
  },
  ...{ attempts: 1, told: [], ...more },
});
const timeout: Partial<EndFacts> = {
  status: 'timed_out',
  outcome: { cause: 'attempt_timeout', limitMs: 5, process: null },
  attempts: 3,
};
const cancelled: Partial<EndFacts> = {
  ...{ status: 'cancelled', outcome: { cause: 'cancelled', reason: null, process: null } },
  ...{ claimedAt: null, startedAt: null, endedAt: null, attempts: 0 },
};

t.test('a report counts each operation by status, cause and duration', async (t) => {
  const ends = [
    end(),
    end({ endedAt: 320, told: ['late_start', 'late'] }),
    end(timeout),
    end(cancelled),
    end({ type: 'resize', ...cancelled }),
  ];
  t.match(reportOf(ends), [
    {
      ...{ type: 'exec', count: 4, successRatio: 2 / 3, retries: 2, late: 1, stuck: 0 },
      byStatus: { completed: 2, failed: 0, cancelled: 1, timed_out: 1 },
      wait: { average: 10, min: 10, max: 10 },
      run: { average: 167, min: 100, max: 300, p50: 100, p95: 300, p99: 300 },
      errors: [
        { code: 'E002', cause: 'attempt_timeout', count: 1 },
        { code: 'E004', cause: 'cancelled', count: 1 },
      ],
    },
    { type: 'resize', count: 1, successRatio: null, wait: null, run: null },
  ]);
  t.same(reportOf([]), []);
});

t.test('quantiles are values that were measured', async (t) => {
  t.equal(spreadOf([]), null);
  t.same(spreadOf([7]), { average: 7, min: 7, max: 7, p50: 7, p95: 7, p99: 7 });
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  t.same(spreadOf(values), { average: 51, min: 1, max: 100, p50: 50, p95: 95, p99: 99 });
});
