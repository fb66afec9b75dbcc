// The servers on the store, and what runs on each of them; and who is to start nothing there.
import { quoted, RefusedError } from '../../domain/errors.ts';
import { type Pause, RUNNER } from '../../domain/pauses.ts';
import type { Log } from '../../domain/ports/clock.ts';
import type { FileVersions, ReplicaFacts, ReplicaView } from '../../domain/ports/replica.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { Pauses } from '../policies/pauses.ts';
import { stored } from '../refusals.ts';

export interface RunnersDeps {
  store: Pick<Store, 'replicas' | 'setFacts'>;
  epoch: () => number | undefined;
  log: Log;
  /** What this server says of itself. */
  facts: () => ReplicaFacts | undefined;
  /** Tells the others that it says something else. */
  tell: () => void;
  pauses: Pick<Pauses, 'pause' | 'resume' | 'drainOf'>;
}

export interface RunnerView extends ReplicaView {
  /** Whether it is this server. */
  isSelf: boolean;
  /** Since when it is drained; null when it is not. */
  drain: Pause | null;
}

const SETTINGS: Record<keyof FileVersions, string> = {
  policy: 'EXECUTION_POLICY_FILE',
  operations: 'EXECUTION_OPERATIONS_FILE',
};

export class Runners {
  readonly #deps: RunnersDeps;
  /** Differences that were logged. */
  #known = new Set<string>();

  constructor(deps: RunnersDeps) {
    this.#deps = deps;
  }

  /** Those whose lease is not over, the longest there first. */
  async list(): Promise<RunnerView[]> {
    const { store, epoch, facts, pauses } = this.#deps;
    const replicas = await stored(store.replicas());
    return replicas.map((replica) => {
      const isSelf = replica.epoch === epoch();
      const about = isSelf ? { ...replica.about, ...facts() } : replica.about;
      return { ...replica, isSelf, about, drain: pauses.drainOf(replica.name) };
    });
  }

  /**
   * Lets a server start nothing new, until it is resumed: also after a restart. What runs there goes on.
   *
   * @throws RefusedError `runner_not_found` when no server of that name is there
   */
  async drain(name: string, by: string, reason: string | null): Promise<Pause> {
    const all = await this.list();
    if (all.some((one) => one.name === name)) return this.#deps.pauses.pause(RUNNER + name, by, reason);
    const names = all.map((one) => quoted(one.name)).join(', ');
    throw new RefusedError('runner_not_found', `There is no server ${quoted(name)}; there are ${names}.`);
  }

  /**
   * Lets a drained server start work again. It need not be there.
   *
   * @throws RefusedError `runner_not_found` when it is not drained
   */
  async resume(name: string): Promise<void> {
    if (await this.#deps.pauses.resume(RUNNER + name)) return;
    throw new RefusedError('runner_not_found', `The server ${quoted(name)} is not drained.`);
  }

  /** Says again what this server says of itself, and compares it with what others say. Never rejects. */
  async say(): Promise<void> {
    const { store, facts, tell, log } = this.#deps;
    const own = facts();
    if (own === undefined || store.setFacts === undefined) return;
    try {
      await store.setFacts(own);
      tell();
      await this.compare();
    } catch (err) {
      log.warn({ err }, 'Cannot send the versions of the files of this server to other servers');
    }
  }

  /**
   * Warns of servers that use other files than this one, once of each difference.
   *
   * @throws RefusedError `store_unavailable`
   */
  async compare(): Promise<void> {
    const own = this.#deps.facts()?.versions;
    if (own === undefined) return;
    const found = new Set<string>();
    for (const { name, isSelf, about } of await this.list())
      for (const file of ['policy', 'operations'] as const) {
        const theirs = about.versions?.[file];
        if (isSelf || theirs === undefined || theirs === own[file]) continue;
        found.add(
          `The server ${name} has another ${SETTINGS[file]} (version ${theirs ?? 'none'}) than this one (version ${own[file] ?? 'none'}): what users may do depends on the server that they reach`,
        );
      }
    for (const difference of found) if (!this.#known.has(difference)) this.#deps.log.warn({}, difference);
    this.#known = found;
  }
}
