// The server now, and over the last half hour as far as this tab was open.
import { useQuery } from '@tanstack/react-query';
import { useSamples } from '../live/use-live.ts';
import { useExecd } from '../session/session.tsx';
import { Failed, Loading } from '../ui/states.tsx';
import { StatusMark } from '../ui/status-mark.tsx';
import { duration, percent, whole } from '../words/format.ts';
import type { Sample } from '../live/stats-ring.ts';
import type { Health } from '../../../src/client/types.ts';
import { Plot } from './plot.tsx';

const AGAIN_MS = 5000;

export function OverviewTab() {
  const samples = useSamples();
  const times = samples.map(({ at }) => at);
  const of = (pick: (stats: Sample['stats']) => number | null) => samples.map(({ stats }) => pick(stats));
  const rates = ratesOf(samples);
  return (
    <>
      <HealthList />
      {samples.length === 0 ? (
        <Loading what="figures" />
      ) : (
        <div className="plots">
          <Plot
            title="Slots in use"
            times={times}
            word={whole}
            lines={[
              { name: 'processes', color: 'tone-running', values: of((one) => one.concurrency.running) },
              {
                name: 'HTTP calls',
                color: 'tone-cancelled',
                values: of((one) => one.http_concurrency.running),
              },
            ]}
          />
          <Plot
            title="Queue"
            times={times}
            word={whole}
            lines={[{ name: 'waiting', color: 'tone-timed_out', values: of((one) => one.queue.depth) }]}
          />
          <Plot
            title="Ended per second"
            times={times}
            word={(value) => value.toFixed(1)}
            lines={[
              { name: 'completed', color: 'tone-completed', values: rates.completed },
              { name: 'failed', color: 'tone-failed', values: rates.failed },
            ]}
          />
          <Plot
            title="Oldest in the queue"
            times={times}
            word={duration}
            lines={[{ name: 'age', color: 'tone-timed_out', values: of((one) => one.queue.oldest_age_ms) }]}
          />
          <Plot
            title="Commits of the store"
            times={times}
            word={duration}
            lines={[{ name: 'mean', color: 'accent', values: rates.commitMs }]}
          />
          <Plot
            title="Memory of the server"
            least={0.02}
            times={times}
            word={percent}
            lines={[{ name: 'of what it may have', color: 'accent', values: of((one) => one.ratios.memory) }]}
          />
        </div>
      )}
    </>
  );
}

interface Rates {
  completed: (number | null)[];
  failed: (number | null)[];
  commitMs: (number | null)[];
}

/** From one sample to the next. What retention removes makes a count smaller: then there is no rate. */
function ratesOf(samples: readonly Sample[]): Rates {
  const between = (pick: (now: Sample['stats'], before: Sample['stats'], seconds: number) => number | null) =>
    samples.map((now, i) => {
      const before = samples[i - 1];
      if (before === undefined) return null;
      return pick(now.stats, before.stats, (now.at - before.at) / 1000);
    });
  const rate = (more: number, seconds: number) => (more < 0 ? null : more / seconds);
  return {
    completed: between((now, before, s) => rate(now.executions.completed - before.executions.completed, s)),
    failed: between((now, before, s) => {
      const bad = ({ executions: { failed, timed_out: late } }: Sample['stats']) => failed + late;
      return rate(bad(now) - bad(before), s);
    }),
    commitMs: between((now, before) => {
      const commits = now.store.commits - before.store.commits;
      const ms =
        now.store.commits * now.store.commit_ms_mean - before.store.commits * before.store.commit_ms_mean;
      return commits === 0 ? null : Math.max(0, ms / commits);
    }),
  };
}

function HealthList() {
  const { url } = useExecd();
  const { data, error } = useQuery({
    queryKey: ['health'],
    // What is unhealthy is a 503 with the same body.
    queryFn: async ({ signal }) => (await (await fetch(`${url}/health`, { signal })).json()) as Health,
    refetchInterval: AGAIN_MS,
  });
  if (error !== null) return <Failed error={error} />;
  if (data === undefined) return <Loading what="the health" />;
  const { runner_host: host } = data.components;
  return (
    <ul className="health" aria-label="Health">
      {Object.entries(data.components).map(([name, { status, detail }]) => (
        <li key={name}>
          <StatusMark status={status === 'healthy' ? 'completed' : 'failed'} />
          <strong>{name.replaceAll('_', ' ')}</strong>
          <span className="hint">
            {detail ?? (name === 'runner_host' ? `${host.name}, ${host.isolation.join(', ')}` : 'works')}
          </span>
        </li>
      ))}
      <li>
        <span className="hint">execd {data.version}</span>
      </li>
    </ul>
  );
}
