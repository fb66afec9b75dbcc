// Objects and lists of a request, bounded before each of their members is looked at: a wrong member costs a hundred times
// its bytes, so that a body within its limit could take a second of everybody's time.
import { z } from 'zod';

/** Characters of an expression in CEL. */
export const MAX_CONDITION = 4096;

/** Nobody needs to be told of more. */
const MAX_PROBLEMS = 100;

/**
 * An object with names of the client's own.
 *
 * @param most members
 * @param what they are, for the message
 */
export function boundedRecord<Name extends z.ZodString, Value extends z.ZodType>(
  name: Name,
  value: Value,
  { most, what }: { most: number; what: string },
) {
  const record = z.record(name, value).meta({ maxProperties: most });
  return z.preprocess((members, context) => {
    if (typeof members !== 'object' || members === null || Array.isArray(members)) return members;
    const names = Object.keys(members);
    if (names.length <= MAX_PROBLEMS) return members;
    if (names.length > most) {
      const message = `has ${names.length} ${what}; at most ${most} are allowed`;
      context.addIssue({ code: 'custom', message, input: members });
      return z.NEVER;
    }
    const isWrong = (one: string) =>
      !name.safeParse(one).success || !value.safeParse((members as Record<string, unknown>)[one]).success;
    const end = endOfProblems(names, isWrong);
    return end === null ? members : Object.fromEntries(Object.entries(members).slice(0, end));
  }, record);
}

/** A list that is looked at as far as there are problems that somebody needs. */
export function boundedList<Item extends z.ZodType>(item: Item, most: number) {
  return z.preprocess((value) => {
    if (!Array.isArray(value) || value.length <= MAX_PROBLEMS || value.length > most) return value;
    const items: readonly unknown[] = value;
    const end = endOfProblems(items, (one) => !item.safeParse(one).success);
    return end === null ? items : items.slice(0, end);
  }, z.array(item).max(most));
}

/** Where the last problem is that anybody needs; null when there are fewer. */
function endOfProblems<Item>(items: readonly Item[], isWrong: (item: Item) => boolean): number | null {
  let problems = 0;
  for (const [i, item] of items.entries()) {
    if (isWrong(item)) problems += 1;
    if (problems === MAX_PROBLEMS) return i + 1;
  }
  return null;
}
