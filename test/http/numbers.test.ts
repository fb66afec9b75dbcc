// Numbers of JSON keep their digits on each way through the service, or are refused by their place.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { service, type Service } from '../helpers/build.ts';
import { tempDir } from '../helpers/temp.ts';

const ID = '7615917337495251231';
const OTHER_ID = '7615917337495251232';
/** JSON.parse changes each of them but the last three. */
const NUMBERS = [
  ...[ID, '9007199254740993', '-9223372036854775809', '18446744073709551616', '100000000000000000000000001'],
  ...['1.10', '1.0', '-0', '-0.0', '1E5', '1e-7', '0.1234567890123456789', '1e400', '-1e400', '1e-400'],
  ...['0.10000000000000001', '0.5', '-7', '9007199254740991'],
];
const LIST = `[${NUMBERS.join(',')}]`;
const VALUE = `{"list":${LIST},"nested":{"id":${ID},"money":1.10}}`;

/** Sends back the body that it got. */
async function echo(t: Test): Promise<{ url: string; received: string[] }> {
  const received: string[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    request.on('end', () => {
      received.push(text);
      response.writeHead(200, { 'content-type': 'application/json' }).end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, received };
}

const NUMBER_PARAM = { type: 'number' };
const OPERATIONS = {
  print: {
    params: {
      properties: {
        id: { type: 'integer', minimum: 1, maximum: 9e18 },
        kind: { enum: [1, 7615917337495251000] },
        even: { type: 'integer', multipleOf: 2 },
        unique: { type: 'array', uniqueItems: true, maxItems: 5 },
        note: { type: 'string', default: 'none' },
      },
    },
    run: {
      kind: 'exec',
      program: 'echo',
      args: ['{{id?}}', '{{kind?}}', '{{even?}}', '{{unique?}}', '{{note}}'],
    },
    cacheable: true,
  },
  shown: {
    params: { properties: { id: NUMBER_PARAM }, required: ['id'] },
    run: { kind: 'shell', command: 'echo "$PARAM_ID"' },
  },
  posted: {
    params: { properties: { value: {} }, required: ['value'] },
    run: { kind: 'http', url: 'URL', method: 'POST', body: { json: { value: '{{value}}' } } },
    output: { parse: 'json' },
  },
};

interface Problem {
  type: string;
  detail: string;
  errors?: { field: string; message: string }[];
}

const WAIT = { prefer: 'wait=30' };
const post = (s: Service, text: string, headers: Record<string, string> = WAIT) =>
  s.call<ExecutionWire>('POST', '/v1/executions', text, headers);
const operation = (s: Service, name: string, params: string, more = '') =>
  post(s, `{"kind":"operation","name":"${name}","params":${params}${more}}`);
const stdoutOf = ({ result }: ExecutionWire) => (result as { stdout: string }).stdout;

t.test('numbers', async (t) => {
  const target = await echo(t);
  const file = join(tempDir(t), 'operations.json');
  const text = JSON.stringify({ operations: OPERATIONS }).replaceAll('URL', target.url);
  writeFileSync(file, text, { mode: 0o600 });
  const env = {
    EXECUTION_EGRESS_ALLOW: '127.0.0.1',
    EXECUTION_OPERATIONS_FILE: file,
    EXECUTION_DATA_DIR: tempDir(t),
    EXECUTION_CACHE_PERSIST: 'true',
  };
  let s = await service(t, env);
  /** Paths whose answers are to have a text, now and after a restart. */
  const kept: [path: string, text: string][] = [];
  const keeps = (path: string, text: string) => kept.push([path, text]);

  t.test('an HTTP call sends them, and its answer is a result', async (t) => {
    const spec = `{"kind":"http","url":"${target.url}","method":"POST","body":{"json":${VALUE}},"output":{"parse":"json"}}`;
    const { body, text } = await post(s, spec);
    t.equal(body.status, 'completed', text);
    t.equal(target.received.at(-1), VALUE);
    t.ok(text.includes(`"body":{"json":${VALUE}}`), 'what was asked for');
    keeps(`/v1/executions/${body.id}`, `"result":{"status":200`);
    keeps(`/v1/executions/${body.id}`, `"body":{"json":${VALUE}}}`);
    const again = await s.call<ExecutionWire>('POST', `/v1/executions/${body.id}/rerun`, undefined, WAIT);
    t.equal(again.body.status, 'completed', again.text);
    t.equal(target.received.at(-1), VALUE, 'a rerun sends the same');
  });

  t.test('what a command prints is a result', async (t) => {
    const args = JSON.stringify([VALUE]);
    const { body, text } = await post(
      s,
      `{"kind":"exec","program":"echo","args":${args},"output":{"parse":"json"}}`,
    );
    t.ok(text.includes(`"result":${VALUE}`), text);
    keeps(`/v1/executions/${body.id}`, `"result":${VALUE}`);
    keeps('/v1/executions?limit=100', `"result":${VALUE}`);
    keeps(`/v1/executions/${body.id}/events?result=true`, `"result":${VALUE}`);
  });

  t.test('two numbers are two keys of the cache', async (t) => {
    const asked = (id: string) =>
      `{"kind":"http","url":"${target.url}","method":"POST","body":{"json":{"id":${id}}},"output":{"parse":"json"},"cache":{}}`;
    const ids = [ID, OTHER_ID, '1.10', '1.1', '1e400', '2e400'];
    const keys = new Set<string | null | undefined>();
    for (const id of ids) {
      const { body, text } = await post(s, asked(id));
      t.equal(body.cache?.status, 'stored', id);
      t.ok(text.includes(`"json":{"id":${id}}}`), id);
      keys.add(body.cache?.key);
    }
    t.equal(keys.size, ids.length);
    for (const id of ids) {
      const { body, text } = await post(s, asked(id));
      t.equal(body.cache?.status, 'hit', id);
      t.ok(text.includes(`"body":{"json":{"id":${id}}}`), id);
      keeps(`/v1/executions/${body.id}`, `"body":{"json":{"id":${id}}}}`);
      keeps(`/v1/cache/${body.cache?.key}`, `"body":{"json":{"id":${id}}}`);
    }
    for (const id of [ID, OTHER_ID]) {
      const { body } = await operation(s, 'print', `{"id":${id}}`, ',"cache":{}');
      t.match(body, { cache: { status: 'stored' }, result: { stdout: `${id} none\n` } });
    }
  });

  t.test('two numbers are two requests under one idempotency key', async (t) => {
    const asked = (id: string) =>
      `{"kind":"http","url":"${target.url}","method":"POST","body":{"json":{"id":${id}}}}`;
    const key = { ...WAIT, 'idempotency-key': 'numbers' };
    const first = await post(s, asked(ID), key);
    t.equal(first.status, 200);
    t.equal((await post(s, asked(ID), key)).body.id, first.body.id);
    t.equal((await post(s, asked(OTHER_ID), key)).status, 422);
    const plan = (id: string) =>
      `{"strategy":{"type":"serial"},"params":{"id":${id}},"steps":[{"name":"a","kind":"exec","program":"echo","args":["\${plan.params.id}"]}]}`;
    const ofPlan = { 'idempotency-key': 'numbers-of-plans' };
    t.equal((await s.call('POST', '/v1/plans', plan(ID), ofPlan)).status, 202);
    t.match((await s.call('POST', '/v1/plans', plan(ID), ofPlan)).status, /20[02]/);
    t.equal((await s.call('POST', '/v1/plans', plan(OTHER_ID), ofPlan)).status, 422);
  });

  t.test('a body that comes again and again', async (t) => {
    const spec = `{"kind":"http","url":"${target.url}","method":"POST","body":{"json":${LIST}},"cache":{"mode":"refresh"}}`;
    for (let i = 0; i < 4; i++) {
      await post(s, spec);
      t.equal(target.received.at(-1), LIST);
    }
  });

  t.test('each of a batch', async (t) => {
    const item = (id: string) =>
      `{"kind":"http","url":"${target.url}","method":"POST","body":{"json":${id}}}`;
    const { text } = await s.call(
      'POST',
      '/v1/executions/batch',
      `{"executions":[${item(ID)},${item('1.0')},{"kind":"exec","program":"true","priority":9007199254740993},1.0]}`,
    );
    t.ok(text.includes(`"body":{"json":${ID}}`) && text.includes('"body":{"json":1.0}'), text);
    t.match(text, /"\/executions\/2\/priority".*9007199254740993/);
    t.match(text, /"\/executions\/3\/kind"/);
  });

  t.test('a batch of thousands of problems is not looked at to its end', async (t) => {
    const wrong = { kind: 'exec', program: 'true', args: Array<number>(100).fill(1) };
    const items = [...Array<object>(50).fill(wrong), { kind: 'exec', program: 'true' }];
    const { body } = await s.call<{ items: { problem: Problem }[] }>('POST', '/v1/executions/batch', {
      executions: items,
    });
    t.match(body.items.at(-2)?.problem.errors?.length, 100);
    t.match(
      body.items.at(-1)?.problem.detail,
      /^Item 50 was not checked: the items before it have 5000 problems/,
    );
  });

  t.test('parameters of operations', async (t) => {
    const printed = async (params: string) => stdoutOf((await operation(s, 'print', params)).body);
    t.equal(await printed(`{"id":${ID}}`), `${ID} none\n`);
    t.equal(await printed('{"id":9007199254740993,"kind":1.0}'), '9007199254740993 1.0 none\n');
    t.equal(
      await printed(`{"even":${OTHER_ID},"unique":[${ID},${OTHER_ID}]}`),
      `${OTHER_ID} ${ID} ${OTHER_ID} none\n`,
    );
    for (const number of NUMBERS) {
      t.equal(stdoutOf((await operation(s, 'shown', `{"id":${number}}`)).body), `${number}\n`);
    }
    const { text } = await operation(s, 'posted', `{"value":${VALUE}}`);
    t.equal(target.received.at(-1), `{"value":${VALUE}}`);
    t.ok(text.includes(`"body":{"json":{"value":${VALUE}}}`), text);
    for (const [params, field, message] of [
      ['{"id":9000000000000000001}', '/params/id', /must be <= 9000000000000000000/],
      ['{"id":-9007199254740993}', '/params/id', /must be >= 1/],
      ['{"id":9007199254740992.5}', '/params/id', /must be integer/],
      [`{"kind":${ID}}`, '/params/kind', /must be one of 1, 7615917337495251000/],
      [`{"even":${ID}}`, '/params/even', /must be multiple of 2/],
      ['{"even":1e400}', '/params/even', /must be multiple of 2/],
      [`{"unique":[${ID},${ID}]}`, '/params/unique', /duplicate/],
      [`{"note":${ID}}`, '/params/note', /must be string/],
      [`{"other":${ID}}`, '/params/other', /unknown parameter/],
    ] as const) {
      const { status, body } = await operation(s, 'print', params);
      const { errors = [] } = body as unknown as Problem;
      t.match([status, errors[0]?.field, errors[0]?.message], [400, field, message], params);
    }
  });

  t.test('a plan: parameters, references, filters, lists, conditions, plans in it', async (t) => {
    const plan = `{
      "strategy": {"type": "serial"},
      "params": {"id": ${ID}, "value": ${VALUE}, "list": ${LIST}, "ms": 30000.0},
      "steps": [
        {"name": "word", "kind": "exec", "program": "echo", "args": ["delete", "\${plan.params.id}", "\${plan.params.value.nested.money}"],
          "env": {"ID": "\${plan.params.id}"}, "timeouts": {"attempt_ms": "\${plan.params.ms}", "total_ms": 60000.0}},
        {"name": "quoted", "kind": "shell", "shell": "sh", "command": "echo \${plan.params.list | quote} \${plan.params.id | quote} \${plan.params.none ?? 1.10 | quote}"},
        {"name": "json", "kind": "exec", "program": "echo", "args": ["\${plan.params.value | json}"], "output": {"parse": "json"}},
        {"name": "sent", "kind": "http", "method": "POST", "url": "${target.url}", "query": {"id": "\${plan.params.id}"}, "output": {"parse": "json"},
          "body": {"json": {"a": "\${steps.json.result}", "b": "\${steps.json.stdout | parse}", "c": "id \${steps.json.result.nested.id}", "d": ${LIST}}}},
        {"name": "met", "kind": "exec", "program": "true",
          "when": "steps.sent.result.body.json.a.nested.id == ${ID} && steps.json.result.nested.id != ${OTHER_ID} && plan.params.id < ${OTHER_ID} && steps.json.result.nested.money == 1.1"},
        {"name": "unmet", "kind": "exec", "program": "true", "when": "steps.json.result.nested.id == 7615917337495251000"},
        {"name": "each", "kind": "exec", "program": "echo", "args": ["\${item}"], "outputs": {"item": "\${item}", "text": "\${stdout | trim}"},
          "foreach": {"items": "\${steps.json.result.list}", "max_concurrency": 4.0}},
        {"name": "inner", "kind": "plan", "strategy": {"type": "serial"}, "params": {"id": "\${steps.json.result.nested.id}"},
          "steps": [{"name": "x", "kind": "exec", "program": "echo", "args": ["\${plan.params.id}"], "output": {"parse": "json"}, "outputs": {"id": "\${result}"}}],
          "outputs": {"id": "\${steps.x.outputs.id}", "one": 1.0}}
      ],
      "outputs": {
        "word": "\${steps.word.stdout}", "quoted": "\${steps.quoted.stdout}", "json": "\${steps.json.result}", "sent": "\${steps.sent.result.body.json}",
        "each": "\${steps.each.result}", "inner": "\${steps.inner.outputs}", "list": "\${plan.params.list}", "own": 1.10
      }
    }`;
    const accepted = await s.call<{ id: string }>('POST', '/v1/plans', plan, WAIT);
    t.match(accepted.status, /20[02]/, accepted.text);
    const path = `/v1/plans/${accepted.body.id}`;
    const { body, text } = await s.call<{ status: string; result: Record<string, unknown>; steps: object[] }>(
      'GET',
      `${path}?wait=30`,
    );
    t.equal(body.status, 'completed', text);
    t.equal(body.result.word, `delete ${ID} 1.10\n`);
    t.equal(body.result.quoted, `${[...NUMBERS, ID].join(' ')} 1.10\n`);
    t.equal(target.received.at(-1), `{"a":${VALUE},"b":${VALUE},"c":"id ${ID}","d":${LIST}}`);
    t.ok(text.includes(`"json":${VALUE},"sent":{"a":${VALUE},`), 'results of steps');
    const rounds = NUMBERS.map((number) => `{"item":${number},"text":"${number}"}`);
    t.ok(text.includes(`"each":[${rounds.join(',')}]`), 'each round');
    t.ok(text.includes(`"inner":{"id":${ID},"one":1.0},"list":${LIST},"own":1.10}`), 'outputs');
    t.match(body.steps, [{}, {}, {}, {}, { status: 'completed' }, { status: 'skipped' }]);
    keeps(path, `"each":[${rounds.join(',')}]`);
    keeps(path, `"params":{"id":${ID},"value":${VALUE},"list":${LIST},"ms":30000.0}`);
    const redone = await s.call<{ id: string }>('POST', `${path}/rerun`, undefined, WAIT);
    t.ok(redone.text.includes(`"each":[${rounds.join(',')}]`), 'run again');
    t.match((await s.call(`POST`, '/v1/plans/validate', plan)).body, { valid: true });
  });

  t.test('a plan that takes over steps of another one reads the same', async (t) => {
    const plan = (command: string) => `{
      "strategy": {"type": "serial"},
      "steps": [
        {"name": "a", "kind": "operation", "operation": "posted", "params": {"value": ${LIST}}},
        {"name": "b", "kind": "shell", "shell": "sh", "command": "${command}"}
      ],
      "outputs": {"a": "\${steps.a.result.body.json}"}
    }`;
    const mark = join(tempDir(t), 'mark');
    const failed = await s.call<{ id: string; status: string }>(
      'POST',
      '/v1/plans',
      plan(`test -e ${mark}`),
      WAIT,
    );
    t.equal(failed.body.status, 'failed');
    writeFileSync(mark, '');
    const { text } = await s.call('POST', `/v1/plans/${failed.body.id}/redrive`, undefined, WAIT);
    t.ok(text.includes(`"result":{"a":{"value":${LIST}}}`), text);
  });

  t.test('a condition that cannot tell says which number', async (t) => {
    const plan = `{"strategy":{"type":"serial"},"params":{"id":1e400},
      "steps":[{"name":"a","kind":"exec","program":"true","when":"plan.params.id > 5"}]}`;
    const { text } = await s.call('POST', '/v1/plans', plan, WAIT);
    t.match(text, /plan\.params\.id is 1e400; conditions and calculations take numbers of at most 17 digits/);
  });

  t.test('fields that are numbers take no other than was sent', async (t) => {
    const sent = async (body: string) => {
      const { status, body: problem } = await s.call<Problem>('POST', '/v1/executions', body);
      return [status, problem.errors?.[0]?.field, problem.errors?.[0]?.message];
    };
    const whole = (number: string) =>
      `is ${number}; this field takes numbers of at most 17 digits, and whole numbers up to 9007199254740991`;
    for (const [fields, field, message] of [
      ['"priority":9007199254740993', '/priority', whole('9007199254740993')],
      [`"timeouts":{"attempt_ms":${ID}}`, '/timeouts/attempt_ms', whole(ID)],
      [`"priority":${'9'.repeat(5000)}`, '/priority', 'is too large for a number'],
      [`"priority":${'9'.repeat(300)}`, '/priority', whole(`${'9'.repeat(40)}…`)],
      ['"priority":1e400', '/priority', 'is too large for a number'],
      ['"priority":1.50', '/priority', 'must be a whole number'],
      ['"cache":{"ttl_s":0.1234567890123456789}', '/cache/ttl_s', /^is 0\.1234567890123456789; .* 17 digits/],
      [
        '"retry":{"retry_on":{"exit_codes":[1,9007199254740993]}}',
        '/retry/retry_on/exit_codes/1',
        whole('9007199254740993'),
      ],
      ['"timeouts":1.0', '/timeouts', 'must be an object, not a number'],
      [`"timeouts":${ID}`, '/timeouts', 'must be an object, not a number'],
      [`"task_id":${ID}`, '/task_id', 'must be a string, not a number'],
      [`"args":[${ID}]`, '/args/0', 'must be a string, not a number'],
      [`"env":{"A":1.0}`, '/env/A', 'must be a string, not a number'],
      [`"labels":{"a":${ID}}`, '/labels/a', 'must be a string, not a number'],
      [`"retry_safe":1.0`, '/retry_safe', 'must be true or false, not a number'],
      [`"on_limit":1.0`, '/on_limit', /^must be one of/],
    ] as const) {
      t.match(await sent(`{"kind":"exec","program":"true",${fields}}`), [400, field, message], fields);
    }
    t.match(await sent('1.0'), [400]);
    t.match(await sent('{"kind":1.0}'), [400, '/kind']);
    t.match(await sent(`{"kind":"http","url":"${target.url}","body":1.0}`), [400, '/body']);
    t.match(await sent(`{"kind":"operation","name":"shown","params":${ID}}`), [400, '/params', /object/]);
    const { body } = await post(
      s,
      '{"kind":"exec","program":"true","priority":1.0e2,"timeouts":{"attempt_ms":2.50e4,"total_ms":60000.0},"retry":{"multiplier":0.10000000000000001}}',
    );
    t.match(body, { priority: 100, timeouts: { attempt_ms: 25_000, total_ms: 60_000 }, status: 'completed' });
    const queued = await s.call<Problem>(
      'PATCH',
      `/v1/executions/${body.id}`,
      '{"priority":9007199254740993}',
    );
    t.match([queued.status, queued.body.errors?.[0]?.field], [400, '/priority']);
    const steps =
      '[{"name":"a","kind":"exec","program":"true","priority":9007199254740993},1.0,{"name":"c","kind":"exec","program":"true","foreach":1.0}]';
    const plan = await s.call<Problem>(
      'POST',
      '/v1/plans',
      `{"strategy":{"type":"serial"},"steps":${steps}}`,
    );
    t.match(plan.body.errors, [
      { field: '/steps/0/priority', message: whole('9007199254740993') },
      { field: '/steps/1', message: 'must be an object' },
      { field: '/steps/2/foreach', message: 'must be an object, not a number' },
    ]);
  });

  t.test('what is kept is read with its digits, also after a restart', async (t) => {
    const check = async (when: string) => {
      for (const [path, text] of kept) {
        const answer = await s.call('GET', path);
        t.ok(answer.text.includes(text), `${when}: ${path} has ${text.slice(0, 100)}: ${answer.text}`);
      }
    };
    await check('before');
    await s.stop();
    s = await service(t, env);
    await check('after');
    const asked = `{"kind":"http","url":"${target.url}","method":"POST","body":{"json":{"id":${ID}}},"output":{"parse":"json"},"cache":{}}`;
    const { body, text } = await post(s, asked);
    t.equal(body.cache?.status, 'hit');
    t.ok(text.includes(`"body":{"json":{"id":${ID}}}}`), text);
  });
});
