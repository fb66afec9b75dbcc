// The settings, as the environment gives them.
import { isIP } from 'node:net';
import { z } from 'zod';
import { ISOLATION_TIERS } from '../domain/isolation.ts';
import { networkSetting } from '../domain/network.ts';
import { MAX_RESULT_BYTES } from '../domain/output-totals.ts';
import { poolName } from '../domain/pool-name.ts';
import { DEFAULT_POOL, MAX_OTHER_POOLS } from '../domain/pools.ts';
import { ROLES } from '../domain/ports/replica.ts';
import { httpUrl } from '../domain/spec/http-url.ts';
import { MOST_GRACE_MS } from '../domain/stop.ts';
import { isDomain, senderOf, serverOf } from '../domain/spec/mail.ts';
import { standingWebhookEvents } from '../domain/webhook-schema.ts';

const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^-?\d+$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(min).max(max));
const flag = z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true');
const path = z.string().min(1, 'must not be empty');

const mailServer = z
  .string()
  .refine(
    (text) => serverOf(text) !== null,
    'must be smtp:// or smtps://, a user and @ if the server wants one, a host, and a port if you want; the password goes into EXECUTION_MAIL_PASSWORD_FILE',
  );

const commaSeparated = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

const DAY = 86_400;
const GIB = 1024 ** 3;

/** Every setting: its schema, its default as it stands in the environment, its unit, and what it is for. */
export const SETTINGS = {
  EXECUTION_HOST: {
    schema: z.string().min(1),
    default: '127.0.0.1',
    unit: 'address',
    about:
      'Address to listen on. Any address but loopback requires API keys or tokens (docs/operate/api-keys.md).',
  },
  EXECUTION_PORT: {
    schema: whole(0, 65_535),
    default: '8080',
    unit: 'port',
    about: 'Port to listen on. 0: any free port, which execd logs.',
  },
  EXECUTION_METRICS_PORT: {
    schema: whole(0, 65_535).optional(),
    default: undefined,
    unit: 'port',
    about: 'Also serve /metrics and the probes on this port, without a key. Unset: only on the main port.',
  },
  EXECUTION_ALLOWED_HOSTS: {
    schema: z.string().transform((text) => commaSeparated(text.toLowerCase())),
    default: '',
    unit: 'host names, comma-separated',
    about:
      'Other names that the Host header may have on a loopback address, for example that of a local proxy.',
  },
  EXECUTION_PUBLIC_URL: {
    schema: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).optional(),
    default: undefined,
    unit: 'URL',
    about:
      'The address of execd for users, for links in messages, such as https://execd.example.com. Unset: the address that the request came to.',
  },
  EXECUTION_TRUST_PROXY: {
    schema: z
      .string()
      .transform(commaSeparated)
      .refine((all) => all.every(isNetwork), 'must be addresses or networks, for example 10.0.0.0/8'),
    default: '',
    unit: 'addresses, networks, comma-separated',
    about:
      'Trusted reverse proxies. execd takes the client address for the audit log from their X-Forwarded-For. Unset: the header is ignored.',
  },
  EXECUTION_MAX_CONNECTIONS: {
    schema: whole(1, 1_000_000),
    default: '12000',
    unit: 'connections',
    about:
      'Most open connections. For one more, execd closes an idle one. A user may have as many open requests as there are free connections. Set it higher than EXECUTION_MAX_STREAMS.',
  },
  EXECUTION_ALLOW_ROOT: {
    schema: flag,
    default: 'false',
    unit: 'true | false',
    about:
      'Allow execd to run as root on an address that others can reach, although commands run as root, too (at the tiers none and supervised). On loopback, execd only warns.',
  },
  EXECUTION_API_KEYS_FILE: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about:
      'File with API keys, in addition to those of the store (docs/operate/api-keys.md). Reloaded on SIGHUP. Without any key, execd listens on loopback only, and everyone on this machine is the user "local".',
  },
  EXECUTION_CONSOLE: {
    schema: flag,
    default: 'true',
    unit: 'true | false',
    about:
      'Serve the web console (docs/reference/console.md). It shows only the data that the key of its user may read.',
  },
  EXECUTION_CONSOLE_PATH: {
    schema: z
      .string()
      .regex(/^\/([\w.~-]+\/)*[\w.~-]*$/, 'must be a path, for example /console')
      .refine(
        (text) => !/^\/(v1|docs|mcp|livez|readyz|health|metrics|openapi\.json)(\/|$)/.test(text),
        'must not be a path of the API',
      )
      .transform((text) => (text.endsWith('/') ? text : `${text}/`)),
    default: '/',
    unit: 'path',
    about: 'Path of the web console on this server.',
  },
  EXECUTION_GUIDE: {
    schema: flag,
    default: 'true',
    unit: 'true | false',
    about: 'Serve the docs site, which `npm run build:guide` builds, at /docs/guide.',
  },
  EXECUTION_MCP: {
    schema: flag,
    default: 'true',
    unit: 'true | false',
    about:
      'Serve POST /mcp, by which AI agents use execd with the rights of their key (Model Context Protocol; docs/reference/mcp.md).',
  },
  EXECUTION_OIDC_ISSUER: {
    schema: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).optional(),
    default: undefined,
    unit: 'URL',
    about:
      'Accept tokens of this identity provider: the value of their claim `iss`. Unset: no tokens are accepted.',
  },
  EXECUTION_OIDC_AUDIENCE: {
    schema: path.optional(),
    default: undefined,
    unit: 'text',
    about: 'Value of the claim `aud` of tokens.',
  },
  EXECUTION_OIDC_JWKS: {
    schema: path
      .refine((text) => !text.startsWith('http:') || isLoopbackUrl(text), 'must be https')
      .optional(),
    default: undefined,
    unit: 'URL or path',
    about: 'Public keys of the identity provider: its `jwks_uri` (https), or a file.',
  },
  EXECUTION_OIDC_USER_CLAIM: {
    schema: path,
    default: 'sub',
    unit: 'claim',
    about: 'Claim that contains the user.',
  },
  EXECUTION_OIDC_SCOPES_CLAIM: {
    schema: path,
    default: 'scope',
    unit: 'claim',
    about: 'Claim that contains the scopes: `execd:submit`, `execd:read`, `execd:cancel`, `execd:admin`.',
  },
  EXECUTION_POLICY_FILE: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about:
      'Policy file: rights and quotas of users (docs/operate/policy-file.md). JSON or YAML. Reloaded on SIGHUP and POST /v1/admin/reload. Unset: may_run of each key decides.',
  },
  EXECUTION_SECRETS_FILE: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about:
      'Secrets file: secrets that requests may name (docs/operate/secrets.md). JSON or YAML. Reloaded on SIGHUP and POST /v1/admin/reload. Unset: no secrets.',
  },
  EXECUTION_REDACT_SECRETS: {
    schema: flag,
    default: 'true',
    unit: 'true | false',
    about: 'Remove the secrets that an execution uses from its output.',
  },
  EXECUTION_DATA_DIR: {
    schema: path,
    default: './data',
    unit: 'path',
    about:
      'Directory of the store, the logs and the private directories. Only one server can use it at a time. With EXECUTION_DATABASE_URL, the store is in PostgreSQL.',
  },
  EXECUTION_DATABASE_URL: {
    schema: z
      .url({
        protocol: /^postgres(ql)?$/,
        error: 'must be a URL like postgres://user:password@host:5432/database',
      })
      .optional(),
    default: undefined,
    unit: 'URL',
    about:
      'Keep the store in this PostgreSQL database (docs/operate/postgres.md). Logs and files stay in the data directory. Unset: the embedded store in the data directory.',
  },
  EXECUTION_DATABASE_CONNECTIONS: {
    schema: whole(1, 100),
    default: '4',
    unit: 'connections',
    about: 'Connections to PostgreSQL that read. One more writes, and one more listens.',
  },
  EXECUTION_DATABASE_LISTEN_URL: {
    schema: z
      .url({
        protocol: /^postgres(ql)?$/,
        error: 'must be a URL like postgres://user:password@host:5432/database',
      })
      .optional(),
    default: undefined,
    unit: 'URL',
    about:
      'The same PostgreSQL database without the pooler, if EXECUTION_DATABASE_URL leads to a pooler in transaction mode, which passes no notifications on. Unset: EXECUTION_DATABASE_URL.',
  },
  EXECUTION_REPLICA_NAME: {
    schema: z
      .string()
      .regex(
        /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
        'must be 1 to 63 letters, digits, ".", "_" or "-", and begin with a letter or a digit',
      )
      .optional(),
    default: undefined,
    unit: 'name',
    about:
      'Name of this server among those that share EXECUTION_DATABASE_URL, the same after a restart. Unset: the host name.',
  },
  EXECUTION_ROLE: {
    schema: z.enum(ROLES),
    default: 'all',
    unit: ROLES.join(' | '),
    about:
      'The role of this server. all: both. api: serves the API and runs nothing. runner: runs executions and serves only health and metrics, to everyone who can reach it. All but "all" require EXECUTION_DATABASE_URL.',
  },
  EXECUTION_POOL: {
    schema: z
      .string()
      .transform(commaSeparated)
      .pipe(z.array(poolName).min(1, 'must name at least one pool').max(MAX_OTHER_POOLS)),
    default: DEFAULT_POOL,
    unit: 'comma-separated list',
    about:
      'The pools that this server serves: it starts only executions whose `pool` is one of them. An execution without `pool` is in the pool "default". If EXECUTION_ROLE is api, the server serves no pool.',
  },
  EXECUTION_LEASE_SECS: {
    schema: whole(10, 3600),
    default: '30',
    unit: 'seconds',
    about:
      'With EXECUTION_DATABASE_URL: the time after which other servers take over the executions of a silent server. A server that cannot reach the database ends its executions shortly before that time is over.',
  },
  EXECUTION_LOG_DIR: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about: 'Directory of the logs of executions. Unset: logs/ in the data directory.',
  },
  EXECUTION_FILE_DIR: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about:
      'Directory of uploads, inputs and artifacts. Unset: files/ in the data directory; with PostgreSQL, the database.',
  },
  EXECUTION_USER_FILE_BYTES: {
    schema: whole(0, 1024 * 1024 * GIB),
    default: String(16 * GIB),
    unit: 'bytes',
    about: 'Most bytes of the uploads, inputs and artifacts of one user.',
  },
  EXECUTION_MAX_FILE_BYTES: {
    schema: whole(0, 1024 * 1024 * GIB),
    default: String(256 * GIB),
    unit: 'bytes',
    about: 'Most bytes of the uploads, inputs and artifacts of all users.',
  },
  EXECUTION_MAX_ARTIFACTS: {
    schema: whole(0, 100_000),
    default: '10000',
    unit: 'files',
    about: 'Most artifacts of one execution.',
  },
  EXECUTION_ARTIFACT_BYTES: {
    schema: whole(0, 1024 * 1024 * GIB),
    default: String(4 * GIB),
    unit: 'bytes',
    about: 'Most bytes of the artifacts of one execution.',
  },
  EXECUTION_UPLOAD_TTL_SECS: {
    schema: whole(60, 365 * DAY),
    default: '86400',
    unit: 'seconds',
    about: 'Time for which execd keeps an upload. Executions that use it keep its bytes.',
  },
  EXECUTION_LOG_LEVEL: {
    schema: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    default: 'info',
    unit: 'level',
    about: 'Level of the log of execd itself.',
  },
  EXECUTION_LOG_FILE: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about: 'File of the log of execd itself; reopened on SIGHUP. Unset: standard output.',
  },
  EXECUTION_PATH: {
    schema: path.refine(
      (text) => text.split(':').every((dir) => dir.startsWith('/')),
      'must be absolute paths',
    ),
    default: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    unit: 'directories, colon-separated',
    about: 'PATH of commands. Commands never see the environment of execd itself.',
  },
  EXECUTION_MAX_CONCURRENT: {
    schema: whole(1, 100_000),
    default: '100',
    unit: 'executions',
    about: 'Slots: most executions that run at a time.',
  },
  EXECUTION_MAX_CONCURRENT_HTTP: {
    schema: whole(1, 100_000),
    default: '10000',
    unit: 'executions',
    about: 'Slots for HTTP calls, which need no process.',
  },
  EXECUTION_MAX_QUEUED: {
    schema: whole(0, 10_000_000),
    default: '100000',
    unit: 'executions',
    about:
      'Most executions that wait, for a slot or for a retry. execd rejects more with 429, except those of a user with less than an equal share of the queue, up to twice this bound. Steps of plans wait in their plan until there is room.',
  },
  EXECUTION_PLAN_MEMORY_BYTES: {
    schema: whole(1_048_576, 64 * 1024 ** 3),
    default: '134217728',
    unit: 'bytes',
    about:
      'Most bytes of all live plans together, roughly as JSON. They take a few times as much memory. If it is full, a user with less than an equal share can still submit plans, up to twice this bound.',
  },
  EXECUTION_PLAN_STEP_BYTES: {
    schema: whole(1_048_576, 64 * 1024 ** 3),
    default: '67108864',
    unit: 'bytes',
    about:
      'Most bytes that the steps of one plan, including those of plans in it, put into the store. A plan may use 32 times its own size, at least 16 MiB, up to this bound.',
  },
  EXECUTION_USER_MAX_RUNNING: {
    schema: whole(0, 100_000).optional(),
    default: undefined,
    unit: 'executions',
    about:
      'Most executions of one user that run at a time, unless the policy file sets it. Unset: all slots.',
  },
  EXECUTION_USER_MAX_QUEUED: {
    schema: whole(0, 10_000_000).optional(),
    default: undefined,
    unit: 'executions',
    about:
      'Most executions of one user that wait, for a slot or for a retry. Unset: only EXECUTION_MAX_QUEUED applies.',
  },
  EXECUTION_USER_SUBMITS_PER_SEC: {
    schema: whole(1, 1_000_000).optional(),
    default: undefined,
    unit: 'executions per second',
    about: 'Most executions that one user may submit, on average. Unset: no limit.',
  },
  EXECUTION_USER_STORE_BYTES: {
    schema: whole(0, 1024 * 1024 * GIB).optional(),
    default: undefined,
    unit: 'bytes',
    about:
      'Most bytes that the executions of one user keep in the store, with requests, results and steps of plans; above it execd accepts nothing new. Unset: only EXECUTION_MAX_STORE_BYTES applies.',
  },
  EXECUTION_USER_MAX_LOGS: {
    schema: whole(0, 1_000_000_000).optional(),
    default: undefined,
    unit: 'logs',
    about:
      'Most logs of one user, one for each attempt; above it execd accepts nothing new. Unset: only EXECUTION_MAX_LOGS applies.',
  },
  EXECUTION_USER_LOG_BYTES: {
    schema: whole(0, 1024 * 1024 * GIB).optional(),
    default: undefined,
    unit: 'bytes',
    about:
      'Most bytes of all logs of one user; above it execd accepts nothing new. Unset: only EXECUTION_MAX_LOG_BYTES applies.',
  },
  EXECUTION_USER_MAX_BODY_BYTES: {
    schema: whole(0, 16 * 1024 * 1024).optional(),
    default: undefined,
    unit: 'bytes',
    about: 'Largest body of a request. Unset: 1 MiB, and 16 MiB for a batch or a plan.',
  },
  EXECUTION_USER_MAX_STREAMS: {
    schema: whole(0, 1_000_000).optional(),
    default: undefined,
    unit: 'connections',
    about:
      'Most open streams of one user, unless the policy file sets it. Unset: as many as EXECUTION_MAX_STREAMS leaves free, so that one user alone gets half of them.',
  },
  EXECUTION_ON_LIMIT: {
    schema: z.enum(['queue', 'reject']),
    default: 'queue',
    unit: 'queue | reject',
    about: 'The default of on_limit: the effect if no slot is free.',
  },
  EXECUTION_DEFAULT_TIMEOUT: {
    schema: whole(1, 7 * DAY),
    default: '300',
    unit: 'seconds',
    about: 'Time limit of one attempt, unless the request sets timeouts.attempt_ms.',
  },
  EXECUTION_MAX_TIMEOUT: {
    schema: whole(1, 7 * DAY),
    default: '3600',
    unit: 'seconds',
    about: 'Largest timeouts.attempt_ms and timeouts.idle_ms of a request. execd rejects more.',
  },
  EXECUTION_RETRY_ATTEMPTS: {
    schema: whole(1, 100),
    default: '3',
    unit: 'attempts',
    about:
      'Attempts in total, if the request has a retry block without attempts. A request without a retry block makes one attempt.',
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
      'Wait before the second attempt, if the retry block has no multiplier. It doubles with each attempt.',
  },
  EXECUTION_EGRESS_ALLOW: {
    schema: z.string().transform(commaSeparated),
    default: '',
    unit: 'hosts, networks, comma-separated',
    about:
      'Destinations that HTTP calls may reach although they are not public, for example 10.0.0.0/8 or db.local:8080.',
  },
  EXECUTION_CACHE_SIZE: {
    schema: whole(0, 10_000_000),
    default: '1000',
    unit: 'results',
    about: 'Most results in the cache. 0 turns the cache off.',
  },
  EXECUTION_CACHE_MAX_BYTES: {
    schema: whole(1024, 64 * GIB),
    default: '67108864',
    unit: 'bytes',
    about: 'Most bytes of all results in the cache. One result may take at most a quarter of it.',
  },
  EXECUTION_CACHE_TTL: {
    schema: whole(0, 3650 * DAY),
    default: '3600',
    unit: 'seconds',
    about:
      'How long execd keeps a result, unless the request or operation sets cache.ttl_s. 0: until it is evicted.',
  },
  EXECUTION_CACHE_PERSIST: {
    schema: flag,
    default: 'false',
    unit: 'true | false',
    about: 'Keep the cache across restarts.',
  },
  EXECUTION_CACHE_CLEANUP_INTERVAL: {
    schema: whole(1, DAY),
    default: '300',
    unit: 'seconds',
    about: 'How often execd removes expired results from memory. execd never returns them.',
  },
  EXECUTION_OPERATIONS_FILE: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about:
      'Operations file (docs/concepts/operations.md). JSON or YAML. Reloaded on SIGHUP and POST /v1/admin/reload.',
  },
  EXECUTION_RUNNER_HOST: {
    schema: z.enum(['auto', 'native', 'node']),
    default: 'auto',
    unit: 'auto | native | node',
    about:
      'The runner host that starts commands. native: the native host (npm run build:native). node: the Node host. auto: native if it was built and works, else node.',
  },
  EXECUTION_RUNNER_SILENCE_SECS: {
    schema: whole(15, 3600),
    default: '60',
    unit: 'seconds',
    about:
      'How long the runner host may be silent. Then execd kills it and starts another one; its attempts are lost. A host that uses CPU time gets five times as long.',
  },
  EXECUTION_ISOLATION: {
    schema: z.enum(['auto', ...ISOLATION_TIERS]),
    default: 'auto',
    unit: 'auto | none | supervised | uid | sandbox',
    about:
      'Weakest isolation of commands (docs/operate/isolation.md). auto: supervised with the native host, else none.',
  },
  EXECUTION_UIDS: {
    schema: z
      .string()
      .regex(/^\d{1,10}-\d{1,10}$/, 'must be two numbers, for example 20000-20099')
      .transform((text) => text.split('-').map(Number) as [number, number])
      .refine(
        ([first, last]) => first >= 1 && last >= first && last < 2 ** 32 - 2,
        'must be a range of user ids, the smaller one first',
      )
      .transform(([first, last]) => ({ first, count: last - first + 1 }))
      .optional(),
    default: undefined,
    unit: 'first-last',
    about:
      'User ids that nothing else uses. Each command at the tier uid, or in a sandbox, runs as one of them. Requires root. Unset: none.',
  },
  EXECUTION_BWRAP: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about: 'Path of bubblewrap, which creates sandboxes. Unset: /usr/bin/bwrap if it exists.',
  },
  EXECUTION_SANDBOX_NETWORK: {
    schema: networkSetting,
    default: 'false',
    unit: 'true | false | hosts, comma-separated',
    about:
      'Network of commands in a sandbox, unless a template of the policy file sets it: none (false), that of this machine (true), or hosts that they reach through a proxy of execd: name, *.name, name:port (docs/operate/isolation.md).',
  },
  EXECUTION_SANDBOX_NETWORK_BYTES: {
    schema: whole(1, 2 ** 50),
    default: String(10 * GIB),
    unit: 'bytes',
    about:
      'Most bytes that an attempt sends and receives in total through the proxy of its sandbox. At the limit, execd closes its connections and refuses new ones.',
  },
  EXECUTION_ROOTS_FILE: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about:
      'Roots file: root directories that requests can name for their sandbox (docs/guides/untrusted-python.md). JSON or YAML. Unset: none.',
  },
  EXECUTION_SANDBOX_HIDE: {
    schema: z
      .string()
      .transform(commaSeparated)
      .refine((all) => all.every((one) => one.startsWith('/')), 'must be absolute paths'),
    default: '',
    unit: 'paths, comma-separated',
    about:
      'More files and directories that commands in a sandbox cannot see, in addition to the data directory and the files of the operator (docs/operate/isolation.md).',
  },
  EXECUTION_CREDITS_FILE: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about:
      'Credits file: prices of executions (docs/operate/credits.md). JSON or YAML. Unset: credits are off and everything is free.',
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
    about: 'Time between the stop signal of an execution and SIGKILL, unless the request sets stop.grace_ms.',
  },
  EXECUTION_MAX_KILL_GRACE_MS: {
    schema: whole(0, MOST_GRACE_MS),
    default: '60000',
    unit: 'milliseconds',
    about:
      'Largest stop.grace_ms of a request. A shutdown of execd can take this long after EXECUTION_DRAIN_SECS.',
  },
  EXECUTION_MAX_OUTPUT_BYTES: {
    schema: whole(0, 1024 * GIB),
    default: '10485760',
    unit: 'bytes',
    about:
      'Most bytes that the log keeps of one attempt, both streams together; also the largest output.max_bytes of a request.',
  },
  EXECUTION_OVERSIZED_OUTPUT: {
    schema: z.enum(['truncate', 'fail', 'spool']),
    default: 'truncate',
    unit: 'truncate | fail | spool',
    about: 'The default of output.oversized: the effect of more output.',
  },
  EXECUTION_RESULT_BYTES: {
    schema: whole(0, MAX_RESULT_BYTES),
    default: '65536',
    unit: 'bytes',
    about:
      'Most bytes of a result, unless the request sets output.result_bytes: the last bytes of each stream of a command, or the first bytes of the body of an HTTP response. The log has the rest.',
  },
  EXECUTION_STREAM_OUTPUT: {
    schema: flag,
    default: 'true',
    unit: 'true | false',
    about: 'Allow clients to follow output while a command runs. The log can always be read after the end.',
  },
  EXECUTION_MAX_STREAMS: {
    schema: whole(1, 1_000_000),
    default: '10000',
    unit: 'connections',
    about: 'Most open streams of events (docs/reference/events.md). execd rejects more with 429.',
  },
  EXECUTION_EVENT_HANDLERS: {
    schema: z
      .string()
      .transform((text) => (text === 'none' ? [] : commaSeparated(text)))
      .pipe(
        z.array(
          z.enum(
            ['logging', 'metrics', 'webhook'],
            'must be none, or a comma-separated list of logging, metrics, webhook',
          ),
        ),
      ),
    default: 'logging,metrics',
    unit: 'none, or a comma-separated list of logging, metrics, webhook',
    about:
      'The receivers of events: the log, the metrics, and a webhook of the operator for all users. Without metrics, /metrics counts no executions.',
  },
  EXECUTION_EVENT_WEBHOOK_URL: {
    schema: httpUrl.optional(),
    default: undefined,
    unit: 'URL',
    about: 'URL to which the handler "webhook" sends events (docs/reference/webhooks.md).',
  },
  EXECUTION_EVENT_WEBHOOK_SECRET_FILE: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about: 'File with the secret that signs these events: whsec_ and the base64 of 24 to 64 bytes.',
  },
  EXECUTION_EVENT_WEBHOOK_EVENTS: {
    schema: z.string().transform(commaSeparated).pipe(standingWebhookEvents),
    default: 'completed,failed,cancelled,timed_out',
    unit: 'events, comma-separated',
    about: 'Events that the handler "webhook" sends.',
  },
  EXECUTION_EVENT_WEBHOOK_RESULT: {
    schema: flag,
    default: 'false',
    unit: 'true | false',
    about: 'Whether the last event of an execution that the handler "webhook" sends includes its result.',
  },
  EXECUTION_WEBHOOK_TIMEOUT_MS: {
    schema: whole(10, 300_000),
    default: '15000',
    unit: 'milliseconds',
    about: 'How long the receiver of a webhook may take to respond.',
  },
  EXECUTION_WEBHOOK_MAX_CONCURRENT: {
    schema: whole(1, 10_000),
    default: '128',
    unit: 'requests',
    about: 'Most webhook deliveries at a time; at most half of them for one user, and 8 for one receiver.',
  },
  EXECUTION_WEBHOOK_MAX_PENDING: {
    schema: whole(0, 10_000_000),
    default: '100000',
    unit: 'deliveries',
    about: 'Most deliveries of one user that wait. execd drops and counts more.',
  },
  EXECUTION_MAIL_URL: {
    schema: mailServer.optional(),
    default: undefined,
    unit: 'smtp or smtps URL',
    about:
      'Mail server to which webhooks send mail, such as smtp://execd@mail.example.com:587 (docs/reference/webhooks.md). smtp uses STARTTLS if the server offers it, and always with a password. Unset: no mail.',
  },
  EXECUTION_MAIL_PASSWORD_FILE: {
    schema: path.optional(),
    default: undefined,
    unit: 'path',
    about: 'File with the password for the user of EXECUTION_MAIL_URL. Read for each mail.',
  },
  EXECUTION_MAIL_FROM: {
    schema: z
      .string()
      .refine((text) => senderOf(text) !== null, 'must be an address, or a name and an address in <>')
      .optional(),
    default: undefined,
    unit: 'address',
    about: 'Sender of the mail: an address, or a name and an address, such as execd <execd@example.com>.',
  },
  EXECUTION_MAIL_DOMAINS: {
    schema: z
      .string()
      .transform((text) => commaSeparated(text.toLowerCase()))
      .refine(
        (all) => all.every((one) => one === '*' || isDomain(one)),
        'must be domains, such as example.com, or *',
      ),
    default: '',
    unit: 'domains, comma-separated, or *',
    about: 'Domains of addresses to which webhooks may send mail; subdomains count as others. *: all.',
  },
  EXECUTION_MAIL_PER_HOUR: {
    schema: whole(1, 1_000_000),
    default: '100',
    unit: 'recipients',
    about: 'Most recipients of mail of one user in an hour. More mail waits.',
  },
  EXECUTION_SPOOL_MAX_BYTES: {
    schema: whole(0, 1024 * GIB),
    default: '1073741824',
    unit: 'bytes',
    about: 'Most bytes that the log keeps of one attempt with output.oversized "spool".',
  },
  EXECUTION_OPEN_FILES: {
    schema: whole(16, 2_147_483_647).optional(),
    default: undefined,
    unit: 'files',
    about:
      'Soft limit of open files of commands, unless limits.open_files sets it. Unset: the limit with which execd was started, as far as its parent processes show it, else 1024. It is never above the hard limit.',
  },
  EXECUTION_LIMIT_CPU_S: {
    schema: whole(1, 365 * DAY).optional(),
    default: undefined,
    unit: 'seconds',
    about:
      'Most CPU time of all processes of an execution (docs/concepts/executions.md): the default and the maximum of limits.cpu_s. Unset: no limit.',
  },
  EXECUTION_LIMIT_MEMORY_BYTES: {
    schema: whole(1024 * 1024, 1024 * GIB).optional(),
    default: undefined,
    unit: 'bytes',
    about:
      'Most memory of all processes of an execution: the default and the maximum of limits.memory_bytes. Unset: no limit.',
  },
  EXECUTION_LIMIT_PROCESSES: {
    schema: whole(1, 4_194_304).optional(),
    default: undefined,
    unit: 'processes',
    about:
      'Most processes of an execution at a time: the default and the maximum of limits.processes. Unset: no limit.',
  },
  EXECUTION_LIMIT_FILE_BYTES: {
    schema: whole(0, 1024 * GIB).optional(),
    default: undefined,
    unit: 'bytes',
    about:
      'Largest file that a command may write: the default and the maximum of limits.file_bytes. Unset: no limit.',
  },
  EXECUTION_LIMIT_OPEN_FILES: {
    schema: whole(4, 1_048_576).optional(),
    default: undefined,
    unit: 'files',
    about:
      'Most open files of each process: the default and the maximum of limits.open_files. Unset: no limit.',
  },
  EXECUTION_LIMIT_DISK_BYTES: {
    schema: whole(65_536, 1024 * GIB).optional(),
    default: undefined,
    unit: 'bytes',
    about:
      'Most bytes in the private directory of an execution: the default and the maximum of limits.disk_bytes. Unset: no limit.',
  },
  EXECUTION_AUTO_CLEANUP: {
    schema: flag,
    default: 'true',
    unit: 'true | false',
    about: 'Remove finished executions automatically.',
  },
  EXECUTION_CLEANUP_INTERVAL: {
    schema: whole(1, DAY),
    default: '300',
    unit: 'seconds',
    about: 'Time between two cleanups.',
  },
  EXECUTION_RETENTION_SECS: {
    schema: whole(0, 3650 * DAY),
    default: '3600',
    unit: 'seconds',
    about: 'How long execd keeps an execution and its log after its end, unless it failed or timed out.',
  },
  EXECUTION_FAILED_RETENTION_SECS: {
    schema: whole(0, 3650 * DAY),
    default: '86400',
    unit: 'seconds',
    about:
      'The same for an execution that failed, timed out or was lost, and for a plan with such a step. If it is less than EXECUTION_RETENTION_SECS, that applies.',
  },
  EXECUTION_LOG_RETENTION_SECS: {
    schema: whole(60, 3650 * DAY).optional(),
    default: undefined,
    unit: 'seconds',
    about:
      'Time after the end for which execd keeps the log of an execution that completed or was cancelled, and the logs of all steps of a plan that completed, if it is less than EXECUTION_RETENTION_SECS. Without it, a log goes with its execution.',
  },
  EXECUTION_MAX_DATA_BYTES: {
    schema: whole(0, 1024 * 1024 * GIB),
    default: String(20 * GIB),
    unit: 'bytes',
    about:
      'Most bytes, roughly, of finished executions and their logs in the data directory. Above it, each cleanup also removes executions of the users who keep most: cache hits first, then successes, then failures, the oldest first. execd keeps executions younger than five minutes up to twice this bound.',
  },
  EXECUTION_MAX_STORE_BYTES: {
    schema: whole(0, 1024 * 1024 * GIB),
    default: String(32 * GIB),
    unit: 'bytes',
    about:
      'Most bytes that the executions of all users keep in the store. Above it execd accepts nothing new from users who keep more than an equal part; at twice the bound, from no user.',
  },
  EXECUTION_MAX_LOG_BYTES: {
    schema: whole(0, 1024 * 1024 * GIB),
    default: String(256 * GIB),
    unit: 'bytes',
    about: 'Most bytes of the logs of all users, with the same rule.',
  },
  EXECUTION_MAX_LOGS: {
    schema: whole(0, 1_000_000_000),
    default: '2000000',
    unit: 'logs',
    about: 'Most logs of all users, one for each attempt, a few files each, with the same rule.',
  },
  EXECUTION_MAX_RETAINED: {
    schema: whole(0, 100_000_000),
    default: '100000',
    unit: 'executions',
    about:
      'Most finished executions that execd keeps. Above it, execd removes executions of the user who keeps most: cache hits, then successes, then failures, the oldest first. execd keeps executions younger than five minutes up to twice this number.',
  },
  EXECUTION_MAX_IN_MEMORY: {
    schema: whole(1, 10_000_000),
    default: '1000',
    unit: 'executions',
    about:
      'Most executions that execd keeps in memory. It bounds memory only: execd reads the others from the store.',
  },
  EXECUTION_SYNC_INTERVAL_MS: {
    schema: whole(10, 5000),
    default: '5000',
    unit: 'milliseconds',
    about: 'Longest delay before execd stores output counters of running executions.',
  },
  EXECUTION_DRAIN_SECS: {
    schema: whole(0, 7 * DAY),
    default: '30',
    unit: 'seconds',
    about: 'How long running executions may continue after SIGTERM.',
  },
} as const satisfies Record<string, Setting>;

export interface Setting {
  schema: z.ZodType;
  default: string | undefined;
  unit: string;
  about: string;
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
