// Limits of resources, and the proof of a stop, as a client meets them.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { PlanWire } from '../../src/http/plans/plan-schemas.ts';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { service, sharedService, type SharedService, shell } from '../helpers/build.ts';
import { bearer, keysFile } from '../helpers/keys.ts';
import { until, withEnvironment } from '../helpers/processes.ts';
import { tempDir } from '../helpers/temp.ts';

interface Refusal {
  type: string;
  errors: { field: string; message: string }[];
}

const NO_LIMITS = {
  cpu_s: null,
  memory_bytes: null,
  processes: null,
  file_bytes: null,
  open_files: null,
  disk_bytes: null,
};
const MANY = 'for i in 1 2 3 4 5 6; do sleep 60 & done; wait';

async function ended(s: SharedService, id: string, headers = {}): Promise<ExecutionWire> {
  for (;;) {
    const { body } = await s.call<ExecutionWire>('GET', `/v1/executions/${id}?wait=30`, undefined, headers);
    if (body.phase === 'done') return body;
  }
}

t.test(
  'what is over a limit is a failure of the command that names the limit, and is not tried again',
  async (t) => {
    const s = await sharedService(t);
    const done = await s.run(
      shell(MANY, { limits: { processes: 3, cpu_s: 100 }, retry: { attempts: 3, min_ms: 1, max_ms: 1 } }),
    );
    t.match(done, {
      status: 'failed',
      outcome: { cause: 'resource_limit', limit: 'processes', limit_value: 3, process: { survivors: 0 } },
      error: {
        code: 'E003',
        type: 'resource_limit',
        fault: 'user',
        retryable: false,
        message: 'Process limit exceeded: 3 processes (limits.processes).',
        details: { cause: 'resource_limit', limit: 'processes', limit_value: 3 },
      },
      attempts: { length: 1 },
    });
    t.same(done.limits, { ...NO_LIMITS, processes: 3, cpu_s: 100 }, 'what applies is shown');
    const { text } = await s.call('GET', '/metrics');
    t.match(text, /^execd_resource_limits_total\{limit="processes"\} 1$/m);
    t.match(
      text,
      /^execd_executions_finished_total\{kind="shell",status="failed",cause="resource_limit",fault="user"\} 1$/m,
    );
  },
);

t.test('it is tried again when the request says so', async (t) => {
  const s = await sharedService(t);
  const retry = { attempts: 2, min_ms: 1, max_ms: 1, retry_on: { causes: ['resource_limit'] } };
  const done = await s.run(shell('head -c 100000 /dev/zero > f', { limits: { file_bytes: 1000 }, retry }));
  t.match(done, {
    error: { code: 'E005' },
    outcome: { cause: 'resource_limit', limit: 'file_bytes', limit_value: 1000 },
    attempts: { length: 2 },
  });
});

t.test('limits are checked strictly, and HTTP calls have none', async (t) => {
  const s = await service(t, { EXECUTION_LIMIT_CPU_S: '50' });
  const refused = async (body: object) => {
    const answer = await s.call<Refusal>('POST', '/v1/executions', body);
    t.equal(answer.status, 400);
    return answer.body.errors.map(({ field }) => field);
  };
  t.same(await refused(shell('true', { limits: { cpu: 1 } })), ['/limits/cpu']);
  t.same(await refused(shell('true', { limits: { cpu_s: 51 } })), ['/limits/cpu_s'], 'over the maximum');
  const wrong = {
    cpu_s: 0,
    memory_bytes: 4096,
    processes: '4',
    file_bytes: -1,
    open_files: 1.5,
    disk_bytes: null,
  };
  t.same(
    (await refused(shell('true', { limits: wrong }))).sort(),
    Object.keys(wrong)
      .map((name) => `/limits/${name}`)
      .sort(),
  );
  t.same(await refused({ kind: 'http', url: 'http://127.0.0.1/', limits: { cpu_s: 1 } }), ['/limits']);
  const none = await s.run(shell('true'));
  t.same(none.limits, { ...NO_LIMITS, cpu_s: 50 }, 'the maximum applies where nothing is said');
  const dry = await s.call('POST', '/v1/executions/dry-run', shell('true', { limits: { processes: 9 } }));
  t.match(dry.body, { policy: { limits: { ...NO_LIMITS, cpu_s: 50, processes: 9 } } });
});

t.test('other limits make another result', async (t) => {
  const s = await sharedService(t);
  const cached = (limits: object) => s.run(shell('ulimit -n', { cache: {}, limits }));
  t.match((await cached({ open_files: 50 })).result, { stdout: '50\n' });
  t.match(await cached({ open_files: 60 }), { cache: { status: 'stored' }, result: { stdout: '60\n' } });
  t.match(await cached({ open_files: 50 }), { cache: { status: 'hit' }, result: { stdout: '50\n' } });
});

t.test(
  'a step and an operation have limits of their own; a request may set those of its operation',
  async (t) => {
    const file = join(tempDir(t), 'operations.json');
    const operations = {
      many: { run: { kind: 'shell', command: MANY }, limits: { processes: 3, open_files: 77 } },
    };
    writeFileSync(file, JSON.stringify({ operations }));
    const s = await service(t, { EXECUTION_OPERATIONS_FILE: file });
    const { body: shown } = await s.call('GET', '/v1/operations/many');
    t.match(shown, { policy: { limits: { ...NO_LIMITS, processes: 3, open_files: 77 } } });
    const own = await s.run({ kind: 'operation', name: 'many' });
    t.match(own, { outcome: { cause: 'resource_limit', limit: 'processes', limit_value: 3 } });
    const other = await s.run({ kind: 'operation', name: 'many', limits: { processes: 2 } });
    t.match(other, { limits: { processes: 2, open_files: 77 }, outcome: { limit_value: 2 } });

    const steps = [
      { name: 'held', kind: 'shell', command: 'ulimit -n; exit $?', limits: { open_files: 44 } },
      { name: 'over', kind: 'shell', command: MANY, limits: { processes: 2 }, depends_on: ['held'] },
    ];
    const { body: plan } = await s.call<PlanWire>('POST', '/v1/plans', {
      strategy: { type: 'dependency_graph' },
      steps,
    });
    await ended(s, plan.id);
    const { body: whole } = await s.call<PlanWire>('GET', `/v1/plans/${plan.id}`);
    const [held, over] = await Promise.all(
      (whole.steps ?? []).map(({ execution_id }) => ended(s, execution_id ?? '')),
    );
    t.match(held, { status: 'completed', result: { stdout: '44\n' }, limits: { open_files: 44 } });
    t.match(over, { outcome: { cause: 'resource_limit', limit: 'processes' } });
    const unknown = await s.call<Refusal>('POST', '/v1/plans', {
      strategy: { type: 'serial' },
      steps: [{ name: 'a', kind: 'shell', command: 'true', limits: { ram: 1 } }],
    });
    t.match(unknown, { status: 400, body: { errors: [{ field: '/steps/0/limits/ram' }] } });
  },
);

t.test('a template of the policy file bounds the limits, and is one where nothing is said', async (t) => {
  const file = join(tempDir(t), 'policy.json');
  const limits = { open_files: 60, processes: 8, grace_ms: 700 };
  const template = { program: '/bin/bash', args: 'any', limits };
  writeFileSync(
    file,
    JSON.stringify({ templates: { sh: template }, users: { ann: { may_run: [{ template: 'sh' }] } } }),
    { mode: 0o600 },
  );
  const keys = keysFile(t, { ann: { may_run: undefined } });
  const s = await service(t, { EXECUTION_API_KEYS_FILE: keys, EXECUTION_POLICY_FILE: file });
  const submit = (limits: object | undefined, stop?: object) =>
    s.call<ExecutionWire & Refusal>(
      'POST',
      '/v1/executions',
      {
        kind: 'exec',
        program: '/bin/bash',
        args: ['-c', 'ulimit -n'],
        ...(limits === undefined ? {} : { limits }),
        ...(stop === undefined ? {} : { stop }),
      },
      bearer('ann'),
    );
  t.match(await submit(undefined, { grace_ms: 701 }), {
    status: 403,
    body: { errors: [{ field: '/stop/grace_ms', message: 'is 701; the policy file allows at most 700' }] },
  });
  const over = await submit({ open_files: 61, processes: 8 });
  t.match(over, {
    status: 403,
    body: {
      errors: [{ field: '/limits/open_files', message: /^is \d+; the policy file allows at most 60$/ }],
    },
  });
  const silent = await ended(s, (await submit(undefined)).body.id, bearer('ann'));
  t.match(silent, { result: { stdout: '60\n' }, limits: { ...NO_LIMITS, open_files: 60, processes: 8 } });
  t.match(silent, { stop: { grace_ms: 700 } });
  const less = await ended(s, (await submit({ open_files: 50, cpu_s: 9 })).body.id, bearer('ann'));
  t.match(less, { result: { stdout: '50\n' }, limits: { open_files: 50, processes: 8, cpu_s: 9 } });
});

t.test('a cancel is visible while it goes on, and proves what it did', async (t) => {
  const s = await sharedService(t);
  const command = 'trap "" TERM; (trap "" TERM; sleep 60; sleep 60) & echo up; while :; do sleep 0.05; done';
  const { body: begun } = await s.call<ExecutionWire>(
    'POST',
    '/v1/executions',
    shell(command, { stop: { grace_ms: 60_000 } }),
  );
  await until('it ignores SIGTERM', async () => {
    const { text } = await s.call('GET', `/v1/executions/${begun.id}/logs`);
    return text === 'up\n';
  });
  await until('all are there', () => withEnvironment(`/${begun.id}/`).length >= 3);
  const before = new Date().toISOString();
  const asked = await s.call<ExecutionWire>('POST', `/v1/executions/${begun.id}/cancel`, {});
  t.match(asked, { status: 202, body: { phase: 'canceling', status: 'running', outcome: null } });
  const { body: seen } = await s.call<ExecutionWire>('GET', `/v1/executions/${begun.id}`);
  t.equal(seen.phase, 'canceling', 'and to who reads it meanwhile');
  await s.call('POST', `/v1/executions/${begun.id}/cancel`, { grace_ms: 400 });
  const done = await ended(s, begun.id);
  t.match(done, {
    status: 'cancelled',
    outcome: {
      process: { signals: [{ signal: 'SIGTERM' }, { signal: 'SIGKILL' }], forced: true, survivors: 0 },
    },
  });
  const proof = done.outcome?.process;
  const [term, kill] = proof?.signals.map(({ at }) => at) ?? [];
  t.ok(before <= (term ?? '') && Date.parse(kill ?? '') - Date.parse(term ?? '') >= 399);
  t.ok((proof?.processes_found ?? 0) >= 3 && (proof?.leftover_processes ?? 0) >= 1);
  t.same(done.attempts.at(-1)?.outcome?.process, proof, 'the attempt has the same');
});

t.test('an execution is told to end as it asks', async (t) => {
  const file = join(tempDir(t), 'operations.json');
  const run = { kind: 'shell', command: 'trap "exit 4" INT; echo up; while :; do sleep 0.05; done' };
  const operation = { run, stop: { signal: 'SIGINT', grace_ms: 40_000 } };
  writeFileSync(file, JSON.stringify({ operations: { patient: operation } }));
  const s = await service(t, {
    ...{ EXECUTION_OPERATIONS_FILE: file, EXECUTION_MAX_KILL_GRACE_MS: '50000' },
  });
  const cancel = (id: string, body: object) =>
    s.call<ExecutionWire & Refusal>('POST', `/v1/executions/${id}/cancel`, body);
  const begin = async (body: object) => {
    const { body: begun } = await s.call<ExecutionWire>('POST', '/v1/executions', body);
    await until('it is ready', async () => {
      const { text } = await s.call('GET', `/v1/executions/${begun.id}/logs`);
      return text.startsWith('up\n');
    });
    return begun;
  };
  const asked = await begin({ kind: 'operation', name: 'patient', stop: { scope: 'main' } });
  t.same(asked.stop, { signal: 'SIGINT', grace_ms: 40_000, scope: 'main' });
  t.match(await cancel(asked.id, { grace_ms: 50_001 }), {
    status: 400,
    body: {
      errors: [
        { field: '/grace_ms', message: 'must be at most 50000 (EXECUTION_MAX_KILL_GRACE_MS), not 50001' },
      ],
    },
  });
  await cancel(asked.id, {});
  t.match(await ended(s, asked.id), {
    status: 'cancelled',
    outcome: { process: { exit_code: 4, signals: { length: 1, 0: { signal: 'SIGINT' } }, forced: false } },
    warnings: [],
  });
  const deaf = await begin(
    shell('trap "" TERM; echo up; while :; do sleep 0.05; done', { stop: { grace_ms: 50_000 } }),
  );
  await cancel(deaf.id, {});
  await cancel(deaf.id, { grace_ms: 0 });
  t.match(await ended(s, deaf.id), {
    status: 'cancelled',
    outcome: { process: { forced: true, output_lost: true } },
    warnings: [{ code: 'output_incomplete' }],
  });
  const late = await s.run(
    shell('exec sleep 60', { timeouts: { attempt_ms: 100 }, stop: { signal: 'SIGHUP' } }),
  );
  t.match(late, { status: 'timed_out', outcome: { process: { signals: [{ signal: 'SIGHUP' }] } } });
  t.same(late.stop, { signal: 'SIGHUP', grace_ms: 1000, scope: 'all' });
  const call = { kind: 'http', url: 'http://127.0.0.1/' };
  const dry = await s.call('POST', '/v1/executions/dry-run', call);
  t.match(dry.body, { policy: { stop: null } });
});

t.test('so does a timeout; an end of its own had no signals', async (t) => {
  const s = await sharedService(t);
  const late = await s.run(shell('exec sleep 60', { timeouts: { attempt_ms: 100 } }));
  t.match(late, {
    status: 'timed_out',
    outcome: { process: { signals: [{ signal: 'SIGTERM' }], processes_found: 1, leftover_processes: 0 } },
  });
  t.equal(late.outcome?.process?.signals.length, 1);
  const own = await s.run(shell('exit 3'));
  t.match(own.outcome?.process, { exit_code: 3, processes_found: 0 });
  t.same(own.outcome?.process?.signals, []);
});
