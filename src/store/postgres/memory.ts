// What the counters of the database hold, for the memory of the store: read once, at the start, however much is stored.
import type { CountName, Facts, Numbered, Usage } from '../rules/facts.ts';
import { Memory } from '../memory.ts';
import type { WebhookRow } from '../webhook-rows.ts';
import type { Connection } from './database.ts';

type CounterRow =
  | { kind: 'counts'; name: CountName; n: number }
  | { kind: 'last'; name: Numbered; n: number }
  | { kind: 'keys' | 'openKeys' | 'pending'; name: string; n: number };

type UsageRow = Omit<Usage, 'waiting' | 'storeBytes' | 'logBytes'> & {
  user_id: string;
  waiting_count: number;
  store_bytes: number;
  log_bytes: number;
};

const STANDING = `SELECT * FROM execd.webhooks WHERE execution_id IS NULL AND disabled IS NULL ORDER BY created_at, id`;

export async function readMemory(connection: Connection): Promise<Memory> {
  const memory = new Memory();
  const [counters, usages, webhooks] = await Promise.all([
    connection.query<CounterRow>('SELECT kind, name, n FROM execd.counters'),
    connection.query<UsageRow>('SELECT * FROM execd.usages'),
    connection.query<WebhookRow>(STANDING),
  ]);
  // What was dropped counts since the start only.
  for (const { kind, name, n } of counters)
    if (name !== 'dropped') memory.set(kind, name, n satisfies Facts[typeof kind]);
  for (const { user_id: userId, waiting_count: waiting, store_bytes, log_bytes, ...others } of usages)
    memory.users.set(userId, { ...others, waiting, storeBytes: store_bytes, logBytes: log_bytes });
  for (const row of webhooks) memory.listen(row);
  return memory;
}
