// The credits file: what executions cost. Read at start and again when asked to, whole or not at all.
import { fieldMessage } from '../domain/field-messages.ts';
import { issuesOf } from '../domain/issues.ts';
import { type CreditsFile, creditsFileSchema } from '../domain/credits/price-schema.ts';
import type { LiveFile } from './live-files.ts';
import { inOrder, parseYaml, type Read, readGuarded } from './read-yaml.ts';

const SETTING = 'EXECUTION_CREDITS_FILE';
const MAX_FILE_BYTES = 1024 * 1024;

/** The prices that apply now. */
export interface LiveCredits {
  now(): CreditsFile;
  readonly file: LiveFile;
}

/** @param path null: credits are off */
export function liveCredits(path: string | null): LiveCredits {
  let current: CreditsFile = { prices: {} };
  return {
    now: () => current,
    file: {
      setting: SETTING,
      path,
      refusal: 'invalid_credits_file',
      prepare() {
        const found = readCreditsFile(path as string);
        return 'problems' in found ? found.problems : () => void (current = found.file);
      },
    },
  };
}

/** Reads and checks a file. */
export function readCreditsFile(path: string): Read<{ file: CreditsFile }> {
  const read = readGuarded(path, MAX_FILE_BYTES);
  if ('problems' in read) return read;
  const yaml = parseYaml(read.text);
  if ('problems' in yaml) return yaml;
  const parsed = creditsFileSchema.safeParse(yaml.value ?? {}, { error: fieldMessage });
  if (parsed.success) return { file: parsed.data };
  return inOrder(issuesOf(parsed.error), yaml);
}
