// The statuses, with a mark for each: shape and colour both say it.
import type { Execution, StepState } from '../../../src/client/types.ts';

export type AnyStatus = Execution['status'] | StepState['status'];
type Phase = Execution['phase'] | StepState['phase'];

export const STATUSES = ['pending', 'running', 'completed', 'failed', 'timed_out', 'cancelled'] as const;
export const KINDS = ['shell', 'exec', 'script', 'http', 'aws_cli', 'operation', 'plan'] as const;

const WORDS: Record<AnyStatus, string> = {
  pending: 'queued',
  running: 'running',
  completed: 'completed',
  failed: 'failed',
  timed_out: 'timed out',
  cancelled: 'cancelled',
  skipped: 'skipped',
};

/** What people call it: the phase says more while it lives. */
export function statusWord(status: AnyStatus, phase?: Phase): string {
  if (phase === 'canceling') return 'cancelling';
  if (phase === 'starting') return 'starting';
  if (phase === 'finishing') return 'finishing';
  if (phase === 'scheduled') return 'starts later';
  if (phase === 'scheduled_retry') return 'waits for retry';
  if (phase === 'waiting') return 'waiting';
  return WORDS[status];
}
