// The names of what is announced about an execution.
export const EVENT_TYPES = [
  'accepted',
  'queued',
  'awaiting',
  'started',
  'retry_scheduled',
  'late_start',
  'late',
  'stuck',
  'status_changed',
  'completed',
  'failed',
  'cancelled',
  'timed_out',
  'lost',
  'skipped',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** What a standing webhook can be told of: also that the balance of its user has become low, and that a schedule is silent. */
export const WEBHOOK_EVENT_TYPES = [...EVENT_TYPES, 'low_balance', 'silent'] as const;
export type WebhookEventType = (typeof WEBHOOK_EVENT_TYPES)[number];
