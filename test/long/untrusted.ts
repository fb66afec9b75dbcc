// The recipe of docs/guides/untrusted-python.md as it stands: its files, its commands and what it says they print, with a root directory
// that is made of the Python of this machine.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { check, finish, freePort, scratch, startServer } from './support.ts';

const DOCUMENT = readFileSync('docs/guides/untrusted-python.md', 'utf8');

/** A root directory with a shell, Python, its library and what both are linked with. */
function makeRoot(root: string): void {
  const ask = (code: string) => execFileSync('python3', ['-c', code], { encoding: 'utf8' }).trim();
  const python = realpathSync(ask('import sys; print(sys.executable)'));
  const library = ask('import sysconfig; print(sysconfig.get_paths()["stdlib"])');
  const parts = join(library, 'lib-dynload');
  const modules = readdirSync(parts).filter((name) => name.endsWith('.so'));
  const programs = [python, realpathSync('/bin/sh'), ...modules.map((name) => join(parts, name))];
  const linked = execFileSync('ldd', programs, { encoding: 'utf8' });
  const copies = new Map([
    [python, '/usr/bin/python3'],
    [realpathSync('/bin/sh'), '/usr/bin/sh'],
    [library, `/usr/lib/${basename(library)}`],
  ]);
  for (const path of linked.match(/\/\S+\.so\S*(?= \()/g) ?? [])
    copies.set(realpathSync(path), path.includes('python') ? `/usr/lib/${basename(path)}` : path);
  for (const [from, to] of copies) {
    mkdirSync(dirname(join(root, to)), { recursive: true });
    const filter = (path: string) => !/\/(site-packages|test|__pycache__|config-[^/]*)(\/|$)/.test(path);
    cpSync(from, join(root, to), { recursive: true, dereference: true, filter });
  }
  mkdirSync(join(root, 'etc'));
  symlinkSync('usr/bin', join(root, 'bin'));
  symlinkSync('/etc', join(root, 'escape'));
  chmodSync(root, 0o755);
}

const dir = scratch();
chmodSync(dir, 0o755);
const root = join(dir, 'roots', 'python');
makeRoot(root);
for (const [, content = '', name = ''] of DOCUMENT.matchAll(/```yaml\n(# (\S+\.yaml)\n[^]*?)```/g))
  writeFileSync(join(dir, name), content.replaceAll('/srv/roots/python', root), { mode: 0o600 });
const server = await startServer({
  EXECUTION_PORT: await freePort(),
  EXECUTION_DATA_DIR: join(dir, 'data'),
  EXECUTION_ROOTS_FILE: join(dir, 'roots.yaml'),
  EXECUTION_POLICY_FILE: join(dir, 'policy.yaml'),
  EXECUTION_ISOLATION: 'sandbox',
});
mkdirSync(join(dir, 'path'));
const cli = `#!/bin/sh\nexec "${process.execPath}" "${join(process.cwd(), 'dist/cli/main.js')}" "$@"\n`;
writeFileSync(join(dir, 'path', 'execd'), cli, { mode: 0o755 });

/** The commands of the document, each with what it prints. */
const steps: { command: string; expected: string }[] = [];
for (const [, block = ''] of DOCUMENT.matchAll(/```console\n([^]*?)```/g))
  for (const step of block.split(/^\$ /m).slice(1)) {
    // A command goes on while a quotation is open.
    const lines = step.split('\n');
    let end = 1;
    while (lines.slice(0, end).join('\n').split("'").length % 2 === 0) end += 1;
    steps.push({ command: lines.slice(0, end).join('\n'), expected: lines.slice(end).join('\n').trim() });
  }
const MARK = '<<<end of a step>>>';
const script = steps
  .map(({ command }) => `${command.replaceAll('localhost:8080', new URL(server.url).host)}\necho '${MARK}'`)
  .join('\n');
const said = execFileSync('bash', ['-c', script], {
  ...{ encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], timeout: 300_000 },
  env: {
    ...{ PATH: `${join(dir, 'path')}:${process.env.PATH}`, EXECD_URL: server.url },
    ...{ XDG_STATE_HOME: dir, XDG_CONFIG_HOME: dir },
  },
}).split(`${MARK}\n`);
steps.forEach(({ command, expected }, i) => {
  const got = (said[i] ?? '').trim();
  check(
    got === expected,
    `${command.split('\n')[0]}${got === expected ? '' : `\n${got}\ninstead of\n${expected}`}`,
  );
});
await server.stop();
finish();
