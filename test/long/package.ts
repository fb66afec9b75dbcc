// The package as others install it: packed, installed into an empty directory, and used from there. The types fit under
// `strict`, the client runs on the Node.js of the machine, and the command line brings its own where that is too old.
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { publint } from 'publint';
import { check, finish, freePort, megabytes, scratch } from './support.ts';
import { until } from '../helpers/processes.ts';

/** Of its files, without the packages that it needs. */
const MOST_BYTES = 40e6;

const dir = scratch();
const app = join(dir, 'app');
mkdirSync(app);

/** With the settings of npm on this machine; those of execd are in a directory of its own. */
const env = { EXECD_CONFIG: join(dir, 'config.json'), XDG_STATE_HOME: dir };

function run(cwd: string, program: string, ...args: string[]) {
  // A pipe that stays open is input that may come: `execd run` waits for its end.
  return execa(program, args, { cwd, env, stdin: 'ignore', reject: false, timeout: 300_000 });
}

const packed = await run(process.cwd(), 'npm', 'pack', '--pack-destination', dir);
const archive = readdirSync(dir).find((name) => name.endsWith('.tgz')) ?? '';
check(
  !packed.failed && archive !== '',
  `it is packed: ${archive}, ${megabytes(statSync(join(dir, archive)).size)}`,
);
writeFileSync(join(app, 'package.json'), '{"name": "app", "private": true, "type": "module"}');
const installed = await run(app, 'npm', 'install', '--no-audit', '--no-fund', join(dir, archive));
check(!installed.failed, `it installs in an empty directory ${installed.stderr}`);
const inside = join(app, 'node_modules', 'execd');
const names = readdirSync(inside).sort().join(' ');
check(!/test|bench|k8s/.test(names), `it holds no files of its development: ${names}`);
const bytes = readdirSync(inside, { recursive: true, withFileTypes: true })
  .filter((one) => one.isFile())
  .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
check(bytes < MOST_BYTES, `it takes ${megabytes(bytes)} on the disk`);
const { messages } = await publint({ pkgDir: inside });
check(messages.length === 0, `publint has nothing to say ${JSON.stringify(messages)}`);

const port = await freePort();
const url = `http://127.0.0.1:${port}`;
// What npx has started ends with it.
const serving = execa('npx', ['execd', 'serve', '--port', port, '--data', join(dir, 'data')], {
  ...{ cwd: app, env, stdio: 'ignore', reject: false, killDescendants: true, killSignal: 'SIGKILL' },
});
await until(
  'the server answers',
  async () => (await fetch(`${url}/readyz`).catch(() => null))?.status === 200,
);
check(true, 'npx execd serve');
const said = await run(app, 'npx', 'execd', '--url', url, 'run', '--', 'echo', 'hi');
check(said.stdout === 'hi' && !said.failed, `npx execd run -- echo hi ${said.stderr}`);
const page = await fetch(url, { headers: { accept: 'text/html' } });
const [script = ''] = /assets\/[\w.-]+\.js/.exec(await page.text()) ?? [];
check((await fetch(`${url}/${script}`)).ok && script !== '', `the console is in it: ${script}`);
const agent = await fetch(`${url}/mcp`, {
  method: 'POST',
  headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
  body: '{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}',
});
check((await agent.text()).includes('run_command'), 'agents find their tools');
const doctor = await run(app, 'npx', 'execd', '--url', url, 'doctor');
check(!doctor.failed, `npx execd doctor\n${doctor.stdout}`);

writeFileSync(
  join(app, 'use.mts'),
  `import { connect, ExecutionFailedError, type Execution } from 'execd/client';
const execd = connect({ url: process.argv[2] ?? '' });
const done: Execution = await execd.run({ kind: 'shell', command: 'echo hi' });
let text = '';
for await (const { stream, bytes } of execd.follow(done.id)) if (stream === 'stdout') text += new TextDecoder().decode(bytes);
try {
  await execd.run({ kind: 'exec', program: 'false' });
} catch (error) {
  if (error instanceof ExecutionFailedError) console.log(text.trim(), error.outcome?.exit_code);
}
// @ts-expect-error there is no such kind
await execd.submit({ kind: 'nonsense' }).catch(() => undefined);
`,
);
const options = {
  strict: true,
  module: 'nodenext',
  target: 'es2022',
  lib: ['es2023', 'dom'],
  types: ['node'],
  skipLibCheck: false,
};
writeFileSync(
  join(app, 'tsconfig.json'),
  JSON.stringify({
    compilerOptions: { ...options, typeRoots: [resolve('node_modules/@types')], outDir: 'out' },
    files: ['use.mts'],
  }),
);
const typed = await run(app, resolve('node_modules/.bin/tsc'), '-p', '.');
check(!typed.failed, `its types fit under strict ${typed.stdout.slice(0, 2000)}`);
// The Node.js of the machine, which may be an older one.
const { stdout: version } = await run(app, 'node', '--version');
const used = await run(app, 'node', 'out/use.mjs', url);
check(
  used.stdout === 'hi 1',
  `import { connect } from 'execd/client' on Node.js ${version} ${used.stderr.slice(0, 1000)}`,
);
const graph = importsOf(join(inside, 'dist', 'client', 'index.js'), new Set());
check(
  graph.every((name) => !name.startsWith('node:')),
  `nothing of Node.js is imported: ${graph.join(' ')}`,
);
serving.kill();
await serving;
finish();

/** Packages and built-ins that a module and those below it import. */
function importsOf(file: string, seen: Set<string>): string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  const found = [
    ...readFileSync(file, 'utf8').matchAll(/^(?:import|export)[^;'"]*(?:from|import) ?\(?['"]([^'"]+)['"]/gm),
  ].map(([, name = '']) => name);
  return [
    ...new Set(
      found.flatMap((name) => (name.startsWith('.') ? importsOf(resolve(file, '..', name), seen) : [name])),
    ),
  ];
}
