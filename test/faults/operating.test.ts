// The list of faults, as far as it is about starting, stopping and settings: each test is named as its case.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { service } from '../helpers/build.ts';
import { bearer, keysFile, keysText } from '../helpers/keys.ts';
import { until } from '../helpers/processes.ts';
import { server, start } from '../helpers/server-process.ts';
import { tempDir } from '../helpers/temp.ts';

/** A start that is refused, in this process: life.test.ts shows how that ends a process. */
const refusal = (t: Test, env: Record<string, string>, message: RegExp) =>
  t.rejects(service(t, env), { name: 'ConfigError', message });

/** Starts a server that is not to start; answers its exit code and what it said. */
async function refused(t: Test, env: Record<string, string>): Promise<{ code: number | null; said: string }> {
  const started = start(t, { EXECUTION_PORT: '0', EXECUTION_DATA_DIR: join(tempDir(t), 'data'), ...env });
  await until('it has ended', () => started.exit !== null);
  return { code: started.exit?.code ?? null, said: started.said.err };
}

const isRoot = process.getuid?.() === 0;
const beyondLoopback = (t: Test) => ({
  EXECUTION_HOST: '0.0.0.0',
  EXECUTION_API_KEYS_FILE: keysFile(t, { ann: {} }),
});

t.test('second SIGTERM / SIGINT, SIGHUP, SIGPIPE on stdout closed', async (t) => {
  const dir = tempDir(t);
  const policy = join(dir, 'policy.yaml');
  writeFileSync(policy, 'users: { local: { may_run: any } }');
  const s = await server(t, { EXECUTION_DATA_DIR: join(dir, 'data'), EXECUTION_POLICY_FILE: policy });
  if (isRoot) t.match(s.output(), /"level":40[^\n]*Running as root/);
  const running = await s.submit({ kind: 'shell', command: 'sleep 60' });
  writeFileSync(policy, 'users: {}');
  s.signal('SIGHUP');
  await until('the policy is read again', async () => {
    const { status } = await s.post('/v1/executions', { kind: 'shell', command: 'true' });
    return status === 403;
  });
  writeFileSync(policy, 'nonsense: 1');
  s.signal('SIGHUP');
  await until('it says that nothing has changed', () => s.output().includes('nothing was changed'));
  s.signal('SIGUSR1');
  await until('it opens no debugger', () => s.output().includes('SIGUSR1 is ignored'));
  s.closeOutput();
  s.signal('SIGHUP');
  t.match(await s.get(`/v1/executions/${running.id}`), { status: 'running' });
  s.signal('SIGTERM');
  s.signal('SIGINT');
  const { code } = await s.ended();
  t.ok(code === 130 || code === 143, `${code}`);
});

t.test('bind 0.0.0.0 without any key configured', async (t) => {
  const { code, said } = await refused(t, { EXECUTION_HOST: '0.0.0.0', EXECUTION_ALLOW_ROOT: 'true' });
  t.equal(code, 78);
  t.match(said, /EXECUTION_HOST: 0\.0\.0\.0 is not a loopback address, and there are no API keys/);
});

t.test('weak/default/example key, key shorter than 32 bytes, world-readable key file', async (t) => {
  const file = join(tempDir(t), 'keys.json');
  const withFile = { EXECUTION_API_KEYS_FILE: file };
  writeFileSync(file, keysText({ ann: {} }));
  chmodSync(file, 0o644);
  await refusal(t, withFile, /can be used by every user of this machine: chmod o=/);
  chmodSync(file, 0o600);
  writeFileSync(file, keysText({ ann: {} }).replace(/"sha256":"[^"]*"/, `"sha256":"${'0'.repeat(64)}"`));
  await refusal(t, withFile, /must be replaced by the SHA-256 of a key/);
  writeFileSync(file, '{"keys": []}');
  await refusal(t, withFile, /must have at least one key/);
  // A short secret has not the form of a key, whatever hash stands in the file; and nothing that is shipped is one.
  for (const shipped of [
    ...globSync('docs/**/*.md'),
    'README.md',
    '.env.example',
    ...globSync('k8s/**/*.yaml'),
  ])
    t.notMatch(readFileSync(shipped, 'utf8'), /ek_[A-Za-z0-9-]+_[A-Za-z0-9_-]{32}/, shipped);
});

t.test('running as root with isolation none', { skip: !isRoot && 'needs root' }, async (t) => {
  t.match(await refused(t, beyondLoopback(t)), {
    code: 78,
    said: /execd runs as root: every command would run as root/,
  });
});

t.test('unknown config key, bad type, unreadable file', async (t) => {
  const wrong = {
    EXECUTION_POLICY: '/x',
    EXECUTION_MAX_CONNECTIONS: 'many',
    EXECUTION_TRUST_PROXY: 'proxy.local',
  };
  for (const name of Object.keys(wrong)) await refusal(t, wrong, new RegExp(`${name}: `));
  for (const name of [
    'EXECUTION_POLICY_FILE',
    'EXECUTION_SECRETS_FILE',
    'EXECUTION_API_KEYS_FILE',
    'EXECUTION_OIDC_JWKS',
  ]) {
    const more = name.includes('OIDC')
      ? { EXECUTION_OIDC_ISSUER: 'https://a.test', EXECUTION_OIDC_AUDIENCE: 'a' }
      : {};
    await refusal(t, { [name]: '/no/such/file', ...more }, new RegExp(`${name}: .*/no/such/file`));
  }
});

t.test('what was answered stands in the audit log, although the server was killed', async (t) => {
  const dataDir = join(tempDir(t), 'data');
  const env = { ...beyondLoopback(t), EXECUTION_ALLOW_ROOT: 'true' };
  const s = await server(t, { EXECUTION_DATA_DIR: dataDir, ...env });
  t.notMatch(s.output(), /Running as root/, 'that is allowed');
  const ids = await Promise.all(
    Array.from(
      { length: 50 },
      async () => (await s.submit({ kind: 'exec', program: 'true' }, bearer('ann'))).id,
    ),
  );
  s.signal('SIGKILL');
  await s.ended();
  const text = globSync(`${dataDir}/audit/*.jsonl`)
    .map((file) => readFileSync(file, 'utf8'))
    .join('');
  for (const id of ids) t.ok(text.includes(id));
});

t.test('dependency and secret scan of the image, SBOM, read-only rootfs, non-root', async (t) => {
  // Held against each other in test/project/k8s.test.ts, and run so by scripts/image.ts; here what must not creep in.
  const dockerfile = readFileSync('Dockerfile', 'utf8');
  t.match(dockerfile, /^USER 10001:10001$/m);
  t.notMatch(dockerfile, /^(ENV|ARG) .*(KEY|SECRET|TOKEN|PASSWORD)/m);
  t.notMatch(dockerfile, /^COPY .*(\.env(?!\.example)|keys|secret)/m);
  t.match(readFileSync('scripts/image/service.ts', 'utf8'), /--read-only/);
});
