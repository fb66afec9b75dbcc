// The figures above the list: what runs, what waits, how it ends.
import { Link } from 'wouter';
import type { Execution } from '../../../src/client/types.ts';
import { useTab } from '../session/session.tsx';
import { useEvents, useSamples } from '../live/use-live.ts';
import type { Sample } from '../live/stats-ring.ts';
import { Sparkline } from '../ui/sparkline.tsx';
import { duration, percent, whole } from '../words/format.ts';

/** The last three minutes. */
const SHOWN = 90;

export function Strip({ rows }: { rows: readonly Execution[] }) {
  const { ring } = useTab();
  useEvents(() => ring.wake());
  const samples = useSamples().slice(-SHOWN);
  const now = samples.at(-1)?.stats;
  const of = (pick: (stats: Sample['stats']) => number) => samples.map(({ stats }) => pick(stats));
  const { concurrency, http_concurrency: http, queue, executions, ratios } = now ?? EMPTY;
  const p95 = p95Of(rows);
  return (
    <dl className="strip" aria-label="Now">
      <Figure
        name="Running"
        to="/?status=running"
        value={whole(concurrency.running + http.running)}
        more={`of ${whole(concurrency.max)} slots`}
        values={of((one) => one.concurrency.running + one.http_concurrency.running)}
      />
      <Figure
        name="Queued"
        to="/?status=pending"
        value={whole(queue.depth)}
        more={waitsWord(queue)}
        values={of((one) => one.queue.depth)}
      />
      <Figure
        name="Success"
        to="/?status=failed&status=timed_out"
        value={shown(successOf(executions), percent)}
        more={`of ${whole(endedOf(executions))} kept`}
        values={of(({ executions }) => successOf(executions) ?? 0)}
        most={1}
      />
      <Figure
        name="p95"
        to="/?plot=1"
        value={shown(p95.ms, duration)}
        more={`last ${p95.count}`}
        values={p95.durations}
      />
      <Figure
        name="Cache hits"
        to="/system"
        value={shown(ratios.cache_hit, percent)}
        more={`${whole(now?.cache.hits ?? 0)} hits`}
        values={of((one) => one.ratios.cache_hit ?? 0)}
        most={1}
      />
    </dl>
  );
}

const NO_SLOTS = { max: 0, running: 0, pending: 0, available: 0 };
const EMPTY = {
  concurrency: NO_SLOTS,
  http_concurrency: NO_SLOTS,
  queue: { depth: 0, oldest_age_ms: 0 },
  executions: { pending: 0, running: 0, completed: 0, failed: 0, cancelled: 0, timed_out: 0 },
  ratios: { cache_hit: null, timeout: null, retry: null, memory: null },
};

function shown(value: number | null, word: (value: number) => string): string {
  return value === null ? '–' : word(value);
}

type Counts = Sample['stats']['executions'];
const endedOf = ({ completed, failed, timed_out: late }: Counts): number => completed + failed + late;
function successOf(counts: Counts): number | null {
  const ended = endedOf(counts);
  return ended === 0 ? null : counts.completed / ended;
}

const P95_OF = 100;

/** Of the newest ones that have ended. */
function p95Of(rows: readonly Execution[]): { ms: number | null; count: number; durations: number[] } {
  const durations: number[] = [];
  for (const { duration_ms: ms } of rows) {
    if (ms !== null) durations.unshift(ms);
    if (durations.length === P95_OF) break;
  }
  const sorted = [...durations].sort((a, b) => a - b);
  const ms = sorted[Math.ceil(sorted.length * 0.95) - 1] ?? null;
  return { ms, count: durations.length, durations };
}

interface FigureProps {
  name: string;
  to: string;
  value: string;
  more: string;
  values: readonly number[];
  most?: number;
}

function Figure({ name, to, value, more, values, most }: FigureProps) {
  return (
    <div className="figure">
      <dt>
        <Link href={to}>{name}</Link>
      </dt>
      <dd>
        <span className="figure-value">{value}</span>
        <span className="figure-more">{more}</span>
        <Sparkline values={values} {...(most === undefined ? {} : { most })} />
      </dd>
    </div>
  );
}

/** What waits for a time, a signal or an approval has no age: it does not wait for a slot. */
function waitsWord({ depth, oldest_age_ms: oldest }: { depth: number; oldest_age_ms: number }): string {
  if (depth === 0) return 'nothing waits';
  return oldest === 0 ? 'none for a slot' : `oldest ${duration(oldest)}`;
}
