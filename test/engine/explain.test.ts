import t from 'tap';
import type { Execution, FinishedExecution } from '../../src/domain/execution/execution.ts';
import { NO_OUTPUT } from '../../src/domain/execution/execution.ts';
import type { NotRetried } from '../../src/domain/execution/explained.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import { LOCAL_CALLER } from '../../src/domain/spec/access.ts';
import type { Kind } from '../../src/domain/kinds.ts';
import { exitCodeWords } from '../../src/engine/explain/exit-codes.ts';
import { whyEnded } from '../../src/engine/explain/why-ended.ts';
import { whyRetried } from '../../src/engine/explain/why-retried.ts';
import { engineWorld } from '../helpers/engine-world.ts';
import { heard } from '../helpers/heard.ts';
import { EXIT_0, newExecution } from '../helpers/records.ts';

const noProcess = (EXIT_0 as Extract<Outcome, { cause: 'exited' }>).process;
const exited = (exitCode: number): Outcome => ({
  ...{ cause: 'exited', exitCode, resultError: null },
  process: { ...noProcess, exitCode },
});
const POLICY = { attempts: 3, multiplier: 1, minMs: 1000, maxMs: 1000, jitter: 0, retryOn: null };

/** An execution that has ended after attempts with these outcomes; its own is the last one. */
function ended(outcomes: readonly Outcome[], more: Partial<Execution> = {}): FinishedExecution {
  const attempts = outcomes.map((outcome, i) => ({
    ...{ number: i + 1, claimedAt: 2000 + i * 1000, startedAt: 2100 + i * 1000, endedAt: 2500 + i * 1000 },
    ...{ runner: 'native', outcome, output: NO_OUTPUT, logComplete: true },
    resources: { cpuMs: 10, maxRssBytes: 1_000_000 },
  }));
  return {
    ...newExecution(),
    ...{
      status: 'failed',
      phase: 'done',
      result: null,
      cancel: null,
      finishedAt: 9000,
      revision: 3,
      eventSequence: 3,
    },
    ...{ outcome: outcomes.at(-1), attempts },
    ...more,
  } as FinishedExecution;
}

t.test('exit codes are said in words, as shells and the AWS CLI mean them', async (t) => {
  const cases: [number, Kind, RegExp | null][] = [
    [1, 'shell', /general error/],
    [2, 'exec', /wrong options/],
    [126, 'shell', /could not execute/],
    [127, 'shell', /did not find/],
    [134, 'shell', /SIGABRT .*heap/],
    [137, 'shell', /128 \+ 9: SIGKILL .*out-of-memory killer/],
    [139, 'exec', /SIGSEGV/],
    [143, 'exec', /SIGTERM/],
    [252, 'aws_cli', /parameter/],
    [253, 'aws_cli', /credentials/],
    [254, 'aws_cli', /AWS received/],
    [42, 'shell', null],
    [254, 'shell', null],
  ];
  for (const [code, kind, words] of cases) {
    const said = exitCodeWords(code, kind);
    if (words === null) t.equal(said, null, `${kind} ${code}`);
    else t.match(said, words, `${kind} ${code}`);
  }
});

t.test('an end names its limit, its signals, its last words and what can be done', async (t) => {
  const process = { ...noProcess, exitCode: null, signal: 'SIGKILL' };
  const sent = [
    { signal: 'SIGTERM', at: 1 },
    { signal: 'SIGKILL', at: 2 },
  ];
  const killed = { ...process, signals: sent, processesFound: 3, forced: true };
  const cases: [Outcome, object][] = [
    [
      {
        ...exited(1),
        network: {
          ...{ connections: 0, sent_bytes: 0, received_bytes: 0 },
          refused: { reasons: { not_listed: 1 }, hosts: [{ host: 'a.org:80', reason: 'not_listed' }] },
        },
      },
      { advice: [/refused connections of the sandbox: a\.org:80 \(not_listed\)/, /end of the log/] },
    ],
    [exited(137), { meaning: /out-of-memory/, limit: null, advice: [/limits\.memory_bytes/] }],
    [
      { cause: 'signalled', signal: 'SIGKILL', process },
      { meaning: /execd did not send it.*out-of-memory/, advice: [/at least 1000000 bytes/, /memory_bytes/] },
    ],
    [
      { cause: 'attempt_timeout', limitMs: 500, process: killed },
      {
        limit: { name: 'timeouts.attempt_ms', value: 500, unit: 'ms' },
        meaning: /SIGTERM, then SIGKILL to 3 processes.*killed/,
        advice: [/timeouts\.attempt_ms/, /PATCH/],
      },
    ],
    [
      { cause: 'idle_timeout', limitMs: 5, process: null },
      { limit: { name: 'timeouts.idle_ms' }, meaning: /wrote nothing/ },
    ],
    [
      { cause: 'queue_timeout', limitMs: 5 },
      { limit: { name: 'timeouts.queue_ms' }, meaning: /Nothing of it has run/ },
    ],
    [
      { cause: 'output_limit', limitBytes: 5, process: null },
      { limit: { name: 'output.max_bytes', unit: 'bytes' } },
    ],
    [
      { cause: 'resource_limit', limit: 'cpu_s', limitValue: 9, process: null },
      { limit: { name: 'limits.cpu_s', value: 9, unit: 's' }, advice: [/EXECUTION_LIMIT_CPU_S/] },
    ],
    [
      { cause: 'lost', detail: 'reboot' },
      { meaning: /retry_safe/, advice: [/retry_safe/] },
    ],
    [{ cause: 'spawn_failed', reason: 'program_not_found', message: 'none' }, { advice: [/PATH/] }],
    [{ cause: 'circuit_open', circuit: 'operation:x', retryAfterMs: 1500 }, { advice: [/Wait 2 s/] }],
  ];
  for (const [outcome, expected] of cases) t.match(whyEnded(ended([outcome])), expected, outcome.cause);
  const result = {
    type: 'tails',
    stdout: 'out\n',
    stderr: `${'x\n'.repeat(20)}\u001b[31mlast\u001b[0m\u001b[2J\u0007\n`,
  } as const;
  const { lastOutput } = whyEnded(ended([exited(1)], { result }));
  t.match(
    lastOutput,
    { stream: 'stderr', text: /^(x\n){9}last\\u0007$/ },
    'no colours, and nothing that moves a cursor',
  );
  t.equal(whyEnded(ended([EXIT_0], { status: 'completed', result })).lastOutput, null);
});

t.test('each attempt says whether it was retried, and by which rule', async (t) => {
  const lost: Outcome = { cause: 'lost', detail: 'reboot' };
  const cases: [string, FinishedExecution, NotRetried][] = [
    ['no block', ended([exited(1)]), 'no_retry_block'],
    ['one attempt', ended([exited(1)], { retry: { ...POLICY, attempts: 1 } }), 'one_attempt'],
    ['completed', ended([EXIT_0], { retry: POLICY, status: 'completed' }), 'completed'],
    ['lost', ended([lost], { retry: POLICY }), 'not_retry_safe'],
    [
      'a limit',
      ended([{ cause: 'output_limit', limitBytes: 5, process: null }], { retry: POLICY }),
      'not_helped',
    ],
    [
      'named others',
      ended([exited(1)], {
        retry: { ...POLICY, retryOn: { causes: [], exitCodes: [75], httpStatuses: [], faults: [] } },
      }),
      'not_in_retry_on',
    ],
    [
      'cancelled',
      ended([{ cause: 'cancelled', reason: null, process: null }], { retry: POLICY }),
      'cancelled',
    ],
    [
      'clock',
      ended([exited(1)], { retry: POLICY, outcome: { cause: 'total_timeout', limitMs: 5, process: null } }),
      'clock_over',
    ],
  ];
  for (const [name, execution, whyNot] of cases)
    t.match(whyRetried(execution), [{ isRetried: false, whyNot }], name);
  const spent = { ...exited(1), exhausted: { attempts: 2, by: 'attempts' } } as Outcome;
  t.match(whyRetried(ended([exited(1), exited(1)], { retry: { ...POLICY, attempts: 2 }, outcome: spent })), [
    { isRetried: true, whyNot: null, waitMs: 500, words: /attempts were left/ },
    { isRetried: false, whyNot: 'attempts_used', words: /retry\.attempts is 2/ },
  ]);
});

t.test('what waits names its place, the limit that holds it and about how long', async (t) => {
  const { engine, submit, runner, clock } = await engineWorld(t, { slots: 1 });
  const why = async ({ id }: Execution) => (await engine.explain(LOCAL_CALLER, id)).waiting;
  const first = await submit();
  await clock.advance(4000);
  runner.live[0]?.end();
  await heard('it has ended', async () => (await engine.get(LOCAL_CALLER, first.id)).phase === 'done');
  await submit();
  const [own, urgent] = [await submit(), await submit({ priority: 5 })];
  const last = await submit({ timeouts: { queue_ms: 60_000 } });
  t.match(await why(urgent), {
    reason: 'no_free_slot',
    position: 0,
    words: /It is the next one/,
    estimateMs: 4000,
  });
  t.match(await why(last), {
    ...{ reason: 'no_free_slot', position: 2, place: { higher: 1, own: 1, others: 0 } },
    words:
      /All 1 process slots are in use \(EXECUTION_MAX_CONCURRENT\)\. Ahead of it: 1 of a higher priority, 1 of the same user/,
    deadline: { name: 'timeouts.queue_ms', at: clock.now() + 60_000 },
    slots: { total: 1, running: 1, meanMs: 4000 },
    estimateMs: 12_000,
  });
  const { summary, rerun, waitedMs } = await engine.explain(LOCAL_CALLER, own.id);
  t.match({ summary, rerun, waitedMs }, { summary: /^It waits\. All 1/, rerun: null, waitedMs: 0 });
  await engine.cancelMany({ userId: LOCAL_CALLER.userId }, null);
});

t.test('the reason in the record is that of the explanation, also where two limits hold it', async (t) => {
  const { engine, submit } = await engineWorld(t, { slots: 1 });
  const concurrency = { key: 'deploy', limit: 1 };
  await submit({ concurrency });
  const [keyed, plain] = [await submit({ concurrency }), await submit()];
  for (const [{ id }, reason] of [
    [keyed, 'concurrency_limit'],
    [plain, 'no_free_slot'],
  ] as const) {
    t.match(await engine.get(LOCAL_CALLER, id), { queue: { reason } });
    t.match(await engine.explain(LOCAL_CALLER, id), { waiting: { reason } });
  }
  await engine.cancelMany({ userId: LOCAL_CALLER.userId }, null);
});

t.test('a retry that is waited for says when it comes', async (t) => {
  const { engine, submit, runner, clock } = await engineWorld(t);
  const { id } = await submit({ retry: { attempts: 2, jitter: 0 } });
  runner.live[0]?.end(exited(1));
  await heard('it waits', async () => (await engine.get(LOCAL_CALLER, id)).phase === 'scheduled_retry');
  const { waiting, attempts } = await engine.explain(LOCAL_CALLER, id);
  t.match(waiting, { reason: 'retry_time', position: null, retryAt: clock.now() + 1000, estimateMs: 1000 });
  t.match(attempts, [{ number: 1, isRetried: true, message: /exited with code 1/ }]);
});

t.test(
  'a miss of the cache names what became of the result, or the field that sets its key apart',
  async (t) => {
    const { engine, submit, runner, clock } = await engineWorld(t);
    runner.onRun = (attempt) => setImmediate(() => attempt.end());
    const run = async (spec: object) => {
      const { id } = await submit(spec);
      await heard('it has ended', async () => (await engine.get(LOCAL_CALLER, id)).phase === 'done');
      return (await engine.explain(LOCAL_CALLER, id)).cache;
    };
    const date = { kind: 'exec', program: 'date', args: ['+%s'], cache: { ttl_s: 60 } };
    t.match(await run(date), { reason: 'first_use', other: null });
    t.match(await run(date), { reason: 'hit', other: { id: String } });
    t.match(await run({ ...date, args: ['+%F'], cwd: '/tmp' }), {
      reason: 'other_key',
      words: /differs in args, cwd/,
      differences: [
        { field: 'args', here: '["+%F"]', there: '["+%s"]' },
        { field: 'cwd', here: '"/tmp"', there: null },
      ],
    });
    t.match(await run({ ...date, timeouts: { attempt_ms: 5 } }), {
      differences: [{ field: 'timeouts.attempt_ms', here: '5', there: '300000' }],
    });
    t.match(await run({ ...date, cache: { ttl_s: 60, salt: 's' } }), {
      differences: [{ field: 'cache.salt' }],
    });
    t.match(await run({ ...date, cache: { mode: 'refresh' } }), { reason: 'not_looked_up' });
    await clock.advance(3_700_000);
    t.match(await run(date), { reason: 'expired', words: /had expired \d+ ms before/ });
    engine.forget({});
    t.match(await run(date), { reason: 'removed' });
    runner.onRun = (attempt) => setImmediate(() => attempt.end(exited(1)));
    const failing = { ...date, program: 'false' };
    await run(failing);
    t.match(await run(failing), { reason: 'not_kept', words: /did not complete/ });
  },
);

t.test('what has ended says what a rerun would do, and another user learns nothing', async (t) => {
  const { engine, submit, runner } = await engineWorld(t);
  runner.onRun = (attempt) => setImmediate(() => attempt.end(exited(127)));
  const { id } = await submit();
  await heard('it has ended', async () => (await engine.get(LOCAL_CALLER, id)).phase === 'done');
  const found = await engine.explain(LOCAL_CALLER, id);
  t.match(found, {
    summary: /^It failed\. The command exited with code 127\. Code 127 means/,
    waiting: null,
    rerun: { refusal: null, begins: 'running', words: /^It would start at once\./ },
  });
  await t.rejects(engine.explain({ ...LOCAL_CALLER, userId: 'eve' }, id), /There is no execution/);
});
