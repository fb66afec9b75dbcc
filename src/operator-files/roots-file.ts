// The roots file: root directories for sandboxes by their names, and who may use them. Read at start and again when asked to,
// whole or not at all.
import { realpathSync, statSync } from 'node:fs';
import { z } from 'zod';
import { fieldMessage } from '../domain/field-messages.ts';
import { type Issue, issuesOf } from '../domain/issues.ts';
import { userId } from '../domain/spec/access.ts';
import { rootName, type Roots } from '../domain/spec/sandbox.ts';
import { operationName } from '../domain/spec/spec.ts';
import type { LiveFile } from './live-files.ts';
import { inOrder, parseYaml, type Read, readGuarded } from './read-yaml.ts';

const MAX_FILE_BYTES = 1024 * 1024;
/** Of what one sandbox may write into its root directory, in memory. */
const [MIN_LAYER_BYTES, MAX_LAYER_BYTES] = [1024 * 1024, 2 ** 40];

const rootsFile = z.strictObject({
  roots: z
    .record(
      rootName,
      z.strictObject({
        path: z.string().regex(/^\//, 'must be an absolute path'),
        users: z.union([z.literal('any'), z.array(userId).max(10_000)]).default([]),
        operations: z.array(operationName).max(10_000).default([]),
        writable_bytes: z.int().min(MIN_LAYER_BYTES).max(MAX_LAYER_BYTES).optional(),
      }),
    )
    .default({}),
});
type Root = z.infer<typeof rootsFile>['roots'][string];

export interface LiveRoots extends Roots {
  readonly file: LiveFile;
}

export interface RootsOptions {
  /** Null: there are none. */
  path: string | null;
  /** Directories of the server, which no root may show. */
  closed: () => readonly string[];
}

export function liveRoots({ path, closed }: RootsOptions): LiveRoots {
  let current: ReadonlyMap<string, Root> = new Map();
  return {
    find(name, whose) {
      const root = current.get(name);
      if (root === undefined || !mayUse(root, whose)) return null;
      return { path: root.path, writableBytes: root.writable_bytes ?? null };
    },
    file: {
      setting: 'EXECUTION_ROOTS_FILE',
      path,
      refusal: 'invalid_roots_file',
      prepare() {
        const found = readRootsFile(path as string, closed());
        return 'problems' in found ? found.problems : () => void (current = found.roots);
      },
    },
  };
}

function mayUse({ users, operations }: Root, whose: Parameters<Roots['find']>[1]): boolean {
  if (users === 'any' || users.includes(whose.userId)) return true;
  return whose.operation !== null && operations.includes(whose.operation);
}

/** Reads and checks a file, and the directories that it names. */
export function readRootsFile(
  path: string,
  closed: readonly string[],
): Read<{ roots: ReadonlyMap<string, Root> }> {
  const read = readGuarded(path, MAX_FILE_BYTES);
  if ('problems' in read) return read;
  const yaml = parseYaml(read.text);
  if ('problems' in yaml) return yaml;
  const parsed = rootsFile.safeParse(yaml.value ?? {}, { error: fieldMessage });
  if (!parsed.success) return inOrder(issuesOf(parsed.error), yaml);
  const issues: Issue[] = [];
  const roots = new Map<string, Root>();
  for (const [name, root] of Object.entries(parsed.data.roots)) {
    const checked = checkedPath(root.path, closed);
    if ('problem' in checked) issues.push({ path: ['roots', name, 'path'], message: checked.problem });
    else roots.set(name, { ...root, path: checked.path });
  }
  return issues.length === 0 ? { roots } : inOrder(issues, yaml);
}

/** The real path, so that no link decides later what a sandbox shows. */
function checkedPath(path: string, closed: readonly string[]): { path: string } | { problem: string } {
  try {
    const real = realpathSync(path);
    const stat = statSync(real);
    if (!stat.isDirectory()) return { problem: `is ${path}, which is not a directory` };
    if (real === '/') return { problem: 'is the root directory of this machine; use a directory of its own' };
    if ((stat.mode & 0o002) !== 0)
      return { problem: `is ${path}, which every user of this machine can change: chmod o-w it` };
    if ((stat.mode & 0o005) !== 0o005)
      return { problem: `is ${path}, which commands cannot read: chmod o+rx it` };
    const shown = closed.find((dir) => isBelow(realOf(dir), real));
    if (shown !== undefined)
      return { problem: `is ${path}, which contains ${shown} of execd; use a directory beside it` };
    return { path: real };
  } catch (error) {
    return { problem: `is ${path}, which cannot be read: ${(error as Error).message}` };
  }
}

const isBelow = (path: string, dir: string): boolean => path === dir || path.startsWith(`${dir}/`);

function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
