import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import t from 'tap';
import type { PlanWire } from '../../src/http/plans/plan-schemas.ts';
import {
  rawRequest,
  sayOneByOne,
  service,
  sharedService,
  type SharedService,
  shell,
} from '../helpers/build.ts';
import { fakeClock } from '../helpers/clock.ts';
import { until } from '../helpers/processes.ts';
import { isOnPostgres } from '../helpers/store-of.ts';
import { tempDir } from '../helpers/temp.ts';

interface Line {
  seq?: number;
  attempt?: number;
  stream?: string;
  time?: string;
  text?: string;
  base64?: string;
  cursor?: string;
  end?: boolean;
  complete?: boolean;
  records?: number;
  stdout_bytes?: number;
  stderr_bytes?: number;
  stdout_kept_bytes?: number;
}

const lines = (text: string): Line[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);

const bytesOf = (line: Line): Buffer =>
  Buffer.from(line.text ?? line.base64 ?? '', line.text === undefined ? 'base64' : 'utf8');

async function logOf({ call }: SharedService, id: string, query = ''): Promise<string> {
  const { status, text } = await call('GET', `/v1/executions/${id}/logs${query}`);
  if (status !== 200) throw new Error(`${status}: ${text}`);
  return text;
}

t.test('a log is read as text, as records and as bytes, by stream', async (t) => {
  const s = await sharedService(t);
  const { id } = await sayOneByOne(t, s, ['echo one', 'echo two >&2', 'echo three']);
  t.equal(await logOf(s, id), 'one\ntwo\nthree\n');
  t.equal(await logOf(s, id, '?stream=stdout'), 'one\nthree\n');
  t.equal(await logOf(s, id, '?stream=stderr'), 'two\n');
  t.equal(await logOf(s, id, '?format=raw'), 'one\ntwo\nthree\n');
  const records = lines(await logOf(s, id, '?format=ndjson'));
  t.match(records, [
    { seq: 1, attempt: 1, stream: 'stdout', text: 'one\n', cursor: '1.4' },
    { seq: 2, attempt: 1, stream: 'stderr', text: 'two\n', cursor: '1.8' },
    { seq: 3, attempt: 1, stream: 'stdout', text: 'three\n', cursor: '1.14' },
    { end: true, complete: true, records: 3, stdout_bytes: 10, stderr_bytes: 4, stdout_kept_bytes: 10 },
  ]);
  t.ok(records[0]?.time !== undefined && records[0].time < (records[1]?.time ?? ''));
  const types = {
    text: /^text\/plain; charset=utf-8$/,
    ndjson: /^application\/x-ndjson/,
    raw: /^application\/octet-stream$/,
  };
  for (const [format, type] of Object.entries(types)) {
    const { headers } = await s.call('GET', `/v1/executions/${id}/logs?format=${format}`);
    t.match(headers.get('content-type'), type);
    t.equal(headers.get('x-content-type-options'), 'nosniff');
  }
});

t.test(
  'a log that lost output to a kill is not complete, has a warning, and is no result for others',
  async (t) => {
    const s = await service(t, { EXECUTION_KILL_GRACE_MS: '200' });
    const cache = { ttl_s: 60 };
    const lost = await s.run({ ...shell('echo early; sleep 100 & exit 0'), cache });
    t.match(lost, { status: 'completed', warnings: [{ code: 'output_incomplete' }] });
    t.match(lost.outcome?.process, { leftover_processes: 1, output_lost: true });
    t.not(lost.cache?.status, 'stored');
    t.match(lines(await logOf(s, lost.id, '?format=ndjson')).at(-1), { end: true, complete: false });
    const whole = await s.run({ ...shell('echo early; sleep 100 >/dev/null 2>&1 & exit 0'), cache });
    t.match(whole, { status: 'completed', warnings: [], cache: { status: 'stored' } });
    t.match(lines(await logOf(s, whole.id, '?format=ndjson')).at(-1), { end: true, complete: true });
  },
);

t.test('every byte comes back: exact as bytes, without loss as records, readable as text', async (t) => {
  const s = await sharedService(t);
  const file = join(tempDir(t), 'bytes');
  const bytes = Buffer.concat([
    Buffer.from('text with é and 🎉\n\0\x1b[31m'),
    Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
    Buffer.alloc(300_000, 'é'),
    Buffer.from([0xe2, 0x82]),
  ]);
  writeFileSync(file, bytes);
  const { id } = await s.run({ kind: 'exec', program: 'cat', args: [file] });
  const raw = await rawRequest(s.url, { path: `/v1/executions/${id}/logs?format=raw` });
  t.ok(raw.body.equals(bytes));
  const records = lines(await logOf(s, id, '?format=ndjson'));
  t.ok(Buffer.concat(records.map(bytesOf)).equals(bytes));
  t.ok(records.some(({ text }) => text !== undefined) && records.some(({ base64 }) => base64 !== undefined));
  const text = await rawRequest(s.url, { path: `/v1/executions/${id}/logs` });
  t.equal(text.body.toString(), new TextDecoder().decode(bytes));
});

t.test('reading begins where it is told: at a cursor, at a time, at the last lines', async (t) => {
  const s = await sharedService(t);
  const { id } = await sayOneByOne(t, s, [...[1, 2, 3, 4, 5].map((i) => `echo line ${i}`), 'echo e >&2']);
  const records = lines(await logOf(s, id, '?format=ndjson'));
  t.equal(await logOf(s, id, `?cursor=${records[1]?.cursor}`), 'line 3\nline 4\nline 5\ne\n');
  t.equal(await logOf(s, id, '?cursor=1.3'), 'e 1\nline 2\nline 3\nline 4\nline 5\ne\n');
  t.equal(await logOf(s, id, `?since=${records[3]?.time}`), 'line 4\nline 5\ne\n');
  t.equal(await logOf(s, id, '?tail=2'), 'line 5\ne\n');
  t.equal(await logOf(s, id, '?tail=2&stream=stdout'), 'line 4\nline 5\n');
  t.equal(await logOf(s, id, '?tail=0'), '');
  const limited = lines(await logOf(s, id, '?format=ndjson&limit_bytes=9'));
  t.match(limited.at(-1), { end: true, complete: false, cursor: '1.9' });
  const rest = await logOf(s, id, `?cursor=${limited.at(-1)?.cursor}`);
  t.equal(limited.map(({ text }) => text ?? '').join('') + rest, await logOf(s, id));
});

t.test('lines are searched, with their neighbours and their times, and are saved under a name', async (t) => {
  const s = await sharedService(t);
  const said = [
    'printf "One\\ntw"',
    'echo err >&2',
    'printf "o\\nthree\\nfour"',
    'printf "\\nFIVE\\nsix (x+x+)+y"',
  ];
  const { id } = await sayOneByOne(t, s, said);
  t.equal(await logOf(s, id, '?q=O'), 'One\ntwo\nfour\n', 'a line that came in pieces is one');
  t.equal(await logOf(s, id, '?q=five&context=1'), 'four\nFIVE\nsix (x+x+)+y\n');
  t.equal(await logOf(s, id, '?regex=^(One|F.*)$&context=1'), 'One\nerr\n--\nfour\nFIVE\nsix (x+x+)+y\n');
  t.equal(await logOf(s, id, '?q=six&stream=stdout'), 'six (x+x+)+y\n', 'the last line has an end');
  t.equal(await logOf(s, id, '?q=nothing'), '');
  t.equal(await logOf(s, id, '?regex=(x%2Bx%2B)%2By'), '', 'a pattern that others take forever for');
  t.match(lines(await logOf(s, id, '?q=two&context=1&format=ndjson')), [
    { text: 'err\n', stream: 'stderr', match: false },
    { text: 'two\n', stream: 'stdout', match: true, cursor: '1.12' },
    { text: 'three\n', match: false, cursor: '1.18' },
    { end: true, complete: true, exit_code: 0, cause: 'exited' },
  ]);
  t.match(await logOf(s, id, '?timestamps=true'), /^(\d{4}-\d\d-\d\dT[\d:.]{12}Z [^\n]+\n){7}$/);
  const { headers } = await s.call('GET', `/v1/executions/${id}/logs?download=true&format=raw`);
  t.equal(headers.get('content-disposition'), `attachment; filename="${id}.log"`);
  for (const [query, field] of [
    ['regex=(', '?regex'],
    ['q=a&regex=b', '?regex'],
    ['context=1', '?context'],
    ['q=a&format=raw', '?format'],
    ['timestamps=true&format=ndjson', '?timestamps'],
  ] as const) {
    const answer = await s.call('GET', `/v1/executions/${id}/logs?${query}`);
    t.match(answer, { status: 400, body: { errors: [{ field }] } }, query);
  }
});

t.test('a cursor that the log does not have is refused, one at its end is not', async (t) => {
  const s = await service(t, { EXECUTION_MAX_CONCURRENT: '1' });
  const { id } = await s.run(shell('printf abcd'));
  t.equal(await logOf(s, id, '?cursor=1.4'), '');
  for (const cursor of ['1.5', '1.9999', '2.0', '7.0', '0.0']) {
    const answer = await s.call('GET', `/v1/executions/${id}/logs?format=ndjson&cursor=${cursor}`);
    t.match(answer, {
      status: 400,
      body: { type: 'urn:execd:error:invalid_cursor', errors: [{ field: '?cursor' }] },
    });
  }
  const live = await s.submit(shell('printf ab; sleep 60'));
  const queued = await s.submit(shell('true'));
  await until('it has written', async () => (await logOf(s, live.id)) === 'ab');
  t.equal((await s.call('GET', `/v1/executions/${live.id}/logs?cursor=1.3`)).status, 400);
  t.equal((await s.call('GET', `/v1/executions/${live.id}/logs?cursor=1.2`)).status, 200);
  const [end] = lines(await logOf(s, queued.id, '?format=ndjson'));
  t.equal(await logOf(s, queued.id, `?cursor=${end?.cursor}`), '', 'what was answered can be used');
});

t.test('ranges of bytes are those of RFC 9110', async (t) => {
  const s = await sharedService(t);
  const { id } = await s.run(shell('printf 0123456789'));
  const path = `/v1/executions/${id}/logs?format=raw`;
  const range = (value: string) => rawRequest(s.url, { path, headers: { range: value } });
  for (const [value, body, contentRange] of [
    ['bytes=2-4', '234', 'bytes 2-4/10'],
    ['bytes=0-0', '0', 'bytes 0-0/10'],
    ['bytes=7-', '789', 'bytes 7-9/10'],
    ['bytes=-3', '789', 'bytes 7-9/10'],
    ['bytes=-99', '0123456789', 'bytes 0-9/10'],
    ['bytes=5-99', '56789', 'bytes 5-9/10'],
  ] as const) {
    const answer = await range(value);
    t.equal(answer.status, 206, value);
    t.equal(answer.body.toString(), body, value);
    t.equal(answer.headers['content-range'], contentRange);
    t.equal(answer.headers['content-length'], String(body.length));
  }
  for (const value of ['bytes=10-', 'bytes=99-100', 'bytes=-0']) {
    const answer = await range(value);
    t.equal(answer.status, 416, value);
    t.equal(answer.headers['content-range'], 'bytes */10');
    t.match(JSON.parse(answer.body.toString()), { type: 'urn:execd:error:range_not_satisfiable' });
  }
  for (const value of [
    'bytes=4-2',
    'bytes=a-b',
    'lines=1-2',
    'bytes=0-1,3-4',
    'bytes=-',
    'bytes=99999999999999999999-',
  ]) {
    const answer = await range(value);
    t.equal(answer.status, 400, value);
    t.match(JSON.parse(answer.body.toString()), { type: 'urn:execd:error:invalid_range' });
  }
  for (const query of [
    'format=text',
    'format=raw&stream=stdout',
    'format=raw&follow=true',
    'format=raw&tail=1',
  ]) {
    const answer = await rawRequest(s.url, {
      path: `/v1/executions/${id}/logs?${query}`,
      headers: { range: 'bytes=0-1' },
    });
    t.equal(answer.status, 400, query);
  }
  t.equal((await rawRequest(s.url, { path })).headers['accept-ranges'], 'bytes');
});

t.test('a follower gets what there was, what comes, and the totals at the end', async (t) => {
  const s = await sharedService(t);
  const go = join(tempDir(t), 'go');
  const { id } = await s.submit(
    shell(`echo early; until [ -e ${go} ]; do sleep 0.01; done; echo late; echo err >&2`),
  );
  await s.inPhase(id, 'running');
  const following = rawRequest(s.url, { path: `/v1/executions/${id}/logs?follow=true&format=ndjson` });
  const asText = rawRequest(s.url, { path: `/v1/executions/${id}/logs?follow=true` });
  await until('they follow', async () => (await followers(s)) === 2);
  writeFileSync(go, '');
  const { body, trailers } = await following;
  const records = lines(body.toString());
  t.equal(Buffer.concat(records.map(bytesOf)).toString(), 'early\nlate\nerr\n');
  t.match(records.at(-1), { end: true, complete: true, stdout_bytes: 11, stderr_bytes: 4 });
  t.same(JSON.parse(trailers['log-end'] ?? 'null'), records.at(-1), 'the trailer says the same');
  const text = await asText;
  t.equal(text.body.toString(), 'early\nlate\nerr\n');
  t.match(JSON.parse(text.trailers['log-end'] ?? 'null'), { complete: true });
  await until('nobody follows any more', async () => (await followers(s)) === 0);
});

async function followers({ call }: SharedService): Promise<number> {
  return (await call<{ waiting: { log_followers: number } }>('GET', '/v1/stats')).body.waiting.log_followers;
}

t.test(
  'a follower may come before there is anything, and wait in the queue with the execution',
  async (t) => {
    const s = await service(t, { EXECUTION_MAX_CONCURRENT: '1' });
    const go = join(tempDir(t), 'go');
    const gate = await s.submit(shell(`until [ -e ${go} ]; do sleep 0.01; done`));
    const { id } = await s.submit(shell('echo at last'));
    const cancelled = await s.submit(shell('echo never'));
    const following = [id, cancelled.id].map((one) => logOf(s, one, '?follow=true'));
    await until('they follow', async () => (await followers(s)) === 2);
    t.equal(await logOf(s, id), '', 'without following, no attempt yet is an empty log');
    t.match(lines(await logOf(s, id, '?format=ndjson')), [{ end: true, complete: false, records: 0 }]);
    await s.call('POST', `/v1/executions/${cancelled.id}/cancel`);
    writeFileSync(go, '');
    await s.finished(gate.id);
    t.same(await Promise.all(following), ['at last\n', '']);
  },
);

t.test('a follower that is cut goes on at its cursor and misses nothing', async (t) => {
  const s = await sharedService(t);
  const count = 20_000;
  const { id } = await s.submit(
    shell(`for i in $(seq ${count}); do echo out $i; [ $((i % 7)) = 0 ] && echo err $i >&2; done; true`),
  );
  let cursor = '1.0';
  let received = Buffer.alloc(0);
  let cuts = 0;
  for (;;) {
    const { body, isWhole } = await cut(
      s.url,
      `/v1/executions/${id}/logs?follow=true&format=ndjson&cursor=${cursor}`,
      20_000,
    );
    const whole = body.slice(0, body.lastIndexOf('\n') + 1);
    const records = lines(whole);
    received = Buffer.concat([received, ...records.map(bytesOf)]);
    cursor = records.at(-1)?.cursor ?? cursor;
    if (records.at(-1)?.end === true) {
      t.match(records.at(-1), { complete: true });
      break;
    }
    if (!isWhole) cuts += 1;
  }
  t.ok(cuts > 5, `${cuts} cuts`);
  const direct = await rawRequest(s.url, { path: `/v1/executions/${id}/logs?format=raw` });
  t.ok(received.equals(direct.body), 'each byte came once, in order');
  t.match(await s.finished(id), { output: { stdout_bytes: received.length - stderrOf(direct.body) } });
});

const stderrOf = (log: Buffer): number =>
  log
    .toString()
    .split('\n')
    .filter((line) => line.startsWith('err'))
    .reduce((sum, line) => sum + line.length + 1, 0);

/** Reads an answer and drops the connection after so many bytes. */
function cut(url: string, path: string, bytes: number): Promise<{ body: string; isWhole: boolean }> {
  return new Promise((resolve, reject) => {
    const request = get(url + path, (response) => {
      let body = '';
      if (response.statusCode !== 200)
        response.on('end', () => reject(new Error(`${response.statusCode}: ${path}: ${body}`)));
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        body += piece;
        // One line may be longer than that, when the host was late; without a whole one there is no way on.
        if (body.length < bytes || !body.includes('\n')) return;
        request.destroy();
        resolve({ body, isWhole: false });
      });
      response.on('end', () => resolve({ body, isWhole: true }));
    });
    request.on('error', reject);
  });
}

t.test('a client that does not read is cut off, and costs the run and the memory nothing', async (t) => {
  const clock = fakeClock();
  const s = await service(t, { EXECUTION_MAX_OUTPUT_BYTES: String(64 * 1024 * 1024) }, { clock });
  const { id } = await s.submit(shell('head -c 50000000 /dev/zero | tr "\\0" x'));
  const { hostname, port } = new URL(s.url);
  const socket = connect(Number(port), hostname);
  t.teardown(() => socket.destroy());
  let isClosed = false;
  socket.on('close', () => (isClosed = true));
  socket.on('error', () => undefined);
  socket.pause();
  socket.write(`GET /v1/executions/${id}/logs?follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const end = await s.finished(id);
  t.match(end, { status: 'completed', output: { stdout_bytes: 50_000_000, truncated: false } });
  await until(
    'the server waits for the reader',
    async () => clock.hasTimer(30_000) && (await followers(s)) === 1,
  );
  await clock.advance(29_000);
  t.equal(await followers(s), 1);
  await clock.advance(2000);
  await until('the reader is cut off', async () => (await followers(s)) === 0);
  socket.resume();
  await until('its connection is closed', () => isClosed);
});

t.test('each strategy for too much output does what it says', async (t) => {
  const s = await service(t, { EXECUTION_MAX_OUTPUT_BYTES: '2000', EXECUTION_SPOOL_MAX_BYTES: '100000' });
  const print = (bytes: number, output: object) =>
    s.run(shell(`head -c ${bytes} /dev/zero | tr "\\0" x; printf END`, { output }));
  const size = async (id: string) =>
    (await rawRequest(s.url, { path: `/v1/executions/${id}/logs?format=raw` })).body.length;

  const truncated = await print(5000, {});
  t.match(truncated, {
    status: 'completed',
    output: {
      stdout_bytes: 5003,
      stdout_kept_bytes: 2000,
      truncated: true,
      strategy: 'truncate',
      max_bytes: 2000,
    },
  });
  t.equal(await size(truncated.id), 2000);
  t.match(
    truncated.result,
    { stdout: /xEND$/, stdout_bytes: 5003, stdout_truncated: true, stderr_truncated: false },
    'the result shows the end all the same, and says that it is one',
  );
  const { body: step } = await s.call('GET', `/v1/executions/${truncated.id}/result`);
  t.equal(step.message, 'The execution completed. Its log keeps 2000 of 5003 bytes of output.');
  t.match(lines(await logOf(s, truncated.id, '?format=ndjson')).at(-1), {
    complete: true,
    truncated: true,
    stdout_bytes: 5003,
    stdout_kept_bytes: 2000,
  });

  const failed = await print(5000, { oversized: 'fail', max_bytes: 1000 });
  t.match(failed, {
    status: 'failed',
    outcome: { cause: 'output_limit', limit_bytes: 1000 },
    error: { type: 'output_limit' },
  });
  t.equal(await size(failed.id), 1000);

  const spooled = await print(50_000, { oversized: 'spool' });
  t.match(spooled, {
    status: 'completed',
    output: { stdout_kept_bytes: 50_003, truncated: false, max_bytes: 100_000 },
  });
  t.equal(await size(spooled.id), 50_003);
  const lower = await print(5000, { oversized: 'spool', max_bytes: 1000 });
  t.match(lower, { output: { stdout_kept_bytes: 5003, truncated: false } }, 'max_bytes does not bound it');
  t.match(await print(200_000, { oversized: 'spool' }), {
    output: { stdout_bytes: 200_003, stdout_kept_bytes: 100_000, truncated: true },
  });
  t.match(
    await print(0, { max_bytes: 3, oversized: 'fail' }),
    { status: 'completed' },
    'exactly the limit is not over it',
  );
});

t.test('a log that is gone is a 410, an attempt that there is not a 404', async (t) => {
  const s = await sharedService(t);
  const { id, output } = await s.run(shell('echo x'));
  t.match(await s.call('GET', `/v1/executions/${id}/logs?attempt=2`), { status: 404 });
  t.equal(await logOf(s, id, '?attempt=1'), 'x\n');
  rmSync(output.log_path ?? '');
  for (const query of ['', '?follow=true', '?format=ndjson', '?attempt=1']) {
    const answer = await s.call('GET', `/v1/executions/${id}/logs${query}`);
    // A database that servers share has another copy.
    if (isOnPostgres) t.match(answer, { status: 200 });
    else t.match(answer, { status: 410, body: { type: 'urn:execd:error:log_read_failed' } });
  }
});

t.test(
  'a log that cannot be read is refused before anything is sent, whichever way it is asked for',
  async (t) => {
    const s = await sharedService(t);
    const { id, output } = await s.run(shell('echo x'));
    const plan = await s.call<{ id: string }>('POST', '/v1/plans', {
      strategy: { type: 'serial' },
      steps: [{ name: 'one', kind: 'shell', command: 'echo x' }],
    });
    await s.finished(plan.body.id);
    const { body } = await s.call<PlanWire>('GET', `/v1/plans/${plan.body.id}`);
    const step = await s.finished(body.steps?.[0]?.execution_id ?? '');
    for (const path of [output.log_path ?? '', step.output.log_path ?? '']) truncateSync(path);
    const unreadable = { status: 500, body: { type: 'urn:execd:error:log_unreadable', retryable: true } };
    for (const format of ['text', 'ndjson', 'raw', 'sse'])
      for (const query of ['', '&follow=true', '&cursor=1.0', '&tail=1']) {
        const answer = await s.call('GET', `/v1/executions/${id}/logs?format=${format}${query}`);
        t.match(answer, unreadable, `${format}${query}`);
      }
    const range = { range: 'bytes=0-0' };
    t.match(await s.call('GET', `/v1/executions/${id}/logs?format=raw`, undefined, range), unreadable);
    for (const query of ['', '?follow=true', '?format=ndjson'])
      t.match(await s.call('GET', `/v1/plans/${plan.body.id}/logs${query}`), unreadable, query);
    const events = await s.call('GET', `/v1/executions/${id}/events?output=true`);
    t.match(events.text, /event: problem\ndata: .*log_unreadable/);
    t.equal(await followers(s), 0);
    t.equal(
      (await s.call('HEAD', `/v1/executions/${id}/logs?format=sse`)).status,
      200,
      'its head reads nothing',
    );
    t.equal(await followers(s), 0);
  },
);

t.test('a log that cannot be read to its end is broken off, never ended as if it were whole', async (t) => {
  const s = await sharedService(t);
  const { id, output } = await s.run(shell('yes 0123456789 | head -c 2000000'));
  // The index says that there is more.
  truncateSync(output.log_path ?? '', 1_000_000);
  for (const query of ['', '?format=ndjson', '?format=raw', '?follow=true']) {
    const answer = await fetch(`${s.url}/v1/executions/${id}/logs${query}`);
    t.equal(answer.status, 200, query);
    await t.rejects(answer.text(), query);
  }
  const range = { headers: { range: 'bytes=0-1500000' } };
  const part = await fetch(`${s.url}/v1/executions/${id}/logs?format=raw`, range);
  await t.rejects(part.arrayBuffer(), 'a range too');
  const stream = await fetch(`${s.url}/v1/executions/${id}/logs?format=sse`);
  const told = await stream.text();
  t.match(told.slice(-1000), /event: problem\ndata: .*log_unreadable/, 'a stream tells it');
  t.notMatch(told, /^event: end$/m);
  const { hostname, port } = new URL(s.url);
  const socket = connect(Number(port), hostname);
  socket.write(`GET /v1/executions/${id}/logs HTTP/1.0\r\nHost: ${hostname}\r\n\r\n`);
  await t.rejects(
    new Response(socket).bytes(),
    { code: 'ECONNRESET' },
    'to HTTP/1.0 a mere end would be that of the log',
  );
  t.match(
    s.lines.find(({ level }) => level === 40),
    { msg: /Cannot read a log to its end/, err: { message: /shorter than its index/ } },
  );
});

t.test('the log of a real build through the API is that of the same build by hand', async (t) => {
  const s = await sharedService(t);
  const project = join(tempDir(t), 'project');
  mkdirSync(project);
  writeFileSync(
    join(project, 'Makefile'),
    'all: a b\n\t@echo linked $^ >&2\n%: %.src\n\tcp $< $@\n\t@sha256sum $@ | cut -c1-64\nclean:\n\trm -f a b\n',
  );
  for (const name of ['a', 'b'])
    writeFileSync(join(project, `${name}.src`), createHash('sha512').update(name).digest());
  const make = { kind: 'exec', program: 'make', args: ['--no-print-directory'], cwd: project };
  const viaApi = await s.run(make);
  const log = readFileSync(viaApi.output.log_path ?? '');
  await s.run({ ...make, args: ['clean'] });
  const { execFileSync } = await import('node:child_process');
  const byHand = execFileSync('bash', ['-c', 'make --no-print-directory 2>&1'], {
    cwd: project,
    env: { PATH: '/usr/bin:/bin' },
  });
  const sorted = (text: Buffer) => text.toString().split('\n').sort();
  t.same(sorted(log), sorted(byHand));
  t.ok(dirname(viaApi.output.log_path ?? '').length > 0);
});

t.test('a client of HTTP/1.0 gets the log, and one that asks for the head is not kept waiting', async (t) => {
  const s = await sharedService(t);
  const { id } = await s.run(shell('echo one'));
  const { id: live } = await s.submit(shell('sleep 60'));
  const { hostname, port } = new URL(s.url);
  const socket = connect(Number(port), hostname);
  socket.write(`GET /v1/executions/${id}/logs HTTP/1.0\r\nHost: ${hostname}\r\n\r\n`);
  let answer = '';
  for await (const piece of socket) answer += String(piece);
  t.match(answer, /^HTTP\/1\.1 200 [^]*\r\n\r\none\n$/);
  for (const path of [`${id}/logs`, `${live}/logs?follow=true`, `${live}/logs?format=raw&follow=true`]) {
    const { status, body } = await rawRequest(s.url, { method: 'HEAD', path: `/v1/executions/${path}` });
    t.match({ status, length: body.length }, { status: 200, length: 0 });
  }
  await until('nobody follows any more', async () => {
    const { body } = await s.call<{ waiting: { log_followers: number } }>('GET', '/v1/stats');
    return body.waiting.log_followers === 0;
  });
});
