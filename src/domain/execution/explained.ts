// The words in which execd explains an execution.

/** Why it waits. */
export const WAITING_FOR = [
  'joined',
  'signal',
  'approval',
  'time',
  'paused',
  'start_time',
  'retry_time',
  'shutting_down',
  'concurrency_limit',
  'user_limit',
  'no_runner',
  'no_free_slot',
  'turn',
] as const;
export type WaitingFor = (typeof WAITING_FOR)[number];

/** Why an attempt was not retried. */
export const NOT_RETRIED = [
  'completed',
  'no_retry_block',
  'one_attempt',
  'attempts_used',
  'budget_used',
  'cancelled',
  'clock_over',
  'circuit_open',
  'not_retry_safe',
  'not_in_retry_on',
  'not_helped',
  'not_started',
] as const;
export type NotRetried = (typeof NOT_RETRIED)[number];

/** What an execution found in the cache, or why it found nothing. */
export const CACHE_REASONS = [
  'hit',
  'joined',
  'not_looked_up',
  'first_use',
  'other_key',
  'not_kept',
  'expired',
  'removed',
  'under_way',
] as const;
export type CacheReason = (typeof CACHE_REASONS)[number];
