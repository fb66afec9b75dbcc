// The names of what is announced about an execution.
export const EVENT_TYPES = [
  'accepted',
  'queued',
  'started',
  'retry_scheduled',
  'status_changed',
  'completed',
  'failed',
  'cancelled',
  'timed_out',
  'lost',
  'skipped',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];
