// A kill of the server at each boundary in the life of an execution. Whatever the moment: what was accepted ends in exactly
// one terminal state, what was queued runs exactly once, and nothing outlives the server. Side effects are the proof: each
// run adds a line to a file. One server brings an execution to each boundary and holds it there; then it is killed, and
// each test looks at one of them in the server after it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { until, withEnvironment } from '../helpers/processes.ts';
import { ofFile } from '../helpers/scope.ts';
import { server, type ServerProcess } from '../helpers/server-process.ts';
import { tempDir } from '../helpers/temp.ts';

/** Boundaries that an execution reaches that has a slot; their commands end at once unless it says otherwise. */
const WITH_A_SLOT: Record<string, string> = {
  'before-accept': '',
  'after-accept_claimed': '',
  'before-start_frame': '',
  'after-start_frame': '',
  'after-fork': '; echo begun; trap "" TERM; sleep 600',
  'after-exit': '',
  'before-settle': '',
  'after-settle': '',
};
const BLOCKERS = 2;
const BLOCKER = { kind: 'exec', program: 'sleep', args: ['600'] };
const SLOTS = { EXECUTION_MAX_CONCURRENT: String(Object.keys(WITH_A_SLOT).length + 1 + BLOCKERS) };

interface Scene {
  next: ServerProcess;
  /** The execution of a case, in the server after the kill. */
  caseOf(name: string): ExecutionWire | undefined;
  /** Submits a case again, with its key; answers its number. */
  again(name: string): Promise<string>;
  /** Lines that the runs of a case have written. */
  runs(name: string): number;
}

let made: Promise<Scene> | null = null;
const scene = () => (made ??= play());

async function play(): Promise<Scene> {
  const t = ofFile();
  const dir = tempDir(t);
  const env = { EXECUTION_DATA_DIR: join(dir, 'data'), ...SLOTS };
  const killed = await server(t, env, { program: ['test/fixtures/held-at.ts'] });
  const specOf = (name: string, boundary: string, more: object = {}) => ({
    kind: 'shell',
    command: `echo ran >> ${join(dir, name)}${WITH_A_SLOT[name] ?? ''}`,
    labels: { case: name, boundary },
    ...more,
  });
  const submit = (to: ServerProcess, name: string, boundary = name, more: object = {}) =>
    to.submit(specOf(name, boundary, more), { 'idempotency-key': name });
  const cancel = (id: string) => killed.post(`/v1/executions/${id}/cancel`);
  /** What asks for something that is held has no answer before the kill. */
  const asked: Promise<unknown>[] = [];
  const ask = (answer: Promise<unknown>) => asked.push(answer.catch(() => undefined));
  const heldAre = (n: number) =>
    until(`${n} are at their boundaries`, () => killed.output().split('held ').length - 1 >= n);

  const blockers: ExecutionWire[] = [];
  for (let i = 0; i < BLOCKERS; i++) blockers.push(await killed.submit(BLOCKER));
  const running = await submit(killed, 'running', 'after-cancel', {
    command: 'trap "" TERM; echo begun; sleep 600',
  });
  await until(
    'it runs',
    async () => (await killed.get(`/v1/executions/${running.id}`)).output.stdout_bytes > 0,
  );
  for (const name of Object.keys(WITH_A_SLOT)) ask(submit(killed, name));
  ask(cancel(running.id));
  const most = Object.keys(WITH_A_SLOT).length + 1;
  await heldAre(most);
  // No slot is free: from here on they are queued.
  ask(submit(killed, 'after-accept'));
  for (const name of ['before-cancel', 'after-cancel']) ask(cancel((await submit(killed, name)).id));
  await heldAre(most + 3);
  await submit(killed, 'after-claim_next', 'after-claim_next', { priority: 1000 });
  ask(cancel(blockers[0]?.id ?? ''));
  await heldAre(most + 4);
  await submit(killed, 'before-claim_next');
  ask(cancel(blockers[1]?.id ?? ''));
  await heldAre(most + 5);
  killed.signal('SIGKILL');
  await killed.ended();
  await Promise.all(asked);

  const next = await server(t, env);
  const { items } = await next.get<{ items: ExecutionWire[] }>('/v1/executions?limit=1000');
  const left = withEnvironment(`${dir}/data/work/1/`);
  if (left.length > 0) throw new Error(`of the killed server there live ${left.join()}`);
  return {
    next,
    caseOf: (name) => items.find(({ labels }) => labels.case === name),
    again: async (name) => (await submit(next, name)).id,
    runs: (name) =>
      existsSync(join(dir, name)) ? readFileSync(join(dir, name), 'utf8').split('\n').length - 1 : 0,
  };
}

t.test(
  'killed before the accept commit: nothing was accepted, and the same request again runs once',
  async (t) => {
    const { next, caseOf, again, runs } = await scene();
    t.equal(caseOf('before-accept'), undefined);
    t.match(await next.finished(await again('before-accept')), { status: 'completed' });
    t.equal(runs('before-accept'), 1);
  },
);

// The case of the list of faults: kill -9 between "accepted" commit and HTTP 202.
t.test(
  'killed after the accept commit, before the answer: the same request again finds it, and it runs once',
  async (t) => {
    const { next, caseOf, again, runs } = await scene();
    const id = await again('after-accept');
    t.equal(id, caseOf('after-accept')?.id);
    t.match(await next.finished(id), { status: 'completed', attempts: [{ number: 1 }] });
    t.equal(runs('after-accept'), 1);
    const { items } = await next.get<{ items: object[] }>('/v1/executions?label=case=after-accept');
    t.equal(items.length, 1);
  },
);

const TWO_ATTEMPTS = [{ number: 1 }, { number: 2 }];
const RUNS_ONCE: [title: string, name: string, attempts: object[]][] = [
  [
    'killed after an accept that took a slot: it had not started, so it runs once, as attempt 2',
    'after-accept_claimed',
    [{ number: 1, outcome: null }, { number: 2 }],
  ],
  [
    'killed before the claim commit: it had not started, so it runs once',
    'before-claim_next',
    [{ number: 1 }],
  ],
  ['killed after the claim commit: it had not started, so it runs once', 'after-claim_next', TWO_ATTEMPTS],
  ['killed before the start frame: it had not started, so it runs once', 'before-start_frame', TWO_ATTEMPTS],
  [
    'killed before the commit of a cancel: it was not acknowledged, and what was queued runs',
    'before-cancel',
    [{ number: 1 }],
  ],
];
for (const [title, name, attempts] of RUNS_ONCE)
  t.test(title, async (t) => {
    const { next, caseOf, runs } = await scene();
    const end = await next.finished(caseOf(name)?.id ?? '');
    t.match(end, { status: 'completed', attempts });
    t.equal(end.attempts.length, attempts.length);
    t.equal(runs(name), 1);
  });

t.test('killed after the start frame: it runs once, or it is lost having run at most once', async (t) => {
  const { next, caseOf, runs } = await scene();
  const end = await next.finished(caseOf('after-start_frame')?.id ?? '');
  if (end.status === 'completed') t.equal(runs('after-start_frame'), 1);
  else {
    t.match(end, { status: 'failed', outcome: { cause: 'lost', detail: 'server_crash' } });
    t.ok(runs('after-start_frame') <= 1);
  }
});

t.test('killed after the fork: it is lost, its processes are dead, and it does not run again', async (t) => {
  const { next, caseOf, runs } = await scene();
  const lost = caseOf('after-fork');
  t.match(lost, {
    status: 'failed',
    outcome: { cause: 'lost', detail: 'server_crash' },
    error: { code: 'E003', type: 'lost', fault: 'system', retryable: false },
    attempts: [{ number: 1 }],
  });
  t.ok(runs('after-fork') <= 1);
  const log = await (await fetch(`${next.url}/v1/executions/${lost?.id}/logs?format=ndjson`)).text();
  t.match(
    JSON.parse(log.trim().split('\n').at(-1) ?? ''),
    { end: true, complete: false },
    'what it wrote can be read',
  );
});

// The first is the case of the list of faults: kill -9 between child exit and "finished" commit.
for (const [title, name] of [
  ['killed after the exit, before the settle commit: the end is not invented, it is lost', 'after-exit'],
  ['killed before the settle commit: it is lost', 'before-settle'],
] as const)
  t.test(title, async (t) => {
    const { caseOf, runs } = await scene();
    const lost = {
      status: 'failed',
      outcome: { cause: 'lost', detail: 'server_crash' },
      attempts: { length: 1 },
    };
    t.match(caseOf(name), lost, 'no exit code is invented');
    t.equal(runs(name), 1);
  });

t.test('killed after the settle commit: the end stays as it is', async (t) => {
  const { caseOf, runs } = await scene();
  t.match(caseOf('after-settle'), { status: 'completed', outcome: { cause: 'exited', exit_code: 0 } });
  t.equal(runs('after-settle'), 1);
});

t.test('killed after the commit of a cancel: it never starts', async (t) => {
  const { caseOf, runs } = await scene();
  t.match(caseOf('after-cancel'), { status: 'cancelled', attempts: [] });
  t.equal(runs('after-cancel'), 0);
});

t.test(
  'killed after the commit of a cancel of what runs: it ends as cancelled, because that came first',
  async (t) => {
    const { caseOf } = await scene();
    t.match(caseOf('running'), { status: 'cancelled', outcome: { cause: 'cancelled', process: null } });
  },
);
