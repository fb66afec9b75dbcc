// Why an execution waits: its place, the rule that limits it now, and about how long it will take. From what the queue knows now.
import type { SlotKind } from '../../domain/kinds.ts';
import { KEY, type Pause } from '../../domain/pauses.ts';
import type { WaitingFor } from '../../domain/execution/explained.ts';
import type { Execution, PendingExecution } from '../../domain/execution/execution.ts';
import { quoted } from '../../domain/errors.ts';
import type { QueuePlace } from '../../domain/ports/store.ts';
import type { CircuitView } from '../../resilience/circuit.ts';
import { waitEndsAt, waitWords } from '../../domain/plans/waits.ts';
import { deadlineOf } from '../policies/settings.ts';
import { type Bounds, waitingFor } from '../read/waiting-for.ts';

/** What the engine knows beside the record. */
export interface QueueFacts extends Bounds {
  now: number;
  place: QueuePlace | null;
  circuit: CircuitView | null;
}

export interface WhyWaiting extends Omit<QueueFacts, 'now' | 'isOpen' | 'keyRunning' | 'pause' | 'drain'> {
  reason: WaitingFor;
  words: string;
  position: number | null;
  concurrency: { key: string; limit: number; running: number } | null;
  /** When it enters the queue again, ms since the epoch. */
  retryAt: number | null;
  /** When waiting ends it, and by which clock. */
  deadline: { name: string; at: number } | null;
  /** Until its start, milliseconds; null where nothing can be said. */
  estimateMs: number | null;
}

export function whyWaiting(execution: PendingExecution, facts: QueueFacts): WhyWaiting {
  const { place, slots, pool, user, circuit, keyRunning } = facts;
  const { concurrency } = execution;
  const reason = waitingFor(execution, facts);
  const deadline = deadlineOf(execution);
  const key = concurrency === null ? null : { ...concurrency, running: keyRunning ?? 0 };
  return {
    ...{ reason, place, slots, pool, user, circuit, concurrency: key },
    words: [WORDS[reason](execution, facts), circuitWords(circuit)].filter((one) => one !== '').join(' '),
    position: place === null ? null : place.higher + place.own + place.others,
    retryAt: execution.phase === 'scheduled_retry' ? execution.retryAt : null,
    deadline:
      deadline === null
        ? null
        : { name: `timeouts.${deadline.cause.replace('_timeout', '_ms')}`, at: deadline.at },
    estimateMs: estimate(reason, execution, facts),
  };
}

const SLOTS: Record<SlotKind, { name: string; setting: string }> = {
  process: { name: 'process', setting: 'EXECUTION_MAX_CONCURRENT' },
  http: { name: 'HTTP', setting: 'EXECUTION_MAX_CONCURRENT_HTTP' },
};

const WORDS: Record<WaitingFor, (execution: Execution, facts: QueueFacts) => string> = {
  joined: ({ runId }) => `It takes part in the run of the execution ${runId} and ends with it.`,
  ...{ signal: waitWords, approval: waitWords, time: waitWords },
  paused: (_execution, { pause }) => pausedWords(pause),
  start_time: ({ startAt }) =>
    `Its start time is ${new Date(startAt ?? 0).toISOString()} (start_at or delay_ms).`,
  retry_time: ({ attempts }) =>
    `Attempt ${attempts.at(-1)?.number ?? 1} failed; the next one waits until the retry time.`,
  shutting_down: () =>
    'The server is shutting down or starting. It starts nothing new; queued executions stay queued.',
  concurrency_limit: ({ concurrency }, { keyRunning }) =>
    `${keyRunning ?? 0} executions with the concurrency key "${concurrency?.key ?? ''}" run; at most ${concurrency?.limit ?? 0} may run.`,
  user_limit: ({ userId }, { user }) =>
    `${user.running} executions of the user "${userId}" run; at most ${user.limit ?? 0} may run (quotas.running of the policy file).`,
  no_runner: (_execution, { pool }) =>
    `No server serves its pool ${quoted(pool.name)}. Start one with EXECUTION_POOL=${pool.name}, or cancel the execution and submit it for another pool.`,
  no_free_slot: (_execution, { slots, pool, place, drain }) =>
    pool.servers !== null && slots.total > 0
      ? `It waits for a slot of a server of its pool ${quoted(pool.name)}: ${pool.servers.join(', ')}. ${aheadWords(place)}`
      : slots.total === 0 || drain !== null
        ? `It waits for a slot of another server: ${drain === null ? 'this one runs nothing (EXECUTION_ROLE)' : drainWords(drain)}. ${aheadWords(place)}`
        : `All ${slots.total} ${SLOTS[slots.kind].name} slots are in use (${SLOTS[slots.kind].setting}). ${aheadWords(place)}`,
  turn: (_execution, { place }) => `A slot is free and it is about to start. ${aheadWords(place)}`,
};

function pausedWords(pause: Pause | null): string {
  if (pause === null) return '';
  const { name, by, reason, since } = pause;
  const what =
    name === 'queue'
      ? 'The queue'
      : `The ${name.startsWith(KEY) ? 'concurrency key' : name.replace(':', ' ')}`;
  return `${what} is paused by ${by} since ${new Date(since).toISOString()}${reason === null ? '' : `: ${reason}`}.`;
}

function drainWords({ by, reason, since }: Pause): string {
  const why = reason === null ? '' : ` (${reason})`;
  return `this one is drained by ${by} since ${new Date(since).toISOString()}${why}`;
}

function aheadWords(place: QueuePlace | null): string {
  if (place === null) return '';
  const { higher, own, others } = place;
  if (higher + own + others === 0) return 'It is the next one.';
  const parts = [
    higher > 0 ? `${higher} of a higher priority` : '',
    own > 0 ? `${own} of the same user` : '',
    others > 0 ? `${others} of other users, who take turns` : '',
  ].filter((part) => part !== '');
  return `Ahead of it: ${parts.join(', ')}.`;
}

function circuitWords(circuit: CircuitView | null): string {
  if (circuit === null || circuit.state === 'closed') return '';
  if (circuit.state === 'half_open') return `The circuit ${circuit.name} lets only probes through.`;
  const until =
    circuit.nextProbeMs === null
      ? 'until it is reset'
      : `for another ${Math.ceil(circuit.nextProbeMs / 1000)} s`;
  return `The circuit ${circuit.name} is open ${until}: an execution that starts meanwhile fails at once.`;
}

/** From the mean duration of the attempts of late: rough, and only where slots or the limit of the user decide. */
function estimate(reason: WaitingFor, execution: PendingExecution, facts: QueueFacts): number | null {
  const { slots, pool, place, user, now, drain } = facts;
  if (execution.phase === 'awaiting') {
    const endsAt = reason === 'time' ? waitEndsAt(execution) : null;
    return endsAt === null ? null : Math.max(0, endsAt - now);
  }
  if (execution.phase === 'scheduled') return Math.max(0, execution.startAt - now);
  if (execution.phase === 'scheduled_retry') return Math.max(0, execution.retryAt - now);
  const isElsewhere = pool.servers !== null || slots.total === 0 || drain !== null;
  if (slots.meanMs === null || place === null || isElsewhere) return null;
  switch (reason) {
    case 'no_free_slot':
      return Math.round((slots.meanMs * (place.higher + place.own + place.others + 1)) / slots.total);
    case 'user_limit':
      return Math.round((slots.meanMs * (place.own + 1)) / Math.max(1, user.limit ?? 1));
    case 'turn':
      return 0;
    default:
      return null;
  }
}
