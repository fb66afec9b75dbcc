// A store that moves: from the data directory to PostgreSQL and back, with everything in it.
import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { filePlaces } from '../../src/app/files.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { BlobPieces } from '../../src/domain/ports/blob-pieces.ts';
import type { StoreFilling, StoreReading } from '../../src/domain/ports/transfer.ts';
import { type End, exportStore } from '../../src/import/export-store.ts';
import { importStore } from '../../src/import/import-store.ts';
import { linesOf } from '../../src/import/lines.ts';
import { recount } from '../../src/store/postgres/recount.ts';
import { Database } from '../../src/store/postgres/database.ts';
import * as postgres from '../../src/store/postgres/transfer.ts';
import * as sqlite from '../../src/store/sqlite/transfer.ts';
import { client, type Service, service, shell } from '../helpers/build.ts';
import { bearerOf } from '../helpers/keys.ts';
import { startCluster } from '../helpers/postgres.ts';
import { until } from '../helpers/processes.ts';
import { receiver } from '../helpers/receiver.ts';
import { ofFile } from '../helpers/scope.ts';
import { tempDir } from '../helpers/temp.ts';

const cluster = await startCluster(ofFile());
const OPERATIONS = `
operations:
  greet:
    run: { kind: exec, program: /bin/echo, args: [hello] }
    cost: { per_run: 7 }
    cache: { ttl_s: 3600 }
`;
const PRICES = 'prices:\n  shell: { per_run: 1 }\n';

function settings(t: Test): Record<string, string> {
  const dir = tempDir(t);
  const file = (name: string, text: string) => {
    writeFileSync(join(dir, name), text, { mode: 0o600 });
    return join(dir, name);
  };
  return {
    EXECUTION_OPERATIONS_FILE: file('operations.yaml', OPERATIONS),
    EXECUTION_CREDITS_FILE: file('credits.yaml', PRICES),
    EXECUTION_DATA_DIR: tempDir(t),
    EXECUTION_EGRESS_ALLOW: '127.0.0.1',
  };
}

const ok = async <T>(answer: Promise<{ status: number; text: string; body: T }>): Promise<T> => {
  const { status, text, body } = await answer;
  if (status >= 300) throw new Error(`${status}: ${text}`);
  return body;
};

/** Something of each kind that a store keeps. Returns the key that is needed from then on. */
async function fill(t: Test, s: Service): Promise<string> {
  const there = await receiver(t);
  await ok(s.call('POST', '/v1/accounts/local/grants', { amount: 1000 }));
  await ok(s.call('POST', '/v1/webhooks', { url: there.url }));
  await s.run(
    shell('printf "a\\0b\\342\\200\\250c"', { labels: { team: 'ä', 'x.y': '1' }, task_id: 'nightly' }),
  );
  await s.run(shell('exit 3', { retry: { attempts: 2, min_ms: 1 } }), { 'idempotency-key': 'once' });
  await s.run({ kind: 'operation', name: 'greet' });
  await s.run({ kind: 'operation', name: 'greet' });
  const plan = await ok(
    s.call<{ id: string }>('POST', '/v1/plans', {
      strategy: { type: 'serial' },
      steps: [
        { name: 'one', ...shell('echo 1') },
        { name: 'two', ...shell('exit 1') },
        { name: 'three', ...shell('true') },
      ],
    }),
  );
  await s.finished(plan.id);
  const key = { user: 'local', scopes: ['submit', 'read', 'cancel', 'admin'], may_run: 'any' };
  await until('all is told', async () => there.received.length >= 3);
  await ok(s.call('POST', '/v1/executions', shell('true', { delay_ms: 86_400_000 })));
  await ok(s.call('PUT', '/v1/schedules/nightly', { cron: '0 3 1 1 *', execution: shell('true') }));
  await ok(s.call('PUT', '/v1/admin/pauses/operation:greet', { reason: 'moving' }));
  return (await ok(s.call<{ key: string }>('POST', '/v1/admin/keys', key))).key;
}

const LISTS = [
  '/v1/executions?limit=100',
  '/v1/plans',
  '/v1/schedules',
  '/v1/webhooks',
  '/v1/accounts/local',
  '/v1/accounts/local/entries',
  '/v1/admin/keys',
  '/v1/admin/pauses',
];

async function looks(s: Service): Promise<Record<string, unknown>> {
  const seen: Record<string, unknown> = {};
  const look = async (path: string) => {
    const text = JSON.stringify(await ok(s.call('GET', path)));
    seen[path] = JSON.parse(text.replaceAll(/"last_used_at":"[^"]+"/g, '"last_used_at":null'));
  };
  for (const path of LISTS) await look(path);
  const { items } = seen[LISTS[0] as string] as { items: { id: string; phase: string }[] };
  for (const { id, phase } of items) {
    await look(`/v1/executions/${id}`);
    // What waits is followed to its end.
    if (phase !== 'done') continue;
    await look(`/v1/executions/${id}/logs?format=ndjson`);
    await look(`/v1/executions/${id}/events`);
  }
  return seen;
}

/** Where the files of a store are: in its database, else below its data directory. */
const placesOf = (dir: string, pieces?: BlobPieces) =>
  filePlaces(loadConfig({ EXECUTION_DATA_DIR: dir }), pieces);

/** With the bytes of files, if the directory of the store is given. */
async function exported(
  reading: Promise<StoreReading> | StoreReading,
  dir: string | null = null,
): Promise<string> {
  const one = await reading;
  let text = '';
  const head = { version: '1', id: crypto.randomUUID(), at: '2026-01-01T00:00:00Z' };
  const places = dir === null ? null : placesOf(dir, one.pieces);
  try {
    await exportStore(one, head, async (piece) => void (text += piece), places);
  } finally {
    await one.close();
  }
  return text;
}

async function imported(
  text: string,
  filling: Promise<StoreFilling> | StoreFilling,
  failsAfter = Infinity,
  dir = '/nowhere',
) {
  const one = await filling;
  const [place] = placesOf(dir, one.pieces);
  if (dir !== '/nowhere' && one.pieces === undefined) await place.prepare(true);
  try {
    async function* bytes() {
      // Pieces end in the middle of lines and of characters.
      const all = Buffer.from(text);
      for (let at = 0; at < all.length; at += 1001) {
        if (at > failsAfter) throw new Error('cut off');
        yield all.subarray(at, at + 1001);
      }
    }
    return await importStore(linesOf(bytes()), one, place);
  } finally {
    await one.close();
  }
}

const endOf = (text: string): End => JSON.parse(text.trimEnd().split('\n').at(-1) ?? '') as End;

t.test('a store moves to PostgreSQL and back, and every answer is the same', async (t) => {
  const env = settings(t);
  const url = await cluster.database();
  const first = await service(t, env);
  const auth = bearerOf(await fill(t, first));
  const as = (s: Service): Service => ({ ...s, ...client(s.url, auth) });
  const before = await looks(as(first));
  await first.stop();
  const dir = env.EXECUTION_DATA_DIR as string;
  const text = await exported(sqlite.readStore(dir));

  await t.rejects(imported(text, postgres.fillStore(url), text.length / 2), /cut off/);
  await t.rejects(service(t, { ...env, EXECUTION_DATABASE_URL: url }), /holds part of an export/);
  t.match(await imported(text, postgres.fillStore(url)), { isKnown: false });
  t.same(await imported(text, postgres.fillStore(url)), { isKnown: true });

  const second = as(await service(t, { ...env, EXECUTION_DATABASE_URL: url }));
  t.same(await looks(second), before);
  const again = await second.call(
    'POST',
    '/v1/executions',
    shell('exit 3', { retry: { attempts: 2, min_ms: 1 } }),
    { 'idempotency-key': 'once' },
  );
  t.equal(again.headers.get('idempotency-replayed'), 'true');
  await ok(second.call('DELETE', '/v1/admin/pauses/operation:greet'));
  const { id, revision } = await second.run(shell('echo on'));
  await until('it is charged', async () => (await second.finished(id)).revision > revision || revision > 2);
  const cut = await second.submit(shell('sleep 600'));
  await second.inPhase(cut.id, 'running');
  const after = await looks(second);
  const back = await exported(postgres.readStore(url));
  await ok(second.call('POST', `/v1/executions/${cut.id}/cancel`));
  await second.finished(cut.id);
  await second.stop();

  const counters = async () => {
    const database = new Database({ url, connections: 1, name: 'test' });
    const rows = [
      await database.read(`SELECT * FROM execd.counters WHERE kind <> 'last' ORDER BY kind, name`),
      await database.read('SELECT * FROM execd.usages ORDER BY user_id'),
      await database.read('SELECT * FROM execd.usage_sums ORDER BY name'),
    ];
    await database.close();
    return rows;
  };
  const counted = await counters();
  const database = new Database({ url, connections: 1, name: 'test' });
  const connection = await database.connect();
  await connection.send('BEGIN');
  await recount(connection);
  await connection.send('COMMIT');
  await connection.close();
  await database.close();
  t.same(await counters(), counted, 'counting again comes to what was counted along the way');

  const other = tempDir(t);
  await imported(back, sqlite.fillStore(other));
  t.same(endOf(await exported(sqlite.readStore(other))), endOf(back));
  const third = as(await service(t, { ...env, EXECUTION_DATA_DIR: other }));
  const there = await looks(third).catch((error: unknown) => error);
  t.type(there, Error, 'logs stay in the data directory');
  t.match(
    await third.finished(cut.id),
    { status: 'failed', outcome: { cause: 'lost' } },
    'nobody runs it in the copy',
  );
  const others = ({ items }: { items: { id: string }[] }) => items.filter(({ id }) => id !== cut.id);
  t.same(
    others(await ok(third.call('GET', LISTS[0] as string))),
    others(after[LISTS[0] as string] as { items: { id: string }[] }),
  );
});

t.test('an export of a database that servers use holds no leases, and an older one loses them', async (t) => {
  const [url, other] = [await cluster.database(), await cluster.database()];
  const env = { EXECUTION_REPLICA_NAME: 'one' };
  const s = await service(t, { ...env, EXECUTION_DATABASE_URL: url });
  const { id } = await s.run(shell('true'));
  await t.rejects(postgres.fillStore(url), {
    message:
      /in use by other execd servers: "one" on \S+ \(its lease lasts for \d+ s more\)\. Stop them first; if a server was killed, try again when its lease is over$/,
  });
  const reading = await postgres.readStore(url);
  const until = Date.now() + 86_400_000;
  const older = exported({
    ...reading,
    async *rows(table) {
      for await (const rows of reading.rows(table))
        yield table === 'epochs' ? rows.map((row) => ({ ...row, until })) : rows;
    },
  });
  const text = await older;
  await t.rejects(imported(text, postgres.fillStore(other), text.length / 2), /cut off/);
  t.match(await imported(text, postgres.fillStore(other)), { isKnown: false });
  t.match(await imported(text, postgres.fillStore(other)), { isKnown: true });
  // Of two servers with the same store and name, each takes the host of the other one for its own of an earlier start.
  await s.stop();
  const copy = await service(t, { ...env, EXECUTION_DATABASE_URL: other });
  t.match(await copy.finished(id), { status: 'completed' }, 'under the same name, at once');
  await t.rejects(imported(text, postgres.fillStore(url)), /the store is not empty/, 'stopped, it is free');
});

t.test('what is no whole export, or does not fit, is refused by name', async (t) => {
  const s = await service(t);
  await s.run(shell('true'));
  const text = await exported(sqlite.readStore(s.dataDir));
  await t.rejects(async () => sqlite.fillStore(s.dataDir), /is in use by another execd/);
  await s.stop();
  const lines = text.trimEnd().split('\n');
  const refused = async (given: string, message: RegExp, dir = tempDir(t)) =>
    t.rejects(imported(given, sqlite.fillStore(dir)), { message });
  await refused('', /not an export of execd/);
  await refused('{"step": "x"}\n', /not an export of execd/);
  await refused(text.replace('"format":1', '"format":2'), /has the format 2; this execd reads the format 1/);
  await refused(lines.slice(0, -1).join('\n'), /the file ends early/);
  await refused(lines.slice(0, 3).join('\n').slice(0, -5), /line 3 of the file is not a whole line/);
  await refused(
    text.replace(/\["epochs",\{[^\n]*/, '["epochs",{"epoch":{}}]'),
    /line 2 of the file is not a row/,
  );
  await refused(text.replace(/\["epochs",\{[^\n]*/, '{}'), /line 2 of the file is not a row/);
  await refused(text.replace(/"last":.*/, '"last":{}}'), /is not the end of an export/);
  await refused(`${text}{}\n`, /continues after the end/);
  await refused(text.replace('["events",', '["stories",'), /execd has no table "stories"/);
  await refused(
    text.replace('"command\\":\\"true', '"command\\":\\"evil'),
    /the table executions of the store has other values/,
  );
  await refused(
    lines.filter((line) => !line.includes('"accepted"')).join('\n'),
    /events of the store has \d+ rows instead of \d+/,
  );
  await refused(text, /the store is not empty: it has rows in executions/, s.dataDir);
  const half = tempDir(t);
  await t.rejects(imported(text, sqlite.fillStore(half), text.length / 2), /cut off/);
  await refused(await exported(sqlite.readStore(s.dataDir)), /holds part of another export/, half);
  const column = text.replace('["labels",{', '["labels",{"x) --":1,');
  if (column !== text) await refused(column, /is not the name of a column/);
});

const MEGABYTE = 1_000_000;

/** Bytes of different kinds: an upload of more than one piece, what it became in an execution, an empty one. */
async function fillFiles(s: Service): Promise<Record<string, string>> {
  const upload = async (bytes: Buffer) => {
    const headers = { 'content-type': 'application/octet-stream' };
    const response = await fetch(`${s.url}/v1/uploads`, {
      method: 'POST',
      headers,
      body: new Uint8Array(bytes),
    });
    return ((await response.json()) as { id: string }).id;
  };
  const large = await upload(Buffer.from(Array.from({ length: MEGABYTE }, (_, i) => (i * i) % 251)));
  const empty = await upload(Buffer.alloc(0));
  const { id } = await s.run(
    shell('cp in.bin out.bin; echo made > made.txt', {
      files: [
        { path: 'in.bin', upload: large },
        { path: 'none.bin', upload: empty },
      ],
      artifacts: ['out.bin', 'made.txt'],
    }),
  );
  return {
    'out.bin': `/v1/executions/${id}/artifacts/out.bin`,
    'made.txt': `/v1/executions/${id}/artifacts/made.txt`,
  };
}

async function readAll(s: Service, paths: Record<string, string>): Promise<Record<string, string>> {
  const seen: Record<string, string> = {};
  for (const [name, path] of Object.entries(paths)) {
    const response = await fetch(s.url + path);
    const bytes = Buffer.from(await response.arrayBuffer());
    seen[name] = `${response.status} ${createHash('sha256').update(bytes).digest('hex')}`;
  }
  return seen;
}

t.test('the bytes of files move with a store to PostgreSQL and back', async (t) => {
  const [dir, other, url] = [tempDir(t), tempDir(t), await cluster.database()];
  const first = await service(t, { EXECUTION_DATA_DIR: dir });
  const paths = await fillFiles(first);
  const before = await readAll(first, paths);
  const text = await exported(sqlite.readStore(dir), dir);
  await first.stop();
  t.match(before['out.bin'], /^200 /);
  t.match(endOf(text).files, { files: 3, missing: 0 });
  t.ok(Math.max(...text.split('\n').map(({ length }) => length)) < 400_000, 'no line needs much memory');

  await t.rejects(imported(text, postgres.fillStore(url), text.length - 500_000), /cut off/);
  t.match(await imported(text, postgres.fillStore(url)), { files: { files: 3, missing: 0 } });
  const second = await service(t, { EXECUTION_DATABASE_URL: url, EXECUTION_DATA_DIR: tempDir(t) });
  t.same(await readAll(second, paths), before, 'in PostgreSQL, with nothing in the data directory');
  const back = await exported(postgres.readStore(url), tempDir(t));
  await second.stop();
  t.same(endOf(back).files, endOf(text).files);

  await imported(back, sqlite.fillStore(other), Infinity, other);
  const third = await service(t, { EXECUTION_DATA_DIR: other });
  t.same(await readAll(third, paths), before, 'in a directory again');
});

t.test('bytes of files that are damaged, cut out or gone are told by name', async (t) => {
  const dir = tempDir(t);
  const s = await service(t, { EXECUTION_DATA_DIR: dir });
  await fillFiles(s);
  await s.stop();
  const text = await exported(sqlite.readStore(dir), dir);
  const refused = (given: string, message: RegExp) => {
    const to = tempDir(t);
    return t.rejects(imported(given, sqlite.fillStore(to), Infinity, to), { message });
  };
  const lines = text.trimEnd().split('\n');
  const pieces = lines.filter((line) => line.startsWith('["bytes"'));
  const [first = '', second = ''] = pieces.filter((line) => line.length > 100_000);
  const without = (...gone: string[]) => lines.filter((line) => !gone.includes(line)).join('\n');
  await refused(text.replace(first, first.replace(/"bytes":"..../, '"bytes":"AAAA')), /have another digest/);
  await refused(without(second), /continue at \d+, not at \d+/);
  await refused(without(...pieces), /the export has 0 files with 0 bytes instead of 3/);
  await refused(text.replace(first, '["bytes",{"digest":"x"}]'), /is not a piece of a file/);
  const row = lines.find((line) => line.startsWith('["meta"')) ?? '';
  await refused(text.replace(first, `${first}\n${row}`), /a row comes after the files/);

  const [, { digest }] = JSON.parse(first) as [string, { digest: string }];
  const path = join(dir, 'files', digest.slice(0, 2), digest);
  writeFileSync(path, 'other bytes');
  await t.rejects(exported(sqlite.readStore(dir), dir), /is damaged: its bytes have another digest/);
  rmSync(path);
  const lacking = await exported(sqlite.readStore(dir), dir);
  t.match(endOf(lacking).files, { files: 2, missing: 1 });
  const to = tempDir(t);
  t.match(await imported(lacking, sqlite.fillStore(to), Infinity, to), { files: { missing: 1 } });
});
