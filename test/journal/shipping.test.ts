import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { AttemptName } from '../../src/domain/ports/runner.ts';
import type { LogFile, NamedPiece } from '../../src/domain/ports/shared-logs.ts';
import { encodeRecords, INDEX_MAGIC } from '../../src/journal/journal-format.ts';
import { LogShipping, shipRest } from '../../src/journal/shipping.ts';
import { newExecution } from '../helpers/records.ts';
import { fakeClock } from '../helpers/clock.ts';
import { until } from '../helpers/processes.ts';

/** A log that is written, and what has been shipped of it. */
function world(t: Test) {
  const clock = fakeClock();
  const path = join(t.testdir(), 'log');
  const is = { followed: false, failing: false, told: 0, ended: 0, appended: 0 };
  const shipped: NamedPiece[] = [];
  const giveUp = new AbortController();
  const name = { runId: newExecution().id, attempt: 1 };
  const logs = {
    append: (_: AttemptName, pieces: readonly NamedPiece[]) => {
      is.appended += 1;
      if (is.failing) return Promise.reject(new Error('it is away'));
      shipped.push(...pieces);
      return Promise.resolve();
    },
  };
  const shipping = new LogShipping({
    ...{ path, clock, signal: giveUp.signal, name, logs },
    isFollowed: () => is.followed,
    shipped: () => (is.told += 1),
    ended: () => (is.ended += 1),
  });
  t.teardown(() => giveUp.abort());
  let [isNew, offset] = [true, 0];
  return {
    ...{ clock, shipping, is, shipped, giveUp, name, path, logs },
    write(text: string) {
      const bytes = Buffer.from(text);
      appendFileSync(`${path}.log`, bytes);
      const records = encodeRecords([{ offset, stream: 'stdout', time: 1, length: bytes.length }]);
      offset += bytes.length;
      if (isNew) writeFileSync(`${path}.idx`, Buffer.concat([INDEX_MAGIC, records]));
      else appendFileSync(`${path}.idx`, records);
      isNew = false;
    },
    text: () =>
      Buffer.concat(shipped.filter(({ file }) => file === 'log').map(({ bytes }) => bytes)).toString(),
  };
}

t.test('a log that nobody follows is shipped now and then', async (t) => {
  const { clock, shipping, is, write, text } = world(t);
  write('one ');
  shipping.grew();
  write('two ');
  shipping.grew();
  await clock.advance(199);
  t.equal(is.appended, 0);
  await clock.advance(1);
  await until('both are shipped', () => text() === 'one two ');
  t.equal(is.appended, 1, 'the log and its index at once');
  t.equal(is.told, 0);
  t.equal(clock.waiting, 0, 'while nothing is written, nothing is looked at');
});

t.test('a log that is followed is shipped at once, and told of', async (t) => {
  const { clock, shipping, is, write, text } = world(t);
  write('one ');
  shipping.grew();
  is.followed = true;
  shipping.followed();
  await until('the first is shipped', () => text() === 'one ');
  await until('it is told', () => is.told === 1);
  // Its file is watched: the host need not say anything.
  write('two ');
  await until('the second is shipped', async () => {
    await clock.advance(25);
    return text() === 'one two ';
  });
  await until('it is told again', () => is.told === 2);
});

t.test('a shipment that fails is repeated, and the end waits for it', async (t) => {
  const { clock, shipping, is, write, text } = world(t);
  is.failing = true;
  write('one ');
  shipping.grew();
  await clock.advance(200);
  await until('it was tried', () => is.appended === 1);
  await until('it waits', () => clock.hasTimer(500));
  write('two ');
  let isFinished = false;
  const finished = shipping.finish().then(() => (isFinished = true));
  await until('it was tried again', () => is.appended === 2 && clock.hasTimer(500));
  t.notOk(isFinished);
  is.failing = false;
  await clock.advance(500);
  await finished;
  t.equal(text(), 'one two ');
  t.equal(is.ended, 1);
});

t.test('the end of a server gives it up', async (t) => {
  const { shipping, is, write, giveUp } = world(t);
  is.failing = true;
  write('one ');
  giveUp.abort();
  await shipping.finish();
  t.equal(is.ended, 1);
  shipping.grew();
  t.equal(is.appended, 1, 'it was tried once more');
});

t.test('what was lost on the way when a server ended is shipped from its files', async (t) => {
  const { shipping, is, shipped, write, text, giveUp, name, path, logs } = world(t);
  write('one ');
  is.followed = true;
  shipping.followed();
  await until('the first is shipped', () => text() === 'one ');
  giveUp.abort();
  write('two ');
  write('three');
  const sizeOf = (file: LogFile) =>
    shipped.filter((piece) => piece.file === file).reduce((sum, { bytes }) => sum + bytes.length, 0);
  const rest = { ...logs, sizes: async () => ({ log: sizeOf('log'), index: sizeOf('index') }) };
  await shipRest(name, path, rest);
  t.equal(text(), 'one two three');
  const before = is.appended;
  await shipRest(name, path, rest);
  t.equal(is.appended, before, 'nothing is sent twice');
  is.failing = true;
  write('four');
  await t.rejects(shipRest(name, path, rest), { message: 'it is away' });
});
