// What is paused: kept in the store, which claims nothing of it from the moment on that a pause is answered.
import { RefusedError } from '../../domain/errors.ts';
import { type Execution, operationOf } from '../../domain/execution/execution.ts';
import { hasNoRun } from '../../domain/kinds.ts';
import { KEY, OPERATION, type Pause, pausedOf, RUNNER } from '../../domain/pauses.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { Group, GroupResult } from '../../domain/ports/group.ts';
import type { Store } from '../../domain/ports/store.ts';

export interface PausesDeps {
  store: Pick<Store, 'pauses' | 'setPaused'>;
  commit: (groups: readonly Group[]) => Promise<GroupResult[]>;
  clock: Clock;
  log: Log;
  /** The name of this server. */
  ownName: string;
  /** Whether this server is drained, after each change. */
  hold: (isDrained: boolean) => void;
  /** Claims what may start again. */
  fill: () => void;
  /** Tells other replicas that something has changed. */
  tell: () => void;
}

/** When a client should try again in maintenance, seconds. */
const RETRY_S = 30;

export class Pauses {
  readonly #deps: PausesDeps;
  readonly #pauses = new Map<string, Pause>();

  constructor(deps: PausesDeps) {
    this.#deps = deps;
  }

  /**
   * Takes in what was paused before the start.
   *
   * @throws StoreError
   */
  async start(): Promise<void> {
    const pauses = await this.#deps.store.pauses();
    this.#pauses.clear();
    for (const pause of pauses) this.#pauses.set(pause.name, pause);
    this.#tell();
  }

  /**
   * Takes in what another replica has paused or resumed.
   *
   * @throws StoreError
   */
  async lookAgain(): Promise<void> {
    const found = await this.#deps.store.pauses();
    const isSame = ({ name, reason }: Pause) => this.#pauses.get(name)?.reason === reason;
    if (found.length === this.#pauses.size && found.every((one) => this.#pauses.has(one.name) && isSame(one)))
      return;
    this.#pauses.clear();
    for (const pause of found) this.#pauses.set(pause.name, pause);
    this.#tell();
    this.#deps.fill();
  }

  /** All but the drains of servers. */
  list(): Pause[] {
    const all = [...this.#pauses.values()].filter(({ name }) => !name.startsWith(RUNNER));
    return all.sort((a, b) => a.since - b.since);
  }

  /** Since when a server is drained, and why; null when it is not. */
  drainOf(runner: string): Pause | null {
    return this.#pauses.get(RUNNER + runner) ?? null;
  }

  /** The same of this server. */
  get ownDrain(): Pause | null {
    return this.drainOf(this.#deps.ownName);
  }

  /** A pause that is there already gets the new reason. */
  async pause(name: string, by: string, reason: string | null): Promise<Pause> {
    const { clock, commit, log } = this.#deps;
    const since = this.#pauses.get(name)?.since ?? clock.now();
    const pause: Pause = { name, by, reason, since };
    await commit([[{ type: 'pauses', put: [pause], drop: [] }]]);
    this.#pauses.set(name, pause);
    this.#tell();
    this.#deps.tell();
    log.info({ paused: name, user: by }, 'Paused by hand');
    return pause;
  }

  /** False when it is not paused. */
  async resume(name: string): Promise<boolean> {
    const { commit, log, fill } = this.#deps;
    if (!this.#pauses.has(name)) return false;
    await commit([[{ type: 'pauses', put: [], drop: [name] }]]);
    this.#pauses.delete(name);
    this.#tell();
    this.#deps.tell();
    log.info({ resumed: name }, 'Resumed by hand');
    fill();
    return true;
  }

  /** What holds back an execution that waits in the queue; null when nothing does. */
  of(execution: Pick<Execution, 'spec' | 'concurrency'>): Pause | null {
    // Its steps wait, each in the queue.
    if (hasNoRun(execution.spec)) return null;
    const operation = operationOf(execution);
    const { concurrency } = execution;
    const names = [
      'queue',
      ...(operation === null ? [] : [OPERATION + operation]),
      ...(concurrency === null ? [] : [KEY + concurrency.key]),
    ];
    for (const name of names) {
      const pause = this.#pauses.get(name);
      if (pause !== undefined) return pause;
    }
    return null;
  }

  /** @throws RefusedError `maintenance` */
  checkMaintenance(): void {
    const pause = this.#pauses.get('maintenance');
    if (pause === undefined) return;
    const why = pause.reason === null ? '' : `: ${pause.reason}`;
    const detail = `execd is in maintenance${why}. It serves reads, continues accepted work, and rejects new work.`;
    throw new RefusedError('maintenance', detail, { retryAfterS: RETRY_S });
  }

  #tell(): void {
    this.#deps.store.setPaused(pausedOf([...this.#pauses.keys()]));
    this.#deps.hold(this.ownDrain !== null);
  }
}
