// `execd serve` and `execd keys --store`: programs of the server, which are loaded only when they are asked for.
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { many } from '../options.ts';
import { usage } from '../exits.ts';
import { pairs } from '../units.ts';

interface ServeFlags {
  port?: string;
  host?: string;
  data?: string;
  set?: string[];
}

const EXAMPLES = `
Examples:
  $ execd serve                                  listens on 127.0.0.1:8080, keeps its data in ./data
  $ execd serve --port 9000 --data /var/lib/execd
  $ execd serve --set EXECUTION_MAX_CONCURRENT=8

Settings come from these flags, then from the environment, then from .env in this directory. .env.example of the package
describes all of them.
`;

export function serveCommand(program: Command): void {
  program
    .command('serve')
    .summary('run the server')
    .description('Runs the server until Ctrl-C; running executions then have EXECUTION_DRAIN_SECS to end.')
    .option('--port <number>', 'port (EXECUTION_PORT; default: 8080)')
    .option('--host <address>', 'address (EXECUTION_HOST; default: 127.0.0.1)')
    .option('--data <dir>', 'directory of the data (EXECUTION_DATA_DIR; default: ./data)')
    .option('--set <name=value>', 'any other setting; repeatable', many)
    .addHelpText('after', EXAMPLES)
    .action(serve);
}

async function serve({ port, host, data, set = [] }: ServeFlags): Promise<never> {
  const settings = pairs(set, '--set');
  for (const name of Object.keys(settings))
    if (!name.startsWith('EXECUTION_'))
      throw usage(`--set: ${name} is not a setting. Settings begin with EXECUTION_.`);
  const flags = { EXECUTION_PORT: port, EXECUTION_HOST: host, EXECUTION_DATA_DIR: data };
  for (const [name, value] of Object.entries(flags)) if (value !== undefined) settings[name] = value;
  Object.assign(process.env, settings);
  // What is set already goes before it.
  if (existsSync('.env')) process.loadEnvFile('.env');
  await import('../../bin/server.ts');
  // The server ends the process itself.
  return new Promise<never>(() => undefined);
}

/** Runs the program that works on the store itself, with its own arguments. */
export async function keysOfStore(args: readonly string[]): Promise<number> {
  if (existsSync('.env')) process.loadEnvFile('.env');
  process.argv = [...process.argv.slice(0, 2), ...args];
  await import('../../bin/keys.ts');
  return Number(process.exitCode ?? 0);
}
