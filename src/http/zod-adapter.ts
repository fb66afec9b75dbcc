// Lets Fastify validate with zod schemas: no coercion, unknown keys refused, every wrong field named at once.
import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { RefusedError } from '../domain/errors.ts';
import { fieldMessage, fieldProblems, sentenceOf } from '../domain/field-messages.ts';

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
  const parsed = schema.safeParse(value, { error: fieldMessage });
  if (parsed.success) return { value: parsed.data };
  const fields = fieldProblems(parsed.error, place, prefix);
  return { error: new RefusedError('validation', sentenceOf(fields), { fields }) };
}

export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  // Path parameters are strings whatever they are; what they name is looked up, or is not there.
  if (httpPart === 'params') return (value: unknown) => ({ value });
  const place = httpPart === 'querystring' ? 'querystring' : 'body';
  // Fastify hands over null where there is no body.
  return (value: unknown) => fit(schema, value ?? undefined, place);
};
