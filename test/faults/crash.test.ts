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
import { type Service, service, shell } from '../helpers/build.ts';
import { fault, type Victim } from '../helpers/fault-case.ts';
import { bearer, keysFile } from '../helpers/keys.ts';
import { isAlive, until, withEnvironment } from '../helpers/processes.ts';
import type { Lifetime } from '../helpers/scope.ts';
import { start } from '../helpers/server-process.ts';
import { tempDir } from '../helpers/temp.ts';

const DB = 'execd.db';
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

const RUNNING = 10;
const QUEUED = 60;

fault(
  'kill -9 server with 500 queued + 50 running; kill -9 during log append; ... while a log of what runs cannot be read',
  async (t, it) => {
    // As many as show it; thousands are in test/long/kill-loop.ts.
    const dir = tempDir(t);
    const unreadable = await it.begun('echo up; sleep 600');
    const running = {
      kind: 'shell',
      command: `echo $EXECUTION_ID >> ${dir}/began; setsid sleep 600 & sleep 600`,
    };
    const answer = await it.post('/v1/executions/batch', { executions: Array(RUNNING).fill(running) });
    const { items } = (await answer.json()) as { items: { execution: { id: string } }[] };
    const ids = items.map(({ execution }) => execution.id);
    await until('all of them run', () => counts(join(dir, 'began')).size === RUNNING);
    const writing = await it.begun('for ((i = 1; ; i++)); do echo $i; done');
    const queued = { kind: 'shell', command: `echo $EXECUTION_ID >> ${dir}/ran` };
    const more = await it.post('/v1/executions/batch', { executions: Array(QUEUED).fill(queued) });
    const { items: behind } = (await more.json()) as { items: { execution: { id: string } }[] };
    for (const { execution } of behind) ids.push(execution.id);
    for (const id of ids) it.accepted.add(id);
    await until('it has written', async () => {
      const { output } = await it.get(`/v1/executions/${writing.id}`);
      return output.stdout_bytes > 100_000;
    });
    it.server.signal('SIGKILL');
    await it.died();
    const log = unreadable.output.log_path ?? '';
    for (const path of [log, log.replace(/log$/, 'idx')]) {
      rmSync(path);
      mkdirSync(path);
    }
    await it.start();
    t.same(withEnvironment(`${it.dataDir}/work/1/`), [], 'no orphan is alive when it is ready');
    for (const [i, id] of ids.entries()) {
      const end = await it.finished(id);
      t.match(end, i < RUNNING ? { ...LOST, attempts: { length: 1 } } : { status: 'completed' });
    }
    t.same([...counts(join(dir, 'began')).values()], Array(RUNNING).fill(1), 'nothing that ran ran again');
    t.same([...counts(join(dir, 'ran')).values()], Array(QUEUED).fill(1), 'what was queued ran once');
    t.match(await it.finished(unreadable.id), LOST, 'the start does not depend on its log');
    t.match(await it.finished(writing.id), LOST);
    await isPrefix(t, it, writing.id);
  },
  { env: { EXECUTION_MAX_CONCURRENT: String(RUNNING + 2) } },
);

/** The log of an execution that counted up is a prefix of what it wrote. */
async function isPrefix(t: Test, it: Victim, id: string): Promise<void> {
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

// That a start that fails ends the process with a message and no trace is shown below, by a store that is newer.
t.test('store file truncated, bit-flipped, half record at end, zero-length', async (t) => {
  const whole = await service(t);
  const ids: string[] = [];
  for (let i = 0; i < 30; i++)
    ids.push((await whole.run({ kind: 'exec', program: 'echo', args: ['x'.repeat(2000)] })).id);
  await whole.stop();
  const { length } = readFileSync(join(whole.dataDir, DB));
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
    cpSync(whole.dataDir, dataDir, { recursive: true });
    damage(join(dataDir, DB));
    let s: Service;
    try {
      s = await service(t, { EXECUTION_DATA_DIR: dataDir });
    } catch (error) {
      t.match((error as Error).message, /store|database|logs/, `${what}: ${(error as Error).message}`);
      continue;
    }
    for (const id of ids)
      if ((await s.call('GET', `/v1/executions/${id}`)).status !== 200)
        t.fail(`${what}: it started, and ${id} is gone`);
    await s.stop();
  }
});

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

function echoAllowed(t: Lifetime): Record<string, string> {
  const file = join(tempDir(t), 'policy.json');
  writeFileSync(file, rulesText(['/bin/true', '/bin/echo', '/bin/sleep']), { mode: 0o600 });
  return { EXECUTION_POLICY_FILE: file, EXECUTION_MAX_CONCURRENT: '1' };
}
const rulesText = (programs: string[]) =>
  JSON.stringify({ users: { local: { may_run: programs.map((program) => ({ program })) } } });

/** Changes the store of a server that does not run. */
function change(dataDir: string, sql: string): Record<string, unknown> {
  const db = new DatabaseSync(join(dataDir, DB));
  const row = db.prepare(sql).get();
  db.close();
  return row ?? {};
}

// Three things happen to the same data while no server runs on it.
fault(
  'upgrade N -> N+1 -> rollback N with queued work; machine reboot: stale pid files, pid now another program; restart with config that removes a command from policy while queued',
  async (t, it) => {
    const innocent = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
    t.teardown(() => innocent.kill('SIGKILL'));
    const exec = (program: string, ...args: string[]) => it.submit({ kind: 'exec', program, args });
    const running = await exec('/bin/sleep', '600');
    const [removed, kept] = [await exec('/bin/echo', 'hello'), await exec('/bin/true')];
    await until('it runs', () => withEnvironment(running.id).length > 0);
    it.server.signal('SIGKILL');
    await it.died();
    await until('nothing is left', () => withEnvironment(`${it.dataDir}/work/`).length === 0);

    const now = Number(change(it.dataDir, 'PRAGMA user_version').user_version);
    change(it.dataDir, `PRAGMA user_version = ${now + 1}`);
    const before = readFileSync(join(it.dataDir, DB));
    const refused = start(t, { EXECUTION_DATA_DIR: it.dataDir, EXECUTION_PORT: '0' });
    await until('it has ended', () => refused.exit !== null);
    t.not(refused.exit?.code, 0);
    t.match(refused.said.err, /^execd: .*newer/);
    t.notMatch(refused.said.err, / {4}at /);
    t.ok(readFileSync(join(it.dataDir, DB)).equals(before), 'the store was not touched');
    change(it.dataDir, `PRAGMA user_version = ${now}`);

    change(it.dataDir, `UPDATE epochs SET boot_id = 'another'`);
    writeFileSync(join(it.dataDir, 'lock.owner'), `pid ${innocent.pid}`);
    writeFileSync(it.env.EXECUTION_POLICY_FILE ?? '', rulesText(['/bin/true']));
    await it.start();
    t.match(await it.finished(running.id), {
      status: 'failed',
      outcome: { cause: 'lost', detail: 'reboot' },
    });
    t.ok(isAlive(innocent.pid ?? 0), 'nothing is killed by its number');
    t.match(await it.finished(removed.id), {
      status: 'failed',
      outcome: { cause: 'denied' },
      output: { stdout_bytes: 0 },
    });
    t.match(await it.finished(kept.id), { status: 'completed' });
  },
  { env: echoAllowed },
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
  const s = await service(t, {
    EXECUTION_API_KEYS_FILE: keysFile(t, { flood: {}, calm: {} }),
    EXECUTION_USER_MAX_QUEUED: '50',
    EXECUTION_MAX_CONCURRENT: '2',
  });
  const flood = { executions: Array<object>(500).fill({ kind: 'exec', program: 'sleep', args: ['0.2'] }) };
  const answers = await Promise.all(
    Array.from({ length: 3 }, () =>
      s.call<{ items: { status: number; problem?: { type: string } }[] }>(
        ...(['POST', '/v1/executions/batch', flood, bearer('flood')] as const),
      ),
    ),
  );
  const items = answers.flatMap(({ body }) => body.items);
  const refused = items.filter(({ status }) => status === 429);
  t.ok(items.length - refused.length >= 50 && refused.length > 1300, `${refused.length} are refused`);
  t.match(refused[0], { problem: { type: 'urn:execd:error:user_queue_full' } });
  const one = { kind: 'exec', program: 'true' };
  const more = Array.from({ length: 20 }, () => s.call('POST', '/v1/executions', one, bearer('flood')));
  const late = (await Promise.all(more)).find(({ status }) => status === 429);
  t.ok(Number(late?.headers.get('retry-after')) > 0);
  const calm = await s.call('POST', '/v1/executions', one, { ...bearer('calm'), prefer: 'wait=20' });
  t.match(calm.body, { status: 'completed' });
  const stats = await s.call<{ executions: { pending: number } }>(
    ...(['GET', '/v1/stats', undefined, bearer('flood')] as const),
  );
  const { pending } = stats.body.executions;
  t.ok(pending > 10, `the other user did not wait for the ${pending} before it`);
});

// ----------------------------------------------------------------------------------------------- clock

const DAY_MS = 86_400_000;

fault(
  'clock jump across restart (forward, retention, back)',
  async (t, it) => {
    const ran = join(tempDir(t), 'ran');
    const retry = { attempts: 2, min_ms: 3_600_000, max_ms: 3_600_000, jitter: 0 };
    const waiting = async (name: string) => {
      const { id } = await it.submit(`echo ${name} >> ${ran}; exit 1`, { retry });
      const phase = async () => (await it.get(`/v1/executions/${id}`)).phase;
      await until('it waits', async () => (await phase()) === 'scheduled_retry');
      return id;
    };
    const [first] = await it.all();
    const kept = [await it.run('echo one'), await it.run('echo two')];
    const forward = await waiting('forward');
    it.server.signal('SIGKILL');
    await it.died();
    // What has just ended there is the third that is kept.
    const settings = { EXECUTION_MAX_RETAINED: '3', EXECUTION_CLEANUP_INTERVAL: '1' };
    await it.start(settings, fixture('at-another-time', String(400 * DAY_MS)));
    t.match(await it.finished(forward), { status: 'failed', attempts: { length: 2 } });
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
    const back = await waiting('back');
    it.server.signal('SIGKILL');
    await it.died();
    await it.start({ EXECUTION_MAX_RETAINED: '100000', EXECUTION_CLEANUP_INTERVAL: '300' });
    t.match(await it.run('echo now'), { status: 'completed' });
    t.match(await it.get(`/v1/executions/${back}`), { phase: 'scheduled_retry' });
    t.match(await it.cancel(back), { status: 'cancelled' });
    t.match(Object.fromEntries(counts(ran)), { forward: 2, back: 1 }, 'none was tried more often');
  },
  { isAlone: true },
);

t.test('setTimeout > 2^31-1 ms', async (t) => {
  const s = await service(t, { EXECUTION_MAX_TIMEOUT: '604800', EXECUTION_RETENTION_SECS: '315360000' });
  const month = 30 * 24 * 3600 * 1000;
  for (const clock of ['attempt_ms', 'total_ms', 'queue_ms', 'idle_ms']) {
    const spec = { kind: 'exec', program: 'true', timeouts: { [clock]: month } };
    t.match(await s.call('POST', '/v1/executions', spec), {
      status: 400,
      body: { errors: [{ field: `/timeouts/${clock}` }] },
    });
  }
  const week = 7 * 24 * 3600 * 1000;
  const timeouts = { attempt_ms: week, total_ms: week, queue_ms: week, idle_ms: week };
  const { id } = await s.submit(shell('sleep 600', { timeouts }));
  await s.inPhase(id, 'running');
  await s.run(shell('sleep 0.1'));
  t.match(
    (await s.call('GET', `/v1/executions/${id}`)).body,
    { status: 'running' },
    'it does not fire at once',
  );
});
