// What the attempts used, side by side.
import type { Execution } from '../../../src/client/types.ts';
import { Facts } from '../ui/facts.tsx';
import { Meter } from '../ui/meter.tsx';
import { StatusWord } from '../ui/status-word.tsx';
import { bytes, duration, fullTime } from '../words/format.ts';
import { networkRows } from './network-facts.tsx';

/** While it runs: what it says, when it will probably end, and what it uses now. */
function Progress({ progress }: Pick<Execution, 'progress'>) {
  if (progress === null) return null;
  const { percent, message, metrics, estimated_end: end, bad_lines: bad } = progress;
  const { cpu_ms: cpu, memory_bytes: memory } = progress;
  return (
    <section>
      <h2 className="label">Progress</h2>
      <Facts
        rows={[
          ...(percent === null
            ? []
            : [
                [
                  'Done',
                  <>
                    {percent} % <Meter part={percent / 100} />
                  </>,
                ] as const,
              ]),
          ...(message === null ? [] : [['Message', message] as const]),
          ...Object.entries(metrics).map(([name, value]) => [name, String(value)] as const),
          ['Probable end', end === null ? 'not known' : fullTime(end)],
          ['CPU time now', cpu === null ? 'not known here' : duration(cpu)],
          ['Memory now', memory === null ? 'not known here' : bytes(memory)],
          ...(bad === 0 ? [] : [['Bad lines', String(bad)] as const]),
        ]}
      />
    </section>
  );
}

export function ResourcesTab({ execution }: { execution: Execution }) {
  const { attempts, output, limits } = execution;
  const most = Math.max(
    1,
    limits.memory_bytes ?? 0,
    ...attempts.map(({ resources }) => resources?.max_rss_bytes ?? 0),
  );
  return (
    <>
      <Progress progress={execution.progress} />
      {attempts.length === 0 && <p className="hint">It has not begun.</p>}
      {[...attempts]
        .reverse()
        .map(({ number, started_at: from, ended_at: to, resources, outcome, runner }) => {
          const ms = from === null || to === null ? null : Date.parse(to) - Date.parse(from);
          const { cpu_ms: cpu = null, max_rss_bytes: memory = null } = resources ?? {};
          return (
            <section key={number} className="attempt">
              <h2 className="label">
                Attempt {number} <StatusWord outcome={outcome} />
              </h2>
              <Facts
                rows={[
                  ['Time', ms === null ? (to === null ? 'runs' : '–') : duration(ms)],
                  [
                    'CPU time',
                    cpu === null
                      ? '–'
                      : `${duration(cpu)}${ms === null || ms === 0 ? '' : `, ${Math.round((cpu / ms) * 100)} % of a core`}`,
                  ],
                  [
                    'Peak memory',
                    memory === null ? (
                      '–'
                    ) : (
                      <>
                        {bytes(memory)} <Meter part={memory / most} />
                      </>
                    ),
                  ],
                  ['Runner', runner],
                  ...(outcome?.network === undefined ? [] : networkRows(outcome.network)),
                ]}
              />
            </section>
          );
        })}
      <h2 className="label">Output</h2>
      <Facts
        rows={[
          ['stdout', bytes(output.stdout_bytes)],
          ['stderr', bytes(output.stderr_bytes)],
          ['Kept', bytes(output.stdout_kept_bytes + output.stderr_kept_bytes)],
          ['Most kept', bytes(output.max_bytes)],
          ['Left out', output.truncated ? 'yes' : 'nothing'],
        ]}
      />
    </>
  );
}
