// What a dry run says: accepted or why not, and what would apply.
import type { DryRun } from '../../../src/client/types.ts';
import { Facts } from '../ui/facts.tsx';
import { bytes, duration, plural, whole } from '../words/format.ts';
import type { Trial } from './use-dry-run.ts';

const BEGINS: Record<NonNullable<DryRun['begins']>, string> = {
  hit: 'with a result of the cache',
  joined: 'together with one that runs already',
  running: 'at once',
  queued: 'in the queue',
  scheduled: 'when its start time comes',
  refused_by_circuit: 'and fail at once: its circuit is open',
};

export function TrialPanel({ trial, error }: { trial: Trial | undefined; error: Error | null }) {
  if (error !== null) return <p className="problem">{error.message}</p>;
  if (trial === undefined) return <p className="hint">Checking …</p>;
  const { isAccepted, problems, detail, dryRun, plan } = trial;
  return (
    <div className="trial" role="status">
      <p className={isAccepted ? 'verdict tone-completed' : 'verdict tone-failed'}>
        {isAccepted ? verdict(trial) : problems.length === 0 ? detail : plural(problems.length, 'problem')}
      </p>
      {problems.length > 0 && (
        <ul className="problems">
          {problems.map(({ field, message }) => (
            <li key={field + message}>
              <code>{field === '' ? '/' : field}</code> {message}
            </li>
          ))}
        </ul>
      )}
      {plan?.levels != null && (
        <ol className="levels">
          {plan.levels.map((names, i) => (
            <li key={names.join()}>
              <strong>{i + 1}</strong> {names.join(', ')}
            </li>
          ))}
        </ol>
      )}
      {dryRun?.policy != null && <Applied dryRun={dryRun} />}
    </div>
  );
}

function verdict({ dryRun }: Trial): string {
  const begins = dryRun?.begins ?? null;
  return begins === null ? 'It would be accepted.' : `It would be accepted, and begin ${BEGINS[begins]}.`;
}

function Applied({ dryRun: { policy, cost, cache } }: { dryRun: DryRun }) {
  if (policy === null) return null;
  const { timeouts, limits, stop, retry, output, concurrency } = policy;
  return (
    <>
      <h2 className="label">Limits and cost</h2>
      <Facts
        rows={[
          [
            'Cost',
            cost === null ? 'free' : `at most ${whole(cost.reserved)} of ${whole(cost.available)} credits`,
          ],
          ['Attempt', duration(timeouts.attempt_ms)],
          ['Idle', timeouts.idle_ms === null ? 'no limit' : duration(timeouts.idle_ms)],
          ['Memory', limits.memory_bytes === null ? 'no limit' : bytes(limits.memory_bytes)],
          ['Stop', stop === null ? '–' : `${stop.signal}, SIGKILL after ${duration(stop.grace_ms)}`],
          ['Attempts', whole(retry?.attempts ?? 1)],
          ['Log', `${bytes(output.max_bytes)}, then ${output.oversized}`],
          ['Together', concurrency === null ? 'no limit' : `${concurrency.limit} with ${concurrency.key}`],
          ['Cache', cache === null ? 'not used' : `${cache.status} (${cache.mode})`],
        ]}
      />
    </>
  );
}
