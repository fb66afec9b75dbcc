// How processes are told to end: by which signal, which of them first, and how long they have until SIGKILL.
import { z } from 'zod';

export const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;
export type StopSignal = (typeof STOP_SIGNALS)[number];
/** What may be sent to a command that runs. */
export const SIGNALS = [
  ...STOP_SIGNALS,
  'SIGKILL',
  'SIGSTOP',
  'SIGCONT',
  'SIGTSTP',
  'SIGWINCH',
  'SIGALRM',
] as const;
export type Signal = (typeof SIGNALS)[number];
export const STOP_SCOPES = ['all', 'main'] as const;
export type StopScope = (typeof STOP_SCOPES)[number];

/** Beyond this, no operator can allow more, milliseconds. */
export const MOST_GRACE_MS = 3_600_000;

/** What applies after all defaults. */
export interface StopPolicy {
  signal: StopSignal;
  /** Milliseconds. */
  graceMs: number;
  scope: StopScope;
}

/** The grace of a request, milliseconds. */
export function graceSchema(maxGraceMs = MOST_GRACE_MS) {
  return z
    .int()
    .min(0)
    .max(maxGraceMs, {
      error: ({ input }) =>
        `must be at most ${maxGraceMs} (EXECUTION_MAX_KILL_GRACE_MS), not ${String(input)}`,
    })
    .optional();
}

export function stopSchema(maxGraceMs?: number) {
  return z.strictObject({
    signal: z
      .enum(STOP_SIGNALS)
      .optional()
      .describe('The first signal to the processes, before SIGKILL. Default: SIGTERM.'),
    grace_ms: graceSchema(maxGraceMs).describe(
      'Time between this signal and SIGKILL, milliseconds. Default: EXECUTION_KILL_GRACE_MS.',
    ),
    scope: z
      .enum(STOP_SCOPES)
      .optional()
      .describe(
        '`all` (default): every process gets the signal at once. `main`: the first process gets it, and the others when the first has ended.',
      ),
  });
}
export type StopSpec = z.infer<ReturnType<typeof stopSchema>>;

/** @param graceMs default, and the most that a template allows; null where it says nothing */
export function resolveStop(
  { signal = 'SIGTERM', grace_ms, scope = 'all' }: StopSpec,
  graceMs: { byDefault: number; most: number | null },
): StopPolicy {
  return { signal, graceMs: Math.min(grace_ms ?? graceMs.byDefault, graceMs.most ?? Infinity), scope };
}

/** As readers see it. */
export function shownStop({ signal, graceMs, scope }: StopPolicy) {
  return { signal, grace_ms: graceMs, scope };
}
