// A kill of the server at each boundary in the life of an execution. Whatever the moment: what was accepted ends in exactly
// one terminal state, what was queued runs exactly once, and nothing outlives the server. Side effects are the proof: each
// run adds a line to a file.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { ExecutionWire } from '../../src/http/schemas.ts';
import { until, withEnvironment } from '../helpers/processes.ts';
import { server, type ServerProcess } from '../helpers/server-process.ts';
import { tempDir } from '../helpers/temp.ts';

interface Scene {
  dir: string;
  /** Lines that the runs have written. */
  runs(): number;
  /** The execution at the boundary. */
  spec: object;
}

function scene(t: Test, more: object = {}): Scene {
  const dir = tempDir(t);
  const file = join(dir, 'runs');
  return {
    dir,
    runs: () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0),
    spec: { kind: 'shell', command: `echo ran >> ${file}`, labels: { boundary: 'yes' }, ...more },
  };
}

const env = (dir: string, more: Record<string, string> = {}) => ({
  EXECUTION_DATA_DIR: join(dir, 'data'),
  ...more,
});

/** Starts the server that kills itself, lets `play` bring it there, and starts a plain one on the same data. */
async function survive(
  t: Test,
  { dir }: Scene,
  boundary: string,
  settings: Record<string, string>,
  play: (server: ServerProcess) => Promise<unknown>,
): Promise<ServerProcess> {
  const killed = await server(t, env(dir, settings), {
    program: ['test/fixtures/killed-at.ts', ...boundary.split(' ')],
  });
  await Promise.allSettled([play(killed)]);
  const { signal } = await killed.ended();
  t.equal(signal, 'SIGKILL', 'it was killed at the boundary');
  const next = await server(t, env(dir, settings));
  t.same(
    withEnvironment(`${dir}/data/work/1/`),
    [],
    'nothing of the killed server is alive once the next one is ready',
  );
  return next;
}

async function all(server: ServerProcess): Promise<ExecutionWire[]> {
  return (await server.get<{ items: ExecutionWire[] }>('/v1/executions')).items;
}

/** The one execution with the label. */
async function marked(server: ServerProcess): Promise<ExecutionWire | undefined> {
  const { items } = await server.get<{ items: ExecutionWire[] }>('/v1/executions?label=boundary=yes');
  if (items.length > 1) throw new Error('there are several');
  return items[0];
}

const KEY = { 'idempotency-key': 'once' };
const ONE_SLOT = { EXECUTION_MAX_CONCURRENT: '1' };
const BLOCKER = { kind: 'exec', program: 'sleep', args: ['600'] };

t.test(
  'killed before the accept commit: nothing was accepted, and the same request again runs once',
  async (t) => {
    const s = scene(t);
    const next = await survive(t, s, 'before accept', {}, (killed) => killed.submit(s.spec, KEY));
    t.same(await all(next), []);
    const { id } = await next.submit(s.spec, KEY);
    t.match(await next.finished(id), { status: 'completed' });
    t.equal(s.runs(), 1);
  },
);

t.test(
  'killed after the accept commit, before the answer: the same request again finds it, and it runs once',
  async (t) => {
    const s = scene(t);
    const next = await survive(t, s, 'after accept', ONE_SLOT, async (killed) => {
      await killed.submit(BLOCKER);
      await killed.submit(s.spec, KEY);
    });
    const { id } = await next.submit(s.spec, KEY);
    t.equal(id, (await marked(next))?.id);
    t.match(await next.finished(id), { status: 'completed', attempts: [{ number: 1 }] });
    t.equal(s.runs(), 1);
    t.equal((await all(next)).length, 2);
  },
);

t.test(
  'killed after an accept that took a slot: it had not started, so it runs once, as attempt 2',
  async (t) => {
    const s = scene(t);
    const next = await survive(t, s, 'after accept_claimed', {}, (killed) => killed.submit(s.spec));
    const { id } = (await marked(next)) as ExecutionWire;
    t.match(await next.finished(id), {
      status: 'completed',
      attempts: [{ number: 1, outcome: null }, { number: 2 }],
    });
    t.equal(s.runs(), 1);
  },
);

for (const when of ['before', 'after'] as const) {
  t.test(`killed ${when} the claim commit: it had not started, so it runs once`, async (t) => {
    const s = scene(t);
    const next = await survive(t, s, `${when} claim_next`, ONE_SLOT, async (killed) => {
      const blocker = await killed.submit(BLOCKER);
      await killed.submit(s.spec);
      await killed.post(`/v1/executions/${blocker.id}/cancel`);
    });
    const { id } = (await marked(next)) as ExecutionWire;
    const end = await next.finished(id);
    t.match(end, { status: 'completed' });
    t.equal(end.attempts.length, when === 'before' ? 1 : 2);
    t.equal(s.runs(), 1);
  });
}

t.test('killed before the start frame: it had not started, so it runs once', async (t) => {
  const s = scene(t);
  const next = await survive(t, s, 'before start_frame', {}, (killed) => killed.submit(s.spec));
  const { id } = (await marked(next)) as ExecutionWire;
  t.match(await next.finished(id), { status: 'completed', attempts: [{ number: 1 }, { number: 2 }] });
  t.equal(s.runs(), 1);
});

t.test('killed after the start frame: it runs once, or it is lost having run at most once', async (t) => {
  const s = scene(t);
  const next = await survive(t, s, 'after start_frame', {}, (killed) => killed.submit(s.spec));
  const { id } = (await marked(next)) as ExecutionWire;
  const end = await next.finished(id);
  if (end.status === 'completed') t.equal(s.runs(), 1);
  else {
    t.match(end, { status: 'failed', outcome: { cause: 'lost', detail: 'server_crash' } });
    t.ok(s.runs() <= 1);
  }
});

t.test('killed after the fork: it is lost, its processes are dead, and it does not run again', async (t) => {
  const s = scene(t);
  const spec = {
    ...s.spec,
    command: `${(s.spec as { command: string }).command}; echo begun; trap "" TERM; sleep 600`,
  };
  const next = await survive(t, s, 'after fork', {}, (killed) => killed.submit(spec));
  const lost = (await marked(next)) as ExecutionWire;
  t.match(lost, {
    status: 'failed',
    outcome: { cause: 'lost', detail: 'server_crash' },
    error: { code: 'E003', type: 'lost', fault: 'system', retryable: false },
    attempts: [{ number: 1 }],
  });
  t.ok(s.runs() <= 1);
  const log = await (await fetch(`${next.url}/v1/executions/${lost.id}/logs?format=ndjson`)).text();
  t.match(
    JSON.parse(log.trim().split('\n').at(-1) ?? ''),
    { end: true, complete: false },
    'what it wrote can be read',
  );
});

t.test('killed after the exit, before the settle commit: the end is not invented, it is lost', async (t) => {
  const s = scene(t);
  const next = await survive(t, s, 'after exit', {}, (killed) => killed.submit(s.spec));
  t.match(await marked(next), { status: 'failed', outcome: { cause: 'lost' } });
  t.equal(s.runs(), 1);
});

t.test('killed before the settle commit: it is lost', async (t) => {
  const s = scene(t);
  const next = await survive(t, s, 'before settle', {}, (killed) => killed.submit(s.spec));
  t.match(await marked(next), { status: 'failed', outcome: { cause: 'lost' } });
  t.equal(s.runs(), 1);
});

t.test('killed after the settle commit: the end stays as it is', async (t) => {
  const s = scene(t);
  const next = await survive(t, s, 'after settle', {}, (killed) => killed.submit(s.spec));
  t.match(await marked(next), { status: 'completed', outcome: { cause: 'exited', exit_code: 0 } });
  t.equal(s.runs(), 1);
});

t.test(
  'killed before the commit of a cancel: it was not acknowledged, and what was queued runs',
  async (t) => {
    const s = scene(t);
    const next = await survive(t, s, 'before cancel', ONE_SLOT, async (killed) => {
      await killed.submit(BLOCKER);
      const { id } = await killed.submit(s.spec);
      await killed.post(`/v1/executions/${id}/cancel`);
    });
    const { id } = (await marked(next)) as ExecutionWire;
    t.match(await next.finished(id), { status: 'completed' });
    t.equal(s.runs(), 1);
  },
);

t.test('killed after the commit of a cancel: it never starts', async (t) => {
  const s = scene(t);
  const next = await survive(t, s, 'after cancel', ONE_SLOT, async (killed) => {
    await killed.submit(BLOCKER);
    const { id } = await killed.submit(s.spec);
    await killed.post(`/v1/executions/${id}/cancel`);
  });
  t.match(await marked(next), { status: 'cancelled', attempts: [] });
  t.equal(s.runs(), 0);
});

t.test(
  'killed after the commit of a cancel of what runs: it ends as cancelled, because that came first',
  async (t) => {
    const s = scene(t);
    const spec = { ...s.spec, command: 'trap "" TERM; echo begun; sleep 600' };
    const next = await survive(t, s, 'after cancel', {}, async (killed) => {
      const { id } = await killed.submit(spec);
      await until('it runs', async () => (await killed.get(`/v1/executions/${id}`)).output.stdout_bytes > 0);
      await killed.post(`/v1/executions/${id}/cancel`);
    });
    t.match(await marked(next), { status: 'cancelled', outcome: { cause: 'cancelled', process: null } });
  },
);
