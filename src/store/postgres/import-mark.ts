// What a database knows of an import into it.
import type { ImportMark } from '../../domain/ports/transfer.ts';
import type { Connection } from './database.ts';

const MARK = `SELECT value FROM execd.meta WHERE name = 'import'`;

/** Null when nothing was ever imported. */
export async function importMark(connection: Connection): Promise<ImportMark | null> {
  const [row] = await connection.query<{ value: string }>(MARK);
  return row === undefined ? null : (JSON.parse(row.value) as ImportMark);
}
