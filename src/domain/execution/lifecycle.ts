// The table of legal moves, pure. The engine asks it before it decides; every store compares-and-sets on it.
//
//   accept → queued ──claim──→ starting ──cancel──→ canceling ──settle──→ done ──remove──→ (gone)
//             │ ↑ ↑             │ │ │                                       ↑
//             │ │ └───requeue───┘ │ └────────────────settle─────────────────┤
//             │ │                 │retry                                    │
//             │ └due─ scheduled_retry ──────────cancel, settle──────────────┤
//             └────────────────────cancel, settle───────────────────────────┘
//
// One that is to start later is `scheduled` until then. A plan never waits in the queue: its steps do.
//
//   accept → scheduled ──due─→ queued, ──begin─→ starting (a plan)
//               └────cancel, settle──→ done
//
// An execution that joins the run of another one is `joined` until that run ends. When the one that began the run leaves
// it, another one takes its place: it is promoted to whatever phase the run is in.
//
//   join → joined ──promote──→ queued, scheduled_retry, starting
//            └────cancel, settle──→ done
//
// A wait is `awaiting` from its acceptance until what it waits for has come.
//
//   accept → awaiting ──cancel, settle──→ done
//
// `running` and `finishing` are views of `starting` (see `shownPhase`): whoever runs it knows more than what is stored.
import { hasSteps } from '../kinds.ts';
import type { Execution, Phase, Status } from './execution.ts';
import type { Outcome } from '../outcome.ts';
import { judge } from '../outcome.ts';

/** The phases that a store records. */
export const STORED_PHASES = [
  'joined',
  'awaiting',
  'scheduled',
  'queued',
  'scheduled_retry',
  'starting',
  'canceling',
  'done',
] as const;
export type StoredPhase = (typeof STORED_PHASES)[number];

export const MOVES = [
  'claim',
  'cancel',
  'settle',
  'requeue',
  'retry',
  'due',
  'begin',
  'patch',
  'remove',
] as const;
export type MoveType = (typeof MOVES)[number];

/** Phases after each legal move; a pair that is not here is refused. `gone` is the end of the record itself. */
const TABLE: Record<StoredPhase, Partial<Record<MoveType, StoredPhase | 'gone'>>> = {
  joined: { cancel: 'done', settle: 'done', patch: 'joined' },
  awaiting: { cancel: 'done', settle: 'done', patch: 'awaiting' },
  scheduled: { due: 'queued', begin: 'starting', cancel: 'done', settle: 'done', patch: 'scheduled' },
  queued: { claim: 'starting', cancel: 'done', settle: 'done', patch: 'queued' },
  scheduled_retry: { due: 'queued', cancel: 'done', settle: 'done', patch: 'scheduled_retry' },
  starting: {
    cancel: 'canceling',
    settle: 'done',
    requeue: 'queued',
    retry: 'scheduled_retry',
    patch: 'starting',
  },
  canceling: { cancel: 'canceling', settle: 'done', patch: 'canceling' },
  done: { remove: 'gone' },
};

export type Move =
  | { type: 'claim' | 'requeue' | 'settle' | 'retry' | 'due'; attempt: number }
  | { type: 'begin' | 'cancel' | 'patch' | 'remove' };

export type Transition =
  | { legal: true; phase: StoredPhase | 'gone' }
  /** `stale`: speaks for an attempt that is not the last one, or of an execution that has finished since. */
  | { legal: false; why: 'stale' | 'illegal' };

/**
 * Decides a move.
 *
 * @param state the stored phase and the number of the last claimed attempt (0 before the first)
 * @param move  `claim` carries the new number, `settle` and `requeue` the number they speak for
 */
export function transition(state: { phase: StoredPhase; attempt: number }, move: Move): Transition {
  if ('attempt' in move) {
    const expected = move.type === 'claim' ? state.attempt + 1 : state.attempt;
    if (move.attempt !== expected) return { legal: false, why: 'stale' };
  }
  const phase = TABLE[state.phase][move.type];
  if (phase !== undefined) return { legal: true, phase };
  return { legal: false, why: state.phase === 'done' && 'attempt' in move ? 'stale' : 'illegal' };
}

/** The status that belongs to a stored phase; `done` takes it from its outcome. */
export function statusOf(phase: StoredPhase, outcome: Outcome | null): Status {
  switch (phase) {
    case 'joined':
    case 'awaiting':
    case 'scheduled':
    case 'queued':
    case 'scheduled_retry':
      return 'pending';
    case 'starting':
    case 'canceling':
      return 'running';
    case 'done':
      if (outcome === null) throw new TypeError('a finished execution has an outcome');
      return judge(outcome).status;
    default:
      return phase satisfies never;
  }
}

/** What the runner host has reported of a live attempt beyond what the store records. */
export type LiveStage = 'waiting' | 'running' | 'ended';

/** Who takes part in another one's run waits for it like in a queue. */
function waitingPhase(phase: Exclude<Execution, { status: 'running' }>['phase']): Phase {
  return phase === 'joined' ? 'queued' : phase;
}

/** The phase that a reader sees: the stored one, refined by what is known of the live attempt. */
export function shownPhase(execution: Execution, stage: LiveStage | null): Phase {
  if (execution.status !== 'running') return waitingPhase(execution.phase);
  if (stage === 'ended') return 'finishing';
  if (execution.phase === 'canceling') return 'canceling';
  if (hasSteps(execution.spec)) return 'running';
  // Whoever does not run it itself knows by what is stored that it has started.
  const hasStarted = stage === null ? hasBegun(execution.attempts) : stage === 'running';
  return hasStarted ? 'running' : 'starting';
}

const hasBegun = (attempts: Execution['attempts']): boolean => (attempts.at(-1)?.startedAt ?? null) !== null;
