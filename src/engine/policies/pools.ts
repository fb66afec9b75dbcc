// Pools of servers as they are now: which servers serve them, what waits for them, and what waits for one that nobody serves.
import { quoted, RefusedError } from '../../domain/errors.ts';
import {
  DEFAULT_POOL,
  MAX_OTHER_POOLS,
  poolIn,
  type PoolKey,
  poolOf,
  poolViews,
  type PoolView,
  serves,
} from '../../domain/pools.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { ReplicaView } from '../../domain/ports/replica.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { EngineSettings } from './settings.ts';

export interface PoolsDeps {
  store: Pick<Store, 'stats'>;
  policy: Pick<EngineSettings, 'pools' | 'slots'>;
  clock: Pick<Clock, 'monotonic'>;
  log: Log;
  /** Servers whose lease is not over. */
  servers: () => Promise<readonly (ReplicaView & { isSelf: boolean })[]>;
}

/** A pool that nobody serves is told in the log again after this time, while more comes for it. */
const TELL_AGAIN_MS = 60_000;

export class Pools {
  readonly #deps: PoolsDeps;
  /** When the log was last told of a pool that nobody serves, by its name; never more than may be waited for. */
  readonly #told = new Map<string, number>();

  constructor(deps: PoolsDeps) {
    this.#deps = deps;
  }

  /**
   * The pools that servers serve or that executions wait for, in the order of their names.
   *
   * @throws RefusedError `store_unavailable`
   */
  async list(): Promise<PoolView[]> {
    return poolViews(await this.#servers(), this.#deps.store.stats().queued);
  }

  /**
   * Names of the servers that serve a pool.
   *
   * @throws RefusedError `store_unavailable`
   */
  async servedBy(pool: string): Promise<string[]> {
    return (await this.#servers()).filter((one) => serves(one, pool)).map(({ name }) => name);
  }

  /** Whether this server starts work of a pool. */
  isOwn(pool: string): boolean {
    const { pools, slots } = this.#deps.policy;
    return slots.process + slots.http > 0 && pools.includes(pool);
  }

  /** @throws RefusedError `validation` when too many other pools are waited for */
  check(pool: string = DEFAULT_POOL): void {
    const isBounded = (name: string) => name !== DEFAULT_POOL && !this.#deps.policy.pools.includes(name);
    if (!isBounded(pool)) return;
    const keys = Object.keys(this.#deps.store.stats().queued) as PoolKey[];
    const waited = new Set(keys.map(poolIn).filter(isBounded));
    if (waited.size < MAX_OTHER_POOLS || waited.has(pool)) return;
    const message = `is ${quoted(pool)}; executions wait for ${waited.size} other pools, and execd allows at most ${MAX_OTHER_POOLS}. Name one of these pools, or cancel what waits for a pool that no server serves`;
    throw new RefusedError('validation', `/pool: ${message}`, { fields: [{ field: '/pool', message }] });
  }

  /** Tells the log of work for a pool that nobody serves, at most once in a minute. Never throws. */
  noteWaiting(work: object): void {
    const pool = poolOf(work);
    if (this.isOwn(pool)) return;
    const { clock, log } = this.#deps;
    const now = clock.monotonic();
    const last = this.#told.get(pool);
    if (last !== undefined && now - last < TELL_AGAIN_MS) return;
    for (const [name, at] of this.#told) if (now - at >= TELL_AGAIN_MS) this.#told.delete(name);
    this.#told.set(pool, now);
    this.servedBy(pool).then(
      (servers) => {
        if (servers.length === 0)
          log.warn({ pool }, `Executions wait for the pool ${quoted(pool)}, which no server serves`);
      },
      (err: unknown) => log.warn({ err, pool }, 'Cannot read which servers serve a pool'),
    );
  }

  /** This server is known best by itself. */
  async #servers(): Promise<readonly ReplicaView[]> {
    const { pools, slots } = this.#deps.policy;
    const isIdle = slots.process + slots.http === 0;
    return (await this.#deps.servers()).map((one) => {
      if (!one.isSelf) return one;
      const role = isIdle ? 'api' : (one.about.role ?? 'all');
      return { ...one, about: { ...one.about, role, pools, slots } };
    });
  }
}
