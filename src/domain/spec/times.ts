// The clocks of an execution: how each is asked for, kept and shown. A line here and its effect, and nothing in between
// (docs/concepts/architecture.md shows which files). Those of the wire end in `_ms`.
import { z } from 'zod';

interface TimeWords {
  /** Its name in `Timeouts`, which the store keeps. */
  field: string;
  about: string;
  /** What applies where a request says nothing. */
  byDefault: string;
  /** What bounds it: a week, or the setting for attempts. */
  bound: 'week' | 'attempt';
  /** It always has a value. */
  isAlwaysSet: boolean;
  /** Another value may lead to another result, so that it is a part of the cache key. */
  mayChangeResult: boolean;
}

export const TIMES = {
  queue_ms: {
    field: 'queueMs',
    about: 'Longest wait for a slot',
    byDefault: 'no limit, unless the operator sets one',
    bound: 'week',
    isAlwaysSet: false,
    mayChangeResult: false,
  },
  attempt_ms: {
    field: 'attemptMs',
    about: 'Longest attempt, from start to end',
    byDefault: 'EXECUTION_DEFAULT_TIMEOUT',
    bound: 'attempt',
    isAlwaysSet: true,
    mayChangeResult: true,
  },
  total_ms: {
    field: 'totalMs',
    about: 'Longest time from submission to end, with all retries',
    byDefault: 'no limit',
    bound: 'week',
    isAlwaysSet: false,
    mayChangeResult: true,
  },
  idle_ms: {
    field: 'idleMs',
    about: 'Longest time without output',
    byDefault: 'no limit',
    bound: 'attempt',
    isAlwaysSet: false,
    mayChangeResult: true,
  },
} as const satisfies Record<string, TimeWords>;

type Times = typeof TIMES;
export type TimeName = keyof Times;
export type TimeField = Times[TimeName]['field'];
type ValueOf<N extends TimeName> = Times[N]['isAlwaysSet'] extends true ? number : number | null;

/** What applies to an execution; null is no limit. */
export type Timeouts = { [N in TimeName as Times[N]['field']]: ValueOf<N> };
/** The same as the wire has it. */
export type WireTimes = { [N in TimeName]: ValueOf<N> };
/** What a request asks for. */
export type AskedTimes = Partial<Record<TimeName, number | undefined>>;

const entries = Object.entries(TIMES) as [TimeName, TimeWords & { field: TimeField }][];

/** Makes something of each. */
const eachTime = <T>(make: (name: TimeName, words: (typeof entries)[number][1]) => T) =>
  Object.fromEntries(entries.map(([name, words]) => [name, make(name, words)])) as Record<TimeName, T>;

const eachField = (make: (name: TimeName, field: TimeField) => number | null): Timeouts =>
  Object.fromEntries(entries.map(([name, { field }]) => [field, make(name, field)])) as Timeouts;

/** What a request may ask for. */
export function askedTimesShape(bounds: Record<TimeWords['bound'], z.ZodInt>) {
  return eachTime((_name, { about, byDefault, bound }) =>
    bounds[bound].optional().describe(`${about}, milliseconds. Default: ${byDefault}.`),
  );
}

/** What a reader sees. */
export function shownTimesShape(ms: z.ZodInt) {
  const shape = eachTime((_name, { about, isAlwaysSet }) =>
    isAlwaysSet
      ? ms.describe(`${about}, milliseconds.`)
      : ms.nullable().describe(`${about}, milliseconds; null: no limit.`),
  );
  return shape as {
    [N in TimeName]: Times[N]['isAlwaysSet'] extends true ? z.ZodInt : z.ZodNullable<z.ZodInt>;
  };
}

export const resolveTimes = (asked: AskedTimes | undefined, defaults: Partial<Timeouts>): Timeouts =>
  eachField((name, field) => asked?.[name] ?? defaults[field] ?? null);

/** Of what nothing is known. */
export const NO_TIMES: Timeouts = resolveTimes(undefined, { attemptMs: 0 });

/** What is left out stays so. */
export function toWireTimes<T extends Partial<Timeouts>>(
  times: T,
): T extends Timeouts ? WireTimes : Partial<WireTimes> {
  const shown = entries
    .filter(([, { field }]) => times[field] !== undefined)
    .map(([name, { field }]) => [name, times[field]]);
  return Object.fromEntries(shown) as T extends Timeouts ? WireTimes : Partial<WireTimes>;
}

/** Those that a result may depend on. */
export const timesOfResult = (times: Timeouts): Partial<Timeouts> =>
  Object.fromEntries(
    entries.filter(([, words]) => words.mayChangeResult).map(([, { field }]) => [field, times[field]]),
  );

/** What is wrong with new limits: a shorter one would be a stop in disguise. */
export function shortened(before: Timeouts, after: Timeouts): { name: TimeName; before: number | null }[] {
  return entries
    .filter(([, { field }]) => (after[field] ?? Infinity) < (before[field] ?? Infinity))
    .map(([name, { field }]) => ({ name, before: before[field] }));
}
