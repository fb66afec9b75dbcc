// The keys file: who may call, as hashes. A file that others can read is refused.
import { z } from 'zod';
import { mayRun, userId } from '../domain/spec/access.ts';
import type { ApiKey } from '../domain/access/api-key.ts';
import { keyId, scopes } from '../domain/access/api-key-schema.ts';
import { fieldMessage, fieldProblems } from '../domain/field-messages.ts';
import { jsonProblem } from '../domain/json-problem.ts';
import { readPrivateFile } from './private-file.ts';
import { type Read, wholeFile } from './read-yaml.ts';

const keysFile = z.strictObject({
  keys: z
    .array(
      z.strictObject({
        id: keyId,
        sha256: z
          .string()
          .regex(/^[0-9a-f]{64}$/, 'must be the SHA-256 of the whole key, in lower-case hex')
          .refine((text) => new Set(text).size > 4, 'must be replaced by the SHA-256 of a key'),
        user: userId,
        scopes,
        may_run: mayRun.default('policy'),
        expires_at: z.iso.datetime({ offset: true }).optional(),
      }),
    )
    .min(1, 'must have at least one key'),
});

/** Reads the keys of a file, or everything that is wrong with it. */
export function readKeysFile(path: string): Read<{ keys: ApiKey[] }> {
  const file = readPrivateFile(path);
  if ('problem' in file) return wholeFile(file.problem);
  const problem = jsonProblem(file.text);
  if (problem !== null) {
    const { message, line, column } = problem;
    return wholeFile(`is not JSON: ${message} (line ${line}, column ${column})`);
  }
  const parsed = keysFile.safeParse(JSON.parse(file.text), { error: fieldMessage });
  if (!parsed.success) {
    const fields = fieldProblems(parsed.error, 'body');
    return { problems: fields.map(({ field, message }) => ({ path: field, line: null, message })) };
  }
  const { keys } = parsed.data;
  const twice = keys.find((key, i) => keys.findIndex(({ id }) => id === key.id) !== i);
  if (twice !== undefined) return wholeFile(`the id ${twice.id} is not unique`);
  return {
    keys: keys.map(({ id, sha256, user, scopes, may_run: mayRun, expires_at: expires }) => ({
      ...{ id, sha256, userId: user, scopes, mayRun, description: null, createdAt: null, createdBy: null },
      ...{ replaces: null, revokedAt: null, lastUsedAt: null },
      expiresAt: expires === undefined ? null : Date.parse(expires),
    })),
  };
}
