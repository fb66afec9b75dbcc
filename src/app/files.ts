// Where files lie, and how much room there is for them.
import { join, resolve } from 'node:path';
import { FileBlobs } from '../blobs/file-blobs.ts';
import { DirectoryBlobs, SharedBlobs } from '../blobs/shared-blobs.ts';
import { FilePrivateFiles } from '../blobs/private-files.ts';
import type { Config } from '../config/load.ts';
import type { BlobPieces } from '../domain/ports/blob-pieces.ts';
import type { Blobs } from '../domain/ports/blobs.ts';
import type { EngineDeps } from '../engine/engine.ts';

function directoryOf({ EXECUTION_FILE_DIR: dir, EXECUTION_DATA_DIR: data }: Config): string {
  return dir === undefined ? join(resolve(data), 'files') : resolve(dir);
}

/** In a directory; with a store that servers share, in that store, unless the operator names a directory. */
function blobsOf(config: Config, pieces: BlobPieces | undefined): Blobs {
  const dir = directoryOf(config);
  const inDir = new FileBlobs(dir);
  if (pieces === undefined) return inDir;
  const inStore = new SharedBlobs({ pieces, before: inDir });
  return config.EXECUTION_FILE_DIR === undefined ? inStore : new DirectoryBlobs(dir, { pieces, inStore });
}

/** All places that may have bytes of files while no server moves them; new ones go to the first. */
export function filePlaces(config: Config, pieces: BlobPieces | undefined): [Blobs, ...Blobs[]] {
  const inDir = new FileBlobs(directoryOf(config));
  if (pieces === undefined) return [inDir];
  const inStore = new SharedBlobs({ pieces, before: inDir });
  return config.EXECUTION_FILE_DIR === undefined ? [inStore, inDir] : [inDir, inStore];
}

export function filesOf(config: Config, pieces: BlobPieces | undefined): EngineDeps['files'] {
  const { EXECUTION_UIDS: uids = null } = config;
  const blobs = blobsOf(config, pieces);
  const isOfCommands =
    uids === null ? null : (uid: number) => uid >= uids.first && uid < uids.first + uids.count;
  const bounds = {
    userBytes: config.EXECUTION_USER_FILE_BYTES,
    allBytes: config.EXECUTION_MAX_FILE_BYTES,
    artifacts: config.EXECUTION_MAX_ARTIFACTS,
    artifactBytes: config.EXECUTION_ARTIFACT_BYTES,
  };
  return {
    blobs,
    privateFiles: new FilePrivateFiles({ blobs, isOfCommands }),
    fileBounds: () => bounds,
    uploadTtlMs: config.EXECUTION_UPLOAD_TTL_SECS * 1000,
  };
}
