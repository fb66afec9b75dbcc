// Timers of the monitors of live executions: late to start, late to end, stuck. The store decides whether an event is added, so that
// each is added once, whichever engine asks, and however often. They live in memory; a restart reads them from the store.
import type { Execution } from '../../domain/execution/execution.ts';
import { beganAt } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import type { Clock, Timer } from '../../domain/ports/clock.ts';
import { mayTell, MONITOR_EVENTS, type MonitorEvent } from '../../domain/spec/monitor.ts';
import type { LiveRuns } from './live-runs.ts';

export interface MonitorsDeps {
  clock: Clock;
  live: Pick<LiveRuns, 'get'>;
  /** An event of a monitor is due; the execution may have moved on meanwhile. */
  tell(execution: Execution, event: MonitorEvent): void;
}

export class Monitors {
  readonly #deps: MonitorsDeps;
  readonly #timers = new Map<ExecutionId, Timer>();
  /** Reported ones that have not ended. */
  readonly #late = new Set<ExecutionId>();

  constructor(deps: MonitorsDeps) {
    this.#deps = deps;
  }

  /** Executions that were reported and have not ended, as far as they are known here. */
  get late(): number {
    return this.#late.size;
  }

  /** Somebody else sees to it. */
  forget(id: ExecutionId): void {
    this.#late.delete(id);
    this.#timers.get(id)?.cancel();
    this.#timers.delete(id);
  }

  /** Takes in the newest state of an execution: sets its timer while something may be due, and clears it afterwards. */
  follow(execution: Execution): void {
    const { id, monitor } = execution;
    if (monitor === null) return;
    this.forget(id);
    if (execution.phase !== 'done' && Object.keys(monitor.told).length > 0) this.#late.add(id);
    const due = this.#nextOf(execution);
    if (due === null) return;
    const timer = this.#deps.clock.timer(Math.max(0, due.inMs), () => {
      this.#timers.delete(id);
      // A sign of life sets no timer: it is looked for when one would be too late.
      const leftMs = this.#leftOf(execution, due.event);
      if (leftMs === null || leftMs > 0) this.follow(execution);
      else this.#deps.tell(execution, due.event);
    });
    this.#timers.set(id, timer);
  }

  clear(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.#late.clear();
  }

  #nextOf(execution: Execution): { event: MonitorEvent; inMs: number } | null {
    let next: { event: MonitorEvent; inMs: number } | null = null;
    for (const event of MONITOR_EVENTS) {
      const inMs = this.#leftOf(execution, event);
      if (inMs !== null && (next === null || inMs < next.inMs)) next = { event, inMs };
    }
    return next;
  }

  /** What is left until an event is due, milliseconds; null while it cannot be. */
  #leftOf(execution: Execution, event: MonitorEvent): number | null {
    const { phase, monitor, attempts, runId } = execution;
    const limitMs = monitor?.ms[event];
    if (limitMs === undefined || !mayTell({ phase, monitor, attempts: attempts.length }, event)) return null;
    const { clock, live } = this.#deps;
    if (event !== 'stuck') return limitMs - clock.between(beganAt(execution), clock.now());
    const run = live.get(runId);
    // Its claim is stored, and it is about to begin.
    if (run === undefined || run.name.attempt !== attempts.at(-1)?.number) return limitMs;
    if (run.stage === 'ended') return null;
    return run.aliveAt + limitMs - clock.monotonic();
  }
}
