import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { toStepResult } from '../../src/http/executions/wire.ts';
import { importResults, type ImportOptions } from '../../src/import/import-results.ts';
import { readFile } from '../../src/import/read-file.ts';
import { readRecord } from '../../src/import/records.ts';
import { SqliteStore } from '../../src/store/sqlite/store.ts';
import { tempDir } from '../helpers/temp.ts';

const NOW = Date.parse('2026-06-01T12:00:00Z');
const LATE = '2026-06-01T11:30:00Z';

const OLD = {
  operation: 'data_processing',
  output: { rows: 1000 },
  success: true,
  message: 'Processing completed',
};
const FIRST = {
  step: 'pandas_tool.read_csv',
  result: null,
  completed: false,
  message: '',
  status: 'error',
  version: '1.0',
};
const SECOND = {
  ...{ step: 'load', result: [1, null], completed: false, message: 'Failed', status: 'timed_out' },
  ...{ error_code: 'E002', error_message: 'File not found: data.csv', user_id: 'ann', task_id: 'nightly' },
};

async function storeIn(t: Test, dir: string): Promise<SqliteStore> {
  const store = new SqliteStore({ dir, now: () => NOW, maxInMemory: 10, owner: '', maxDeliveries: 10 });
  t.teardown(() => store.close());
  await store.open();
  return store;
}

async function importing(t: Test, store: SqliteStore, text: string, more: Partial<ImportOptions> = {}) {
  const path = join(tempDir(t), 'old.json');
  writeFileSync(path, text);
  const rejected: string[] = [];
  const counts = await importResults(readFile(path), {
    ...{ store, userId: 'local', now: NOW, isAsOfNow: false, isDryRun: false },
    ...{ retentionMs: 3_600_000, failedRetentionMs: 3_600_000 },
    onRejected: (place, why) => void rejected.push(`${place}: ${why}`),
    ...more,
  });
  return { counts, rejected };
}

const lines = (...records: unknown[]) => records.map((one) => JSON.stringify(one)).join('\n');

t.test('old results become finished executions with the same step results, and only once', async (t) => {
  const store = await storeIn(t, tempDir(t));
  const text = `${lines(OLD, { ...FIRST, timestamp: LATE }, SECOND, OLD)}\n{"step": "big", "result": 7615917337495251231, "completed": true, "message": "x"}\n`;
  t.match(await importing(t, store, text), { counts: { imported: 5, known: 0, rejected: 0 } });
  const all = async () => (await store.list({ userId: null }, 100, null)).executions;
  const shown = (await all()).map(
    (execution) => JSON.parse(JSON.stringify(toStepResult({ execution }))) as object,
  );
  const find = (step: string) => shown.filter((one) => (one as { step: string }).step === step);
  t.match(find('data_processing'), [
    {
      result: { rows: 1000 },
      completed: true,
      message: 'Processing completed',
      status: 'completed',
      error_code: null,
    },
    { result: { rows: 1000 } },
  ]);
  t.match(find('pandas_tool.read_csv'), [
    { completed: false, status: 'failed', error_code: 'E003', result: null },
  ]);
  t.match(find('load'), [
    {
      status: 'timed_out',
      error_code: 'E002',
      error_message: 'File not found: data.csv',
      message: 'Failed',
      result: [1, null],
    },
  ]);
  const byTask = await store.list(
    { userId: 'ann', taskId: 'nightly', errorCode: ['E002'], cause: ['imported'] },
    10,
    null,
  );
  t.match(byTask.executions, [{ userId: 'ann', taskId: 'nightly', finishedAt: NOW }]);
  const dated = (await store.list({ userId: 'local', errorCode: ['E003'] }, 10, null)).executions;
  t.match(dated, [{ createdAt: Date.parse(LATE), finishedAt: Date.parse(LATE) }]);
  t.match(await importing(t, store, text), { counts: { imported: 0, known: 5 } });
  t.match(await importing(t, store, `[${JSON.stringify(OLD)}]`), { counts: { known: 1 } }, 'an array, too');
  t.equal((await all()).length, 5);
  t.match(await importing(t, store, lines({ ...OLD, output: 1 }), { isDryRun: true }), {
    counts: { imported: 1 },
  });
  t.equal((await all()).length, 5);
});

t.test('a record that cannot be taken is named with its place and reason, and stops no other', async (t) => {
  const store = await storeIn(t, tempDir(t));
  const gone = { ...OLD, timestamp: '2026-05-01 08:00:00' };
  const text = `${lines({ output: 1, success: true }, { ...FIRST, status: 'pending' }, gone)}\n{oops\n${'['.repeat(99)}\n${lines(OLD)}`;
  const { counts, rejected } = await importing(t, store, text);
  t.same(counts, { imported: 1, known: 0, pending: 1, rejected: 4 });
  t.match(rejected, [
    /^line 1: \/step: is required/,
    /^line 3: it ended at 2026-05-01T08:00:00.000Z.*EXECUTION_RETENTION_SECS.*--as-of-now/,
    /^line 4: is not JSON/,
    /^line 5: is nested more than 64 levels deep/,
  ]);
  t.match(await importing(t, store, lines(gone), { isAsOfNow: true }), { counts: { imported: 1 } });
});

t.test('what a record says, and what contradicts itself', (t) => {
  const wrong: [object, RegExp][] = [
    [{ ...OLD, success: 'yes' }, /\/success: must be true or false/],
    [{ step: 'x' }, /\/status: is required/],
    [{ ...SECOND, completed: true }, /\/status: is "timed_out", but/],
    [{ ...SECOND, error_code: 'E099' }, /\/error_code: is "E099"/],
    [{ ...OLD, timestamp: 'yesterday' }, /\/timestamp/],
    [{ ...OLD, user_id: 'a b' }, /\/user_id/],
  ];
  for (const [record, message] of wrong) t.match(readRecord(record), { wrong: message });
  t.match(readRecord([]), { wrong: /the record: must be an object/ });
  const right: [object, object][] = [
    [{ ...SECOND, error_code: 'RETRY_EXHAUSTED' }, { code: 'E005' }],
    [{ ...OLD, timestamp: 1_750_000_000 }, { at: 1_750_000_000_000 }],
    [{ ...OLD, finished_at: '2026-05-01T08:00:00+02:00' }, { at: Date.parse('2026-05-01T06:00:00Z') }],
    [
      { ...FIRST, status: 'success', completed: true },
      { status: 'completed', code: null, message: null },
    ],
    [
      { ...FIRST, status: 'cancelled' },
      { status: 'cancelled', code: 'E004' },
    ],
    [
      { ...OLD, success: false, error: 'no disk' },
      { status: 'failed', errorMessage: 'no disk' },
    ],
  ];
  for (const [record, result] of right) t.match(readRecord(record), { result });
  t.end();
});

t.test('the command says what it has done, and refuses beside a server', async (t) => {
  const dir = tempDir(t);
  const file = join(dir, 'old.ndjson');
  writeFileSync(file, lines(OLD, { ...OLD, success: 1 }));
  const env = { PATH: process.env.PATH, EXECUTION_DATA_DIR: join(dir, 'data') };
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['dist/bin/import.js', ...args], { env, encoding: 'utf8' });
  t.match(run(file), {
    status: 65,
    stdout: 'Imported 1; there already 0; not ended 0; rejected 1.\n',
    stderr: /^line 2: \/success/,
  });
  t.match(run(), { status: 64, stderr: /The file is missing/ });
  const store = await storeIn(t, join(dir, 'data'));
  t.equal((await store.list({ userId: 'local' }, 10, null)).executions.length, 1);
  t.match(run(file), { status: 70, stderr: /in use by another execd .*Stop it first/ });
});
