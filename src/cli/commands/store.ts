// `execd export`, `execd import store` and `execd migrate`: programs of the server that work on its store, loaded when they are asked for.
import { existsSync } from 'node:fs';
import type { Command } from 'commander';

const MOVING = `
The commands use the database of EXECUTION_DATABASE_URL. If it is not set, they use the store in EXECUTION_DATA_DIR. To move from the embedded store to PostgreSQL,
stop the server, then:
  $ execd export moved.ndjson
  $ EXECUTION_DATABASE_URL=postgres://… execd import store moved.ndjson

An export holds secrets of webhooks and what was submitted: only you can read the file. Logs stay in EXECUTION_DATA_DIR.
`;

type End = (code: number) => void;

export function storeCommands(program: Command, end: End): void {
  program
    .command('export')
    .argument('<file>', 'file to write, or - for standard output')
    .summary('write all that the store keeps to a file')
    .description(
      'Writes executions, events, API keys, accounts, schedules, webhooks and all else in the store, as of one moment, then the bytes of uploads, inputs and artifacts.',
    )
    .option('--no-files', 'leave out the bytes of uploads, inputs and artifacts')
    .addHelpText('after', MOVING)
    .action(async (file: string, { files }: { files: boolean }) =>
      end(await onStore(['export', file, ...(files ? [] : ['--no-files'])])),
    );
  // The command that gathers all that comes in.
  const imports = program.commands.find((one) => one.name() === 'import') ?? program.command('import');
  imports
    .command('store')
    .argument('<file>', 'file of `execd export`, or - for standard input')
    .summary('fill an empty store with an export of execd')
    .description('Fills an empty store. No server may use it. If it is interrupted, run it again.')
    .addHelpText('after', MOVING)
    .action(async (file: string) => end(await onStore(['import', file])));
  program
    .command('migrate')
    .summary('bring the store to the schema of this version')
    .description('Brings the store to the schema of this version; a server does the same when it starts.')
    .action(async () => end(await onStore(['migrate'])));
}

async function onStore(args: readonly string[]): Promise<number> {
  if (existsSync('.env')) process.loadEnvFile('.env');
  process.argv = [...process.argv.slice(0, 2), ...args];
  await import('../../bin/transfer.ts');
  return Number(process.exitCode ?? 0);
}
