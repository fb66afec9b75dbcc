// Parts on their way to the rules: rows and texts instead of objects, so that nothing is turned into text in a transaction.
import { cacheId } from '../domain/cache.ts';
import { writeJson } from '../domain/exact-json.ts';
import type { AnswersPart, Group } from '../domain/ports/group.ts';
import { newRow } from './rows.ts';
import type { RulePart } from './rules/parts.ts';

/** @param epoch that does it */
export function toRulePart(part: Exclude<Group[number], AnswersPart>, epoch: number): RulePart {
  // A result travels as its text: the writer has no use for its parts.
  if (part.type === 'settle') {
    return { ...part, result: part.result === null ? null : writeJson(part.result) };
  }
  if (part.type === 'cache') {
    const put = part.put.map((entry) => ({
      key: cacheId(entry),
      storedAt: entry.storedAt,
      text: writeJson(entry),
    }));
    return { ...part, put };
  }
  if (part.type === 'claim_next') return { ...part, claim: { ...part.claim, epoch } };
  if (part.type === 'stop_asked' || part.type === 'beat' || part.type === 'drive') return { ...part, epoch };
  if (part.type !== 'accept') return part;
  const { execution, end, claim: claimant, ...rest } = part;
  const claim = claimant === null ? null : { ...claimant, epoch };
  const ending = end === null ? null : { ...end, result: writeJson(end.result) };
  return {
    ...rest,
    epoch,
    claim,
    end: ending,
    row: newRow(execution),
    labels: Object.entries(execution.labels),
  };
}
