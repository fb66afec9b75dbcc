// Configuration: one schema for the environment, read once, loudly. All problems come in one message; an unknown
// EXECUTION_ name is a problem too, because a typo must not silently leave a default in place.
import { isIP } from 'node:net';
import { z } from 'zod';
import { fieldMessage } from './domain/field-messages.ts';
import { nearestNames } from './domain/nearest-names.ts';
import { ISOLATION_TIERS } from './domain/isolation.ts';
import { httpUrl, MAX_RESULT_BYTES } from './domain/spec.ts';
import { MOST_GRACE_MS } from './domain/stop.ts';
import { standingWebhookEvents } from './domain/webhook-schema.ts';

const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^-?\d+$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(min).max(max));
const flag = z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true');
const path = z.string().min(1, 'must not be empty');

const commaSeparated = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

const DAY = 86_400;
const GIB = 1024 ** 3;

/** Every setting: its schema, its default as it stands in the environment, its unit, and what it is for. */
const SETTINGS = {
  EXECUTION_HOST: {
    schema: z.string().min(1),
    default: '127.0.0.1',
    unit: 'address',
    about: 'Where to listen. Anything but loopback needs keys or tokens (docs/api-keys.md).',
  },
  EXECUTION_PORT: {
    schema: whole(0, 65_535),
    default: '8080',
    unit: 'port',
    about: 'Where to listen. 0 takes any free port and logs it.',
  },
  EXECUTION_METRICS_PORT: {
    schema: whole(0, 65_535).optional(),
    default: undefined,
    unit: 'port',
    about:
      'Serves /metrics and the probes on a port of their own, without a key. Unset: on the main port only.',
  },
  EXECUTION_ALLOWED_HOSTS: {
    schema: z.string().transform((text) => commaSeparated(text.toLowerCase())),
    default: '',
    unit: 'host names, comma-separated',
    about:
      'Further names that the Host header may have on a loopback address, for instance of a local proxy.',
  },
  EXECUTION_TRUST_PROXY: {
    schema: z
      .string()
      .transform(commaSeparated)
      .refine((all) => all.every(isNetwork), 'must be addresses or networks, as 10.0.0.0/8'),
    default: '',
    unit: 'addresses, networks, comma-separated',
    about:
      'Proxies in front of this server, whose X-Forwarded-For says where a request comes from (for the audit log). Unset: nobody is believed.',
  },
  EXECUTION_MAX_CONNECTIONS: {
    schema: whole(1, 1_000_000),
    default: '12000',
    unit: 'connections',
    about:
      'Connections that are open at a time. For one more, an idle one is closed. The requests of one user are at most as many as connections are left free. Leave room beside EXECUTION_MAX_STREAMS.',
  },
  EXECUTION_ALLOW_ROOT: {
    schema: flag,
    default: 'false',
    unit: 'true | false',
    about:
      'Whether execd may run as root where others reach it although commands run as root too (at the tiers none and supervised). On loopback there is a warning.',
  },
  EXECUTION_API_KEYS_FILE: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about:
      'API keys that stand in a file, beside those of the store (docs/api-keys.md). Read again on SIGHUP. Without any key: loopback only, everyone on this machine is the user "local".',
  },
  EXECUTION_OIDC_ISSUER: {
    schema: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).optional(),
    default: undefined,
    unit: 'URL',
    about:
      'Accepts the tokens of this identity provider: the `iss` that they carry. Unset: none are accepted.',
  },
  EXECUTION_OIDC_AUDIENCE: {
    schema: path.optional(),
    default: undefined,
    unit: 'text',
    about: 'The `aud` that they carry.',
  },
  EXECUTION_OIDC_JWKS: {
    schema: path
      .refine((text) => !text.startsWith('http:') || isLoopbackUrl(text), 'must be https')
      .optional(),
    default: undefined,
    unit: 'URL or path',
    about: 'Where the public keys of the provider are: its `jwks_uri` (https), or a file.',
  },
  EXECUTION_OIDC_USER_CLAIM: {
    schema: path,
    default: 'sub',
    unit: 'claim',
    about: 'The claim that names the user.',
  },
  EXECUTION_OIDC_SCOPES_CLAIM: {
    schema: path,
    default: 'scope',
    unit: 'claim',
    about: 'The claim with the scopes: `execd:submit`, `execd:read`, `execd:cancel`, `execd:admin`.',
  },
  EXECUTION_POLICY_FILE: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about:
      'Who may run what, and how much (docs/policy-file.md), JSON or YAML. Read again on SIGHUP and POST /v1/admin/reload. Unset: a key says for itself what it may run.',
  },
  EXECUTION_SECRETS_FILE: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about:
      'Secrets that specs may name (docs/secrets.md), JSON or YAML. Read again on SIGHUP and POST /v1/admin/reload. Unset: there are none.',
  },
  EXECUTION_REDACT_SECRETS: {
    schema: flag,
    default: 'true',
    unit: 'true | false',
    about: 'Whether the secrets that an execution uses are taken out of its output.',
  },
  EXECUTION_DATA_DIR: {
    schema: path,
    default: './data',
    unit: 'path',
    about: 'Holds the store, the logs and the private directories. One server at a time.',
  },
  EXECUTION_LOG_DIR: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about: 'Where the logs of executions go. Unset: logs/ in the data directory.',
  },
  EXECUTION_LOG_LEVEL: {
    schema: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    default: 'info',
    unit: 'level',
    about: "The server's own log.",
  },
  EXECUTION_LOG_FILE: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about: "Where the server's own log goes; opened again on SIGHUP. Unset: standard output.",
  },
  EXECUTION_PATH: {
    schema: path.refine(
      (text) => text.split(':').every((dir) => dir.startsWith('/')),
      'must be absolute paths',
    ),
    default: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    unit: 'directories, colon-separated',
    about: "PATH of the executed commands. They never see the server's own environment.",
  },
  EXECUTION_MAX_CONCURRENT: {
    schema: whole(1, 100_000),
    default: '100',
    unit: 'executions',
    about: 'Slots: how many executions run at a time.',
  },
  EXECUTION_MAX_CONCURRENT_HTTP: {
    schema: whole(1, 100_000),
    default: '10000',
    unit: 'executions',
    about: 'Slots of HTTP calls, which take no process.',
  },
  EXECUTION_MAX_QUEUED: {
    schema: whole(0, 10_000_000),
    default: '100000',
    unit: 'executions',
    about:
      'How many may wait, for a slot or for a retry. More are answered 429, except those of a user with less than an equal part of the queue, up to twice this bound. Steps of plans stay in their plan until there is room.',
  },
  EXECUTION_PLAN_MEMORY_BYTES: {
    schema: whole(1_048_576, 64 * 1024 ** 3),
    default: '134217728',
    unit: 'bytes',
    about:
      'How large all live plans may be together, about as JSON; in memory they take a few times as much. When it is full, a user with less than an equal part of it still submits plans, up to twice this bound.',
  },
  EXECUTION_PLAN_STEP_BYTES: {
    schema: whole(1_048_576, 64 * 1024 ** 3),
    default: '67108864',
    unit: 'bytes',
    about:
      'How much the steps of one plan, with those of the plans in it, put into the store at most. A plan may have 32 times its own size, and at least 16 MiB, up to this bound.',
  },
  EXECUTION_USER_MAX_RUNNING: {
    schema: whole(0, 100_000).optional(),
    default: undefined,
    unit: 'executions',
    about:
      'How many of one user run at a time, where the policy file does not say. Unset: as many as there are slots.',
  },
  EXECUTION_USER_MAX_QUEUED: {
    schema: whole(0, 10_000_000).optional(),
    default: undefined,
    unit: 'executions',
    about:
      'How many of one user may wait, for a slot or for a retry. Unset: EXECUTION_MAX_QUEUED alone bounds them.',
  },
  EXECUTION_USER_SUBMITS_PER_SEC: {
    schema: whole(1, 1_000_000).optional(),
    default: undefined,
    unit: 'executions per second',
    about: 'How many one user may submit, on average. Unset: any number.',
  },
  EXECUTION_USER_LOG_BYTES: {
    schema: whole(0, 1024 * 1024 * GIB).optional(),
    default: undefined,
    unit: 'bytes',
    about:
      'What the logs of one user keep, all together; above it nothing new is accepted. Unset: any number.',
  },
  EXECUTION_USER_MAX_BODY_BYTES: {
    schema: whole(0, 16 * 1024 * 1024).optional(),
    default: undefined,
    unit: 'bytes',
    about: 'Greatest body of a request of one user. Unset: 1 MiB, and 16 MiB of a batch.',
  },
  EXECUTION_USER_MAX_STREAMS: {
    schema: whole(0, 1_000_000).optional(),
    default: undefined,
    unit: 'connections',
    about:
      'Streams that one user may have open at a time, where the policy file does not say. Unset: no more than are left free of EXECUTION_MAX_STREAMS, so half of them for one user alone.',
  },
  EXECUTION_ON_LIMIT: {
    schema: z.enum(['queue', 'reject']),
    default: 'queue',
    unit: 'queue | reject',
    about: 'What happens without a free slot, unless the request says otherwise.',
  },
  EXECUTION_DEFAULT_TIMEOUT: {
    schema: whole(1, 7 * DAY),
    default: '300',
    unit: 'seconds',
    about: 'Limit of one attempt, unless the request has its own.',
  },
  EXECUTION_MAX_TIMEOUT: {
    schema: whole(1, 7 * DAY),
    default: '3600',
    unit: 'seconds',
    about: 'Greatest attempt and idle limit that a request may ask for; more is refused.',
  },
  EXECUTION_RETRY_ATTEMPTS: {
    schema: whole(1, 100),
    default: '3',
    unit: 'attempts',
    about:
      'Attempts in all of a request whose retry block has no attempts. A request without a retry block makes one attempt.',
  },
  EXECUTION_RETRY_BACKOFF: {
    schema: z
      .string()
      .regex(/^\d+(\.\d+)?$/, 'must be a number')
      .transform(Number)
      .pipe(z.number().max(3600)),
    default: '1.0',
    unit: 'seconds',
    about:
      'The wait before the second attempt of a request whose retry block has no multiplier; doubled with each further attempt.',
  },
  EXECUTION_EGRESS_ALLOW: {
    schema: z.string().transform(commaSeparated),
    default: '',
    unit: 'hosts, networks, comma-separated',
    about:
      'Destinations that HTTP calls may reach although they are not public, such as 10.0.0.0/8 or db.local:8080.',
  },
  EXECUTION_CACHE_SIZE: {
    schema: whole(0, 10_000_000),
    default: '1000',
    unit: 'results',
    about: 'Results that are kept for requests that ask for it. 0 turns the cache off.',
  },
  EXECUTION_CACHE_MAX_BYTES: {
    schema: whole(1024, 64 * GIB),
    default: '67108864',
    unit: 'bytes',
    about: 'Memory that they may take. One of them takes at most a quarter of it.',
  },
  EXECUTION_CACHE_TTL: {
    schema: whole(0, 3650 * DAY),
    default: '3600',
    unit: 'seconds',
    about: 'How long a result is kept, where neither request nor operation says. 0 is for ever.',
  },
  EXECUTION_CACHE_PERSIST: {
    schema: flag,
    default: 'false',
    unit: 'true | false',
    about: 'Whether kept results outlive a restart.',
  },
  EXECUTION_CACHE_CLEANUP_INTERVAL: {
    schema: whole(1, DAY),
    default: '300',
    unit: 'seconds',
    about: 'How often results whose time is over leave the memory. They are never returned, whatever it is.',
  },
  EXECUTION_OPERATIONS_FILE: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about: 'Operations, JSON or YAML (docs/operations.md). Read again on SIGHUP and POST /v1/admin/reload.',
  },
  EXECUTION_RUNNER_HOST: {
    schema: z.enum(['auto', 'native', 'node']),
    default: 'auto',
    unit: 'auto | native | node',
    about:
      'What starts the commands: the native host (npm run build:native), the Node host, or native where it was built and works.',
  },
  EXECUTION_RUNNER_SILENCE_SECS: {
    schema: whole(15, 3600),
    default: '60',
    unit: 'seconds',
    about:
      'How long the runner host may leave the questions of the server unanswered. Then execd kills it and starts another one; its attempts are lost. A host that still uses cpu time gets five times as long.',
  },
  EXECUTION_ISOLATION: {
    schema: z.enum(['auto', ...ISOLATION_TIERS]),
    default: 'auto',
    unit: 'auto | none | supervised | uid | sandbox',
    about:
      'The least isolation of every command (docs/isolation.md). auto: supervised where the native host serves, else none.',
  },
  EXECUTION_UIDS: {
    schema: z
      .string()
      .regex(/^\d{1,10}-\d{1,10}$/, 'must be two numbers, as 20000-20099')
      .transform((text) => text.split('-').map(Number) as [number, number])
      .refine(
        ([first, last]) => first >= 1 && last >= first && last < 2 ** 32 - 2,
        'must be a range of users',
      )
      .transform(([first, last]) => ({ first, count: last - first + 1 }))
      .optional(),
    default: undefined,
    unit: 'first-last',
    about:
      'Users that nothing else runs as: commands at the tier uid, and in sandboxes, have one each. Needs root. Unset: no such users.',
  },
  EXECUTION_BWRAP: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about: 'The program that makes sandboxes (bubblewrap). Unset: /usr/bin/bwrap where it is there.',
  },
  EXECUTION_SANDBOX_NETWORK: {
    schema: flag,
    default: 'false',
    unit: 'true | false',
    about:
      'Whether commands in a sandbox have the network of this machine, where no policy template says so.',
  },
  EXECUTION_SANDBOX_HIDE: {
    schema: z
      .string()
      .transform(commaSeparated)
      .refine((all) => all.every((one) => one.startsWith('/')), 'must be absolute paths'),
    default: '',
    unit: 'paths, comma-separated',
    about:
      'Further files and directories that commands in a sandbox do not see, besides the data directory and the files of the operator (docs/isolation.md).',
  },
  EXECUTION_CREDITS_FILE: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about:
      'What executions cost, JSON or YAML (docs/credits.md). Unset: credits are off, everything is free.',
  },
  EXECUTION_CHARGE_WORKERS: {
    schema: whole(1, 64),
    default: '2',
    unit: 'workers',
    about: 'How many charge finished executions at a time.',
  },
  EXECUTION_KILL_GRACE_MS: {
    schema: whole(0, MOST_GRACE_MS),
    default: '5000',
    unit: 'milliseconds',
    about:
      'Between the stop signal of an execution (SIGTERM unless it asks for another one) and SIGKILL, where it does not ask for another time.',
  },
  EXECUTION_MAX_KILL_GRACE_MS: {
    schema: whole(0, MOST_GRACE_MS),
    default: '60000',
    unit: 'milliseconds',
    about:
      'The most that a request may ask for. The shutdown of execd can take so long after EXECUTION_DRAIN_SECS.',
  },
  EXECUTION_MAX_OUTPUT_BYTES: {
    schema: whole(0, 1024 * GIB),
    default: '10485760',
    unit: 'bytes',
    about: 'What a log keeps of one attempt, both streams together, and the most that a request may ask for.',
  },
  EXECUTION_OVERSIZED_OUTPUT: {
    schema: z.enum(['truncate', 'fail', 'spool']),
    default: 'truncate',
    unit: 'truncate | fail | spool',
    about: 'What happens to more output than that, unless the request says otherwise.',
  },
  EXECUTION_RESULT_BYTES: {
    schema: whole(0, MAX_RESULT_BYTES),
    default: '65536',
    unit: 'bytes',
    about:
      'What a result holds, unless the request says otherwise: the last bytes of each stream of a command, the first ones of the body of an HTTP answer. The log has the rest.',
  },
  EXECUTION_STREAM_OUTPUT: {
    schema: flag,
    default: 'true',
    unit: 'true | false',
    about: 'Whether the output of what runs can be followed. It can be read when it has ended in any case.',
  },
  EXECUTION_MAX_STREAMS: {
    schema: whole(1, 1_000_000),
    default: '10000',
    unit: 'connections',
    about: 'Streams of events that may be open at a time (docs/events.md). More are answered 429.',
  },
  EXECUTION_EVENT_HANDLERS: {
    schema: z
      .string()
      .transform((text) => (text === 'none' ? [] : commaSeparated(text)))
      .pipe(
        z.array(z.enum(['logging', 'metrics', 'webhook'], 'must be none, or of logging, metrics, webhook')),
      ),
    default: 'logging,metrics',
    unit: 'none, or of logging, metrics, webhook; comma-separated',
    about:
      'What listens to events: the log, the metrics, and a webhook of the operator for all users. Without metrics, /metrics counts no executions.',
  },
  EXECUTION_EVENT_WEBHOOK_URL: {
    schema: httpUrl.optional(),
    default: undefined,
    unit: 'URL',
    about: 'Where the handler "webhook" sends events (docs/webhooks.md).',
  },
  EXECUTION_EVENT_WEBHOOK_SECRET_FILE: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about: 'Holds the secret that signs them: whsec_ and the base64 of 24 to 64 bytes.',
  },
  EXECUTION_EVENT_WEBHOOK_EVENTS: {
    schema: z.string().transform(commaSeparated).pipe(standingWebhookEvents),
    default: 'completed,failed,cancelled,timed_out',
    unit: 'events, comma-separated',
    about: 'Which events it sends.',
  },
  EXECUTION_WEBHOOK_TIMEOUT_MS: {
    schema: whole(10, 300_000),
    default: '15000',
    unit: 'milliseconds',
    about: 'How long the receiver of a webhook may take to answer.',
  },
  EXECUTION_WEBHOOK_MAX_CONCURRENT: {
    schema: whole(1, 10_000),
    default: '128',
    unit: 'requests',
    about: 'Webhooks that are delivered at a time; of one user at most half, to one receiver at most 8.',
  },
  EXECUTION_WEBHOOK_MAX_PENDING: {
    schema: whole(0, 10_000_000),
    default: '100000',
    unit: 'deliveries',
    about: 'Deliveries of one user that may wait for their receivers. More are dropped, and counted.',
  },
  EXECUTION_SPOOL_MAX_BYTES: {
    schema: whole(0, 1024 * GIB),
    default: '1073741824',
    unit: 'bytes',
    about: 'What a log keeps of one attempt with the strategy "spool".',
  },
  EXECUTION_OPEN_FILES: {
    schema: whole(16, 2_147_483_647).optional(),
    default: undefined,
    unit: 'files',
    about:
      'The soft limit of open files that commands start with, where limits.open_files does not set one. Unset: that which execd was started with, as far as its parent processes show it, else 1024. It is never above the hard limit.',
  },
  EXECUTION_LIMIT_CPU_S: {
    schema: whole(1, 365 * DAY).optional(),
    default: undefined,
    unit: 'seconds',
    about:
      'Cpu time of all processes of an execution (docs/executions.md): the most that a request may ask for, and what applies where it says nothing. Unset: no limit.',
  },
  EXECUTION_LIMIT_MEMORY_BYTES: {
    schema: whole(1024 * 1024, 1024 * GIB).optional(),
    default: undefined,
    unit: 'bytes',
    about: 'The same of the memory of all its processes.',
  },
  EXECUTION_LIMIT_PROCESSES: {
    schema: whole(1, 4_194_304).optional(),
    default: undefined,
    unit: 'processes',
    about: 'The same of the processes that it has at a time.',
  },
  EXECUTION_LIMIT_FILE_BYTES: {
    schema: whole(0, 1024 * GIB).optional(),
    default: undefined,
    unit: 'bytes',
    about: 'The same of the size of each file that it writes.',
  },
  EXECUTION_LIMIT_OPEN_FILES: {
    schema: whole(4, 1_048_576).optional(),
    default: undefined,
    unit: 'files',
    about: 'The same of the files that each of its processes has open.',
  },
  EXECUTION_LIMIT_DISK_BYTES: {
    schema: whole(65_536, 1024 * GIB).optional(),
    default: undefined,
    unit: 'bytes',
    about: 'The same of what lies in its private directory.',
  },
  EXECUTION_AUTO_CLEANUP: {
    schema: flag,
    default: 'true',
    unit: 'true | false',
    about: 'Whether finished executions are removed by themselves.',
  },
  EXECUTION_CLEANUP_INTERVAL: {
    schema: whole(1, DAY),
    default: '300',
    unit: 'seconds',
    about: 'How often.',
  },
  EXECUTION_RETENTION_SECS: {
    schema: whole(0, 3650 * DAY),
    default: '3600',
    unit: 'seconds',
    about: 'How long an execution and its log stay after its end.',
  },
  EXECUTION_MAX_RETAINED: {
    schema: whole(0, 100_000_000),
    default: '100000',
    unit: 'executions',
    about:
      'How many finished executions stay. Those of the user who has most go first: answers of the cache, then the oldest ends; up to twice as many stay while they are younger than five minutes.',
  },
  EXECUTION_MAX_IN_MEMORY: {
    schema: whole(1, 10_000_000),
    default: '1000',
    unit: 'executions',
    about: 'How many are kept in memory for reading. Bounds memory only: all others are read from the store.',
  },
  EXECUTION_SYNC_INTERVAL_MS: {
    schema: whole(10, 5000),
    default: '5000',
    unit: 'milliseconds',
    about: 'How far the stored counters of running executions may lag behind.',
  },
  EXECUTION_DRAIN_SECS: {
    schema: whole(0, 7 * DAY),
    default: '30',
    unit: 'seconds',
    about: 'How long running executions may go on after SIGTERM.',
  },
} as const satisfies Record<string, Setting>;

interface Setting {
  schema: z.ZodType;
  default: string | undefined;
  unit: string;
  about: string;
}

type SettingName = keyof typeof SETTINGS;

/** Set by the service for the commands that it runs; ignored, so that execd can run inside execd. */
const IGNORED = ['EXECUTION_ID', 'EXECUTION_ATTEMPT'];

export type Config = Readonly<{ [name in SettingName]: z.output<(typeof SETTINGS)[name]['schema']> }>;

/** Why the server cannot start with its settings: all problems, one a line. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      problems.length === 1
        ? problems[0]
        : `${problems.length} problems with the settings:\n${problems.map((line) => `  ${line}`).join('\n')}`,
    );
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/**
 * Reads the configuration.
 *
 * @param env the environment of the process; an empty value counts as unset
 * @throws ConfigError with every problem
 */
export function loadConfig(env: Record<string, string | undefined>): Config {
  const problems: string[] = [];
  const config: Record<string, unknown> = {};
  for (const name of Object.keys(env)) {
    if (!name.startsWith('EXECUTION_') || name in SETTINGS || IGNORED.includes(name)) continue;
    problems.push(`${name}: there is no such setting${hintFor(name)}`);
  }
  for (const [name, setting] of Object.entries(SETTINGS)) {
    const text = env[name] === '' ? undefined : env[name];
    const parsed = setting.schema.safeParse(text ?? setting.default, { error: fieldMessage });
    if (parsed.success) config[name] = parsed.data;
    else
      problems.push(
        ...parsed.error.issues.map((issue) => `${name}: ${issue.message} (unit: ${setting.unit})`),
      );
  }
  if (problems.length === 0) problems.push(...contradictions(config as Config));
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(config) as Config;
}

/** The settings that an unknown name may stand for. */
function hintFor(name: string): string {
  const near = nearestNames(name, Object.keys(SETTINGS));
  return near.length === 0 ? ' (.env.example lists all settings)' : `; did you mean ${near.join(' or ')}?`;
}

/** Names of other programs that are often given for a setting: what is ignored, and what to set instead. */
export function ignoredNames(env: Record<string, string | undefined>): { name: string; setting: string }[] {
  const all: { name: string; setting: string }[] = [];
  for (const name of Object.keys(env)) {
    // execd sets it itself, for its runner host.
    if (name === 'EXECD_HOST') continue;
    const setting = `EXECUTION_${name === 'PORT' ? name : (/^EXECD?_(.+)$/.exec(name)?.[1] ?? '')}`;
    if (setting in SETTINGS && env[setting] === undefined) all.push({ name, setting });
  }
  return all;
}

function contradictions(config: Config): string[] {
  const problems: string[] = [];
  if (config.EXECUTION_DEFAULT_TIMEOUT > config.EXECUTION_MAX_TIMEOUT) {
    problems.push('EXECUTION_DEFAULT_TIMEOUT: must not be greater than EXECUTION_MAX_TIMEOUT');
  }
  if (config.EXECUTION_KILL_GRACE_MS > config.EXECUTION_MAX_KILL_GRACE_MS) {
    problems.push('EXECUTION_KILL_GRACE_MS: must not be greater than EXECUTION_MAX_KILL_GRACE_MS');
  }
  const provider = [config.EXECUTION_OIDC_ISSUER, config.EXECUTION_OIDC_AUDIENCE, config.EXECUTION_OIDC_JWKS];
  if (provider.includes(undefined) && provider.some((one) => one !== undefined)) {
    problems.push(
      'EXECUTION_OIDC_ISSUER: goes with EXECUTION_OIDC_AUDIENCE and EXECUTION_OIDC_JWKS, all three or none',
    );
  }
  if (config.EXECUTION_EVENT_HANDLERS.includes('webhook')) {
    for (const name of ['EXECUTION_EVENT_WEBHOOK_URL', 'EXECUTION_EVENT_WEBHOOK_SECRET_FILE'] as const) {
      if (config[name] === undefined) problems.push(`${name}: the handler "webhook" needs it`);
    }
  }
  const { EXECUTION_ISOLATION: isolation, EXECUTION_UIDS: uids } = config;
  if (isolation === 'uid' && uids === undefined)
    problems.push('EXECUTION_UIDS: the isolation tier uid needs it');
  if (uids !== undefined && uids.count < config.EXECUTION_MAX_CONCURRENT)
    problems.push('EXECUTION_UIDS: must be at least as many as EXECUTION_MAX_CONCURRENT');
  const { EXECUTION_RUNNER_HOST: host } = config;
  if (host === 'node' && isolation !== 'auto' && isolation !== 'none')
    problems.push(`EXECUTION_ISOLATION: the tier ${isolation} needs the native host (EXECUTION_RUNNER_HOST)`);
  for (const name of ['EXECUTION_UIDS', 'EXECUTION_BWRAP'] as const)
    if (config[name] !== undefined && (host === 'node' || isolation === 'none'))
      problems.push(`${name}: needs the native host (EXECUTION_RUNNER_HOST, EXECUTION_ISOLATION)`);
  if (host === 'native' && isolation === 'none')
    problems.push('EXECUTION_ISOLATION: the native host isolates at least as supervised');
  const { EXECUTION_PORT: port, EXECUTION_METRICS_PORT: metricsPort } = config;
  if (port !== 0 && port === metricsPort) {
    problems.push('EXECUTION_METRICS_PORT: must not be the same as EXECUTION_PORT');
  }
  return problems;
}

/** An address, or a network with its length. */
function isNetwork(text: string): boolean {
  const [address = '', length, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  return length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= (version === 4 ? 32 : 128));
}

function isLoopbackUrl(text: string): boolean {
  return isLoopback(URL.parse(text)?.hostname.replace(/^\[(.*)\]$/, '$1') ?? '');
}

/** True for addresses that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** `.env.example`: every setting with its default and unit. */
export function envExample(): string {
  const lines = ['# Every setting with its default. Unset or empty means the default.', ''];
  for (const [name, setting] of Object.entries<Setting>(SETTINGS)) {
    lines.push(`# ${setting.about}`, `# Unit: ${setting.unit}`);
    lines.push(setting.default === undefined ? `#${name}=` : `${name}=${setting.default}`, '');
  }
  return lines.join('\n');
}
