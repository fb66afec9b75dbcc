// An explanation as it goes over the wire.
import type { Explanation } from '../../engine/engine.ts';
import { toCircuit } from '../cache/cache-wire.ts';
import { toProblem } from '../edge/error-handler.ts';
import { isoOrNull, isoTime } from '../edge/times.ts';
import { toProcess, toResources } from '../executions/wire.ts';
import type { ExplanationWire } from './explain-schemas.ts';

export function toExplanation(found: Explanation): ExplanationWire {
  const { view, summary, waitedMs, waiting, end, told, attempts, cache, rerun, steps } = found;
  const { execution, phase } = view;
  return {
    ...{ id: execution.id, kind: execution.spec.kind, status: execution.status, phase, summary },
    waited_ms: Math.round(waitedMs),
    waiting: waiting === null ? null : toWaiting(waiting),
    end: end === null ? null : toEnd(end),
    told: told.map(({ at, ...one }) => ({ ...one, time: isoTime(at) })),
    attempts: attempts.map(({ isRetried, whyNot, waitMs, ...facts }) => ({
      ...facts,
      ...{ retried: isRetried, why_not: whyNot, wait_ms: waitMs },
    })),
    cache: cache === null ? null : toCacheWhy(cache),
    rerun: rerun === null ? null : toRerun(rerun),
    steps:
      steps?.steps.map(({ executionId, isFirst, ...facts }) => ({
        ...facts,
        ...{ execution_id: executionId, first: isFirst },
      })) ?? null,
    steps_left_out: steps?.leftOut ?? 0,
  };
}

type Present<Name extends keyof Explanation> = NonNullable<Explanation[Name]>;

function toWaiting(waiting: Present<'waiting'>): ExplanationWire['waiting'] {
  const { reason, words, position, place, slots, pool, concurrency, user, circuit, retryAt, deadline } =
    waiting;
  const { meanMs, ...counted } = slots;
  return {
    ...{ reason, words, position, concurrency, user },
    ahead: place === null ? null : { higher_priority: place.higher, own: place.own, others: place.others },
    slots: { ...counted, mean_ms: meanMs },
    pool,
    circuit: circuit === null ? null : toCircuit(circuit),
    retry_at: isoOrNull(retryAt),
    deadline: deadline === null ? null : { name: deadline.name, at: isoTime(deadline.at) },
    estimate_ms: waiting.estimateMs,
  };
}

function toEnd(end: Present<'end'>): ExplanationWire['end'] {
  const { process, lastOutput, resources, ...facts } = end;
  return {
    ...facts,
    process: process === null ? null : toProcess(process),
    last_output: lastOutput,
    resources: toResources({ resources }),
  };
}

function toCacheWhy({ other, ...facts }: Present<'cache'>): ExplanationWire['cache'] {
  const shown = other === null ? null : { id: other.id, created: isoTime(other.createdAt), key: other.key };
  return { ...facts, other: shown };
}

function toRerun({ refusal, begins, mayHelp, words }: Present<'rerun'>): ExplanationWire['rerun'] {
  const problem = refusal === null ? null : toProblem(refusal);
  return { accepted: refusal === null, problem, begins, may_help: mayHelp, words };
}
