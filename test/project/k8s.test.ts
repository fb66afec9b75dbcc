// The manifests, as kubectl renders them, are held against each other, the settings of the service and the schemas of Kubernetes:
// what one of them says about a port, a label, a path or a time must be what the others say.
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { spawnSync } from 'node:child_process';
import t from 'tap';
import { parse } from 'yaml';
import { render, RENDERED, renderedFile } from '../../scripts/rendered.ts';
import { VERSION } from '../../src/app/version.ts';
import { type Config, loadConfig } from '../../src/config/load.ts';
import { SETTINGS } from '../../src/config/settings.ts';
import { METRICS } from '../../src/observe/metric-catalogue.ts';
import { readKeysFile } from '../../src/operator-files/keys-file.ts';
import {
  bytesOf,
  documents,
  hasAll,
  type Labels,
  Manifests,
  misfits,
  type Service,
  type With,
  type Workload,
} from '../helpers/manifests.ts';
import { tempDir } from '../helpers/temp.ts';

type Selecting = With<{ spec: { selector: { matchLabels: Labels } } }>;
type Budget = With<{ spec: { maxUnavailable: number; selector: { matchLabels: Labels } } }>;
type NetworkPolicy = With<{
  spec: {
    podSelector: { matchLabels: Labels };
    policyTypes: string[];
    ingress?: { from: unknown[]; ports: { protocol: string; port: string | number }[] }[];
    egress: { to: unknown[]; ports: { protocol: string; port: string | number }[] }[];
  };
}>;
type Scaler = With<{
  spec: { scaleTargetRef: { name: string }; minReplicas: number; maxReplicas: number };
}>;
type ScaledObject = With<{
  spec: {
    scaleTargetRef: { name: string };
    minReplicaCount: number;
    maxReplicaCount: number;
    triggers: { name: string; metadata: Record<string, string> }[];
    advanced: { scalingModifiers: { formula: string; target: string } };
  };
}>;

const SECRETS = { 'execd-database/url': 'postgres://execd:secret@db.test/execd' };
const INSTALLATIONS = Object.keys(RENDERED).map((name) => [name, new Manifests(name)] as const);
const only = (name: string): Manifests => INSTALLATIONS.find(([one]) => one === name)?.[1] as Manifests;
const [single, ha, keda] = [only('single'), only('ha'), only('ha-keda')];
const read = (file: string): string => readFileSync(file, 'utf8');
const podOf = ({ spec }: Workload) => spec.template.spec;
const containerOf = (workload: Workload) => podOf(workload).containers[0];
const envOf = (all: Manifests, workload: Workload) => all.environment(workload, 'execd-abc12', SECRETS);
const configOf = (all: Manifests, workload: Workload): Config => loadConfig(envOf(all, workload));

/** Each workload of each installation. */
const WORKLOADS = INSTALLATIONS.flatMap(([name, all]) =>
  all.workloads.map((workload) => ({ all, workload, is: `${name}: ${workload.metadata.name}` })),
);
const SERVERS = WORKLOADS.filter(({ workload }) => workload.kind !== 'Job');

t.test(
  'runners of another pool stand beside those of the overlay, and differ in their pool and nodes alone',
  async (t) => {
    const pool = only('ha-pool');
    const [[gpu, ...others], plain] = [pool.workloads, ha.one<Workload>('Deployment', 'execd-runner')];
    t.same([gpu?.metadata.name, others], ['execd-runner-gpu', []]);
    t.same(configOf(pool, gpu as Workload).EXECUTION_POOL, ['gpu']);
    t.same(configOf(ha, plain).EXECUTION_POOL, ['default']);
    t.same(
      { ...envOf(pool, gpu as Workload), EXECUTION_POOL: undefined },
      { ...envOf(ha, plain), EXECUTION_POOL: undefined },
    );
    for (const { kind, metadata } of pool.all)
      if (['ServiceAccount', 'ConfigMap'].includes(kind))
        t.same(pool.one(kind, metadata.name), ha.one(kind, metadata.name), 'as in the overlay');
      else t.throws(() => void ha.one(kind, metadata.name), `${kind} ${metadata.name} replaces nothing`);
    const [labels, selector] = [gpu?.spec.template.metadata.labels, plain.spec.selector?.matchLabels ?? {}];
    t.notOk(hasAll(labels ?? {}, selector), 'neither has the pods of the other');
  },
);

// ------------------------------------------------------------------------------------- all installations

t.test('the manifests fit the schemas of Kubernetes, and a misspelt field does not', async (t) => {
  for (const [name, { all }] of INSTALLATIONS) t.same(misfits(all), [], name);
  const [secret] = documents(read('k8s/secret.example.yaml'));
  t.same(
    misfits([secret as Workload, ...documents(read('k8s/components/monitoring/prometheus-rule.yaml'))]),
    [],
  );
  const wrong = structuredClone(ha.one<Workload>('Deployment', 'execd-api'));
  Object.assign(podOf(wrong), { terminationGracePeriodsSeconds: 1 });
  t.match(misfits([wrong]), [/must NOT have additional properties/]);
});

t.test('every manifest is part of a kustomization', async (t) => {
  const used = globSync('k8s/**/kustomization.yaml').flatMap((file) => {
    const { resources = [], patches = [] } = parse(read(file)) as {
      resources?: string[];
      patches?: { path?: string }[];
    };
    const files = [...resources, ...patches.flatMap(({ path }) => path ?? [])];
    return files.filter((one) => one.endsWith('.yaml')).map((one) => join(dirname(file), one));
  });
  const there = globSync('k8s/**/*.yaml').filter(
    (file) => !['kustomization.yaml', 'secret.example.yaml'].includes(basename(file)),
  );
  t.same(used.sort(), there.sort());
});

t.test('all is in the namespace of the overlay, and no Secret is part of it', async (t) => {
  for (const [name, { all }] of INSTALLATIONS) {
    for (const { kind, metadata } of all)
      t.equal(
        metadata.namespace,
        kind === 'Namespace' ? undefined : 'execd',
        `${name}: ${kind} ${metadata.name}`,
      );
    t.notOk(all.some(({ kind }) => kind === 'Secret'));
  }
  for (const all of [single, ha])
    t.equal(all.one('Namespace').metadata.labels?.['pod-security.kubernetes.io/enforce'], 'restricted');
});

t.test('every pod keeps to the restricted pod security standard', async (t) => {
  for (const { workload, is } of WORKLOADS) {
    const pod = podOf(workload);
    t.match(
      pod.securityContext,
      {
        ...{ runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001 },
        seccompProfile: { type: 'RuntimeDefault' },
      },
      is,
    );
    t.equal(pod.containers.length, 1, is);
    t.same(
      containerOf(workload).securityContext,
      { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
      is,
    );
    for (const open of ['hostNetwork', 'hostPID', 'hostIPC', 'initContainers']) t.notOk(open in pod, open);
    t.ok(
      pod.volumes.every((volume) => 'emptyDir' in volume || 'secret' in volume),
      is,
    );
  }
});

t.test('no pod has a token of the cluster, or the addresses of its Services', async (t) => {
  for (const { all, workload, is } of WORKLOADS) {
    const pod = podOf(workload);
    t.equal(pod.enableServiceLinks, false, is);
    t.equal(pod.automountServiceAccountToken, false, is);
    const account = all.one<With<{ automountServiceAccountToken: boolean }>>(
      'ServiceAccount',
      pod.serviceAccountName,
    );
    t.equal(account.automountServiceAccountToken, false, is);
  }
});

t.test('all pods have the image of this version', async (t) => {
  for (const { workload, is } of WORKLOADS) t.equal(containerOf(workload).image, `execd:${VERSION}`, is);
});

t.test('the environment holds settings that the service knows, and secrets only from Secrets', async (t) => {
  for (const { all, workload, is } of WORKLOADS) {
    const env = envOf(all, workload);
    t.doesNotThrow(() => loadConfig(env), is);
    for (const name of Object.keys(env)) t.ok(name in SETTINGS, `${is} ${name}`);
    for (const { name, value } of containerOf(workload).env ?? [])
      if (/URL|SECRET|PASSWORD|TOKEN/.test(name)) t.equal(value, undefined, `${is} ${name}`);
  }
  for (const [name] of INSTALLATIONS) t.notMatch(read(renderedFile(name)), /:\/\/[^\s/]+@|ek_\w+/, name);
});

t.test('settings that change restart the pods: the config map is named by its content', async (t) => {
  for (const { all, workload, is } of SERVERS) {
    const [ref, ...more] = containerOf(workload).envFrom ?? [];
    t.same(more, [], is);
    t.match(ref?.configMapRef.name, /^execd-[a-z0-9]{10}$/, is);
    t.ok(all.one('ConfigMap', ref?.configMapRef.name), is);
  }
});

t.test('every container has its resources, and what it writes outside of volumes is bounded', async (t) => {
  for (const { workload, is } of WORKLOADS) {
    const { requests, limits } = containerOf(workload).resources;
    t.same(Object.keys(requests).sort(), ['cpu', 'ephemeral-storage', 'memory'], is);
    t.same(
      Object.keys(limits).sort(),
      ['ephemeral-storage', 'memory'],
      'a CPU limit would hold up the probes',
    );
    t.equal(requests.memory, limits.memory, is);
    const empty = podOf(workload).volumes.flatMap(({ emptyDir }) => emptyDir ?? []);
    const sizes = empty.map(({ sizeLimit }) => bytesOf(sizeLimit)).reduce((a, b) => a + b, 0);
    t.ok(sizes > 0 && sizes <= bytesOf(limits['ephemeral-storage'] as string), is);
    t.ok(
      containerOf(workload).volumeMounts.some(({ mountPath }) => mountPath === '/tmp'),
      is,
    );
  }
});

t.test('a command is bounded before the pod is', async (t) => {
  const SERVER_BYTES = 256 * 1024 * 1024;
  for (const { all, workload, is } of WORKLOADS.filter((one) => one.workload.kind !== 'Job')) {
    const inMemory = podOf(workload).volumes.filter(({ emptyDir }) => emptyDir?.medium === 'Memory');
    t.same(
      inMemory.map(({ name }) => name),
      ['tmp'],
      `${is}: who fills /tmp gets an error, the pod is not evicted`,
    );
    const tmp = bytesOf(inMemory[0]?.emptyDir?.sizeLimit ?? '');
    const command = configOf(all, workload).EXECUTION_LIMIT_MEMORY_BYTES ?? Infinity;
    if (configOf(all, workload).EXECUTION_ROLE === 'api') continue;
    const pod = bytesOf(containerOf(workload).resources.limits.memory as string);
    t.ok(SERVER_BYTES + tmp + command <= pod, `${is}: ${tmp} + ${command} of ${pod} bytes`);
  }
});

t.test('the data directory is a volume, which holds twice the bound of the logs', async (t) => {
  for (const { all, workload, is } of SERVERS) {
    const config = configOf(all, workload);
    const mount = containerOf(workload).volumeMounts.find(
      ({ mountPath }) => mountPath === config.EXECUTION_DATA_DIR,
    );
    const [claim] = workload.spec.volumeClaimTemplates ?? [];
    const volume = podOf(workload).volumes.find(({ name }) => name === mount?.name);
    t.equal(mount?.name, claim?.metadata.name ?? volume?.name, is);
    const size = bytesOf(claim?.spec.resources.requests.storage ?? volume?.emptyDir?.sizeLimit ?? '');
    const stored = config.EXECUTION_DATABASE_URL === undefined ? config.EXECUTION_MAX_STORE_BYTES : 0;
    const logs = config.EXECUTION_ROLE === 'api' ? 0 : config.EXECUTION_MAX_LOG_BYTES;
    t.ok(size > 0 && 2 * (stored + logs) < size, is);
  }
});

t.test('every server has the keys as a file that the service accepts', async (t) => {
  const [example] = documents(read('k8s/secret.example.yaml')) as [With<{ stringData: object }>];
  for (const { all, workload, is } of SERVERS) {
    const { EXECUTION_API_KEYS_FILE: file } = configOf(all, workload);
    const mount = containerOf(workload).volumeMounts.find(
      ({ mountPath }) => mountPath === dirname(file ?? ''),
    );
    t.ok(mount, `${is}: a runner looks whether the key of an execution is still valid`);
    if (mount === undefined) continue;
    t.match(mount, { readOnly: true });
    t.equal(mount.subPath, undefined, 'which does not follow changes');
    const secret = podOf(workload).volumes.find(({ name }) => name === mount.name)?.secret;
    const mode = secret?.defaultMode ?? 0o777;
    t.equal(mode & 0o007, 0, 'not for others');
    t.equal(mode & 0o040, 0o040, 'for the group, which is fsGroup');
    t.equal(example.metadata.name, secret?.secretName);
    t.equal(example.metadata.namespace, workload.metadata.namespace);
    t.same(Object.keys(example.stringData), [basename(file ?? '')]);
  }
});

t.test('the example of the Secret has the form of a keys file, and no key', async (t) => {
  const [example] = documents(read('k8s/secret.example.yaml')) as [With<{ stringData: Labels }>];
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

t.test('the probes of every server use the port that needs no key', async (t) => {
  for (const { workload, is } of SERVERS) {
    const {
      startupProbe: startup,
      livenessProbe: liveness,
      readinessProbe: readiness,
    } = containerOf(workload);
    t.match(startup, { httpGet: { path: '/livez', port: 'metrics' } }, is);
    t.match(liveness, { httpGet: { path: '/livez', port: 'metrics' } }, is);
    t.match(readiness, { httpGet: { path: '/readyz', port: 'metrics' } }, is);
    const seconds = (probe: typeof startup) => (probe?.periodSeconds ?? 0) * (probe?.failureThreshold ?? 0);
    t.ok(seconds(startup) >= 60, 'a start may take its time');
    t.ok(seconds(liveness) >= 30, 'a busy moment is no reason to restart');
  }
});

t.test('every server has time to drain before it is killed', async (t) => {
  for (const { all, workload, is } of SERVERS) {
    const config = configOf(all, workload);
    const preStop = containerOf(workload).lifecycle?.preStop.sleep.seconds ?? 0;
    t.equal(preStop, 5, is);
    const neededS = preStop + config.EXECUTION_DRAIN_SECS + config.EXECUTION_MAX_KILL_GRACE_MS / 1000 + 10;
    const { terminationGracePeriodSeconds: seconds } = podOf(workload);
    t.ok(seconds >= neededS, `${is}: ${seconds} >= ${neededS}`);
  }
});

t.test('the ports of containers, Services and policies are the same, by name', async (t) => {
  for (const { all, workload, is } of SERVERS) {
    const { EXECUTION_PORT: http, EXECUTION_METRICS_PORT: metrics = 0 } = configOf(all, workload);
    t.same(
      containerOf(workload).ports,
      [
        { name: 'http', containerPort: http },
        { name: 'metrics', containerPort: metrics },
      ],
      is,
    );
    for (const { metadata, spec } of all.of<Service>('Service')) {
      t.equal(spec.type ?? 'ClusterIP', 'ClusterIP');
      for (const { name, port, targetPort } of spec.ports) {
        t.equal(name, targetPort, `${is} ${metadata.name}`);
        t.equal(port, name === 'http' ? http : metrics, `${is} ${metadata.name}`);
      }
    }
  }
});

t.test(
  'the Service for clients leads to servers with the API alone, the other one to every server',
  async (t) => {
    for (const all of [single, ha, keda]) {
      const clients = all.one<Service>('Service').spec;
      t.same(
        clients.ports.map(({ name }) => name),
        ['http'],
        'without the metrics, which need no key',
      );
      t.same(
        all.selected(clients.selector),
        all.servers.filter((one) => configOf(all, one).EXECUTION_ROLE !== 'runner'),
      );
      const headless = all.one<Service>('Service', 'execd-headless').spec;
      t.equal(headless.clusterIP, 'None');
      t.same(all.selected(headless.selector), all.servers);
    }
    t.equal(single.one<Workload>('StatefulSet').spec.serviceName, 'execd-headless');
  },
);

t.test('every selector means pods, and every pod has one network policy', async (t) => {
  for (const { all, workload, is } of WORKLOADS) {
    const { labels } = workload.spec.template.metadata;
    const { selector } = workload.spec;
    if (workload.kind !== 'Job') t.same(all.selected(selector?.matchLabels ?? {}), [workload], is);
    const policies = all
      .of<NetworkPolicy>('NetworkPolicy')
      .filter(({ spec }) => hasAll(labels, spec.podSelector.matchLabels));
    t.equal(policies.length, 1, is);
    t.same(policies[0]?.spec.policyTypes, ['Ingress', 'Egress'], is);
    t.ok(
      selector === undefined || 'app.kubernetes.io/instance' in selector.matchLabels,
      `${is}: of one execd`,
    );
    for (const { labelSelector } of podOf(workload).topologySpreadConstraints ?? [])
      t.same(labelSelector.matchLabels, selector?.matchLabels, is);
  }
});

t.test('the network lets in what uses the ports, and lets out to names and the database', async (t) => {
  for (const [name, all] of INSTALLATIONS)
    for (const { metadata, spec } of all.of<NetworkPolicy>('NetworkPolicy')) {
      const is = `${name}: ${metadata.name}`;
      const [workload] = all.selected(spec.podSelector.matchLabels) as [Workload];
      const env = envOf(all, workload);
      const ingress = spec.ingress ?? [];
      t.ok(
        [...ingress].every(({ from }) => from.length > 0),
        `${is}: not from everywhere`,
      );
      t.ok(
        spec.egress.every(({ to }) => to.length > 0),
        `${is}: not to everywhere`,
      );
      const open = new Set(ingress.flatMap(({ ports }) => ports.map(({ port }) => port)));
      const expected =
        workload.kind === 'Job' ? [] : env.EXECUTION_ROLE === 'runner' ? ['metrics'] : ['http', 'metrics'];
      t.same(
        [...open].map(String).toSorted((a, b) => a.localeCompare(b)),
        expected,
        is,
      );
      const isPublic = ({ to }: { to: unknown[] }) => JSON.stringify(to).includes('ipBlock');
      for (const { to } of spec.egress.filter(isPublic))
        for (const inside of ['10.0.0.0/8', '169.254.0.0/16', '192.168.0.0/16'])
          t.ok(JSON.stringify(to).includes(`"${inside}"`), `${is}: not to ${inside}`);
      const closed = spec.egress.filter((one) => !isPublic(one));
      const out = closed.flatMap(({ ports }) => ports.map(({ protocol, port }) => `${protocol} ${port}`));
      const database = env.EXECUTION_DATABASE_URL === undefined ? [] : ['TCP 5432'];
      t.same(out, ['UDP 53', 'TCP 53', ...database], is);
    }
});

t.test('a node can always be drained, and something stays', async (t) => {
  for (const [name, all] of INSTALLATIONS) {
    const budgets = all.of<Budget>('PodDisruptionBudget');
    for (const workload of all.servers) {
      const of = budgets.filter(({ spec }) =>
        hasAll(workload.spec.template.metadata.labels, spec.selector.matchLabels),
      );
      t.equal(of.length, 1, `${name}: ${workload.metadata.name}`);
      t.match(of[0]?.spec, { maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
      t.notOk('minAvailable' in (of[0]?.spec ?? {}));
      if (workload.kind === 'Deployment') t.ok(fewest(all, workload) > 1, workload.metadata.name);
    }
  }
});

/** How many pods a Deployment has at least. */
function fewest(all: Manifests, { metadata: { name }, spec }: Workload): number {
  const scaler = all
    .of<Scaler>('HorizontalPodAutoscaler')
    .find((one) => one.spec.scaleTargetRef.name === name);
  const scaled = all.of<ScaledObject>('ScaledObject').find((one) => one.spec.scaleTargetRef.name === name);
  return scaler?.spec.minReplicas ?? scaled?.spec.minReplicaCount ?? spec.replicas ?? 1;
}

// -------------------------------------------------------------------------------------------- one server

t.test('a single server has one pod, whose volume outlives it', async (t) => {
  const [{ spec }, ...others] = single.servers as [Workload];
  t.same(others, []);
  t.equal(spec.replicas, 1);
  t.match(spec.persistentVolumeClaimRetentionPolicy, { whenDeleted: 'Retain', whenScaled: 'Retain' });
  t.same(
    spec.volumeClaimTemplates?.map((claim) => claim.spec.accessModes),
    [['ReadWriteOnce']],
  );
});

t.test('with PostgreSQL a single server differs in the URL and in what the network lets out', async (t) => {
  const changed = ['StatefulSet', 'NetworkPolicy'];
  const others = (all: Manifests) => all.all.filter(({ kind }) => !changed.includes(kind));
  const postgres = only('single-postgres');
  t.same(others(postgres), others(single));
  const [was, is] = [single, postgres].map((all) => containerOf(all.one<Workload>('StatefulSet')));
  t.same(
    is?.env?.map(({ name }) => name),
    ['EXECUTION_DATABASE_URL'],
  );
  t.same({ ...is, env: undefined }, { ...was, env: undefined });
});

// --------------------------------------------------------------------------------------- several servers

t.test('several servers: two or more of each role, named by their pods, with one database', async (t) => {
  const roles = ha.servers.map((one) => configOf(ha, one).EXECUTION_ROLE);
  t.same(roles, ['api', 'runner']);
  for (const workload of ha.servers) {
    t.ok(fewest(ha, workload) >= 2);
    const env = envOf(ha, workload);
    t.equal(env.EXECUTION_REPLICA_NAME, 'execd-abc12');
    t.equal(env.EXECUTION_DATABASE_URL, SECRETS['execd-database/url']);
    t.same(
      workload.spec.strategy?.rollingUpdate,
      { maxSurge: 1, maxUnavailable: 0 },
      'the new one comes first',
    );
    t.same(
      podOf(workload).topologySpreadConstraints?.map(({ topologyKey }) => topologyKey),
      ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'],
    );
  }
});

t.test('what sets the number of pods finds no number in the Deployment', async (t) => {
  for (const all of [ha, keda]) {
    const scalers = [...all.of<Scaler>('HorizontalPodAutoscaler'), ...all.of<ScaledObject>('ScaledObject')];
    for (const { spec } of scalers)
      t.equal(all.one<Workload>('Deployment', spec.scaleTargetRef.name).spec.replicas, undefined);
    const names = scalers.map(({ spec }) => spec.scaleTargetRef.name);
    t.equal(new Set(names).size, names.length, 'one each');
  }
  t.same(keda.of('ScaledObject').length, 1);
});

t.test('the largest number of servers fits the connections that PostgreSQL has by default', async (t) => {
  const config = configOf(keda, keda.one<Workload>('Deployment', 'execd-api'));
  const [api] = keda.of<Scaler>('HorizontalPodAutoscaler') as [Scaler];
  const [runners] = keda.of<ScaledObject>('ScaledObject') as [ScaledObject];
  const servers = api.spec.maxReplicas + runners.spec.maxReplicaCount;
  // One more writes, and one listens.
  t.ok(servers * (config.EXECUTION_DATABASE_CONNECTIONS + 2) <= 97);
});

t.test('KEDA finds the metrics that it scales by, and leaves slots free', async (t) => {
  const { spec } = keda.one<ScaledObject>('ScaledObject', 'execd-runner');
  const { EXECUTION_MAX_CONCURRENT: slots, EXECUTION_METRICS_PORT: port = 0 } = configOf(
    keda,
    keda.one<Workload>('Deployment', 'execd-runner'),
  );
  const known: string[] = Object.values(METRICS).map(({ name }) => name);
  for (const { name, metadata } of spec.triggers) {
    t.ok(known.includes((metadata.valueLocation ?? '').replace(/\{.*/, '')), name);
    t.ok(spec.advanced.scalingModifiers.formula.split(' + ').includes(name), name);
    const { hostname, port: asked, pathname } = new URL(metadata.url ?? '');
    const [service, namespace] = hostname.split('.');
    t.equal(keda.one('Service', service).metadata.namespace, namespace);
    t.same([asked, pathname], [String(port), '/metrics']);
  }
  t.ok(Number(spec.advanced.scalingModifiers.target) < slots);
});

t.test('Prometheus scrapes every server, alone or one of several', async (t) => {
  const [monitor] = documents(read('k8s/components/monitoring/service-monitor.yaml')) as [
    Selecting & With<{ spec: { endpoints: { port: string }[] } }>,
  ];
  for (const all of [single, ha]) {
    const services = all
      .of<Service>('Service')
      .filter(({ metadata }) => hasAll(metadata.labels ?? {}, monitor.spec.selector.matchLabels));
    t.same(
      services.flatMap(({ spec }) => all.selected(spec.selector)),
      all.servers,
    );
    for (const { port } of monitor.spec.endpoints)
      t.ok(services.every(({ spec }) => spec.ports.some(({ name }) => name === port)));
  }
});

t.test('the migration runs a program of the image, once, and nothing leads to it', async (t) => {
  const migrate = only('ha-migrate');
  const [job, ...others] = migrate.workloads as [Workload];
  t.same(others, []);
  const [node, program = '', ...args] = containerOf(job).args ?? [];
  t.same([node, ...args], ['node', 'migrate']);
  t.ok(existsSync(program.replace('dist/', 'src/').replace(/\.js$/, '.ts')), program);
  t.match(podOf(job), { restartPolicy: 'Never' });
  for (const { spec } of ha.of<Service>('Service'))
    t.notOk(hasAll(job.spec.template.metadata.labels, spec.selector));
});

// ------------------------------------------------------------------------------------------ another judge

const { error } = spawnSync('kubectl', ['version', '--client']);

t.test(
  'kubectl renders what is kept here',
  { skip: error !== undefined && 'there is no kubectl' },
  async (t) => {
    for (const [name, dir] of Object.entries(RENDERED))
      t.equal(await render(dir), read(renderedFile(name)), `${name} (npm run generate:k8s)`);
  },
);
