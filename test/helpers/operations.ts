// Operations for tests, out of a text or an object.
import {
  type OperationSpec,
  resolveOperation,
  type Operations,
  type ResolvedOperation,
} from '../../src/domain/operations/operation.ts';
import { type FieldProblem, RefusedError } from '../../src/domain/errors.ts';
import { type OperationRegistry, parseOperations } from '../../src/operator-files/operations-file.ts';

export const LIMITS = { maxAttemptMs: 3_600_000, maxOutputBytes: 10_485_760, spoolMaxBytes: 1_073_741_824 };

/** What is wrong with a file, as `path: message`; none when it can be used. */
export function problemsOf(file: unknown): string[] {
  const read = parseOperations(typeof file === 'string' ? file : JSON.stringify(file), LIMITS);
  return 'problems' in read ? read.problems.map(({ path, message }) => `${path}: ${message}`) : [];
}

/** @throws Error when the file cannot be used */
export function registryOf(file: unknown): OperationRegistry {
  const read = parseOperations(typeof file === 'string' ? file : JSON.stringify(file), LIMITS);
  if ('registry' in read) return read.registry;
  throw new Error(JSON.stringify(read.problems));
}

/** A file with one operation, `op`, whose properties are all required unless `more` says otherwise. */
export function fileWith(run: object, properties: Record<string, object> = {}, more: object = {}): object {
  const params = { properties, required: Object.keys(properties) };
  return { operations: { op: { params, run, ...more } } };
}

/** What a request makes of an operation, or why it was refused. */
export function resolve(
  operations: Operations,
  request: Partial<OperationSpec>,
): ResolvedOperation | { refused: string; fields: readonly FieldProblem[] } {
  try {
    return resolveOperation(operations, { kind: 'operation', name: 'op', ...request });
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    return { refused: error.type, fields: error.fields };
  }
}
