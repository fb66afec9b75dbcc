// Writes all that a store keeps as lines of JSON: a head, a line for each row, and an end with the number of rows and the
// digest of each table, so that whoever reads it knows that it is whole. Bytes of files come between the rows and the end.
import type { Blobs } from '../domain/ports/blobs.ts';
import { type Row, type StoreReading, type Table, TABLES } from '../domain/ports/transfer.ts';
import { type Digest, TableDigest } from './digest.ts';
import { exportFiles, type FilesEnd } from './export-files.ts';

/** Of the lines; grows with each change that an older program would misread. */
export const FORMAT = 1;

export interface Head {
  execd: 'export';
  format: number;
  version: string;
  id: string;
  at: string;
  from: StoreReading['kind'];
}

export interface End {
  end: true;
  tables: Partial<Record<Table, Digest>>;
  /** Left out in an export without the bytes of files. */
  files?: FilesEnd | undefined;
  last: StoreReading['lastNumbers'];
}

export type RowLine = readonly [table: Table, row: Row];

/**
 * @param write takes a piece of text; what it returns is waited for
 * @param places where bytes of files may be; null: they are left out
 */
export async function exportStore(
  reading: StoreReading,
  head: Pick<Head, 'version' | 'id' | 'at'>,
  write: (text: string) => Promise<void>,
  places: readonly Blobs[] | null,
): Promise<Pick<End, 'tables' | 'files'>> {
  const first: Head = { execd: 'export', format: FORMAT, ...head, from: reading.kind };
  await write(`${JSON.stringify(first)}\n`);
  const tables: End['tables'] = {};
  for (const table of TABLES) {
    const digest = new TableDigest();
    for await (const rows of reading.rows(table)) {
      for (const row of rows) digest.add(row);
      const lines = rows.map((row) => `${JSON.stringify([table, row] satisfies RowLine)}\n`);
      await write(lines.join(''));
    }
    tables[table] = digest.value;
  }
  const files = places === null ? {} : { files: await exportFiles(reading.digests(), places, write) };
  const end: End = { end: true, tables, ...files, last: reading.lastNumbers };
  await write(`${JSON.stringify(end)}\n`);
  return end;
}
