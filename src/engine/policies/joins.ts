// Runs that others can join, and who takes part in them. It mirrors what the store has: who is attached to a run is
// decided there.
import { type Execution, joinKey } from '../../domain/execution/execution.ts';
import type { ExecutionId } from '../../domain/ids.ts';

type Joinable = Pick<Execution, 'userId' | 'cache' | 'retry' | 'retrySafe'>;

export class Joins {
  /** By user and key: the runs that identical work may join. */
  readonly #open = new Map<string, ExecutionId>();
  readonly #names = new Map<ExecutionId, string>();
  /** How many have asked to join each. */
  readonly #asked = new Map<ExecutionId, number>();
  /** Executions that take part in a run besides the one that stands for it. */
  readonly #joined = new Map<ExecutionId, Set<ExecutionId>>();
  readonly #runs = new Map<ExecutionId, ExecutionId>();

  /** The run that such work can join, unless `most` have joined it. Only finished results are shared between users. */
  find(work: Joinable, most: number): ExecutionId | null {
    const runId = this.peek(work, most);
    if (runId !== null) this.#asked.set(runId, (this.#asked.get(runId) ?? 0) + 1);
    return runId;
  }

  /** The same, without taking part in it. */
  peek(work: Joinable, most: number): ExecutionId | null {
    const runId = this.newest(work);
    return runId === null || (this.#asked.get(runId) ?? 0) >= most ? null : runId;
  }

  /** The run that was offered last, however many have joined it. */
  newest(work: Joinable): ExecutionId | null {
    const name = nameOf(work);
    return name === null ? null : (this.#open.get(name) ?? null);
  }

  /** Offers a run to those that come after it. */
  offer(work: Joinable, runId: ExecutionId): void {
    const name = nameOf(work);
    if (name !== null) this.#offerAs(name, runId);
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
  resume(execution: Execution): void {
    this.follow(execution);
    const { runId, phase } = execution;
    if (phase === 'joined') this.#asked.set(runId, (this.#asked.get(runId) ?? 0) + 1);
    else this.offer(execution, runId);
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

function nameOf(work: Joinable): string | null {
  const key = joinKey(work);
  return key === null ? null : `${work.userId}\0${key}`;
}
