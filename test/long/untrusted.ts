// The recipe of docs/guides/untrusted-python.md as it stands: its files, its commands and what it says they print, with a root directory
// that is made of the Python of this machine. The server is killed after each command and started again.
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
import { linkCli, pattern, Shell, stepsOf } from '../helpers/console-blocks.ts';
import { Scope } from '../helpers/lifetime.ts';
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
const env = {
  EXECUTION_PORT: await freePort(),
  EXECUTION_DATA_DIR: join(dir, 'data'),
  EXECUTION_ROOTS_FILE: join(dir, 'roots.yaml'),
  EXECUTION_POLICY_FILE: join(dir, 'policy.yaml'),
  EXECUTION_ISOLATION: 'sandbox',
};
let server = await startServer(env);
const scope = new Scope();
linkCli(dir);
const shell = new Shell(scope, server.url, dir);
const steps = stepsOf(DOCUMENT);
for (const [i, { command, expected }] of steps.entries()) {
  const said = await shell.run(command);
  const isIt = pattern(expected).test(said);
  check(isIt, `${command.split('\n')[0]}${isIt ? '' : `\n${said}\ninstead of\n${expected}`}`);
  // What the page promises holds across a kill, too.
  if (i === steps.length - 1) break;
  await server.kill();
  server = await startServer(env);
}
await scope.end();
await server.stop();
finish();
