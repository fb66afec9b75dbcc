// Answers on their way to the writer and back: what is alike in them travels once.
import { acceptEvents } from '../domain/execution/events.ts';
import { alike, type FinishedExecution } from '../domain/execution/execution.ts';
import type { AnswersPart, GroupResult } from '../domain/ports/group.ts';
import { type AnswerRow, answerRow, traceText } from './rows.ts';
import type { Answers } from './rules/parts.ts';

export class AnswerSender {
  /** Of answers that keep coming. */
  readonly #rows = new WeakMap<FinishedExecution, AnswerRow>();

  toWriter({ type, like: execution, each, isSilent }: AnswersPart): Answers {
    const known = this.#rows.get(execution);
    const like = known ?? answerRow(execution);
    // One that comes alone most likely is the only one.
    if (known === undefined && each.length > 1) this.#rows.set(execution, like);
    const ids = each.map(({ id }) => id);
    const traces = each.map(({ trace }) => traceText(trace));
    const times = each.map(({ at }) => at);
    const labels = Object.entries(execution.labels);
    return { type, like, labels, ids, traces, times, ...(isSilent === undefined ? {} : { isSilent }) };
  }
}

/**
 * What was written, for those who are told of it.
 *
 * @param positions of the first event of each
 */
export function written({ like, each }: AnswersPart, positions: readonly number[]): GroupResult {
  const types = acceptEvents('done', like.outcome);
  const events = each.flatMap(({ id, at }, i) =>
    types.map((type, n) => ({
      ...{
        position: (positions[i] as number) + n,
        executionId: id,
        sequence: n + 1,
        type,
        at,
        attempt: 0,
        step: null,
        phase: 'done' as const,
      },
    })),
  );
  // They are not kept in memory: most are never read again.
  return { status: 'applied', executions: each.map((own) => alike(like, own)), events };
}
