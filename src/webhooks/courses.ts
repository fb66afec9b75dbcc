// How the ends that a webhook picks have followed each other: how many failed in a row, and what the last one was. It is kept in the
// store, changed once for each end, and what it was for the last few ends is known for their retries.
import type { EventRecord } from '../domain/execution/events.ts';
import { statusAfter } from '../domain/execution/events.ts';
import type { Course } from '../domain/spec/notification.ts';

/** Position of an end, and its course. */
type Noted = [position: number, failures: number, previous: string | null];

interface Line {
  status: string;
  failures: number;
  /** The newest first. */
  ends: Noted[];
}
/** By series, the one that changed last at the end. */
type Lines = Record<string, Line>;

/** Of one webhook: beyond that, those go that have not changed for longest. */
const MAX_SERIES = 200;
/** Retries of more than so many ends at a time have the course of the oldest of them. */
const MAX_ENDS = 4;
const MAX_NAME = 200;

export interface Found {
  course: Course;
  /** Whether an earlier look has counted this end, or a later one. */
  isCounted: boolean;
  /** What is to be kept; null: as it is. */
  state: string | null;
}

/** What ends have in common that are looked at one after the other. */
export function seriesOf({ operation, taskId }: Pick<EventRecord, 'operation' | 'taskId'>): string {
  const name = operation !== null ? `o:${operation}` : taskId !== null ? `t:${taskId}` : '-';
  return name.slice(0, MAX_NAME);
}

/** @param kept what was kept of the webhook; null: nothing yet */
export function courseOf(kept: string | null, record: EventRecord): Found {
  const lines: Lines = kept === null ? {} : (JSON.parse(kept) as Lines);
  const series = seriesOf(record);
  const line = Object.hasOwn(lines, series) ? (lines[series] as Line) : null;
  const status = statusAfter(record);
  // What was cancelled says nothing of what it did.
  if (record.end === null || status === 'cancelled') {
    return {
      course: { failures: line?.failures ?? 0, previous: line?.status ?? null },
      isCounted: false,
      state: null,
    };
  }
  const last = line?.ends[0]?.[0] ?? -1;
  const noted =
    record.position > last
      ? undefined
      : (line?.ends.find(([position]) => position <= record.position) ?? line?.ends.at(-1));
  if (noted !== undefined) {
    const [, failures, previous] = noted;
    return { course: { failures, previous }, isCounted: true, state: null };
  }
  const failures = status === 'completed' ? 0 : (line?.failures ?? 0) + 1;
  const previous = line?.status ?? null;
  const ends = [[record.position, failures, previous] as Noted, ...(line?.ends ?? [])].slice(0, MAX_ENDS);
  const others = Object.entries(lines).filter(([name]) => name !== series);
  const state = JSON.stringify(
    Object.fromEntries([...others.slice(1 - MAX_SERIES), [series, { status, failures, ends }]]),
  );
  return { course: { failures, previous }, isCounted: false, state };
}
