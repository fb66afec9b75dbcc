// Settings of traces: the standard variables of OpenTelemetry
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/), because collectors, operators of
// Kubernetes and other programs use them. Headers, compression and certificates are read by the exporter itself.
import { ConfigError } from './load.ts';

export interface TracingSettings {
  /** Where spans are sent. */
  url: string;
  timeoutMs: number;
  sampler: { ratio: number; isParentBased: boolean };
  batch: { maxQueue: number; maxBatch: number; delayMs: number; timeoutMs: number };
  /** Of the resource: `service.name` among them. */
  attributes: Record<string, string>;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Every variable that execd reads, and what it is for: docs/operate/tracing.md lists them. */
export const TRACING_VARIABLES = {
  OTEL_SDK_DISABLED: 'true switches traces off.',
  OTEL_TRACES_EXPORTER: '"otlp" switches traces on; "none" switches them off.',
  OTEL_EXPORTER_OTLP_ENDPOINT:
    'URL of the collector, which switches traces on. execd adds /v1/traces. Default: http://localhost:4318.',
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'The same for traces alone. execd adds nothing to it.',
  OTEL_EXPORTER_OTLP_PROTOCOL: 'Only http/protobuf, which is the default.',
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'The same for traces alone.',
  OTEL_EXPORTER_OTLP_HEADERS: 'Headers of each request to the collector: name=value, comma-separated.',
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'The same for traces alone.',
  OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip or none. Default: none.',
  OTEL_EXPORTER_OTLP_CERTIFICATE: 'File with the certificate of the authority of the collector.',
  OTEL_EXPORTER_OTLP_TIMEOUT: 'Milliseconds for a request to the collector with its retries. Default: 10000.',
  OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: 'The same for traces alone.',
  OTEL_TRACES_SAMPLER:
    'always_on, always_off, traceidratio, or each of them with parentbased_ before it. Default: parentbased_always_on.',
  OTEL_TRACES_SAMPLER_ARG: 'The ratio for traceidratio, 0 to 1. Default: 1.',
  OTEL_BSP_MAX_QUEUE_SIZE: 'Most spans that wait in memory; execd drops more. Default: 2048.',
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: 'Most spans of a request to the collector. Default: 512.',
  OTEL_BSP_SCHEDULE_DELAY: 'Milliseconds that a span waits for others. Default: 5000.',
  OTEL_BSP_EXPORT_TIMEOUT: 'Milliseconds until execd gives up a request to the collector. Default: 30000.',
  OTEL_SERVICE_NAME: 'Name of this service. Default: execd.',
  OTEL_RESOURCE_ATTRIBUTES:
    'Further attributes of the resource: name=value, comma-separated, percent-encoded.',
} as const;

type Name = keyof typeof TRACING_VARIABLES;

/**
 * How traces are recorded; null when they are not.
 *
 * @throws ConfigError with every problem
 */
export function tracingSettings(env: Env): TracingSettings | null {
  const reader = new Reader(env);
  const exporter = reader.choice('OTEL_TRACES_EXPORTER', ['otlp', 'none']);
  const own = reader.url('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  const shared = reader.url('OTEL_EXPORTER_OTLP_ENDPOINT');
  const isWanted = exporter === undefined ? (own ?? shared) !== undefined : exporter === 'otlp';
  if (!isWanted || reader.text('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return null;
  const url = own ?? `${(shared ?? 'http://localhost:4318').replace(/\/+$/, '')}/v1/traces`;
  for (const name of ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'] as const)
    reader.choice(name, ['http/protobuf']);
  const maxQueue = reader.whole('OTEL_BSP_MAX_QUEUE_SIZE', 1, 100_000) ?? 2048;
  const settings: TracingSettings = {
    url,
    timeoutMs:
      reader.whole('OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', 1, 600_000) ??
      reader.whole('OTEL_EXPORTER_OTLP_TIMEOUT', 1, 600_000) ??
      10_000,
    sampler: samplerOf(reader),
    batch: {
      maxQueue,
      maxBatch: Math.min(reader.whole('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 1, 100_000) ?? 512, maxQueue),
      delayMs: reader.whole('OTEL_BSP_SCHEDULE_DELAY', 1, 600_000) ?? 5000,
      timeoutMs: reader.whole('OTEL_BSP_EXPORT_TIMEOUT', 1, 600_000) ?? 30_000,
    },
    attributes: attributesOf(reader),
  };
  if (reader.problems.length > 0) throw new ConfigError(reader.problems);
  return settings;
}

const SAMPLERS = ['always_on', 'always_off', 'traceidratio'] as const;

function samplerOf(reader: Reader): TracingSettings['sampler'] {
  const all = [...SAMPLERS, ...SAMPLERS.map((name) => `parentbased_${name}`)];
  const name = reader.choice('OTEL_TRACES_SAMPLER', all) ?? 'parentbased_always_on';
  const arg = reader.text('OTEL_TRACES_SAMPLER_ARG');
  const ratio = arg === undefined ? 1 : Number(arg);
  if (!(ratio >= 0 && ratio <= 1)) reader.refuse('OTEL_TRACES_SAMPLER_ARG', 'must be a number from 0 to 1');
  const isParentBased = name.startsWith('parentbased_');
  if (name.endsWith('always_off')) return { ratio: 0, isParentBased };
  return { ratio: name.endsWith('traceidratio') ? ratio : 1, isParentBased };
}

function attributesOf(reader: Reader): Record<string, string> {
  const attributes: Record<string, string> = { 'service.name': 'execd' };
  for (const pair of (reader.text('OTEL_RESOURCE_ATTRIBUTES') ?? '').split(',')) {
    const [, name, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
    if (name !== undefined && value !== undefined) attributes[name] = decoded(value);
    else if (pair.trim() !== '')
      reader.refuse('OTEL_RESOURCE_ATTRIBUTES', `"${pair.trim()}" must be name=value`);
  }
  const service = reader.text('OTEL_SERVICE_NAME');
  return service === undefined ? attributes : { ...attributes, 'service.name': service };
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** Reads variables; an empty one counts as unset. */
class Reader {
  readonly #env: Env;
  readonly problems: string[] = [];

  constructor(env: Env) {
    this.#env = env;
  }

  refuse(name: Name, problem: string): undefined {
    this.problems.push(`${name}: ${problem}`);
  }

  text(name: Name): string | undefined {
    const text = this.#env[name]?.trim();
    return text === '' ? undefined : text;
  }

  choice(name: Name, choices: readonly string[]): string | undefined {
    const text = this.text(name);
    if (text === undefined || choices.includes(text)) return text;
    const off = 'To run without traces, set OTEL_TRACES_EXPORTER=none';
    return this.refuse(name, `execd supports ${choices.join(', ')}, not "${text}". ${off}`);
  }

  url(name: Name): string | undefined {
    const text = this.text(name);
    if (text === undefined || /^https?:\/\//.test(text)) return text;
    return this.refuse(name, `must be an http or https URL, not "${text}"`);
  }

  whole(name: Name, min: number, max: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    return this.refuse(name, `must be a whole number from ${min} to ${max}, not "${text}"`);
  }
}
