// Runs what has been claimed, each execution on the slot that it was claimed with.
import type { SlotKind } from '../../domain/kinds.ts';
import type { AccessRules } from '../../domain/access/access-rules.ts';
import { type Execution, slotKindOf, type RunningExecution } from '../../domain/execution/execution.ts';
import type { UnderWay } from './under-way.ts';
import { giveBack, type RunDeps, runExecution } from './run-execution.ts';
import type { Scheduler } from './scheduler.ts';

export interface RunsDeps extends Omit<RunDeps, 'rules' | 'scheduler'> {
  isOpen: () => boolean;
  /** The rules that apply now. */
  rulesNow: () => AccessRules;
  schedulers: Readonly<Record<SlotKind, Scheduler>>;
  underWay: UnderWay;
}

export class Runs {
  readonly #deps: RunsDeps;

  constructor(deps: RunsDeps) {
    this.#deps = deps;
  }

  /** What comes when the drain has begun goes back to the queue: nothing of it has started. */
  readonly run = (execution: RunningExecution): void => {
    const { isOpen, log, rulesNow, schedulers, underWay } = this.#deps;
    const scheduler = schedulerOf(schedulers, execution);
    const carry = isOpen() ? runExecution : giveBack;
    const carried = carry(execution, { ...this.#deps, rules: rulesNow(), scheduler }).catch(
      (error: unknown) => {
        log.error({ err: error, execution_id: execution.id }, 'A run failed with an internal error');
        scheduler.release();
      },
    );
    underWay.track(carried);
  };
}

export function schedulerOf<S>(
  schedulers: Readonly<Record<SlotKind, S>>,
  { work }: Pick<Execution, 'work'>,
): S {
  return schedulers[slotKindOf(work) ?? 'process'];
}
