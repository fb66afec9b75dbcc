// When a schedule is due, in words.
import type { components } from '../../../src/client/types.ts';
import { duration, fullTime } from '../words/format.ts';

export type Schedule = components['schemas']['Schedule'];

export function whenWord({ cron, every_ms: every, at, timezone }: Schedule): string {
  if (cron !== null) return `${cron} ${timezone}`;
  if (every !== null) return `every ${duration(every)}`;
  return at === null ? '' : `once, ${fullTime(at)}`;
}

export const STATE_TONES = { active: 'completed', paused: 'timed_out', ended: 'skipped' } as const;

const ENDED = {
  no_more_times: 'no due time is left',
  max_runs: 'it has reached max_runs',
  key_revoked: 'its API key was revoked or removed',
} as const;

export function stateWord({ state, ended_because: because }: Schedule): string {
  return because === null ? state : `${state}: ${ENDED[because]}`;
}

/** How long until a time: `in 3 min`. */
export function inWord(time: string, now: number): string {
  const ms = Date.parse(time) - now;
  return ms <= 0 ? 'now' : `in ${duration(ms)}`;
}
