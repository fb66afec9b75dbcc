// The monitors of an execution: when execd reports that it is late or stuck, and whether it cancels it then. They end nothing by
// themselves: the clocks do that (times.ts). The thread of the store loads this file: no schemas here (monitor-schema.ts).

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
      'Adds the event `late_start` if no attempt has started this long after the acceptance or the start time',
    says: (shown) => `no attempt has started within ${shown}`,
    isOfPlans: false,
  },
  late: {
    name: 'late_ms',
    about: 'Adds the event `late` if it has not ended this long after the acceptance or the start time',
    says: (shown) => `it has not ended within ${shown}`,
    isOfPlans: true,
  },
  stuck: {
    name: 'stuck_ms',
    about: 'Adds the event `stuck` if an attempt runs and shows no output and no progress for this time',
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

export type MonitorSpec = Partial<Record<MonitorName, number | undefined>> & { cancel?: boolean | undefined };

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
  if (monitor?.ms[event] === undefined || monitor.told[event] !== undefined) return false;
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
