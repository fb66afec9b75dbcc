// Pools of servers: a server serves some pools, an execution asks for one, and only servers of that pool start it.
import type { SlotKind } from './kinds.ts';

/** The pool of what names none, and of servers that are started without EXECUTION_POOL. */
export const DEFAULT_POOL = 'default';

/** Pools, beside those of this server, that executions may wait for at a time: more names are refused. */
export const MAX_OTHER_POOLS = 64;

/** Of work: a plan and a wait have none, since they take no slot. */
export const poolOf = (work: object): string => (work as { pool?: string | undefined }).pool ?? DEFAULT_POOL;

/**
 * What executions wait for together: slots of a kind in a pool, as stores name it. That of the default pool is the slot kind
 * alone, as it was before there were pools, so that servers of earlier versions take from the default pool and from no other.
 */
export type PoolKey = SlotKind | `${SlotKind}:${string}`;

export const poolKey = (slotKind: SlotKind, pool: string): PoolKey =>
  pool === DEFAULT_POOL ? slotKind : `${slotKind}:${pool}`;

export const slotKindIn = (key: PoolKey): SlotKind => key.split(':', 1)[0] as SlotKind;
export const poolIn = (key: PoolKey): string => key.slice(slotKindIn(key).length + 1) || DEFAULT_POOL;

/** A pool, with what waits for it and what serves it. */
export interface PoolView {
  name: string;
  /** Executions that wait for it. */
  queued: Record<SlotKind, number>;
  /** Slots of the servers that serve it. A server that serves several pools counts in each. */
  slots: Record<SlotKind, number>;
  /** Names of these servers. */
  servers: string[];
}

/** Executions in the queue by their pool key; what is not named has none. */
export type QueuedByPool = Readonly<Partial<Record<PoolKey, number>>>;

/** Of all pools together. */
export const queuedOfAll = (queued: QueuedByPool): number =>
  Object.values(queued).reduce<number>((sum, n) => sum + (n ?? 0), 0);

/** A server, as far as it is known what it serves; one of an earlier version serves the default pool. */
interface Serving {
  name: string;
  about: { role?: string; pools?: readonly string[]; slots?: Partial<Record<SlotKind, number>> };
}

/** Whether a server starts work of a pool. */
export const serves = ({ about }: Pick<Serving, 'about'>, pool: string): boolean =>
  about.role !== 'api' && (about.pools ?? [DEFAULT_POOL]).includes(pool);

/** The pools that servers serve or that something waits for, in the order of their names. */
export function poolViews(servers: readonly Serving[], queued: QueuedByPool): PoolView[] {
  const served = servers.flatMap(({ about }) =>
    about.role === 'api' ? [] : (about.pools ?? [DEFAULT_POOL]),
  );
  const waiting = (Object.keys(queued) as PoolKey[]).filter((key) => (queued[key] ?? 0) > 0).map(poolIn);
  return [...new Set([...served, ...waiting])].sort().map((name) => {
    const own = servers.filter((server) => serves(server, name));
    const slots = (kind: SlotKind) => own.reduce((sum, { about }) => sum + (about.slots?.[kind] ?? 0), 0);
    const waits = (kind: SlotKind) => queued[poolKey(kind, name)] ?? 0;
    return {
      name,
      queued: { process: waits('process'), http: waits('http') },
      slots: { process: slots('process'), http: slots('http') },
      servers: own.map((server) => server.name),
    };
  });
}
