// What docs/operate/deploy.md says of a service that runs: who may ask, what its commands can do, and what it survives.
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import type { Check } from './checks.ts';
import type { Containers } from './containers.ts';
import { HARDENED, IMAGE, type Service, UID_IN_IMAGE, within } from './service.ts';

/** Its standard output, of an execution that has completed. */
export function stdoutOf({ status, result }: ExecutionWire): string {
  equal(status, 'completed', JSON.stringify(result));
  return textsOf(result).stdout;
}

export function textsOf(result: ExecutionWire['result']): { stdout: string; stderr: string } {
  return result as { stdout: string; stderr: string };
}

export function requestChecks(containers: Containers, service: Service): Check[] {
  return [
    { title: 'it is ready within 20 seconds', holds: () => service.start('first') },
    {
      title: 'a request without a key, or with a wrong one, is a 401',
      async holds() {
        const url = service.url('/v1/executions');
        const wrong = { authorization: `Bearer ${service.key}0` };
        deepEqual([await service.statusOf(url), await service.statusOf(url, wrong)], [401, 401]);
      },
    },
    {
      title: 'metrics need no key on their own port, and one on the main port',
      async holds() {
        const main = await service.statusOf(service.url('/metrics'));
        deepEqual([await service.statusOf(service.metricsUrl), main], [200, 401]);
      },
    },
    {
      title: 'the console is in the image',
      async holds() {
        const page = await (await fetch(service.url('/'), { headers: { accept: 'text/html' } })).text();
        match(page, /<div id="root">/);
        const [asset] = /assets\/[\w.-]+\.js/.exec(page) ?? [];
        ok(asset, page);
        equal(await service.statusOf(service.url(`/${asset}`)), 200);
      },
    },
    {
      title: 'the health check of the image is healthy on a loopback address',
      holds: () => within(20, async () => isHealthy(containers, 'first')),
    },
    healthCheck(containers, service, 'the default address', []),
    healthCheck(containers, service, 'the defaults of the service', [
      ...['-e', 'EXECUTION_HOST=', '-e', 'EXECUTION_PORT='],
    ]),
    healthCheck(containers, service, 'an address of version 6', ['-e', 'EXECUTION_HOST=::1']),
  ];
}

const isHealthy = async ({ podman }: Containers, name: string): Promise<boolean> => {
  await podman('healthcheck', 'run', name);
  return true;
};

/** Within a network of its own, so that it may listen on all addresses. */
function healthCheck(
  containers: Containers,
  service: Service,
  where: string,
  options: readonly string[],
): Check {
  const { podman } = containers;
  return {
    title: `the health check of the image is healthy with ${where}`,
    async holds() {
      const start = ['-d', '--name', 'alone', '--network', 'none', ...HARDENED, ...service.withKeys];
      await podman('run', ...start, ...options, IMAGE);
      try {
        await within(60, () => isHealthy(containers, 'alone'));
      } catch (error) {
        throw new Error(await podman('logs', 'alone'), { cause: error });
      } finally {
        await podman('rm', '--force', '--time', '0', 'alone');
      }
    },
  };
}

export function commandChecks(service: Service): Check[] {
  return [
    {
      title: 'a command runs as the user of the image',
      async holds() {
        equal(stdoutOf(await service.run('echo hi; id -u')), `hi\n${UID_IN_IMAGE}\n`);
      },
    },
    {
      title: 'commands have bash, coreutils, a user name and a private directory',
      async holds() {
        const hash = 'bash -c "printf %s hello | sha256sum | cut -c 1-8"';
        equal(stdoutOf(await service.run(`${hash}; whoami; test -d "$TMPDIR"`)), '2cf24dba\nexecd\n');
      },
    },
    {
      title: 'the root file system is read-only',
      async holds() {
        for (const dir of ['/app', '/usr/local/bin', '/etc', '/var/tmp']) {
          const { status, result } = await service.run(`echo x > ${dir}/x`);
          equal(status, 'failed', dir);
          match(textsOf(result).stderr, /Read-only file system/);
        }
      },
    },
    {
      title: 'the data, the temporary and the private directories are writable',
      async holds() {
        const dirs = '"$TMPDIR" "$HOME" /data /tmp /dev/shm';
        const write = `set -e; for dir in ${dirs}; do echo x > "$dir/x"; rm "$dir/x"; done; echo "$TMPDIR"`;
        match(stdoutOf(await service.run(write)), /^\/data\/work\//);
      },
    },
    {
      title: 'a command has no capability, gains no privileges and is filtered by seccomp',
      async holds() {
        const look = 'grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status | tr -d "\\t"';
        const seen = stdoutOf(await service.run(look));
        for (const fact of [/CapEff:0+\n/, /CapBnd:0+\n/, /NoNewPrivs:1\n/, /Seccomp:2\n/]) match(seen, fact);
      },
    },
  ];
}

export function survivalChecks({ podman }: Containers, service: Service): Check[] {
  return [
    {
      title: 'three orphans of a command are ended and leave no zombies',
      async holds() {
        const orphans = 'for i in 1 2 3; do (setsid sleep 300 &); done; sleep 0.5';
        const { status, outcome } = await service.run(orphans);
        const { leftover_processes: left, survivors } = outcome?.process ?? {};
        deepEqual([status, left, survivors], ['completed', 3, 0]);
        await within(20, async () => !/\) Z |sleep/.test(await processesIn('first')));
      },
    },
    {
      // The kernel ends the greediest process of the container, which is the command.
      title: 'a command that takes too much memory fails, and the service stays up',
      async holds() {
        const started = () => podman('inspect', '-f', '{{.State.StartedAt}} {{.State.Pid}}', 'first');
        const before = await started();
        const greedy = 'head -c 2G /dev/zero | tail >/dev/null; echo "tail: ${?}"; exit 9';
        const { status, result } = await service.run(greedy);
        deepEqual([status, textsOf(result).stdout], ['failed', 'tail: 137\n']);
        equal(await started(), before);
        equal(await service.isReady(), true);
        const stats = await service.get<{ runner_host: { restarts: number } }>('/v1/stats');
        equal(stats.runner_host.restarts, 0);
      },
    },
  ];

  function processesIn(name: string): Promise<string> {
    return podman('exec', name, 'sh', '-c', 'cat /proc/[0-9]*/stat 2>/dev/null; true');
  }
}
