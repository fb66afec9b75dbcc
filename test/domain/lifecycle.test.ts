import t from 'tap';
import fc from 'fast-check';
import {
  type Move,
  MOVES,
  type StoredPhase,
  STORED_PHASES,
  statusOf,
  transition,
} from '../../src/domain/execution/lifecycle.ts';
import { EXIT_0 } from '../helpers/records.ts';

const ATTEMPT = 3;

/** What each pair leads to, written down independently of the table. */
const EXPECTED: Record<StoredPhase, Record<Move['type'], string>> = {
  joined: {
    claim: 'illegal',
    cancel: 'done',
    settle: 'done',
    requeue: 'illegal',
    retry: 'illegal',
    due: 'illegal',
    begin: 'illegal',
    patch: 'joined',
    remove: 'illegal',
  },
  awaiting: {
    claim: 'illegal',
    cancel: 'done',
    settle: 'done',
    requeue: 'illegal',
    retry: 'illegal',
    due: 'illegal',
    begin: 'illegal',
    patch: 'awaiting',
    remove: 'illegal',
  },
  scheduled: {
    claim: 'illegal',
    cancel: 'done',
    settle: 'done',
    requeue: 'illegal',
    retry: 'illegal',
    due: 'queued',
    begin: 'starting',
    patch: 'scheduled',
    remove: 'illegal',
  },
  queued: {
    claim: 'starting',
    cancel: 'done',
    settle: 'done',
    requeue: 'illegal',
    retry: 'illegal',
    due: 'illegal',
    begin: 'illegal',
    patch: 'queued',
    remove: 'illegal',
  },
  scheduled_retry: {
    claim: 'illegal',
    cancel: 'done',
    settle: 'done',
    requeue: 'illegal',
    retry: 'illegal',
    due: 'queued',
    begin: 'illegal',
    patch: 'scheduled_retry',
    remove: 'illegal',
  },
  starting: {
    claim: 'illegal',
    cancel: 'canceling',
    settle: 'done',
    requeue: 'queued',
    retry: 'scheduled_retry',
    due: 'illegal',
    begin: 'illegal',
    patch: 'starting',
    remove: 'illegal',
  },
  canceling: {
    claim: 'illegal',
    cancel: 'canceling',
    settle: 'done',
    requeue: 'illegal',
    retry: 'illegal',
    due: 'illegal',
    begin: 'illegal',
    patch: 'canceling',
    remove: 'illegal',
  },
  done: {
    claim: 'stale',
    cancel: 'illegal',
    settle: 'stale',
    requeue: 'stale',
    retry: 'stale',
    due: 'stale',
    begin: 'illegal',
    patch: 'illegal',
    remove: 'gone',
  },
};

function move(type: Move['type'], attempt: number): Move {
  if (type === 'claim') return { type, attempt: attempt + 1 };
  if (type === 'begin' || type === 'cancel' || type === 'patch' || type === 'remove') return { type };
  return { type, attempt };
}

for (const phase of STORED_PHASES) {
  for (const type of MOVES) {
    const expected = EXPECTED[phase][type];
    t.test(`${type} of an execution that is ${phase} leads to: ${expected}`, async (t) => {
      const result = transition({ phase, attempt: ATTEMPT }, move(type, ATTEMPT));
      t.equal(result.legal ? result.phase : result.why, expected);
    });
  }
}

t.test('a move for another attempt than the last one is stale in every phase', async (t) => {
  for (const phase of STORED_PHASES) {
    for (const type of ['claim', 'settle', 'requeue', 'retry', 'due'] as const) {
      for (const attempt of [ATTEMPT - 1, ATTEMPT + 1]) {
        t.same(transition({ phase, attempt: ATTEMPT }, move(type, attempt)), { legal: false, why: 'stale' });
      }
    }
  }
});

t.test('the status follows from the phase and the outcome', async (t) => {
  t.equal(statusOf('queued', null), 'pending');
  t.equal(statusOf('joined', null), 'pending');
  t.equal(statusOf('scheduled', null), 'pending');
  t.equal(statusOf('scheduled_retry', null), 'pending');
  t.equal(statusOf('starting', null), 'running');
  t.equal(statusOf('canceling', null), 'running');
  t.equal(statusOf('done', EXIT_0), 'completed');
  t.equal(statusOf('done', { cause: 'cancelled', reason: null, process: null }), 'cancelled');
  t.throws(() => statusOf('done', null), 'a finished execution must have an outcome');
});

t.test('whatever is tried in whatever order, an end is final and attempt numbers only grow', async (t) => {
  const anyMove = fc.record({ type: fc.constantFrom(...MOVES), attempt: fc.integer({ min: 0, max: 6 }) });
  fc.assert(
    fc.property(fc.array(anyMove, { maxLength: 40 }), (moves) => {
      let phase: StoredPhase | 'gone' = 'queued';
      let attempt = 0;
      let hasEnded = false;
      for (const wanted of moves) {
        if (phase === 'gone') break;
        const result = transition({ phase, attempt }, wanted);
        if (!result.legal) continue;
        if (hasEnded && result.phase !== 'gone') return false;
        if (wanted.type === 'claim' && wanted.attempt !== attempt + 1) return false;
        if (wanted.type === 'claim') attempt = wanted.attempt;
        phase = result.phase;
        hasEnded ||= phase === 'done';
      }
      return true;
    }),
  );
  t.pass('no walk left the table');
});
