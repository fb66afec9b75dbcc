// A cancel, step by step: asked for, the stop signal, the grace, SIGKILL, the proof that nothing is left.
import type { Execution } from '../../../src/client/types.ts';
import { duration, plural, timeOfDay } from '../words/format.ts';

interface Step {
  name: string;
  detail: string;
  state: 'done' | 'now' | 'next' | 'skipped';
}

export function CancelPhases({ execution, now }: { execution: Execution; now: number }) {
  const steps = stepsOf(execution, now);
  if (steps.length === 0) return null;
  return (
    <ol className="cancel-phases" aria-label="Cancel">
      {steps.map(({ name, detail, state }) => (
        <li key={name} className={`is-${state}`} aria-current={state === 'now' ? 'step' : undefined}>
          <strong>{name}</strong> <span>{detail}</span>
        </li>
      ))}
    </ol>
  );
}

export function stepsOf({ cancel, stop, phase, outcome }: Execution, now: number): Step[] {
  if (cancel === null) return [];
  const asked: Step = {
    name: 'Requested',
    detail: `${timeOfDay(cancel.at)}${cancel.reason === null ? '' : `, ${cancel.reason}`}`,
    state: 'done',
  };
  const isDone = phase === 'done';
  const ended = outcome?.process ?? null;
  // It never began, or it is no process.
  if (stop === null || (isDone && ended === null))
    return [
      asked,
      { name: 'Ended', detail: isDone ? 'nothing had begun' : '', state: isDone ? 'done' : 'now' },
    ];
  const sent = (signal: string) => ended?.signals.find((one) => one.signal === signal)?.at;
  const left = stop.grace_ms - (now - Date.parse(cancel.at));
  const isOver = !isDone && left <= 0;
  const killed = sent('SIGKILL');
  const termAt = sent(stop.signal);
  return [
    asked,
    { name: stop.signal, detail: termAt === undefined ? 'sent' : timeOfDay(termAt), state: 'done' },
    {
      name: 'Grace',
      detail:
        isDone || isOver ? duration(stop.grace_ms) : `${duration(left)} left of ${duration(stop.grace_ms)}`,
      state: isDone || isOver ? 'done' : 'now',
    },
    {
      name: 'SIGKILL',
      detail: killed === undefined ? (isDone ? 'not needed' : isOver ? 'sent' : '') : timeOfDay(killed),
      state: killed === undefined ? (isDone ? 'skipped' : isOver ? 'now' : 'next') : 'done',
    },
    {
      name: 'Nothing left',
      detail: isDone && ended !== null ? proof(ended) : '',
      state: isDone ? 'done' : 'next',
    },
  ];
}

function proof({
  processes_found: found,
  survivors,
}: {
  processes_found: number;
  survivors: number;
}): string {
  if (survivors > 0) return `${plural(survivors, 'process')} could not be confirmed dead`;
  return found === 0 ? 'proven' : `proven: ${plural(found, 'process')} ended`;
}
