// How many steps of plans may wait for a slot. A step beyond that stays in its plan, so that no plan fills the queue for others
// or gets around what its user may have queued.
import { SLOT_KINDS, type SlotKind } from '../../domain/kinds.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import { mayTake } from '../../domain/shares.ts';

export interface StepRoomDeps {
  store: Pick<Store, 'queueUse'>;
  clock: Clock;
  /** Slots that a new execution would get at once. */
  freeSlots: (slotKind: SlotKind, pool: string | null) => number;
  /** Executions of all users that may wait. */
  maxQueued: number;
  /** Executions of one user that may wait; null where only the bound of all counts. */
  queuedOf: (userId: string) => number | null;
}

/** What else makes room, such as new quotas, nobody announces. */
const LOOK_AGAIN_MS = 1000;

export class StepRoom {
  readonly #deps: StepRoomDeps;
  /** Steps that are being stored, by user. */
  readonly #begun = new Map<string, number>();
  #total = 0;
  /** What goes on with plans that wait for room, by user. */
  readonly #waiting = new Map<string, Set<() => void>>();
  #isLooking = false;
  #willLook = false;

  constructor(deps: StepRoomDeps) {
    this.#deps = deps;
  }

  /** Takes the room of one step, to be given back when the step is stored. */
  tryTake(userId: string, slotKind: SlotKind, pool: string): boolean {
    if (!this.#hasRoom(userId, slotKind, pool)) return false;
    this.#add(userId, 1);
    return true;
  }

  giveBack(userId: string, steps: number): void {
    this.#add(userId, -steps);
  }

  /** Calls once when there may be room for one more step of this user. */
  wait(userId: string, wake: () => void): void {
    const known = this.#waiting.get(userId);
    if (known === undefined) this.#waiting.set(userId, new Set([wake]));
    else known.add(wake);
    this.#lookLater();
  }

  /** To be called when an execution has left the queue. */
  changed(): void {
    if (this.#waiting.size === 0 || this.#isLooking) return;
    this.#isLooking = true;
    void this.#deps.clock.sleep(0).then(() => {
      this.#isLooking = false;
      this.#look();
    });
  }

  #lookLater(): void {
    if (this.#willLook) return;
    this.#willLook = true;
    this.#deps.clock.timer(LOOK_AGAIN_MS, () => {
      this.#willLook = false;
      this.#look();
      if (this.#waiting.size > 0) this.#lookLater();
    });
  }

  /** Each plan that is woken takes what it needs, and waits again if there is no more: so one of a user is enough at a time. */
  #look(): void {
    for (const [userId, wakes] of [...this.#waiting]) {
      // What it waits for is not known here: a step of another pool looks, and waits again.
      if (!SLOT_KINDS.some((slotKind) => this.#hasRoom(userId, slotKind, null))) continue;
      const [wake] = wakes;
      if (wake === undefined) continue;
      wakes.delete(wake);
      if (wakes.size === 0) this.#waiting.delete(userId);
      wake();
    }
  }

  /** @param pool null: any that this server serves */
  #hasRoom(userId: string, slotKind: SlotKind, pool: string | null): boolean {
    const { store, freeSlots, queuedOf, maxQueued } = this.#deps;
    const { waiting, retrying } = store.queueUse(userId);
    const most = queuedOf(userId) ?? Infinity;
    const begun = this.#begun.get(userId) ?? 0;
    // A step that gets a slot does not wait; but it may have to be retried.
    if (waiting.own - retrying.own + begun < freeSlots(slotKind, pool)) {
      return retrying.own === 0 || (retrying.own < most && mayTake(retrying, 1, maxQueued));
    }
    const { own, total, users } = waiting;
    return (
      own + begun < most && mayTake({ own: own + begun, total: total + this.#total, users }, 1, maxQueued)
    );
  }

  #add(userId: string, steps: number): void {
    const begun = (this.#begun.get(userId) ?? 0) + steps;
    if (begun === 0) this.#begun.delete(userId);
    else this.#begun.set(userId, begun);
    this.#total += steps;
  }
}
