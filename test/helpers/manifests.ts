// The manifests as kubectl renders them (test/fixtures/kubernetes), and what a pod of theirs gets.
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { parseAllDocuments } from 'yaml';
import { renderedFile } from '../../scripts/rendered.ts';

export type Labels = Record<string, string>;

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Labels };
}
export type With<Body> = Manifest & Body;

export interface Probe {
  httpGet: { path: string; port: string };
  periodSeconds: number;
  timeoutSeconds: number;
  failureThreshold: number;
}

export interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: { secretKeyRef?: { name: string; key: string }; fieldRef?: { fieldPath: string } };
}

export interface Container {
  name: string;
  image: string;
  args?: string[];
  envFrom?: { configMapRef: { name: string } }[];
  env?: EnvVar[];
  ports?: { name: string; containerPort: number }[];
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  lifecycle?: { preStop: { sleep: { seconds: number } } };
  securityContext: object;
  resources: Record<'requests' | 'limits', Record<string, string>>;
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean; subPath?: string }[];
}

export interface Volume {
  name: string;
  emptyDir?: { sizeLimit: string; medium?: string };
  secret?: { secretName: string; defaultMode: number };
}

export interface Pod {
  serviceAccountName: string;
  automountServiceAccountToken: boolean;
  enableServiceLinks: boolean;
  terminationGracePeriodSeconds: number;
  securityContext: { runAsUser: number; runAsGroup: number; fsGroup: number };
  containers: [Container, ...Container[]];
  volumes: Volume[];
  topologySpreadConstraints?: { topologyKey: string; labelSelector: { matchLabels: Labels } }[];
}

export type Workload = With<{
  spec: {
    replicas?: number;
    serviceName?: string;
    selector?: { matchLabels: Labels };
    template: { metadata: { labels: Labels }; spec: Pod };
    strategy?: { rollingUpdate: { maxSurge: number; maxUnavailable: number } };
    persistentVolumeClaimRetentionPolicy?: object;
    volumeClaimTemplates?: {
      metadata: { name: string };
      spec: { accessModes: string[]; resources: { requests: { storage: string } } };
    }[];
  };
}>;

export type Service = With<{
  spec: {
    clusterIP?: string;
    type?: string;
    selector: Labels;
    ports: { name: string; port: number; targetPort: string }[];
  };
}>;

const WORKLOADS = ['StatefulSet', 'Deployment', 'Job'];

/** @throws the first error of the YAML */
export function documents(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    if (document.errors.length > 0) throw document.errors[0] as Error;
    return document.toJS() as Manifest;
  });
}

/** All manifests of one installation, as rendered. */
export class Manifests {
  readonly all: readonly Manifest[];

  constructor(name: string) {
    this.all = documents(readFileSync(renderedFile(name), 'utf8'));
  }

  /** Those of one kind. */
  of<M extends Manifest = Manifest>(kind: string): M[] {
    return this.all.filter((one) => one.kind === kind) as M[];
  }

  /** @throws Error when there is not exactly one */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- who asks for a kind knows its shape
  one<M extends Manifest = Manifest>(kind: string, name = 'execd'): M {
    const found = this.of<M>(kind).filter(({ metadata }) => metadata.name === name);
    if (found.length !== 1) throw new Error(`there are ${found.length} of ${kind} ${name}`);
    return found[0] as M;
  }

  get workloads(): Workload[] {
    return WORKLOADS.flatMap((kind) => this.of<Workload>(kind));
  }

  /** Workloads with a server. */
  get servers(): Workload[] {
    return this.workloads.filter(({ kind }) => kind !== 'Job');
  }

  /** Workloads whose pods have all these labels. */
  selected(labels: Labels): Workload[] {
    return this.workloads.filter((one) => hasAll(one.spec.template.metadata.labels, labels));
  }

  /**
   * The environment of the container of a workload, as its pod has it.
   *
   * @param podName for what comes from the pod itself
   * @param secrets values by `NAME/KEY` of Secrets
   * @throws Error when a Secret or a ConfigMap is not there
   */
  environment(workload: Workload, podName: string, secrets: Labels): Record<string, string> {
    const [container] = workload.spec.template.spec.containers;
    const env: Record<string, string> = {};
    for (const { configMapRef } of container.envFrom ?? [])
      Object.assign(env, this.one<With<{ data: Labels }>>('ConfigMap', configMapRef.name).data);
    for (const { name, value, valueFrom } of container.env ?? []) {
      if (value !== undefined) env[name] = value;
      else if (valueFrom?.fieldRef?.fieldPath === 'metadata.name') env[name] = podName;
      else {
        const { name: secret, key } = valueFrom?.secretKeyRef ?? { name: 'nothing', key: 'nothing' };
        const found = secrets[`${secret}/${key}`];
        if (found === undefined) throw new Error(`${name}: there is no ${secret}/${key}`);
        env[name] = found;
      }
    }
    return env;
  }
}

export function hasAll(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

/** Bytes of a quantity like 512Mi. */
export function bytesOf(quantity: string): number {
  const [, number, unit = ''] = /^(\d+)(Ki|Mi|Gi)?$/.exec(quantity) ?? [];
  return Number(number) * 1024 ** ['', 'Ki', 'Mi', 'Gi'].indexOf(unit);
}

interface Schemas {
  /** Where the schema of `GROUP/VERSION/KIND` is. */
  kinds: Record<string, string>;
  definitions: Record<string, object>;
}

const SCHEMAS = 'test/fixtures/kubernetes/schemas.json';
let ajv: { kinds: Schemas['kinds']; schemas: Ajv } | null = null;

/** What does not fit the schemas of Kubernetes, one line a manifest; unknown fields and kinds do not. */
export function misfits(manifests: readonly Manifest[]): string[] {
  if (ajv === null) {
    const { kinds, definitions } = JSON.parse(readFileSync(SCHEMAS, 'utf8')) as Schemas;
    ajv = { kinds, schemas: new Ajv({ strict: false, validateFormats: false, allErrors: true }) };
    ajv.schemas.addSchema({ $id: 'k8s', definitions });
  }
  const { kinds, schemas } = ajv;
  return manifests.flatMap((manifest) => {
    const { kind, apiVersion, metadata } = manifest;
    const validate = schemas.getSchema(`k8s${kinds[`${apiVersion}/${kind}`] ?? '#/definitions/unknown'}`);
    return validate?.(manifest) === true
      ? []
      : [
          `${kind} ${metadata.name}: ${validate === undefined ? 'unknown kind' : schemas.errorsText(validate.errors)}`,
        ];
  });
}
