// Lets Fastify validate with zod schemas: no coercion, unknown keys refused, every wrong field named at once.
import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { type FieldProblem, RefusedError } from '../domain/errors.ts';

type Place = 'body' | 'querystring';

/** The refusal for a value that does not fit; `prefix` is where the value stands in the body. */
export function refusalOf(
  error: z.ZodError,
  place: Place,
  prefix: readonly PropertyKey[] = [],
): RefusedError {
  const fields = error.issues
    .flatMap((issue) => fieldProblems({ ...issue, path: [...prefix, ...issue.path] }, place))
    .slice(0, MAX_FIELDS);
  const detail = fields.map(({ field, message }) => `${field}: ${message}`).join('; ');
  return new RefusedError('validation', detail, { fields });
}

const MAX_FIELDS = 100;

function fieldProblems(issue: z.core.$ZodIssue, place: Place): FieldProblem[] {
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        field: pointer([...issue.path, key], place),
        message: 'unknown field',
      }));
    case 'invalid_union': {
      if (issue.discriminator !== undefined) {
        return [{ field: pointer([...issue.path], place), message: issue.message }];
      }
      // The branch that came closest says what is wrong.
      const branches = [...issue.errors].sort((a, b) => a.length - b.length);
      const nearest =
        branches.find((problems) => problems.some((one) => one.code !== 'invalid_type')) ?? branches[0];
      const problems = nearest ?? [];
      if (problems.length === 0) return [{ field: pointer(issue.path, place), message: issue.message }];
      return problems.flatMap((one) => fieldProblems({ ...one, path: [...issue.path, ...one.path] }, place));
    }
    case 'invalid_key':
      return issue.issues.map((one) => ({ field: pointer(issue.path, place), message: one.message }));
    default:
      return [{ field: pointer(issue.path, place), message: issue.message }];
  }
}

/** JSON Pointer (RFC 6901) into a body; `?name` for a query. */
function pointer(path: readonly PropertyKey[], place: Place): string {
  if (place === 'querystring') return `?${path.map(String).join('.')}`;
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  // Path parameters are strings whatever they are; what they name is looked up, or is not there.
  if (httpPart === 'params') return (value: unknown) => ({ value });
  const place = httpPart === 'querystring' ? 'querystring' : 'body';
  return (value: unknown) => {
    const parsed = schema.safeParse(value);
    return parsed.success ? { value: parsed.data } : { error: refusalOf(parsed.error, place) };
  };
};
