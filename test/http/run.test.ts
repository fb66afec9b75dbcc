import { request as httpRequest, type IncomingMessage } from 'node:http';
import { existsSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import t from 'tap';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { rawRequest, service, sharedService, shell } from '../helpers/build.ts';
import { until } from '../helpers/processes.ts';
import { tempDir } from '../helpers/temp.ts';

const JSON_BODY = { 'content-type': 'application/json' };
const run = (url: string, spec: object, headers: Record<string, string> = {}) =>
  rawRequest(url, {
    ...{ method: 'POST', path: '/v1/run', body: JSON.stringify(spec) },
    headers: { ...JSON_BODY, ...headers },
  });

/** A run whose answer is read by hand. */
async function begun(url: string, spec: object): Promise<{ response: IncomingMessage; hangUp: () => void }> {
  const request = httpRequest(`${url}/v1/run`, { method: 'POST', headers: JSON_BODY });
  request.on('error', () => undefined).end(JSON.stringify(spec));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  return { response, hangUp: () => request.destroy() };
}

t.test('the output is the answer while the command writes it; its end is in the trailers', async (t) => {
  const s = await sharedService(t);
  const go = join(tempDir(t), 'go');
  const spec = shell(
    `printf one; echo hidden >&2; until [ -e ${go} ]; do sleep 0.02; done; printf two; exit 3`,
  );
  const { response } = await begun(s.url, spec);
  t.match(response, { statusCode: 200, headers: { 'content-type': 'application/octet-stream' } });
  const id = String(response.headers['execution-id']);
  t.equal(response.headers.location, `/v1/executions/${id}`);
  const pieces = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  t.equal(String((await pieces.next()).value), 'one', 'it is there before the command ends');
  writeFileSync(go, '');
  t.equal(String((await pieces.next()).value), 'two');
  t.equal((await pieces.next()).done, true);
  t.match(response.trailers, {
    'execution-id': id,
    'execution-status': 'failed',
    'execution-cause': 'exited',
    'execution-exit-code': '3',
  });
  t.match(JSON.parse(String(response.trailers['log-end'])), {
    ...{ complete: true, exit_code: 3, cause: 'exited', stdout_bytes: 6 },
  });
  const audit = await s.call('GET', '/v1/admin/audit');
  t.match(audit.text, new RegExp(`"route":"/v1/run".*"status":200,"execution_id":"${id}"`), 'it is audited');
});

t.test('what ends before its first byte has its end in the head, and a failure has a status', async (t) => {
  const s = await sharedService(t);
  const silent = await run(s.url, shell('true'));
  t.match(silent, {
    status: 200,
    headers: {
      ...{ 'execution-status': 'completed', 'execution-exit-code': '0', 'execution-cause': 'exited' },
      'execution-id': /^[0-9a-f-]{36}$/,
      'log-end': /"complete":true/,
    },
  });
  t.equal(silent.body.length, 0);
  const failures: [object, number, string, RegExp, string?][] = [
    [shell('echo why >&2; exit 7'), 422, 'run_failed', /code 7\. The last line of stderr: why/, '7'],
    [{ kind: 'exec', program: '/nonexistent' }, 422, 'run_failed', /nonexistent/],
    [shell('sleep 60', { timeouts: { attempt_ms: 50 } }), 504, 'run_timed_out', /50 ms/],
    [{ kind: 'http', url: 'http://127.0.0.1:1/' }, 422, 'run_failed', /not allowed/],
  ];
  for (const [spec, status, type, detail, exitCode] of failures) {
    const answer = await run(s.url, spec);
    t.equal(answer.status, status, JSON.stringify(spec));
    const problem = JSON.parse(answer.body.toString()) as { type: string; detail: string };
    t.equal(problem.type, `urn:execd:error:${type}`);
    t.match(problem.detail, detail);
    t.match(answer.headers, { 'execution-id': /^[0-9a-f-]{36}$/, 'execution-cause': /^[a-z_]+$/ });
    t.equal(answer.headers['execution-exit-code'], exitCode);
  }
  const refused = await run(s.url, { ...shell('true'), on_disconnect: 'ask' });
  t.match(JSON.parse(refused.body.toString()), { status: 400, errors: [{ field: '/on_disconnect' }] });
});

t.test('a client that hangs up cancels the run, or lets it go on', async (t) => {
  const s = await sharedService(t);
  const dir = tempDir(t);
  const spec = (name: string) => shell(`printf go; until [ -e ${dir}/${name} ]; do sleep 0.02; done`);
  const cancelling = await begun(s.url, { ...spec('never'), on_disconnect: 'cancel' });
  const cancelled = String(cancelling.response.headers['execution-id']);
  cancelling.hangUp();
  t.match(await s.finished(cancelled), {
    status: 'cancelled',
    cancel: { reason: 'The client disconnected (on_disconnect: cancel).' },
  });
  const leaving = await begun(s.url, spec('end'));
  const left = String(leaving.response.headers['execution-id']);
  leaving.hangUp();
  writeFileSync(join(dir, 'end'), '');
  t.match(await s.finished(left), { status: 'completed' });
  // Before the first byte there is no answer to take the id from.
  const silent = httpRequest(`${s.url}/v1/run`, { method: 'POST', headers: JSON_BODY });
  const started = join(dir, 'started');
  const body = { ...shell(`touch ${started}; sleep 60`), task_id: 'silent', on_disconnect: 'cancel' };
  silent.on('error', () => undefined).end(JSON.stringify(body));
  await until('it runs', () => existsSync(started));
  silent.destroy();
  await until('it is cancelled', async () => {
    const { body } = await s.call<{ items: ExecutionWire[] }>('GET', '/v1/executions?task_id=silent');
    return body.items[0]?.status === 'cancelled';
  });
});

t.test('a repeated key and a kept result stream the same output again', async (t) => {
  const s = await sharedService(t);
  const key = { 'idempotency-key': 'run-1' };
  const first = await run(s.url, shell('date +%N'), key);
  const again = await run(s.url, shell('date +%N'), key);
  t.match(again, { status: 200, headers: { 'idempotency-replayed': 'true' } });
  t.equal(again.headers['execution-id'], first.headers['execution-id']);
  t.ok(again.body.equals(first.body));
  const cached = shell('date +%N', { cache: { ttl_s: 60 } });
  t.ok((await run(s.url, cached)).body.equals((await run(s.url, cached)).body));
});

t.test('a start cancels runs that nobody reads any more, and leaves the others', async (t) => {
  const env = { EXECUTION_DATA_DIR: tempDir(t), EXECUTION_MAX_CONCURRENT: '1', EXECUTION_DRAIN_SECS: '0' };
  const first = await service(t, env);
  await first.submit(shell('sleep 60'));
  for (const on_disconnect of ['cancel', 'continue']) {
    const request = httpRequest(`${first.url}/v1/run`, { method: 'POST', headers: JSON_BODY });
    request.on('error', () => undefined);
    request.end(JSON.stringify({ ...shell('echo ran'), task_id: on_disconnect, on_disconnect }));
  }
  await until('both wait', async () => {
    const { body } = await first.call<{ items: object[] }>('GET', '/v1/executions?phase=queued');
    return body.items.length === 2;
  });
  await first.stop();
  const second = await service(t, env);
  for (const [task, status] of [
    ['cancel', 'cancelled'],
    ['continue', 'completed'],
  ]) {
    const { body } = await second.call<{ items: ExecutionWire[] }>('GET', `/v1/executions?task_id=${task}`);
    t.equal((await second.finished(body.items[0]?.id ?? '')).status, status, String(task));
  }
});
