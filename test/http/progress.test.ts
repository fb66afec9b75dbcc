// How far what runs is: what lines say, whatever they hold, and what a reader sees.
import t from 'tap';
import { progress } from '../../src/domain/spec/progress.ts';
import { ProgressLines } from '../../src/domain/progress-lines.ts';
import { lastLines, ProgressReader, readLine } from '../../src/http/executions/progress.ts';
import { liveUsage } from '../../src/runners/commands/live-usage.ts';
import type { Caller } from '../../src/domain/spec/access.ts';
import type { ExecutionView } from '../../src/engine/engine.ts';
import { service } from '../helpers/build.ts';
import { openStream } from '../helpers/sse.ts';
import { until } from '../helpers/processes.ts';

t.test('a line of progress is read as it says, and holds nothing else', async (t) => {
  const said = (percent: number | null, message: string | null = null, metrics = {}) => ({
    percent,
    message,
    metrics,
  });
  const rows: [string, unknown][] = [
    [
      '{"percent": 40, "message": "half", "metrics": {"rows": 7, "a b": 1, "x": "y", "n": null}}',
      said(40, 'half', { rows: 7 }),
    ],
    ['{"percent": 400}', said(100)],
    ['{"percent": -4.5678}', said(0)],
    ['{"percent": 33.33333}', said(33.33)],
    ['{"percent": "40"}', null],
    ['{"percent": 1e999}', null],
    ['{"message": "a\\u001b[31m\\u202eb\\n"}', said(null, 'a [31m b')],
    ['{"message": "\\ud800x"}', said(null, '\ufffdx')],
    ['{"message": {"a": 1}, "metrics": [1]}', null],
    ['{"__proto__": {"percent": 5}}', null],
    ['percent 40', null],
    ['[1]', null],
    [`{"message": "${'x'.repeat(1900)}"}`, said(null, 'x'.repeat(500))],
    [`{"message": "${'x'.repeat(2100)}"}`, null],
  ];
  for (const [line, expected] of rows) t.same(readLine(line, 'json'), expected, line.slice(0, 60));
  const pattern = { pattern: '(?<percent>[0-9]+)% (?<message>.*)' };
  t.same(readLine('at 40% of it', pattern), said(40, 'of it'));
  t.same(readLine('nothing', pattern), null);
  t.same(readLine('x', { pattern: '(?<message>x)' }), said(null, 'x'));
  t.same(lastLines([{ stream: 'stdout', bytes: Buffer.from('1\r2\n3\r\n4') }]), ['', '3', '2', '1'].slice(1));
  for (const bad of ['(', '(?<percent>a)(?=b)', '(a)\\1(?<percent>b)', 'no group', { pattern: 'x' }.pattern])
    t.notOk(progress.safeParse({ pattern: bad }).success, bad);
});

t.test(
  'lines of a descriptor come in pieces; bad ones are counted, and nothing of a long one is kept',
  async (t) => {
    const lines = new ProgressLines();
    const add = (text: string) => lines.add(Buffer.from(text));
    add('{"percent": 1}\n{"perc');
    t.match(lines, { last: { percent: 1 }, badLines: 0 });
    add('ent": 2, "message": "\u00e4');
    add('"}\n\n  \n');
    t.match(lines, { last: { percent: 2, message: 'ä' }, badLines: 0 });
    add('nonsense\n[1]\n{"percent": "3"}\n');
    t.match(lines, { last: { percent: 2 }, badLines: 3 });
    for (let i = 0; i < 1000; i++) add('{'.repeat(10_000));
    add('\n{"percent": 4}\n');
    t.match(lines, { last: { percent: 4 }, badLines: 4 });
    lines.redact = (text) => text.replaceAll('s3cret', '***');
    add(String.raw`{"message": "a s3cret and \u00733cret"}` + '\n');
    t.equal(lines.last?.message, 'a *** and ***');
  },
);

t.test('however many ask at once, a command is looked at once', async (t) => {
  let [now, looks] = [1000, 0];
  const usageOf = () => ({ cpuMs: (looks += 1), memoryBytes: 4096 });
  const reader = new ProgressReader({ engine: {} as never, clock: { now: () => now }, usageOf });
  const execution = { status: 'running', attempts: [{}], work: {}, spec: { kind: 'exec' }, runId: 'r' };
  const view = { execution, startedAt: 1, pid: 7 } as unknown as ExecutionView;
  const used = async () => (await reader.of({} as Caller, view))?.cpu_ms;
  for (let i = 0; i < 50; i++) t.equal(await used(), 1);
  now += 500;
  t.equal(await used(), 2);
});

t.test('while a command runs, readers see how far it is, also in its plan', async (t) => {
  const s = await service(t);
  const command = 'echo "{\\"percent\\": 50, \\"message\\": \\"half\\"}"; read line';
  const spec = { kind: 'shell', command, stdin: { open: true }, progress: 'json' };
  const { id } = (await s.call<{ id: string }>('POST', '/v1/executions', spec)).body;
  interface Shown {
    progress: { percent: number | null; message: string | null; memory_bytes: number | null } | null;
  }
  let shown: Shown['progress'] = null;
  await until('it is half done', async () => {
    shown = (await s.call<Shown>('GET', `/v1/executions/${id}`)).body.progress;
    return shown?.percent === 50;
  });
  t.match(shown, { message: 'half', estimated_end: String, metrics: {} });
  t.ok((shown as unknown as { memory_bytes: number }).memory_bytes > 0, 'its shell takes memory');
  const steps = [
    { name: 'a', ...spec },
    { name: 'b', kind: 'shell', command: 'true' },
  ];
  const plan = (await s.call<{ id: string }>('POST', '/v1/plans', { strategy: { type: 'serial' }, steps }))
    .body;
  await until('the plan is a quarter done', async () => {
    return (await s.call<{ progress: number }>('GET', `/v1/plans/${plan.id}`)).body.progress === 0.25;
  });
  const read = await s.call('GET', `/v1/plans/${plan.id}`);
  t.match(read.body, { steps: [{ percent: 50 }, { percent: null }] });
  await s.call('POST', `/v1/plans/${plan.id}/cancel`);
  await s.call('POST', `/v1/executions/${id}/cancel`);
  const ended = await s.call<Shown>('GET', `/v1/executions/${id}?wait=60`);
  t.equal(ended.body.progress, null);
  const wrong = await s.call('POST', '/v1/executions', { ...spec, progress: { pattern: '(' } });
  t.match(wrong, { status: 400, body: { errors: [{ field: '/progress' }] } });
  await t.test('a command reports it on a descriptor of its own, apart from its output', async (t) => {
    const said = '{"percent": 25, "message": "a quarter", "metrics": {"rows": 7}}';
    const onFd = `echo nonsense >&$EXECUTION_PROGRESS_FD; echo '${said}' >&$EXECUTION_PROGRESS_FD; echo out; read line`;
    const asked = { kind: 'shell', command: onFd, stdin: { open: true }, progress: 'fd' };
    const one = (await s.call<{ id: string }>('POST', '/v1/executions', asked)).body.id;
    const seen = async () => (await s.call<Shown>('GET', `/v1/executions/${one}`)).body.progress;
    await until('it is a quarter done', async () => (await seen())?.percent === 25);
    t.match(await seen(), { message: 'a quarter', metrics: { rows: 7 }, bad_lines: 1 });
    const stream = await openStream(`${s.url}/v1/executions/${one}/events?progress=true`);
    const told = await stream.until(({ event }) => event === 'progress');
    t.match(told?.data, { execution_id: one, percent: 25, message: 'a quarter', bad_lines: 1 });
    t.equal(stream.messages.filter(({ event }) => event === 'progress').length, 1);
    await s.call('POST', `/v1/executions/${one}/cancel`);
    t.ok(await stream.ended, 'it ends with the execution');
    t.equal(stream.messages.at(-1)?.event, 'cancelled');
    t.match(await s.finished(one), { progress: null, result: { stdout: 'out\n' } });
    const env = { EXECUTION_PROGRESS_FD: '1' };
    t.match(await s.call('POST', '/v1/executions', { ...asked, env }), { status: 400 });
  });
  await t.test('a key takes as many in a time as its rate says', async (t) => {
    const submit = (key: string, rate: object = { limit: 2, per_ms: 86_400_000 }) =>
      s.call('POST', '/v1/executions', {
        kind: 'exec',
        program: 'true',
        concurrency: { key, limit: 9, rate },
      });
    for (const key of ['a', 'a', 'b']) t.equal((await submit(key)).status, 202, key);
    const refused = await submit('a');
    t.match(refused, {
      status: 429,
      body: { type: /key_rate_exceeded$/, detail: /At most 2 .* in 86400000 ms/ },
    });
    t.ok(Number(refused.headers.get('retry-after')) > 40_000);
    t.match((await submit('a', { limit: 2, per_ms: 1 })).body, {
      errors: [{ field: '/concurrency/rate/per_ms' }],
    });
    t.match((await submit('a', { limit: 0, per_ms: 1000 })).body, {
      errors: [{ field: '/concurrency/rate/limit' }],
    });
  });
  t.equal(liveUsage(2 ** 22 + 1), null, 'a process that is not there uses nothing');
});
