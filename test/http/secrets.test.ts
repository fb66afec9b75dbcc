import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { redactValue } from '../../src/domain/spec/secrets.ts';
import { Redactor, textRedactor } from '../../src/journal/redactor.ts';
import { formsOf } from '../../src/operator-files/secret-forms.ts';
import { service, type SharedService, shell } from '../helpers/build.ts';
import { bearer } from '../helpers/keys.ts';
import { ownUser } from '../helpers/own-user.ts';
import { type Lifetime, ofFile } from '../helpers/scope.ts';
import { pathsBelow, readIfThere, tempDir } from '../helpers/temp.ts';

const CANARY = 'cánary/7f3a"91+c0 de=';

function secretsFile(t: Test, secrets: Record<string, object>, mode = 0o600): string {
  const file = join(tempDir(t), 'secrets.json');
  writeFileSync(file, JSON.stringify({ secrets }));
  chmodSync(file, mode);
  return file;
}

function valueFile(t: Test, value: string, mode = 0o600): string {
  const file = join(tempDir(t), 'value');
  writeFileSync(file, value);
  chmodSync(file, mode);
  return file;
}

/** Every file below a directory, whole. */
function allFiles(dir: string): Buffer {
  return Buffer.concat(pathsBelow(dir).map((path) => readIfThere(join(dir, path)) ?? Buffer.alloc(0)));
}

const files = new WeakMap<Lifetime, string>();

/** A service that tests share, whose file now has these secrets. */
async function givenSecrets(
  t: Test,
  secrets: Record<string, object>,
  operations: object = {},
): Promise<SharedService & { secrets: string }> {
  const ofTests = ofFile();
  const dir = files.get(ofTests) ?? tempDir(ofTests);
  files.set(ofTests, dir);
  const paths = { secrets: join(dir, 'secrets.json'), operations: join(dir, 'operations.json') };
  writeFileSync(paths.secrets, JSON.stringify({ secrets }), { mode: 0o600 });
  writeFileSync(paths.operations, JSON.stringify({ operations }), { mode: 0o600 });
  const env = {
    ...{ EXECUTION_SECRETS_FILE: paths.secrets, EXECUTION_OPERATIONS_FILE: paths.operations },
    ...{ EXECUTION_EGRESS_ALLOW: '127.0.0.1', EXECUTION_MAX_CONCURRENT: '1' },
    ...{ EXECUTION_RETENTION_SECS: '0', EXECUTION_LOG_LEVEL: 'trace' },
  };
  const s = await ownUser(t, env, { ann: {}, bob: {} });
  const { status, text } = await s.call('POST', '/v1/admin/reload');
  if (status !== 200) throw new Error(text);
  return { ...s, secrets: paths.secrets };
}

t.test(
  "a secret's bytes are in no file, log, answer or metric, in whatever form a command prints it",
  async (t) => {
    const s = await givenSecrets(t, { canary: { file: valueFile(t, `${CANARY}\n`), users: ['ann'] } });
    const script = `
    import base64, json, os, sys, time, urllib.parse
    v = os.environ["S"]
    out = [v, base64.b64encode(v.encode()).decode(), base64.b64encode(b"x" + v.encode() + b"y").decode(),
      base64.urlsafe_b64encode(b"xy" + v.encode()).decode(), urllib.parse.quote(v), urllib.parse.quote_plus(v),
      urllib.parse.quote(v, safe=""), json.dumps(v), json.dumps(v, ensure_ascii=False),
      json.dumps(json.dumps(v)), repr(v), v.lower(), base64.encodebytes(b"x" * 50 + v.encode()).decode(),
      "".join("\\\\u%04X" % ord(c) for c in v)]
    for one in out:
      print(one)
      print(one, file=sys.stderr)
    for c in v:
      sys.stdout.write(c); sys.stdout.flush(); time.sleep(0.001)
    print()
    print(len(v.encode()))`.replaceAll('\n    ', '\n');
    const spec = {
      kind: 'exec',
      program: 'python3',
      args: ['-c', script],
      env: { S: { secret: 'canary' } },
      cache: {},
    };
    const answer = await s.call<{ id: string; result: { stdout: string; stderr: string } }>(
      'POST',
      '/v1/executions',
      spec,
      { ...bearer('ann'), prefer: 'wait=20' },
    );
    t.match(answer.body, { status: 'completed', spec: { env: { S: { secret: 'canary' } } } });
    t.match(
      answer.body.result.stdout,
      new RegExp(`\n${Buffer.byteLength(CANARY)}\n$`),
      'the command has had it whole',
    );
    const path = `/v1/executions/${answer.body.id}`;
    const seen = [answer.text];
    for (const target of [
      path,
      `${path}/result`,
      `${path}/logs`,
      `${path}/logs?format=ndjson`,
      '/metrics',
      '/v1/stats',
    ])
      seen.push((await s.call('GET', target, undefined, bearer('ann'))).text);
    seen.push(JSON.stringify(s.lines), (await s.call('GET', '/v1/cache', undefined, bearer('ann'))).text);
    const places = [Buffer.from(seen.join('\n')), allFiles(s.dataDir)];
    // Nothing of it is there to be taken out.
    const redactor = new Redactor(formsOf(Buffer.from(CANARY)));
    for (const place of places) t.ok(Buffer.concat([redactor.push(place), redactor.end()]).equals(place));
    t.match(answer.body.result.stdout, /\[redacted\]/);
    const escaping = `import json, os; e = "".join("\\\\u%04x" % ord(c) for c in os.environ["S"]); print('{"k%s": ["%s"]}' % (e, e))`;
    const parsed = await s.call<{ result: unknown }>(
      'POST',
      '/v1/executions',
      { ...spec, args: ['-c', escaping], output: { parse: 'json' } },
      { ...bearer('ann'), prefer: 'wait=20' },
    );
    t.match(parsed.body, { status: 'completed' });
    t.notMatch(parsed.text, /7f3a/i);
  },
);

t.test(
  'a secret reaches the header of an HTTP call, goes to no other server, and comes back in nothing',
  async (t) => {
    const requests: IncomingMessage['headers'][] = [];
    const listen = async (handler: Parameters<typeof createServer>[1]) => {
      const server = createServer(handler);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      t.teardown(() => server.close());
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    };
    const other = await listen((request, response) => {
      requests.push(request.headers);
      response.end('other');
    });
    const echo = await listen((request, response) => {
      requests.push(request.headers);
      if (request.url === '/away') {
        response.writeHead(302, { location: other }).end();
        return;
      }
      response.setHeader('x-echo', String(request.headers['x-token']));
      response.end(`you sent ${String(request.headers['x-token'])}`);
    });
    const file = secretsFile(t, { token: { env: 'UPSTREAM_TOKEN', users: 'any' } });
    const s = await service(
      t,
      { EXECUTION_SECRETS_FILE: file, EXECUTION_EGRESS_ALLOW: '127.0.0.1' },
      {},
      { UPSTREAM_TOKEN: 'tok-123456789' },
    );
    const call = (url: string) => ({
      kind: 'http',
      url,
      headers: { 'X-Token': { secret: 'token', prefix: 'Key ' } },
    });
    const done = await s.run(call(`${echo}/`));
    t.match(requests.pop(), { 'x-token': 'Key tok-123456789' });
    t.match(done, {
      status: 'completed',
      result: { headers: { 'x-echo': 'Key [redacted]' }, body: { text: 'you sent Key [redacted]' } },
    });
    await s.run(call(`${echo}/away`));
    t.equal(requests.pop()?.['x-token'], undefined);
    t.notOk(allFiles(s.dataDir).includes('tok-123456789'));
  },
);

t.test('who may not use a secret learns no more than that it is not there for them', async (t) => {
  const s = await givenSecrets(t, { canary: { file: valueFile(t, CANARY), users: ['ann'] } });
  const ask = (secret: string, who: string) =>
    s.call('POST', '/v1/executions', shell('true', { env: { S: { secret } } }), bearer(who));
  t.equal((await ask('canary', 'ann')).status, 202);
  const refused = await ask('canary', 'bob');
  t.match(refused, { status: 400, body: { type: 'urn:execd:error:unknown_secret' } });
  const unknown = await ask('nothing', 'bob');
  t.equal(unknown.text.replace('nothing', 'canary'), refused.text);
});

t.test('a secret stands in env and headers, and nowhere else', async (t) => {
  const s = await givenSecrets(t, {});
  const ref = { secret: 'x' };
  for (const [field, body] of [
    ['/args/0', { kind: 'exec', program: 'x', args: [ref] }],
    ['/command', { kind: 'shell', command: ref }],
    ['/stdin', { kind: 'exec', program: 'x', stdin: ref }],
    ['/url', { kind: 'http', url: ref }],
    ['/query/a', { kind: 'http', url: 'http://a.test', query: { a: ref } }],
  ] as const) {
    const answer = await s.call<{ errors: { field: string }[] }>('POST', '/v1/executions', body);
    t.equal(answer.status, 400, field);
    t.ok(
      answer.body.errors.some((one) => one.field.startsWith(field)),
      JSON.stringify(answer.body.errors),
    );
  }
});

t.test('an operation may use a secret that its callers may not', async (t) => {
  const run = { kind: 'shell', command: 'test -n "$S" && echo "$S"', env: { S: { secret: 'canary' } } };
  const canary = { file: valueFile(t, CANARY), operations: ['deploy'] };
  const s = await givenSecrets(t, { canary }, { deploy: { run }, other: { run } });
  const ask = (name: string) =>
    s.call('POST', '/v1/executions', { kind: 'operation', name }, { ...bearer('bob'), prefer: 'wait=9' });
  t.match(await ask('deploy'), { body: { status: 'completed', result: { stdout: '[redacted]\n' } } });
  t.equal((await ask('other')).status, 400);
});

t.test('another value is another result, and one that is gone is not started without', async (t) => {
  const value = valueFile(t, 'first-value');
  const s = await givenSecrets(t, { one: { file: value, users: 'any' } });
  const spec = shell('true', { env: { S: { secret: 'one' } }, cache: {} });
  t.match(await s.run(spec), { cache: { status: 'stored' } });
  t.match(await s.run(spec), { cache: { status: 'hit' } });
  writeFileSync(value, 'second-value');
  t.equal((await s.call('POST', '/v1/admin/reload')).status, 200);
  t.match(await s.run(spec), { cache: { status: 'stored' } });
  const blocker = await s.submit(shell('sleep 60'));
  const waiting = await s.submit(shell('true', { env: { S: { secret: 'one' } } }));
  writeFileSync(s.secrets, '{"secrets": {}}');
  t.equal((await s.call('POST', '/v1/admin/reload')).status, 200);
  await s.call('POST', `/v1/executions/${blocker.id}/cancel`);
  t.match(await s.finished(waiting.id), {
    status: 'failed',
    outcome: { cause: 'denied', message: /secret one/ },
  });
});

t.test('redaction can be turned off', async (t) => {
  const file = secretsFile(t, { one: { file: valueFile(t, 'plain-value'), users: 'any' } });
  const s = await service(t, { EXECUTION_SECRETS_FILE: file, EXECUTION_REDACT_SECRETS: 'false' });
  t.match(await s.run(shell('echo $S', { env: { S: { secret: 'one' } } })), {
    result: { stdout: 'plain-value\n' },
  });
});

t.test('a file of secrets that others can read, or a value that is none, stops the start', async (t) => {
  const fails = (file: string, message: RegExp) =>
    t.rejects(service(t, { EXECUTION_SECRETS_FILE: file }), { name: 'ConfigError', message });
  const good = { file: valueFile(t, CANARY), users: 'any' };
  await fails(secretsFile(t, { one: good }, 0o604), /every user of this machine/);
  await fails(
    secretsFile(t, { one: { ...good, file: valueFile(t, CANARY, 0o644) } }),
    /secrets\.one: .*every user/,
  );
  await fails(secretsFile(t, { one: { ...good, file: valueFile(t, 'short') } }), /shorter than 6 bytes/);
  await fails(secretsFile(t, { one: { env: 'NOT_THERE' } }), /the environment variable NOT_THERE is not set/);
  await fails(secretsFile(t, { one: { ...good, env: 'HOME' } }), /exactly one of file and env/);
  await fails(secretsFile(t, { '1': good }), /secrets\["1"\]: must be 1 to 100/);
});

const redactOf = (secret: string) => textRedactor(formsOf(Buffer.from(secret)));

t.test('the forms of a secret are those that common tools make of it', async (t) => {
  const redact = textRedactor(formsOf(Buffer.from(CANARY)));
  const by = (code: string) => execFileSync('python3', ['-c', code, CANARY], { encoding: 'utf8' });
  const read = 'import sys, json, base64, urllib.parse as u; v = sys.argv[1]; w = sys.stdout.write; ';
  for (const code of [
    'u.quote(v)',
    'u.quote_plus(v)',
    'json.dumps(v)[1:-1]',
    'json.dumps(json.dumps(v))[3:-3]',
  ])
    t.equal(redact(by(`${read}w(${code})`)), '[redacted]', code);
  const long = CANARY.repeat(9);
  for (const prefix of ['', 'x', 'xy']) {
    const encoded = by(`${read}w(base64.encodebytes(("${prefix}" + v * 9).encode()).decode())`);
    t.match(redactOf(long)(encoded), /^.{0,4}\[redacted\].{0,4}\n$/, encoded);
  }
  const web = 'Q"A&b\'<c>+d=e`f/';
  for (const escaped of [
    'Q\\"A\\u0026b\\u0027\\u003cc\\u003e+d\\u003de`f/',
    'Q\\u0022A\\u0026b\\u0027\\u003Cc\\u003E\\u002Bd=e\\u0060f/',
    'Q\\"A&b\'\\u003Cc\\u003E+d=e`f\\/',
    'q"a&b\'<c>+d=e`f/',
  ])
    t.equal(redactOf(web)(`{"v":"${escaped}"}`), '{"v":"[redacted]"}', escaped);
  t.same(
    redactValue({ a: ['x hidden-word y', 1, null], 'hidden-word': { b: 'z' } }, redactOf('hidden-word')),
    {
      a: ['x [redacted] y', 1, null],
      '[redacted]': { b: 'z' },
    },
  );
  const value = { a: ['x', { b: 1.5 }] };
  t.equal(redactValue(value, redactOf('hidden-word')), value, 'what holds none stays what it is');
  const pem = `-----BEGIN KEY-----\n${'A1b2'.repeat(16)}\nshort\n-----END KEY-----`;
  t.equal(
    redactOf(pem)(`${'A1b2'.repeat(16)} short -----BEGIN KEY-----`),
    '[redacted] short -----BEGIN KEY-----',
  );
});
