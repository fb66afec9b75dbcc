// One schedule: when, what became of its due times, and what it starts.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import { dataOf } from '../../../src/client/calls.ts';
import { NotFoundError } from '../../../src/client/errors.ts';
import type { components } from '../../../src/client/types.ts';
import { useCan, useExecd } from '../session/session.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Facts } from '../ui/facts.tsx';
import { JsonTree } from '../ui/json-tree.tsx';
import { Empty, Failed, Loading, Problem } from '../ui/states.tsx';
import { duration, fullTime, shortId, whole } from '../words/format.ts';
import { ScheduleActions, SilentTag } from './schedules-screen.tsx';
import { useScheduleAction, useSchedules } from './use-schedules.ts';
import { type Schedule, STATE_TONES, stateWord, whenWord } from './when.ts';

type Run = components['schemas']['ScheduleRun'];

const RUN_TONES = {
  started: 'completed',
  waiting: 'running',
  skipped: 'skipped',
  missed: 'timed_out',
  refused: 'failed',
} as const;

export function ScheduleScreen({ name }: { name: string }) {
  const { data, error } = useSchedules();
  if (error !== null) return error instanceof NotFoundError ? <Gone /> : <Failed error={error} />;
  if (data === undefined) return <Loading what="the schedule" />;
  const schedule = data.find((one) => one.name === name);
  return schedule === undefined ? <Gone /> : <Shown schedule={schedule} />;
}

function Gone() {
  return (
    <Empty title="There is no such schedule">
      <Link href="/schedules">All schedules</Link>
    </Empty>
  );
}

function Shown({ schedule }: { schedule: Schedule }) {
  const { name, state, description, next, overlap, misfire, jitter_ms: jitter } = schedule;
  const {
    max_runs: most,
    ends_at: ends,
    silent_after_ms: silentAfter,
    runs,
    waiting,
    execution,
    plan,
  } = schedule;
  return (
    <div className="screen schedule">
      <header className="top">
        <div className="top-line">
          <span className={`tag tone-${STATE_TONES[state]}`}>{state}</span>
          <h1>{name}</h1>
          <SilentTag of={schedule} />
          <ScheduleActions schedule={schedule} />
          <Change schedule={schedule} />
        </div>
        {description !== null && <p className="why">{description}</p>}
        <p className="facts">
          <code>{whenWord(schedule)}</code>
          {state === 'ended' && <span>{stateWord(schedule)}</span>}
        </p>
      </header>
      <div className="schedule-body">
        <section>
          <h2 className="label">{state === 'paused' ? 'Next, if it were active' : 'Next'}</h2>
          {next.length === 0 && <p className="hint">No due time is left.</p>}
          <ol>
            {next.map((time) => (
              <li key={time}>{fullTime(time)}</li>
            ))}
          </ol>
          <h2 className="label">Rules</h2>
          <Facts
            rows={[
              ['If it still runs', overlap.replace('_', ' ')],
              ['If it was missed', misfire.replace('_', ' ')],
              ['Late by up to', jitter === 0 ? '–' : duration(jitter)],
              ['Runs', most === null ? whole(runs) : `${whole(runs)} of ${whole(most)}`],
              ['Waiting', whole(waiting)],
              ['Silent after', silentAfter === null ? 'never' : duration(silentAfter)],
              ['Completed last', schedule.last_completed === null ? '–' : fullTime(schedule.last_completed)],
              ['Ends', ends === null ? 'never' : fullTime(ends)],
            ]}
          />
          <h2 className="label">{plan === null ? 'Starts this execution' : 'Starts this plan'}</h2>
          <JsonTree value={execution ?? plan} />
        </section>
        <Runs name={name} isPlan={plan !== null} last={schedule.last} waiting={waiting} />
      </div>
    </div>
  );
}

function Runs(props: { name: string; isPlan: boolean; last: string | null; waiting: number }) {
  const { name, isPlan, last, waiting } = props;
  const execd = useExecd();
  const { data, error } = useQuery({
    queryKey: ['schedules', name, 'runs', last, waiting],
    queryFn: ({ signal }) =>
      dataOf(execd.api.GET('/v1/schedules/{name}/runs', { params: { path: { name } }, signal })),
    placeholderData: (before) => before,
  });
  return (
    <section>
      <h2 className="label">Due times</h2>
      {error !== null && <Failed error={error} />}
      {data?.items.length === 0 && <p className="hint">None was due yet.</p>}
      {data !== undefined && data.items.length > 0 && (
        <table>
          <thead>
            <tr>
              <th>Due</th>
              <th>Result</th>
              <th>Execution</th>
            </tr>
          </thead>
          <tbody>
            {data.items.map((run, i) => (
              <RunRow key={i} run={run} isPlan={isPlan} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function RunRow({
  run: { due, result, id, detail, by_hand: byHand },
  isPlan,
}: {
  run: Run;
  isPlan: boolean;
}) {
  return (
    <tr>
      <td>{fullTime(due)}</td>
      <td>
        <span className={`tag tone-${RUN_TONES[result]}`}>{result}</span>
        {byHand && <span className="hint"> by hand</span>}
      </td>
      <td className="is-long">
        {id !== null && <Link href={`/${isPlan ? 'plans' : 'executions'}/${id}`}>…{shortId(id)}</Link>}{' '}
        {detail}
      </td>
    </tr>
  );
}

function Change({ schedule: { name } }: { schedule: Schedule }) {
  const [, navigate] = useLocation();
  const [asks, setAsks] = useState(false);
  const canSubmit = useCan('submit');
  const remove = useScheduleAction(name, () => navigate('/schedules'));
  if (!canSubmit) return null;
  return (
    <span className="actions">
      <Button icon="edit" onClick={() => navigate(`/schedules/new?from=${encodeURIComponent(name)}`)}>
        Edit
      </Button>
      <Button look="danger" icon="close" aria-label={`Remove ${name}`} onClick={() => setAsks(true)} />
      {asks && (
        <Dialog title={`Remove ${name}?`} onClose={() => setAsks(false)}>
          <p>It starts nothing more. Running executions continue; its executions stay.</p>
          <Problem error={remove.error} />
          <div className="actions">
            <Button look="danger" onClick={() => remove.mutate('remove')}>
              Remove it
            </Button>
            <Button onClick={() => setAsks(false)}>Keep it</Button>
          </div>
        </Dialog>
      )}
    </span>
  );
}
