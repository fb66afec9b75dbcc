// A root directory for sandboxes: a shell, a few tools and their libraries, copied from this machine.
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const TOOLS = [
  'sh',
  'cat',
  'ls',
  'dd',
  'id',
  'readlink',
  'mkdir',
  'ln',
  'sleep',
  'mknod',
  'mount',
  'rm',
  'mv',
  'stat',
];

/** Makes it in a directory that is there. */
export function makeSmallRoot(dir: string): string {
  const found = TOOLS.map((tool) =>
    execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim(),
  );
  const linked = execFileSync(
    'ldd',
    found.map((path) => realpathSync(path)),
    { encoding: 'utf8' },
  );
  const libraries = new Set(linked.match(/\/\S+\.so\S*/g)?.map((path) => path.replace(/:$/, '')));
  const copy = (from: string, to: string) => {
    mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
    copyFileSync(realpathSync(from), to);
    chmodSync(to, 0o755);
  };
  for (const path of found) copy(path, join(dir, 'usr/bin', basename(path)));
  for (const path of libraries) copy(path, join(dir, path));
  symlinkSync('usr/bin', join(dir, 'bin'));
  for (const name of ['etc', 'var/tmp', 'opt']) mkdirSync(join(dir, name), { recursive: true, mode: 0o755 });
  writeFileSync(join(dir, 'etc/os-release'), 'NAME=small\n', { mode: 0o644 });
  chmodSync(dir, 0o755);
  return dir;
}
