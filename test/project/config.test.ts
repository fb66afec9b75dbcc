import t from 'tap';
import { ConfigError, ignoredNames, loadConfig, shownSettings } from '../../src/config/load.ts';
import { isLoopback } from '../../src/config/settings.ts';

function problems(env: Record<string, string>): readonly string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

t.test('without any setting the defaults are those of the documents', async (t) => {
  t.match(loadConfig({}), {
    EXECUTION_HOST: '127.0.0.1',
    EXECUTION_PORT: 8080,
    EXECUTION_MAX_CONCURRENT: 100,
    EXECUTION_DEFAULT_TIMEOUT: 300,
    EXECUTION_MAX_TIMEOUT: 3600,
    EXECUTION_RETENTION_SECS: 3600,
    EXECUTION_FAILED_RETENTION_SECS: 86_400,
    EXECUTION_MAX_OUTPUT_BYTES: 10_485_760,
    EXECUTION_OVERSIZED_OUTPUT: 'truncate',
    EXECUTION_AUTO_CLEANUP: true,
    EXECUTION_SYNC_INTERVAL_MS: 5000,
    EXECUTION_DRAIN_SECS: 30,
    EXECUTION_API_KEYS_FILE: undefined,
  });
  t.throws(() => Object.assign(loadConfig({}), { EXECUTION_PORT: 1 }), 'it is frozen');
  const alone = /^EXECUTION_ROLE: api requires EXECUTION_DATABASE_URL/;
  t.throws(() => loadConfig({ EXECUTION_ROLE: 'api' }), { message: alone });
  t.throws(() => loadConfig({ EXECUTION_ROLE: 'worker' }), { message: /^EXECUTION_ROLE: .*"?all"?/ });
});

t.test(
  'settings are shown as text, what differs is marked, and a URL says no more than where it leads',
  async (t) => {
    const shown = shownSettings(
      loadConfig({
        EXECUTION_PORT: '9000',
        EXECUTION_EGRESS_ALLOW: '10.0.0.0/8, db',
        EXECUTION_UIDS: '20000-20199',
        EXECUTION_EVENT_WEBHOOK_URL: 'https://hooks.example/T0/secret?x=1',
      }),
    );
    const of = (name: string) => shown.find((one) => one.name === name);
    t.match(of('EXECUTION_PORT'), { value: '9000', is_set: true, unit: 'port' });
    t.match(of('EXECUTION_HOST'), { value: '127.0.0.1', is_set: false });
    t.match(of('EXECUTION_EGRESS_ALLOW'), { value: '10.0.0.0/8,db', is_set: true });
    t.match(of('EXECUTION_UIDS'), { value: '{"first":20000,"count":200}' });
    t.match(of('EXECUTION_METRICS_PORT'), { value: null, is_set: false });
    t.match(of('EXECUTION_EVENT_WEBHOOK_URL'), { value: 'https://hooks.example', is_set: true });
  },
);

t.test('an empty value is as good as none, other names are no concern', async (t) => {
  t.same(loadConfig({ EXECUTION_PORT: '', PATH: '/bin', HOME: '/' }), loadConfig({}));
  t.same(
    loadConfig({ EXECUTION_ID: 'x', EXECUTION_ATTEMPT: '1' }),
    loadConfig({}),
    'it may run inside itself',
  );
});

t.test('a name that does not exist leads to the one that was meant', async (t) => {
  const cases: [string, string][] = [
    ['EXECUTION_MAX_CONCURRENT_OPERATIONS', 'EXECUTION_MAX_CONCURRENT'],
    ['EXECUTION_CACHE_CLEANUP_INTERVALS', 'EXECUTION_CACHE_CLEANUP_INTERVAL'],
    ['EXECUTION_MAX_CONCURENT', 'EXECUTION_MAX_CONCURRENT'],
    ['EXECUTION_PROT', 'EXECUTION_PORT'],
    ['EXECUTION_LOGLEVEL', ''],
    ['EXECUTION_LOG_LEVELS', 'EXECUTION_LOG_LEVEL'],
    ['EXECUTION_TIMEOUT_DEFAULT', 'EXECUTION_DEFAULT_TIMEOUT'],
    ['EXECUTION_DATA', 'EXECUTION_DATA_DIR'],
    ['EXECUTION_XYZZY', ''],
    [`EXECUTION_${'A_'.repeat(10_000)}`, ''],
  ];
  for (const [name, meant] of cases) {
    const [problem = ''] = problems({ [name]: '1' });
    t.match(
      problem,
      meant === '' ? /\(\.env\.example lists all settings\)$/ : `did you mean ${meant}`,
      name.slice(0, 60),
    );
  }
  t.same(
    ignoredNames({
      PORT: '1',
      EXECD_LOG_LEVEL: 'x',
      EXEC_PORT: '2',
      EXECD_RUN: 'x',
      EXECD_HOST: 'x',
      HOME: '/',
    }),
    [
      { name: 'PORT', setting: 'EXECUTION_PORT' },
      { name: 'EXECD_LOG_LEVEL', setting: 'EXECUTION_LOG_LEVEL' },
      { name: 'EXEC_PORT', setting: 'EXECUTION_PORT' },
    ],
  );
  t.same(ignoredNames({ PORT: '1', EXECUTION_PORT: '2' }), []);
  const message = (env: Record<string, string>) => {
    try {
      loadConfig(env);
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };
  t.match(message({ EXECUTION_PORT: 'x' }), /^EXECUTION_PORT: /);
  t.match(
    message({ EXECUTION_PORT: 'x', EXECUTION_ON_LIMIT: 'x' }),
    /^2 problems with the settings:\n {2}EXECUTION_/,
  );
});

t.test('every problem is named with its setting, all in one message', async (t) => {
  const found = problems({
    EXECUTION_PORT: '70000',
    EXECUTION_MAX_CONCURRENT: '-1',
    EXECUTION_PATH: '/bin:bin',
    EXECUTION_ON_LIMIT: 'drop',
    EXECUTION_AUTO_CLEANUP: 'yes',
    EXECUTION_RETENTION_SECS: '1.5',
    EXECUTION_SYNC_INTERVAL_MS: '5001',
    EXECUTION_PROT: '1',
  });
  t.same(found.map((line) => line.slice(0, line.indexOf(':'))).sort(), [
    'EXECUTION_AUTO_CLEANUP',
    'EXECUTION_MAX_CONCURRENT',
    'EXECUTION_ON_LIMIT',
    'EXECUTION_PATH',
    'EXECUTION_PORT',
    'EXECUTION_PROT',
    'EXECUTION_RETENTION_SECS',
    'EXECUTION_SYNC_INTERVAL_MS',
  ]);
});

t.test('a problem says what is wrong, not what the schema is called', async (t) => {
  const found = problems({ EXECUTION_MAX_CONCURRENT: '-1', EXECUTION_ON_LIMIT: 'x', EXECUTION_PATH: 'bin' });
  t.same(found, [
    'EXECUTION_PATH: must be absolute paths (unit: directories, colon-separated)',
    'EXECUTION_MAX_CONCURRENT: must be at least 1, not -1 (unit: executions)',
    'EXECUTION_ON_LIMIT: must be one of "queue", "reject", not "x" (unit: queue | reject)',
  ]);
});

t.test('only addresses of this machine are its loopback', async (t) => {
  for (const host of ['127.0.0.1', 'localhost', '::1', '127.5.5.5']) t.ok(isLoopback(host), host);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.evil.test', 'example.test'])
    t.notOk(isLoopback(host), host);
});

t.test('an identity provider is named whole, and its keys come over https', async (t) => {
  const provider = { EXECUTION_OIDC_ISSUER: 'https://id.test', EXECUTION_OIDC_AUDIENCE: 'execd' };
  t.match(problems(provider), [/EXECUTION_OIDC_JWKS, or none of them/]);
  t.same(problems({ ...provider, EXECUTION_OIDC_JWKS: 'https://id.test/keys' }), []);
  t.same(problems({ ...provider, EXECUTION_OIDC_JWKS: 'http://127.0.0.1:1/keys' }), []);
  t.same(problems({ ...provider, EXECUTION_OIDC_JWKS: '/etc/execd/jwks.json' }), []);
  t.match(problems({ ...provider, EXECUTION_OIDC_JWKS: 'http://id.test/keys' }), [/must be https/]);
});
