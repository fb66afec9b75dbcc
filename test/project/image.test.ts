// The Dockerfile is held against the manifests, the settings and the project.
import { existsSync, readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import t from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { isLoopback } from '../../src/config/settings.ts';
import { Manifests, type Workload } from '../helpers/manifests.ts';

const read = (file: string): string => readFileSync(file, 'utf8');
const single = new Manifests('single');
const server = single.one<Workload>('StatefulSet');
const pod = server.spec.template.spec;
const environment = single.environment(server, 'execd-0', {});
const config = loadConfig(environment);

/** The instructions of the Dockerfile, each in one line, comments left out. */
const instructions = read('Dockerfile')
  .replace(/^\s*#.*\n/gm, '')
  .replace(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '');
const last = (name: string) =>
  instructions.findLast((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
const envOf = (name: string) =>
  instructions.find((line) => line.startsWith(`ENV ${name}=`))?.slice(`ENV ${name}=`.length);

t.test('the image runs as the user of the manifests', async (t) => {
  const { runAsUser, runAsGroup, fsGroup } = pod.securityContext;
  const users = instructions.filter((line) => line.startsWith('USER '));
  t.equal(last('USER'), `${runAsUser}:${runAsGroup}`);
  t.equal(fsGroup, runAsGroup);
  t.ok(
    users.every((line) => /^USER \d+:\d+$/.test(line)),
    'a name is not known to be another than root',
  );
});

t.test('the image and the manifests agree on directory and port', async (t) => {
  const env = Object.fromEntries(
    ['EXECUTION_HOST', 'EXECUTION_PORT', 'EXECUTION_DATA_DIR'].map((name) => [name, envOf(name)]),
  );
  t.match(environment, env);
  t.notOk(isLoopback(env.EXECUTION_HOST ?? ''), 'without keys it does not start');
  t.same(JSON.parse(last('VOLUME') ?? ''), [config.EXECUTION_DATA_DIR]);
  t.equal(last('EXPOSE'), String(config.EXECUTION_PORT));
});

t.test('the image starts the service under an init, and asks it for its health', async (t) => {
  t.same(JSON.parse(last('ENTRYPOINT') ?? ''), ['/usr/bin/tini', '--']);
  t.same(JSON.parse(last('CMD') ?? ''), [
    ...['node', '--disable-sigusr1', '--enable-source-maps', 'dist/bin/server.js'],
  ]);
  t.equal(last('STOPSIGNAL'), 'SIGTERM');
  t.match(last('HEALTHCHECK'), /\/livez/);
});

t.test('the image is built of the Node that the project asks for, one argument a line', async (t) => {
  const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
  const [oldest] = /\d+/.exec(engines.node) ?? [];
  const images = instructions.filter((line) => line.startsWith('ARG NODE_IMAGE='));
  t.match(images, [new RegExp(`/node:${oldest}-trixie-slim$`)]);
  for (const line of instructions.filter((line) => line.startsWith('ARG '))) t.match(line, /^ARG \S+$/);
});

t.test('the build sees what it copies and nothing else', async (t) => {
  const [first, ...seen] = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  t.equal(first, '*');
  const copied = instructions
    .filter((line) => line.startsWith('COPY ') && !line.startsWith('COPY --from'))
    .flatMap((line) => line.split(' ').slice(1, -1));
  t.same(seen.map((line) => line.slice(1)).sort(), [...new Set(copied)].sort());
  t.ok(seen.every((line) => line.startsWith('!') && existsSync(line.slice(1))));
});

t.test('the bill of materials has every package that is shipped', async (t) => {
  const made = spawnSync(process.execPath, ['scripts/sbom.ts', '--omit', 'optional'], { encoding: 'utf8' });
  const { components } = JSON.parse(made.stdout) as { components: { name: string; version: string }[] };
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { version: string; dev?: boolean; optional?: boolean }>;
  };
  const shipped = Object.entries(packages)
    .filter(([path, { dev, optional }]) => path !== '' && dev !== true && optional !== true)
    .map(([path, { version }]) => `${path.split('node_modules/').at(-1)}@${version}`);
  const listed = components.map(({ name, version }) => `${name}@${version}`);
  t.same(
    shipped.filter((one) => !listed.includes(one)),
    [],
  );
});
