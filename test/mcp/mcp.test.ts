// Agents at a real server: the SDK's own client over HTTP, of both generations, and over standard input and output.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CallToolResult,
  Client,
  StreamableHTTPClientTransport,
  type Tool,
} from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import t, { type Test } from 'tap';
import { rawRequest, service, type SharedService, sharedService, shell } from '../helpers/build.ts';
import { CLI, cliAt, runProgram } from '../helpers/cli.ts';
import { bearer, sharedKeys, token } from '../helpers/keys.ts';
import { until, withArgument } from '../helpers/processes.ts';
import { ofFile } from '../helpers/scope.ts';
import { tempDir } from '../helpers/temp.ts';

const OPERATIONS = {
  operations: {
    'greet.person': {
      description: 'Greets a person.',
      params: {
        properties: { name: { type: 'string', minLength: 1 }, number: { type: 'number' } },
        required: ['name'],
      },
      run: { kind: 'exec', program: '/bin/echo', args: ['hello', '{{name}}', '{{number?}}'] },
    },
    'secret.op': { description: 'Not for all.', run: { kind: 'exec', program: '/bin/true' } },
  },
};
const KEYS = {
  ann: {},
  bob: {},
  reader: { user: 'ann', scopes: ['read'] },
  bare: { may_run: [], scopes: ['submit', 'read', 'cancel'] },
  none: { scopes: ['submit', 'cancel'] },
  greeter: { may_run: [{ operation: 'greet.person' }], scopes: ['submit', 'read'] },
  echoer: { may_run: [{ program: '/bin/echo' }], scopes: ['submit', 'read', 'cancel'] },
};

let operationsFile: string | null = null;
function world(t: Test): Promise<SharedService> {
  if (operationsFile === null) {
    operationsFile = join(tempDir(ofFile()), 'operations.yaml');
    writeFileSync(operationsFile, JSON.stringify(OPERATIONS));
  }
  return sharedService(t, { ...sharedKeys(KEYS), EXECUTION_OPERATIONS_FILE: operationsFile });
}

type Mode = 'legacy' | 'auto';

async function agentOf(t: Test, { url }: { url: string }, key = 'ann', mode: Mode = 'auto'): Promise<Client> {
  const agent = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } });
  await agent.connect(
    new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers: bearer(key) } }),
  );
  t.teardown(() => agent.close());
  return agent;
}

const namesOf = (tools: Tool[]) => tools.map(({ name }) => name);
const textOf = (result: unknown) =>
  (result as CallToolResult).content.map((one) => (one.type === 'text' ? one.text : '')).join('');
const dataOf = (result: unknown) => (result as CallToolResult).structuredContent as Record<string, unknown>;

t.test('a key is offered what it may do, and nothing else', async (t) => {
  const s = await world(t);
  const reading = ['list_executions', 'get_execution', 'wait_execution', 'read_log', 'list_approvals'];
  const deciding = ['decide_approval', 'send_signal'];
  const runs = ['run_plan', 'rerun'];
  const all = ['op_greet_person', 'op_secret_op'];
  const table: Record<string, string[]> = {
    ann: [...reading, 'cancel_execution', ...deciding, 'run_command', ...runs, ...all],
    reader: reading,
    bare: [...reading, 'cancel_execution', ...deciding],
    greeter: [...reading, ...deciding, ...runs, 'op_greet_person'],
    echoer: [...reading, 'cancel_execution', ...deciding, 'run_command', ...runs],
  };
  for (const [key, expected] of Object.entries(table)) {
    const agent = await agentOf(t, s, key);
    const { tools } = await agent.listTools();
    t.same(namesOf(tools), expected, key);
    const command = tools.find(({ name }) => name === 'run_command');
    if (key === 'ann') t.ok(command?.inputSchema.properties?.command, 'a command line');
    if (key === 'echoer') t.match(command?.description, /You may run: \/bin\/echo\./);
    const greet = tools.find(({ name }) => name === 'op_greet_person');
    if (greet !== undefined) t.match(greet.inputSchema, OPERATIONS.operations['greet.person'].params);
    if (!expected.includes('run_command'))
      await t.rejects(
        agent.callTool({ name: 'run_command', arguments: { command: 'true' } }),
        /no tool "run_command"/,
      );
  }
  await t.rejects(agentOf(t, s, 'none'), /403|read/, 'without the scope read there is nothing');
  const { body } = await s.call<{ items: unknown[] }>('GET', '/v1/executions', undefined, bearer('bare'));
  t.same(body.items, [], 'and nothing has run');
});

for (const mode of ['legacy', 'auto'] as const) {
  t.test(`a command is run with progress, and cancelled with all of its processes (${mode})`, async (t) => {
    const s = await world(t);
    const agent = await agentOf(t, s, 'ann', mode);
    t.equal(agent.getNegotiatedProtocolVersion()?.startsWith(mode === 'legacy' ? '2025' : '2026'), true);
    const dir = tempDir(t);
    const seen: { progress: number; message?: string | undefined }[] = [];
    const command = `echo first; until [ -e ${dir}/go ]; do sleep 0.02; done; echo last >&2; exit 3`;
    const result = await agent.callTool(
      { name: 'run_command', arguments: { command } },
      {
        onprogress: (progress) => {
          seen.push(progress);
          if (progress.message === 'first') writeFileSync(join(dir, 'go'), '');
        },
      },
    );
    t.match(seen[0], { progress: 0, message: /^Execution .* was accepted\.$/ });
    t.match(seen[1], { progress: 6, message: 'first' });
    t.match(result, {
      isError: true,
      structuredContent: {
        status: 'failed',
        cause: 'exited',
        exit_code: 3,
        stdout: 'first\n',
        stderr: 'last\n',
      },
    });
    t.match(
      textOf(result),
      /ended as failed \(exited\) with exit code 3 .*\nstdout \(6 bytes\):\nfirst\n\nstderr/s,
    );

    const mark = `987654${mode === 'legacy' ? 1 : 2}`;
    const stop = new AbortController();
    const call = agent.callTool(
      { name: 'run_command', arguments: { command: `sleep ${mark} & setsid sleep ${mark} & echo up; wait` } },
      { signal: stop.signal, onprogress: ({ message }) => message === 'up' && stop.abort() },
    );
    await t.rejects(call);
    await until('its processes are gone', async () => withArgument(mark).length === 0);
    const { body } = await s.call<{ items: { id: string }[] }>(
      'GET',
      '/v1/executions?limit=1',
      undefined,
      bearer('ann'),
    );
    const ended = await s.call(
      'GET',
      `/v1/executions/${body.items[0]?.id}?wait=30`,
      undefined,
      bearer('ann'),
    );
    t.match(ended.body, { status: 'cancelled', cancel: { reason: 'the MCP client cancelled the call' } });
    await until('nobody waits for it', async () => {
      const { body: stats } = await s.call<{ waiting: object }>('GET', '/v1/stats', undefined, bearer('ann'));
      return JSON.stringify(stats.waiting) === '{"polls":0,"log_followers":0}';
    });
  });
}

t.test(
  'one client cannot cancel the call of another, and a lost connection cancels nothing that it did not ask for',
  async (t) => {
    const s = await world(t);
    const post = (key: string, body: object, session: string) =>
      fetch(`${s.url}/mcp`, {
        method: 'POST',
        headers: {
          ...bearer(key),
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-session-id': session,
        },
        body: JSON.stringify({ jsonrpc: '2.0', ...body }),
      });
    const begin = async (id: number) => {
      const answer = await post(
        'ann',
        {
          id,
          method: 'tools/call',
          params: { name: 'run_command', arguments: { command: 'sleep 1000' }, _meta: { progressToken: id } },
        },
        'mine',
      );
      const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
      for (let text = ''; ;) {
        const { value } = await reader.read();
        text += Buffer.from(value ?? []).toString();
        const execution = /Execution ([0-9a-f-]{36}) was accepted/.exec(text)?.[1];
        if (execution !== undefined) return { execution, reader };
      }
    };
    const cancel = (key: string, requestId: number, session: string) =>
      post(key, { method: 'notifications/cancelled', params: { requestId } }, session);
    const { execution, reader } = await begin(7);
    for (const [key, id, session] of [
      ['bob', 7, 'mine'],
      ['ann', 7, 'other'],
      ['ann', 8, 'mine'],
    ] as const)
      t.equal((await cancel(key, id, session)).status, 202);
    await reader.cancel();
    const at = `/v1/executions/${execution}`;
    await until('nobody waits for it', async () => {
      const { body } = await s.call<{ waiting: { polls: number } }>(
        'GET',
        '/v1/stats',
        undefined,
        bearer('ann'),
      );
      return body.waiting.polls === 0;
    });
    t.match((await s.call('GET', at, undefined, bearer('ann'))).body, {
      phase: /^(starting|running)$/,
      cancel: null,
    });
    const second = await begin(8);
    await cancel('ann', 8, 'mine');
    const { body } = await s.call(
      'GET',
      `/v1/executions/${second.execution}?wait=30`,
      undefined,
      bearer('ann'),
    );
    t.match(body, { status: 'cancelled' }, 'its own client can');
  },
);

t.test('long output is cut and marked, and what was cut can be read', async (t) => {
  const s = await world(t);
  const agent = await agentOf(t, s);
  const command = String.raw`seq 1 20000; printf '\033[31mred\033[0m\007\n' >&2`;
  const result = await agent.callTool({ name: 'run_command', arguments: { command } });
  const { execution_id: id, log, stdout, stderr, ...facts } = dataOf(result) as Record<string, string>;
  t.match(facts, { stdout_truncated: true, stderr_truncated: false, stdout_bytes: 108_894 });
  t.match(stdout, /characters omitted|20000\n$/s);
  t.ok((stdout as string).length < 21_000);
  t.equal(stderr, 'red\n', 'nothing that moves a cursor');
  t.match(textOf(result), `truncated: read ${log} or call read_log for the rest`);
  const whole = (await agent.readResource({ uri: log as string })).contents[0] as { text: string };
  t.match(whole.text, /^1\n2\n/);
  t.match(whole.text, '\n20000\n');
  const tail = await agent.callTool({ name: 'read_log', arguments: { id, stream: 'stdout', tail: 2 } });
  t.match(dataOf(tail), { text: '19999\n20000\n', truncated: false, complete: true });
  let read = '';
  for (let cursor = '1.0', isCut = true; isCut;) {
    const part = dataOf(
      await agent.callTool({ name: 'read_log', arguments: { id, stream: 'stdout', cursor } }),
    );
    read += part.text as string;
    [cursor, isCut] = [part.next_cursor as string, part.truncated as boolean];
  }
  t.equal(read, `${Array.from({ length: 20_000 }, (_, i) => i + 1).join('\n')}\n`, 'each byte once');

  const binary = await agent.callTool({
    name: 'run_command',
    arguments: { command: String.raw`printf '\377\000\376'` },
  });
  const uri = `execd://executions/${dataOf(binary).execution_id as string}/stdout`;
  t.match((await agent.readResource({ uri })).contents, [
    { uri, mimeType: 'application/octet-stream', blob: Buffer.from([255, 0, 254]).toString('base64') },
  ]);
  const { resources } = await agent.listResources();
  t.match(resources[1], { uri: log, mimeType: 'text/plain', description: 'shell, completed' });
  const { resourceTemplates } = await agent.listResourceTemplates();
  t.equal(resourceTemplates.length, 4);
  const own = (await agent.readResource({ uri: `execd://executions/${id}` })).contents[0] as { text: string };
  t.match(JSON.parse(own.text), { id, status: 'completed' });
  const other = await agentOf(t, s, 'bob');
  for (const one of [uri, 'execd://executions/x/secret', 'file:///etc/passwd', 'execd://executions/%zz/log'])
    await t.rejects(other.readResource({ uri: one }), /There is no resource/, one);
});

t.test('operations, plans, detached runs and reruns', async (t) => {
  const s = await world(t);
  const agent = await agentOf(t, s);
  const greeted = await agent.callTool({ name: 'op_greet_person', arguments: { name: 'Ann', number: 7 } });
  t.match(dataOf(greeted), { status: 'completed', stdout: 'hello Ann 7\n' });
  const again = await agent.callTool({ name: 'rerun', arguments: { id: dataOf(greeted).execution_id } });
  t.match(dataOf(again), { status: 'completed', stdout: 'hello Ann 7\n' });
  const exact = await rawRequest(s.url, {
    method: 'POST',
    path: '/mcp',
    headers: {
      ...bearer('ann'),
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"op_greet_person","arguments":{"name":"x","number":12345678901234567890}}}',
  });
  t.match(exact.body.toString(), 'hello x 12345678901234567890', 'numbers keep their digits');

  const steps = [
    { name: 'a', kind: 'shell', command: 'echo 1' },
    { name: 'b', kind: 'shell', command: 'exit 4' },
  ];
  const seen: string[] = [];
  const planned = await agent.callTool(
    { name: 'run_plan', arguments: { plan: { strategy: { type: 'serial' }, steps } } },
    { onprogress: ({ message }) => void seen.push(message ?? '') },
  );
  t.match(textOf(planned), /ended as failed.*- a: completed \(execution .*- b: failed/s);
  t.match(seen[0], /^Plan .* was accepted\.$/);

  const waits = [
    { name: 'ok', kind: 'wait', approval: { message: 'Ship it?' } },
    { name: 'more', kind: 'wait', signal: { name: 'more' } },
  ];
  const waiting = { plan: { strategy: { type: 'serial' }, steps: waits }, wait_s: 0 };
  const { plan_id: plan } = dataOf(await agent.callTool({ name: 'run_plan', arguments: waiting }));
  const call = async (name: string, args: object) =>
    agent.callTool({ name, arguments: args as Record<string, unknown> });
  await until(
    'it waits',
    async () => textOf(await call('list_approvals', {})) === `${String(plan)} ok: Ship it?`,
  );
  const decision = { plan_id: plan, step: 'ok', decision: 'approve', comment: 'tests pass' };
  t.match(dataOf(await call('decide_approval', decision)), { state: 'approved' });
  t.match(await call('decide_approval', { ...decision, decision: 'reject' }), { isError: true });
  t.match(await call('send_signal', { plan_id: plan, name: 'less' }), { isError: true });
  t.notMatch(await call('send_signal', { plan_id: plan, name: 'more', payload: 1 }), { isError: true });
  t.match(dataOf(await call('wait_execution', { id: plan, wait_s: 20 })), { status: 'completed' });
  const { contents } = await agent.readResource({ uri: 'execd://schedules' });
  t.match(contents, [{ text: '[]' }]);

  const { execution_id: id } = dataOf(
    await agent.callTool({ name: 'run_command', arguments: { command: 'echo up; sleep 1000', wait_s: 0 } }),
  );
  t.match(dataOf(await agent.callTool({ name: 'get_execution', arguments: { id } })), { execution_id: id });
  const listed = await agent.callTool({ name: 'list_executions', arguments: { limit: 1 } });
  t.match(dataOf(listed), { executions: [{ execution_id: id, what: 'shell: echo up; sleep 1000' }] });
  const cancelled = await agent.callTool({ name: 'cancel_execution', arguments: { id } });
  t.match(dataOf(cancelled), { execution_id: id, status: 'cancelled' });
  const waited = await agent.callTool({ name: 'wait_execution', arguments: { id, wait_s: 1 } });
  t.match(dataOf(waited), { status: 'cancelled', phase: 'done' });
});

t.test('what goes wrong says what to do', async (t) => {
  const s = await world(t);
  const agent = await agentOf(t, s);
  const echoer = await agentOf(t, s, 'echoer');
  const unknown = '01a00000-0000-7000-8000-000000000000';
  const table: [agent: Client, tool: string, args: object, expected: RegExp][] = [
    [agent, 'run_command', {}, /arguments of run_command are not valid.*\n- command: /s],
    [agent, 'run_command', { command: 'true', shell: 1 }, /- arguments: .*shell/],
    [agent, 'run_command', { command: 'a\0b' }, /validation.*\n- .*command.*\nCorrect the arguments/s],
    [agent, 'op_greet_person', {}, /validation.*\n- .*name.*\nCorrect the arguments/s],
    [agent, 'op_greet_person', { name: 'x', more: 1 }, /- .*more/],
    [agent, 'get_execution', { id: unknown }, /not_found.*list_executions/s],
    [agent, 'read_log', { id: unknown }, /not_found/],
    [agent, 'cancel_execution', { id: unknown }, /not_found/],
    [
      agent,
      'run_plan',
      { plan: { strategy: { type: 'serial' }, steps: [{ name: 'a', kind: 'no' }] } },
      /kind/,
    ],
    [echoer, 'run_command', { program: '/bin/sh', args: ['-c', 'true'] }, /may not run.*another tool/s],
  ];
  for (const [who, name, args, expected] of table) {
    const result = await who.callTool({ name, arguments: args as Record<string, unknown> });
    t.equal(result.isError, true, name);
    t.match(textOf(result), expected, name);
  }
  const { body } = await s.call<{ items: unknown[] }>('GET', '/v1/executions', undefined, bearer('echoer'));
  t.same(body.items, []);
});

t.test('what is no request of the protocol is refused, and what it does is audited once', async (t) => {
  const s = await world(t);
  const ask = async (body: unknown, headers: Record<string, string> = bearer('ann')) =>
    rawRequest(s.url, {
      method: 'POST',
      path: '/mcp',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const call = (params: unknown) => ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
  const deep = `${'['.repeat(40)}${']'.repeat(40)}`;
  const table: [what: string, body: unknown, expected: RegExp][] = [
    ['no JSON', '{', /^400.*malformed_json/s],
    ['nothing', '', /^400.*error/s],
    ['null', 'null', /^400.*error/s],
    ['a text', '"x"', /^400.*error/s],
    ['deep', deep, /^400.*too_deep/s],
    ['a twofold name', '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', /^400.*duplicate key/s],
    ['an unknown method', { jsonrpc: '2.0', id: 1, method: 'constructor' }, /^200.*-32601/s],
    ['no name', call({}), /-32602/],
    ['a name of Object', call({ name: '__proto__' }), /no tool/],
    ['arguments that are none', call({ name: 'run_command', arguments: 'x' }), /-32602/],
    ['a bad cursor', { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { cursor: '-1' } }, /-32602/],
    [
      'a long uri',
      { jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri: 'x'.repeat(9999) } },
      /There is no resource x{200}\./,
    ],
    ['too large', call({ name: 'run_command', arguments: { command: 'x'.repeat(2_000_000) } }), /^413/],
  ];
  for (const [what, body, expected] of table) {
    const { status, body: text } = await ask(body);
    t.match(`${status} ${text.toString()}`, expected, what);
  }
  const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
  t.equal((await ask(ping, {})).status, 401);
  t.equal((await ask(ping, { ...bearer('ann'), origin: 'https://evil.example' })).status, 403);
  t.equal((await ask(ping, { ...bearer('ann'), host: 'evil.example' })).status, 403);
  t.equal((await ask(ping)).status, 200);
  for (const method of ['GET', 'DELETE'])
    t.equal((await rawRequest(s.url, { method, path: '/mcp', headers: bearer('ann') })).status, 405, method);

  await ask(call({ name: 'run_command', arguments: { command: 'echo audited' } }));
  const { text } = await s.call('GET', '/v1/admin/audit', undefined, bearer('ann'));
  const lines = text
    .split('\n')
    .filter((line) => /audited|"route":"\/mcp"/.test(line))
    .map((line) => JSON.parse(line) as object);
  t.match(lines.at(-1), {
    ...{ user: 'ann', credential: 'ann', address: '127.0.0.1', route: '/v1/executions', status: 202 },
    what: 'shell "echo audited"',
  });
  t.ok(
    lines.slice(0, -1).every((line) => (line as { status: number }).status >= 401),
    'refusals of the endpoint only',
  );
});

t.test(
  'execd mcp serves the same on standard input and output, and ends what runs with the agent',
  async (t) => {
    const s = await world(t);
    const { env } = cliAt(t, s.url);
    const agent = new Client({ name: 'test', version: '1' });
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [CLI, 'mcp'],
      env: { ...(env as Record<string, string>), EXECD_API_KEY: token('ann') },
    });
    await agent.connect(transport);
    t.ok(namesOf((await agent.listTools()).tools).includes('op_greet_person'));
    const greeted = await agent.callTool({ name: 'op_greet_person', arguments: { name: 'you' } });
    t.match(dataOf(greeted), { status: 'completed' });
    const { promise: isUp, resolve: up } = Promise.withResolvers<unknown>();
    const call = agent.callTool(
      { name: 'run_command', arguments: { command: 'echo up; sleep 9876543' } },
      { onprogress: ({ message }) => message === 'up' && up(null) },
    );
    call.catch(() => undefined);
    await isUp;
    await agent.close();
    await t.rejects(call);
    await until('its processes are gone', async () => withArgument('9876543').length === 0);
  },
);

t.test('the example is an agent that mends what it finds', async (t) => {
  const s = await world(t);
  const { code, out, err } = await runProgram([process.execPath, 'examples/agent/agent.ts'], {
    env: { PATH: process.env.PATH, EXECD_URL: s.url, EXECD_API_KEY: token('ann') },
  });
  t.equal(code, 0, err);
  t.match(out, /the test fails: expected 4, got 0.*done: the test passes/s);
});

t.test('a setting turns it off', async (t) => {
  const s = await service(t, { EXECUTION_MCP: 'false', EXECUTION_CONSOLE: 'false' });
  t.equal((await s.call('POST', '/mcp', shell('true'))).status, 404);
});
