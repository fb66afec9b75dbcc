// A row of the list as an event leaves it, until the list is read again.
import type { Event, Execution } from '../../../src/client/types.ts';

export function applyEvent(row: Execution, event: Event): Execution {
  const { status, phase, time, outcome, error = null } = event;
  const { timestamps } = row;
  const next = { ...row, status, phase };
  if (event.type === 'started')
    return { ...next, timestamps: { ...timestamps, started: time, finished: null }, queue: null };
  const told =
    event.type === 'late_start' || event.type === 'late' || event.type === 'stuck' ? event.type : null;
  if (told !== null && row.monitor !== null)
    return { ...next, monitor: { ...row.monitor, told: [...row.monitor.told, { event: told, time }] } };
  if (phase !== 'done') return next;
  const begun = timestamps.started ?? time;
  return {
    ...next,
    queue: null,
    outcome: outcome ?? row.outcome,
    error,
    timestamps: { ...timestamps, finished: time },
    duration_ms: row.duration_ms ?? Math.max(0, Date.parse(time) - Date.parse(begun)),
  };
}

/** Rows after events of them; the same array when none is of them. */
export function applyEvents(rows: Execution[], events: ReadonlyMap<string, readonly Event[]>): Execution[] {
  const isTold = (row: Execution) => row.phase !== 'done' && events.has(row.id);
  if (!rows.some(isTold)) return rows;
  return rows.map((row) => (isTold(row) ? (events.get(row.id) ?? []).reduce(applyEvent, row) : row));
}

export function byExecution(events: readonly Event[]): Map<string, Event[]> {
  const all = new Map<string, Event[]>();
  for (const event of events) {
    const own = all.get(event.execution_id);
    if (own === undefined) all.set(event.execution_id, [event]);
    else own.push(event);
  }
  return all;
}
