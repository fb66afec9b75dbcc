// The manifests, the Dockerfile and the settings of the service are held against each other: what one of them
// says about a port, a user, a path or a time must be what the others say. Where there is kubectl, it renders
// the example.
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { Ajv } from 'ajv';
import t, { type Test } from 'tap';
import { parse, parseAllDocuments } from 'yaml';
import { type Config, loadConfig } from '../../src/config/load.ts';
import { isLoopback } from '../../src/config/settings.ts';
import { readKeysFile } from '../../src/operator-files/keys-file.ts';
import { VERSION } from '../../src/app/version.ts';
import { tempDir } from '../helpers/temp.ts';

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
}
type With<Body> = Manifest & Body;

interface Probe {
  httpGet: { path: string; port: string };
  periodSeconds: number;
  timeoutSeconds: number;
  failureThreshold: number;
}

interface Container {
  image: string;
  envFrom: { configMapRef: { name: string } }[];
  env?: unknown;
  ports: { name: string; containerPort: number }[];
  startupProbe: Probe;
  livenessProbe: Probe;
  readinessProbe: Probe;
  lifecycle: { preStop: { sleep: { seconds: number } } };
  securityContext: object;
  resources: Record<'requests' | 'limits', Record<string, string>>;
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean; subPath?: string }[];
}

interface Pod {
  serviceAccountName: string;
  automountServiceAccountToken: boolean;
  enableServiceLinks: boolean;
  terminationGracePeriodSeconds: number;
  securityContext: { runAsUser: number; runAsGroup: number; fsGroup: number };
  containers: [Container];
  volumes: {
    name: string;
    emptyDir?: { sizeLimit: string };
    secret?: { secretName: string; defaultMode: number };
  }[];
}

type StatefulSet = With<{
  spec: {
    replicas: number;
    serviceName: string;
    selector: { matchLabels: object };
    persistentVolumeClaimRetentionPolicy: object;
    template: { metadata: { labels: object }; spec: Pod };
    volumeClaimTemplates: {
      metadata: { name: string };
      spec: { accessModes: string[]; resources: { requests: { storage: string } } };
    }[];
  };
}>;

type Service = With<{
  spec: {
    clusterIP?: string;
    type?: string;
    selector: object;
    ports: { name: string; port: number; targetPort: string }[];
  };
}>;

type NetworkPolicy = With<{
  spec: {
    podSelector: { matchLabels: object };
    policyTypes: string[];
    ingress: { from: unknown[]; ports: { protocol: string; port: string | number }[] }[];
    egress: { to: unknown[]; ports: { protocol: string; port: string | number }[] }[];
  };
}>;

interface Kustomization {
  resources: string[];
  namespace?: string;
  images?: { name: string; newTag: string }[];
  configMapGenerator: { name: string; behavior?: string; literals: string[] }[];
}

const BASE = 'k8s/base';
const OVERLAY = 'k8s/overlays/single';

function documents(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    if (document.errors.length > 0) throw document.errors[0] as Error;
    return document.toJS() as Manifest;
  });
}

const read = (file: string): string => readFileSync(file, 'utf8');
const kustomization = (dir: string) => parse(read(`${dir}/kustomization.yaml`)) as Kustomization;
const manifestFiles = (dir: string) =>
  globSync(`${dir}/*.yaml`).filter((file) => basename(file) !== 'kustomization.yaml');

const base = manifestFiles(BASE).flatMap((file) => documents(read(file)));
const overlay = manifestFiles(OVERLAY).flatMap((file) => documents(read(file)));

function one(kind: string, name = 'execd', among = [...base, ...overlay]): Manifest {
  const found = among.filter((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (found.length !== 1) throw new Error(`there are ${found.length} of ${kind} ${name}`);
  return found[0] as Manifest;
}

/** The settings that a kustomization writes, over those of the one below it. */
function settings(dir: string, below: Record<string, string> = {}): Record<string, string> {
  const literals = kustomization(dir).configMapGenerator.flatMap((map) => map.literals);
  const pairs = literals.map((line) => line.split(/=(.*)/s, 2) as [string, string]);
  return { ...below, ...Object.fromEntries(pairs) };
}

/** GiB of the volume that a kustomization asks for. */
function volumeOf(dir: string): number {
  const files = globSync(join(dir, '*.yaml')).map(read);
  return Number(/storage\n +value: (\d+)Gi|storage: (\d+)Gi/.exec(files.join('\n'))?.slice(1).find(Boolean));
}

const environment = settings(OVERLAY, settings(BASE));
const config: Config = loadConfig(environment);
const { spec } = one('StatefulSet') as StatefulSet;
const pod = spec.template.spec;
const [container] = pod.containers;
const mounted = (path: string) => container.volumeMounts.find(({ mountPath }) => mountPath === path);

// ------------------------------------------------------------------------------------------ manifests

t.test('every manifest is part of a kustomization, and only the overlay names a namespace', async (t) => {
  for (const dir of [BASE, OVERLAY]) {
    const files = kustomization(dir).resources.filter((resource) => resource.endsWith('.yaml'));
    t.same(
      files.sort(),
      manifestFiles(dir)
        .map((file) => basename(file))
        .sort(),
    );
  }
  t.ok(kustomization(OVERLAY).resources.includes('../../base'));
  t.same(
    base.filter(({ metadata }) => metadata.namespace !== undefined),
    [],
  );
  t.same(
    base.filter(({ kind }) => kind === 'Secret'),
    [],
    'keys are not part of it',
  );
});

t.test(
  'what is kept fits on the volume, also when all users are refused only at twice the bound',
  async (t) => {
    for (const [env, gib] of [
      [settings(BASE), volumeOf(BASE)],
      [environment, volumeOf(OVERLAY)],
    ] as const) {
      const { EXECUTION_MAX_STORE_BYTES: store, EXECUTION_MAX_LOG_BYTES: logs } = env;
      t.ok(2 * (Number(store) + Number(logs)) < gib * 2 ** 30, `${store} and ${logs} on ${gib} GiB`);
    }
  },
);

t.test('the config maps hold settings that the service knows', async (t) => {
  for (const env of [settings(BASE), environment]) t.doesNotThrow(() => loadConfig(env));
  const [map, ...others] = kustomization(BASE).configMapGenerator;
  t.same(others, []);
  t.same(container.envFrom, [{ configMapRef: { name: map?.name } }]);
  t.equal(container.env, undefined, 'nothing else sets any');
  t.match(kustomization(OVERLAY).configMapGenerator, [{ name: map?.name, behavior: 'merge' }]);
});

t.test('there is one pod, whose volume outlives it', async (t) => {
  t.equal(spec.replicas, 1);
  t.match(spec.persistentVolumeClaimRetentionPolicy, { whenDeleted: 'Retain', whenScaled: 'Retain' });
  const [claim, ...others] = spec.volumeClaimTemplates;
  t.same(others, []);
  t.same(claim?.spec.accessModes, ['ReadWriteOnce']);
  t.equal(mounted(config.EXECUTION_DATA_DIR)?.name, claim?.metadata.name);
});

t.test('the pod keeps to the restricted pod security standard', async (t) => {
  t.match(pod.securityContext, {
    runAsNonRoot: true,
    runAsUser: 10001,
    runAsGroup: 10001,
    fsGroup: 10001,
    fsGroupChangePolicy: 'OnRootMismatch',
    seccompProfile: { type: 'RuntimeDefault' },
  });
  t.same(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  t.equal(pod.containers.length, 1);
  for (const open of ['hostNetwork', 'hostPID', 'hostIPC', 'initContainers']) t.notOk(open in pod, open);
  t.ok(pod.volumes.every((volume) => 'emptyDir' in volume || 'secret' in volume));
  const { labels } = one('Namespace').metadata;
  t.equal(labels?.['pod-security.kubernetes.io/enforce'], 'restricted');
});

t.test('the pod is told nothing of the cluster', async (t) => {
  t.equal(pod.enableServiceLinks, false);
  t.equal(pod.automountServiceAccountToken, false);
  const account = one('ServiceAccount', pod.serviceAccountName) as With<{
    automountServiceAccountToken: boolean;
  }>;
  t.equal(account.automountServiceAccountToken, false);
});

t.test('what is written outside the data directory is bounded', async (t) => {
  const tmp = pod.volumes.find(({ name }) => name === mounted('/tmp')?.name);
  t.match(tmp?.emptyDir, { sizeLimit: /^\d+Mi$/ });
  const { requests, limits } = container.resources;
  t.same(Object.keys(requests).sort(), ['cpu', 'ephemeral-storage', 'memory']);
  t.same(Object.keys(limits).sort(), ['ephemeral-storage', 'memory'], 'a CPU limit would hold up the probes');
  t.equal(requests.memory, limits.memory);
});

t.test('the keys come as a file that the service accepts', async (t) => {
  const file = config.EXECUTION_API_KEYS_FILE ?? '';
  const mount = mounted(dirname(file));
  t.match(mount, { readOnly: true });
  t.equal(mount?.subPath, undefined);
  const secret = pod.volumes.find(({ name }) => name === mount?.name)?.secret;
  const mode = secret?.defaultMode ?? 0o777;
  t.equal(mode & 0o007, 0, 'not for others');
  t.equal(mode & 0o040, 0o040, 'for the group, which is fsGroup');

  const [example] = documents(read('k8s/secret.example.yaml')) as [With<{ stringData: object }>];
  t.equal(example.metadata.name, secret?.secretName);
  t.equal(example.metadata.namespace, kustomization(OVERLAY).namespace);
  t.same(Object.keys(example.stringData), [basename(file)]);
});

t.test('the example of the Secret has the form of a keys file, and no key', async (t) => {
  const [example] = documents(read('k8s/secret.example.yaml')) as [
    With<{ stringData: Record<string, string> }>,
  ];
  const text = Object.values(example.stringData).join('');
  const file = join(tempDir(t), 'keys.json');
  const problems = (content: string): readonly string[] => {
    writeFileSync(file, content, { mode: 0o600 });
    const read = readKeysFile(file);
    return 'problems' in read ? read.problems.map(({ path, message }) => `${path}: ${message}`) : [];
  };
  t.match(problems(text), [/\/keys\/0\/sha256: must be the SHA-256 of the whole key/]);
  t.equal(problems(text).length, 1);
  t.same(problems(text.replace(/<SHA-256[^>]*>/, '0123456789abcdef'.repeat(4))), []);
});

t.test('the probes ask on the port that needs no key', async (t) => {
  const { startupProbe: startup, livenessProbe: liveness, readinessProbe: readiness } = container;
  t.match(startup, { httpGet: { path: '/livez', port: 'metrics' } });
  t.match(liveness, { httpGet: { path: '/livez', port: 'metrics' } });
  t.match(readiness, { httpGet: { path: '/readyz', port: 'metrics' } });
  t.ok(startup.periodSeconds * startup.failureThreshold >= 60, 'a start may take its time');
  t.ok(liveness.periodSeconds * liveness.failureThreshold >= 30, 'a busy moment is no reason to restart');
});

t.test('the pod has time to drain before it is killed', async (t) => {
  const preStop = container.lifecycle.preStop.sleep.seconds;
  t.equal(preStop, 5);
  const neededS = preStop + config.EXECUTION_DRAIN_SECS + config.EXECUTION_MAX_KILL_GRACE_MS / 1000 + 10;
  t.ok(pod.terminationGracePeriodSeconds >= neededS, `${pod.terminationGracePeriodSeconds} >= ${neededS}`);
});

t.test('clients reach the service on its port, and Prometheus the metrics', async (t) => {
  const { EXECUTION_PORT: http, EXECUTION_METRICS_PORT: metrics = 0 } = config;
  t.same(container.ports, [
    { name: 'http', containerPort: http },
    { name: 'metrics', containerPort: metrics },
  ]);
  const forClients = (one('Service') as Service).spec;
  t.same(forClients.ports, [{ name: 'http', port: http, targetPort: 'http' }]);
  t.equal(forClients.type ?? 'ClusterIP', 'ClusterIP');
  const headless = (one('Service', spec.serviceName) as Service).spec;
  t.equal(headless.clusterIP, 'None');
  t.match(headless.ports, [forClients.ports[0], { name: 'metrics', port: metrics, targetPort: 'metrics' }]);
});

t.test('all selectors mean the pod', async (t) => {
  const labels = { 'app.kubernetes.io/name': 'execd' };
  t.match(spec.template.metadata.labels, labels);
  t.same(spec.selector.matchLabels, labels);
  for (const service of [one('Service') as Service, one('Service', spec.serviceName) as Service]) {
    t.same(service.spec.selector, labels);
  }
  t.same((one('NetworkPolicy') as NetworkPolicy).spec.podSelector.matchLabels, labels);
  const budget = one('PodDisruptionBudget') as With<{ spec: { selector: { matchLabels: object } } }>;
  t.same(budget.spec.selector.matchLabels, labels);
});

t.test('a node can always be drained', async (t) => {
  const { spec: budget } = one('PodDisruptionBudget') as With<{ spec: object }>;
  t.match(budget, { maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
  t.notOk('minAvailable' in budget);
});

t.test('the network lets in what asks the two ports, and lets out what asks for names', async (t) => {
  const { policyTypes, ingress, egress } = (one('NetworkPolicy') as NetworkPolicy).spec;
  t.same(policyTypes, ['Ingress', 'Egress']);
  t.same(
    ingress.map(({ ports }) => ports),
    [[{ protocol: 'TCP', port: 'http' }], [{ protocol: 'TCP', port: 'metrics' }]],
  );
  t.ok(
    ingress.every(({ from }) => from.length > 0),
    'not from everywhere',
  );
  t.same(
    egress.map(({ ports }) => ports),
    [
      [
        { protocol: 'UDP', port: 53 },
        { protocol: 'TCP', port: 53 },
      ],
    ],
  );
  t.ok(
    egress.every(({ to }) => to.length > 0),
    'not to everywhere',
  );
});

// -------------------------------------------------------------------------------------------- the image

/** The instructions of the Dockerfile, each in one line, comments left out. */
const instructions = read('Dockerfile')
  .replace(/^\s*#.*\n/gm, '')
  .replace(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '');
const last = (name: string) =>
  instructions.findLast((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
const envOf = (name: string) =>
  instructions.find((line) => line.startsWith(`ENV ${name}=`))?.slice(`ENV ${name}=`.length);

t.test('the image runs as the user of the manifests', async (t) => {
  const { runAsUser, runAsGroup, fsGroup } = pod.securityContext;
  const users = instructions.filter((line) => line.startsWith('USER '));
  t.equal(last('USER'), `${runAsUser}:${runAsGroup}`);
  t.equal(fsGroup, runAsGroup);
  t.ok(
    users.every((line) => /^USER \d+:\d+$/.test(line)),
    'a name is not known to be another than root',
  );
});

t.test('the image and the manifests agree on directory and port', async (t) => {
  const env = Object.fromEntries(
    ['EXECUTION_HOST', 'EXECUTION_PORT', 'EXECUTION_DATA_DIR'].map((name) => [name, envOf(name)]),
  );
  t.match(environment, env);
  t.notOk(isLoopback(env.EXECUTION_HOST ?? ''), 'without keys it does not start');
  t.same(JSON.parse(last('VOLUME') ?? ''), [config.EXECUTION_DATA_DIR]);
  t.equal(last('EXPOSE'), String(config.EXECUTION_PORT));
});

t.test('the image starts the service under an init, and asks it for its health', async (t) => {
  t.same(JSON.parse(last('ENTRYPOINT') ?? ''), ['/usr/bin/tini', '--']);
  t.same(JSON.parse(last('CMD') ?? ''), [
    ...['node', '--disable-sigusr1', '--enable-source-maps', 'dist/bin/server.js'],
  ]);
  t.equal(last('STOPSIGNAL'), 'SIGTERM');
  t.match(last('HEALTHCHECK'), /\/livez/);
});

t.test('the image is built of the Node that the project asks for, one argument a line', async (t) => {
  const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
  const [oldest] = /\d+/.exec(engines.node) ?? [];
  const images = instructions.filter((line) => line.startsWith('ARG NODE_IMAGE='));
  t.match(images, [new RegExp(`/node:${oldest}-bookworm-slim$`)]);
  for (const line of instructions.filter((line) => line.startsWith('ARG '))) t.match(line, /^ARG \S+$/);
});

t.test('the build sees what it copies and nothing else', async (t) => {
  const [first, ...seen] = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  t.equal(first, '*');
  const copied = instructions
    .filter((line) => line.startsWith('COPY ') && !line.startsWith('COPY --from'))
    .flatMap((line) => line.split(' ').slice(1, -1));
  t.same(seen.map((line) => line.slice(1)).sort(), [...new Set(copied)].sort());
  t.ok(seen.every((line) => line.startsWith('!') && existsSync(line.slice(1))));
});

// ------------------------------------------------------------------------------------------- other judges

const kubectl = spawnSync('kubectl', ['kustomize', OVERLAY], { encoding: 'utf8' });
const rendered = kubectl.error === undefined ? documents(kubectl.stdout) : null;

t.test('kubectl renders the example', { skip: rendered === null && 'there is no kubectl' }, async (t) => {
  t.equal(kubectl.status, 0, kubectl.stderr);
  const all = rendered ?? [];
  const names = (manifests: Manifest[]) =>
    manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort();
  const map = all.find(({ kind }) => kind === 'ConfigMap') as With<{ data: Record<string, string> }>;
  t.same(names(all), names([...base, ...overlay, map]));
  t.same(map.data, environment);
  const { namespace, images } = kustomization(OVERLAY);
  t.ok(all.every(({ kind, metadata }) => kind === 'Namespace' || metadata.namespace === namespace));
  const [made] = (one('StatefulSet', 'execd', all) as StatefulSet).spec.template.spec.containers;
  t.same(made.envFrom, [{ configMapRef: { name: map.metadata.name } }], 'a change restarts the pod');
  t.equal(images?.[0]?.newTag, VERSION);
  t.equal(made.image, `execd:${VERSION}`);
});

/** The example with the component for PostgreSQL. */
function withPostgres(t: Test): Manifest[] {
  const dir = tempDir(t);
  const to = (path: string) => relative(realpathSync(dir), realpathSync(path));
  const file = {
    ...{ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' },
    ...{ resources: [to(OVERLAY)], components: [to('k8s/components/postgres')] },
  };
  writeFileSync(join(dir, 'kustomization.yaml'), JSON.stringify(file));
  const { stdout, stderr, status } = spawnSync('kubectl', ['kustomize', dir], { encoding: 'utf8' });
  t.equal(status, 0, stderr);
  return documents(stdout);
}

t.test(
  'with PostgreSQL the URL comes from a Secret, and the network lets the pod out to the database alone',
  { skip: rendered === null && 'there is no kubectl' },
  async (t) => {
    const all = withPostgres(t);
    t.same(judged(all), [], 'as far as the schemas are here');
    const others = ({ kind }: Manifest) => !['StatefulSet', 'NetworkPolicy'].includes(kind);
    t.same(all.filter(others), rendered?.filter(others), 'nothing else changes');
    const { spec: changed } = one('StatefulSet', 'execd', all) as StatefulSet;
    const [made] = changed.template.spec.containers;
    const secretKeyRef = { name: 'execd-database', key: 'url' };
    t.same(made.env, [{ name: 'EXECUTION_DATABASE_URL', valueFrom: { secretKeyRef } }]);
    t.equal(changed.replicas, 1, 'logs are on its volume');
    t.same(
      { ...made, env: undefined },
      {
        ...(one('StatefulSet', 'execd', rendered ?? []) as StatefulSet).spec.template.spec.containers[0],
        env: undefined,
      },
    );
    const { egress } = (one('NetworkPolicy', 'execd', all) as NetworkPolicy).spec;
    const [names, database, ...more] = egress;
    t.same(more, []);
    t.same(names, (one('NetworkPolicy') as NetworkPolicy).spec.egress[0]);
    t.same(database?.ports, [{ protocol: 'TCP', port: 5432 }]);
    t.match(database?.to, [{ podSelector: { matchLabels: {} }, namespaceSelector: { matchLabels: {} } }]);
  },
);

const SCHEMAS = '../shared/k8s-schemas/k8s-1.36-subset.json';
const whyUnjudged = existsSync(SCHEMAS) ? false : 'the schemas are not here';

/** What does not fit the schemas of Kubernetes; empty where they are not here. */
function judged(manifests: readonly Manifest[]): string[] {
  if (!existsSync(SCHEMAS)) return [];
  const { definitions } = JSON.parse(read(SCHEMAS)) as { definitions: Record<string, Definition> };
  for (const definition of Object.values(definitions)) {
    // A misspelt field is one that nobody knows.
    if (definition.properties !== undefined) definition.additionalProperties = false;
    if (definition.format === 'int-or-string') definition.type = ['string', 'integer'];
  }
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema({ $id: 'k8s', definitions });
  return manifests.flatMap((manifest) => {
    const { kind, apiVersion, metadata } = manifest;
    const [name] =
      Object.entries(definitions).find(([, definition]) =>
        definition['x-kubernetes-group-version-kind']?.some(
          (one) => one.kind === kind && [one.group, one.version].filter(Boolean).join('/') === apiVersion,
        ),
      ) ?? [];
    const validate = ajv.getSchema(`k8s#/definitions/${name ?? 'unknown'}`);
    return validate?.(manifest) === true
      ? []
      : [`${kind} ${metadata.name}: ${ajv.errorsText(validate?.errors)}`];
  });
}

t.test('the manifests fit the schemas of Kubernetes', { skip: whyUnjudged }, async (t) => {
  const [secret] = documents(read('k8s/secret.example.yaml'));
  t.same(judged([...base, ...overlay, ...(rendered ?? []), secret as Manifest]), []);
});

interface Definition {
  type?: string | string[];
  format?: string;
  properties?: object;
  additionalProperties?: boolean;
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
}
