// What the files of a request have to do with its result: their bytes count, wherever they come from.
import { hash } from 'node:crypto';
import { RefusedError } from '../../domain/errors.ts';
import { type FileSpec, NO_CACHE } from '../../domain/spec/files.ts';
import type { CacheSpec } from '../../domain/spec/spec.ts';
import { bytesOf, fieldsOf, modeOf } from './attempt-files.ts';
import type { Inputs } from './files.ts';

/**
 * What is asked for, told apart by the digests of its files.
 *
 * @throws RefusedError `validation` for artifacts together with a cache, `upload_not_found`
 */
export function withFiles<T extends Asked>(resolved: T, inputs: Inputs | undefined): T {
  const { work, settings, identity } = resolved;
  const { files, artifacts } = fieldsOf({ work });
  if (files === undefined && artifacts === undefined) return resolved;
  const usesCache = settings.cache !== undefined && settings.cache.mode !== 'bypass';
  if (artifacts !== undefined && usesCache) {
    const fields = [{ field: '/artifacts', message: NO_CACHE }];
    throw new RefusedError('validation', `/artifacts: ${NO_CACHE}`, { fields });
  }
  if (files === undefined) return resolved;
  const digests = files.map((file): Digest => [file.path, modeOf(file), digestOf(file, inputs)]);
  digests.sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...resolved, identity: { ...withoutFiles(identity), files: digests } };
}

interface Asked {
  work: object;
  settings: { cache?: CacheSpec | undefined };
  /** What tells its result apart from others. */
  identity: unknown;
}

/** An operation is told apart by itself and its parameters; what it places is one more. */
function withoutFiles(identity: unknown): object {
  const { files: _files, ...others } = identity as { files?: unknown };
  return others;
}

function digestOf(file: FileSpec, inputs: Inputs | undefined): string {
  const bytes = bytesOf(file);
  if (bytes !== null) return hash('sha256', bytes);
  const input = inputs?.files.find(({ path }) => path === file.path);
  if (input !== undefined) return input.digest;
  const detail = `The bytes of the file ${JSON.stringify(file.path)} are not there. The files of an operation need content or base64.`;
  throw new RefusedError('upload_not_found', detail);
}

type Digest = readonly [path: string, mode: number, digest: string];
