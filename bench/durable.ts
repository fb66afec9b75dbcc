// A PostgreSQL as it is set up for real: what it has answered is on the disk. The tests do without.
import { type Cluster, startCluster } from '../test/helpers/postgres.ts';

const DURABLE = [
  ...['fsync=on', 'full_page_writes=on', 'wal_level=replica', 'max_wal_size=2GB'],
  ...['shared_buffers=128MB', 'autovacuum=on', 'max_connections=100'],
];

export async function startDurable(): Promise<{ cluster: Cluster; stop: () => Promise<void> }> {
  const undo: (() => unknown)[] = [];
  const cluster = await startCluster({ teardown: (one) => void undo.unshift(one) }, DURABLE);
  const stop = async () => {
    for (const one of undo) await one();
  };
  return { cluster, stop };
}
