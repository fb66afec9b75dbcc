// What a request may ask of monitors, and what a reader sees of them.
import { z } from 'zod';
import { MONITOR_EVENTS, type MonitorEvent, MONITORS } from './monitor.ts';

const CANCEL = 'Whether execd cancels the execution with the first of these events. Default: false.';

/** What a request may ask for; `bound` is that of each time. */
export function askedMonitor(bound: z.ZodInt) {
  return strict(
    {
      late_start_ms: timeOf('late_start', bound),
      late_ms: timeOf('late', bound),
      stuck_ms: timeOf('stuck', bound),
    },
    'late_start_ms, late_ms, stuck_ms',
  );
}

/** Of a plan, whose steps have the others. */
export const askedPlanMonitor = (bound: z.ZodInt) => strict({ late_ms: timeOf('late', bound) }, 'late_ms');

const timeOf = (event: MonitorEvent, bound: z.ZodInt) =>
  bound.optional().describe(`${MONITORS[event].about}, milliseconds. Default: off.`);

function strict<T extends z.ZodRawShape>(shape: T, names: string) {
  return z
    .strictObject({ ...shape, cancel: z.boolean().optional().describe(CANCEL) })
    .refine(
      (monitor) =>
        Object.keys(shape).some((name) => (monitor as Record<string, unknown>)[name] !== undefined),
      {
        error: `must have at least one of ${names}`,
      },
    );
}

/** What a reader sees. */
export function shownMonitor(ms: z.ZodInt, time: z.ZodType) {
  const shape = (event: MonitorEvent) =>
    ms.nullable().describe(`${MONITORS[event].about}, milliseconds; null: off.`);
  return z.strictObject({
    late_start_ms: shape('late_start'),
    late_ms: shape('late'),
    stuck_ms: shape('stuck'),
    cancel: z.boolean().describe('Whether execd cancels the execution with the first of these events.'),
    told: z
      .array(
        z.strictObject({
          event: z.enum(MONITOR_EVENTS).describe('The event.'),
          time: time.describe('When execd reported it.'),
        }),
      )
      .describe('What execd has reported, the oldest first; each event at most once.'),
  });
}
