// Files of a request: what is placed in the private directory before the start, and what is collected from it after the end.
import { z } from 'zod';

export const MAX_FILES = 1000;
const MAX_PATH = 1024;
const MAX_NAME_BYTES = 255;

/** Null for a path that leads to a place below a directory, by plain names only. */
function pathProblem(path: string): string | null {
  if (path.startsWith('/')) return 'must be a relative path';
  const names = path.split('/');
  if (names.some((name) => name === '' || name === '.' || name === '..'))
    return 'must not have "..", "." or empty parts';
  if (names.some((name) => new TextEncoder().encode(name).length > MAX_NAME_BYTES))
    return `must not have parts longer than ${MAX_NAME_BYTES} bytes`;
  return null;
}

/** A place below the private directory. */
export const filePath = z
  .string()
  .min(1)
  .max(MAX_PATH)
  .refine((path) => !path.includes('\0'), 'must not contain a NUL character')
  .refine((path) => path.isWellFormed(), 'must be well-formed Unicode')
  .superRefine((path, context) => {
    const problem = pathProblem(path);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  });

const SOURCES = ['content', 'base64', 'upload', 'artifact'] as const;

const file = z
  .strictObject({
    path: filePath.describe('The place of the file: a path below the private directory.'),
    content: z
      .string()
      .refine((text) => text.isWellFormed(), 'must be well-formed Unicode (send binary as base64)')
      .optional()
      .describe('The content, as text.'),
    base64: z.base64().optional().describe('The content, as bytes in base64.'),
    upload: z.string().min(1).max(100).optional().describe('Id of a finished upload.'),
    artifact: z
      .strictObject({
        execution: z.string().min(1).max(100).describe('The execution that has the artifact.'),
        path: z.string().min(1).max(4096).describe('Path of the artifact.'),
      })
      .optional()
      .describe('An artifact of an execution of yours.'),
    mode: z
      .string()
      .regex(/^0?[0-7]{3}$/, 'must be octal, for example "0755"')
      .optional()
      .describe('Permissions, octal. Default: `0644`.'),
  })
  .refine((one) => SOURCES.filter((name) => one[name] !== undefined).length === 1, {
    error: `must have exactly one of ${SOURCES.join(', ')}`,
  })
  .describe('A file. Give exactly one of `content`, `base64`, `upload` and `artifact`.');
export type FileSpec = z.infer<typeof file>;

/** One path within another, or twice the same. */
function clash(files: readonly { path: string }[]): string | null {
  const paths = new Set<string>();
  for (const { path } of files) {
    if (paths.has(path)) return path;
    paths.add(path);
  }
  for (const path of paths) {
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1))
      if (paths.has(path.slice(0, at))) return path.slice(0, at);
  }
  return null;
}

export const files = z
  .array(file)
  .max(MAX_FILES)
  .superRefine((list, context) => {
    const path = clash(list);
    if (path !== null)
      context.addIssue({
        code: 'custom',
        message: `has ${JSON.stringify(path)} twice, or as a file and a directory`,
      });
  })
  .describe('Files that execd places in the private directory before the start.');

export const NO_CACHE =
  'must be left out if the request uses the cache: a stored result has no artifacts. Leave out artifacts or cache';

export const artifacts = z
  .array(filePath)
  .min(1)
  .max(100)
  .describe(
    'Files that execd keeps after the end: paths below the private directory, with `*`, `**`, `?` and `[…]`. A directory includes everything in it.',
  );
