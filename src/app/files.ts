// Where files lie, and how much room there is for them.
import { join, resolve } from 'node:path';
import { FileBlobs } from '../blobs/file-blobs.ts';
import { FilePrivateFiles } from '../blobs/private-files.ts';
import type { Config } from '../config/load.ts';
import type { EngineDeps } from '../engine/engine.ts';

export function filesOf(config: Config): EngineDeps['files'] {
  const { EXECUTION_FILE_DIR: dir, EXECUTION_UIDS: uids = null } = config;
  const blobs = new FileBlobs(
    dir === undefined ? join(resolve(config.EXECUTION_DATA_DIR), 'files') : resolve(dir),
  );
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
