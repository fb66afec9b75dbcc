// The files that the operator writes: keys, policy, secrets, operations. They are checked whole, and all together, before
// anything of them is used: a bad file never takes the place of a good one, and no half of a change applies.
import { ConfigError } from '../config/load.ts';
import { RefusedError, type RefusalType } from '../domain/errors.ts';
import type { FileProblem } from './read-yaml.ts';

/** Puts a file into use that was read. */
export interface Apply {
  (): void;
  /** Files with values of secrets that it names. */
  valueFiles?: readonly string[];
}

/** A file that can be read again. */
export interface LiveFile {
  /** The setting that names it. */
  setting: string;
  /** Null: there is none. */
  path: string | null;
  /** What a reload is refused with when it cannot be used. */
  refusal: RefusalType;
  /** Reads and checks the file; answers what puts it into use, or everything that is wrong with it. */
  prepare(): Apply | FileProblem[];
}

/**
 * Reads the files at start.
 *
 * @throws ConfigError with every problem of every file
 */
export function loadFiles(files: readonly LiveFile[]): void {
  const { apply, problems } = prepareAll(files);
  if (problems.length === 0) return apply();
  throw new ConfigError(
    problems.map(({ file, problem }) => `${file.setting}: ${inFile(file.path, problem)}`),
  );
}

/**
 * Reads the files again. When one of them cannot be used, all stays as it was.
 *
 * @throws RefusedError with every problem
 */
export function reloadFiles(files: readonly LiveFile[]): void {
  prepareFiles(files)();
}

/**
 * Reads the files again; nothing changes before what it returns is called.
 *
 * @throws RefusedError with every problem
 */
export function prepareFiles(files: readonly LiveFile[]): Apply {
  const { apply, problems } = prepareAll(files);
  const [first] = problems;
  if (first === undefined) return apply;
  const fields = problems.map(({ problem: { path, line, message } }) => ({
    field: path,
    message: line === null ? message : `line ${line}: ${message}`,
  }));
  const names = [...new Set(problems.map(({ file }) => file.path))].join(', ');
  const detail = `${names}: ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}. Nothing was changed.`;
  throw new RefusedError(first.file.refusal, detail, { fields });
}

function prepareAll(files: readonly LiveFile[]): {
  apply: Apply;
  problems: { file: LiveFile; problem: FileProblem }[];
} {
  const prepared = files
    .filter(({ path }) => path !== null)
    .map((file) => ({ file, outcome: file.prepare() }));
  const problems = prepared.flatMap(({ file, outcome }) =>
    Array.isArray(outcome) ? outcome.map((problem) => ({ file, problem })) : [],
  );
  const applies = prepared.flatMap(({ outcome }) => (typeof outcome === 'function' ? [outcome] : []));
  const apply = () => {
    for (const one of applies) one();
  };
  const valueFiles = applies.flatMap((one) => one.valueFiles ?? []);
  return { apply: Object.assign(apply, { valueFiles }), problems };
}

function inFile(file: string | null, { path, line, message }: FileProblem): string {
  return `${file}${line === null ? '' : `:${line}`}: ${path === '' ? '' : `${path}: `}${message}`;
}
