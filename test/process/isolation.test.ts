// Isolation tiers behind the server as it is shipped: chosen, tried at the start, shown, and never weaker than was asked for.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import t, { type Test } from 'tap';
import { ConfigError, loadConfig } from '../../src/config/load.ts';
import { hiddenPlaces } from '../../src/app/isolation.ts';
import { service } from '../helpers/build.ts';
import { until } from '../helpers/processes.ts';
import { server, type ServerProcess } from '../helpers/server-process.ts';
import { BWRAP, dirOutsideTmp, whyNot } from '../helpers/tiers.ts';
import { tempDir } from '../helpers/temp.ts';

const SECRET = 'hunter2-of-the-server';
/** A range of users for each server: what runs as one of them is killed. */
let ranges = 0;
function uids(): string {
  ranges += 1;
  const first = 1_000_000_000 + (process.pid % 10_000) * 100_000 + ranges * 100;
  return `${first}-${first + 99}`;
}

function skipUnless(...tiers: string[]): { skip?: string } {
  const problem = tiers.map(whyNot).find((one) => one !== null);
  return typeof problem === 'string' ? { skip: problem } : {};
}

async function isolated(t: Test, env: Record<string, string>): Promise<ServerProcess & { dataDir: string }> {
  const dataDir = join(dirOutsideTmp(t), 'data');
  const secret = join(dataDir, '../secret');
  writeFileSync(secret, `${SECRET}\n`, { mode: 0o600 });
  writeFileSync(join(dataDir, '../package.json'), '{"type":"module"}');
  const it = await server(t, { EXECUTION_DATA_DIR: dataDir, EXECUTION_SANDBOX_HIDE: secret, ...env });
  return { ...it, dataDir };
}

/** What a start says that is refused: its process ends with it, as test/process/life.test.ts shows. */
async function refused(t: Test, env: Record<string, string>): Promise<string> {
  const error: unknown = await service(t, env).catch((error: unknown) => error);
  if (!(error instanceof ConfigError)) throw new TypeError('it was not refused', { cause: error });
  return `execd: ${error.message}\n`;
}

const stdout = async (it: ServerProcess, spec: object) => {
  const done = await it.finished((await it.submit(spec)).id);
  return { ...done, text: (done.result as { stdout: string } | null)?.stdout ?? '' };
};

const tiers: [string, Record<string, string>][] = [
  ['uid', { EXECUTION_ISOLATION: 'uid', EXECUTION_UIDS: uids() }],
  ['sandbox', { EXECUTION_ISOLATION: 'sandbox' }],
  ['sandbox, uid', { EXECUTION_ISOLATION: 'sandbox', EXECUTION_UIDS: uids() }],
];
for (const [name, env] of tiers) {
  t.test(
    `${name}: commands reach nothing of the server, and it says how they run; write outside work dir, read other execution dirs, read server code/keys`,
    skipUnless(name),
    async (t) => {
      const it = await isolated(t, env);
      const tier = env.EXECUTION_ISOLATION as string;
      t.match(await it.get('/health'), { components: { runner_host: { isolation: { 0: tier } } } });
      t.match(await it.get('/v1/stats'), { runner_host: { isolation: { 0: tier } } });
      const { dataDir, pid } = it;
      const command = `cat ${dataDir}/* ${dataDir}/../secret /proc/${pid}/environ /etc/shadow; ls /root; ls ${dataDir}/logs; cat ${dataDir}/lock.owner;
      (: < /proc/${pid}/mem); echo x > file; cat file; pwd`;
      const done = await stdout(it, { kind: 'shell', command });
      t.match(done, { status: 'completed', isolation: tier });
      t.match(done.text, new RegExp(`^x\n${dataDir}/work/1/[^/]+\n$`));
      if (env.EXECUTION_UIDS !== undefined) t.equal(statSync(`${dataDir}/execd.db`).mode & 0o007, 0);
      const script = {
        kind: 'script',
        // The package that the data directory lies in is not that of the script.
        source: '#!/bin/sh\ncat; echo "$1"; cat "${0%/*}/package.json"; exit 3',
        args: ['arg'],
        stdin: 'in ',
      };
      t.match(await stdout(it, script), { outcome: { exit_code: 3 }, text: 'in arg\n{}\n' });

      const top = join(dataDir, '..');
      const { id } = await it.submit({ kind: 'shell', command: 'echo mine > file; echo up; exec sleep 600' });
      await until(
        'another one has a file',
        async () => (await it.get(`/v1/executions/${id}`)).output.stdout_bytes > 0,
      );
      const work = join(dataDir, 'work/1');
      const other = join(work, readdirSync(work).find((one) => one.startsWith(id)) ?? '');
      t.same(readdirSync(other), ['file']);
      const code = process.cwd();
      const places = [
        '/etc',
        '/usr/bin',
        '/',
        '/var/lib',
        top,
        dataDir,
        `${dataDir}/logs`,
        other,
        code,
        `${code}/dist`,
      ];
      const reaches = `
        for place in ${places.join(' ')}; do touch $place/.execd-test && echo "wrote in $place"; done
        for file in ${code}/dist/bin/server.js ${dataDir}/execd.db ${other}/file; do (: >> $file) && echo "wrote $file"; done
        ls ${other} && echo listed; cat ${other}/file && echo read
        cat ${top}/secret && echo secret; cat ${dataDir}/execd.db && echo store; ls ${dataDir}/logs/* && echo logs
        touch own && echo own`;
      const own = await stdout(it, { kind: 'shell', command: reaches });
      t.equal(own.text, 'own\n', 'its own directory is all that it has');
      t.same(readdirSync(other), ['file']);
      for (const place of places) t.notOk(existsSync(join(place, '.execd-test')), place);
      await it.post(`/v1/executions/${id}/cancel`);
    },
  );
}

t.test(
  'a sandbox with a network of listed hosts reaches them by the variables that programs read, and its outcome names the others',
  skipUnless('sandbox'),
  async (t) => {
    const target = createServer((_request, response) => void response.end('reached\n'));
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
    t.teardown(() => new Promise((resolve) => target.close(resolve)));
    const { port } = target.address() as AddressInfo;
    const it = await isolated(t, {
      EXECUTION_ISOLATION: 'sandbox',
      EXECUTION_SANDBOX_NETWORK: `localhost:${port}, pypi.org`,
      EXECUTION_EGRESS_ALLOW: `localhost:${port}`,
    });
    // Programs leave the proxy out for the names of NO_PROXY, of which the name of this target is one.
    const env = { NO_PROXY: '', no_proxy: '' };
    const python = `import urllib.request as u; print(u.urlopen("http://localhost:${port}/").read().decode().strip())`;
    const command = `
      curl -sS http://localhost:${port}/; curl -sSp http://localhost:${port}/
      /usr/bin/python3 -c '${python}'
      curl -sS http://other.test/; curl -sS http://127.0.0.1:${port}/ | cut -c1-60
      curl -s --noproxy '*' http://127.0.0.1:${port}/ || echo "no way"
      curl -s --noproxy '*' http://localhost:${port}/ || echo "no way"`;
    const done = await stdout(it, { kind: 'shell', command, env });
    const allowed = `localhost:${port}, pypi.org`;
    t.equal(
      done.text,
      `${'reached\n'.repeat(3)}other.test:80 is not allowed: the network of this sandbox allows ${allowed}.\n` +
        `${`127.0.0.1:${port} is not allowed: it is an address; use a name.`.slice(0, 60)}\nno way\nno way\n`,
    );
    const refused = {
      reasons: { not_listed: 1, address: 1 },
      hosts: [
        { host: 'other.test:80', reason: 'not_listed' },
        { host: `127.0.0.1:${port}`, reason: 'address' },
      ],
    };
    t.match(done.outcome, { network: { connections: 3, refused } });
    const metrics = await (await fetch(`${it.url}/metrics`)).text();
    t.match(metrics, 'execd_sandbox_network_connections_total 3\n');
    t.match(metrics, 'execd_sandbox_network_refused_total{reason="not_listed"} 1\n');
    const lines = await stdout(it, { kind: 'shell', command: 'env', network: { allow: ['pypi.org:443'] } });
    for (const name of ['HTTP_PROXY', 'https_proxy', 'ALL_PROXY'])
      t.match(lines.text, `${name}=http://127.0.0.1:3128\n`);
    t.match(lines.text, 'NODE_USE_ENV_PROXY=1\n');
    const without = await stdout(it, { kind: 'shell', command: 'env', network: false });
    t.notMatch(without.text, /proxy/i);
    const more = await it.post('/v1/executions', { kind: 'shell', command: 'env', network: true });
    t.match(
      await more.text(),
      'network: is true; the policy, or EXECUTION_SANDBOX_NETWORK, allows localhost',
    );
  },
);

/** What commands in the sandbox of a server that is root run as. */
const SANDBOX_USER = 65534;

/** bubblewrap that leaves some files uncovered. */
function leakyBwrap(dir: string, leak: string): string {
  const path = join(dir, 'bwrap');
  const script = `#!/bin/bash
args=()
while [ $# -gt 0 ]; do
  if [ "$1 $2" = '--ro-bind /dev/null' ] && [[ $3 == ${leak} ]]; then shift 3; else args+=("$1"); shift; fi
done
exec ${BWRAP} "\${args[@]}"\n`;
  writeFileSync(path, script, { mode: 0o755 });
  return path;
}

t.test(
  'no command in a sandbox reads a secret, by whatever link, nor one that a reload brings',
  skipUnless('sandbox'),
  async (t) => {
    const dir = dirOutsideTmp(t);
    chmodSync(dir, 0o755);
    const secret = (path: string) => {
      mkdirSync(join(dir, path, '..'), { recursive: true });
      writeFileSync(join(dir, path), `${SECRET} of ${path}\n`, { mode: 0o640 });
      // So that nothing but its being hidden keeps commands from it.
      if (process.getuid?.() === 0) chownSync(join(dir, path), 0, SANDBOX_USER);
      return join(dir, path);
    };
    const link = (to: string, path: string) => {
      symlinkSync(to, join(dir, path));
      return join(dir, path);
    };
    // As Kubernetes has it: the link of each file goes through another one, which is turned when the content changes.
    secret('volume/..one/password');
    link('..one', 'volume/..data');
    link('..data/password', 'volume/password');
    secret('hide/file');
    secret('plain');
    secret('later');
    secret('leaky');
    const file = secret('real-secrets.yaml');
    const secrets = (...names: string[]) => {
      const all = names.map((name, i) => `s${i}: { file: ${dir}/${name}, users: [alice] }`);
      writeFileSync(file, `secrets: { ${all.join(', ')} }\n`);
    };
    secrets('plain', 'volume/password');
    const it = await server(t, {
      EXECUTION_DATA_DIR: join(dir, 'data'),
      EXECUTION_ISOLATION: 'sandbox',
      EXECUTION_BWRAP: leakyBwrap(dir, '*/leaky'),
      EXECUTION_SECRETS_FILE: link(file, 'secrets.yaml'),
      EXECUTION_SANDBOX_HIDE: link(join(dir, 'hide'), 'hide-link'),
    });
    const seen = async () => {
      const command = `grep -rsl -- '${SECRET}' ${dir}; cat ${dir}/volume/password`;
      const { text } = await stdout(it, { kind: 'shell', command });
      return text.replaceAll(`${dir}/`, '').split('\n').filter(Boolean).sort();
    };
    t.same(await seen(), ['later', 'leaky']);
    secrets('plain', 'volume/password', 'later');
    t.equal((await it.post('/v1/admin/reload')).status, 200);
    t.same(await seen(), ['leaky']);
    secrets('leaky');
    const refusal = await it.post('/v1/admin/reload');
    t.equal(refusal.status, 422);
    t.match(await refusal.json(), { detail: /cannot hide a path.*can see .*leaky/ });
    t.same(await seen(), ['leaky'], 'nothing has changed');
    secrets('volume/password', 'later');
    t.equal((await it.post('/v1/admin/reload')).status, 200);
    t.same(await seen(), ['leaky', 'plain'], 'what is no secret any more');
    const refusedWith = (env: Record<string, string>) =>
      refused(t, { EXECUTION_DATA_DIR: join(dir, 'other'), EXECUTION_ISOLATION: 'sandbox', ...env });
    t.match(
      await refusedWith({ EXECUTION_SANDBOX_HIDE: link(join(dir, 'nowhere'), 'dangling') }),
      /tier sandbox does not work here: .*dangling cannot be hidden: a link in its path has no target/,
    );
    t.match(
      await refusedWith({ EXECUTION_BWRAP: join(dir, 'bwrap'), EXECUTION_SANDBOX_HIDE: join(dir, 'leaky') }),
      /tier sandbox does not work here: it can see .*leaky/,
    );
  },
);

t.test('every file of the operator is hidden, with the volume that Kubernetes has put it in', async (t) => {
  const dir = tempDir(t);
  mkdirSync(join(dir, 'volume/..1'), { recursive: true });
  symlinkSync('..1', join(dir, 'volume/..data'));
  const named = ['API_KEYS', 'SECRETS', 'POLICY', 'OPERATIONS', 'CREDITS', 'EVENT_WEBHOOK_SECRET', 'LOG'];
  const files = Object.fromEntries(named.map((name) => [`EXECUTION_${name}_FILE`, join(dir, name)]));
  const config = loadConfig({ ...files, EXECUTION_SANDBOX_HIDE: `${dir}/a,${dir}/b` });
  const places = hiddenPlaces(config, { data: '/data', log: '/logs' }, [`${dir}/volume/v`, '/value']);
  const others = ['a', 'b', 'volume', 'volume/v'].map((name) => join(dir, name));
  const all = ['/data', '/logs', '/value', resolve('.env'), ...Object.values(files), ...others];
  t.same(new Set(places), new Set(all));
});

t.test('a template has its commands in a sandbox while others are not', skipUnless('sandbox'), async (t) => {
  const file = join(tempDir(t), 'policy.yaml');
  const template = (more: string) => `{ program: /bin/readlink, args: any, isolation: sandbox${more} }`;
  writeFileSync(
    file,
    `templates: { closed: ${template('')} }\nusers: { local: { may_run: [{ template: closed }] } }\n`,
    { mode: 0o600 },
  );
  const it = await isolated(t, { EXECUTION_POLICY_FILE: file });
  t.match(await it.get('/health'), { components: { runner_host: { isolation: ['supervised', 'sandbox'] } } });
  const net = { kind: 'exec', program: '/bin/readlink', args: ['/proc/self/ns/net'] };
  const closed = await stdout(it, net);
  t.match(closed, { status: 'completed', isolation: 'sandbox', text: /^net:/ });
  const text = (network: boolean) =>
    `templates: { open: ${template(`, network: ${network}`)} }\nusers: { local: { may_run: [{ template: open }] } }\n`;
  writeFileSync(file, text(true));
  t.equal((await it.post('/v1/admin/reload')).status, 200);
  const open = await stdout(it, { ...net });
  t.match(open, { isolation: 'sandbox', text: /^net:/ });
  t.not(open.text, closed.text, 'the network of the machine');
  writeFileSync(file, 'users: { local: { may_run: any } }\n');
  await it.post('/v1/admin/reload');
  t.match(await stdout(it, { kind: 'shell', command: 'readlink /proc/self/ns/net' }), {
    ...{ isolation: 'supervised', text: open.text },
  });
});

t.test('a tier that was asked for and cannot be had ends the start', async (t) => {
  const EXECUTION_DATA_DIR = join(tempDir(t), 'data');
  const dir = { EXECUTION_DATA_DIR };
  t.match(
    await refused(t, { ...dir, EXECUTION_ISOLATION: 'uid' }),
    /EXECUTION_UIDS: is required by the isolation tier uid \(EXECUTION_ISOLATION\)/,
  );
  t.match(
    await refused(t, { ...dir, EXECUTION_ISOLATION: 'sandbox', EXECUTION_RUNNER_HOST: 'node' }),
    /EXECUTION_ISOLATION: the tier sandbox requires the native host/,
  );
  const few = { EXECUTION_UIDS: '20000-20001', EXECUTION_MAX_CONCURRENT: '3' };
  t.match(
    await refused(t, { ...dir, ...few }),
    /EXECUTION_UIDS: must be at least as many as EXECUTION_MAX_CONCURRENT/,
  );
});

t.test(
  'sandbox wrapper missing or not permitted (bwrap EPERM in restricted pod)',
  skipUnless('supervised'),
  async (t) => {
    const dir = tempDir(t);
    const programs = ['/bin/false', '/no/such/bwrap'];
    if (whyNot('sandbox') === null) {
      // The kernel refuses it the namespaces, as it does in a restricted pod.
      const forbidden = join(dir, 'bwrap');
      const inside = 'for n in user mnt pid; do echo 0 > /proc/sys/user/max_"$n"_namespaces; done; exec "$@"';
      const script = `#!/bin/sh\nexec unshare -Ur sh -c '${inside}' sh ${BWRAP} "$@"\n`;
      writeFileSync(forbidden, script, { mode: 0o755 });
      t.match(spawnSync(forbidden, ['--unshare-all', '--bind', '/', '/', 'true']), {
        status: 1,
        stderr: /^bwrap: .*namespace/,
      });
      programs.push(forbidden);
    }
    const data = { EXECUTION_DATA_DIR: join(dir, 'data') };
    for (const EXECUTION_BWRAP of programs)
      for (const more of [{}, { EXECUTION_ISOLATION: 'sandbox' }]) {
        const said = await refused(t, { ...data, EXECUTION_BWRAP, ...more });
        t.match(
          said,
          /^execd: EXECUTION_\w+: the isolation tier sandbox does not work here: .+\n$/,
          EXECUTION_BWRAP,
        );
      }
  },
);

t.test('users that cannot get to their private directories end the start', skipUnless('uid'), async (t) => {
  const closed = dirOutsideTmp(t);
  chmodSync(closed, 0o700);
  mkdirSync(join(closed, 'data'));
  const env = {
    EXECUTION_DATA_DIR: join(closed, 'data'),
    EXECUTION_ISOLATION: 'uid',
    EXECUTION_UIDS: uids(),
  };
  t.match(
    await refused(t, env),
    /EXECUTION_ISOLATION: the isolation tier uid does not work here: .*Permission denied/,
  );
});

t.test('a policy file that needs what is not offered ends the start', async (t) => {
  const file = join(tempDir(t), 'policy.yaml');
  writeFileSync(file, 'templates: { a: { program: /bin/true, isolation: uid } }\n', { mode: 0o600 });
  const env = {
    EXECUTION_DATA_DIR: join(tempDir(t), 'data'),
    EXECUTION_POLICY_FILE: file,
    EXECUTION_RUNNER_HOST: 'node',
  };
  t.match(await refused(t, env), /is uid; this server offers none/);
});

t.test(
  'what was accepted before a stronger default runs at it, and what is not offered any more does not run',
  skipUnless('sandbox'),
  async (t) => {
    const EXECUTION_DATA_DIR = join(dirOutsideTmp(t), 'data');
    const env = { EXECUTION_DATA_DIR, EXECUTION_MAX_CONCURRENT: '1', EXECUTION_DRAIN_SECS: '0' };
    const first = await server(t, env);
    await first.submit({ kind: 'shell', command: 'sleep 100' });
    const { id } = await first.submit({ kind: 'shell', command: 'readlink /proc/self/ns/pid; echo $PPID' });
    t.match(await first.get(`/v1/executions/${id}`), { isolation: 'supervised', phase: 'queued' });
    first.signal('SIGTERM');
    await first.ended();
    const second = await server(t, { ...env, EXECUTION_ISOLATION: 'sandbox' });
    t.match(await second.finished(id), { status: 'completed', result: { stdout: /\n1\n$/ } });
    await second.submit({ kind: 'shell', command: 'sleep 100' });
    const { id: later } = await second.submit({ kind: 'shell', command: 'echo ran' });
    t.match(await second.get(`/v1/executions/${later}`), { isolation: 'sandbox', phase: 'queued' });
    second.signal('SIGTERM');
    await second.ended();
    const third = await server(t, { ...env, EXECUTION_RUNNER_HOST: 'node' });
    t.match(await third.finished(later), {
      ...{ status: 'failed', outcome: { cause: 'spawn_failed', reason: 'isolation_unavailable' } },
    });
  },
);
