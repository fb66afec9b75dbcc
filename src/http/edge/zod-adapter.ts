// Lets Fastify validate with zod schemas: no coercion, unknown keys refused, every wrong field named at once.
import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { RefusedError } from '../../domain/errors.ts';
import { parseFields } from '../../domain/exact-fields.ts';
import { fieldProblems, sentenceOf } from '../../domain/field-messages.ts';
import type { KnownBodies } from './known-bodies.ts';

/**
 * A value that fits, or its refusal.
 *
 * @param prefix where the value stands in the body
 */
export function fit<T extends z.ZodType>(
  schema: T,
  value: unknown,
  place: 'body' | 'querystring',
  prefix: readonly PropertyKey[] = [],
): { value: z.output<T> } | { error: RefusedError } {
  const parsed = parseFields(schema, value);
  if (parsed.success) return { value: parsed.data };
  const fields = fieldProblems(parsed.error, place, prefix);
  return { error: new RefusedError('validation', sentenceOf(fields), { fields }) };
}

/** Each problem takes its time from everybody: items behind so many are not looked at. */
const MAX_BATCH_PROBLEMS = 5000;

/** What each item of a batch is, or why it is refused. */
export function fitEach<T extends object>(
  items: readonly unknown[],
  fitItem: (item: unknown, i: number) => T | RefusedError,
): (T | RefusedError)[] {
  let problems = 0;
  return items.map((item, i) => {
    if (problems >= MAX_BATCH_PROBLEMS) {
      const detail = `Item ${i} was not checked: the items before it have ${problems} problems. Correct those, and send it again.`;
      return new RefusedError('validation', detail);
    }
    const fitted = fitItem(item, i);
    if (fitted instanceof RefusedError) problems += fitted.fields.length;
    return fitted;
  });
}

export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  // Path parameters are strings whatever they are; what they name is looked up, or is not there.
  if (httpPart === 'params') return (value: unknown) => ({ value });
  const place = httpPart === 'querystring' ? 'querystring' : 'body';
  // Fastify hands over null where there is no body.
  return (value: unknown) => fit(schema, value ?? undefined, place);
};

/** Bodies that are known have been found to fit. */
export function knowing(bodies: KnownBodies): FastifySchemaCompiler<z.ZodType> {
  return (route) => {
    const validate = validatorCompiler(route);
    if (route.httpPart !== 'body') return validate;
    return (value: unknown) =>
      typeof value === 'object' && value !== null && bodies.has(value) ? { value } : validate(value);
  };
}
