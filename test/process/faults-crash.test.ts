// The list of faults: crashes, restarts, damaged stores, clocks and floods. Each test is named as its case.
import { spawn } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { fault } from '../helpers/fault-case.ts';
import { bearer, keysText } from '../helpers/keys.ts';
import { isAlive, until, withEnvironment } from '../helpers/processes.ts';
import { server, start } from '../helpers/server-process.ts';
import { tempDir } from '../helpers/temp.ts';

const MARKED = { labels: { boundary: 'yes' } };
const LOST = { status: 'failed', outcome: { cause: 'lost', detail: 'server_crash' } };
const fixture = (name: string, ...args: string[]) => [
  fileURLToPath(new URL(`../fixtures/${name}.ts`, import.meta.url)),
  ...args,
];

/** How often each line stands in a file. */
function counts(path: string): Map<string, number> {
  const found = new Map<string, number>();
  if (!existsSync(path)) return found;
  for (const line of readFileSync(path, 'utf8').trim().split('\n'))
    found.set(line, (found.get(line) ?? 0) + 1);
  return found;
}

// ------------------------------------------------------------------------------ crash, restart, durability

fault(
  'kill -9 server with 500 queued + 50 running',
  async (t, it) => {
    const dir = tempDir(t);
    const running = {
      kind: 'shell',
      command: `echo $EXECUTION_ID >> ${dir}/began; setsid sleep 600 & sleep 600`,
    };
    const queued = { kind: 'shell', command: `echo $EXECUTION_ID >> ${dir}/ran` };
    const executions = [...Array<object>(50).fill(running), ...Array<object>(500).fill(queued)];
    const answer = await it.post('/v1/executions/batch', { executions });
    const { items } = (await answer.json()) as { items: { execution: { id: string } }[] };
    const ids = items.map(({ execution }) => execution.id);
    for (const id of ids) it.accepted.add(id);
    await until('50 run', () => counts(join(dir, 'began')).size === 50);
    await it.restart();
    t.same(withEnvironment(`${it.dataDir}/work/1/`), [], 'no orphan is alive when it is ready');
    for (const [i, id] of ids.entries()) {
      const end = await it.finished(id);
      t.match(end, i < 50 ? { ...LOST, attempts: { length: 1 } } : { status: 'completed' });
    }
    t.same([...counts(join(dir, 'began')).values()], Array(50).fill(1), 'nothing that ran ran again');
    t.same([...counts(join(dir, 'ran')).values()], Array(500).fill(1), 'what was queued ran once');
  },
  { env: { EXECUTION_MAX_CONCURRENT: '50' } },
);

fault(
  'kill -9 between "accepted" commit and HTTP 202',
  async (t, it) => {
    const ran = join(tempDir(t), 'ran');
    const spec = { kind: 'shell', command: `echo ran >> ${ran}`, ...MARKED };
    const key = { 'idempotency-key': 'once' };
    await t.rejects(it.submit(spec, {}, key));
    await it.died();
    await it.start();
    const { id } = await it.submit(spec, {}, key);
    await it.finished(id);
    t.equal((await it.submit(spec, {}, key)).id, id);
    t.ok((counts(ran).get('ran') ?? 0) <= 1, 'it has run at most once');
    t.equal((await it.all()).filter(({ labels }) => labels.boundary === 'yes').length, 1);
  },
  { program: fixture('killed-at', 'after', 'accept') },
);

fault(
  'kill -9 between child exit and "finished" commit',
  async (t, it) => {
    await Promise.allSettled([it.submit('exit 3', MARKED)]);
    await it.died();
    await it.start();
    const [marked] = (await it.all()).filter(({ labels }) => labels.boundary === 'yes');
    t.match(marked, { ...LOST, attempts: { length: 1 } }, 'no exit code is invented');
  },
  { program: fixture('killed-at', 'after', 'exit') },
);

fault('kill -9 during log append', async (t, it) => {
  for (let round = 0; round < 3; round++) {
    const { id } = await it.begun('exec seq 100000000', { output: { max_bytes: 10_000_000 } });
    await until('it has written', async () => {
      const { output } = await it.get(`/v1/executions/${id}`);
      return output.stdout_bytes > 200_000 * (round + 1);
    });
    await it.restart();
    t.match(await it.finished(id), LOST);
    const log = (await it.log(id)).toString();
    const lines = log.split('\n');
    const last = lines.pop() ?? '';
    t.ok(
      lines.every((line, i) => line === String(i + 1)) && String(lines.length + 1).startsWith(last),
      `${log.length} bytes are a prefix of what was written`,
    );
    const records = (await it.text(`/v1/executions/${id}/logs?format=ndjson`)).trim().split('\n');
    const told = records.map((line) => JSON.parse(line) as { text?: string; complete?: boolean });
    t.equal(told.map(({ text = '' }) => text).join(''), log, 'and so are the records');
    t.equal(told.at(-1)?.complete, false);
  }
});

fault('kill -9 server while a log of what runs cannot be read', async (t, it) => {
  const { id, output } = await it.begun('echo up; sleep 600');
  it.server.signal('SIGKILL');
  await it.died();
  for (const path of [output.log_path ?? '', (output.log_path ?? '').replace(/log$/, 'idx')]) {
    rmSync(path);
    mkdirSync(path);
  }
  await it.start();
  t.match(await it.finished(id), LOST, 'the start does not depend on it');
});

fault(
  'store file truncated, bit-flipped, half record at end, zero-length',
  async (t, it) => {
    for (let i = 0; i < 30; i++) await it.run({ kind: 'exec', program: 'echo', args: ['x'.repeat(2000)] });
    const ids = (await it.all()).map(({ id }) => id);
    it.server.signal('SIGTERM');
    await it.died();
    const db = 'execd.db';
    const { length } = readFileSync(join(it.dataDir, db));
    const flip = (at: number) => (path: string) => {
      const bytes = readFileSync(path);
      bytes[at] = (bytes[at] ?? 0) ^ 0xff;
      writeFileSync(path, bytes);
    };
    const damages: Record<string, (path: string) => void> = {
      truncated: (path) => truncateSync(path, Math.floor(length / 2)),
      'cut by a page': (path) => truncateSync(path, length - 4096),
      'zero-length': (path) => truncateSync(path, 0),
      gone: (path) => rmSync(path),
      'bit-flipped in the header': flip(20),
      'bit-flipped in the schema': flip(105),
      'half a record at the end': (path) => appendFileSync(path, Buffer.alloc(1000, 7)),
      'half a record at the end of the write-ahead log': (path) =>
        appendFileSync(`${path}-wal`, Buffer.alloc(1000, 7)),
    };
    for (const [what, damage] of Object.entries(damages)) {
      const dataDir = join(tempDir(t), 'data');
      cpSync(it.dataDir, dataDir, { recursive: true });
      damage(join(dataDir, db));
      const damaged = start(t, { EXECUTION_DATA_DIR: dataDir, EXECUTION_PORT: '0' });
      const address = () => /"address":"([^"]+)"/.exec(damaged.said.out)?.[1];
      await until('it has started or ended', () => damaged.exit !== null || address() !== undefined);
      if (damaged.exit !== null) {
        t.not(damaged.exit.code, 0, what);
        t.match(damaged.said.err, /^execd: .*(store|database|logs)/, `${what}: ${damaged.said.err}`);
        t.notMatch(damaged.said.err, / {4}at /);
        continue;
      }
      for (const id of ids) {
        const answer = await fetch(`${address()}/v1/executions/${id}`);
        if (answer.status !== 200) t.fail(`${what}: it started, and ${id} is gone`);
      }
      damaged.child.kill('SIGKILL');
    }
    await it.start();
  },
  { isAlone: true },
);

fault(
  'machine reboot: stale pid files, pid now another program',
  async (t, it) => {
    const innocent = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
    t.teardown(() => innocent.kill('SIGKILL'));
    const { id } = await it.begun('echo up; sleep 600');
    it.server.signal('SIGKILL');
    await it.died();
    await until('nothing is left', () => withEnvironment(`${it.dataDir}/work/`).length === 0);
    const db = new DatabaseSync(join(it.dataDir, 'execd.db'));
    db.exec(`UPDATE epochs SET boot_id = 'another'`);
    db.close();
    writeFileSync(join(it.dataDir, 'lock.owner'), `pid ${innocent.pid}`);
    await it.start();
    t.match(await it.finished(id), { status: 'failed', outcome: { cause: 'lost', detail: 'reboot' } });
    t.ok(isAlive(innocent.pid ?? 0), 'nothing is killed by its number');
  },
  { isAlone: true },
);

fault('SIGKILL helper while child runs', async (t, it) => {
  const { id } = await it.begun('setsid sleep 600 & echo up; sleep 600');
  process.kill(await it.hostPid(), 'SIGKILL');
  t.match(await it.finished(id), {
    status: 'failed',
    outcome: { cause: 'lost', detail: 'runner_host_died' },
  });
  t.same(withEnvironment(id), [], 'the tree is swept');
  t.match(await it.run('echo again'), { status: 'completed' });
});

function echoAllowed(t: Test): Record<string, string> {
  const file = join(tempDir(t), 'policy.json');
  writeFileSync(file, rulesText(['/bin/true', '/bin/echo', '/bin/sleep']), { mode: 0o600 });
  return { EXECUTION_POLICY_FILE: file, EXECUTION_MAX_CONCURRENT: '1' };
}
const rulesText = (programs: string[]) =>
  JSON.stringify({ users: { local: { may_run: programs.map((program) => ({ program })) } } });

fault(
  'restart with config that removes a command from policy while queued',
  async (t, it) => {
    const exec = (program: string, ...args: string[]) => it.submit({ kind: 'exec', program, args });
    await exec('/bin/sleep', '600');
    const [removed, kept] = [await exec('/bin/echo', 'hello'), await exec('/bin/true')];
    writeFileSync(it.env.EXECUTION_POLICY_FILE ?? '', rulesText(['/bin/true']));
    await it.restart();
    t.match(await it.finished(removed.id), {
      status: 'failed',
      outcome: { cause: 'denied' },
      output: { stdout_bytes: 0 },
    });
    t.match(await it.finished(kept.id), { status: 'completed' });
  },
  { env: echoAllowed },
);

fault(
  'upgrade N -> N+1 -> rollback N with queued work',
  async (t, it) => {
    await it.run('echo done');
    it.server.signal('SIGTERM');
    await it.died();
    const file = join(it.dataDir, 'execd.db');
    const version = (text: string) => {
      const db = new DatabaseSync(file);
      const row = db.prepare(`PRAGMA user_version${text}`).get() as { user_version: number } | undefined;
      db.close();
      return row?.user_version ?? 0;
    };
    const now = version('');
    version(`= ${now + 1}`);
    const before = readFileSync(file);
    const refused = start(t, { EXECUTION_DATA_DIR: it.dataDir, EXECUTION_PORT: '0' });
    await until('it has ended', () => refused.exit !== null);
    t.not(refused.exit?.code, 0);
    t.match(refused.said.err, /^execd: .*newer/);
    t.ok(readFileSync(file).equals(before), 'the store was not touched');
    version(`= ${now}`);
    await it.start();
  },
  { isAlone: true },
);

// -------------------------------------------------------------------------------------------- exhaustion

fault('event loop blocked 5 s (huge JSON, sync regexp)', async (t, it) => {
  const { id } = await it.begun('echo up; sleep 600');
  // Where the machine is slow it is over before the server stands still; then the rest of the case is tried all the same.
  const late = await it.submit('sleep 600', { timeouts: { attempt_ms: 500 } });
  it.server.signal('SIGSTOP');
  // The clock of an attempt is that of its host.
  await until('it has been stopped', () => withEnvironment(late.id).length === 0);
  it.server.signal('SIGCONT');
  t.match(await it.finished(late.id), { status: 'timed_out', outcome: { cause: 'attempt_timeout' } });
  t.match(await it.get(`/v1/executions/${id}`), { status: 'running' }, 'nothing else has been lost');
  t.equal((await it.finished((await it.submit('true')).id)).attempts.length, 1);
});

fault('ReDoS pattern in success/redaction rule', async (t, it) => {
  // The only patterns that a request can bring are those of conditions.
  const evil = `'${'a'.repeat(200)}!'.matches('(a+)+$')`;
  const long = `plan.params.text.matches('(a|aa)+$')`;
  for (const when of [evil, long, `${evil} || ${evil}`]) {
    const plan = {
      strategy: { type: 'serial' },
      params: { text: `${'a'.repeat(50_000)}!` },
      steps: [{ name: 'one', kind: 'exec', program: 'true', when }],
    };
    const submitted = it.post('/v1/plans', plan, { prefer: 'wait=20' });
    t.equal((await fetch(`${it.url}/livez`)).status, 200, 'others are answered meanwhile');
    const body = (await (await submitted).json()) as { phase?: string; type?: string };
    t.ok(body.phase === 'done' || body.type !== undefined, JSON.stringify(body).slice(0, 200));
  }
});

t.test('queue flood: 1 tenant submits 100k', async (t) => {
  // As many as show it; the turns of users are in test/engine/fairness.test.ts.
  const keys = join(tempDir(t), 'keys.json');
  writeFileSync(keys, keysText({ flood: {}, calm: {} }), { mode: 0o600 });
  const it = await server(t, {
    EXECUTION_DATA_DIR: join(tempDir(t), 'data'),
    EXECUTION_API_KEYS_FILE: keys,
    EXECUTION_USER_MAX_QUEUED: '200',
    EXECUTION_MAX_CONCURRENT: '2',
  });
  const flood = { executions: Array<object>(1000).fill({ kind: 'exec', program: 'sleep', args: ['0.2'] }) };
  const answers = await Promise.all(
    Array.from({ length: 10 }, async () => {
      const answer = await it.post('/v1/executions/batch', flood, bearer('flood'));
      return (await answer.json()) as { items: { status: number; problem?: { type: string } }[] };
    }),
  );
  const items = answers.flatMap((answer) => answer.items);
  const refused = items.filter(({ status }) => status === 429);
  t.ok(items.length - refused.length >= 200 && refused.length > 9000, `${refused.length} are refused`);
  t.match(refused[0], { problem: { type: 'urn:execd:error:user_queue_full' } });
  const more = Array.from({ length: 50 }, () =>
    it.post('/v1/executions', { kind: 'exec', program: 'true' }, bearer('flood')),
  );
  const late = (await Promise.all(more)).find(({ status }) => status === 429);
  t.ok(Number(late?.headers.get('retry-after')) > 0);
  const calm = { ...bearer('calm'), prefer: 'wait=20' };
  const answer = await it.post('/v1/executions', { kind: 'exec', program: 'true' }, calm);
  t.match(await answer.json(), { status: 'completed' });
  const stats = await fetch(`${it.url}/v1/stats`, { headers: bearer('flood') });
  const { executions } = (await stats.json()) as { executions: { pending: number } };
  t.ok(executions.pending > 50, `the other user did not wait for the ${executions.pending} before it`);
});

// ----------------------------------------------------------------------------------------------- clock

const DAY_MS = 86_400_000;

for (const [what, offsetMs] of [
  ['forward', 400 * DAY_MS],
  ['back', -400 * DAY_MS],
] as const) {
  fault(
    `clock jump across restart (${what})`,
    async (t, it) => {
      const ran = join(tempDir(t), 'ran');
      const retried = await it.submit(`echo x >> ${ran}; exit 1`, {
        retry: { attempts: 2, min_ms: 3_600_000, max_ms: 3_600_000, jitter: 0 },
      });
      await until(
        'it waits',
        async () => (await it.get(`/v1/executions/${retried.id}`)).phase === 'scheduled_retry',
      );
      await it.run('echo before');
      it.server.signal('SIGKILL');
      await it.died();
      await it.start({}, fixture('at-another-time', String(offsetMs)));
      t.match(await it.run('echo now'), { status: 'completed' });
      if (offsetMs > 0) t.match(await it.finished(retried.id), { status: 'failed', attempts: { length: 2 } });
      else {
        t.match(await it.get(`/v1/executions/${retried.id}`), { phase: 'scheduled_retry' });
        t.match(await it.cancel(retried.id), { status: 'cancelled' });
      }
      t.equal(counts(ran).get('x'), offsetMs > 0 ? 2 : 1, 'it was tried at most once more');
      await it.restart();
      t.equal(counts(ran).get('x'), offsetMs > 0 ? 2 : 1, 'and not again');
    },
    { isAlone: true },
  );
}

fault(
  'clock jump across restart (retention)',
  async (t, it) => {
    const [first] = await it.all();
    const kept = [await it.run('echo one'), await it.run('echo two')];
    it.server.signal('SIGTERM');
    await it.died();
    const settings = { EXECUTION_MAX_RETAINED: '2', EXECUTION_CLEANUP_INTERVAL: '1' };
    await it.start(settings, fixture('at-another-time', String(400 * DAY_MS)));
    it.accepted.delete(first?.id ?? '');
    await until(
      'a cleanup has removed what is above the count',
      async () => (await fetch(`${it.url}/v1/executions/${first?.id}`)).status === 404,
    );
    for (const { id } of kept) t.match(await it.get(`/v1/executions/${id}`), { status: 'completed' });
    t.same((await it.log(kept[0]?.id ?? '')).toString(), 'one\n', 'with their logs');
    const answer = await it.post('/v1/admin/cleanup');
    t.match(await answer.json(), { removed: 2 }, 'who asks for it has what the clock says');
    for (const { id } of kept) it.accepted.delete(id);
  },
  { isAlone: true },
);

fault(
  'setTimeout > 2^31-1 ms',
  async (t, it) => {
    const month = 30 * 24 * 3600 * 1000;
    for (const clock of ['attempt_ms', 'total_ms', 'queue_ms', 'idle_ms'])
      t.match(await it.refused({ kind: 'exec', program: 'true', timeouts: { [clock]: month } }), {
        status: 400,
        body: { errors: [{ field: `/timeouts/${clock}` }] },
      });
    const week = 7 * 24 * 3600 * 1000;
    const timeouts = { attempt_ms: week, total_ms: week, queue_ms: week, idle_ms: week };
    const { id } = await it.begun('echo up; sleep 600', { timeouts });
    await it.run('sleep 0.1');
    t.match(await it.get(`/v1/executions/${id}`), { status: 'running' }, 'it does not fire at once');
    t.match(await it.cancel(id), { status: 'cancelled' });
  },
  { env: { EXECUTION_MAX_TIMEOUT: '604800', EXECUTION_RETENTION_SECS: '315360000' } },
);
