// Takes old results into a store, many at a time. Nothing of it is told to webhooks.
import type { Store } from '../domain/ports/store.ts';
import { Ordinals, toFinished } from './executions.ts';
import type { Item } from './read-file.ts';
import { readRecord } from './records.ts';

export interface ImportOptions {
  store: Pick<Store, 'get' | 'commit'>;
  /** Of records that name no user. */
  userId: string;
  /** Wall clock, ms since the epoch. */
  now: number;
  /** What ended longer ago would be removed by the next cleanup, milliseconds. */
  retentionMs: number;
  failedRetentionMs: number;
  /** Everything counts as ended now, whatever its time. */
  isAsOfNow: boolean;
  /** Only says what would become of each record. */
  isDryRun: boolean;
  /** Told of each record that is rejected. */
  onRejected: (place: string, why: string) => void;
}

export interface Imported {
  imported: number;
  /** Records that an earlier import has brought. */
  known: number;
  /** Records of what had not ended. */
  pending: number;
  rejected: number;
}

const BATCH = 200;

export async function importResults(
  items: AsyncIterable<Item> | Iterable<Item>,
  options: ImportOptions,
): Promise<Imported> {
  const { store, now, isDryRun } = options;
  const counts: Imported = { imported: 0, known: 0, pending: 0, rejected: 0 };
  const ordinals = new Ordinals();
  let batch: ReturnType<typeof toFinished>[] = [];
  const flush = async () => {
    const groups = batch.map(({ like, own }) => [
      { type: 'answers', like, each: [own], isSilent: true } as const,
    ]);
    batch = [];
    if (!isDryRun && groups.length > 0) await store.commit(groups);
  };
  for await (const item of items) {
    const taken = take(item, options);
    if (taken === 'pending') counts.pending += 1;
    else if ('wrong' in taken) {
      counts.rejected += 1;
      options.onRejected(item.place, taken.wrong);
    } else {
      const at = options.isAsOfNow ? now : (taken.result.at ?? now);
      const made = toFinished(taken.result, { userId: options.userId, at, ordinals });
      if ((await store.get(null, made.own.id)) !== null) counts.known += 1;
      else {
        counts.imported += 1;
        batch.push(made);
      }
      if (batch.length === BATCH) await flush();
    }
  }
  await flush();
  return counts;
}

function take(
  item: Item,
  { now, retentionMs, failedRetentionMs, isAsOfNow }: ImportOptions,
): 'pending' | { wrong: string } | Extract<ReturnType<typeof readRecord>, { result: object }> {
  if ('wrong' in item) return item;
  const read = readRecord(item.value);
  if ('pending' in read) return 'pending';
  if ('wrong' in read || isAsOfNow) return read;
  const { at, status } = read.result;
  const hasFailed = status === 'failed' || status === 'timed_out';
  if (at === null || at >= now - (hasFailed ? failedRetentionMs : retentionMs)) return read;
  const setting = hasFailed ? 'EXECUTION_FAILED_RETENTION_SECS' : 'EXECUTION_RETENTION_SECS';
  const ended = new Date(at).toISOString();
  return {
    wrong: `it ended at ${ended}, and the next cleanup would remove it. Raise ${setting}, or use --as-of-now`,
  };
}
