// `execd keys`: API keys, through the API of a server, or in the store of this machine.
import type { Command } from 'commander';
import { dataOf } from '../../client/index.ts';
import { EXIT, Exit, usage } from '../exits.ts';
import type { Session } from '../session.ts';
import { statusStyle, table } from '../table.ts';
import { wholeNumber } from '../units.ts';
import { keysOfStore } from './server.ts';

interface CreateFlags {
  user?: string;
  scopes?: string;
  id?: string;
  mayRun?: string;
  expiresAt?: string;
  description?: string;
}

const HELP = `
Examples:
  $ execd keys create --store --user alice --scopes submit,read,cancel    a first key, on the machine of the server
  $ execd keys create --user bob --scopes read                            through the API, with a key of scope admin
  $ execd keys rotate KEY_ID                                              a new key; the old one works for a day more
`;

export function keysCommands(program: Command, session: Session, end: (code: number) => void): void {
  const keys = program
    .command('keys')
    .summary('create, list, rotate and revoke API keys')
    .description(
      'API keys, through the API (scope admin). With --store, in the store of EXECUTION_DATA_DIR on this machine: for the first key.',
    )
    .addHelpText('after', HELP);
  const onStore = (command: Command) =>
    command.option('--store', 'use the store of EXECUTION_DATA_DIR on this machine');
  /** The words after `keys`, without the flag that chose the store. */
  const storeArgs = () =>
    process.argv.slice(process.argv.indexOf('keys') + 1).filter((word) => word !== '--store');
  const action =
    <Args extends unknown[]>(run: (...args: Args) => Promise<void>) =>
    async (...args: Args): Promise<void> => {
      const flags = args.find((one) => typeof one === 'object' && one !== null && 'store' in one);
      if (flags !== undefined) return end(await keysOfStore(storeArgs()));
      await run(...args);
    };

  onStore(keys.command('create'))
    .summary('create a key; it is printed once')
    .option('--user <user>', 'user of the key')
    .option('--scopes <list>', 'submit,read,cancel,admin')
    .option('--id <id>', 'id of the key (default: a new one)')
    .option('--may-run <what>', 'any, policy, or a JSON list', 'any')
    .option('--expires-at <time>', 'when it expires (default: never)')
    .option('--description <text>', 'description of the key')
    .action(action((flags: CreateFlags) => create(session, flags)));
  onStore(keys.command('list').alias('ls'))
    .summary('list keys')
    .action(action(() => list(session)));
  onStore(keys.command('rotate').argument('<id>'))
    .summary('replace a key by a new one')
    .option('--overlap <seconds>', 'how long the old key works (default: a day)')
    .action(action((id: string, { overlap }: { overlap?: string }) => rotate(session, id, overlap)));
  onStore(keys.command('revoke').argument('<id>'))
    .summary('revoke a key at once')
    .action(action((id: string) => revoke(session, id)));
}

async function create(session: Session, flags: CreateFlags): Promise<void> {
  const { user, scopes, id, mayRun = 'any', expiresAt, description } = flags;
  if (user === undefined || scopes === undefined) throw usage('Give --user and --scopes.');
  const body = {
    ...{ user, scopes: scopes.split(',') as never[], may_run: mayRunOf(mayRun) as never },
    ...(id === undefined ? {} : { id }),
    ...(expiresAt === undefined ? {} : { expires_at: expiresAt }),
    ...(description === undefined ? {} : { description }),
  };
  const made = await dataOf(session.client.api.POST('/v1/admin/keys', { body }));
  await show(session, made);
}

async function rotate(session: Session, id: string, overlap: string | undefined): Promise<void> {
  const body = overlap === undefined ? {} : { overlap_s: wholeNumber(overlap) };
  const params = { path: { id } };
  await show(session, await dataOf(session.client.api.POST('/v1/admin/keys/{id}/rotate', { params, body })));
}

/** The secret alone on standard output, so that it can be put where it belongs. */
async function show(
  { terminal, isJson }: Session,
  made: { key: string; id: string; user: string },
): Promise<void> {
  if (isJson) return terminal.json(made);
  await terminal.note(`key ${made.id} of ${made.user}. This is the only time that the key is shown:`);
  await terminal.line(made.key);
}

async function list({ client, terminal, isJson }: Session): Promise<void> {
  const { items } = await dataOf(client.api.GET('/v1/admin/keys'));
  if (isJson) return terminal.json(items);
  const columns = [
    { name: 'ID', value: (key: (typeof items)[number]) => key.id },
    { name: 'USER', value: (key: (typeof items)[number]) => key.user },
    { name: 'SCOPES', value: (key: (typeof items)[number]) => key.scopes.join(',') },
    {
      name: 'STATUS',
      value: (key: (typeof items)[number]) => key.status,
      style: (key: (typeof items)[number]) =>
        key.status === 'active' ? ('green' as const) : statusStyle('failed'),
    },
    { name: 'EXPIRES', value: (key: (typeof items)[number]) => key.expires_at ?? 'never' },
    { name: 'USED', value: (key: (typeof items)[number]) => key.last_used_at ?? '-' },
    { name: 'DESCRIPTION', value: (key: (typeof items)[number]) => key.description ?? '', isOpen: true },
  ];
  await terminal.line(table(terminal.out, columns, items));
}

async function revoke({ client, terminal, isJson }: Session, id: string): Promise<void> {
  const key = await dataOf(client.api.POST('/v1/admin/keys/{id}/revoke', { params: { path: { id } } }));
  if (isJson) return terminal.json(key);
  await terminal.line(key.id);
}

function mayRunOf(text: string): unknown {
  if (!text.startsWith('[')) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new Exit(EXIT.usage, `--may-run is not JSON: ${(error as Error).message}`);
  }
}
