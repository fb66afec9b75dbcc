// Small files that are taken in together: what is in its place, what is left, and how bytes are reserved.
import { readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { FileBlobs } from '../../src/blobs/file-blobs.ts';
import { FilePrivateFiles } from '../../src/blobs/private-files.ts';
import type { Lifetime } from '../helpers/scope.ts';
import { tempDir } from '../helpers/temp.ts';

const filesIn = (dir: string) =>
  readdirSync(dir, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());

async function blobsIn(t: Lifetime): Promise<{ dir: string; blobs: FileBlobs }> {
  const dir = tempDir(t);
  const blobs = new FileBlobs(dir);
  await blobs.prepare(false);
  return { dir, blobs };
}

t.test('a batch is in its place when it is kept, and the same bytes are there once', async (t) => {
  const { dir, blobs } = await blobsIn(t);
  const held: string[] = [];
  const batch = blobs.batch((digest) => held.push(digest));
  const [one, other, again] = await Promise.all(
    ['one', 'other', 'one'].map((text) => batch.add(Buffer.from(text))),
  );
  t.equal(one?.digest, again?.digest);
  t.equal(held.length, 3, 'each is held before it is in its place');
  t.equal(await blobs.has(one?.digest ?? ''), false, 'nothing is in its place yet');
  t.equal(filesIn(join(dir, 'new')).length, 2);
  await batch.keep();
  await batch.drop();
  t.equal(await blobs.has(one?.digest ?? ''), true);
  t.equal(await blobs.has(other?.digest ?? ''), true);
  t.equal(filesIn(dir).length, 2, 'and nothing is left beside');
});

t.test('a batch that is dropped leaves nothing', async (t) => {
  const { dir, blobs } = await blobsIn(t);
  const batch = blobs.batch(() => undefined);
  await batch.add(Buffer.from('one'));
  await batch.drop();
  t.equal(filesIn(dir).length, 0);
});

t.test('small files reserve their bytes together, and one by one where not all fit', async (t) => {
  const { blobs } = await blobsIn(t);
  const dir = tempDir(t);
  for (let i = 0; i < 50; i++) writeFileSync(join(dir, `f${String(i).padStart(2, '0')}`), 'ten bytes!');
  symlinkSync('f00', join(dir, 'link'));
  const files = new FilePrivateFiles({ blobs, isOfCommands: null });
  let calls = 0;
  const collect = (room: number, most: number) => {
    let left = room;
    return files.collect(dir, {
      patterns: ['*'],
      placed: [],
      most: { files: most, bytes: 1000 },
      reserve: (bytes) => {
        calls += 1;
        const before = left;
        if (bytes <= left) left -= bytes;
        return Promise.resolve(before);
      },
      hold: () => undefined,
    });
  };
  const all = await collect(500, 100);
  t.equal(all.files.length, 50);
  t.equal(calls, 2, 'one call for each group');
  t.same(all.problems, [{ path: 'link', reason: 'it is not a plain file' }]);
  const some = await collect(455, 100);
  t.equal(some.files.length, 45, 'exactly as many as there is room for');
  t.match(some.problems[0], { reason: 'it has 10 bytes; 5 more may be kept' });
  const few = await collect(500, 40);
  t.equal(few.files.length, 40);
  t.same(few.problems, [{ path: 'f40', reason: 'there are more than 40 artifacts' }]);
});

t.test('what cannot get into its place is named file by file', async (t) => {
  const { dir: at, blobs } = await blobsIn(t);
  const dir = tempDir(t);
  writeFileSync(join(dir, 'a'), 'a');
  const files = new FilePrivateFiles({ blobs, isOfCommands: null });
  rmSync(join(at, 'new'), { recursive: true });
  const { files: kept, problems } = await files.collect(dir, {
    patterns: ['a'],
    placed: [],
    most: { files: 10, bytes: 1000 },
    reserve: () => Promise.resolve(1000),
    hold: () => undefined,
  });
  t.same(kept, []);
  t.same(problems, [{ path: 'a', reason: 'execd cannot keep it (ENOENT)' }]);
});
