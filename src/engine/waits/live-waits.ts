// The waits that live: ends each when what it waits for has come. Keeps nothing that the store does not have: what was sent is
// stored first, and found again after a crash.
import { isWait } from '../../domain/kinds.ts';
import type { AwaitingExecution, Execution } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import { awaitedOf, endOfWait, type Signal, type WaitEnd, waitEndsAt } from '../../domain/plans/waits.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { Group, GroupResult, Part } from '../../domain/ports/group.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { WaitSpec } from '../../domain/spec/wait.ts';
import { Alarm } from '../schedules/alarm.ts';

export interface LiveWaitsDeps {
  store: Pick<Store, 'awaiting' | 'signals' | 'get'>;
  clock: Clock;
  log: Log;
  commit: (groups: readonly Group[]) => Promise<GroupResult[]>;
}

interface Live {
  wait: AwaitingExecution;
  /** Something may have been sent to it. */
  isDue: boolean;
  /** The outermost plan, which signals are sent to; null until somebody asks. */
  planId: ExecutionId | null;
}

export class LiveWaits {
  readonly #deps: LiveWaitsDeps;
  readonly #live = new Map<ExecutionId, Live>();
  readonly alarm: Alarm;

  constructor(deps: LiveWaitsDeps) {
    this.#deps = deps;
    const failed = 'Cannot end waits of plans; execd retries';
    this.alarm = new Alarm({ clock: deps.clock, log: deps.log, once: () => this.once(), failed });
  }

  /**
   * Takes in those that the store has.
   *
   * @throws StoreError
   */
  async read(): Promise<void> {
    for (const wait of await this.#deps.store.awaiting()) this.follow(wait);
  }

  /** Takes in the newest state of an execution. */
  follow(execution: Execution): void {
    if (!isWait(execution.spec)) return;
    if (execution.phase !== 'awaiting') return void this.#live.delete(execution.id);
    if (this.#live.has(execution.id)) return;
    this.#live.set(execution.id, { wait: execution, isDue: true, planId: null });
    this.alarm.wake();
  }

  /** Those that wait for an approval, oldest first. */
  approvals(): AwaitingExecution[] {
    const all = [...this.#live.values()].map(({ wait }) => wait);
    return all.filter((wait) => awaitedOf(wait) === 'approval');
  }

  /** Looks at those that what was sent may end. */
  async sent({ subjectId, name }: Pick<Signal, 'subjectId' | 'name'>): Promise<void> {
    const own = this.#live.get(subjectId);
    if (own !== undefined) own.isDue = true;
    for (const live of this.#live.values()) {
      if (signalOf(live) === name && (await this.#planOf(live)) === subjectId) live.isDue = true;
    }
    this.alarm.wake();
  }

  /**
   * Ends all that have what they wait for; answers when the time of the next is up.
   *
   * @throws StoreError
   */
  async once(): Promise<number | null> {
    const now = this.#deps.clock.now();
    let next = Infinity;
    for (const live of [...this.#live.values()]) {
      const endsAt = waitEndsAt(live.wait) ?? Infinity;
      if (live.isDue || endsAt <= now) {
        live.isDue = false;
        try {
          await this.#look(live);
        } catch (error) {
          live.isDue = true;
          throw error;
        }
      }
      if (this.#live.has(live.wait.id)) next = Math.min(next, endsAt);
    }
    return next === Infinity ? null : next;
  }

  async #look(live: Live): Promise<void> {
    const { wait } = live;
    if (!this.#live.has(wait.id)) return;
    const { store, clock, commit } = this.#deps;
    const of = awaitedOf(wait);
    const subjectId = of === 'signal' ? await this.#planOf(live) : wait.id;
    const end = endOfWait(wait, of === 'time' ? [] : await store.signals(subjectId), clock.now());
    if (end === null) return;
    const all = end.takes === null ? [wait] : await this.#sharing(wait, subjectId);
    const [result] = await commit([groupOf(all, end)]);
    if (result?.status === 'applied') return;
    // Something has ended one of them meanwhile, or has taken the signal.
    for (const { id } of all) {
      const now = await store.get(null, id);
      if (now === null) this.#live.delete(id);
      else this.follow(now);
      const again = this.#live.get(id);
      if (again !== undefined) again.isDue = true;
    }
    this.alarm.wake();
  }

  /** All that wait for the same signal to the same plan end by it. */
  async #sharing(wait: AwaitingExecution, planId: ExecutionId): Promise<AwaitingExecution[]> {
    const found = [wait];
    for (const other of this.#live.values()) {
      if (other.wait.id === wait.id || signalOf(other) !== signalOf({ wait })) continue;
      if ((await this.#planOf(other)) === planId) found.push(other.wait);
    }
    return found;
  }

  async #planOf(live: Live): Promise<ExecutionId> {
    live.planId ??= await outermost(live.wait, this.#deps.store);
    return live.planId;
  }
}

const signalOf = ({ wait }: Pick<Live, 'wait'>): string | undefined => (wait.spec as WaitSpec).signal?.name;

/** The outermost plan that an execution belongs to: itself, where it is a step of none. */
export async function outermost(execution: Execution, store: Pick<Store, 'get'>): Promise<ExecutionId> {
  let at: Execution = execution;
  while (at.plan !== null) {
    const above: Execution | null = await store.get(null, at.plan.id);
    if (above === null) return at.plan.id;
    at = above;
  }
  return at.id;
}

function groupOf(waits: readonly AwaitingExecution[], { outcome, value, takes }: WaitEnd): Group {
  const group: Part[] = [];
  const [first] = waits;
  if (takes !== null && first !== undefined)
    group.push({ type: 'take_signal', subjectId: takes.subjectId, id: takes.id, by: first.id });
  const result = { type: 'json', value } as const;
  for (const { id } of waits)
    group.push({ type: 'settle', executionId: id, attempt: 0, outcome, result, end: null });
  return group;
}
