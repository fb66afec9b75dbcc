// Runs that others can join, and who takes part in them. It mirrors what the store has: who is attached to a run is
// decided there.
import type { Execution } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';

export class Joins {
  /** By user and key: the runs that identical work may join. */
  readonly #open = new Map<string, ExecutionId>();
  readonly #names = new Map<ExecutionId, string>();
  /** How many have asked to join each. */
  readonly #asked = new Map<ExecutionId, number>();
  /** Executions that take part in a run besides the one that stands for it. */
  readonly #joined = new Map<ExecutionId, Set<ExecutionId>>();
  readonly #runs = new Map<ExecutionId, ExecutionId>();

  /** The run that work with this key can join, unless `most` have joined it. Only finished results are shared between users. */
  find(userId: string, key: string, most: number): ExecutionId | null {
    const runId = this.peek(userId, key, most);
    if (runId !== null) this.#asked.set(runId, (this.#asked.get(runId) ?? 0) + 1);
    return runId;
  }

  /** The same, without taking part in it. */
  peek(userId: string, key: string, most: number): ExecutionId | null {
    const runId = this.#open.get(nameOf(userId, key));
    return runId === undefined || (this.#asked.get(runId) ?? 0) >= most ? null : runId;
  }

  /** Offers a run to those that come after it. */
  offer(userId: string, key: string, runId: ExecutionId): void {
    this.#offerAs(nameOf(userId, key), runId);
  }

  #offerAs(name: string, runId: ExecutionId): void {
    this.#open.set(name, runId);
    this.#names.set(runId, name);
  }

  /** Nobody is to join a run any more. */
  withdraw(runId: ExecutionId): void {
    const name = this.#names.get(runId);
    this.#names.delete(runId);
    this.#asked.delete(runId);
    if (name !== undefined && this.#open.get(name) === runId) this.#open.delete(name);
  }

  /** Takes in a pending execution that was there when the server started, and offers its run. */
  resume(execution: Execution, key: string | null): void {
    this.follow(execution);
    const { userId, runId, phase } = execution;
    if (phase === 'joined') this.#asked.set(runId, (this.#asked.get(runId) ?? 0) + 1);
    else if (key !== null) this.offer(userId, key, runId);
  }

  /** Takes in the newest state of an execution. */
  follow(execution: Execution): void {
    if (execution.cache === null) return;
    const { id, runId, phase } = execution;
    const before = this.#runs.get(id);
    if (before !== undefined && (phase !== 'joined' || before !== runId)) this.#detach(id, before);
    if (before !== undefined && before !== runId) {
      // The run has ended without those that had joined it, and one of them has begun another.
      const name = this.#names.get(before);
      this.withdraw(before);
      if (phase === 'queued' && name !== undefined) this.#offerAs(name, runId);
    }
    if (phase === 'joined' && before !== runId) this.#attach(id, runId);
    if (phase === 'canceling') this.withdraw(runId);
    if (phase === 'done' && !this.isShared(runId)) this.withdraw(runId);
  }

  /** Whether others take part in a run. */
  isShared(runId: ExecutionId): boolean {
    return this.#joined.has(runId);
  }

  #attach(id: ExecutionId, runId: ExecutionId): void {
    this.#runs.set(id, runId);
    const ids = this.#joined.get(runId) ?? new Set();
    this.#joined.set(runId, ids.add(id));
  }

  #detach(id: ExecutionId, runId: ExecutionId): void {
    this.#runs.delete(id);
    const ids = this.#joined.get(runId);
    ids?.delete(id);
    if (ids?.size === 0) this.#joined.delete(runId);
  }
}

const nameOf = (userId: string, key: string): string => `${userId}\0${key}`;
