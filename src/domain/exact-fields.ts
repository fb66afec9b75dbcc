// Bodies with exact numbers, where a schema wants a number: a field that is one takes the double that is meant, where there
// is one. What a schema does not look into, such as the parameters of a plan, keeps its digits.
import type { z } from 'zod';
import { ExactNumber } from './exact-number.ts';
import { fieldMessage } from './field-messages.ts';

/** What is found to be a number at one level may lead to the next. */
const MAX_PASSES = 5;

/**
 * As `schema.safeParse`, with messages for clients.
 *
 * @param value changed in place where a field gets a double
 */
export function parseFields<T extends z.ZodType>(
  schema: T,
  value: unknown,
): z.ZodSafeParseResult<z.output<T>> {
  // So that the value itself has a place, too.
  const whole = { value };
  for (let pass = 1; ; pass++) {
    const parsed = schema.safeParse(whole.value, { error: fieldMessage });
    if (parsed.success || pass === MAX_PASSES) return parsed;
    const changed = parsed.error.issues.map((issue) => takeDoubles(whole, ['value'], issue));
    if (!changed.includes(true)) return parsed;
  }
}

/** Puts a double in place of an exact number that an issue is about; true when it has. */
function takeDoubles(whole: object, above: readonly PropertyKey[], issue: z.core.$ZodIssue): boolean {
  const path = [...above, ...issue.path];
  const place = placeOf(whole, path);
  const inner = place?.holder[place.key];
  if (place !== null && inner instanceof ExactNumber) {
    // An object without fields it is not: the message is to say so.
    const double = issue.code === 'unrecognized_keys' ? Number(inner) : inner.double;
    if (double === null) return false;
    place.holder[place.key] = double;
    return true;
  }
  if (issue.code !== 'invalid_union') return false;
  return issue.errors
    .flat()
    .map((one) => takeDoubles(whole, path, one))
    .includes(true);
}

/** Where a path leads: the object or list that has the value, and under which key. */
function placeOf(
  whole: object,
  path: readonly PropertyKey[],
): { holder: Record<PropertyKey, unknown>; key: PropertyKey } | null {
  let holder: unknown = whole;
  for (const key of path.slice(0, -1)) {
    if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, key)) return null;
    holder = (holder as Record<PropertyKey, unknown>)[key];
  }
  const key = path.at(-1);
  if (typeof holder !== 'object' || holder === null || key === undefined || !Object.hasOwn(holder, key))
    return null;
  return { holder: holder as Record<PropertyKey, unknown>, key };
}
