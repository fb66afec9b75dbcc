// The command that brings results of another system along: `npm run import -- results.ndjson`. It writes the store of a server
// that does not run.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createClock } from '../app/clock.ts';
import { storeOf } from '../app/open-store.ts';
import { loadConfig } from '../config/load.ts';
import { retentionOf } from '../app/from-config.ts';
import { makeDirectory } from '../app/directories.ts';
import { userId } from '../domain/spec/access.ts';
import { StoreError } from '../domain/ports/store.ts';
import { type Imported, importResults } from '../import/import-results.ts';
import { readFile } from '../import/read-file.ts';

const EXIT_USAGE = 64;
const EXIT_DATA = 65;
const EXIT_SOFTWARE = 70;
/** Rejected records that are shown. */
const MAX_SHOWN = 20;

const USAGE = `npm run import -- FILE [--user USER] [--as-of-now] [--dry-run]

  FILE         results of another system: one JSON object a line, or one JSON array
  --user USER  the user of records that have no user_id; default: local
  --as-of-now  every record counts as ended now, also for its retention
  --dry-run    only says what would become of the records

Stop execd first. docs/guides/from-other-systems.md describes the records.
`;

class UsageError extends Error {}

const OPTIONS = {
  user: { type: 'string' },
  'as-of-now': { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

function read(args: string[]) {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  const [path, ...more] = positionals;
  if (values.help === true) return null;
  if (path === undefined) throw new UsageError('The file is missing.');
  if (more.length > 0) throw new UsageError(`Unexpected argument ${JSON.stringify(more[0])}.`);
  const user = values.user ?? 'local';
  if (!userId.safeParse(user).success)
    throw new UsageError(
      `--user is ${JSON.stringify(user)}; it must be 1 to 255 printable ASCII characters.`,
    );
  return { path, user, isAsOfNow: values['as-of-now'] === true, isDryRun: values['dry-run'] === true };
}

async function run(args: string[]): Promise<void> {
  const asked = read(args);
  if (asked === null) return console.log(USAGE.trimEnd());
  const config = loadConfig(process.env);
  const clock = createClock();
  const dir = resolve(config.EXECUTION_DATA_DIR);
  makeDirectory('EXECUTION_DATA_DIR', dir, 0o700);
  const store = await storeOf(config, { clock, dir, owner: 'npm run import', maxInMemory: 1 });
  await store.open();
  try {
    let shown = 0;
    const counts = await importResults(readFile(asked.path), {
      ...{
        store,
        userId: asked.user,
        now: clock.now(),
        isAsOfNow: asked.isAsOfNow,
        isDryRun: asked.isDryRun,
      },
      ...retentionOf(config),
      onRejected(place, why) {
        if (++shown <= MAX_SHOWN) console.error(`${place}: ${why}`);
        if (shown === MAX_SHOWN + 1) console.error('…');
      },
    });
    report(counts, asked.isDryRun);
    const { finished } = await store.counts();
    const kept = Object.values(finished).reduce((sum, count) => sum + count, 0);
    if (kept > config.EXECUTION_MAX_RETAINED)
      console.error(
        `The store has ${kept} finished executions; the next cleanup removes the oldest until EXECUTION_MAX_RETAINED (${config.EXECUTION_MAX_RETAINED}) are left.`,
      );
  } finally {
    await store.close();
  }
}

function report({ imported, known, pending, rejected }: Imported, isDryRun: boolean): void {
  const verb = isDryRun ? 'Would import' : 'Imported';
  console.log(`${verb} ${imported}; there already ${known}; not ended ${pending}; rejected ${rejected}.`);
  if (rejected > 0) process.exitCode = EXIT_DATA;
}

// Without a listener Node.js would open its debugger, to everybody on the machine.
process.on('SIGUSR1', () => undefined);
try {
  await run(process.argv.slice(2));
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  const isUsage = error instanceof UsageError || code?.startsWith('ERR_PARSE_ARGS') === true;
  const hint =
    error instanceof StoreError && message.includes('in use') && !message.includes('Stop')
      ? '. Stop it first'
      : '';
  console.error(isUsage ? `${message}\n\n${USAGE.trimEnd()}` : `import: ${message}${hint}`);
  process.exitCode = isUsage ? EXIT_USAGE : EXIT_SOFTWARE;
}
