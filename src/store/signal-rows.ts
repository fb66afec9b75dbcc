// How signals, and decisions on approvals, lie in a table. Shared by the stores.
import { readJson, writeJson } from '../domain/exact-json.ts';
import type { Signal } from '../domain/plans/waits.ts';

export interface SignalRow {
  /** The plan that it was sent to, or the wait that it decides on. */
  subject_id: string;
  /** Unique with the subject. */
  id: string;
  name: string;
  /** JSON. */
  value: string;
  by_user: string;
  at: number;
  /** The first wait that has ended by it. */
  taken_by: string | null;
}

export const SIGNAL_COLUMNS = [
  ...['subject_id', 'id', 'name', 'value', 'by_user', 'at', 'taken_by'],
] as const satisfies (keyof SignalRow)[];

export function signalRow(signal: Signal): SignalRow {
  const { subjectId, id, name, value, by, at, takenBy } = signal;
  return { subject_id: subjectId, id, name, value: writeJson(value), by_user: by, at, taken_by: takenBy };
}

export function toSignal(row: SignalRow): Signal {
  const { subject_id: subjectId, id, name, value, by_user: by, at, taken_by: takenBy } = row;
  return { subjectId, id, name, value: readJson(value), by, at, takenBy };
}
