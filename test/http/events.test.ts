import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EventSource } from 'eventsource';
import t, { type Test } from 'tap';
import { rawRequest, service, sharedService, type SharedService, shell } from '../helpers/build.ts';
import { fakeClock } from '../helpers/clock.ts';
import { freePort } from '../helpers/ports.ts';
import { until } from '../helpers/processes.ts';
import { allMessages, type Message, openStream, outputOf } from '../helpers/sse.ts';
import { tempDir } from '../helpers/temp.ts';

const eventsUrl = ({ url }: SharedService, id: string, query = '') =>
  `${url}/v1/executions/${id}/events${query}`;
const types = (messages: readonly Message[]) => messages.map(({ event }) => event);

t.test('a stream replays what has happened, and ends with the end and what it was', async (t) => {
  const s = await sharedService(t);
  const { id } = await s.run(
    shell('echo out; echo err >&2; exit 3', { labels: { team: 'infra' }, task_id: 'x' }),
  );
  const messages = await allMessages(eventsUrl(s, id));
  t.match(messages, [
    { id: '1', event: 'accepted', data: { execution_id: id, sequence: 1, status: 'pending', attempt: 0 } },
    { id: '2', event: 'started', data: { sequence: 2, status: 'running', phase: 'starting', attempt: 1 } },
    {
      id: '3',
      event: 'failed',
      data: {
        ...{
          type: 'failed',
          status: 'failed',
          phase: 'done',
          kind: 'shell',
          task_id: 'x',
          labels: { team: 'infra' },
        },
        outcome: { cause: 'exited', exit_code: 3 },
        error: { code: 'E003', type: 'exit_code' },
        output: {
          stdout_bytes: 4,
          stderr_bytes: 4,
          stdout_kept_bytes: 4,
          stderr_kept_bytes: 4,
          complete: true,
        },
        log: { attempt: 1, cursor: '1.8' },
      },
    },
  ]);
  const stream = await openStream(eventsUrl(s, id));
  t.match(stream.headers, { 'content-type': /^text\/event-stream/, 'x-accel-buffering': 'no' });
  await stream.ended;
  t.same(types(await allMessages(eventsUrl(s, id), { 'last-event-id': '2' })), ['failed']);
  t.same(types(await allMessages(eventsUrl(s, id, '?after=1'))), ['started', 'failed']);
  const over = await rawRequest(s.url, {
    path: `/v1/executions/${id}/events`,
    headers: { 'last-event-id': '3' },
  });
  t.equal(over.status, 204, 'a client that comes again after the end is told to stay away');
  const head = await rawRequest(s.url, { method: 'HEAD', path: `/v1/executions/${id}/events` });
  t.equal(head.status, 200);
});

t.test('what happens is followed as it happens, with each thing that can happen', async (t) => {
  const s = await service(t, { EXECUTION_MAX_CONCURRENT: '1' });
  const blocker = await s.submit(shell('sleep 60'));
  const { id } = await s.submit(
    shell('test $EXECUTION_ATTEMPT = 2 && sleep 60; exit 1', {
      retry: { attempts: 2, min_ms: 1, multiplier: 0 },
    }),
  );
  const stream = await openStream(eventsUrl(s, id));
  await stream.until(({ event }) => event === 'queued');
  await s.call('PATCH', `/v1/executions/${id}`, { priority: 5 });
  await stream.until(({ event }) => event === 'status_changed');
  await s.call('POST', `/v1/executions/${blocker.id}/cancel`);
  await until(
    'the second attempt runs',
    () => stream.messages.filter(({ event }) => event === 'started').length === 2,
  );
  await s.call('POST', `/v1/executions/${id}/cancel`);
  t.ok(await stream.ended);
  const seen = stream.messages.map(({ event, data }) => [event, data.status, data.phase, data.attempt]);
  t.same(seen, [
    ['accepted', 'pending', 'queued', 0],
    ['queued', 'pending', 'queued', 0],
    ['status_changed', 'pending', 'queued', 0],
    ['started', 'running', 'starting', 1],
    ['retry_scheduled', 'pending', 'scheduled_retry', 1],
    ['queued', 'pending', 'queued', 1],
    ['started', 'running', 'starting', 2],
    ['status_changed', 'running', 'canceling', 2],
    ['cancelled', 'cancelled', 'done', 2],
  ]);
  t.same(
    stream.messages.map(({ data }) => data.sequence),
    seen.map((_, i) => i + 1),
  );
});

t.test('an answer from the cache has a stream too', async (t) => {
  const s = await sharedService(t);
  const spec = shell('echo hi', { cache: {} });
  const first = await s.run(spec);
  const hit = await s.submit(spec);
  t.equal(hit.cache?.status, 'hit');
  t.match(await allMessages(eventsUrl(s, hit.id)), [
    { event: 'accepted' },
    { event: 'completed', data: { log: { attempt: 1, cursor: '1.3' }, output: { stdout_bytes: 3 } } },
  ]);
  const url = eventsUrl(s, hit.id, '?output=true');
  const all = await allMessages(url);
  t.match(all, [
    { event: 'accepted' },
    { event: 'output', data: { execution_id: hit.id, text: 'hi\n', attempt: 1 } },
    { event: 'completed' },
  ]);
  for (const [i, { id }] of all.slice(0, -1).entries())
    t.same(await allMessages(url, { 'last-event-id': id }), all.slice(i + 1));
  await s.call('DELETE', `/v1/executions/${first.id}`);
  t.match(await s.call('GET', `/v1/executions/${hit.id}/events?output=true`), {
    status: 410,
    body: { type: 'urn:execd:error:log_read_failed', detail: /comes from the cache/ },
  });
  t.same(types(await allMessages(eventsUrl(s, hit.id))), ['accepted', 'completed']);
});

t.test('output comes again as it was written: record by record, or line by line', async (t) => {
  const s = await sharedService(t);
  const go = join(tempDir(t), 'go');
  const waits = (n: number) => `until [ -e ${go}${n} ]; do sleep 0.01; done`;
  const { id } = await s.submit(
    shell(
      [
        ...[
          'echo l1',
          waits(0),
          'echo e1 >&2',
          waits(1),
          // The printf of a shell may write each line by itself.
          'env printf "l2\\npartial "',
          waits(2),
          'echo x',
          waits(3),
        ],
        ...['printf "cut by "', waits(4), 'echo e2 >&2', waits(5), 'printf é'],
      ].join('\n'),
    ),
  );
  const live = await openStream(eventsUrl(s, id, '?output=true'));
  const texts = ['l1\n', 'e1\n', 'l2\npartial ', 'x\n', 'cut by ', 'e2\n', 'é'];
  for (const [i, text] of texts.entries()) {
    await live.until(({ data }) => data.text === text);
    writeFileSync(`${go}${i}`, '');
  }
  await live.ended;
  const shown = (messages: readonly Message[]) =>
    messages.filter(({ event }) => event === 'output').map(({ data }) => [data.stream, data.text]);
  t.same(
    shown(live.messages).map(([, text]) => text),
    texts,
  );
  t.same(await allMessages(eventsUrl(s, id, '?output=true')), live.messages, 'with their order and times');
  const lines = await allMessages(eventsUrl(s, id, '?lines=true'));
  t.same(shown(lines), [
    ['stdout', 'l1\n'],
    ['stderr', 'e1\n'],
    ['stdout', 'l2\n'],
    ['stdout', 'partial x\n'],
    ['stdout', 'cut by '],
    ['stderr', 'e2\n'],
    ['stdout', 'é'],
  ]);
  for (let i = 0; i < lines.length - 1; i++) {
    const rest = await allMessages(eventsUrl(s, id, '?lines=true'), { 'last-event-id': lines[i]?.id ?? '' });
    t.same(rest, lines.slice(i + 1), `after ${lines[i]?.id}`);
  }
});

/** A log with characters of every length, cut anywhere between the streams, and bytes that are no text. */
const MIXED = `
import os, time
text = ('aé€🎉' * 40).encode()
for i in range(0, len(text), 7):
    os.write(1, text[i:i+7])
    if i % 3 == 0: os.write(2, b'e%d\\xc3' % i)
    if i % 21 == 0: time.sleep(0.002)
os.write(1, bytes(range(256)))
os.write(1, ('é' * 70000).encode())
os.write(1, b'\\xe2\\x82')
`;

const script = (source: string) => ({ kind: 'script', interpreter: 'python3', source });

t.test('output comes exact to the byte, and from every id on the rest of it', async (t) => {
  const s = await sharedService(t);
  const { id } = await s.submit(script(MIXED));
  const live = await allMessages(eventsUrl(s, id, '?output=true'));
  const log = async (stream: string) =>
    (await rawRequest(s.url, { path: `/v1/executions/${id}/logs?format=raw&stream=${stream}` })).body;
  const [all, stdout, stderr] = [await log('all'), await log('stdout'), await log('stderr')];
  t.ok(outputOf(live).equals(all));
  t.ok(outputOf(live, 'stdout').equals(stdout) && outputOf(live, 'stderr').equals(stderr));
  t.match(live.at(-1), {
    event: 'completed',
    data: {
      output: { stdout_bytes: stdout.length, stderr_bytes: stderr.length },
      log: { cursor: `1.${all.length}` },
    },
  });
  const replayed = await allMessages(eventsUrl(s, id, '?output=true'));
  t.ok(outputOf(replayed).equals(all));
  t.equal(replayed.at(-1)?.id, live.at(-1)?.id);
  for (const messages of [live, replayed]) {
    for (let i = 0; i < messages.length - 1; i += Math.ceil(messages.length / 60)) {
      const rest = await allMessages(eventsUrl(s, id, '?output=true'), {
        'last-event-id': messages[i]?.id ?? '',
      });
      const seen = outputOf(messages.slice(0, i + 1));
      t.ok(Buffer.concat([seen, outputOf(rest)]).equals(all), `after ${messages[i]?.id}`);
      t.same(
        types([...messages.slice(0, i + 1), ...rest]).filter((type) => type !== 'output'),
        ['accepted', 'started', 'completed'],
      );
    }
  }
});

t.test('text that is written in pieces comes as text, whatever its characters are cut into', async (t) => {
  const s = await sharedService(t);
  const source = `
import os, time
for byte in 'é€🎉'.encode() * 3:
    os.write(1, bytes([byte]))
    time.sleep(0.01)
`;
  const { id } = await s.submit(script(source));
  const following = [
    eventsUrl(s, id, '?output=true'),
    `${s.url}/v1/executions/${id}/logs?format=sse&follow=true`,
  ].map((url) => allMessages(url));
  for (const messages of await Promise.all(following)) {
    const pieces = messages.filter(({ event }) => event === 'output');
    t.ok(pieces.every(({ data }) => 'text' in data));
    t.equal(pieces.map(({ data }) => data.text as string).join(''), 'é€🎉'.repeat(3));
  }
});

t.test('output stands between the events that it belongs between, also over several attempts', async (t) => {
  const s = await sharedService(t);
  const { id } = await s.submit(
    shell('echo try $EXECUTION_ATTEMPT; exit 1', { retry: { attempts: 3, min_ms: 1, multiplier: 0 } }),
  );
  for (const messages of [
    await allMessages(eventsUrl(s, id, '?output=true')),
    await allMessages(eventsUrl(s, id, '?output=true')),
  ]) {
    t.same(
      types(messages).filter((type) => type !== 'queued'),
      [
        'accepted',
        'started',
        'output',
        'retry_scheduled',
        'started',
        'output',
        'retry_scheduled',
        'started',
        'output',
        'failed',
      ],
    );
    t.equal(outputOf(messages).toString(), 'try 1\ntry 2\ntry 3\n');
    t.match(messages.at(-1)?.data, { output: { stdout_bytes: 18 }, log: { attempt: 3, cursor: '3.6' } });
  }
});

t.test('who has joined a run sees its output at the end, and those of the run see it live', async (t) => {
  const s = await sharedService(t);
  const go = join(tempDir(t), 'go');
  const spec = shell(`echo begun; until [ -e ${go} ]; do sleep 0.01; done; echo done`, { cache: {} });
  const first = await s.submit(spec);
  const second = await s.submit(spec);
  t.equal(second.cache?.status, 'joined');
  const streams = await Promise.all(
    [first, second].map(({ id }) => openStream(eventsUrl(s, id, '?output=true'))),
  );
  await streams[0]?.until(({ event }) => event === 'output');
  writeFileSync(go, '');
  for (const stream of streams) {
    await stream.ended;
    t.equal(outputOf(stream.messages).toString(), 'begun\ndone\n');
    t.equal(stream.messages.at(-1)?.event, 'completed');
  }
});

t.test('all events of a user come in one stream, which can be narrowed', async (t) => {
  const s = await service(t);
  const stream = await openStream(`${s.url}/v1/events`);
  const ids: string[] = [];
  for (const [team, task_id] of [
    ['a', 'one'],
    ['b', 'one'],
    ['a', 'two'],
  ])
    ids.push((await s.run(shell('true', { labels: { team }, task_id }))).id);
  const failed = await s.run({ kind: 'exec', program: 'false' });
  ids.push(failed.id);
  await stream.until(({ event }) => event === 'failed');
  stream.cut();
  t.same(
    stream.messages.map(({ data }) => data.execution_id),
    ids.flatMap((id) => [id, id, id]),
  );
  const narrowed = async (query: string) => {
    const one = await openStream(`${s.url}/v1/events?${query}`);
    const marker = await s.run(shell('exit 9', { labels: { team: 'a', marker: 'yes' }, task_id: 'one' }));
    await one.until(({ data }) => data.execution_id === marker.id && data.status === 'failed');
    one.cut();
    return one.messages.filter(({ data }) => ids.includes(data.execution_id as string));
  };
  const idsOf = (messages: Message[]) => [
    ...new Set(messages.map(({ data }) => ids.indexOf(data.execution_id as string))),
  ];
  t.same(idsOf(await narrowed('label=team=a')), [0, 2]);
  t.same(idsOf(await narrowed('task_id=one')), [0, 1]);
  t.same(idsOf(await narrowed('kind=exec,shell&label=team=a&task_id=one')), [0]);
  t.same(types(await narrowed('status=failed')), ['failed']);
  t.same(types(await narrowed('type=started,failed&kind=shell')), ['started', 'started', 'started']);
  t.same(await narrowed('after=now&status=failed'), []);
  for (const query of ['nothing=1', 'status=odd', 'output=true', 'label=x', 'type=']) {
    t.equal((await s.call('GET', `/v1/events?${query}`)).status, 400, query);
  }
});

t.test('from every id on, the rest of all events comes, once and in order', async (t) => {
  const s = await service(t);
  const first = await openStream(`${s.url}/v1/events`);
  await Promise.all(Array.from({ length: 10 }, () => s.run(shell('true'))));
  await until(
    'all are told',
    () => first.messages.filter(({ event }) => event === 'completed').length === 10,
  );
  first.cut();
  const all = first.messages;
  for (let i = 0; i < all.length - 1; i++) {
    const rest = await openStream(`${s.url}/v1/events`, { 'last-event-id': all[i]?.id ?? '' });
    await rest.until(({ id }) => id === all.at(-1)?.id);
    rest.cut();
    t.same(rest.messages, all.slice(i + 1));
  }
});

t.test('a plan has a stream of its own and of its steps, which ends with it', async (t) => {
  const s = await sharedService(t);
  const { body } = await s.call<{ id: string }>('POST', '/v1/plans', {
    strategy: { type: 'serial', stop_on_error: true },
    steps: [
      { name: 'one', kind: 'shell', command: 'echo hi' },
      { name: 'two', kind: 'shell', command: 'exit 3' },
      { name: 'three', kind: 'shell', command: 'true' },
    ],
  });
  await s.run(shell('echo not of the plan'));
  const url = `${s.url}/v1/plans/${body.id}/events`;
  const all = await allMessages(url);
  const told = all.map(
    ({ event, data }) => `${data.plan_id === null ? 'plan' : 'step'} ${String(data.step)} ${event}`,
  );
  t.same(
    told.filter((one) => !one.endsWith('queued')),
    [
      ...['plan null accepted', 'plan null started'],
      ...['step one accepted', 'step one started', 'step one completed'],
      ...['step two accepted', 'step two started', 'step two failed'],
      ...['plan three skipped', 'plan null failed'],
    ],
  );
  t.match(all.at(-2)?.data, { status: 'running', sequence: 3 });
  for (let i = 0; i < all.length - 1; i++)
    t.same(await allMessages(url, { 'last-event-id': all[i]?.id ?? '' }), all.slice(i + 1));
  t.match(
    await s.call('GET', `/v1/plans/${body.id}/events`, undefined, { 'last-event-id': all.at(-1)?.id ?? '' }),
    { status: 204 },
  );
  const narrowed = await openStream(`${s.url}/v1/events?plan_id=${body.id}`);
  await narrowed.until(({ id }) => id === all.at(-1)?.id);
  narrowed.cut();
  t.same(narrowed.messages, all);
  const { body: plan } = await s.call<{ result: unknown }>('GET', `/v1/plans/${body.id}`);
  const { body: list } = await s.call<{ items: { step: string; result: unknown }[] }>(
    ...(['GET', `/v1/executions?plan_id=${body.id}`] as const),
  );
  const results = new Map<unknown, unknown>(list.items.map(({ step, result }) => [step, result]));
  results.set(null, plan.result);
  const withResults = await allMessages(`${url}?result=true`);
  const expected = all.map(({ data, ...one }) =>
    'outcome' in data ? { ...one, data: { ...data, result: results.get(data.step) } } : { ...one, data },
  );
  t.same(withResults, expected, 'last events have the results where they are asked for');
  const own = await allMessages(`${s.url}/v1/executions/${body.id}/events`);
  t.same(
    own.map(({ event }) => event),
    ['accepted', 'started', 'skipped', 'failed'],
  );
  const other = await s.run(shell('true'));
  t.equal((await s.call('GET', `/v1/plans/${other.id}/events`)).status, 404);
});

t.test('an id that a stream cannot go on after is refused, never taken for another one', async (t) => {
  const s = await sharedService(t);
  const one = await s.run(shell('true'));
  const stream = await openStream(`${s.url}/v1/events`);
  const last = await stream.until(({ event }) => event === 'completed');
  stream.cut();
  const tag = (last?.id ?? '').split('-')[0];
  const refused = {
    status: 400,
    body: { type: 'urn:execd:error:invalid_event_id', errors: [{ field: 'Last-Event-ID' }] },
  };
  for (const id of ['x', '99', `${tag}-`, `${tag}-99999`, `00000000-1`, `${tag}-1-1`, '-1']) {
    t.match(await s.call('GET', '/v1/events', undefined, { 'last-event-id': id }), refused, id);
  }
  for (const id of ['x', '4', '1.0.0', '1.2.0', '-1', '1.1', `${tag}-1`, '1.1.1.1']) {
    t.match(
      await s.call('GET', `/v1/executions/${one.id}/events`, undefined, { 'last-event-id': id }),
      refused,
      id,
    );
  }
  for (const id of ['x', '1', '1.1.1'])
    t.match(
      await s.call('GET', `/v1/executions/${one.id}/logs?format=sse`, undefined, { 'last-event-id': id }),
      refused,
    );
  const unknown = one.id.replace(/.$/, (end) => (end === '0' ? '1' : '0'));
  t.equal((await s.call('GET', `/v1/executions/${unknown}/events`)).status, 404);
});

t.test(
  'where events have been removed with their executions, the stream says so and where it goes on',
  async (t) => {
    const s = await service(t);
    const [first, second] = [await s.run(shell('true')), await s.run(shell('true'))];
    const stream = await openStream(`${s.url}/v1/events`);
    await stream.until(({ data }) => data.execution_id === second.id && data.type === 'completed');
    stream.cut();
    const [oldest] = stream.messages;
    await s.call('DELETE', `/v1/executions/${first.id}`);
    const answer = await s.call<{ oldest: string }>('GET', '/v1/events', undefined, {
      'last-event-id': oldest?.id ?? '',
    });
    t.match(answer, {
      status: 410,
      body: { type: 'urn:execd:error:events_gone', oldest: stream.messages[2]?.id },
    });
    const rest = await openStream(`${s.url}/v1/events`, { 'last-event-id': answer.body.oldest });
    await rest.until(({ event }) => event === 'completed');
    rest.cut();
    t.same(rest.messages, stream.messages.slice(3));
    const whole = await openStream(`${s.url}/v1/events`);
    await whole.until(({ event }) => event === 'completed');
    whole.cut();
    t.same(whole.messages, stream.messages.slice(3), 'who asks for the oldest gets the oldest that is there');
    t.equal((await s.call('GET', `/v1/executions/${first.id}/events`)).status, 404);
  },
);

// ------------------------------------------------------------------------------------- connections

t.test('a silent stream is kept alive, and tells how far it is', async (t) => {
  const clock = fakeClock();
  const s = await service(t, {}, { clock });
  const { id } = await s.submit(shell('sleep 60'));
  const one = await openStream(eventsUrl(s, id));
  const all = await openStream(`${s.url}/v1/events?status=failed&after=now`);
  const other = await s.submit(shell('true'));
  await until(
    'it has ended',
    async () => (await s.call<{ phase: string }>('GET', `/v1/executions/${other.id}`)).body.phase === 'done',
  );
  for (let i = 0; i < 16; i++) await clock.advance(1000);
  await until('comments come', () => one.comments.length > 0 && all.comments.length > 0);
  t.match(all.lastId, /^[0-9a-f]{8}-5$/, 'no event was for it, but it need not go back to before them');
  one.cut();
  all.cut();
});

t.test('a client that takes nothing is cut, has cost nothing but a buffer, and can go on', async (t) => {
  const clock = fakeClock();
  const s = await service(t, { EXECUTION_MAX_OUTPUT_BYTES: '50000000' }, { clock });
  const { id } = await s.submit(shell('head -c 30000000 /dev/zero | tr "\\\\0" x; sleep 60'));
  const stream = await openStream(eventsUrl(s, id, '?output=true'));
  stream.pause();
  await until('all is written', async () => {
    const { body } = await s.call<{ output: { stdout_bytes: number } }>('GET', `/v1/executions/${id}`);
    return body.output.stdout_bytes === 30_000_000;
  });
  const streams = async () =>
    (await s.call<{ streams: Record<string, number> }>('GET', '/v1/stats')).body.streams;
  await until('it takes nothing more', async () => (await streams()).blocked === 1);
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 32; i++) await clock.advance(1000);
  t.ok(process.memoryUsage().rss < before + 20_000_000);
  t.match(await streams(), { execution: 0, cut_slow: 1 });
  stream.resume();
  t.notOk(await stream.ended, 'the connection is broken, not ended');
  const rest = await openStream(eventsUrl(s, id, '?output=true'), { 'last-event-id': stream.lastId });
  await rest.until(({ data }) => data.cursor === '1.30000000');
  rest.cut();
  const seen = [...stream.messages, ...rest.messages];
  t.ok(outputOf(seen).equals(Buffer.alloc(30_000_000, 'x')));
  t.same(
    types(seen).filter((type) => type !== 'output'),
    ['accepted', 'started'],
  );
});

t.test('only so many streams may be open', async (t) => {
  const s = await service(t, { EXECUTION_MAX_STREAMS: '2' });
  const { id } = await s.submit(shell('sleep 60'));
  const open = await Promise.all([openStream(eventsUrl(s, id)), openStream(`${s.url}/v1/events`)]);
  for (const path of [
    '/v1/events',
    `/v1/executions/${id}/events`,
    `/v1/executions/${id}/logs?format=sse&follow=true`,
  ]) {
    const answer = await s.call('GET', path);
    t.match(answer, { status: 429, body: { type: 'urn:execd:error:too_many_streams', retryable: true } });
    t.ok(answer.headers.get('retry-after'));
  }
  open[0].cut();
  await until('there is room again', async () => {
    const again = await openStream(eventsUrl(s, id));
    again.cut();
    return again.status === 200;
  });
  open[1].cut();
});

t.test('where output is not to be streamed, events are, and logs can be read', async (t) => {
  const s = await service(t, { EXECUTION_STREAM_OUTPUT: 'false' });
  const { id } = await s.run(shell('echo hi'));
  for (const path of [`/v1/executions/${id}/events?output=true`, `/v1/executions/${id}/logs?follow=true`])
    t.match(await s.call('GET', path), {
      status: 403,
      body: { type: 'urn:execd:error:output_not_streamed' },
    });
  t.equal(types(await allMessages(eventsUrl(s, id))).at(-1), 'completed');
  t.equal((await s.call('GET', `/v1/executions/${id}/logs`)).text, 'hi\n');
});

t.test('a stop of the server ends the streams, and lets go of those who do not read', async (t) => {
  const s = await service(t, { EXECUTION_DRAIN_SECS: '0', EXECUTION_MAX_OUTPUT_BYTES: '50000000' });
  const { id } = await s.submit(shell('head -c 30000000 /dev/zero; sleep 60'));
  const [one, all, log, deaf] = await Promise.all([
    openStream(eventsUrl(s, id)),
    openStream(`${s.url}/v1/events`),
    openStream(`${s.url}/v1/executions/${id}/logs?format=sse&follow=true&tail=0`),
    openStream(eventsUrl(s, id, '?output=true')),
  ] as const);
  deaf.pause();
  await one.until(({ event }) => event === 'started');
  await s.stop();
  t.ok(await one.ended);
  t.ok(await all.ended);
  t.ok(await log.ended);
});

// ------------------------------------------------------------------------------------- a real client

function listen(t: Test, url: string): { source: EventSource; seen: Message[] } {
  const source = new EventSource(url);
  t.teardown(() => source.close());
  const seen: Message[] = [];
  for (const type of ['accepted', 'queued', 'started', 'output', 'completed', 'failed', 'end'])
    source.addEventListener(type, ({ lastEventId, data }) =>
      seen.push({
        id: lastEventId,
        event: type,
        data: JSON.parse(data as string) as Record<string, unknown>,
      }),
    );
  return { source, seen };
}

t.test('an EventSource goes on by itself after a restart of the server, and stops at the end', async (t) => {
  const env = { EXECUTION_DATA_DIR: tempDir(t), EXECUTION_PORT: await freePort(), EXECUTION_DRAIN_SECS: '0' };
  const first = await service(t, env);
  const before = await first.run(shell('echo before'));
  const { source: all, seen: allSeen } = listen(t, `${first.url}/v1/events`);
  const running = await first.submit(
    shell('echo begun; sleep 60', { retry: { attempts: 2, min_ms: 1, multiplier: 0 }, retry_safe: true }),
  );
  const { source, seen } = listen(t, eventsUrl(first, running.id, '?output=true'));
  await until('it is seen', () => outputOf(seen).toString() === 'begun\n');
  await until('all are seen', () => allSeen.length >= 5);
  await first.stop();
  const second = await service(t, env);
  const after = await second.run(shell('echo after'));
  await second.call('POST', `/v1/executions/${running.id}/cancel`);
  await until('the new one is seen', () =>
    allSeen.some(({ data, event }) => data.execution_id === after.id && event === 'completed'),
  );
  const own = allSeen.filter(({ data, event }) => data.execution_id !== running.id && event !== 'queued');
  t.same(
    own.map(({ event, data }) => [data.execution_id, event]),
    [before, after].flatMap(({ id }) => ['accepted', 'started', 'completed'].map((event) => [id, event])),
  );
  t.equal(new Set(allSeen.map(({ id }) => id)).size, allSeen.length);
  await until('it has ended', () => source.readyState === source.CLOSED);
  const raw = await rawRequest(second.url, { path: `/v1/executions/${running.id}/logs?format=raw` });
  t.ok(outputOf(seen).equals(raw.body));
  all.close();
});

t.test('an EventSource follows a log to its end, from its last lines', async (t) => {
  const s = await sharedService(t);
  const go = join(tempDir(t), 'go');
  const { id } = await s.submit(
    shell(`echo one; echo two; echo three >&2; until [ -e ${go} ]; do sleep 0.01; done; echo four`),
  );
  await until('it has written', async () =>
    (await s.call('GET', `/v1/executions/${id}/logs`)).text.includes('three'),
  );
  const { source, seen } = listen(t, `${s.url}/v1/executions/${id}/logs?format=sse&follow=true&tail=2`);
  await until('it is seen', () => outputOf(seen).length > 0);
  writeFileSync(go, '');
  await until('it has ended', () => source.readyState === source.CLOSED);
  t.equal(outputOf(seen).toString(), 'two\nthree\nfour\n');
  t.match(seen.at(-1), {
    event: 'end',
    data: { end: true, complete: true, stdout_bytes: 13, cursor: '1.19' },
  });
});
