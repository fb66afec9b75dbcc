// The MCP endpoint as others check it: 1,000 operations listed page by page, a key that sees its own only, and the conformance
// scenarios of the protocol's own project, as far as they ask for no tool or prompt of a test server.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { execa } from 'execa';
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
await agent.close();

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
writeFileSync(keys, JSON.stringify({ keys: [one] }), { mode: 0o600 });
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
const withoutKey = await toolsOf(closed.url).catch((error: unknown) => error);
check(withoutKey instanceof Error, 'nobody lists tools without a key');
await narrow.agent.close();
await closed.stop();
finish();
