// Due times of schedules. Cron expressions are worked out by croner; this adds the second pass through an hour that a zone
// repeats, for expressions that run in every hour.
import { Cron } from 'croner';
import type { When } from '../domain/schedules/schedule-schema.ts';
import type { Times } from '../domain/schedules/schedule.ts';

const SECOND_MS = 1000;
/** A clock that is set back passes no more than this twice. */
const LONGEST_PASS_MS = 3 * 3600 * SECOND_MS;

/** Why an expression is of no use; null when it is. */
export function cronProblem({ cron, timezone }: When, now: number): string | null {
  if (cron === undefined) return null;
  try {
    return cronTimes(cron, timezone).next(now) === null ? 'never comes: no such date exists' : null;
  } catch (error) {
    const message = error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error);
    return `is not a cron expression: ${message.replace(/\.$/, '')}`;
  }
}

/** @param anchor what an interval counts from */
export function timesOf(when: When, anchor: number): Times {
  if (when.cron !== undefined) return cronTimes(when.cron, when.timezone);
  return when.every_ms !== undefined
    ? intervalTimes(when.every_ms, anchor)
    : onceAt(Date.parse(when.at ?? ''));
}

function onceAt(at: number): Times {
  return {
    next: (after) => (at > after ? at : null),
    previous: (before, from) => (at < before && at >= from ? at : null),
  };
}

function intervalTimes(everyMs: number, anchor: number): Times {
  return {
    next: (after) => anchor + Math.max(1, Math.floor((after - anchor) / everyMs) + 1) * everyMs,
    previous(before, from) {
      const last = anchor + (Math.ceil((before - anchor) / everyMs) - 1) * everyMs;
      return last >= from && last > anchor ? last : null;
    },
  };
}

function cronTimes(pattern: string, timezone = 'UTC'): Times {
  const mode = '5-or-6-parts';
  const cron = new Cron(pattern, { timezone, mode, paused: true });
  const fields = pattern.trim().split(/\s+/);
  const isEveryHour = fields.at(-4) === '*' || /^@hourly$/i.test(pattern.trim());
  const zone = new Intl.DateTimeFormat('en', { timeZone: timezone, timeZoneName: 'longOffset' });

  const next = (after: number): number | null => {
    const found = cron.nextRun(new Date(after))?.getTime() ?? null;
    const before = offsetOf(zone, after - LONGEST_PASS_MS);
    const isPlain = found === null || (found > after && offsetOf(zone, found) >= before);
    return isPlain ? found : secondPass(after, found, before);
  };

  /** Where an hour comes twice, croner knows its first pass. */
  const secondPass = (after: number, found: number, before: number): number => {
    const offset = offsetOf(zone, Math.max(found, after));
    const repeatedMs = (before - offset) * 60_000;
    const fixed = new Cron(pattern, { utcOffset: offset, mode, paused: true });
    for (let at = fixed.nextRun(new Date(after)); at !== null; at = fixed.nextRun(at)) {
      const time = at.getTime();
      if (found > after && time >= found) return found;
      if (offsetOf(zone, time) !== offset) continue;
      const isAgain = offsetOf(zone, time - repeatedMs) === before;
      if (isEveryHour || !isAgain) return time;
    }
    return found;
  };

  return { next, previous: (before, from) => previousBy(next, before, from) };
}

/** The last time before another, found by halving: no time is looked at that is not needed, however long ago the first was. */
function previousBy(next: Times['next'], before: number, from: number): number | null {
  const isThere = (at: number): number | null => {
    const found = next(at);
    return found !== null && found < before ? found : null;
  };
  let last: number | null = null;
  for (let backMs = SECOND_MS; last === null; backMs *= 4) {
    last = isThere(Math.max(before - backMs, from) - 1);
    if (before - backMs <= from) break;
  }
  if (last === null) return null;
  let high = before;
  while (high - last > SECOND_MS) {
    const later = isThere(last);
    if (later === null) return last;
    const middle = Math.floor((later + high) / 2);
    const found: number | null = isThere(middle);
    last = found ?? later;
    if (found === null) high = middle;
  }
  return last;
}

/** Minutes that a zone is ahead of UTC at a time. */
function offsetOf(zone: Intl.DateTimeFormat, at: number): number {
  const name = zone.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT';
  const [, sign = '+', hours = '0', minutes = '0'] = /GMT([+-])(\d\d):(\d\d)/.exec(name) ?? [];
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}
