// Several servers on one PostgreSQL: a client never needs to know which of them runs what. The front takes requests and runs nothing;
// the worker runs everything and has no API, as far as these tests go.
import { createCipheriv, createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import pg from 'pg';
import t, { type Test } from 'tap';
import WebSocket from 'ws';
import { createClock } from '../../src/app/clock.ts';
import { Database } from '../../src/store/postgres/database.ts';
import { PostgresStore } from '../../src/store/postgres/store.ts';
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
  // Not before: the terminal writes it back between the text of a line and its end.
  await shows('<typed>\r\n');
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

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
/** Bytes that no compression makes smaller, and that differ everywhere. */
const noise = (size: number, key: string): Buffer =>
  createCipheriv('aes-128-ctr', createHash('md5').update(key).digest(), Buffer.alloc(16)).update(
    Buffer.alloc(size),
  );
const get = async (s: Service, path: string, headers: Record<string, string> = {}) => {
  const answer = await fetch(s.url + path, { headers });
  return { status: answer.status, headers: answer.headers, bytes: Buffer.from(await answer.arrayBuffer()) };
};
const upload = (s: Service, bytes: Uint8Array) =>
  s.call<{ id: string; digest: string }>('POST', '/v1/uploads', bytes, BYTES);

t.test('files go from a client to a command and back, whichever server they pass', async (t) => {
  const bytes = noise(3 * 1024 * 1024 + 17, 'input');
  const sent = await upload(front, bytes);
  t.match(sent, { status: 201, body: { digest: sha256(bytes), size: bytes.length } });
  const copy = { artifacts: ['out/**'], files: [{ path: 'in', upload: sent.body.id }] };
  const { id, status } = await front.run(
    shell('mkdir out; cat in in > out/twice; printf "" > out/empty; echo small > out/small', copy),
  );
  t.equal(status, 'completed');
  const twice = Buffer.concat([bytes, bytes]);
  const etags = new Set<string | null>();
  for (const s of [front, worker]) {
    const whole = await get(s, `/v1/executions/${id}/artifacts/out/twice`);
    t.equal(sha256(whole.bytes), sha256(twice), 'every byte');
    etags.add(whole.headers.get('etag'));
    for (const [range, part] of [
      ['bytes=0-0', twice.subarray(0, 1)],
      ['bytes=262143-262145', twice.subarray(262_143, 262_146)],
      [
        `bytes=${bytes.length - 5}-${bytes.length + 300_000}`,
        twice.subarray(bytes.length - 5, bytes.length + 300_001),
      ],
      ['bytes=-7', twice.subarray(-7)],
    ] as const) {
      const got = await get(s, `/v1/executions/${id}/artifacts/out/twice`, { range });
      t.equal(got.status, 206);
      t.ok(got.bytes.equals(part), range);
    }
    const known = { 'if-none-match': whole.headers.get('etag') ?? '' };
    t.equal((await get(s, `/v1/executions/${id}/artifacts/out/twice`, known)).status, 304);
    t.equal((await get(s, `/v1/executions/${id}/artifacts/out/empty`)).bytes.length, 0);
    const archive = await get(s, `/v1/executions/${id}/artifacts.tar.gz`);
    t.equal(gunzipSync(archive.bytes).indexOf('small\n') > 0, true, 'the archive');
  }
  t.equal(etags.size, 1);
  const again = { files: [{ path: 'in', artifact: { execution: id, path: 'out/small' } }] };
  t.match(await worker.run(shell('cat in', again)), { result: { stdout: 'small\n' } });
});

t.test(
  'parts of an upload come in at several servers, and what is sent again replaces what is there',
  async (t) => {
    const bytes = noise(1_000_000, 'parts');
    const begun = await front.call<{ id: string }>('POST', `/v1/uploads?size=${bytes.length}`);
    const { id } = begun.body;
    const part = (s: Service, offset: number, end: number) =>
      s.call('PATCH', `/v1/uploads/${id}?offset=${offset}`, bytes.subarray(offset, end), BYTES);
    t.match(await part(front, 0, 300_000), { status: 200, body: { received: 300_000 } });
    t.match((await worker.call('GET', `/v1/uploads/${id}`)).body, { received: 300_000, complete: false });
    t.match(await part(worker, 300_001, 400_000), { status: 409 }, 'there is a gap');
    const wrong = await worker.call(
      'PATCH',
      `/v1/uploads/${id}?offset=250000`,
      noise(200_000, 'other'),
      BYTES,
    );
    t.match(wrong, { status: 200, body: { received: 450_000 } });
    t.match(await part(front, 250_000, 700_001), { body: { received: 700_001 } });
    const last = await part(worker, 700_001, bytes.length);
    t.match(last, { status: 200, body: { complete: true, digest: sha256(bytes) } });
  },
);

t.test('the same bytes are kept once, and go with the last that owns them', async (t) => {
  const bytes = noise(600_000, 'shared');
  const pieces = async () => Number((await rows(ofDigest(sha256(bytes))))[0]?.n);
  const [one, two] = await Promise.all([upload(front, bytes), upload(worker, bytes)]);
  t.equal(await pieces(), 3, 'three pieces for both');
  await worker.call('DELETE', `/v1/uploads/${one.body.id}`);
  t.equal(await pieces(), 3);
  const { id } = await worker.run(
    shell('cat in > out', { artifacts: ['out'], files: [{ path: 'in', upload: two.body.id }] }),
  );
  await front.call('DELETE', `/v1/uploads/${two.body.id}`);
  t.equal(sha256((await get(front, `/v1/executions/${id}/artifacts/out`)).bytes), sha256(bytes));
  await front.call('DELETE', `/v1/executions/${id}`);
  await until('they are gone', async () => (await pieces()) === 0);
  const left = "SELECT count(*) AS n FROM execd.blob_bodies WHERE digest IS NULL OR held_by <> '{}'";
  await until('nothing is held, and nothing is half', async () => (await rows(left))[0]?.n === '0');
});

t.test('bytes that one server holds are kept, although another one removes what has no owner', async (t) => {
  const url = await cluster.database();
  const [one, two] = [await storeAt(t, url, 'one'), await storeAt(t, url, 'two')];
  await one.blobs.begin('body');
  await one.blobs.append('body', { at: 0, bytes: Buffer.from('bytes') });
  t.equal(
    await two.blobs.append('body', { at: 0, bytes: Buffer.from('other') }),
    false,
    'its end is elsewhere',
  );
  await one.blobs.bind('body', 'd1');
  t.equal(await two.blobs.remove('d1'), false, 'it is held, and has no owner yet');
  t.match(await two.blobs.read('body', 2), [{ at: 0, bytes: Buffer.from('bytes') }]);
  await two.blobs.begin('same');
  await two.blobs.bind('same', 'd1');
  await one.blobs.release('d1');
  t.match(await one.blobs.find('d1'), { body: 'body', size: 5 }, 'the other one holds it, too');
  await two.blobs.begin('lost');
  await two.commit([[{ type: 'beat', leaseMs: 0 }]]);
  await two.close();
  await one.blobs.sweep();
  t.equal(await one.blobs.sizeOf('same'), null);
  t.equal(await one.blobs.find('d1'), null, 'whoever held it is gone, and nobody owns it');
  t.equal(await one.blobs.sizeOf('lost'), null, 'what was not finished is gone with its server');
});

t.test('files that were on the disk are moved into the database at a start, and back', async (t) => {
  const [url, dataDir, shared] = [await cluster.database(), tempDir(t), tempDir(t)];
  const own = { EXECUTION_DATABASE_URL: url, EXECUTION_REPLICA_NAME: 'mover', EXECUTION_DATA_DIR: dataDir };
  const bytes = noise(400_000, 'moved');
  const first = await service(t, { ...own, EXECUTION_FILE_DIR: join(dataDir, 'files') });
  const { id } = (await upload(first, bytes)).body;
  const begun = await first.call<{ id: string }>('POST', '/v1/uploads?size=10');
  await first.call('PATCH', `/v1/uploads/${begun.body.id}?offset=0`, 'half', BYTES);
  await first.stop();
  const inTables = async () =>
    (await rows('SELECT sum(length(bytes)) AS n FROM execd.blob_pieces', url))[0]?.n;
  t.equal(await inTables(), null);
  const runs = async (s: Service) => {
    const { status, result } = await s.run(shell('sha256sum in', { files: [{ path: 'in', upload: id }] }));
    t.match({ status, result }, { status: 'completed', result: { stdout: `${sha256(bytes)}  in\n` } });
    t.match((await s.call('GET', `/v1/uploads/${begun.body.id}`)).body, { received: 4, complete: false });
  };
  const second = await service(t, own);
  await runs(second);
  t.equal(await inTables(), String(bytes.length + 4));
  await second.stop();
  const third = await service(t, { ...own, EXECUTION_FILE_DIR: shared });
  await runs(third);
  t.equal(await inTables(), null);
});

t.test('an operation that is put at one server is in force at all, and so is its removal', async (t) => {
  const path = '/v1/admin/operations/wave';
  const definition = {
    run: { kind: 'exec', program: 'echo', args: ['{{to}}'] },
    params: { properties: { to: { type: 'string' } }, required: ['to'] },
  };
  t.equal((await front.call('PUT', path, definition)).status, 201);
  const seen = () => worker.call('GET', path);
  await until('the other one has it', async () => (await seen()).status === 200);
  const run = { kind: 'operation', name: 'wave', params: { to: 'all' } };
  t.match(await worker.run(run), { status: 'completed', result: { stdout: 'all\n' } });
  t.equal((await worker.call('DELETE', path)).status, 204);
  await until('it is gone', async () => (await front.call('GET', path)).status === 404);
  t.match(await front.call('POST', '/v1/executions', run), { status: 400 });
});

t.test('the versions of files are shown, and servers say so when theirs differ', async (t) => {
  interface Listed {
    items: { name: string; operations_version: string | null; policy_version: string | null }[];
  }
  const listed = async () => (await worker.call<Listed>('GET', '/v1/runners')).body.items;
  const versionOf = async (name: string) =>
    (await listed()).find((one) => one.name === name)?.operations_version;
  t.match(await versionOf('front'), /^[0-9a-f]{16}$/);
  t.equal(await versionOf('worker'), null);
  const warned = ({ lines }: Service, text: RegExp) => lines.some(({ msg }) => text.test(msg));
  await until('the worker says so', () =>
    warned(
      worker,
      /server front has another EXECUTION_OPERATIONS_FILE \(version [0-9a-f]{16}\) than this one \(version none\)/,
    ),
  );
  await until('the front says so', () =>
    warned(front, /server worker has another EXECUTION_OPERATIONS_FILE/),
  );
  const before = await versionOf('front');
  fileOf('operations.json', { operations: { greet, other: { run: greet.run, params: greet.params } } });
  t.equal((await worker.call('POST', '/v1/admin/reload')).status, 200);
  await until('what one server is told to read, all read', async () => (await versionOf('front')) !== before);
  t.equal((await front.call('GET', '/v1/operations/other')).status, 200);
});

t.test('a pause that is set at one server holds at the other, until that one ends it', async (t) => {
  const put = await front.call('PUT', '/v1/admin/pauses/queue', { reason: 'look' });
  t.equal(put.status, 200, put.text);
  const isPaused = async (s: Service) =>
    (await s.call<{ items: object[] }>('GET', '/v1/admin/pauses')).body.items.length > 0;
  await until('it has come', () => isPaused(worker));
  const { id } = await worker.submit(shell('true'));
  t.match((await front.call('GET', `/v1/executions/${id}`)).body, {
    phase: 'queued',
    queue: { reason: 'paused' },
  });
  t.ok((await worker.call('DELETE', '/v1/admin/pauses/queue')).status < 300);
  t.match(await front.finished(id), { status: 'completed' });
  await until('it is gone', async () => !(await isPaused(front)));
  t.match(await worker.call('PUT', '/v1/admin/pauses/maintenance', {}), { status: 200 });
  await until('it has come', () => isPaused(front));
  t.match(await front.call('POST', '/v1/executions', shell('true')), { status: 503 });
  t.ok((await front.call('DELETE', '/v1/admin/pauses/maintenance')).status < 300);
  await until('it is gone', async () => !(await isPaused(worker)));
});

t.test(
  'a lost connection for notifications is made again, and no event is lost or comes twice',
  async (t) => {
    const isHeard = async (s: Service) => (await s.call<{ feed?: unknown }>('GET', '/health')).body.feed;
    const before = await isHeard(front);
    const stop = new AbortController();
    const stream = await fetch(`${front.url}/v1/events`, { signal: stop.signal });
    const seen: string[] = [];
    const reading = (async () => {
      let text = '';
      for await (const bytes of stream.body as unknown as AsyncIterable<Uint8Array>) {
        text += Buffer.from(bytes).toString();
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const kind = /^event: (.*)$/m.exec(text.slice(0, end))?.[1] ?? '';
          const id = /"execution_id":"([^"]+)"/.exec(text.slice(0, end))?.[1];
          if (id !== undefined) seen.push(`${id} ${kind}`);
          text = text.slice(end + 2);
        }
      }
    })().catch(() => undefined);
    const ids: string[] = [];
    for (let i = 0; i < 6; i++) {
      await cluster.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'");
      for (const s of [front, worker]) ids.push((await s.submit(shell('true'))).id);
    }
    for (const id of ids) t.match(await front.finished(id), { status: 'completed' });
    await until('all ends are told', () => ids.every((id) => seen.includes(`${id} completed`)));
    stop.abort();
    await reading;
    for (const id of ids) {
      const kinds = seen.filter((one) => one.startsWith(id)).map((one) => one.slice(id.length + 1));
      // One that begins in the batch that accepts it was never queued: the record says what there was.
      const { text } = await front.call('GET', `/v1/executions/${id}/events`);
      t.same(
        kinds,
        [...text.matchAll(/^event: (.*)$/gm)].map(([, kind]) => kind),
        id,
      );
    }
    await until(
      'it listens again',
      async () => JSON.stringify(await isHeard(front)) === JSON.stringify(before),
    );
  },
);

t.test('work goes to servers of its pool; what nobody serves waits until a server of it comes', async (t) => {
  const server = (name: string, pools: string) =>
    service(t, {
      ...env,
      EXECUTION_DATABASE_CONNECTIONS: '1',
      EXECUTION_REPLICA_NAME: name,
      EXECUTION_POOL: pools,
    });
  const gpu = await server('gpu', 'gpu');
  const say = (pool?: string) => shell('echo done', pool === undefined ? {} : { pool });
  const ids = async (pool?: string) =>
    (await Promise.all([front, worker, gpu].flatMap((s) => [s.submit(say(pool)), s.submit(say(pool))]))).map(
      ({ id }) => id,
    );
  const ran = async (some: string[]) => {
    for (const id of some) t.match(await front.finished(id), { status: 'completed' });
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query<{ replica: string }>(
      `SELECT DISTINCT e.replica FROM execd.attempts a JOIN execd.epochs e USING (epoch) WHERE a.run_id = ANY($1)`,
      [some],
    );
    await client.end();
    return rows.map(({ replica }) => replica);
  };
  const [ofDefault, ofGpu] = await Promise.all([ids(), ids('gpu')]);
  t.same(await ran(ofDefault), ['worker']);
  t.same(await ran(ofGpu), ['gpu']);
  const plan = {
    strategy: { type: 'dependency_graph' },
    steps: [
      { name: 'a', ...say() },
      { name: 'b', ...say('gpu'), depends_on: ['a'] },
    ],
  };
  const { body: made } = await front.call<{ id: string }>('POST', '/v1/plans', plan);
  t.match(await front.finished(made.id), { status: 'completed' });

  const { id } = await worker.submit(say('arm'));
  for (const s of [front, worker, gpu])
    t.match((await s.call('GET', `/v1/executions/${id}`)).body, {
      queue: { reason: 'no_runner', position: 0 },
    });
  t.match((await front.call('GET', '/v1/runners')).body, {
    pools: [
      { name: 'arm', queued: { process: 1 }, servers: { length: 0 } },
      { name: 'default', servers: ['worker'] },
      { name: 'gpu', servers: ['gpu'] },
    ],
  });
  await server('arm', 'gpu,arm');
  t.same(await ran([id]), ['arm']);
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

const ofDigest = (digest: string): string =>
  `SELECT count(*) AS n FROM execd.blob_pieces p JOIN execd.blob_bodies b ON b.id = p.body WHERE b.digest = '${digest}'`;

async function storeAt(t: Test, at: string, name: string): Promise<PostgresStore> {
  const database = new Database({ url: at, connections: 2, name });
  const store = new PostgresStore({ clock: createClock(), maxInMemory: 1, maxDeliveries: 10, database });
  t.teardown(() => store.close());
  await store.open({ name, leaseMs: 60_000 });
  return store;
}

async function rows(sql: string, at = url): Promise<Record<string, unknown>[]> {
  const one = new pg.Client(at);
  await one.connect();
  try {
    return (await one.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await one.end();
  }
}
