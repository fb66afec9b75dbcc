// The secrets file: names of secrets, where their values come from, and who may use them. The values are read with it, and
// kept in memory only.
import { Buffer } from 'node:buffer';
import { z } from 'zod';
import { userId } from '../domain/spec/access.ts';
import { fieldMessage } from '../domain/field-messages.ts';
import { type Issue, issuesOf } from '../domain/issues.ts';
import { secretName } from '../domain/secret-ref.ts';
import { NO_SECRETS, type Secrets } from '../domain/spec/secrets.ts';
import { operationName } from '../domain/spec/spec.ts';
import type { LiveFile } from './live-files.ts';
import { readPrivateFile } from './private-file.ts';
import { inOrder, parseYaml, type Read } from './read-yaml.ts';
import { MIN_PATTERN_BYTES, textRedactor } from '../journal/redactor.ts';
import { formsOf } from './secret-forms.ts';

const MAX_BYTES = 64 * 1024;

const secretsFile = z.strictObject({
  secrets: z
    .record(
      secretName,
      z
        .strictObject({
          file: z.string().regex(/^\//, 'must be an absolute path').optional(),
          env: z
            .string()
            .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable')
            .optional(),
          users: z.union([z.literal('any'), z.array(userId).max(10_000)]).default([]),
          operations: z.array(operationName).max(10_000).default([]),
        })
        .refine(({ file, env }) => (file === undefined) !== (env === undefined), {
          error: 'must have exactly one of file and env',
        }),
    )
    .default({}),
});
type Definition = z.infer<typeof secretsFile>['secrets'][string];

interface Secret {
  definition: Definition;
  value: string;
  generation: string;
  forms: readonly Uint8Array[];
}

export interface SecretsOptions {
  /** Null: there are none. */
  path: string | null;
  /** The environment of the server. */
  env: Readonly<Record<string, string | undefined>>;
  /** Whether they are taken out of output. */
  isRedacting: boolean;
}

export interface LiveSecrets extends Secrets {
  readonly file: LiveFile;
  /** The files that hold values. */
  valueFiles(): string[];
}

export function liveSecrets(options: SecretsOptions): LiveSecrets {
  let current: ReadonlyMap<string, Secret> = new Map();
  /** By the names of the secrets; they are made when they are needed, and again after a reload. */
  const redactors = new Map<string, (text: string) => string>();
  const formsOfAll = (names: readonly string[]) => names.flatMap((name) => current.get(name)?.forms ?? []);
  return {
    whyNot({ names, userId, operation }) {
      for (const name of names) {
        const secret = current.get(name);
        if (secret === undefined || !isAllowed(secret.definition, userId, operation)) return name;
      }
      return null;
    },
    reveal: (name) => current.get(name)?.value ?? NO_SECRETS.reveal(name),
    generation: (name) => current.get(name)?.generation ?? '',
    patterns: (names) => (options.isRedacting ? formsOfAll(names) : []),
    valueFiles: () => valueFilesOf(current),
    redact(names, text) {
      const key = names.join(' ');
      const redactor = redactors.get(key) ?? textRedactor(formsOfAll(names));
      redactors.set(key, redactor);
      return redactor(text);
    },
    file: {
      setting: 'EXECUTION_SECRETS_FILE',
      path: options.path,
      refusal: 'invalid_secrets_file',
      prepare() {
        const read = readSecretsFile(options, current);
        if ('problems' in read) return read.problems;
        const apply = () => {
          current = read.secrets;
          redactors.clear();
        };
        return Object.assign(apply, { valueFiles: valueFilesOf(read.secrets) });
      },
    },
  };
}

function valueFilesOf(secrets: ReadonlyMap<string, Secret>): string[] {
  return [...secrets.values()].flatMap(({ definition: { file } }) => (file === undefined ? [] : [file]));
}

function isAllowed({ users, operations }: Definition, userId: string, operation: string | null): boolean {
  if (users === 'any' || users.includes(userId)) return true;
  return operation !== null && operations.includes(operation);
}

function readSecretsFile(
  { path, env }: SecretsOptions,
  before: ReadonlyMap<string, Secret>,
): Read<{ secrets: ReadonlyMap<string, Secret> }> {
  const file = readPrivateFile(path as string);
  if ('problem' in file) return { problems: [{ path: '', line: null, message: file.problem }] };
  const parsed = parseYaml(file.text);
  if ('problems' in parsed) return parsed;
  const definitions = secretsFile.safeParse(parsed.value ?? {}, { error: fieldMessage });
  const issues: Issue[] = definitions.success ? [] : issuesOf(definitions.error);
  const secrets = new Map<string, Secret>();
  for (const [name, definition] of Object.entries(definitions.data?.secrets ?? {})) {
    const read = valueOf(definition, env);
    if ('problem' in read) {
      issues.push({ path: ['secrets', name], message: read.problem });
      continue;
    }
    const { value } = read;
    const known = before.get(name);
    const isSame = known?.value === value;
    secrets.set(name, {
      ...{ definition, value },
      generation: isSame ? known.generation : crypto.randomUUID(),
      forms: isSame ? known.forms : formsOf(Buffer.from(value)),
    });
  }
  if (issues.length === 0) return { secrets };
  return inOrder(issues, parsed);
}

/** The value of a secret, or what stands against it; never both in one text. */
function valueOf(
  { file, env: variable }: Definition,
  env: SecretsOptions['env'],
): { value: string } | { problem: string } {
  let value: string | undefined;
  if (file !== undefined) {
    const read = readPrivateFile(file);
    if ('problem' in read) return { problem: `${file} ${read.problem}` };
    // Editors end files with a line break, which is no part of it.
    value = read.text.replace(/\r?\n$/, '');
  } else {
    value = env[variable as string];
    if (value === undefined) return { problem: `the environment variable ${variable} is not set` };
  }
  const bytes = Buffer.byteLength(value);
  if (bytes < MIN_PATTERN_BYTES) {
    return {
      problem: `is shorter than ${MIN_PATTERN_BYTES} bytes: such a secret can be guessed and cannot be redacted`,
    };
  }
  if (bytes > MAX_BYTES) return { problem: `is larger than ${MAX_BYTES} bytes` };
  return value.includes('\0') ? { problem: 'has a NUL character' } : { value };
}
