// What the list shows, as the URL says it: the parameters are those of the API, and `q` for what is searched in here.
import type { Execution, ExecutionFilter } from '../../../src/client/types.ts';
import { KINDS, STATUSES } from '../words/status.ts';
import { titleOf } from '../words/title.ts';

/** How far back the list goes: a word for the URL, and milliseconds. */
export const PERIODS = { '15m': 900_000, '1h': 3_600_000, '6h': 21_600_000, '24h': 86_400_000 } as const;
type Period = keyof typeof PERIODS;

export interface Filter {
  status: Execution['status'][];
  kind: Execution['kind'][];
  label: string[];
  taskId: string;
  operation: string;
  period: Period | null;
  text: string;
}

export function readFilter(params: URLSearchParams): Filter {
  const among = <Word extends string>(name: string, all: readonly Word[]) =>
    all.filter((one) => params.getAll(name).includes(one));
  return {
    status: among('status', STATUSES),
    kind: among('kind', KINDS),
    label: params.getAll('label'),
    taskId: params.get('task_id') ?? '',
    operation: params.get('operation') ?? '',
    period: among('since', Object.keys(PERIODS) as Period[])[0] ?? null,
    text: params.get('q') ?? '',
  };
}

/** What of it the API filters by. */
export function apiFilter(filter: Filter, now: number): ExecutionFilter {
  const { status, kind, label, taskId, operation, period } = filter;
  return {
    ...(status.length > 0 && { status }),
    ...(kind.length > 0 && { kind }),
    ...(label.length > 0 && { label }),
    ...(taskId !== '' && { task_id: taskId }),
    ...(operation !== '' && { operation }),
    ...(period !== null && { created_after: new Date(now - PERIODS[period]).toISOString() }),
  };
}

export function isFiltered({ status, kind, label, taskId, operation, period, text }: Filter): boolean {
  return (
    status.length + kind.length + label.length > 0 || period !== null || `${taskId}${operation}${text}` !== ''
  );
}

/** Every filter off. */
export const NO_FILTER = {
  ...{ status: null, kind: null, label: null, task_id: null },
  ...{ operation: null, since: null, q: null },
};

/** Whether an execution has all words of a text: in its id, its command, its labels, its task or its user. */
export function hasText(execution: Execution, text: string): boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const { id, task_id: task, user_id: user, labels, step } = execution;
  const labelled = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  const all = [id, titleOf(execution), task, user, step, ...labelled].join('\n').toLowerCase();
  return words.every((word) => all.includes(word));
}
