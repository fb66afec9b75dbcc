// Starts what was asked to start later, when its time has come: executions enter the queue, plans begin.
import { hasSteps } from '../../domain/kinds.ts';
import type { RefusedError } from '../../domain/errors.ts';
import type { Execution, RunningExecution } from '../../domain/execution/execution.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { Group, GroupResult } from '../../domain/ports/group.ts';
import type { DueStart, Store } from '../../domain/ports/store.ts';
import type { PlanSpec } from '../../domain/spec/plan.ts';
import { Alarm } from './alarm.ts';

export interface StartsDeps {
  store: Pick<Store, 'dueStarts' | 'nextStart' | 'get'>;
  clock: Clock;
  log: Log;
  commit: (groups: readonly Group[]) => Promise<GroupResult[]>;
  /** What stands against one more plan that lives. */
  whyNoRoom: (userId: string, spec: PlanSpec) => RefusedError | null;
  beginPlan: (plan: RunningExecution) => void;
  /** Something has entered the queue. */
  queued: () => void;
}

/** Started in one commit. */
const AT_ONCE = 500;
/** A plan for which there is no room waits so long. */
const NO_ROOM_MS = 1000;

export class Starts {
  readonly #deps: StartsDeps;
  readonly alarm: Alarm;

  constructor(deps: StartsDeps) {
    this.#deps = deps;
    const failed = 'Cannot start executions whose start time has come; execd retries';
    this.alarm = new Alarm({ clock: deps.clock, log: deps.log, once: () => this.once(), failed });
  }

  /** Takes in the newest state of an execution. */
  follow(execution: Execution): void {
    if (execution.phase === 'scheduled') this.alarm.wake(execution.startAt);
  }

  /**
   * Starts all that is due; answers when the next is.
   *
   * @throws StoreError
   */
  async once(): Promise<number | null> {
    const { store, clock } = this.#deps;
    let after: DueStart | null = null;
    for (;;) {
      const due: DueStart[] = await store.dueStarts(clock.now(), after, AT_ONCE);
      await this.#start(due);
      if (due.length < AT_ONCE) break;
      after = due.at(-1) as DueStart;
    }
    const next = await store.nextStart();
    // What could not be started is due still.
    return next === null ? null : Math.max(next, clock.now() + (next <= clock.now() ? NO_ROOM_MS : 0));
  }

  async #start(due: readonly DueStart[]): Promise<void> {
    const { commit, beginPlan, queued } = this.#deps;
    const startable: DueStart[] = [];
    for (const one of due) if (await this.#hasRoom(one)) startable.push(one);
    if (startable.length === 0) return;
    const results = await commit(startable.map(({ id }) => [{ type: 'due', executionId: id, attempt: 0 }]));
    for (const result of results) {
      const [now] = result.status === 'applied' ? result.executions : [];
      if (now?.status === 'running') beginPlan(now);
    }
    queued();
  }

  /** Plans that live are in memory. */
  async #hasRoom({ id, kind }: DueStart): Promise<boolean> {
    if (!hasSteps({ kind })) return true;
    const plan = await this.#deps.store.get(null, id);
    return plan === null || !hasSteps(plan.spec) || this.#deps.whyNoRoom(plan.userId, plan.spec) === null;
  }
}
