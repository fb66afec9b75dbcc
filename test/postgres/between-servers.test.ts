// Several servers on one PostgreSQL: a client never needs to know which of them runs what. The front takes requests and runs nothing;
// the worker runs everything and has no API, as far as these tests go.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import t from 'tap';
import WebSocket from 'ws';
import { type Service, service, shell } from '../helpers/build.ts';
import { startCluster } from '../helpers/postgres.ts';
import { until } from '../helpers/processes.ts';
import { ofFile } from '../helpers/scope.ts';
import { tempDir } from '../helpers/temp.ts';

const BYTES = { 'content-type': 'application/octet-stream' };
const OPEN = { stdin: { open: true } };

const file = ofFile();
const cluster = await startCluster(file);
const url = await cluster.database();
const env = {
  EXECUTION_DATABASE_URL: url,
  EXECUTION_DATABASE_CONNECTIONS: '3',
  EXECUTION_SYNC_INTERVAL_MS: '100',
};
const TOKEN = 'a-token-of-hooks';
const dir = tempDir(file);
const fileOf = (name: string, value: object): string => {
  writeFileSync(join(dir, name), JSON.stringify(value), { mode: 0o600 });
  return join(dir, name);
};
const greet = {
  run: { kind: 'exec', program: 'sh', args: ['-c', 'echo hello; sleep 0.1; echo "$0"', '{{name}}'] },
  params: { properties: { name: { type: 'string' } }, required: ['name'] },
  hook: {
    ...{ scheme: 'token', header: 'X-Token', secret: 'greet', user: 'bot', answer: 'raw' },
    params: { name: 'body.name' },
  },
};
const ofHooks = {
  EXECUTION_OPERATIONS_FILE: fileOf('operations.json', { operations: { greet } }),
  EXECUTION_SECRETS_FILE: fileOf('secrets.json', {
    secrets: { greet: { env: 'HOOK_TOKEN', operations: ['greet'] } },
  }),
};
const front = await service(
  file,
  { ...env, ...ofHooks, EXECUTION_REPLICA_NAME: 'front', EXECUTION_ROLE: 'api' },
  {},
  { HOOK_TOKEN: TOKEN },
);
const worker = await service(file, { ...env, EXECUTION_REPLICA_NAME: 'worker' });

const send = (s: Service, id: string, query: string, bytes?: string | Uint8Array) =>
  s.call('POST', `/v1/executions/${id}/stdin${query}`, bytes, bytes === undefined ? {} : BYTES);
const logOf = async (s: Service, id: string): Promise<string> =>
  (await s.call('GET', `/v1/executions/${id}/logs?format=raw`)).text;
const says = (id: string, text: string) =>
  until(`it says ${JSON.stringify(text)}`, async () => (await logOf(front, id)).includes(text));

t.test('input reaches a command at another server in parts, each once, and its end', async (t) => {
  const { id } = await front.submit(shell('while read -r line; do echo "<$line>"; done; echo end', OPEN));
  t.match(await send(front, id, '', 'one\ntw'), { status: 200, body: { attempt: 1, offset: 6, open: true } });
  t.match((await send(front, id, '?offset=4', 'two\nth')).body, { offset: 10 }, 'what is known is skipped');
  t.match((await send(front, id, '?offset=0', 'one\n')).body, { offset: 10 }, 'a repeat does no harm');
  t.match(await send(front, id, '?offset=11', 'x'), {
    status: 409,
    body: { errors: [{ field: '?offset', message: /is 11, but execd has 10 bytes/ }] },
  });
  await says(id, '<one>\n<two>\n');
  t.match((await send(front, id, '?offset=10&close=true', 'ree\n')).body, { offset: 14, open: false });
  t.match(await front.finished(id), {
    status: 'completed',
    result: { stdout: '<one>\n<two>\n<three>\nend\n' },
  });
  t.match(await send(front, id, '', 'late'), {
    status: 409,
    body: { type: 'urn:execd:error:execution_finished' },
  });
});

t.test('megabytes of input arrive byte by byte, as fast as the command reads', async (t) => {
  const bytes = Buffer.alloc(6_000_000, 'a line of input that says little\n');
  const { id } = await front.submit(shell('head -c 300000 >/dev/null; sleep 0.2; sha256sum', OPEN));
  const sent = await send(front, id, '?close=true', bytes);
  t.match(sent, { status: 200, body: { offset: bytes.length, open: false } });
  const digest = createHash('sha256').update(bytes.subarray(300_000)).digest('hex');
  t.match(await front.finished(id), { result: { stdout: `${digest}  -\n` } });
});

t.test('a command that does not read holds its sender up, and says where to continue', async (t) => {
  const { id } = await front.submit(shell('sleep 60', OPEN));
  await front.inPhase(id, 'running');
  const stalled = await send(front, id, '?wait=0', new Uint8Array(1_000_000));
  t.match(stalled, { status: 409, body: { type: 'urn:execd:error:input_not_read' } });
  const held = Number(/taken in (\d+) bytes/.exec(stalled.text)?.[1]);
  t.ok(held >= 256 * 1024 && held <= 256 * 1024 + 1_100_000, `${held} bytes are held`);
  await front.call('POST', `/v1/executions/${id}/cancel`, {});
  t.match(await front.finished(id), { status: 'cancelled' });
});

t.test('what cannot take input says so, as where it runs', async (t) => {
  const { id } = await front.submit(shell('sleep 60'));
  await front.inPhase(id, 'running');
  t.match(await send(front, id, '', 'x'), { status: 409, body: { type: 'urn:execd:error:input_closed' } });
  const signal = (body: object) => front.call('POST', `/v1/executions/${id}/signals`, body);
  t.match(await signal({ signal: 'SIGKILL' }), { status: 202, body: { attempt: 1 } });
  t.match(await front.finished(id), { outcome: { cause: 'signalled', signal: 'SIGKILL' } });
  t.match(await signal({ signal: 'SIGHUP' }), { status: 409 });
});

t.test('writers at several servers add to one input: no byte is lost, none comes twice', async (t) => {
  const { id } = await front.submit(shell('sort | uniq -c | sort -rn | head -1; echo', OPEN));
  await front.inPhase(id, 'running');
  const lines = Array.from({ length: 40 }, (_, i) => `line ${i} ${'x'.repeat(20)}\n`);
  const answers = await Promise.all(
    lines.map((line, i) => send([front, worker][i % 2] as Service, id, '', line)),
  );
  t.ok(
    answers.every(({ status }) => status === 200),
    JSON.stringify(answers[1]),
  );
  const offsets = answers
    .filter(({ status }) => status === 200)
    .map(({ body }) => (body as { offset: number }).offset);
  const taken = lines.filter((_, i) => answers[i]?.status === 200);
  t.equal(Math.max(...offsets), taken.join('').length);
  await send(front, id, '?close=true');
  t.match(await front.finished(id), { status: 'completed', result: { stdout: /^ +1 line/ } });
});

t.test('a WebSocket speaks with a terminal at another server', async (t) => {
  const spec = shell('stty size; read -r a; stty size; echo "<$a>"; read -r b; echo "$b"', {
    tty: { cols: 90, rows: 20 },
  });
  const { id } = await front.submit(spec);
  const socket = new WebSocket(`${front.url.replace('http', 'ws')}/v1/executions/${id}/attach`);
  const [texts, bytes] = [[] as Record<string, unknown>[], [] as Buffer[]];
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (isBinary) bytes.push(data.subarray(13));
    else texts.push(JSON.parse(data.toString()) as Record<string, unknown>);
  });
  const out = () => Buffer.concat(bytes).toString();
  const shows = (text: string) => until(`it shows ${text}`, () => out().includes(text));
  const type = (offset: number, text: string) => {
    const head = Buffer.alloc(8);
    head.writeBigUInt64BE(BigInt(offset));
    socket.send(Buffer.concat([head, Buffer.from(text)]));
  };
  await once(socket, 'open');
  await until('it is ready', () => texts.some(({ type: kind }) => kind === 'ready'));
  t.match(texts[0], { type: 'ready', attempt: 1, tty: true, input: { offset: 0, open: true } });
  await shows('20 90');
  socket.send(JSON.stringify({ type: 'resize', cols: 100, rows: 30 }));
  type(0, 'typed\n');
  await shows('30 100');
  type(6, 'more\n');
  await shows('more\r\nmore');
  if (socket.readyState !== WebSocket.CLOSED) await once(socket, 'close');
  t.match(texts.at(-1), { type: 'end' });
  t.match(texts.filter(({ type: kind }) => kind === 'input').at(-1), { offset: 11 });
});

t.test(
  'the raw output of a run is the response of another server, and its end in the trailers',
  async (t) => {
    const answer = await front.call('POST', '/v1/run', shell('echo one; sleep 0.1; echo two'));
    t.match(answer, { status: 200, text: 'one\ntwo\n' });
    t.match(await front.call('POST', '/v1/run', shell('echo no >&2; exit 3')), {
      status: 422,
      body: { type: 'urn:execd:error:run_failed' },
    });
  },
);

t.test('the raw response of a hook is what its command writes at another server', async (t) => {
  const answer = await front.call('POST', '/v1/hooks/greet', { name: 'ann' }, { 'x-token': TOKEN });
  t.match(answer, { status: 200, text: 'hello\nann\n' });
});

t.test('nothing of what servers ask of each other is left', async (t) => {
  await until('all is taken', async () => {
    const left = await rows(
      'SELECT (SELECT count(*) FROM execd.asks) + (SELECT count(*) FROM execd.answers) AS n',
    );
    return left[0]?.n === '0';
  });
  t.pass();
});

async function rows(sql: string): Promise<Record<string, unknown>[]> {
  const one = new pg.Client(url);
  await one.connect();
  try {
    return (await one.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await one.end();
  }
}
