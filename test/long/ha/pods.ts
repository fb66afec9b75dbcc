// Pods of the rendered manifests, run with podman as the kubelet runs them: the environment, user, limits and volumes of the
// template, ready by its probe, stopped by its preStop, SIGTERM and grace. Only addresses differ: all pods share a loopback.
import type { Containers } from '../../../scripts/image/containers.ts';
import type { Manifests, Workload } from '../../helpers/manifests.ts';
import { freePort } from '../../helpers/ports.ts';
import { until } from '../../helpers/processes.ts';

const START_MS = 120_000;
const PIDS = 512;

/** What a pod gets that is not in the manifests. */
export interface Surroundings {
  containers: Containers;
  image: string;
  /** Values by `NAME/KEY`. */
  secrets: Record<string, string>;
  /** Files of Secrets, by the name of the Secret: file here and file name in the pod. */
  files: Record<string, { from: string; name: string }>;
  /** Directories that every pod sees: here, and there. */
  shared: Record<string, string>;
}

export class Pods {
  readonly #all: Manifests;
  readonly #surroundings: Surroundings;
  readonly running: Pod[] = [];
  #made = 0;

  constructor(all: Manifests, surroundings: Surroundings) {
    this.#all = all;
    this.#surroundings = surroundings;
  }

  /** Those that a Service leads to: ready, and not on their way out. */
  of(workload: Workload): Pod[] {
    return this.running.filter((pod) => pod.workload === workload && pod.isServing);
  }

  /** Starts a pod; resolves when its probe finds it ready. */
  async start(workload: Workload): Promise<Pod> {
    const { podman } = this.#surroundings.containers;
    const name = `${workload.metadata.name}-${(++this.#made).toString(36).padStart(5, '0')}`;
    const [port, metricsPort] = [await freePort(), await freePort()];
    const env = {
      ...this.#all.environment(workload, name, this.#surroundings.secrets),
      ...{ EXECUTION_HOST: '127.0.0.1', EXECUTION_PORT: port, EXECUTION_METRICS_PORT: metricsPort },
    };
    await podman('run', '--detach', '--name', name, ...this.#options(workload, env));
    const pod = new Pod({ podman, workload, name, port, metricsPort });
    this.running.push(pod);
    await until(`${name} is ready`, () => pod.isReady(), START_MS).catch(async (error: unknown) => {
      throw new Error(await podman('logs', name), { cause: error });
    });
    pod.isServing = true;
    return pod;
  }

  /** Runs a pod to its end; resolves with its output. */
  run(workload: Workload, args: string[]): Promise<string> {
    const env = this.#all.environment(workload, 'job', this.#surroundings.secrets);
    return this.#surroundings.containers.podman('run', '--rm', ...this.#options(workload, env, args));
  }

  /** Stops a pod as a rollout does; returns its exit code. */
  async stop(pod: Pod): Promise<number> {
    const { podman } = this.#surroundings.containers;
    pod.isServing = false;
    const { containers, terminationGracePeriodSeconds: grace } = pod.workload.spec.template.spec;
    const preStop = containers[0].lifecycle?.preStop.sleep.seconds ?? 0;
    await new Promise((resolve) => setTimeout(resolve, preStop * 1000));
    await podman('stop', '--time', `${grace - preStop}`, pod.name);
    const code = Number(await podman('inspect', '--format', '{{.State.ExitCode}}', pod.name));
    await podman('rm', '--volumes', pod.name);
    this.running.splice(this.running.indexOf(pod), 1);
    return code;
  }

  /** Replaces every pod of a Deployment, a new one before each old one; returns the exit codes. */
  async roll(workload: Workload): Promise<number[]> {
    const codes: number[] = [];
    for (const old of this.of(workload)) {
      await this.start(workload);
      codes.push(await this.stop(old));
    }
    return codes;
  }

  #options(workload: Workload, env: Record<string, string>, args?: string[]): string[] {
    const pod = workload.spec.template.spec;
    const [container] = pod.containers;
    const { runAsUser, runAsGroup } = pod.securityContext;
    const { memory = '' } = container.resources.limits;
    const megabytes = memory.replace('Gi', 'g').replace('Mi', 'm');
    // /data is a volume of the image, which belongs to its user, as an emptyDir belongs to fsGroup.
    const mounts = container.volumeMounts.flatMap(({ name, mountPath }) => {
      const { secretName = '' } = pod.volumes.find((one) => one.name === name)?.secret ?? {};
      const file = this.#surroundings.files[secretName];
      if (file !== undefined) return ['--volume', `${file.from}:${mountPath}/${file.name}:ro`];
      return mountPath === '/data' ? [] : ['--tmpfs', `${mountPath}:rw,nosuid,nodev,size=256m`];
    });
    const shared = Object.entries(this.#surroundings.shared).flatMap(([here, there]) => [
      '-v',
      `${here}:${there}`,
    ]);
    return [
      ...['--network', 'host', '--no-healthcheck', '--read-only', '--read-only-tmpfs=false'],
      ...['--user', `${runAsUser}:${runAsGroup}`, '--cap-drop', 'all', '--security-opt', 'no-new-privileges'],
      ...['--memory', megabytes, '--memory-swap', megabytes, '--pids-limit', `${PIDS}`],
      ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
      ...[...mounts, ...shared, this.#surroundings.image, ...(args ?? container.args ?? [])],
    ];
  }
}

interface PodFacts {
  podman: Containers['podman'];
  workload: Workload;
  name: string;
  port: string;
  metricsPort: string;
}

export class Pod {
  readonly #facts: PodFacts;
  isServing = false;

  constructor(facts: PodFacts) {
    this.#facts = facts;
  }

  get name(): string {
    return this.#facts.name;
  }

  get workload(): Workload {
    return this.#facts.workload;
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.#facts.port}${path}`;
  }

  async isReady(): Promise<boolean> {
    const { readinessProbe } = this.workload.spec.template.spec.containers[0];
    const path = readinessProbe?.httpGet.path ?? '/readyz';
    const answer = await fetch(`http://127.0.0.1:${this.#facts.metricsPort}${path}`).catch(() => null);
    return answer?.status === 200;
  }

  /** The value of a metric, by its name and labels as they are written. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.#facts.metricsPort}/metrics`)).text();
    const line = text.split('\n').find((one) => one.startsWith(`${name} `));
    return Number(line?.slice(name.length + 1));
  }
}
