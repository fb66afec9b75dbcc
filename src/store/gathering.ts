// Groups on their way into transactions: what gathers while one is under way goes into the next.
import type { Group, GroupResult } from '../domain/ports/group.ts';
import { StoreError, type StoreStats } from '../domain/ports/store.ts';
import type { LocalFeed } from './local-feed.ts';

/** How long a transaction waits for more groups, ms. */
const GATHER_MS = 8;

export interface GatheredGroup {
  group: Group;
  /** The epoch that does it. */
  by: number;
}

export interface GatheringDeps {
  /** One transaction. A group that the database itself refused is answered with its error. */
  readonly write: (groups: readonly GatheredGroup[]) => Promise<(GroupResult | StoreError)[]>;
  /** Left out: whoever writes tells of it. */
  feed?: Pick<LocalFeed, 'tell'>;
  stats: Pick<StoreStats, 'waiting'>;
  /** How much runs. */
  readonly running: () => number;
  sleep: ((ms: number, signal?: AbortSignal) => Promise<void>) | undefined;
  /** Groups of one transaction, unless one caller has more. */
  most: number;
}

interface Waiting {
  groups: readonly Group[];
  by: number;
  resolve: (results: GroupResult[]) => void;
  reject: (error: unknown) => void;
}

export class Gathering {
  readonly #deps: GatheringDeps;
  #gathered: Waiting[] = [];
  /** What the next transaction waits for. */
  #crowd: { groups: number; isThere: AbortController } | null = null;
  #lastGroups = 0;
  #writing: Promise<void> | null = null;

  constructor(deps: GatheringDeps) {
    this.#deps = deps;
  }

  commit(groups: readonly Group[], by: number): Promise<GroupResult[]> {
    const { stats } = this.#deps;
    return new Promise((resolve, reject) => {
      this.#gathered.push({ groups, by, resolve, reject });
      stats.waiting += groups.length;
      if (this.#crowd !== null && stats.waiting >= this.#crowd.groups) this.#crowd.isThere.abort();
      this.#writing ??= this.#writeGathered();
    });
  }

  /** Resolves when nothing waits any more. */
  async ended(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
  }

  /** Commits what has gathered until nothing is left. Never rejects. */
  async #writeGathered(): Promise<void> {
    const { write, stats } = this.#deps;
    while (this.#gathered.length > 0) {
      await this.#gather();
      const batch = this.#take();
      try {
        const groups = batch.flatMap(({ groups, by }) => groups.map((group) => ({ group, by })));
        this.#answer(batch, await write(groups));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
      for (const { groups } of batch) stats.waiting -= groups.length;
    }
    this.#writing = null;
  }

  #take(): Waiting[] {
    let groups = 0;
    const by = this.#gathered[0]?.by;
    const end = this.#gathered.findIndex((one) => {
      groups += one.groups.length;
      return groups > this.#deps.most || one.by !== by;
    });
    return this.#gathered.splice(0, end === -1 ? this.#gathered.length : Math.max(1, end));
  }

  #answer(batch: readonly Waiting[], results: (GroupResult | StoreError)[]): void {
    for (const { groups, by, resolve, reject } of batch) {
      const own = results.splice(0, groups.length);
      this.#deps.feed?.tell(by, own.filter((result) => !(result instanceof StoreError)) as GroupResult[]);
      const failure = own.find((result) => result instanceof StoreError);
      if (failure === undefined) resolve(own as GroupResult[]);
      else reject(failure);
    }
  }

  /**
   * Where much runs much is about to end, and a transaction of twenty groups costs little more than one of one. So it waits
   * for as many as a quarter of what runs, but not for more than the last one had, and not for long.
   */
  async #gather(): Promise<void> {
    const { stats, running, sleep } = this.#deps;
    const groups = Math.min(Math.ceil(running() / 4), this.#lastGroups);
    if (stats.waiting < groups) {
      this.#crowd = { groups, isThere: new AbortController() };
      await sleep?.(GATHER_MS, this.#crowd.isThere.signal).catch(() => undefined);
      this.#crowd = null;
    }
    this.#lastGroups = stats.waiting;
  }
}
