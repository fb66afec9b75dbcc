// The keys file: who may call, as hashes. Read once at start; a file that others can read is refused.
import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { SCOPES } from './domain/access.ts';
import { ConfigError } from './config.ts';
import { operationName } from './domain/spec.ts';
import { fieldMessage, fieldProblems, sentenceOf } from './domain/field-messages.ts';
import { jsonProblem } from './http/json-problem.ts';
import type { ApiKey } from './http/plugins/gate.ts';

const keysFile = z.strictObject({
  keys: z
    .array(
      z.strictObject({
        id: z.string().regex(/^[A-Za-z0-9-]{1,64}$/, 'is 1 to 64 of A-Z a-z 0-9 -'),
        sha256: z.string().regex(/^[0-9a-f]{64}$/, 'is the SHA-256 of the whole key, in lower-case hex'),
        user: z.string().min(1).max(255),
        scopes: z.array(z.enum(SCOPES)).min(1),
        may_run: z.union(
          [
            z.literal('any'),
            z.array(
              z.union([
                z.strictObject({
                  program: z.string().regex(/^\//, 'must be an absolute path'),
                  env: z.array(z.string()).default([]),
                }),
                z.strictObject({ operation: operationName }),
              ]),
            ),
          ],
          {
            error: ({ input }) =>
              input === undefined ? 'is required' : 'must be "any" or a list of programs and operations',
          },
        ),
        expires_at: z.iso.datetime({ offset: true }).optional(),
      }),
    )
    .min(1, 'at least one key is needed'),
});

/**
 * Reads the keys.
 *
 * @throws ConfigError with every problem of the file
 */
export function readKeysFile(path: string): ApiKey[] {
  const name = 'EXECUTION_API_KEYS_FILE';
  let text;
  try {
    // Bit 2: readable by others than owner and group.
    if ((statSync(path).mode & 0o007) !== 0) {
      throw new ConfigError([`${name}: ${path} can be used by every user of this machine: chmod o= it`]);
    }
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError([`${name}: ${(error as Error).message}`]);
  }
  const problem = jsonProblem(text);
  if (problem !== null) {
    const { message, line, column } = problem;
    throw new ConfigError([`${name}: ${path} is not JSON: ${message} (line ${line}, column ${column})`]);
  }
  const parsed = keysFile.safeParse(JSON.parse(text), { error: fieldMessage });
  if (!parsed.success) {
    const fields = fieldProblems(parsed.error, 'body');
    throw new ConfigError(fields.map((field) => `${name}: ${sentenceOf([field], 'the file')}`));
  }
  const { keys } = parsed.data;
  const twice = keys.find((key, i) => keys.findIndex(({ id }) => id === key.id) !== i);
  if (twice !== undefined) throw new ConfigError([`${name}: the id ${twice.id} stands there twice`]);
  return keys.map(({ id, sha256, user, scopes, may_run: mayRun, expires_at: expires }) => ({
    id,
    sha256,
    expiresAt: expires === undefined ? null : Date.parse(expires),
    caller: { userId: user, scopes: new Set(scopes), mayRun },
  }));
}
