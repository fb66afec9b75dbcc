import {
  appendFileSync,
  globSync,
  linkSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import type { AttemptLog, LogRecord, StreamName } from '../../src/domain/ports/journal.ts';
import { FileJournal, journalPath } from '../../src/journal/reader.ts';
import { JournalWriter } from '../../src/journal/journal-writer.ts';
import { tempDir } from '../helpers/temp.ts';
import { rounds } from '../helpers/rounds.ts';

const NAME = { runId: '01900000-0000-7000-8000-0000000000ab', attempt: 1 };

interface Piece {
  stream: StreamName;
  bytes: Buffer;
  time: number;
}

const piece = (stream: StreamName, text: string, time = 1): Piece => ({
  stream,
  bytes: Buffer.from(text),
  time,
});

async function write(path: string, pieces: Piece[]): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const writer = new JournalWriter(path, (error) => {
    throw error;
  });
  for (const { stream, bytes, time } of pieces) {
    writer.append(stream, bytes, time);
    // Each piece is a record of its own only when the one before has been written.
    await new Promise<void>((resolve) => writer.whenDrained(resolve));
  }
  await writer.close();
}

async function opened(t: Test, pieces: Piece[]): Promise<AttemptLog> {
  const dir = tempDir(t);
  await write(journalPath(dir, NAME), pieces);
  const log = await new FileJournal(dir).open(NAME);
  if (log === null) throw new Error('the log is not there');
  t.teardown(() => log.close());
  return log;
}

async function all(items: AsyncIterable<LogRecord>): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const record of items) records.push(record);
  return records;
}

const textOf = (records: LogRecord[], stream: StreamName | 'all' = 'all') =>
  Buffer.concat(
    records.filter((record) => stream === 'all' || record.stream === stream).map(({ bytes }) => bytes),
  ).toString();

t.test('records are read with their streams, times, sequence and places', async (t) => {
  const log = await opened(t, [
    piece('stdout', 'one\n', 5),
    piece('stderr', 'two\n', 7),
    piece('stdout', 'three\n', 9),
  ]);
  t.match(await all(log.read(0)), [
    { seq: 1, stream: 'stdout', time: 5, offset: 0 },
    { seq: 2, stream: 'stderr', time: 7, offset: 4 },
    { seq: 3, stream: 'stdout', time: 9, offset: 8 },
  ]);
  t.equal(log.size, 14);
  t.equal(log.records, 3);
  t.same(await log.totals(), { stdout: 10, stderr: 4 });
});

t.test('the end of a stream is read from behind, whatever lies between its pieces', async (t) => {
  const pieces = Array.from({ length: 1200 }, (_, i) => [
    piece('stdout', `${i}\n`),
    piece('stderr', i % 100 === 0 ? 'e'.repeat(5000) : 'e'),
  ]).flat();
  const log = await opened(t, pieces);
  const whole = pieces.filter(({ stream }) => stream === 'stdout').map(({ bytes }) => bytes.toString());
  const stdout = whole.join('');
  const end = async (stream: StreamName, bytes: number) =>
    Buffer.from(await log.last(stream, bytes)).toString();
  for (const bytes of [0, 1, 7, 1000, 3000, stdout.length - 1, stdout.length, 1e6])
    t.equal(await end('stdout', bytes), stdout.slice(Math.max(0, stdout.length - bytes)), `${bytes} bytes`);
  t.equal((await end('stderr', 1e6)).length, 1188 + 12 * 5000);
});

t.test('reading begins anywhere, also within a record, and ends at the end', async (t) => {
  const log = await opened(t, [piece('stdout', 'abcdef'), piece('stderr', 'ghij')]);
  const [first, second] = await all(log.read(4));
  t.match(first, { seq: 1, offset: 4 });
  t.equal(Buffer.from(first?.bytes ?? []).toString(), 'ef');
  t.equal(Buffer.from(second?.bytes ?? []).toString(), 'ghij');
  t.same(await all(log.read(10)), []);
  t.same(await all(log.read(1e15)), []);
  t.equal(await log.locate({ from: 'offset', offset: 1e15 }), 10);
});

t.test('a place in time is that of the first record that is not older', async (t) => {
  const log = await opened(t, [
    piece('stdout', 'aa', 10),
    piece('stdout', 'bb', 20),
    piece('stderr', 'cc', 20),
    piece('stdout', 'dd', 30),
  ]);
  for (const [time, offset] of [
    [0, 0],
    [10, 0],
    [11, 2],
    [20, 2],
    [21, 6],
    [30, 6],
    [31, 8],
  ] as const) {
    t.equal(await log.locate({ from: 'since', time }), offset, `since ${time}`);
  }
});

t.test('the last lines are counted by their newlines, of the stream that is asked for', async (t) => {
  const log = await opened(t, [
    piece('stdout', 'o1\no2\n'),
    piece('stderr', 'e1\n'),
    piece('stdout', 'o3\no4'),
    piece('stderr', 'e2\n'),
  ]);
  const tail = async (lines: number, stream: StreamName | 'all') =>
    textOf(await all(log.read(await log.locate({ from: 'tail', lines, stream }))), stream);
  t.equal(await tail(0, 'all'), '');
  t.equal(await tail(1, 'stdout'), 'o4');
  t.equal(await tail(2, 'stdout'), 'o3\no4');
  t.equal(await tail(3, 'stdout'), 'o2\no3\no4');
  t.equal(await tail(1, 'stderr'), 'e2\n');
  t.equal(await tail(2, 'stderr'), 'e1\ne2\n');
  t.equal(await tail(99, 'stderr'), 'e1\ne2\n');
  t.equal(await tail(99, 'all'), 'o1\no2\ne1\no3\no4e2\n');
});

t.test('whatever was written, every way to read it gives the same bytes', async (t) => {
  const anyPiece = fc.record({
    stream: fc.constantFrom('stdout' as const, 'stderr' as const),
    bytes: fc
      .string({ unit: fc.constantFrom('a', 'é', '\n', '\0'), minLength: 1, maxLength: 8 })
      .map((text) => Buffer.from(text)),
    time: fc.constant(1),
  });
  let run = 0;
  const dir = tempDir(t);
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyPiece, { maxLength: 12 }),
      fc.nat(60),
      fc.nat(12),
      async (pieces, offset, lines) => {
        const name = { ...NAME, attempt: ++run };
        await write(journalPath(dir, name), pieces);
        const log = await new FileJournal(dir).open(name);
        if (log === null) return pieces.length === 0;
        const bytes = (stream: StreamName | 'all') =>
          Buffer.concat(
            pieces.filter((one) => stream === 'all' || one.stream === stream).map((one) => one.bytes),
          );
        const read = Buffer.concat((await all(log.read(offset))).map((record) => record.bytes));
        if (!read.equals(bytes('all').subarray(offset))) return false;
        for (const stream of ['all', 'stdout', 'stderr'] as const) {
          const from = await log.locate({ from: 'tail', lines, stream });
          const expected = bytes(stream)
            .toString()
            .split(/(?<=\n)/)
            .slice(lines === 0 ? Infinity : -lines)
            .join('');
          if (textOf(await all(log.read(from)), stream) !== expected) return false;
        }
        await log.close();
        return true;
      },
    ),
    { numRuns: rounds(20) },
  );
  t.pass();
});

t.test('a log is held open only once there is something to write', async (t) => {
  const path = journalPath(tempDir(t), NAME);
  mkdirSync(dirname(path), { recursive: true });
  const writer = new JournalWriter(path, () => undefined);
  t.equal(openBelow(path), 0);
  writer.append('stdout', Buffer.from('x'), 1);
  await new Promise<void>((resolve) => writer.whenDrained(resolve));
  t.equal(openBelow(path), 2, 'the log and its index');
  await writer.close();
  t.equal(openBelow(path), 0);
});

/** Files that this process has open under names that begin so. */
function openBelow(path: string): number {
  return globSync('/proc/self/fd/*').filter((fd) => {
    try {
      return readlinkSync(fd).startsWith(path);
    } catch {
      return false;
    }
  }).length;
}

t.test('a log that was removed before its first bytes is an error, not another file', async (t) => {
  const path = journalPath(tempDir(t), NAME);
  mkdirSync(dirname(path), { recursive: true });
  const errors: Error[] = [];
  const writer = new JournalWriter(path, (error) => errors.push(error));
  for (const file of globSync(`${path}*`)) rmSync(file);
  writer.append('stdout', Buffer.from('x'), 1);
  await writer.close();
  t.match(errors, [{ code: 'ENOENT' }]);
  t.strictSame(globSync(`${path}*`), []);
});

t.test('a log that grows is taken in by and by', async (t) => {
  const dir = tempDir(t);
  const path = journalPath(dir, NAME);
  mkdirSync(dirname(path), { recursive: true });
  const writer = new JournalWriter(path, () => undefined);
  const log = await new FileJournal(dir).open(NAME);
  if (log === null) throw new Error('the log is not there');
  t.equal(log.size, 0, 'it is there before its first bytes');
  t.equal(await log.refresh(), false);
  for (const text of ['one', 'two']) {
    const from = log.size;
    writer.append('stdout', Buffer.from(text), 1);
    await new Promise<void>((resolve) => writer.whenDrained(resolve));
    t.equal(await log.refresh(), true);
    t.equal(textOf(await all(log.read(from))), text);
  }
  await writer.close();
  await log.close();
});

t.test('a log that begins while many look at it, or is closed meanwhile, leaves no file open', async (t) => {
  const dir = tempDir(t);
  const path = journalPath(dir, NAME);
  mkdirSync(dirname(path), { recursive: true });
  const writer = new JournalWriter(path, () => undefined);
  const journal = new FileJournal(dir);
  const [read, closed] = await Promise.all([journal.open(NAME), journal.open(NAME)]);
  if (read === null || closed === null) throw new Error('the log is not there');
  writer.append('stdout', Buffer.from('x'), 1);
  await writer.close();
  const looks = [closed.refresh(), ...Array.from({ length: 4 }, () => read.refresh())];
  await closed.close();
  await Promise.allSettled(looks);
  t.equal(textOf(await all(read.read(0))), 'x');
  t.equal(openBelow(path), 2, 'the log and its index, once');
  await read.close();
  t.equal(openBelow(path), 0);
});

t.test('a log that is a name of another one is read as its own from its first bytes on', async (t) => {
  const dir = tempDir(t);
  const [path, silent, own] = [journalPath(dir, NAME), `${dir}/silent.log`, `${dir}/own`];
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(silent, '');
  linkSync(silent, `${path}.log`);
  const log = await new FileJournal(dir).open(NAME);
  if (log === null) throw new Error('the log is not there');
  t.equal(await log.refresh(), false);
  await write(own, [piece('stdout', 'own')]);
  renameSync(`${own}.log`, `${path}.log`);
  t.equal(await log.refresh(), false, 'the index comes last');
  renameSync(`${own}.idx`, `${path}.idx`);
  t.equal(await log.refresh(), true);
  t.equal(textOf(await all(log.read(0))), 'own');
  await log.close();
});

t.test(
  'what the index does not cover is not there, and a log shorter than its index is an error',
  async (t) => {
    const dir = tempDir(t);
    const path = journalPath(dir, NAME);
    await write(path, [piece('stdout', 'whole'), piece('stdout', 'torn')]);
    const journal = new FileJournal(dir);
    truncateSync(`${path}.idx`, 8 + 24 + 10);
    const log = await journal.open(NAME);
    t.equal(textOf(await all(log?.read(0) ?? emptyLog())), 'whole');
    await log?.close();
    truncateSync(`${path}.log`, 3);
    const short = await journal.open(NAME);
    const isShort = { name: 'JournalError', message: /shorter than its index/ };
    await t.rejects(all(short?.read(0) ?? emptyLog()), isShort);
    await short?.close();
  },
);

async function* emptyLog(): AsyncGenerator<LogRecord> {
  // Nothing: only to satisfy the types.
}

t.test('links are not followed, and what is not a file is not opened', async (t) => {
  const dir = tempDir(t);
  const journal = new FileJournal(dir);
  await journal.prepare('store-1');
  const path = journalPath(dir, NAME);
  symlinkSync('/etc/passwd', `${path}.log`);
  await t.rejects(journal.open(NAME), { name: 'JournalError', cause: { code: 'ELOOP' } });
  rmSync(`${path}.log`);
  mkdirSync(`${path}.log`);
  await t.rejects(journal.open(NAME), { name: 'JournalError', message: /not a file/ });
});

t.test('logs are found and removed by their names, and nothing else is', async (t) => {
  const dir = tempDir(t);
  const journal = new FileJournal(dir);
  await journal.prepare('store-1');
  const other = { runId: '01900000-0000-7000-8000-0000000000cd', attempt: 3 };
  for (const name of [NAME, { ...NAME, attempt: 2 }, other])
    await write(journalPath(dir, name), [piece('stdout', 'x')]);
  writeFileSync(`${dir}/ab/README`, 'not a log');
  const halfMade = { ...NAME, attempt: 4 };
  writeFileSync(`${journalPath(dir, halfMade)}.new`, '');
  const names = [];
  for await (const batch of journal.all()) names.push(...batch);
  t.same(
    names.sort((a, b) => a.attempt - b.attempt),
    [NAME, { ...NAME, attempt: 2 }, other, halfMade],
  );
  await journal.remove(halfMade);
  t.same(globSync(`${journalPath(dir, halfMade)}*`), []);
  t.equal(await journal.exists(NAME), true);
  await journal.remove(NAME);
  await journal.remove(NAME);
  t.equal(await journal.exists(NAME), false);
  t.equal(await journal.open(NAME), null);
  t.equal(await journal.exists(other), true);
});

t.test('records of zeros at the end of an index hide nothing of what came before', async (t) => {
  const dir = tempDir(t);
  const path = journalPath(dir, NAME);
  await write(path, [piece('stdout', 'one\n'), piece('stderr', 'two\n', 2)]);
  appendFileSync(`${path}.idx`, Buffer.alloc(24 * 3));
  const zeros = await new FileJournal(dir).open(NAME);
  t.match(zeros, { records: 2, size: 8 });
  await zeros?.close();
});

t.test('logs of another store are not touched: its directory is refused', async (t) => {
  const dir = tempDir(t);
  await new FileJournal(dir).prepare('store-1');
  await new FileJournal(dir).prepare('store-1');
  await t.rejects(new FileJournal(dir).prepare('store-2'), /EXECUTION_LOG_DIR: .* another store \(store-1\)/);
});
