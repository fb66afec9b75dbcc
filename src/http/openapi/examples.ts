// Request bodies that /docs offers to try. Each works against a server with default settings; a test sends them all.
type Examples = Readonly<Record<string, { summary: string; value: unknown }>>;

const hello = { kind: 'shell', command: 'echo hello' };
const cached = { kind: 'shell', command: 'date', cache: { ttl_s: 60 } };
const plan = {
  strategy: { type: 'serial' },
  steps: [
    { name: 'build', kind: 'shell', command: 'echo 1.2.3' },
    {
      name: 'report',
      kind: 'shell',
      command: 'echo built ${steps.build.stdout | quote}',
      run_if: 'always',
    },
  ],
};

const specs: Examples = {
  shell: { summary: 'A shell command', value: hello },
  exec: { summary: 'A program', value: { kind: 'exec', program: 'uname', args: ['-a'] } },
  script: {
    summary: 'A script, with a time limit and retries',
    value: {
      kind: 'script',
      interpreter: 'sh',
      source: 'echo "run by $USER"\nexit 0\n',
      timeouts: { attempt_ms: 10_000 },
      retry: { attempts: 2 },
    },
  },
  http: {
    summary: 'An HTTP call',
    value: { kind: 'http', url: 'https://example.com/', expect: { statuses: ['2xx'] } },
  },
  json: {
    summary: 'A command whose output becomes the result',
    value: { kind: 'shell', command: 'echo \'{"answer": 42}\'', output: { parse: 'json' } },
  },
};

const only = (summary: string, value: unknown): Examples => ({ example: { summary, value } });

const EXAMPLES: Readonly<Record<string, Examples>> = {
  submitExecution: specs,
  dryRunExecution: specs,
  runExecution: only('A command that ends when its client disconnects', {
    ...{ kind: 'shell', command: 'echo hello', on_disconnect: 'cancel' },
  }),
  submitBatch: only('Two commands', {
    executions: [hello, { ...hello, command: 'echo again', idempotency_key: 'example-1' }],
  }),
  rerunExecution: only('As it was', {}),
  rerunPlan: only('With another parameter', { params: { version: '1.2.4' } }),
  redrivePlan: only('With another parameter', { params: { version: '1.2.4' } }),
  putOperation: only('A greeting', {
    description: 'Prints a greeting.',
    params: { properties: { who: { type: 'string' } }, required: ['who'] },
    run: { kind: 'exec', program: 'echo', args: ['hello {{who}}'] },
  }),
  updateExecution: only('More time', { timeouts: { attempt_ms: 600_000 } }),
  cancelExecution: only('With a reason', { reason: 'no longer needed' }),
  signalExecution: only('Reload', { signal: 'SIGHUP', scope: 'main' }),
  cancelExecutions: only('By label', { labels: { team: 'web' }, reason: 'no longer needed' }),
  putCacheEntry: only('A value for an hour', { value: { rows: 3 }, ttl_s: 3600 }),
  warmCache: only('One result', { executions: [cached] }),
  submitPlan: only('Two steps', plan),
  validatePlan: only('Two steps', plan),
  sendSignal: only('With a payload', { payload: { version: '1.2.3' } }),
  decide: only('An approval with a comment', { decision: 'approve', comment: 'looks good' }),
  createDecisionLinks: only('Links for an hour', { expires_s: 3600 }),
  pause: only('With a reason', { reason: 'the database is being moved' }),
  drainRunner: only('With a reason', { reason: 'a kernel update' }),
  cancelPlan: only('With a reason', { reason: 'no longer needed' }),
  createSchedule: {
    nightly: {
      summary: 'A command each night',
      value: { name: 'nightly', cron: '0 2 * * *', timezone: 'Europe/Berlin', execution: hello },
    },
  },
  putSchedule: only('A plan every five minutes, one after the other', { every_ms: 300_000, overlap: 'queue', plan }),
  createWebhook: {
    example: { summary: 'All ends', value: { url: 'https://example.com/hooks/execd', events: ['completed', 'failed'] } },
    slack: {
      summary: 'A message to Slack when the third in a row has failed',
      value: { url: 'https://hooks.slack.com/services/T0/B0/x', when: 'failures == 3', template: 'slack' },
    },
  },
  previewWebhook: only('The third failure in a row', { failures: 3, previous: 'failed' }),
  rotateWebhookSecret: only('Both secrets for an hour', { keep_old_s: 3600 }),
  grantCredits: only('A thousand credits', { amount: 1000, note: 'first month' }),
  createKey: only('A key for one user', {
    user: 'alice',
    scopes: ['submit', 'read', 'cancel'],
    may_run: 'any',
    description: 'laptop',
  }),
  rotateKey: only('Both keys for an hour', { overlap_s: 3600 }),
};

export function examplesOf(operationId: string): Examples | undefined {
  return EXAMPLES[operationId];
}
