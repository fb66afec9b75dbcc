// A real project, GNU hello as Debian has its source, configured, built and tested through the API with its log followed
// live; the log must be that of the same commands run by hand, byte by byte. Needs apt and a C compiler.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { check, finish, freePort, scratch, startServer } from './support.ts';

const dir = scratch();

/** Fetches the source with apt, without touching the machine's own lists. */
async function fetchSource(): Promise<string> {
  const apt = join(dir, 'apt');
  mkdirSync(join(apt, 'lists/partial'), { recursive: true });
  const every = 'cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null';
  const sources = await execa('bash', ['-c', every], { reject: false });
  const list = sources.stdout
    .split('\n')
    .map((line) =>
      line.startsWith('deb ')
        ? line.replace(/^deb /, 'deb-src ')
        : line.replace(/^Types: deb$/, 'Types: deb-src'),
    )
    .join('\n');
  const isDeb822 = list.includes('Types:');
  writeFileSync(join(apt, isDeb822 ? 'x.sources' : 'x.list'), list);
  const options = [
    ...['-o', `Dir::Etc::sourcelist=${isDeb822 ? '/dev/null' : join(apt, 'x.list')}`],
    ...['-o', `Dir::Etc::sourceparts=${isDeb822 ? apt : '/dev/null'}`],
    ...['-o', `Dir::State::lists=${join(apt, 'lists')}`],
    ...['-o', 'APT::Sandbox::User=root', '-qq'],
  ];
  await execa('apt-get', [...options, 'update'], { cwd: dir, stdio: 'inherit' });
  await execa('apt-get', [...options, 'source', '--download-only', 'hello'], { cwd: dir, stdio: 'inherit' });
  const tarball = readdirSync(dir).find((name) => /^hello_.*\.orig\.tar\./.test(name));
  if (tarball === undefined) throw new Error('apt has brought no source of hello');
  return join(dir, tarball);
}

const source = await fetchSource();
const build = join(dir, 'build');
const unpack = async () => {
  rmSync(build, { recursive: true, force: true });
  mkdirSync(build);
  await execa('tar', ['xf', source, '-C', build, '--strip-components=1']);
};
const command =
  './configure --disable-silent-rules && make && make check && ./hello --greeting="built and tested"';
const env = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  HOME: dir,
  TMPDIR: '/tmp',
  LANG: 'C',
  FORCE_UNSAFE_CONFIGURE: '1',
};

await unpack();
const server = await startServer({ EXECUTION_DATA_DIR: join(dir, 'data'), EXECUTION_PORT: await freePort() });
const began = performance.now();
const { id } = await server.submit({ kind: 'shell', command, cwd: build, env });
let pieces = 0;
let followed = '';
const response = await fetch(`${server.url}/v1/executions/${id}/logs?follow=true&stream=stdout`);
const decoder = new TextDecoder();
for await (const piece of response.body ?? []) {
  followed += decoder.decode(piece as Uint8Array, { stream: true });
  pieces += 1;
}
const end = await server.finished(id);
console.log(
  `built in ${((performance.now() - began) / 1000).toFixed(1)} s; the log came in ${pieces} pieces while it ran`,
);
check(end.status === 'completed', `the build ended as ${end.status} ${JSON.stringify(end.error)}`);
check(followed.includes('built and tested'), 'the program that was built runs');
check(
  /# PASS: +[1-9]/.test(followed) && /# FAIL: +0/.test(followed),
  `its own tests pass: ${/# PASS: +\d+/.exec(followed)?.[0]}`,
);
check(pieces > 20, 'the log was followed live');
const log = async (stream: string) =>
  Buffer.from(
    await (await fetch(`${server.url}/v1/executions/${id}/logs?format=raw&stream=${stream}`)).arrayBuffer(),
  );
const viaApi = { stdout: await log('stdout'), stderr: await log('stderr') };
check(viaApi.stdout.toString() === followed, 'what was followed is what is stored');
await server.stop();

await unpack();
// By hand, with the same environment and the same kinds of files as standard input and output.
await execa('bash', ['-c', `(${command}) > ${dir}/stdout 2> ${dir}/stderr < /dev/null`], {
  ...{ cwd: build, env, extendEnv: false },
});
for (const stream of ['stdout', 'stderr'] as const) {
  const byHand = readFileSync(join(dir, stream));
  check(
    byHand.equals(viaApi[stream]),
    `${stream}: ${viaApi[stream].length} bytes through the API, ${byHand.length} by hand, equal`,
  );
}
finish();
