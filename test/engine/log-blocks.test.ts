// Blocks of logs: whatever the records are and wherever a reader begins, all comes, once and in order.
import t from 'tap';
import { LogBlocks, type LogPiece, type OutputForm } from '../../src/engine/streams/log-blocks.ts';
import type { AttemptLog, Journal, LogRecord } from '../../src/domain/ports/journal.ts';

const NAME = { runId: 'run', attempt: 1 };
type Written = [stream: 'stdout' | 'stderr', bytes: Uint8Array | string];

function journalOf(written: readonly Written[]): Pick<Journal, 'open'> & { state: Record<string, number> } {
  let offset = 0;
  const records = written.map(([stream, given], i): LogRecord => {
    const record = { seq: i + 1, stream, time: 1000 + i, offset, bytes: Buffer.from(given) };
    offset += record.bytes.length;
    return record;
  });
  async function* read(from: number) {
    for (const record of records) {
      const skip = Math.max(0, from - record.offset);
      if (skip < record.bytes.length)
        yield { ...record, offset: record.offset + skip, bytes: record.bytes.subarray(skip) };
    }
  }
  const state = { opened: 0, closed: 0, reads: 0 };
  const log = {
    read: (from: number) => ((state.reads += 1), read(from)),
    refresh: async () => false,
    close: async () => void (state.closed += 1),
  } as Partial<AttemptLog>;
  return { open: async () => ((state.opened += 1), log as AttemptLog), state };
}

/** All pieces from an offset on, as a reader gets them. */
async function piecesOf(blocks: LogBlocks, form: OutputForm, from = 0): Promise<LogPiece[]> {
  const pieces: LogPiece[] = [];
  for (let offset = from; ;) {
    const block = await blocks.read(NAME, { offset, isOver: true, form });
    if (block === null || block.pieces.length === 0) return pieces;
    pieces.push(...block.pieces);
    offset = block.end;
  }
}

const textOf = (pieces: readonly Pick<LogPiece, 'bytes'>[]) =>
  Buffer.concat(pieces.map(({ bytes }) => bytes)).toString('latin1');
const isText = ({ bytes }: LogPiece) => Buffer.from(bytes).equals(Buffer.from(Buffer.from(bytes).toString()));

/** Numbers that are the same at each run. */
function* numbers(seed: number): Generator<number, never> {
  for (let n = seed; ; n = (n * 48_271) % 2_147_483_647) yield n;
}

function sample(seed: number): Written[] {
  const next = numbers(seed);
  const text = Buffer.from(`é🎉 line ${seed}\n`.repeat(3000));
  const written: Written[] = [];
  for (let at = 0; at < text.length;) {
    const length = 1 + (next.next().value % ([7, 40, 9000][seed % 3] ?? 7));
    written.push(['stdout', text.subarray(at, at + length)]);
    if (next.next().value % 50 === 0) written.push(['stderr', 'error\n']);
    at += length;
  }
  return written;
}

t.test('all comes, once and in order, from wherever a reader begins', async (t) => {
  for (const seed of [1, 2, 3]) {
    const written = sample(seed);
    const blocks = new LogBlocks(journalOf(written));
    const all = textOf(written.map(([, bytes]) => ({ bytes: Buffer.from(bytes) })));
    for (const form of ['records', 'lines'] as const) {
      const pieces = await piecesOf(blocks, form);
      t.ok(textOf(pieces) === all, `${form} of ${seed}`);
      for (let i = 1; i < pieces.length; i += 1 + Math.floor(pieces.length / 12)) {
        const rest = await piecesOf(blocks, form, pieces[i]?.offset);
        t.ok(textOf(rest) === textOf(pieces.slice(i)), `${form} of ${seed} from piece ${i} on`);
        t.same(rest.at(-1), pieces.at(-1));
      }
    }
  }
});

t.test('all who follow the bytes of a log share its descriptors and what is read', async (t) => {
  // Records that cut a character: followers of bytes get them as they are.
  const journal = journalOf(sample(2));
  const blocks = new LogBlocks(journal);
  const logs = await Promise.all(Array.from({ length: 20 }, () => blocks.open(NAME)));
  const read = logs.map(async (log) => {
    const records: LogRecord[] = [];
    for await (const record of log?.read(0) ?? []) records.push(record);
    return records;
  });
  const [first = [], ...others] = await Promise.all(read);
  t.equal(textOf(first), textOf(sample(2).map(([, bytes]) => ({ bytes: Buffer.from(bytes) }))));
  t.equal(first.length, sample(2).length);
  for (const other of others)
    t.ok(
      other.every((record, i) => record === first[i]),
      'the same records',
    );
  t.ok((journal.state.reads ?? 99) < 20, `${journal.state.reads} reads for 20 followers`);
  const [last, ...before] = logs;
  for (const log of before) await log?.close();
  t.same({ ...journal.state, reads: 0 }, { opened: 1, closed: 0, reads: 0 });
  await last?.close();
  t.equal(journal.state.closed, 1);
});

t.test('a record is a piece, and a line is a piece, wherever blocks end', async (t) => {
  const text = 'é line\n';
  const count = 6000;
  const records = await piecesOf(
    new LogBlocks(journalOf(Array.from({ length: count }, () => ['stdout', text]))),
    'records',
  );
  t.equal(records.length, count);
  t.ok(records.every(({ seq, time }, i) => seq === i + 1 && time === 1000 + i));
  const whole = Buffer.from(text.repeat(count));
  const cut: Written[] = [];
  for (let at = 0; at < whole.length; at += 11) cut.push(['stdout', whole.subarray(at, at + 11)]);
  const blocks = new LogBlocks(journalOf(cut));
  const lines = await piecesOf(blocks, 'lines');
  t.equal(lines.length, count);
  t.ok(lines.every(({ bytes }) => Buffer.from(bytes).toString() === text));
  t.ok((await piecesOf(blocks, 'records')).every(isText), 'a character waits for its rest');
});

t.test('a line that is longer than a block comes in parts, which are text', async (t) => {
  const long = `${'é'.repeat(100_000)}\nend`;
  const blocks = new LogBlocks(journalOf([['stdout', 'x'], ...cutUp(long)]));
  const lines = await piecesOf(blocks, 'lines');
  t.ok(lines.length <= 6 && lines.every(isText), `${lines.length} parts`);
  t.equal(Buffer.from(textOf(lines), 'latin1').toString(), `x${long}`);
  t.same(lines.at(-1)?.bytes.length, 3);
});

function cutUp(text: string): Written[] {
  const bytes = Buffer.from(text);
  const written: Written[] = [];
  for (let at = 0; at < bytes.length; at += 4097) written.push(['stdout', bytes.subarray(at, at + 4097)]);
  return written;
}
