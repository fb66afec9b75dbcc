// Work that starts again and again: when it is due next, and what it started last.
import { Link, useLocation } from 'wouter';
import { useNow } from '../live/use-live.ts';
import { useCan } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { Empty, Failed, Loading, Problem } from '../ui/states.tsx';
import { Ago } from '../ui/time.tsx';
import { fullTime, plural } from '../words/format.ts';
import { useScheduleAction, useSchedules } from './use-schedules.ts';
import { inWord, type Schedule, STATE_TONES, stateWord, whenWord } from './when.ts';

const TICK_MS = 1000;

export function SchedulesScreen() {
  const { data, error, refetch } = useSchedules();
  const [, navigate] = useLocation();
  const canSubmit = useCan('submit');
  const now = useNow(TICK_MS);
  if (error !== null) return <Failed error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <Loading what="schedules" />;
  const add = canSubmit && (
    <Button look="main" icon="plus" onClick={() => navigate('/schedules/new')}>
      New schedule
    </Button>
  );
  if (data.length === 0)
    return (
      <Empty title="You have no schedules">
        <p>
          A schedule starts an execution or a plan by cron, at an interval, or once:{' '}
          <code>{"execd schedule put nightly --cron '0 2 * * *' -- ./backup.sh"}</code>
        </p>
        {add}
      </Empty>
    );
  return (
    <div className="screen schedules">
      <header className="list-head">
        <h1>{plural(data.length, 'schedule')}</h1>
        {add}
      </header>
      <ul className="schedule-list">
        {data.map((schedule) => (
          <ScheduleRow key={schedule.name} schedule={schedule} now={now} />
        ))}
      </ul>
    </div>
  );
}

function ScheduleRow({ schedule, now }: { schedule: Schedule; now: number }) {
  const { name, state, description, next, last, last_id: lastId, plan, waiting } = schedule;
  const [first] = next;
  return (
    <li>
      <span className={`tag tone-${STATE_TONES[state]}`} title={stateWord(schedule)}>
        {state}
      </span>
      <SilentTag of={schedule} />
      <span className="schedule-name">
        <Link href={`/schedules/${encodeURIComponent(name)}`}>{name}</Link>
        {description !== null && <span className="hint">{description}</span>}
      </span>
      <code>{whenWord(schedule)}</code>
      <span className="hint">
        {state === 'active' && first !== undefined && (
          <time title={fullTime(first)}>next {inWord(first, now)}</time>
        )}
        {waiting > 0 && ` ${plural(waiting, 'due time')} waiting`}
      </span>
      <span className="hint">
        {last !== null && lastId !== null ? (
          <Link href={`/${plan === null ? 'executions' : 'plans'}/${lastId}`}>
            last <Ago time={last} />
          </Link>
        ) : (
          'not due yet'
        )}
      </span>
      <ScheduleActions schedule={schedule} />
    </li>
  );
}

/** What can be done at once; the rest is on its own page. */
/** Nothing of it has completed for too long. */
export function SilentTag({ of: { silent_since: since } }: { of: Schedule }) {
  if (since === null) return null;
  return (
    <span className="tag is-late" title={`Reported at ${fullTime(since)}`}>
      silent
    </span>
  );
}

export function ScheduleActions({ schedule: { name, state } }: { schedule: Schedule }) {
  const act = useScheduleAction(name);
  const canSubmit = useCan('submit');
  if (!canSubmit) return null;
  return (
    <span className="actions">
      <Problem error={act.error} />
      {state !== 'ended' && (
        <Button
          icon={state === 'paused' ? 'play' : 'pause'}
          aria-label={`${state === 'paused' ? 'Resume' : 'Pause'} ${name}`}
          disabled={act.isPending}
          onClick={() => act.mutate(state === 'paused' ? 'resume' : 'pause')}
        />
      )}
      <Button aria-label={`Run now: ${name}`} disabled={act.isPending} onClick={() => act.mutate('run')}>
        Run now
      </Button>
    </span>
  );
}
