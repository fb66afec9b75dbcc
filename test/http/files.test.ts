import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { rawRequest, service, type Service, sharedService, shell } from '../helpers/build.ts';
import { until } from '../helpers/processes.ts';
import { isOnPostgres } from '../helpers/store-of.ts';
import { tempDir } from '../helpers/temp.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const BYTES = { 'content-type': 'application/octet-stream' };
interface Upload {
  id: string;
  received: number;
  complete: boolean;
  digest: string | null;
}

/** With PostgreSQL they are in the database, where test/postgres looks for them. */
const isOnDisk = !isOnPostgres;

/** Blobs that lie in the data directory. */
function blobs(dataDir: string): string[] {
  const dir = join(dataDir, 'files');
  return readdirSync(dir)
    .filter((name) => name.length === 2)
    .flatMap((name) => readdirSync(join(dir, name)));
}

const HOSTS = { native: {}, node: { EXECUTION_RUNNER_HOST: 'node' } };
for (const [host, env] of Object.entries(HOSTS)) {
  t.test(`files go in and artifacts come out: ${host} host`, async (t) => {
    const s = await sharedService(t, env);
    const { body: upload } = await s.call<Upload>(
      'POST',
      `/v1/uploads?sha256=${sha256('sent')}`,
      'sent',
      BYTES,
    );
    t.match(upload, { complete: true, digest: sha256('sent'), received: 4 });
    const made = await s.run(
      shell(
        'cat a/b.txt sent >out.txt; ./run.sh; mkdir dist; echo x >dist/x.tgz; ln -s /etc/passwd dist/link; echo lost >forgotten; exit 3',
        {
          files: [
            { path: 'a/b.txt', content: 'text\n' },
            { path: 'bin', base64: 'AAECAw==' },
            { path: 'run.sh', content: '#!/bin/sh\necho ran >ran.log\n', mode: '0755' },
            { path: 'sent', upload: upload.id },
          ],
          artifacts: ['out.txt', 'dist', '*.log', 'missing/*'],
        },
      ),
    );
    t.match(made, { status: 'failed', outcome: { exit_code: 3 } }, 'they are collected after a failure, too');
    const { artifacts } = made.outcome as unknown as {
      artifacts: { items: { path: string }[]; problems: object[]; left: object };
    };
    t.match(artifacts.items, [
      { path: 'out.txt', size: 9, digest: sha256('text\nsent'), media_type: 'text/plain' },
      { path: 'ran.log', size: 4 },
      { path: 'dist/x.tgz', size: 2, media_type: 'application/gzip' },
    ]);
    t.match(artifacts.problems, [
      { path: 'dist/link', reason: 'it is not a plain file' },
      { path: 'missing/*', reason: 'nothing matches it' },
    ]);
    t.match(artifacts.left, { count: 1, bytes: 5, paths: ['forgotten'] });
    t.match(made.warnings, [{ code: 'artifacts_missing' }, { code: 'files_left', message: /forgotten/ }]);
    const path = `/v1/executions/${made.id}/artifacts`;
    t.match((await s.call('GET', path)).body, { count: 3, bytes: 15 });
    const one = await rawRequest(s.url, { path: `${path}/out.txt` });
    t.match(one, {
      status: 200,
      headers: {
        etag: `"${sha256('text\nsent')}"`,
        'content-disposition': /^attachment; filename="out.txt"/,
      },
    });
    t.equal(one.body.toString(), 'text\nsent');
    const part = await rawRequest(s.url, { path: `${path}/out.txt`, headers: { range: 'bytes=2-5' } });
    t.match(part, { status: 206, headers: { 'content-range': 'bytes 2-5/9', 'content-length': '4' } });
    t.equal(part.body.toString(), 'xt\ns');
    const same = await rawRequest(s.url, {
      path: `${path}/out.txt`,
      headers: { 'if-none-match': one.headers.etag ?? '' },
    });
    t.equal(same.status, 304);
    t.equal((await s.call('GET', `${path}/dist/link`)).status, 404);
    t.equal((await s.call('GET', `${path}/..%2f..%2fetc/passwd`)).status, 404);
    const { body: packed } = await rawRequest(s.url, { path: `${path}.tar.gz` });
    const dir = tempDir(t);
    writeFileSync(join(dir, 'all.tar.gz'), packed);
    const unpacked = spawnSync('tar', ['-xvzf', 'all.tar.gz'], { cwd: dir, encoding: 'utf8' });
    t.match(unpacked, { status: 0, stdout: 'dist/x.tgz\nout.txt\nran.log\n' });
    const next = await s.run(
      shell('cat was', { files: [{ path: 'was', artifact: { execution: made.id, path: 'out.txt' } }] }),
    );
    t.match(next.result, { stdout: 'text\nsent' }, 'an artifact is a file of another one');
    const keyed = shell('cat sent', { files: [{ path: 'sent', upload: upload.id }] });
    const key = { 'idempotency-key': `files-${host}` };
    const first = await s.submit(keyed, key);
    await s.call('DELETE', `/v1/uploads/${upload.id}`);
    t.equal((await s.submit(keyed, key)).id, first.id, 'a repeat does not need the upload any more');
    t.equal((await s.call('POST', '/v1/executions', keyed)).status, 404, 'a new request does');
    await s.finished(first.id);
    const again = await s.call<ExecutionWire>('POST', `/v1/executions/${made.id}/rerun`);
    t.match(
      await s.finished(again.body.id),
      { outcome: { exit_code: 3, artifacts: { count: 3 } } },
      'its inputs are kept',
    );
    const { outcome } = await s.run(
      shell('echo begun >log; sleep 60', { artifacts: ['log'], timeouts: { attempt_ms: 400 } }),
    );
    t.match(outcome, { cause: 'attempt_timeout', artifacts: { count: 1 } });
  });
}

t.test('an upload continues where it broke off, and its digest is checked', async (t) => {
  const s = await sharedService(t);
  const { body: upload, headers } = await s.call<Upload>(
    'POST',
    `/v1/uploads?size=6&sha256=${sha256('abcdef')}`,
  );
  t.equal(headers.get('location'), `/v1/uploads/${upload.id}`);
  const path = `/v1/uploads/${upload.id}`;
  t.match((await s.call('PATCH', `${path}?offset=0`, 'abcd', BYTES)).body, { received: 4, complete: false });
  t.match(await s.call('PATCH', `${path}?offset=5`, 'f', BYTES), {
    status: 409,
    body: { type: 'urn:execd:error:upload_offset', detail: /Continue at offset 4/ },
  });
  const early = await s.call(
    'POST',
    '/v1/executions',
    shell('true', { files: [{ path: 'f', upload: upload.id }] }),
  );
  t.match(early, { status: 409, body: { type: 'urn:execd:error:upload_incomplete' } });
  t.match((await s.call('PATCH', `${path}?offset=3`, 'def', BYTES)).body, {
    received: 6,
    complete: true,
    digest: sha256('abcdef'),
  });
  t.match((await s.call('PATCH', `${path}?offset=6`, '', BYTES)).status, 200, 'a repeat is harmless');
  t.equal((await s.call('PATCH', `${path}?offset=2`, 'x', BYTES)).status, 409);
  t.equal((await s.call('POST', '/v1/uploads', { a: 1 })).status, 415, 'bytes have no schema');
  const wrong = await s.call('POST', `/v1/uploads?sha256=${sha256('other')}`, 'abc', BYTES);
  t.match(wrong, { status: 422, body: { type: 'urn:execd:error:digest_mismatch' } });
  const form = new FormData();
  form.set('file', new Blob(['in a form']), 'name.txt');
  const posted = await fetch(`${s.url}/v1/uploads`, { method: 'POST', body: form });
  t.match(await posted.json(), { complete: true, size: 9, digest: sha256('in a form') });
});

t.test('files count by their bytes in the cache, wherever they come from', async (t) => {
  const s = await sharedService(t);
  const run = (file: object) =>
    s.run(shell('cat in', { files: [{ path: 'in', ...file }], cache: { salt: 'of files' } }));
  const uploads = await Promise.all(
    ['same', 'same', 'other'].map((text) => s.call<Upload>('POST', '/v1/uploads', text, BYTES)),
  );
  const [one, same, other] = uploads.map(({ body }) => ({ upload: body.id }));
  t.match((await run(one ?? {})).cache, { status: 'stored' });
  for (const file of [same, { content: 'same' }, { base64: 'c2FtZQ==', mode: '644' }])
    t.match(await run(file ?? {}), { cache: { status: 'hit' }, result: { stdout: 'same' } });
  for (const file of [other, { content: 'same', mode: '0755' }])
    t.match((await run(file ?? {})).cache, { status: 'stored' });
  const { body: hit } = await s.call<ExecutionWire>(
    'POST',
    '/v1/executions/dry-run',
    shell('cat in', { files: [{ path: 'in', ...same }], cache: { salt: 'of files' } }),
  );
  t.match(hit, { begins: 'hit' }, 'a dry run knows of it');
  await s.run(shell('true', { artifacts: ['a'], cache: { mode: 'bypass' } }));
});

t.test('an artifact of a step is a file of the next step', async (t) => {
  const s = await sharedService(t);
  const artifact = { execution: '${steps.build.execution_id}', path: 'dist.tgz' };
  const short = '${steps.build.artifacts["dist.tgz"]}';
  const missing = '${steps.build.artifacts["no.tgz"]}';
  const { body: plan } = await s.call<{ id: string }>('POST', '/v1/plans', {
    strategy: { type: 'serial' },
    steps: [
      { name: 'build', ...shell('echo built >dist.tgz', { artifacts: ['*.tgz'] }) },
      {
        name: 'test',
        ...shell('cat in.tgz again.tgz', {
          files: [
            { path: 'in.tgz', artifact },
            { path: 'again.tgz', artifact: short },
          ],
        }),
      },
      { name: 'none', ...shell('true', { files: [{ path: 'in', artifact: missing }] }) },
    ],
  });
  await until('the plan has ended', async () => {
    const { body } = await s.call<{ status: string }>('GET', `/v1/plans/${plan.id}`);
    return body.status !== 'running' && body.status !== 'pending';
  });
  const { body: ended } = await s.call<{ steps: { execution_id: string }[] }>('GET', `/v1/plans/${plan.id}`);
  t.match(await s.finished(ended.steps[1]?.execution_id ?? ''), { result: { stdout: 'built\nbuilt\n' } });
  t.match(ended.steps[2], { status: 'failed', error: { type: 'reference_unresolved', message: /no\.tgz/ } });
});

t.test('paths that lead elsewhere, and files without one source, are refused', async (t) => {
  const s = await sharedService(t);
  const content = 'x';
  const cases: [object, string][] = [
    [{ files: [{ path: '../x', content }] }, '/files/0/path'],
    [{ files: [{ path: '/etc/x', content }] }, '/files/0/path'],
    [{ files: [{ path: 'a//b', content }] }, '/files/0/path'],
    [
      {
        files: [
          { path: 'a', content },
          { path: 'a/b', content },
        ],
      },
      '/files',
    ],
    [{ files: [{ path: 'a', content, base64: 'AA==' }] }, '/files/0'],
    [{ files: [{ path: 'a' }] }, '/files/0'],
    [{ files: [{ path: 'a', content, mode: '4755' }] }, '/files/0/mode'],
    [{ artifacts: ['../*'] }, '/artifacts/0'],
    [{ artifacts: ['a'], cache: {} }, '/artifacts'],
  ];
  for (const [more, field] of cases) {
    const { status, body } = await s.call('POST', '/v1/executions', shell('true', more));
    t.match({ status, body }, { status: 400, body: { errors: [{ field }] } }, JSON.stringify(more));
  }
  const none = shell('true', { files: [{ path: 'a', upload: '01900000-0000-7000-8000-000000000000' }] });
  t.match(await s.call('POST', '/v1/executions', none), {
    status: 404,
    body: { type: 'urn:execd:error:upload_not_found' },
  });
});

t.test('bounds are per user and in sum; bytes go with their last owner, also across a restart', async (t) => {
  const env = {
    ...{
      EXECUTION_DATA_DIR: tempDir(t),
      EXECUTION_USER_FILE_BYTES: '1000',
      EXECUTION_MAX_FILE_BYTES: '1500',
    },
    ...{ EXECUTION_MAX_ARTIFACTS: '3', EXECUTION_DRAIN_SECS: '0' },
  };
  let s: Service = await service(t, env);
  const big = await s.run(
    shell('truncate -s 100G sparse; head -c 600 /dev/zero >some; mkfifo pipe; echo a >a', {
      artifacts: ['*'],
    }),
  );
  t.match(big.outcome, {
    artifacts: {
      count: 2,
      problems: [
        { path: 'pipe', reason: 'it is not a plain file' },
        { path: 'sparse', reason: /^it has 107374182400 bytes/ },
      ],
    },
  });
  const full = await s.call('POST', '/v1/uploads', 'x'.repeat(500), BYTES);
  t.match(full, {
    status: 429,
    body: { type: 'urn:execd:error:file_quota_exceeded', detail: /EXECUTION_USER_FILE_BYTES/ },
  });
  const other = await s.call<Upload>('POST', '/v1/uploads', 'y'.repeat(300), {
    ...BYTES,
    'execution-user': 'bob',
  });
  t.equal(other.status, 201);
  t.equal(
    (await s.call('POST', '/v1/uploads?size=700', undefined, { 'execution-user': 'bob' })).status,
    429,
    'the sum',
  );
  const both = await Promise.all(
    ['v', 'w'].map((one) =>
      s.call<Upload>('POST', '/v1/uploads', one.repeat(300), { ...BYTES, 'execution-user': 'bob' }),
    ),
  );
  t.same(
    both.map(({ status }) => status).toSorted((a, b) => a - b),
    [201, 429],
    'two at once do not pass it together',
  );
  const last = both.find(({ status }) => status === 201)?.body.id ?? '';
  t.equal(
    (await s.call('DELETE', `/v1/uploads/${last}`, undefined, { 'execution-user': 'bob' })).status,
    204,
  );
  const many = await s.run(shell('touch 1 2 3 4 5', { artifacts: ['*'] }));
  t.match(many.outcome, {
    artifacts: { count: 3, problems: [{ reason: 'there are more than 3 artifacts' }] },
  });
  if (isOnDisk) t.equal(blobs(env.EXECUTION_DATA_DIR).length, 4, 'empty files are one blob');
  t.equal((await s.call('DELETE', `/v1/executions/${big.id}`)).status, 204);
  if (isOnDisk) await until('its bytes are gone', () => blobs(env.EXECUTION_DATA_DIR).length === 2);
  await s.stop();
  // What a crash leaves: bytes whose owner was not stored.
  mkdirSync(join(env.EXECUTION_DATA_DIR, 'files', 'ab'), { recursive: true });
  writeFileSync(join(env.EXECUTION_DATA_DIR, 'files', 'ab', 'ab'.repeat(32)), 'orphan');
  s = await service(t, env);
  t.notOk(existsSync(join(env.EXECUTION_DATA_DIR, 'files', 'ab', 'ab'.repeat(32))));
  t.match((await s.call('GET', `/v1/executions/${many.id}/artifacts`)).body, { count: 3 });
  t.equal((await s.call('GET', `/v1/uploads/${other.body.id}`)).status, 404, 'of another user');
});
