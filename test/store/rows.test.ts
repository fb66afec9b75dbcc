import t from 'tap';
import { toAttempt } from '../../src/store/rows.ts';

t.test('an end that an earlier version has stored knows nothing of signals and lost output', async (t) => {
  const process = { exitCode: null, signal: 'SIGTERM', forced: false, leftoverProcesses: 2, survivors: 0 };
  const read = (outcome: object) =>
    toAttempt({
      ...{ run_id: 'x', number: 1, epoch: 1, claimed_at: 1, runner: 'node', started_at: 1, ended_at: 2 },
      ...{ outcome: JSON.stringify(outcome), output: null, resources: null, log_complete: 1 },
    }).outcome;
  const cancelled = { cause: 'cancelled', reason: null };
  t.same(read({ ...cancelled, process }), {
    ...cancelled,
    process: { ...process, signals: [], processesFound: 0, outputLost: false },
  });
  t.same(read({ ...cancelled, process: null }), { ...cancelled, process: null });
  const proof = { signals: [{ signal: 'SIGTERM', at: 5 }], processesFound: 3 };
  t.same(read({ ...cancelled, process: { ...process, ...proof } }), {
    ...cancelled,
    process: { ...process, ...proof, outputLost: false },
  });
});
