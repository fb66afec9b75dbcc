// The credits file: what executions cost. Read at start and again when asked to, whole or not at all.
import { ConfigError } from './config.ts';
import { RefusedError } from './domain/errors.ts';
import { fieldMessage } from './domain/field-messages.ts';
import { dotted, issuesOf } from './domain/issues.ts';
import { type CreditsFile, creditsFileSchema } from './domain/price.ts';
import { type FileProblem, inFile, parseYaml, type Read, readGuarded } from './read-yaml.ts';

const SETTING = 'EXECUTION_CREDITS_FILE';
const MAX_FILE_BYTES = 1024 * 1024;

/** The prices that apply now. */
export interface LiveCredits {
  now(): CreditsFile;
  /**
   * Reads the file at start.
   *
   * @throws ConfigError with every problem
   */
  load(): void;
  /**
   * Reads the file again; what was read applies when the answer is called.
   *
   * @throws RefusedError `invalid_credits_file` with every problem
   */
  reread(): () => void;
}

/** @param path null: credits are off */
export function liveCredits(path: string | null): LiveCredits {
  let current: CreditsFile = { prices: {} };
  const read = (): Read<{ file: CreditsFile }> => (path === null ? { file: current } : readCreditsFile(path));
  return {
    now: () => current,
    load() {
      const found = read();
      if ('problems' in found)
        throw new ConfigError(found.problems.map((one) => `${SETTING}: ${inFile(path, one)}`));
      current = found.file;
    },
    reread() {
      const found = read();
      if ('problems' in found) throw refuse(path, found.problems);
      return () => {
        current = found.file;
      };
    },
  };
}

function refuse(path: string | null, problems: readonly FileProblem[]): RefusedError {
  const fields = problems.map(({ path: field, line, message }) => ({
    field,
    message: line === null ? message : `line ${line}: ${message}`,
  }));
  const detail = `${path} has ${problems.length} problem(s); the prices are as they were.`;
  return new RefusedError('invalid_credits_file', detail, { fields });
}

/** Reads and checks a file. */
export function readCreditsFile(path: string): Read<{ file: CreditsFile }> {
  const read = readGuarded(path, MAX_FILE_BYTES);
  if ('problems' in read) return read;
  const yaml = parseYaml(read.text);
  if ('problems' in yaml) return yaml;
  const parsed = creditsFileSchema.safeParse(yaml.value ?? {}, { error: fieldMessage });
  if (parsed.success) return { file: parsed.data };
  const problems = issuesOf(parsed.error).map((issue) => ({
    path: dotted(issue.path),
    line: yaml.lineOf(issue.path),
    message: issue.message,
  }));
  return { problems: problems.sort((a, b) => a.line - b.line) };
}
