// The keys of a store in PostgreSQL from outside of its server. Whoever writes takes the same lock, one transaction at a time.
import { StoreError } from '../../domain/ports/store.ts';
import type { ApiKeysPart } from '../../domain/ports/group.ts';
import { type ApiKeyRow, toApiKey } from '../key-rows.ts';
import type { KeyTable } from '../key-table.ts';
import { applyGroup, firstNeeds } from '../rules/groups.ts';
import { WorkingSet } from '../rules/working-set.ts';
import { EQUAL_SHARES } from '../shares.ts';
import { statementsOf } from './changes.ts';
import { type Connection, Database } from './database.ts';
import { isServed } from './entering.ts';
import { load, NOTHING_LOADED } from './load.ts';
import { migrate } from './migrate.ts';
import { ALL_API_KEYS } from './reads/other-reads.ts';
import { storeError } from './trouble.ts';
import { LOCK } from './writer.ts';

/**
 * Opens the keys of a database, which is prepared when it is new.
 *
 * @param now wall clock, ms since the epoch
 * @throws StoreError when the database cannot be used
 */
export async function openKeyTable(url: string, now: () => number): Promise<KeyTable> {
  const database = new Database({ url, connections: 1, name: 'execd keys' });
  try {
    const connection = await database.connect();
    await migrate(connection, { isServed: await isServed(connection) });
    return {
      all: async () => (await connection.query<ApiKeyRow>(ALL_API_KEYS)).map(toApiKey),
      change: (part) => change(connection, part, now()),
      async close() {
        await connection.close();
        await database.close();
      },
    };
  } catch (error) {
    await database.close();
    throw storeError('Cannot open the database', error, database.where);
  }
}

async function change(
  connection: Connection,
  part: ApiKeysPart,
  now: number,
): Promise<'key_exists' | 'too_many_keys' | null> {
  await Promise.all([connection.send('BEGIN'), connection.send(LOCK)]);
  const set = new WorkingSet({ now, maxDeliveries: 0, shares: EQUAL_SHARES }, NOTHING_LOADED);
  await load(connection, set, firstNeeds([[part]], now));
  const reply = applyGroup(set, [part]);
  if (reply.status !== 'applied') {
    await connection.send('ROLLBACK');
    return (reply as { reason: 'key_exists' | 'too_many_keys' }).reason;
  }
  const sent = statementsOf(set.changes(), now).map(({ text, values }) => connection.query(text, values));
  const [{ command }] = await Promise.all([connection.send('COMMIT'), ...sent]);
  if (command !== 'COMMIT') throw new StoreError('Cannot write to the database: the keys were not changed');
  return null;
}
