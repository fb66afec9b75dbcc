// What happened, and why, in one sentence; and in one word for a list.
import type { Execution } from '../../../src/client/types.ts';
import { duration, plural } from './format.ts';

/** `0`, `3`, `SIGKILL`, `200`: how its end shows in a column. */
export function endWord({ outcome, phase }: Pick<Execution, 'outcome' | 'phase'>): string {
  if (phase !== 'done' || outcome === null) return '';
  const { cause, exit_code: code, signal, status, limit } = outcome;
  if (code !== undefined) return String(code);
  if (signal !== undefined) return signal;
  if (status !== undefined) return String(status);
  if (limit !== undefined) return limit.replace(/_.*/, '');
  return SHORT[cause] ?? '';
}

const SHORT: Partial<Record<NonNullable<Execution['outcome']>['cause'], string>> = {
  attempt_timeout: 'time',
  total_timeout: 'time',
  idle_timeout: 'idle',
  queue_timeout: 'queue',
  output_limit: 'output',
  circuit_open: 'circuit',
  lost: 'lost',
  denied: 'denied',
  no_credit: 'credit',
};

const WAITS: Record<NonNullable<Execution['queue']>['reason'], string> = {
  no_free_slot: 'no slot is free',
  no_runner: 'no server serves its pool',
  concurrency_limit: 'others with the same concurrency key run',
  user_limit: 'its user runs as much as allowed',
  shutting_down: 'execd is shutting down',
  joined: 'it waits for the same work of another execution',
  paused: 'an administrator has paused what it belongs to',
  signal: 'it waits for a signal',
  approval: 'it waits for an approval',
  time: 'it waits for its time',
};

/** `now` in milliseconds since the epoch. */
export function why(execution: Execution, now: number): string {
  const { phase, status, error, cache, attempts, duration_ms: took } = execution;
  if (phase !== 'done') return whileItLives(execution, now);
  if (cache?.status === 'hit') return `${capital(status)}: the result comes from the cache.`;
  const tries = attempts.length > 1 ? ` after ${plural(attempts.length, 'attempt')}` : '';
  const time = took === null ? '' : ` in ${duration(took)}`;
  if (status === 'completed') return `Completed${time}${tries}.`;
  const reason = error?.message ?? `It ended as ${status.replace('_', ' ')}.`;
  return tries === '' ? reason : `${reason.replace(/\.$/, '')}${tries}.`;
}

function whileItLives(
  { phase, queue, retry, timestamps, timeouts, cancel, stop }: Execution,
  now: number,
): string {
  const since = (time: string | null) => (time === null ? 0 : now - Date.parse(time));
  switch (phase) {
    case 'queued': {
      const place = queue?.position == null ? '' : `, ${plural(queue.position, 'execution')} before it`;
      return `Waiting for ${duration(since(timestamps.queued))}: ${queue === null ? 'it is its turn soon' : WAITS[queue.reason]}${place}.`;
    }
    case 'scheduled': {
      const at = timestamps.start_at;
      return `It starts ${at === null ? 'soon' : `in ${duration(Math.max(0, -since(at)))}`}.`;
    }
    case 'scheduled_retry': {
      const next = retry?.next_at == null ? 'soon' : `in ${duration(Math.max(0, -since(retry.next_at)))}`;
      return `Attempt ${retry?.used ?? 1} of ${retry?.attempts ?? 1} failed; the next one begins ${next}.`;
    }
    case 'canceling': {
      const grace = stop === null ? '' : ` SIGKILL follows ${duration(stop.grace_ms)} after ${stop.signal}.`;
      return `Cancel requested ${duration(since(cancel?.at ?? null))} ago${cancel?.reason == null ? '' : ` (${cancel.reason})`}.${grace}`;
    }
    case 'starting':
      return 'Starting.';
    case 'finishing':
      return 'It has ended; execd makes sure that nothing of it is left.';
    default: {
      const left = timeouts.attempt_ms - since(timestamps.started);
      return `Running for ${duration(since(timestamps.started))}; ${duration(Math.max(0, left))} left of ${duration(timeouts.attempt_ms)}.`;
    }
  }
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
