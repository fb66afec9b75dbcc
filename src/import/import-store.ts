// Fills a store with what was exported from another one. An import that was interrupted is repeated from the beginning: rows
// that are there already stay. It ends only when what is stored has the numbers of rows and the digests of the export.
import { type Row, type StoreFilling, type Table, TABLES } from '../domain/ports/transfer.ts';
import type { Blobs } from '../domain/ports/blobs.ts';
import { type Digest, isSame, TableDigest } from './digest.ts';
import { BYTES, type FileLine, type FilePiece } from './export-files.ts';
import { type End, FORMAT, type Head, type RowLine } from './export-store.ts';
import { countMissing, importFiles } from './import-files.ts';
import { NotImported } from './not-imported.ts';

/** Rows of one transaction. */
const PIECE = 500;
/** The same in characters of the file: rows may be large. */
const PIECE_LENGTH = 4_000_000;

export type StoreImported = { isKnown: true } | ({ isKnown: false } & Pick<End, 'tables' | 'files'>);

/**
 * @param place where the bytes of files go
 * @throws NotImported when the file is no whole export, or the store cannot take it
 */
export async function importStore(
  lines: AsyncIterable<string>,
  filling: StoreFilling,
  place: Blobs,
): Promise<StoreImported> {
  const reader = new Reader(lines);
  const { id } = await reader.head();
  const mark = await filling.mark();
  if (mark?.id === id && mark.isDone) return { isKnown: true };
  if (mark?.id !== id) await checkEmpty(filling, mark?.isDone === false);
  await filling.begin(id);
  const piece = await putRows(reader, filling);
  const files =
    piece === null ? { files: 0, bytes: 0 } : await importFiles(piece, () => reader.piece(), place);
  await compare(filling, reader.end);
  await compareFiles(filling, place, files, reader.end);
  await filling.finish(reader.end.last);
  return { isKnown: false, tables: reader.end.tables, files: reader.end.files };
}

/** Stores the rows; returns the first piece of a file behind them, if there is one. */
async function putRows(reader: Reader, filling: StoreFilling): Promise<FilePiece | null> {
  let rows: Row[] = [];
  let of: Table | null = null;
  let length = 0;
  const flush = async () => {
    if (of !== null && rows.length > 0) await filling.put(of, rows);
    [rows, length] = [[], 0];
  };
  for (let item = await reader.item(); item !== null; item = await reader.item()) {
    if ('piece' in item) {
      await flush();
      return item.piece;
    }
    const { table, row, size } = item;
    if (table !== of || rows.length >= PIECE || length >= PIECE_LENGTH) await flush();
    of = table;
    rows.push(row);
    length += size;
  }
  await flush();
  return null;
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

/** An export without files has nothing to compare: the files stay where they are. */
async function compareFiles(
  filling: StoreFilling,
  place: Blobs,
  found: { files: number; bytes: number },
  { files: wanted }: End,
): Promise<void> {
  if (wanted === undefined) return;
  if (found.files !== wanted.files || found.bytes !== wanted.bytes)
    throw new NotImported(
      `the export has ${found.files} files with ${found.bytes} bytes instead of ${wanted.files} with ${wanted.bytes}. Export again`,
    );
  const missing = await countMissing(filling.digests(), place);
  if (missing > wanted.missing)
    throw new NotImported(
      `${missing} files have no bytes after the import; in the export, ${wanted.missing} have none. Import the export into an empty store again`,
    );
}

type Item = { table: Table; row: Row; size: number } | { piece: FilePiece };

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

  /** The next row or piece of a file; null: the file ends here. */
  async item(): Promise<Item | null> {
    for (let line = await this.#next(); line !== null; line = await this.#next()) {
      if (this.#end !== null)
        throw new NotImported(`line ${this.#place}: the file continues after the end of the export`);
      const value = this.#parse(line) as RowLine | FileLine | End;
      if ('end' in value) {
        this.#end = this.#checkedEnd(value);
        continue;
      }
      if (value[0] === BYTES) return { piece: this.#checkedPiece(value) };
      const [table, row] = this.#checkedRow(value);
      if (!TABLES.includes(table))
        throw new NotImported(
          `line ${this.#place}: execd has no table ${JSON.stringify(table)}. Use a newer execd`,
        );
      return { table, row, size: line.length };
    }
    return null;
  }

  /** The next piece of a file, once there was one; null: the file ends here. */
  async piece(): Promise<FilePiece | null> {
    const item = await this.item();
    if (item === null) return null;
    if ('piece' in item) return item.piece;
    throw new NotImported(`line ${this.#place}: a row comes after the files`);
  }

  #checkedPiece(line: FileLine): FilePiece {
    const { digest, at, bytes } = (line as readonly [string, Partial<FilePiece>?])[1] ?? {};
    if (
      typeof digest === 'string' &&
      /^[0-9a-f]{64}$/.test(digest) &&
      Number.isSafeInteger(at) &&
      typeof bytes === 'string'
    )
      return line[1];
    throw new NotImported(`line ${this.#place} of the file is not a piece of a file`);
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
