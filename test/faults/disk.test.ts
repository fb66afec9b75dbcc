// The list of faults: disks that are full. Each test is named as its case.
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { fault, type Victim } from '../helpers/fault-case.ts';
import { until } from '../helpers/processes.ts';
import { smallDisk, tempDir } from '../helpers/temp.ts';

const DISK_BYTES = 24e6;

/** Fills a disk up to its last byte; answers how to make room again. */
function fill(dir: string): () => void {
  const made: string[] = [];
  for (let bytes = 1_000_000; bytes >= 1;) {
    const path = join(dir, `ballast-${made.length}`);
    made.push(path);
    try {
      writeFileSync(path, Buffer.alloc(bytes));
    } catch {
      rmSync(path, { force: true });
      bytes = Math.floor(bytes / 4);
    }
  }
  return () => made.forEach((path) => rmSync(path, { force: true }));
}

/** Takes all inodes of a disk that has few. */
function takeInodes(dir: string): () => void {
  const made: string[] = [];
  try {
    for (;;) {
      const path = join(dir, `inode-${made.length}`);
      writeFileSync(path, '');
      made.push(path);
    }
  } catch {
    return () => made.forEach((path) => rmSync(path));
  }
}

const statusOf = async (it: Victim) => {
  const { status, body } = await it.refused({ kind: 'exec', program: 'true' });
  return { status, body: body as { type?: string; phase?: string; id?: string } };
};

/** Nothing that was accepted is missing after a clean restart, and nothing has changed. */
async function restartsWhole(t: Test, it: Victim): Promise<void> {
  const before = new Map<string, string>();
  for (const { id } of await it.all()) before.set(id, JSON.stringify((await it.finished(id)).outcome));
  await it.restart({}, 'SIGTERM');
  for (const [id, outcome] of before) t.equal(JSON.stringify((await it.finished(id)).outcome), outcome);
}

fault(
  'the disk of the data directory is full',
  async (t, it) => {
    const go = join(tempDir(t), 'go');
    const running = await it.begun(`echo up; until [ -e ${go} ]; do sleep 0.02; done; exit 7`);
    const free = fill(it.dataDir);
    await until('submissions are refused', async () => {
      const { status, body } = await statusOf(it);
      // There may be room left in the files that are there.
      if (status === 202) it.accepted.add(body.id ?? '');
      else t.match({ status, body }, { status: 503, body: { type: 'urn:execd:error:store_unavailable' } });
      return status === 503;
    });
    t.equal((await fetch(`${it.url}/readyz`)).status, 503);
    t.equal((await fetch(`${it.url}/livez`)).status, 200);
    writeFileSync(go, '');
    const answer = await it.get(`/v1/executions/${running.id}`);
    t.equal(answer.status, 'running', 'an end that is not stored is not told');
    free();
    await until('it accepts again', async () => {
      const { status, body } = await statusOf(it);
      if (status === 202) it.accepted.add(body.id ?? '');
      return status === 202;
    });
    t.match(await it.finished(running.id), { outcome: { cause: 'exited', exit_code: 7 } });
    await until('it is ready', async () => (await fetch(`${it.url}/readyz`)).status === 200);
    await restartsWhole(t, it);
  },
  { dataDir: (t) => smallDisk(t, DISK_BYTES), env: (t) => ({ EXECUTION_LOG_DIR: tempDir(t) }), logs: /./ },
);

fault(
  'the disk of the logs is full',
  async (t, it) => {
    const dir = it.env.EXECUTION_LOG_DIR ?? '';
    const go = join(tempDir(t), 'go');
    const running = await it.begun(`echo up; until [ -e ${go} ]; do sleep 0.02; done; seq 100000; sleep 600`);
    const quiet = await it.begun('echo up; until [ -e go ]; do sleep 0.02; done');
    const free = fill(dir);
    writeFileSync(go, '');
    const end = await it.finished(running.id);
    t.match(end, { status: 'failed', outcome: { cause: 'internal' }, error: { fault: 'system' } });
    t.match(end.error?.message, /log/);
    t.match((await it.log(running.id)).toString(), /^up\n/, 'what fitted is kept');
    const next = await it.run('seq 100000');
    t.match(next, { status: 'failed', error: { fault: 'system', retryable: true, message: /log/i } });
    t.match(await it.get(`/v1/executions/${quiet.id}`), { status: 'running' }, 'who writes nothing goes on');
    const ready = async () => (await fetch(`${it.url}/readyz`)).status;
    await until('it is not ready', async () => (await ready()) === 503);
    t.match(await (await fetch(`${it.url}/health`)).json(), {
      error: /^EXECUTION_LOG_DIR cannot be written: no space left/,
      components: { store: { status: 'healthy' }, logs: { status: 'unhealthy' } },
    });
    free();
    await until('it is ready again', async () => (await ready()) === 200);
    t.match(await it.run('seq 100000'), { status: 'completed' });
    await it.cancel(quiet.id);
    await restartsWhole(t, it);
  },
  {
    // Asked for first: where there can be none, the case is left out.
    dataDir: (t) => (smallDisk(t, 4e6) === null ? null : join(tempDir(t), 'data')),
    env: (t) => ({ EXECUTION_LOG_DIR: smallDisk(t, 4e6) ?? tempDir(t) }),
    logs: /log/,
  },
);

fault(
  'inode exhaustion, EDQUOT, read-only remount',
  async (t, it) => {
    const free = takeInodes(it.dataDir);
    // The store has its files; what runs needs a directory and a log.
    const { status, outcome, error } = await it.run('echo more');
    t.match({ status, cause: outcome?.cause }, { status: 'failed', cause: 'spawn_failed' });
    t.match(error, { fault: 'system', retryable: true });
    t.equal((await fetch(`${it.url}/livez`)).status, 200);
    free();
    t.match(await it.run('echo more'), { status: 'completed' });
    t.same(
      readdirSync(it.dataDir).filter((name) => name.startsWith('inode')),
      [],
    );
    await restartsWhole(t, it);
  },
  { dataDir: (t) => smallDisk(t, DISK_BYTES, 300), logs: /./ },
);
