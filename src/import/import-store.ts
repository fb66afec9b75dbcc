// Fills a store with what was exported from another one. An import that was interrupted is repeated from the beginning: rows
// that are there already stay. It ends only when what is stored has the numbers of rows and the digests of the export.
import { type Row, type StoreFilling, type Table, TABLES } from '../domain/ports/transfer.ts';
import { type Digest, isSame, TableDigest } from './digest.ts';
import { type End, FORMAT, type Head, type RowLine } from './export-store.ts';

/** Rows of one transaction. */
const PIECE = 500;
/** The same in characters of the file: rows may be large. */
const PIECE_LENGTH = 4_000_000;

export class NotImported extends Error {}

export type StoreImported = { isKnown: true } | { isKnown: false; tables: End['tables'] };

/** @throws NotImported when the file is no whole export, or the store cannot take it */
export async function importStore(
  lines: AsyncIterable<string>,
  filling: StoreFilling,
): Promise<StoreImported> {
  const reader = new Reader(lines);
  const { id } = await reader.head();
  const mark = await filling.mark();
  if (mark?.id === id && mark.isDone) return { isKnown: true };
  if (mark?.id !== id) await checkEmpty(filling, mark?.isDone === false);
  await filling.begin(id);
  let rows: Row[] = [];
  let of: Table | null = null;
  let length = 0;
  const flush = async () => {
    if (of !== null && rows.length > 0) await filling.put(of, rows);
    [rows, length] = [[], 0];
  };
  for await (const { table, row, size } of reader.rows()) {
    if (table !== of || rows.length >= PIECE || length >= PIECE_LENGTH) await flush();
    of = table;
    rows.push(row);
    length += size;
  }
  await flush();
  await compare(filling, reader.end);
  await filling.finish(reader.end.last);
  return { isKnown: false, tables: reader.end.tables };
}

async function checkEmpty(filling: StoreFilling, isOther: boolean): Promise<void> {
  if (isOther)
    throw new NotImported(
      'the store holds part of another export. Finish the import of that one, or use an empty store',
    );
  const table = await filling.inUse();
  if (table !== null)
    throw new NotImported(
      `the store is not empty: it has rows in ${table}. An export can be imported only into an empty store`,
    );
}

async function compare(filling: StoreFilling, { tables }: End): Promise<void> {
  for (const table of TABLES) {
    const digest = new TableDigest();
    for await (const rows of filling.rows(table)) for (const row of rows) digest.add(row);
    const wanted = tables[table] ?? new TableDigest().value;
    const found: Digest = digest.value;
    if (isSame(found, wanted)) continue;
    const counts =
      found.rows === wanted.rows ? 'other values' : `${found.rows} rows instead of ${wanted.rows}`;
    throw new NotImported(
      `the table ${table} of the store has ${counts} after the import. Import the export into an empty store again`,
    );
  }
}

/** Reads the lines, and checks that they are a whole export. */
class Reader {
  readonly #lines: AsyncIterator<string>;
  #end: End | null = null;
  #place = 0;

  constructor(lines: AsyncIterable<string>) {
    this.#lines = lines[Symbol.asyncIterator]();
  }

  /** Known when all rows have been read. */
  get end(): End {
    if (this.#end === null)
      throw new NotImported('the file ends early: the export was not finished. Export again');
    return this.#end;
  }

  async head(): Promise<Head> {
    const line = await this.#next();
    const head = line === null ? null : (this.#parse(line) as Partial<Head>);
    if (head?.execd !== 'export' || typeof head.id !== 'string')
      throw new NotImported('the file is not an export of execd: `execd export` writes one');
    if (head.format !== FORMAT)
      throw new NotImported(
        `the export has the format ${head.format}; this execd reads the format ${FORMAT}. Use execd ${head.version}`,
      );
    return head as Head;
  }

  async *rows(): AsyncGenerator<{ table: Table; row: Row; size: number }> {
    for (let line = await this.#next(); line !== null; line = await this.#next()) {
      if (this.#end !== null)
        throw new NotImported(`line ${this.#place}: the file continues after the end of the export`);
      const value = this.#parse(line) as RowLine | End;
      if ('end' in value) {
        this.#end = this.#checkedEnd(value);
        continue;
      }
      const [table, row] = this.#checkedRow(value);
      if (!TABLES.includes(table))
        throw new NotImported(
          `line ${this.#place}: execd has no table ${JSON.stringify(table)}. Use a newer execd`,
        );
      yield { table, row, size: line.length };
    }
  }

  #checkedRow(line: RowLine): RowLine {
    const [, row] = Array.isArray(line) ? (line as Partial<RowLine>) : [];
    const isValue = (value: unknown) => value === null || ['string', 'number'].includes(typeof value);
    if (typeof row === 'object' && Object.values(row).every(isValue)) return line;
    throw new NotImported(`line ${this.#place} of the file is not a row of an export`);
  }

  #checkedEnd(end: End): End {
    const { tables, last } = end as Partial<End>;
    const numbers = [last?.execution, last?.event, last?.entry, last?.delivery];
    if (typeof tables === 'object' && numbers.every((n) => Number.isSafeInteger(n))) return end;
    throw new NotImported(`line ${this.#place} of the file is not the end of an export`);
  }

  async #next(): Promise<string | null> {
    const next = await this.#lines.next();
    this.#place += 1;
    return next.done === true ? null : next.value;
  }

  #parse(line: string): object {
    try {
      const value: unknown = JSON.parse(line);
      if (typeof value === 'object' && value !== null) return value;
    } catch {
      // Said below.
    }
    throw new NotImported(`line ${this.#place} of the file is not a whole line of an export`);
  }
}
