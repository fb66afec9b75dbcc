// The MCP endpoint as others check it: 1,000 operations listed page by page, a tool that runs with progress and one that is
// cancelled, logs as resources, keys that see only what they may do, and the conformance scenarios of the protocol's own project,
// as far as they ask for no tool or prompt of a test server.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { execa } from 'execa';
import { until, withArgument } from '../helpers/processes.ts';
import { check, finish, freePort, scratch, startServer } from './support.ts';

const SUITE = '@modelcontextprotocol/conformance@0.1.16';
const SCENARIOS = [
  ...['server-initialize', 'ping', 'tools-list', 'resources-list', 'dns-rebinding-protection'],
];
const COUNT = 1000;

const dir = scratch();
const operations = Object.fromEntries(
  Array.from({ length: COUNT }, (_, i) => [
    `op.${i}`,
    {
      description: `Says ${i}.`,
      params: { properties: { name: { type: 'string' } } },
      run: { kind: 'exec', program: '/bin/echo', args: [String(i), '{{name?}}'] },
    },
  ]),
);
const file = join(dir, 'operations.yaml');
writeFileSync(file, JSON.stringify({ operations }));

async function toolsOf(url: string, headers: Record<string, string> = {}) {
  const agent = new Client({ name: 'test', version: '1' });
  await agent.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } }));
  const names: string[] = [];
  let pages = 0;
  let cursor: string | undefined;
  do {
    const page = await agent.listTools(cursor === undefined ? {} : { cursor });
    names.push(...page.tools.map(({ name }) => name));
    cursor = page.nextCursor;
    pages += 1;
  } while (cursor !== undefined);
  return { agent, names, pages };
}

/** As an agent works: runs a command with progress, reads its log, and cancels another one with all of its processes. */
async function work(agent: Client, way: string, mark: string): Promise<void> {
  const go = join(dir, mark);
  const seen: (string | undefined)[] = [];
  const command = `echo first; until [ -e ${go} ]; do sleep 0.02; done; echo second >&2; seq 1 20000; exit 3`;
  const result = await agent.callTool(
    { name: 'run_command', arguments: { command } },
    {
      onprogress({ message }) {
        seen.push(message);
        if (message === 'first') writeFileSync(go, '');
      },
    },
  );
  const {
    status,
    exit_code: code,
    log,
    stdout_truncated: isCut,
  } = result.structuredContent as Record<string, unknown>;
  check(status === 'failed' && code === 3, `${way}: a command runs, and its end is told: ${String(code)}`);
  check(seen.includes('first'), `${way}: its output came as progress while it ran`);
  check(isCut === true, `${way}: what is too long is marked as cut`);
  const { contents } = await agent.readResource({ uri: String(log) });
  const whole = (contents[0] as { text: string }).text;
  check(
    whole.startsWith('first\n') && whole.includes('second\n') && whole.includes('\n20000\n'),
    `${way}: its log is a resource, and whole: ${whole.length} characters`,
  );

  const stop = new AbortController();
  let pids = 0;
  const tree = `sleep ${mark} & setsid sleep ${mark} & (trap '' TERM; sleep ${mark}) & echo up; wait`;
  const call = agent.callTool(
    { name: 'run_command', arguments: { command: tree } },
    {
      signal: stop.signal,
      onprogress({ message }) {
        if (message !== 'up') return;
        pids = withArgument(mark).length;
        stop.abort();
      },
    },
  );
  check((await call.catch(() => null)) === null, `${way}: a call is cancelled`);
  await until('its processes are gone', async () => withArgument(mark).length === 0);
  check(pids > 2, `${way}: and all of its ${pids} processes are gone`);
}

const server = await startServer({
  EXECUTION_DATA_DIR: join(dir, 'data'),
  EXECUTION_PORT: await freePort(),
  EXECUTION_OPERATIONS_FILE: file,
});
const begun = performance.now();
const { agent, names, pages } = await toolsOf(server.url);
const ms = (performance.now() - begun).toFixed(0);
check(
  names.filter((name) => name.startsWith('op_')).length === COUNT,
  `${names.length} tools in ${pages} pages, ${ms} ms`,
);
check(new Set(names).size === names.length, 'each has a name of its own');
const last = await agent.callTool({ name: `op_op_${COUNT - 1}`, arguments: { name: 'x' } });
check(JSON.stringify(last).includes(`${COUNT - 1} x`), 'the last one runs');
await work(agent, 'HTTP', '9876501');
await agent.close();
const overPipes = new Client({ name: 'test', version: '1' });
await overPipes.connect(
  new StdioClientTransport({
    command: process.execPath,
    args: ['dist/cli/main.js', 'mcp'],
    env: { PATH: process.env.PATH ?? '', HOME: dir, EXECD_URL: server.url },
  }),
);
await work(overPipes, 'execd mcp', '9876502');
await overPipes.close();

const package_ = ['exec', '--yes', `--package=${SUITE}`, '--'];
const node = process.execPath;
const where = await execa('npm', [...package_, 'sh', '-c', 'command -v conformance'], { reject: false });
if (where.failed) console.log(`skipped: ${SUITE} cannot be had from npm here`);
else
  for (const scenario of SCENARIOS) {
    const args = [where.stdout.trim(), 'server', '--url', `${server.url}/mcp`, '--scenario', scenario];
    const ended = await execa(node, args, { reject: false, cwd: dir, all: true });
    check(!ended.failed, `conformance: ${scenario}${ended.failed ? `\n${ended.all.slice(-1500)}` : ''}`);
  }
await server.stop();

const key = `ek_narrow_${'a'.repeat(43)}`;
const sha256 = createHash('sha256').update(key).digest('hex');
const keys = join(dir, 'keys.json');
const one = {
  id: 'narrow',
  sha256,
  user: 'ann',
  scopes: ['read', 'submit'],
  may_run: [{ operation: 'op.7' }],
};
const bareKey = `ek_bare_${'b'.repeat(43)}`;
const bare = {
  id: 'bare',
  sha256: createHash('sha256').update(bareKey).digest('hex'),
  user: 'bob',
  scopes: ['read', 'submit', 'cancel'],
  may_run: [],
};
writeFileSync(keys, JSON.stringify({ keys: [one, bare] }), { mode: 0o600 });
const closed = await startServer({
  EXECUTION_DATA_DIR: join(dir, 'closed'),
  EXECUTION_PORT: await freePort(),
  EXECUTION_OPERATIONS_FILE: file,
  EXECUTION_API_KEYS_FILE: keys,
});
const narrow = await toolsOf(closed.url, { authorization: `Bearer ${key}` });
check(
  narrow.names.filter((name) => name.startsWith('op_')).join() === 'op_op_7',
  'a key sees the operation that it may run, of 1,000',
);
const refused = await narrow.agent
  .callTool({ name: 'op_op_8', arguments: {} })
  .catch((error: unknown) => error);
check(refused instanceof Error, 'and runs no other');
const nothing = await toolsOf(closed.url, { authorization: `Bearer ${bareKey}` });
check(
  nothing.names.every((name) => !name.startsWith('op_') && !/^(run|rerun)/.test(name)),
  `a key that may run nothing is offered nothing that runs: ${nothing.names.join(', ')}`,
);
for (const name of ['run_command', 'run_plan', 'rerun', 'op_op_7']) {
  const tried = await nothing.agent
    .callTool({ name, arguments: { command: 'true' } })
    .catch((error: unknown) => error);
  check(tried instanceof Error, `and runs nothing by ${name}`);
}
const { resources } = await nothing.agent.listResources();
check(
  resources.every(({ uri }) => !uri.includes('/executions/')),
  'nothing has run, and it sees nothing of others',
);
await nothing.agent.close();
const withoutKey = await toolsOf(closed.url).catch((error: unknown) => error);
check(withoutKey instanceof Error, 'nobody lists tools without a key');
await narrow.agent.close();
await closed.stop();
finish();
