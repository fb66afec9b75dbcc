import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { AuditLog } from '../../src/observe/audit-log.ts';
import { smallDisk, tempDir } from '../helpers/temp.ts';

const ignore = () => undefined;
const log = { debug: ignore, info: ignore, warn: ignore, error: ignore };
const NOON = Date.UTC(2026, 0, 1, 12);
const auditLog = (dir: string) => new AuditLog({ dir, now: () => NOON, pause: () => Promise.resolve(), log });
const linesOf = (dir: string): string[] =>
  globSync(`${dir}/*.jsonl`).flatMap((file) => readFileSync(file, 'utf8').split('\n'));

t.test('after a line that was torn by a crash the next one begins on a line of its own', async (t) => {
  const dir = tempDir(t);
  writeFileSync(join(dir, '2026-01-01.jsonl'), '{"time":"x"}\n{"time":"2026-01-0');
  const audit = auditLog(dir);
  await audit.write({ user: 'ann' });
  await audit.write({ user: 'bob' });
  await audit.close();
  const [, torn, ...whole] = linesOf(dir);
  t.equal(torn, '{"time":"2026-01-0');
  t.match(
    whole.slice(0, 2).map((line) => JSON.parse(line) as object),
    [{ user: 'ann' }, { user: 'bob' }],
  );
});

t.test('a full disk tears one line at most', async (t) => {
  const disk = smallDisk(t, 256 * 1024);
  if (disk === null) {
    t.pass('mounting is not allowed here');
    return;
  }
  const audit = auditLog(join(disk, 'audit'));
  await audit.write({ user: 'first' });
  const filler = join(disk, 'filler');
  for (let size = 1 << 20; size >= 1; size >>= 1) {
    try {
      for (;;) writeFileSync(filler, Buffer.alloc(size), { flag: 'a' });
    } catch {
      // Full, for pieces of this size.
    }
  }
  await audit.write({ user: 'lost', what: 'x'.repeat(8192) });
  t.equal(audit.lost, 1);
  writeFileSync(filler, '');
  await audit.write({ user: 'second' });
  await audit.close();
  const users = linesOf(join(disk, 'audit')).flatMap((line) => {
    try {
      return [(JSON.parse(line) as { user: string }).user];
    } catch {
      return [];
    }
  });
  t.same(users, ['first', 'second']);
});
