// The programs behind `execd export`, `execd import store` and `execd migrate`. They work on the store of the settings itself.
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createReadStream } from 'node:fs';
import { createClock } from '../app/clock.ts';
import { makeDirectory } from '../app/directories.ts';
import { filePlaces } from '../app/files.ts';
import { VERSION } from '../app/version.ts';
import { FileBlobs } from '../blobs/file-blobs.ts';
import { loadConfig } from '../config/load.ts';
import type { BlobPieces } from '../domain/ports/blob-pieces.ts';
import type { Blobs } from '../domain/ports/blobs.ts';
import type { StoreFilling, StoreReading, Table } from '../domain/ports/transfer.ts';
import { type End, exportStore } from '../import/export-store.ts';
import { importStore } from '../import/import-store.ts';
import { linesOf } from '../import/lines.ts';

const EXIT_USAGE = 64;
const EXIT_SOFTWARE = 70;
const PRIVATE = 0o600;
const STANDARD = '-';

class UsageError extends Error {}

interface Stores {
  read(): Promise<StoreReading>;
  fill(): Promise<StoreFilling>;
  /** Where the bytes of files are, beside those in the store; new ones go to the first place. */
  files(pieces: BlobPieces | undefined): [Blobs, ...Blobs[]];
  /** Brings the store to the schema of this program; returns the number of steps before and after. */
  migrate(): Promise<{ from: number; to: number }>;
}

async function storesOf(env: NodeJS.ProcessEnv): Promise<Stores> {
  const config = loadConfig(env);
  const { EXECUTION_DATABASE_URL: url, EXECUTION_DATA_DIR } = config;
  const files = (pieces: BlobPieces | undefined) => filePlaces(config, pieces);
  if (url !== undefined) {
    const [{ fillStore, readStore }, { prepare }] = await Promise.all([
      import('../store/postgres/transfer.ts'),
      import('../store/postgres/prepare.ts'),
    ]);
    return { read: () => readStore(url), fill: () => fillStore(url), files, migrate: () => prepare(url) };
  }
  const dir = resolve(EXECUTION_DATA_DIR);
  const { fillStore, prepare, readStore } = await import('../store/sqlite/transfer.ts');
  const made = <T>(use: (dir: string) => T): T => {
    makeDirectory('EXECUTION_DATA_DIR', dir, 0o700);
    return use(dir);
  };
  return {
    read: async () => readStore(dir),
    fill: async () => made(fillStore),
    files,
    migrate: async () => made(prepare),
  };
}

async function exportTo(path: string, stores: Stores, hasFiles: boolean): Promise<void> {
  const reading = await stores.read();
  try {
    const head = {
      version: VERSION,
      id: crypto.randomUUID(),
      at: new Date(createClock().now()).toISOString(),
    };
    const places = hasFiles ? stores.files(reading.pieces) : null;
    const end = await written(path, (write) => exportStore(reading, head, write, places));
    console.error(`Exported ${counted(end)}.`);
  } finally {
    await reading.close();
  }
}

/** Writes a file that has its name only once it is whole, and on the disk. */
async function written<T>(
  path: string,
  work: (write: (text: string) => Promise<void>) => Promise<T>,
): Promise<T> {
  if (path === STANDARD) {
    // A reader that has gone is what the write says.
    process.stdout.on('error', () => undefined);
    return work(
      (text) =>
        new Promise((done, failed) =>
          process.stdout.write(text, (error) => (error ? failed(error) : done())),
        ),
    );
  }
  const partial = `${path}.partial`;
  const file: FileHandle = await open(partial, 'w', PRIVATE);
  try {
    const result = await work((text) => file.writeFile(text));
    await file.sync();
    await file.close();
    await rename(partial, path);
    return result;
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(partial, { force: true });
    throw error;
  }
}

async function importFrom(path: string, stores: Stores): Promise<void> {
  const filling = await stores.fill();
  try {
    const bytes = path === STANDARD ? process.stdin : createReadStream(path);
    const [place] = stores.files(filling.pieces);
    if (place instanceof FileBlobs) await place.prepare(true);
    const imported = await importStore(linesOf(bytes), filling, place);
    if (imported.isKnown) return console.error('The store has this export already; nothing was changed.');
    console.error(`Imported ${counted(imported)}. Numbers of rows and digests match the export.`);
  } finally {
    await filling.close();
  }
}

async function migrate(stores: Stores): Promise<void> {
  const { from, to } = await stores.migrate();
  console.error(
    from === to ? `The store has schema ${to} already.` : `The store has schema ${to} now; it had ${from}.`,
  );
}

function counted({ tables, files }: Pick<End, 'tables' | 'files'>): string {
  const rows = (table: Table) => tables[table]?.rows ?? 0;
  const all = Object.values(tables).reduce((sum, one) => sum + one.rows, 0);
  return `${rows('executions')} executions, ${rows('events')} events, ${rows('api_keys')} API keys, ${rows('accounts')} accounts, ${rows('schedules')} schedules and ${rows('webhooks')} webhooks; ${all} rows in all; ${filesText(files)}`;
}

function filesText(files: End['files']): string {
  if (files === undefined) return 'without the bytes of files';
  const missing = files.missing === 0 ? '' : `; ${files.missing} more have no bytes`;
  return `${files.files} files with ${files.bytes} bytes${missing}`;
}

async function run([command, path, ...more]: string[]): Promise<void> {
  const stores = await storesOf(process.env);
  if (command === 'migrate' && path === undefined) return migrate(stores);
  const isBare = command === 'export' && more[0] === '--no-files';
  if (path === undefined || more.length > (isBare ? 1 : 0))
    throw new UsageError('Give one FILE, or - for the standard stream.');
  if (command === 'export') return exportTo(path, stores, !isBare);
  if (command === 'import') return importFrom(path, stores);
  throw new UsageError(`Unknown command ${JSON.stringify(command)}.`);
}

// Without a listener Node.js would open its debugger, to everybody on the machine.
process.on('SIGUSR1', () => undefined);
const args = process.argv.slice(2);
try {
  await run(args);
} catch (error) {
  console.error(`${args[0] ?? 'execd'}: ${(error as Error).message}`);
  process.exitCode = error instanceof UsageError ? EXIT_USAGE : EXIT_SOFTWARE;
}
