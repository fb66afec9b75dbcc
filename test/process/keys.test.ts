// The command that manages keys, as it is shipped, beside a server or without one.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { bearerOf } from '../helpers/keys.ts';
import { until } from '../helpers/processes.ts';
import { server, type ServerProcess } from '../helpers/server-process.ts';
import { tempDir } from '../helpers/temp.ts';

interface Said {
  code: number | null;
  out: string;
  err: string;
}

function keys(dataDir: string, ...args: string[]): Promise<Said> {
  const env = { PATH: process.env.PATH, EXECUTION_DATA_DIR: dataDir };
  const child = spawn(process.execPath, ['dist/bin/keys.js', ...args], { env });
  const said: Said = { code: null, out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
  return new Promise((resolve) => child.on('close', (code) => resolve({ ...said, code })));
}

const dirOf = (t: Test) => join(tempDir(t), 'data');
const create = async (dataDir: string, ...more: string[]) => {
  const { code, out, err } = await keys(dataDir, 'create', '--user', 'alice', ...more);
  if (code !== 0) throw new Error(err);
  return out.trim();
};

t.test(
  'a first key can be made before a server has ever run; a server that runs sees what the command does',
  async (t) => {
    const dataDir = dirOf(t);
    const secret = await create(dataDir, '--scopes', 'submit,read', '--may-run', 'any');
    t.match(secret, /^ek_[0-9a-f]{12}_[A-Za-z0-9_-]{43}$/, 'it stands alone on standard output');
    const s = await server(t, { EXECUTION_DATA_DIR: dataDir });
    t.equal((await fetch(`${s.url}/v1/executions`)).status, 401);
    t.equal((await fetch(`${s.url}/v1/executions`, { headers: bearerOf(secret) })).status, 200);
    await seesTheCommand(t, dataDir, s);
  },
);

async function seesTheCommand(t: Test, dataDir: string, s: ServerProcess): Promise<void> {
  const status = async (secret: string) =>
    (await fetch(`${s.url}/v1/executions`, { headers: bearerOf(secret) })).status;
  const one = await create(dataDir, '--scopes', 'read', '--id', 'one');
  await until('the key is known', async () => (await status(one)) === 200);
  const two = (await keys(dataDir, 'rotate', 'one', '--overlap', '0')).out.trim();
  await until('the one before has ended', async () => (await status(one)) === 401);
  t.equal(await status(two), 200);
  const id = two.split('_')[1] ?? '';
  t.equal((await keys(dataDir, 'revoke', id)).code, 0);
  await until('it is revoked', async () => (await status(two)) === 401);
  const listed = (await keys(dataDir, 'list')).out
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => JSON.parse(line) as object);
  t.match(listed, [
    { id: 'one', user: 'alice', status: 'expired', may_run: 'policy', created_at: /^\d{4}-.*Z$/ },
    { id, replaces: 'one', status: 'revoked', revoked_at: /^\d{4}-.*Z$/ },
  ]);
  t.notMatch(JSON.stringify(listed), /sha256/);
}

t.test('what the command cannot do it says, with what it can', async (t) => {
  const dataDir = dirOf(t);
  await create(dataDir, '--scopes', 'read', '--id', 'one');
  const cases: [string[], RegExp][] = [
    [[], /^npm run keys/],
    [['destroy'], /Unknown command "destroy"/],
    [['create', '--user', 'a b', '--scopes', 'root'], /--user: must be 1 to 255[^]*--scopes/],
    [['create', '--user', 'a', '--scopes', 'read', '--id', 'one'], /There is a key one already/],
    [['create', '--usr', 'a'], /--usr/],
    [['revoke', 'two'], /There is no key two/],
    [['revoke'], /Give the id of the key/],
    [['rotate', 'one', '--overlap', 'soon'], /--overlap is "soon"; it must be a whole number of seconds/],
  ];
  for (const [args, expected] of cases) {
    const { code, out, err } = await keys(dataDir, ...args);
    t.equal(code, 64, args.join(' '));
    t.equal(out, '');
    t.match(err, expected);
    t.match(err, /npm run keys -- COMMAND/);
  }
});

t.test('help is no error', async (t) => {
  for (const args of [['help'], ['create', '--help']]) {
    const { code, out, err } = await keys(dirOf(t), ...args);
    t.match({ code, out, err }, { code: 0, out: /^npm run keys -- COMMAND/, err: '' }, args.join(' '));
  }
});
