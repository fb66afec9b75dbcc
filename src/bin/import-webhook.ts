// `execd import webhook`: makes an operations file, a secrets file and the files of their values of a file of adnanh/webhook.
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { limitsOf } from '../app/from-config.ts';
import { loadConfig } from '../config/load.ts';
import { ConditionError } from '../domain/plans/conditions.ts';
import { celConditions } from '../expressions/conditions.ts';
import { hookChecker } from '../hooks/check-hook.ts';
import { convertHooks, type Conversion, type Converted } from '../import/webhook/convert.ts';
import type { Remark } from '../import/webhook/format.ts';
import { parseOperations } from '../operator-files/operations-file.ts';
import { parseYaml, readGuarded } from '../operator-files/read-yaml.ts';

export interface ImportRequest {
  file: string;
  /** The user for whom the operations run. */
  user: string;
  /** Where the files are written; it must not have them yet. */
  dir: string;
}

/** What was written, and what is to be said. */
export interface Imported {
  hooks: { hook: string; operation: string; path: string }[];
  remarks: Remark[];
  files: string[];
}

const MAX_FILE_BYTES = 4 * 1024 * 1024;

/** @throws Error when the file cannot be read, or those of the result cannot be written */
export function importWebhook({ file, user, dir }: ImportRequest): Imported {
  const { converted, remarks } = checked(convertHooks(readList(file), user));
  const hooks = converted.map(({ hook, operation }) => ({
    ...{ hook, operation },
    path: `/v1/hooks/${operation}`,
  }));
  return { hooks, remarks, files: converted.length === 0 ? [] : write(converted, resolve(dir)) };
}

function readList(file: string): unknown {
  const read = readGuarded(file, MAX_FILE_BYTES);
  const parsed = 'problems' in read ? read : parseYaml(read.text);
  if (!('problems' in parsed)) return parsed.value;
  const all = parsed.problems.map(({ line, message }) =>
    line === null ? message : `line ${line}: ${message}`,
  );
  const isTemplate = !('problems' in read) && read.text.includes('{{');
  const hint = isTemplate ? '. If it is a template (webhook -template), fill it first' : '';
  throw new Error(`${file}: ${all.join('; ')}${hint}`);
}

/** What the operations file would be refused for is a problem of its hook. */
function checked({ converted, remarks }: Conversion): Conversion {
  const limits = limitsOf(loadConfig({}));
  const checkHook = hookChecker(
    celConditions(() => Promise.reject(new ConditionError('is not evaluated here'))),
  );
  const all = [...remarks];
  const good = converted.filter(({ hook, operation, definition }) => {
    const text = JSON.stringify({ operations: { [operation]: definition } });
    const read = parseOperations(text, limits, { checkHook });
    if (!('problems' in read)) return true;
    for (const { path, message } of read.problems) {
      const field = path.replace(`operations.${operation}.`, '');
      all.push({ hook, field, type: 'problem', message: `${message} (in the operation that it becomes)` });
    }
    return false;
  });
  return { converted: good, remarks: all };
}

/** None of them is overwritten. */
function write(converted: readonly Converted[], dir: string): string[] {
  const values = join(dir, 'secrets');
  mkdirSync(values, { recursive: true, mode: 0o700 });
  const written: string[] = [];
  const add = (path: string, text: string) => {
    writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
    written.push(path);
  };
  const operations = Object.fromEntries(
    converted.map(({ operation, definition }) => [operation, definition]),
  );
  add(join(dir, 'operations.yaml'), stringify({ operations }, { lineWidth: 0 }));
  const secrets = Object.fromEntries(
    converted.map(({ operation, secret: { name } }) => [
      name,
      { file: join(values, name), operations: [operation] },
    ]),
  );
  add(join(dir, 'secrets.yaml'), stringify({ secrets }, { lineWidth: 0 }));
  for (const { secret } of converted)
    add(join(values, secret.name), `${secret.value ?? randomBytes(24).toString('base64url')}\n`);
  return written;
}
