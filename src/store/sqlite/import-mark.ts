// What the store knows of an import into it: no server opens one that was filled in part.
import type { DatabaseSync } from 'node:sqlite';
import type { ImportMark } from '../../domain/ports/transfer.ts';

export function importMark(db: DatabaseSync): ImportMark | null {
  const row = db.prepare(`SELECT value FROM meta WHERE name = 'import'`).get() as
    | { value: string }
    | undefined;
  return row === undefined ? null : (JSON.parse(row.value) as ImportMark);
}
