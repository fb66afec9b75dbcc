import { DatabaseSync } from 'node:sqlite';
import t from 'tap';
import type { ListFilter } from '../../src/domain/ports/store.ts';
import { Listing } from '../../src/store/sqlite/reads/listing.ts';
import { MIGRATIONS } from '../../src/store/sqlite/migrations.ts';
import { Statements } from '../../src/store/sqlite/statements.ts';

const EACH = 1500;
/** Of those that have failed. */
const ENDS: Readonly<Record<number, object>> = {
  20: { cause: 'exited', exitCode: 1 },
  21: { cause: 'exited', exitCode: 1, exhausted: { attempts: 3, by: 'attempts' } },
  22: { cause: 'attempt_timeout', limitMs: 5 },
  24: { cause: 'imported', endedAs: 'failed', code: 'E006', message: 'no', errorMessage: null },
  23: { cause: 'evaluation_failed', reason: 'condition', message: 'no' },
};

/** A store of so many finished and so many queued executions of one user, and one that runs. */
function storeOf(): Statements {
  const db = new DatabaseSync(':memory:');
  for (const migration of MIGRATIONS) db.exec(migration);
  const insert = db.prepare(`INSERT INTO executions (id, user_id, run_id, kind, pool, priority, timeouts,
      phase, status, revision, event_sequence, attempt, created_at, queued_at, finished_at, task_id, operation,
      outcome)
    VALUES (?1, 'ann', ?1, ?2, 'process', 0, '{}', ?3, ?4, 1, 1, 0, ?5, ?5, ?6, ?7, ?8, ?9)`);
  const label = db.prepare(`INSERT INTO labels (user_id, name, value, id) VALUES ('ann', 'team', 'web', ?)`);
  db.exec('BEGIN');
  for (let i = 0; i < 2 * EACH; i++) {
    const id = `${String(i).padStart(8, '0')}-0000-7000-8000-000000000000`;
    const isDone = i < EACH;
    const state = isDone
      ? ['done', 'completed']
      : i === EACH
        ? ['starting', 'running']
        : ['queued', 'pending'];
    const [phase, status] = state as [string, string];
    const rare = i === 7 ? ['nightly', 'resize'] : [null, null];
    const outcome = isDone ? JSON.stringify(ENDS[i] ?? { cause: 'exited', exitCode: 0 }) : null;
    const seen = isDone && i in ENDS ? 'failed' : status;
    insert.run(id, i === 9 ? 'http' : 'exec', phase, seen, i, isDone ? i : null, ...rare, outcome);
    label.run(id);
  }
  db.exec(`INSERT INTO execution_specs SELECT seq, '{}', '{}', NULL FROM executions; COMMIT`);
  return new Statements(db);
}

t.test('a page looks at few rows, however many are stored and however few fit', (t) => {
  const db = storeOf();
  const labels = (value: string) => [
    { name: 'team', value: 'web' },
    { name: 'team', value },
  ];
  const rows: [filter: Partial<ListFilter>, fitting: number][] = [
    [{}, 10],
    [{ status: ['running'] }, 1],
    [{ status: ['running', 'failed'] }, 6],
    [{ status: ['cancelled'] }, 0],
    [{ cause: ['exited'] }, 2],
    [{ errorCode: ['E003'] }, 1],
    [{ errorCode: ['E005'] }, 1],
    [{ errorCode: ['E002', 'E007'] }, 2],
    [{ errorCode: ['E006'] }, 1],
    [{ cause: ['imported', 'evaluation_failed'] }, 2],
    [{ errorCode: ['E002'], cause: ['exited'] }, 0],
    [{ errorCode: ['E005'], cause: ['exited'], kind: ['exec'] }, 1],
    [{ status: ['completed'] }, 10],
    [{ phase: ['queued'] }, 10],
    [{ phase: ['joined', 'scheduled_retry'] }, 0],
    [{ phase: ['queued'], status: ['completed'] }, 0],
    [{ kind: ['http', 'shell'] }, 1],
    [{ kind: ['http'], status: ['completed'] }, 1],
    [{ kind: ['plan'], isRoot: true }, 0],
    [{ operation: 'resize' }, 1],
    [{ operation: 'other' }, 0],
    [{ taskId: 'nightly', status: ['completed'] }, 1],
    [{ label: labels('web') }, 10],
    [{ label: labels('none') }, 0],
    [{ createdTo: 5 }, 5],
    [{ createdFrom: EACH - 3, createdTo: EACH + 3 }, 6],
    [{ finishedFrom: EACH - 4 }, 4],
    [{ planId: 'none' }, 0],
  ];
  for (const [filter, fitting] of rows) {
    const { rows, looked, next } = new Listing({ userId: 'ann', ...filter }, db).piece(10, 11, null);
    const name = JSON.stringify(filter);
    t.equal(rows.length, fitting, name);
    t.ok(looked <= fitting, `${name} looked at ${looked}`);
    t.equal(next === null, fitting < 10, name);
  }
  t.end();
});

t.test('a page ends when it has looked at its share, and the next one goes on there', (t) => {
  const db = storeOf();
  const listing = new Listing({ userId: 'ann', kind: ['exec'], createdTo: EACH }, db);
  const found: number[] = [];
  let pieces = 0;
  for (let next: string | null = null; pieces === 0 || next !== null; pieces++) {
    const piece = listing.piece(100, 250, next);
    t.ok(piece.looked <= 250);
    found.push(...piece.rows.map((row) => row.created_at));
    next = piece.next;
  }
  const expected = Array.from({ length: EACH }, (_, i) => EACH - 1 - i).filter((i) => i !== 9);
  t.same(found, expected);
  t.ok(pieces > 2 * (EACH / 250));
  t.end();
});

t.test('the age of the queue is read from an index', (t) => {
  const db = storeOf();
  const plan = db.all(
    `EXPLAIN QUERY PLAN SELECT min(queued_at) AS oldest FROM executions WHERE phase = 'queued'`,
  );
  t.match(plan, [{ detail: /executions_queue_age/ }]);
  t.end();
});

t.test('a claim finds what waits for its pools in an index, and reads nothing of other pools', (t) => {
  const db = storeOf();
  const plan =
    db.all(`EXPLAIN QUERY PLAN SELECT seq FROM executions WHERE phase = 'queued' AND concurrency_key IS NULL
    AND pool = 'process:gpu' AND priority = 0 AND user_id = 'ann' AND seq > 0 ORDER BY seq LIMIT 9 + 0`);
  t.match(plan, [{ detail: /executions_turns \(pool=\? AND priority=\? AND user_id=\? AND seq>\?\)/ }]);
  t.equal(plan.length, 1, 'nothing is sorted');
  t.end();
});
