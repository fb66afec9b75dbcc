// The monitors of an execution: when execd reports that it is late or stuck, and whether it cancels it then. A line of the table
// and its effect, and nothing in between. They end nothing by themselves: the clocks do that (times.ts).
import { z } from 'zod';

export const MONITOR_EVENTS = ['late_start', 'late', 'stuck'] as const;
/** A monitor, and the event that it adds. */
export type MonitorEvent = (typeof MONITOR_EVENTS)[number];
export const isMonitorEvent = (type: string): type is MonitorEvent =>
  (MONITOR_EVENTS as readonly string[]).includes(type);
export type MonitorName = `${MonitorEvent}_ms`;

interface MonitorWords {
  name: MonitorName;
  about: string;
  /** What is wrong, after the name of the execution; `shown` is its bound. */
  says: (shown: string) => string;
  /** A plan has it. */
  isOfPlans: boolean;
}

export const MONITORS = {
  late_start: {
    name: 'late_start_ms',
    about:
      'Adds the event `late_start` if no attempt has started so long after the acceptance or the start time',
    says: (shown) => `no attempt has started within ${shown}`,
    isOfPlans: false,
  },
  late: {
    name: 'late_ms',
    about: 'Adds the event `late` if it has not ended so long after the acceptance or the start time',
    says: (shown) => `it has not ended within ${shown}`,
    isOfPlans: true,
  },
  stuck: {
    name: 'stuck_ms',
    about: 'Adds the event `stuck` if an attempt runs and shows no output and no progress for so long',
    says: (shown) => `its attempt has shown no output and no progress for ${shown}`,
    isOfPlans: false,
  },
} as const satisfies Record<MonitorEvent, MonitorWords>;

/** What applies to an execution, and what has been reported: ms, and ms since the epoch. */
export interface Monitor {
  ms: Partial<Record<MonitorEvent, number>>;
  /** It is cancelled by the first event. */
  cancel: boolean;
  /** When each was reported: at most once. */
  told: Partial<Record<MonitorEvent, number>>;
}

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

export type MonitorSpec = Partial<Record<MonitorName, number | undefined>> & { cancel?: boolean | undefined };

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

/** Null without one. */
export function resolveMonitor(asked: MonitorSpec | undefined): Monitor | null {
  if (asked === undefined) return null;
  const ms: Monitor['ms'] = {};
  for (const event of MONITOR_EVENTS) {
    const value = asked[MONITORS[event].name];
    if (value !== undefined) ms[event] = value;
  }
  return { ms, cancel: asked.cancel ?? false, told: {} };
}

/** What has been reported, the oldest first. */
export function toldBy(monitor: Monitor | null): { event: MonitorEvent; at: number }[] {
  const told = Object.entries(monitor?.told ?? {}) as [MonitorEvent, number][];
  return told.map(([event, at]) => ({ event, at })).sort((a, b) => a.at - b.at);
}

/** @param iso makes a time of the wire */
export function toWireMonitor<T>(monitor: Monitor, iso: (at: number) => T) {
  const { ms, cancel } = monitor;
  return {
    ...{ late_start_ms: ms.late_start ?? null, late_ms: ms.late ?? null, stuck_ms: ms.stuck ?? null },
    cancel,
    told: toldBy(monitor).map(({ event, at }) => ({ event, time: iso(at) })),
  };
}

/** What an event of a monitor means, as a sentence without its subject. */
export function monitorSays(monitor: Monitor, event: MonitorEvent): string {
  const { name, says } = MONITORS[event];
  return `${says(`${monitor.ms[event]} ms`)} (monitor.${name})`;
}

/** Why a monitor cancels. */
export const monitorReason = (monitor: Monitor, event: MonitorEvent): string =>
  `Cancelled by its monitor: ${monitorSays(monitor, event)}.`;

/** What a monitor is decided by. */
export interface Watched {
  phase: string;
  monitor: Monitor | null;
  /** Attempts so far. */
  attempts: number;
}

/** Whether an event can still be added to an execution: pure, for the engine that waits and for the store that decides. */
export function mayTell({ phase, monitor, attempts }: Watched, event: MonitorEvent): boolean {
  if (monitor === null || monitor.ms[event] === undefined || monitor.told[event] !== undefined) return false;
  switch (event) {
    case 'late_start':
      return attempts === 0 && phase === 'queued';
    case 'late':
      return phase !== 'done' && phase !== 'scheduled';
    case 'stuck':
      return phase === 'starting' && attempts > 0;
    default:
      return event satisfies never;
  }
}
