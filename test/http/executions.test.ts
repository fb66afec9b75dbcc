import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { LOCAL_CALLER } from '../../src/domain/spec/access.ts';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { service, sharedService, shell } from '../helpers/build.ts';
import { until, withEnvironment, withLimit } from '../helpers/processes.ts';
import { isOnPostgres } from '../helpers/store-of.ts';
import { tempDir } from '../helpers/temp.ts';

const ONE_SLOT = { EXECUTION_MAX_CONCURRENT: '1' };

t.test('a submitted command is answered at once, runs, and tells how it ended', async (t) => {
  const { call, finished } = await sharedService(t);
  const spec = shell('echo out; echo err >&2', { task_id: 'b-1', labels: { a: 'b' }, priority: 2 });
  const answer = await call<ExecutionWire>('POST', '/v1/executions', spec);
  t.equal(answer.status, 202);
  t.equal(answer.headers.get('location'), `/v1/executions/${answer.body.id}`);
  t.ok(Number(answer.headers.get('retry-after')) > 0);
  t.match(answer.headers.get('etag'), /^W\/"/);
  t.match(answer.body, {
    spec,
    kind: 'shell',
    user_id: 'local',
    run_id: answer.body.id,
    outcome: null,
    result: null,
  });
  const end = await finished(answer.body.id);
  t.match(end, {
    status: 'completed',
    phase: 'done',
    task_id: 'b-1',
    labels: { a: 'b' },
    priority: 2,
    error: null,
    outcome: { cause: 'exited', exit_code: 0 },
    result: { stdout: 'out\n', stderr: 'err\n' },
    output: { stdout_bytes: 4, stderr_bytes: 4, truncated: false, strategy: 'truncate' },
    isolation: /^(none|supervised)$/,
  });
  const { created, queued, started, finished: ended } = end.timestamps;
  const times = [created, queued, started, ended].map((time) => Date.parse(time ?? ''));
  t.same(
    times,
    times.toSorted((a, b) => a - b),
  );
  t.match(end.attempts, [{ number: 1, runner: /^(native|node)$/, outcome: { cause: 'exited' } }]);
});

t.test('a result is whole, or says that it is an end and how much there was', async (t) => {
  const s = await service(t, { EXECUTION_RESULT_BYTES: '20000' });
  const lines = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => `${from + i}\n`).join('');
  const facts = { stdout_bytes: 13_893, stderr_bytes: 3, stdout_truncated: false, stderr_truncated: false };
  const command = 'seq 1 3000; echo er >&2';
  const whole = await s.run(shell(command));
  t.same(whole.result, { stdout: lines(1, 3000), stderr: 'er\n', ...facts });
  t.equal(whole.output.result_bytes, 20_000);
  const rows: [bytes: number, stdout: string][] = [
    [13_893, lines(1, 3000)],
    [13_892, lines(2, 3000)],
    [5003, lines(2001, 3000)],
    [5000, lines(2001, 3000)],
    [100, lines(2981, 3000)],
    [0, ''],
  ];
  for (const [result_bytes, stdout] of rows) {
    const { id, result } = await s.run(shell(command, { output: { result_bytes } }));
    const cut = { stdout_truncated: stdout.length < 13_893, stderr_truncated: result_bytes === 0 };
    const expected = { stdout, stderr: result_bytes === 0 ? '' : 'er\n', ...facts, ...cut };
    t.same(result, expected, `${result_bytes} bytes`);
    t.same((await s.call('GET', `/v1/executions/${id}/result`)).body.result, expected, 'the step result too');
  }
  const both = await s.run(shell('for i in {1..5000}; do echo $i; echo $i >&2; done'));
  const { stdout, stderr } = both.result as { stdout: string; stderr: string };
  t.match(both.result, {
    stdout_bytes: 23_893,
    stderr_bytes: 23_893,
    stdout_truncated: true,
    stderr_truncated: true,
  });
  t.same([stdout, stderr], [lines(1001, 5000), lines(1001, 5000)], 'each stream has its own end');
  t.match(await s.call('POST', '/v1/executions', shell('true', { output: { result_bytes: 1_048_577 } })), {
    status: 400,
    body: { errors: [{ field: '/output/result_bytes' }] },
  });
});

t.test('each kind runs', async (t) => {
  const { run, dataDir } = await sharedService(t);
  const bin = tempDir(t);
  writeFileSync(join(bin, 'aws'), '#!/bin/sh\necho "$@"; echo $AWS_PAGER');
  chmodSync(join(bin, 'aws'), 0o755);
  writeFileSync(join(bin, 'script.sh'), '#!/bin/sh\necho from a file: "$@"');
  chmodSync(join(bin, 'script.sh'), 0o755);
  const stdout = async (spec: object) => {
    const { status, result } = await run(spec);
    return [status, (result as { stdout: string }).stdout];
  };
  t.same(await stdout({ kind: 'exec', program: 'printf', args: ['%s|', 'a b', ''] }), ['completed', 'a b||']);
  t.same(await stdout({ kind: 'exec', program: '/bin/echo', args: ['$HOME', '*'] }), [
    'completed',
    '$HOME *\n',
  ]);
  t.same(await stdout(shell('echo $((1+1)) ${BASH_VERSION:+bash}')), ['completed', '2 bash\n']);
  t.same(await stdout(shell('echo ${BASH_VERSION:-sh}', { shell: 'sh' })), ['completed', 'sh\n']);
  t.same(await stdout({ kind: 'script', path: join(bin, 'script.sh'), args: ['x'] }), [
    'completed',
    'from a file: x\n',
  ]);
  t.same(await stdout({ kind: 'script', path: join(bin, 'script.sh'), interpreter: 'cat' }), [
    'completed',
    '#!/bin/sh\necho from a file: "$@"',
  ]);
  t.same(await stdout({ kind: 'script', source: '#!/bin/sh\necho inline "$@"', args: ['1 2'] }), [
    'completed',
    'inline 1 2\n',
  ]);
  t.same(await stdout({ kind: 'script', source: 'print(6*7)', interpreter: 'python3' }), [
    'completed',
    '42\n',
  ]);
  t.same(
    await stdout({
      kind: 'aws_cli',
      service: 's3api',
      operation: 'list-buckets',
      args: ['--query', 'Buckets[].Name'],
      profile: 'prod',
      region: 'eu-west-1',
      env: { PATH: `${bin}:/bin` },
    }),
    ['completed', 's3api list-buckets --query Buckets[].Name --profile prod --region eu-west-1\n\n'],
  );
  t.notOk(existsSync(join(dataDir, 'work/1/script')), 'no script stays');
});

t.test('a command gets its input, its directory and a clean environment, and knows who it is', async (t) => {
  const { run, dataDir } = await sharedService(t);
  const dir = tempDir(t);
  const text = await run(shell('cat; pwd', { stdin: 'text\0ü', cwd: dir }));
  t.equal((text.result as { stdout: string }).stdout, `text\0ü${dir}\n`);
  const binary = await run(
    shell('od -An -tx1', { stdin: { base64: Buffer.from([0, 255, 128]).toString('base64') } }),
  );
  t.equal((binary.result as { stdout: string }).stdout, ' 00 ff 80\n');
  const { id, result, trace_id } = await run({
    kind: 'exec',
    program: 'env',
    env: { A: 'b', PATH: '/usr/bin:/bin', LOGNAME: 'mine' },
  });
  const env = Object.fromEntries(
    (result as { stdout: string }).stdout
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  ) as Record<string, string>;
  const own = `${dataDir}/work/1/${id}.1`;
  t.match(env, {
    A: 'b',
    PATH: '/usr/bin:/bin',
    HOME: own,
    TMPDIR: own,
    LANG: 'C.UTF-8',
    TERM: 'dumb',
    SHELL: '/bin/sh',
    USER: 'root',
    LOGNAME: 'mine',
    EXECUTION_ID: id,
    EXECUTION_ATTEMPT: '1',
  });
  t.match(env.TRACEPARENT, new RegExp(`^00-${trace_id}-[0-9a-f]{16}-01$`));
  const names = [
    'A',
    'PATH',
    'HOME',
    'TMPDIR',
    'LANG',
    ...['TERM', 'SHELL', 'USER', 'LOGNAME'],
    'EXECUTION_ID',
    'EXECUTION_ATTEMPT',
    'TRACEPARENT',
    'EXECD_RUN',
  ];
  t.same(Object.keys(env).sort(), names.sort(), 'and nothing of the server');
});

t.test('a request keeps its id, or gets one', async (t) => {
  const { call } = await sharedService(t);
  const idOf = async (given: string) =>
    (await call('GET', '/v1/me', undefined, { 'x-request-id': given })).headers.get('x-request-id');
  t.equal(await idOf('job-7/a:b@c'), 'job-7/a:b@c');
  for (const bad of ['a b', '"', 'x'.repeat(129)]) t.match(await idOf(bad), /^[0-9a-f]{16}$/);
});

t.test('the trace of the request goes on in the command', async (t) => {
  const { run } = await sharedService(t);
  const trace = '0af7651916cd43dd8448eb211c80319c';
  const print = shell('echo $TRACEPARENT');
  const end = await run(print, { traceparent: `00-${trace}-b7ad6b7169203331-00` });
  t.equal(end.trace_id, trace);
  t.match(
    (end.result as { stdout: string }).stdout,
    new RegExp(`^00-${trace}-(?!b7ad6b7169203331)[0-9a-f]{16}-00\n$`),
  );
  for (const bad of [
    'nonsense',
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `ff-${trace}-b7ad6b7169203331-01`,
  ]) {
    t.not((await run(print, { traceparent: bad })).trace_id, trace);
  }
});

t.test('Prefer: wait answers with the end, or as it is when the time is up', async (t) => {
  const { call } = await sharedService(t);
  const done = await call<ExecutionWire>('POST', '/v1/executions', shell('sleep 0.1'), {
    prefer: 'respond-async, wait=20',
  });
  t.equal(done.status, 200);
  t.equal(done.headers.get('preference-applied'), 'wait=20');
  t.equal(done.body.status, 'completed');
  t.equal(done.headers.get('retry-after'), null);
  const not = await call<ExecutionWire>('POST', '/v1/executions', shell('sleep 60'), { prefer: 'wait=0' });
  t.equal(not.status, 202);
  t.equal(not.headers.get('preference-applied'), 'wait=0');
  t.equal(not.body.status, 'running');
  const most = await call('POST', '/v1/executions', shell('true'), { prefer: 'wait=9999' });
  t.equal(most.headers.get('preference-applied'), 'wait=60', 'it says what it has made of it');
});

t.test('one Idempotency-Key makes one execution, in its current state', async (t) => {
  const { call } = await sharedService(t);
  const post = (body: unknown, key: string) =>
    call<ExecutionWire>('POST', '/v1/executions', body, { 'idempotency-key': key, prefer: 'wait=10' });
  const [first, ...others] = await Promise.all(
    Array.from({ length: 10 }, () => post(shell('echo once', { labels: { a: '1', b: '2' } }), 'k1')),
  );
  t.ok(others.every(({ body }) => body.id === first?.body.id));
  // Which of requests at the same time comes first is not said.
  const replays = [first, ...others].map((one) => one?.headers.get('idempotency-replayed') ?? 'new');
  t.same(replays.toSorted(), ['new', ...Array.from({ length: 9 }, () => 'true')]);
  const replay = await call<ExecutionWire>(
    'POST',
    '/v1/executions',
    '{"labels":{"b":"2","a":"1"}, "command":"echo once","kind":"shell"}',
    {
      'idempotency-key': 'k1',
    },
  );
  t.equal(replay.status, 200, 'it has finished by now');
  t.equal(replay.headers.get('idempotency-replayed'), 'true');
  t.equal(replay.body.id, first?.body.id, 'the order of keys and the white space are no matter');
  t.match(await post(shell('echo twice'), 'k1'), {
    status: 422,
    body: { type: 'urn:execd:error:idempotency_key_reused' },
  });
  t.match(await post(shell('true'), 'a b'), {
    status: 400,
    body: { type: 'urn:execd:error:invalid_idempotency_key' },
  });
  t.match(await post({ kind: 'shell' }, 'k2'), { status: 400 });
  t.equal((await post(shell('true'), 'k2')).status, 200, 'a refused request has left no key');
  await call('DELETE', `/v1/executions/${replay.body.id}`);
  t.match(await post(shell('echo once', { labels: { a: '1', b: '2' } }), 'k1'), {
    status: 410,
    body: { type: 'urn:execd:error:execution_removed' },
  });
});

t.test('a long poll ends when the execution has finished, or has changed', async (t) => {
  const { call, submit } = await sharedService(t);
  const { id } = await submit(shell('sleep 0.3; echo done'));
  const waited = await call<ExecutionWire>('GET', `/v1/executions/${id}?wait=30`);
  t.equal(waited.body.status, 'completed');
  const running = await submit(shell('sleep 60'));
  const unchanged = await call<ExecutionWire>('GET', `/v1/executions/${running.id}?wait=0`);
  t.equal(unchanged.body.status, 'running');
  const poll = call<ExecutionWire>(
    'GET',
    `/v1/executions/${running.id}?wait=30&after_revision=${running.revision}`,
  );
  await call('PATCH', `/v1/executions/${running.id}`, { priority: 7 });
  t.match((await poll).body, { revision: running.revision + 1, priority: 7 });
  const old = await call<ExecutionWire>('GET', `/v1/executions/${running.id}?wait=30&after_revision=1`);
  t.equal(old.body.revision, running.revision + 1, 'what has changed already is answered at once');
});

t.test('an ETag changes with the state and answers 304 until then', async (t) => {
  const { call, submit, finished } = await sharedService(t);
  const go = join(tempDir(t), 'go');
  const { id } = await submit(shell(`until [ -e ${go} ]; do sleep 0.02; done; echo x`));
  const first = await call('GET', `/v1/executions/${id}`);
  writeFileSync(go, '');
  await finished(id);
  const second = await call('GET', `/v1/executions/${id}`, undefined, {
    'if-none-match': first.headers.get('etag') ?? '',
  });
  t.equal(second.status, 200);
  for (const tag of [second.headers.get('etag') ?? '', `"x", ${second.headers.get('etag')}`, '*']) {
    const third = await call('GET', `/v1/executions/${id}`, undefined, { 'if-none-match': tag });
    t.equal(third.status, 304);
    t.equal(third.text, '');
    t.equal(third.headers.get('etag'), second.headers.get('etag'));
  }
});

t.test('the step result has its shape in every state', async (t) => {
  const { call, submit, run } = await sharedService(t, ONE_SLOT);
  const result = async (id: string) => (await call('GET', `/v1/executions/${id}/result`)).body;
  const good = await run(shell('echo hi'));
  t.match(await result(good.id), {
    step: 'shell',
    result: { stdout: 'hi\n', stderr: '' },
    completed: true,
    status: 'completed',
    error_code: null,
    error_message: null,
  });
  const bad = await run(shell('exit 2'));
  t.match(await result(bad.id), {
    completed: false,
    status: 'failed',
    error_code: 'E003',
    error_message: 'The command exited with code 2.',
  });
  const words: [command: string, message: string][] = [
    [
      'echo noise; echo first >&2; echo "File not found: data.csv" >&2; exit 2',
      'stderr: File not found: data.csv',
    ],
    ['echo only this; exit 2', 'stdout: only this'],
    ['printf "\\033[31mred" >&2; exit 2', 'stderr: \\u001b[31mred'],
    ['head -c 900 /dev/zero | tr "\\0" x >&2; exit 2', `stderr: ${'x'.repeat(500)}…`],
  ];
  for (const [command, message] of words) {
    const { id, duration_ms: durationMs } = await run(shell(command));
    t.equal((await result(id)).error_message, `The command exited with code 2. The last line of ${message}`);
    t.ok(durationMs !== null && durationMs >= 0);
  }
  const running = await submit(shell('sleep 60'));
  const pending = await submit(shell('true'));
  t.equal(running.duration_ms, null);
  t.match(await result(running.id), { completed: false, status: 'running', result: null, error_code: null });
  t.match(await result(pending.id), { completed: false, status: 'pending', result: null, error_code: null });
  const cancelled = await call('POST', `/v1/executions/${pending.id}/cancel`);
  t.equal(cancelled.status, 200);
  t.match(await result(pending.id), { status: 'cancelled', error_code: 'E004' });
});

t.test(
  'JSON output becomes the result when it was asked for, and what is not JSON is a failure',
  async (t) => {
    const { run } = await sharedService(t);
    const json = { output: { parse: 'json' } };
    t.same((await run(shell('echo \'{"a": [1, null, "é"]}\'; echo noise >&2', json))).result, {
      a: [1, null, 'é'],
    });
    t.match(await run(shell('echo null', json)), { status: 'completed', result: null });
    t.match(await run(shell('echo nope', json)), {
      status: 'failed',
      error: { type: 'output_not_json', code: 'E003' },
      result: { stdout: 'nope\n' },
    });
    t.match(await run(shell('printf "\\"\\377\\""', json)), { error: { type: 'output_not_json' } });
    t.match(
      await run(shell('exit 3', json)),
      { error: { type: 'exit_code' } },
      'the command has failed first',
    );
    t.match(await run(shell('head -c 2000000 /dev/zero', json)), { error: { type: 'output_too_large' } });
  },
);

t.test('a cancel ends what waits at once, and what runs after its processes are dead', async (t) => {
  const { call, submit, inPhase, finished } = await sharedService(t, ONE_SLOT);
  const running = await submit(shell('echo begun; sleep 60 & setsid sleep 60 & sleep 60'));
  const queued = await submit(shell('true'));
  t.match(queued.queue, { position: 0, reason: 'no_free_slot' });
  await inPhase(running.id, 'running');
  const cancel = (id: string, body?: object) =>
    call<ExecutionWire>('POST', `/v1/executions/${id}/cancel`, body);
  const ended = await cancel(queued.id, { reason: 'not needed' });
  t.match(ended, {
    status: 200,
    body: { status: 'cancelled', outcome: { reason: 'not needed', process: null }, attempts: [] },
  });
  await until('the family is there', () => withEnvironment(running.id).length >= 4);
  const stopping = await cancel(running.id, { reason: 'enough' });
  t.match(stopping, {
    status: 202,
    body: { status: 'running', phase: 'canceling', cancel: { reason: 'enough' } },
  });
  const end = await finished(running.id);
  t.match(end, {
    status: 'cancelled',
    outcome: { cause: 'cancelled', reason: 'enough', process: { survivors: 0 } },
  });
  t.same(withEnvironment(running.id), []);
  t.equal((end.result as { stdout: string }).stdout, 'begun\n', 'what it wrote is kept');
  t.equal((await cancel(running.id)).status, 200, 'asking again changes nothing');
  t.match(await cancel((await submit(shell('true'), { prefer: 'wait=9' })).id), {
    status: 409,
    body: { type: 'urn:execd:error:execution_finished' },
  });
});

t.test('many are cancelled by a filter', async (t) => {
  const { call, submit, finished } = await service(t, { EXECUTION_MAX_CONCURRENT: '2' });
  const sleep = (labels: object) => submit(shell('sleep 60', { labels }));
  const [a, b] = [await sleep({ g: 'x' }), await sleep({ g: 'y' })];
  const [c, d] = [await sleep({ g: 'x' }), await sleep({ g: 'y' })];
  const answer = await call('POST', '/v1/executions/cancel', { labels: { g: 'x' }, reason: 'x is over' });
  t.match(answer, { status: 202, body: { cancelled: 1, canceling: 1 } });
  t.match(await finished(a.id), { status: 'cancelled', outcome: { reason: 'x is over' } });
  t.match(await finished(c.id), { status: 'cancelled' });
  t.match((await call('GET', `/v1/executions/${b.id}`)).body, { status: 'running' });
  t.match(
    await call('POST', '/v1/executions/cancel', { reason: 'oops' }),
    { status: 400 },
    'not everything by mistake',
  );
  t.match(await call('POST', '/v1/executions/cancel', { all: true }), {
    body: { cancelled: 0, canceling: 2 },
  });
  await finished(b.id);
  await finished(d.id);
});

t.test('priority decides who is next, and can be changed while it waits', async (t) => {
  const { call, submit, run, finished } = await sharedService(t, ONE_SLOT);
  const log = join(tempDir(t), 'order');
  const gate = await submit(shell(`until [ -e ${log}.go ]; do sleep 0.02; done`));
  const mark = (name: string, priority: number) => submit(shell(`echo ${name} >> ${log}`, { priority }));
  const ids = [await mark('low', -5), await mark('first', 0), await mark('second', 0), await mark('high', 9)];
  const raised = await mark('raised', -9);
  const answer = await call<ExecutionWire>('PATCH', `/v1/executions/${raised.id}`, { priority: 50 });
  t.match(answer.body, { priority: 50, queue: { position: 0 } });
  writeFileSync(`${log}.go`, '');
  for (const { id } of [gate, ...ids, raised]) await finished(id);
  const { result } = await run(shell(`tr '\\n' ' ' < ${log}`));
  t.equal((result as { stdout: string }).stdout, 'raised high first second low ');
});

t.test('limits of a live execution can be extended, not shortened', async (t) => {
  const { call, submit, finished } = await sharedService(t);
  const go = join(tempDir(t), 'go');
  const timeouts = { attempt_ms: 300_000, total_ms: 400_000 };
  const live = await submit(shell(`until [ -e ${go} ]; do sleep 0.02; done; echo done`, { timeouts }));
  const patch = (timeouts: object) => call('PATCH', `/v1/executions/${live.id}`, { timeouts });
  t.match(await patch({ attempt_ms: 100, idle_ms: 5 }), {
    status: 400,
    body: { errors: [{ field: '/timeouts/attempt_ms' }, { field: '/timeouts/idle_ms' }] },
  });
  // That they hold from then on is shown with clocks of tests: in the contract of the hosts, and of the engine.
  t.match(await patch({ attempt_ms: 600_000, total_ms: 600_000 }), {
    status: 200,
    body: { timeouts: { attempt_ms: 600_000 } },
  });
  writeFileSync(go, '');
  t.match(await finished(live.id), { status: 'completed' });
  t.match(await patch({ attempt_ms: 700_000 }), {
    status: 409,
    body: { type: 'urn:execd:error:execution_finished' },
  });
  t.match(await patch({ attempt_ms: 3_600_001 }), { status: 400 });
});

t.test('each clock ends an execution with its own cause', async (t) => {
  const { submit, finished, inPhase } = await sharedService(t, ONE_SLOT);
  const timed = (timeouts: object, command = 'echo begun; sleep 60') => submit(shell(command, { timeouts }));
  const blocker = await timed({ attempt_ms: 60_000 });
  const queue = await timed({ queue_ms: 50 });
  const totalInQueue = await timed({ queue_ms: 5000, total_ms: 50 });
  await inPhase(queue.id, 'done');
  await inPhase(totalInQueue.id, 'done');
  const other = await sharedService(t);
  const limited = (timeouts: object) => other.submit(shell('echo begun; sleep 60', { timeouts }));
  const attempt = await limited({ attempt_ms: 300 });
  const total = await limited({ total_ms: 300 });
  const idle = await limited({ idle_ms: 300 });
  for (const [one, cause] of [
    [attempt, 'attempt_timeout'],
    [total, 'total_timeout'],
    [idle, 'idle_timeout'],
    [queue, 'queue_timeout'],
    [totalInQueue, 'total_timeout'],
  ] as const) {
    const isQueued = one === queue || one === totalInQueue;
    const end = await (isQueued ? finished(one.id) : other.finished(one.id));
    t.match(
      end,
      { status: 'timed_out', outcome: { cause }, error: { code: 'E002', class: 'timeout', type: cause } },
      cause,
    );
  }
  t.match(await finished(queue.id), { attempts: [], timestamps: { started: null } });
  const begun = await withLimit(
    async (attempt_ms) => other.finished((await limited({ attempt_ms })).id),
    ({ output }) => output.stdout_bytes > 0,
  );
  t.match(begun, { outcome: { cause: 'attempt_timeout' }, result: { stdout: 'begun\n' } });
  t.match((await inPhase(blocker.id, 'running')).status, 'running');
});

t.test('where no slot is free, a request may be refused instead of queued, exactly', async (t) => {
  const { call, submit } = await service(t, { EXECUTION_MAX_CONCURRENT: '3', EXECUTION_MAX_QUEUED: '2' });
  const reject = shell('sleep 60', { on_limit: 'reject' });
  const answers = await Promise.all(
    Array.from({ length: 30 }, () => call<ExecutionWire>('POST', '/v1/executions', reject)),
  );
  const accepted = answers.filter(({ status }) => status === 202);
  const refused = answers.filter(({ status }) => status === 429);
  t.equal(accepted.length, 3);
  t.equal(refused.length, 27);
  t.ok(accepted.every(({ body }) => body.status === 'running'));
  t.match(refused[0]?.body, { type: 'urn:execd:error:limit_reached', retryable: true });
  t.ok(Number(refused[0]?.headers.get('retry-after')) >= 1);
  await submit(shell('true'));
  await submit(shell('true'));
  const full = await call('POST', '/v1/executions', shell('true'));
  t.match(full, {
    status: 429,
    body: { type: 'urn:execd:error:queue_full', code: 'E003', class: 'execution' },
  });
  t.ok(Number(full.headers.get('retry-after')) >= 1);
  t.match((await call('GET', '/readyz')).status, 200, 'a full queue is no reason not to be ready');
});

t.test('a batch is accepted together, and each item has its own answer in its place', async (t) => {
  const { call, finished } = await sharedService(t);
  // It has not ended before its duplicate is answered.
  const first = { ...shell('sleep 60'), idempotency_key: 'i0' };
  const executions = [
    first,
    { kind: 'shell' },
    shell('echo 2'),
    first,
    5,
    { ...shell('echo other'), idempotency_key: 'i0' },
  ];
  const answer = await call<{
    items: { status: number; execution?: ExecutionWire; problem?: { errors: { field: string }[] } }[];
  }>('POST', '/v1/executions/batch', { executions });
  t.equal(answer.status, 200);
  const { items } = answer.body;
  t.same(
    items.map(({ status }) => status),
    [202, 400, 202, 202, 400, 422],
  );
  t.equal(items[1]?.problem?.errors[0]?.field, '/executions/1/command');
  t.equal(items[3]?.execution?.id, items[0]?.execution?.id);
  t.match(items[3], { replayed: true });
  await call('POST', `/v1/executions/${items[0]?.execution?.id}/cancel`);
  t.equal(((await finished(items[2]?.execution?.id ?? '')).result as { stdout: string }).stdout, '2\n');
  t.match(await call('POST', '/v1/executions/batch', { executions }, { 'idempotency-key': 'k' }), {
    status: 400,
  });
  t.match(await call('POST', '/v1/executions/batch', { executions: [] }), { status: 400 });
  t.match(await call('POST', '/v1/executions/batch', { executions: Array(1001).fill(shell('true')) }), {
    status: 400,
  });
});

t.test('a thousand in one batch take few commits, and all run', async (t) => {
  const { call } = await sharedService(t, ONE_SLOT);
  const stats = async () =>
    (await call<{ store: { commits: number } }>('GET', '/v1/stats')).body.store.commits;
  const before = await stats();
  const executions = Array.from({ length: 1000 }, () => shell('sleep 60'));
  const { body } = await call<{ items: { status: number }[] }>('POST', '/v1/executions/batch', {
    executions,
  });
  t.ok(body.items.every(({ status }) => status === 202));
  // A transaction of PostgreSQL has 256 of them at most, and its server renews a lease besides.
  t.ok((await stats()) - before <= (isOnPostgres ? 10 : 5));
});

t.test('a rerun is a new execution of the same spec', async (t) => {
  const { call, run } = await sharedService(t);
  const first = await run(shell('echo again', { labels: { a: 'b' }, timeouts: { attempt_ms: 5000 } }));
  const rerun = (headers: Record<string, string>) =>
    call<ExecutionWire>('POST', `/v1/executions/${first.id}/rerun`, undefined, headers);
  const second = await rerun({ prefer: 'wait=10', 'idempotency-key': 'r' });
  t.match(second, {
    status: 200,
    body: { rerun_of: first.id, spec: first.spec, labels: { a: 'b' }, result: { stdout: 'again\n' } },
  });
  t.not(second.body.id, first.id);
  t.equal((await rerun({ 'idempotency-key': 'r' })).body.id, second.body.id);
  const other = await run(shell('true'));
  const reused = await call('POST', `/v1/executions/${other.id}/rerun`, undefined, {
    'idempotency-key': 'r',
  });
  t.equal(reused.status, 422, 'the key stands for the rerun of another execution');
});

t.test('an execution and a plan are explained', async (t) => {
  const { run, submit, inPhase, call, app } = await sharedService(t, ONE_SLOT);
  const explain = async (id: string) => (await call('GET', `/v1/executions/${id}/explain`)).body;
  const failed = await run(shell('echo no such table >&2; exit 137'));
  t.match(await explain(failed.id), {
    ...{ id: failed.id, status: 'failed', summary: /^It failed\. .*SIGKILL/ },
    end: { last_output: { stream: 'stderr', text: 'no such table' }, host: { attempt: 1 } },
    attempts: [{ retried: false, why_not: 'no_retry_block' }],
    rerun: { accepted: true, begins: 'running' },
  });
  const holder = await submit(shell('sleep 60'));
  await inPhase(holder.id, 'running');
  const { id } = await submit(shell('true'));
  t.match(await explain(id), {
    waiting: { reason: 'no_free_slot', position: 0, ahead: { own: 0 }, slots: { total: 1, running: 1 } },
  });
  await call('POST', `/v1/executions/${holder.id}/cancel`);
  const steps = [
    { name: 'a', kind: 'shell', command: 'exit 3' },
    { name: 'b', kind: 'shell', command: 'true', depends_on: ['a'] },
  ];
  const plan = await call<{ id: string }>('POST', '/v1/plans', {
    strategy: { type: 'dependency_graph' },
    steps,
  });
  await app.engine.wait(
    { ...LOCAL_CALLER },
    plan.body.id,
    { until: 'finished' },
    60_000,
    new AbortController().signal,
  );
  t.match(await explain(plan.body.id), {
    summary: /The step a was the first: The command exited with code 3/,
    steps: [
      { step: 'a', status: 'failed', first: true },
      { step: 'b', status: 'skipped', words: 'It depends on the step a, which did not complete.' },
    ],
    rerun: { begins: null, words: /redrive/ },
  });
  t.equal((await call('GET', '/v1/executions/nothing/explain')).status, 404);
});

t.test('lists have pages, and a cursor belongs to its filter', async (t) => {
  const { call, run } = await service(t);
  const ids: string[] = [];
  for (let i = 0; i < 5; i++)
    ids.unshift((await run(shell('true', { task_id: 't', labels: { n: String(i) } }))).id);
  await run(shell('exit 1'));
  const list = async (query: string) =>
    (await call<{ items: ExecutionWire[]; next_cursor: string | null }>('GET', `/v1/executions?${query}`))
      .body;
  const first = await list('task_id=t&limit=2');
  t.same(
    first.items.map(({ id }) => id),
    ids.slice(0, 2),
  );
  const second = await list(`task_id=t&limit=2&cursor=${first.next_cursor}`);
  const third = await list(`task_id=t&limit=2&cursor=${second.next_cursor}`);
  t.same(
    [...second.items, ...third.items].map(({ id }) => id),
    ids.slice(2),
  );
  t.equal(third.next_cursor, null);
  t.equal((await list('status=failed')).items.length, 1);
  t.equal((await list('status=failed,completed&limit=1000')).items.length, 6);
  for (const query of ['error_code=E003', 'error_code=E001,E003', 'cause=exited&status=failed'])
    t.match((await list(query)).items, [{ error: { code: 'E003', type: 'exit_code' } }], query);
  t.same((await list('error_code=E005')).items, []);
  t.equal((await list('label=n=3')).items[0]?.id, ids[1]);
  t.equal((await list('label=n=3&label=n=4')).items.length, 0);
  t.equal((await list('kind=exec')).items.length, 0);
  const at = second.items[0]?.timestamps.created ?? '';
  t.equal((await list(`task_id=t&created_after=${at}`)).items.length, 3);
  t.equal((await list(`task_id=t&created_before=${at}`)).items.length, 2);
  const mismatch = await call('GET', `/v1/executions?task_id=u&cursor=${first.next_cursor}`);
  t.match(mismatch, { status: 400, body: { type: 'urn:execd:error:invalid_cursor' } });
});

t.test('what has finished can be removed, with its log, and what lives cannot', async (t) => {
  const { call, run, submit } = await sharedService(t);
  const done = await run(shell('echo x'));
  t.ok(existsSync(done.output.log_path ?? ''));
  const live = await submit(shell('sleep 60'));
  t.match(await call('DELETE', `/v1/executions/${live.id}`), {
    status: 409,
    body: { type: 'urn:execd:error:execution_not_finished' },
  });
  const gone = await call('DELETE', `/v1/executions/${done.id}`);
  t.match(gone, { status: 204, text: '' });
  t.notOk(existsSync(done.output.log_path ?? ''));
  t.match(await call('GET', `/v1/executions/${done.id}`), { status: 404 });
  t.match(await call('DELETE', `/v1/executions/${done.id}`), { status: 404 });
});

t.test('what cannot be started fails with its own cause', async (t) => {
  const { run } = await sharedService(t);
  const dir = tempDir(t);
  writeFileSync(join(dir, 'plain'), 'echo');
  const marked = join(dir, 'marked');
  writeFileSync(marked, '\ufeffprint(1)\n');
  mkdirSync(join(dir, 'closed'));
  const cases: [object, string, RegExp?][] = [
    [
      { kind: 'exec', program: 'definitely-not-here' },
      'program_not_found',
      /^The program "definitely-not-here" was not found on the PATH \/\S+\.$/,
    ],
    [{ kind: 'exec', program: 'ls -la' }, 'program_not_found', /"ls -la" .* Arguments go into args; /],
    [
      { kind: 'script', source: 'print(1)', interpreter: 'python3 -u' },
      'program_not_found',
      /"python3 -u" .* begin the script with "#!\/usr\/bin\/env -S python3 -u"\.$/,
    ],
    [
      { kind: 'shell', command: 'true', shell: 'bash -e' },
      'program_not_found',
      /"bash -e" .* shell names a program, without options/,
    ],
    [
      { kind: 'exec', program: '\ufeffls\u001b[1m\n' },
      'program_not_found',
      /"\\ufeffls\\u001b\[1m\\n" was not found/,
    ],
    [{ kind: 'exec', program: '~/x' }, 'program_not_found', /"~\/x" was not found .* "~" is not expanded/],
    [{ kind: 'exec', program: join(dir, 'plain') }, 'program_not_executable'],
    [
      { kind: 'script', path: marked, interpreter: 'bash' },
      'program_not_executable',
      /marked begins with a byte order mark, which "bash" reads as a part of the first line: save /,
    ],
    [{ kind: 'exec', program: 'true', cwd: '/no/such/dir' }, 'cwd_not_found'],
    [{ kind: 'exec', program: 'true', cwd: '/etc/passwd' }, 'cwd_not_directory'],
    [
      { kind: 'script', source: '#!/no/such/interpreter -x\n' },
      'interpreter_not_found',
      /^The interpreter "\/no\/such\/interpreter" that the script names was not found\.$/,
    ],
    [{ kind: 'shell', command: 'true', shell: 'fishy' }, 'program_not_found'],
  ];
  for (const [spec, type, message = /./] of cases) {
    const end = await run(spec);
    t.match(end, {
      status: 'failed',
      error: { code: 'E003', type, fault: 'user' },
      outcome: { cause: 'spawn_failed', reason: type, message },
    });
    t.match(end, { timestamps: { started: null }, result: null });
  }
  // Some interpreters know the mark.
  t.match(await run({ kind: 'script', path: marked, interpreter: 'python3' }), { status: 'completed' });
});

t.test(
  'the second request with a key gets its execution also where no slot is free for a new one',
  async (t) => {
    const s = await sharedService(t, ONE_SLOT);
    const spec = shell('sleep 60', { on_limit: 'reject' });
    const post = (key: string) =>
      s.call<ExecutionWire>('POST', '/v1/executions', spec, { 'idempotency-key': key });
    const first = await post('k1');
    t.equal(first.status, 202);
    const second = await post('k1');
    t.equal(second.status, 202, second.text);
    t.equal(second.body.id, first.body.id);
    t.equal(second.headers.get('idempotency-replayed'), 'true');
    const other = await post('k2');
    t.equal(other.status, 429);
    t.match(other.body, { type: 'urn:execd:error:limit_reached' });
    t.ok(other.headers.get('retry-after'));
  },
);

t.test('a cancel by no label is refused, and cancels nothing', async (t) => {
  const s = await sharedService(t);
  const { id } = await s.submit(shell('sleep 60'));
  const { status, body } = await s.call('POST', '/v1/executions/cancel', { labels: {} });
  t.equal(status, 400);
  t.match(body, { errors: [{ field: '/labels' }] });
  t.match((await s.call('GET', `/v1/executions/${id}`)).body, { status: /pending|running/ });
});

t.test('output that is JSON but nested too deeply is no result, and harms nobody', async (t) => {
  const s = await sharedService(t);
  for (const depth of [201, 3000, 20_000]) {
    const command = `printf '[%.0s' $(seq ${depth}); printf ']%.0s' $(seq ${depth})`;
    const done = await s.run(shell(command, { output: { parse: 'json' } }));
    t.match(done, { status: 'failed', error: { type: 'output_too_large' } });
  }
  const fine = `printf '[%.0s' $(seq 200); printf ']%.0s' $(seq 200)`;
  t.match(await s.run(shell(fine, { output: { parse: 'json' } })), { status: 'completed' });
  t.match(await s.run(shell('true')), { status: 'completed' });
});

t.test('a page of large executions ends early, and the next ones bring the rest', async (t) => {
  const s = await service(t, { EXECUTION_MAX_OUTPUT_BYTES: '20000000' });
  const command = `printf '["%01000000d"]' 0`;
  const ids: string[] = [];
  for (let i = 0; i < 10; i++) ids.unshift((await s.run(shell(command, { output: { parse: 'json' } }))).id);
  const seen: string[] = [];
  const lengths: number[] = [];
  for (let cursor: string | null = null; ;) {
    const query: string = cursor === null ? '' : `&cursor=${cursor}`;
    const { body } = await s.call<{ items: ExecutionWire[]; next_cursor: string | null }>(
      'GET',
      `/v1/executions?limit=1000${query}`,
    );
    seen.push(...body.items.map(({ id }) => id));
    lengths.push(body.items.length);
    cursor = body.next_cursor;
    if (cursor === null) break;
  }
  t.same(seen, ids);
  t.same(lengths, [8, 2]);
});
