// The life of one execution, as its events tell it.

export interface HistoryEvent {
  type: string;
  sequence: number;
}

/** What may come after what in the life of one execution. */
const FINAL = ['completed', 'failed', 'cancelled', 'timed_out'];
const NEXT: Record<string, readonly string[]> = {
  '': ['accepted'],
  accepted: ['queued', 'started', 'status_changed', ...FINAL],
  queued: ['started', 'status_changed', ...FINAL],
  started: ['queued', 'status_changed', 'retry_scheduled', 'lost', 'skipped', ...FINAL],
  status_changed: ['queued', 'started', 'status_changed', 'retry_scheduled', 'lost', 'skipped', ...FINAL],
  skipped: ['skipped', 'status_changed', 'queued', 'lost', ...FINAL],
  retry_scheduled: ['queued', 'status_changed', ...FINAL],
  lost: ['queued', 'retry_scheduled', 'status_changed', ...FINAL],
};

/** The events of a stream that has ended. */
export function eventsIn(stream: string): HistoryEvent[] {
  return stream
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice(6)) as HistoryEvent);
}

/** What is wrong with a sequence of events; null when it is one that can be. */
export function historyProblem(events: readonly HistoryEvent[]): string | null {
  const types = events.map(({ type }) => type);
  if (events.some(({ sequence }, i) => sequence !== i + 1)) return `events are missing: ${types.join()}`;
  let before = '';
  for (const type of types) {
    if (!(NEXT[before] ?? []).includes(type)) return `${type} after ${before}: ${types.join()}`;
    before = type;
  }
  return FINAL.includes(before) ? null : `it has not ended: ${types.join()}`;
}
