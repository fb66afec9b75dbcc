// Containers and images of their own: nothing of this machine's is seen or touched, and nothing is left behind.
import { readFile, writeFile } from 'node:fs/promises';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { execa, type Options } from 'execa';

/** Rejects for an exit code other than 0, with all that was written. */
export type Run = (...args: string[]) => Promise<string>;

export interface Containers {
  /** All that the checks make lies in here. */
  dir: string;
  podman: Run;
  buildah: Run;
  remove(): Promise<void>;
}

/** What a program has written, both streams as one. */
export async function output(
  program: string,
  args: readonly string[],
  options: Pick<Options, 'cwd' | 'env'> = {},
): Promise<string> {
  const { all } = await execa(program, args, { stdin: 'ignore', ...options, all: true });
  return all;
}

export async function makeContainers(): Promise<Containers> {
  const dir = mkdtempSync(join(process.env.TMPDIR ?? '/var/tmp', 'execd-image.'));
  await writeFile(join(dir, 'containers.conf'), await settings(dir));
  const storage = ['--root', join(dir, 'storage'), '--runroot', join(dir, 'run')];
  const env = { CONTAINERS_CONF: join(dir, 'containers.conf') };
  // Not here: it leaves a file where it runs when memory is short.
  const podman: Run = (...args) => output('podman', [...storage, ...args], { env, cwd: dir });
  const buildah: Run = (...args) => output('buildah', [...storage, ...args], { env });
  return { dir, podman, buildah, remove: () => removeAll(dir, podman, buildah) };
}

/** Neither systemd nor cgroups of version 2 are taken for granted, nor that limits may be raised. */
async function settings(dir: string): Promise<string> {
  const files = await output('sh', ['-c', 'ulimit -Hn']);
  return `[containers]
default_ulimits = ["nofile=${files}:${files}", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
lock_type = "file"
tmp_dir = "${dir}/lib"
`;
}

async function removeAll(dir: string, podman: Run, buildah: Run): Promise<void> {
  await podman('rm', '--all', '--force', '--time', '0').catch(() => undefined);
  await buildah('rm', '--all').catch(() => undefined);
  // What is still mounted below goes first, the innermost before the others: rm must not reach through it.
  const mounts = (await readFile('/proc/mounts', 'utf8')).split('\n').map((line) => line.split(' ')[1] ?? '');
  for (const place of mounts.filter((one) => one.startsWith(`${dir}/`)).reverse())
    await output('umount', ['-l', place]).catch(() => undefined);
  await output('rm', ['-rf', '--one-file-system', dir]);
}
