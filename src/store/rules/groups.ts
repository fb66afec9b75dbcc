// Carries out groups on a working set: a batch has its facts loaded in two rounds, each of its groups is applied or undone
// as a whole, and claims come last, when everything else has freed what it frees.
import type { FilesPart } from '../../domain/ports/files.ts';
import type { CircuitsPart, OperationsPart, PausesPart, SeriesPart } from '../../domain/ports/group.ts';
import { acceptPart, answersPart, idempotencyPart } from './accepting.ts';
import { dropLogsPart, patchPart, removePart } from './changing.ts';
import {
  deliveryPart,
  deliverySweepPart,
  holdLanePart,
  webhookPart,
  webhookRemovePart,
} from './deliveries.ts';
import { duePart, expirePart, progressPart, requeuePart, retryPart, settlePart, tellPart } from './ending.ts';
import { COUNTS, type Kind, type Needs, NUMBERED } from './facts.ts';
import { apiKeysPart } from './keys.ts';
import { beatPart, drivePart } from './leases.ts';
import { chargePart, grantPart } from './money.ts';
import type { Cache, Order, StopAsked } from './orders.ts';
import type { ClaimNext, GroupReply, Rule, RulePart, Undone, Work } from './parts.ts';
import { keepStepsPart, markStepsPart } from './plans.ts';
import { schedulePart, scheduleRemovePart, scheduleRunPart } from './schedules.ts';
import { signalPart, takeSignalPart } from './signals.ts';
import { cancelPart, stopPlanPart } from './stopping.ts';
import type { WorkingSet } from './working-set.ts';

/** Parts that are decided by what is there; a claim is decided after all of them. */
type Decided = Exclude<RulePart, ClaimNext>;

const asOrdered: Rule<
  Order & (Cache | CircuitsPart | OperationsPart | PausesPart | SeriesPart | StopAsked | FilesPart)
> = {
  needs: () => ({}),
  apply(part, set) {
    set.order(part);
    return null;
  },
};

const RULES: { [T in Decided['type']]: Rule<Extract<Decided, { type: T }>> } = {
  accept: acceptPart,
  answers: answersPart,
  idempotency: idempotencyPart,
  cancel: cancelPart,
  stop_plan: stopPlanPart,
  mark_steps: markStepsPart,
  keep_steps: keepStepsPart,
  settle: settlePart,
  requeue: requeuePart,
  retry: retryPart,
  due: duePart,
  expire: expirePart,
  tell: tellPart,
  patch: patchPart,
  remove: removePart,
  drop_logs: dropLogsPart,
  progress: progressPart,
  grant: grantPart,
  charge: chargePart,
  webhook: webhookPart,
  webhook_remove: webhookRemovePart,
  delivery: deliveryPart,
  hold_lane: holdLanePart,
  delivery_sweep: deliverySweepPart,
  api_keys: apiKeysPart,
  schedule: schedulePart,
  schedule_run: scheduleRunPart,
  schedule_remove: scheduleRemovePart,
  signal: signalPart,
  take_signal: takeSignalPart,
  beat: beatPart,
  drive: drivePart,
  cache: asOrdered,
  files: asOrdered,
  circuits: asOrdered,
  pauses: asOrdered,
  operations: asOrdered,
  series: asOrdered,
  stop_asked: asOrdered,
};

const ruleOf = (part: Decided): Rule<Decided> => RULES[part.type];
const isDecided = (part: RulePart): part is Decided => part.type !== 'claim_next';

/** The first round: what the parts name, and what is counted of everything. */
export function firstNeeds(groups: readonly (readonly RulePart[])[], now: number): Needs {
  const parts = groups.flat().filter(isDecided);
  return merged([
    { counts: COUNTS, last: NUMBERED, sums: ['total', 'users'] },
    ...parts.map((part) => ruleOf(part).needs(part, now)),
  ]);
}

/** The second round: what the facts of the first one name. */
export function secondNeeds(groups: readonly (readonly RulePart[])[], set: WorkingSet): Needs {
  const parts = groups.flat().filter(isDecided);
  return merged(parts.map((part) => ruleOf(part).more?.(part, set) ?? {}));
}

function merged(all: readonly Needs[]): Needs {
  const whole: Record<string, Set<string>> = {};
  for (const needs of all) {
    for (const [kind, keys] of Object.entries(needs) as [Kind, readonly string[]][]) {
      whole[kind] ??= new Set();
      for (const key of keys) whole[kind].add(key);
    }
  }
  return Object.fromEntries(Object.entries(whole).map(([kind, keys]) => [kind, [...keys]]));
}

/** Carries out one group, or changes nothing. A claim stands alone in its group, and is carried out by `claimNext`. */
export function applyGroup(set: WorkingSet, group: readonly RulePart[]): GroupReply {
  const work: Work = { touched: [], events: [], answers: [] };
  const { mark } = set;
  for (const part of group) {
    const undone = isDecided(part) ? ruleOf(part).apply(part, set, work) : misplaced();
    if (undone === null) continue;
    set.undo(mark);
    return undone;
  }
  return { status: 'applied', ...work };
}

function misplaced(): Undone {
  throw new TypeError('a claim is alone in its group');
}
