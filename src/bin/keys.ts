// The command that manages API keys: `npm run keys -- create --user alice --scopes submit,read`. It opens the store
// itself, so that a first key can be made where nobody can call yet; a server that runs sees the change within a second.
import { parseArgs } from 'node:util';
import { createClock } from '../app/clock.ts';
import { loadConfig } from '../config/load.ts';
import { type ApiKey, ROTATION_OVERLAP_S, whyNotUsable } from '../domain/access/api-key.ts';
import { type KeyRequest, keyRequest } from '../domain/access/api-key-schema.ts';
import { fieldMessage, fieldProblems, sentenceOf } from '../domain/field-messages.ts';
import { toKeyWire } from '../http/keys/key-schemas.ts';
import { mintKey, mintSuccessor, type NewKey } from '../access/mint.ts';
import type { KeyTable } from '../store/key-table.ts';
import { openKeyTable } from '../store/sqlite/key-table.ts';

const EXIT_USAGE = 64;
const EXIT_SOFTWARE = 70;

const USAGE = `npm run keys -- COMMAND [OPTIONS]

  create --user USER --scopes submit,read,cancel,admin
         [--id ID] [--may-run any|policy|JSON] [--expires-at TIME] [--description TEXT]
  list
  rotate ID [--overlap SECONDS]     a new key; the one before goes on for a day, or so many seconds
  revoke ID

The key itself is printed on standard output, and only once. The keys are in the store of EXECUTION_DATA_DIR or EXECUTION_DATABASE_URL.
`;

class UsageError extends Error {}

const OPTIONS = {
  user: { type: 'string' },
  scopes: { type: 'string' },
  id: { type: 'string' },
  'may-run': { type: 'string' },
  'expires-at': { type: 'string' },
  description: { type: 'string' },
  overlap: { type: 'string' },
} as const;
const HELP = { help: { type: 'boolean', short: 'h' } } as const;
type Options = Partial<Record<keyof typeof OPTIONS, string>>;

function say(text: string): void {
  console.error(text);
}

function requestOf(options: Options): KeyRequest {
  const mayRun = options['may-run'];
  const { user, scopes, id, description, 'expires-at': expires } = options;
  const request = {
    ...{ user, scopes: scopes?.split(','), id, description, expires_at: expires },
    may_run: mayRun?.startsWith('[') === true ? (JSON.parse(mayRun) as unknown) : mayRun,
  };
  const parsed = keyRequest.safeParse(request, { error: fieldMessage });
  if (parsed.success) return parsed.data;
  throw new UsageError(
    sentenceOf(fieldProblems(parsed.error, 'body')).replaceAll('/', '--').replaceAll('_', '-'),
  );
}

async function store(table: KeyTable, made: NewKey, part: Parameters<KeyTable['change']>[0]): Promise<void> {
  const problem = await table.change({ ...part, add: [made.key] });
  if (problem === 'key_exists') throw new UsageError(`There is a key ${made.key.id} already.`);
  if (problem !== null)
    throw new UsageError('The store has the maximum number of keys. Remove revoked ones first.');
  const { id, userId, scopes, mayRun, expiresAt } = made.key;
  say(`Key ${id} of ${userId}: ${scopes.join(', ')}; may run ${JSON.stringify(mayRun)}`);
  say(expiresAt === null ? 'It does not expire.' : `It expires at ${new Date(expiresAt).toISOString()}.`);
  if (mayRun === 'policy')
    say('EXECUTION_POLICY_FILE decides what it may run; without a policy file it may run nothing.');
  say('This is the only time that the key is shown:');
  console.log(made.secret);
}

/** A key that there is. */
async function known(table: KeyTable, id: string | undefined): Promise<ApiKey> {
  if (id === undefined) throw new UsageError('Give the id of the key.');
  const key = (await table.all()).find((one) => one.id === id);
  if (key === undefined) throw new UsageError(`There is no key ${id}.`);
  return key;
}

async function list(table: KeyTable, now: number): Promise<void> {
  for (const key of await table.all()) console.log(JSON.stringify(toKeyWire(key, 'store', now)));
}

async function rotate(
  table: KeyTable,
  id: string | undefined,
  { overlap }: Options,
  now: number,
): Promise<void> {
  const key = await known(table, id);
  const problem = whyNotUsable(key, now);
  if (problem !== null) throw new UsageError(`The key ${key.id} is ${problem}. Create a new one.`);
  if (overlap !== undefined && !/^\d{1,8}$/.test(overlap))
    throw new UsageError(`--overlap is ${JSON.stringify(overlap)}; it must be a whole number of seconds.`);
  const expiresAt = now + Number(overlap ?? ROTATION_OVERLAP_S) * 1000;
  await store(table, mintSuccessor(key, { now, createdBy: null }), {
    type: 'api_keys',
    end: [{ id: key.id, expiresAt }],
  });
}

/** The keys of the store of the settings. */
async function openTable(now: () => number): Promise<KeyTable> {
  const { EXECUTION_DATABASE_URL: url, EXECUTION_DATA_DIR: dir } = loadConfig(process.env);
  if (url === undefined) return openKeyTable(dir, now);
  const postgres = await import('../store/postgres/key-table.ts');
  return postgres.openKeyTable(url, now);
}

async function run(args: string[]): Promise<void> {
  const parsed = parseArgs({ args, options: { ...OPTIONS, ...HELP }, allowPositionals: true });
  const { help, ...values } = parsed.values;
  const [command, id, ...more] = parsed.positionals;
  if (help === true || command === 'help') return console.log(USAGE.trimEnd());
  if (command === undefined) throw new UsageError('');
  if (more.length > 0) throw new UsageError(`Unexpected argument ${JSON.stringify(more[0])}.`);
  const clock = createClock();
  const now = clock.now();
  const request = command === 'create' ? requestOf(values) : null;
  const table = await openTable(() => clock.now());
  try {
    switch (command) {
      case 'create':
        return await store(table, mintKey(request as KeyRequest, { now, createdBy: null }), {
          type: 'api_keys',
        });
      case 'list':
        return await list(table, now);
      case 'rotate':
        return await rotate(table, id, values, now);
      case 'revoke':
        await known(table, id);
        await table.change({ type: 'api_keys', revoke: [id as string] });
        return say(`The key ${id} is revoked.`);
      default:
        throw new UsageError(`Unknown command ${JSON.stringify(command)}.`);
    }
  } finally {
    await table.close();
  }
}

// Without a listener Node.js would open its debugger, to everybody on the machine.
process.on('SIGUSR1', () => undefined);
try {
  await run(process.argv.slice(2));
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  const isUsage = error instanceof UsageError || code?.startsWith('ERR_PARSE_ARGS') === true;
  const usage = message === '' ? USAGE : `${message}\n\n${USAGE}`;
  console.error(isUsage ? usage.trimEnd() : `keys: ${message}`);
  process.exitCode = isUsage ? EXIT_USAGE : EXIT_SOFTWARE;
}
