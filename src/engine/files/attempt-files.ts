// The files of an attempt: placed before its start, collected after its end.
import { extname } from 'node:path';
import type { FilesEnd } from '../../domain/files-end.ts';
import type { Execution, RunningExecution } from '../../domain/execution/execution.ts';
import type { Outcome } from '../../domain/outcome.ts';
import type { Collected, PlacedFile, PrivateFiles } from '../../domain/ports/blobs.ts';
import type { FileReads, OwnedFile } from '../../domain/ports/files.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { FileSpec } from '../../domain/spec/files.ts';
import type { BlobKeeper } from './blob-keeper.ts';
import type { FileRooms } from './file-room.ts';
import { mediaTypeOf } from './media-types.ts';

export interface AttemptFilesDeps {
  store: FileReads;
  keeper: BlobKeeper;
  privateFiles: PrivateFiles;
  clock: Clock;
  log: Log;
  rooms: FileRooms;
}

/** What is to be stored with the end of an attempt. */
export interface Gathered {
  end: FilesEnd;
  files: OwnedFile[];
  /** To be called when the files are stored, or never will be. */
  release: () => void;
}

/** Artifacts that the outcome lists; the others are listed by their route. */
const LISTED = 200;
const DEFAULT_MODE = 0o644;

export class AttemptFiles {
  readonly #deps: AttemptFilesDeps;

  constructor(deps: AttemptFilesDeps) {
    this.#deps = deps;
  }

  get keeper(): BlobKeeper {
    return this.#deps.keeper;
  }

  /** Makes the private directory of an attempt with its files in it; answers why that failed. */
  async place(execution: RunningExecution, dir: string): Promise<Outcome | null> {
    const { store, privateFiles, log } = this.#deps;
    try {
      const inputs = await store.files(execution.runId, 'input');
      await privateFiles.place(dir, placedFiles(execution, inputs));
      return null;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      log.warn({ err: error, execution_id: execution.id }, 'Cannot place the files of an execution');
      const why = `The files of the request could not be placed: ${code ?? message}.`;
      return { cause: 'spawn_failed', reason: 'files_not_placed', message: why };
    }
  }

  /** Takes in what an attempt has left and was asked for. */
  async collect(execution: RunningExecution, dir: string): Promise<Gathered> {
    const { keeper, privateFiles, clock, log, rooms } = this.#deps;
    const room = rooms.open(execution.userId);
    const pins: (() => void)[] = [];
    const release = () => {
      for (const unpin of pins) unpin();
      void room.close();
    };
    try {
      const bounds = rooms.bounds(execution.userId);
      const { artifacts: patterns = [], files = [] } = fieldsOf(execution);
      const collected = await privateFiles.collect(dir, {
        patterns,
        placed: files.map(({ path }) => path),
        most: { files: bounds.artifacts, bytes: bounds.artifactBytes },
        reserve: (bytes) => room.take(bytes),
        hold: (digest) => pins.push(keeper.pin(digest)),
      });
      return { ...toGathered(execution, collected, clock.now()), release };
    } catch (error) {
      log.warn({ err: error, execution_id: execution.id }, 'Cannot collect the artifacts of an execution');
      const reason = `execd cannot read the private directory (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`;
      return { end: { ...NOTHING, problems: [{ path: '', reason }] }, files: [], release };
    }
  }
}

const NOTHING: FilesEnd = {
  items: [],
  count: 0,
  bytes: 0,
  problems: [],
  left: { count: 0, bytes: 0, paths: [] },
};
const MOST_PROBLEMS = 100;

function toGathered(
  execution: Execution,
  { files, problems, left }: Collected,
  at: number,
): Omit<Gathered, 'release'> {
  const owned = files.map(({ path, blob, mode }): OwnedFile => {
    const { digest, size } = blob;
    const of = { ownerId: execution.runId, userId: execution.userId, role: 'artifact' } as const;
    return { ...of, path, digest, size, mode, createdAt: at, expiresAt: null, expected: null };
  });
  const items = owned.slice(0, LISTED).map(({ path, size, digest }) => {
    return { path, size, digest, media_type: mediaTypeOf(extname(path)) };
  });
  const bytes = owned.reduce((sum, { size }) => sum + size, 0);
  return {
    end: { items, count: owned.length, bytes, problems: problems.slice(0, MOST_PROBLEMS), left },
    files: owned,
  };
}

/** What a spec says of files, whatever its kind. */
export function fieldsOf({ work }: { work: object }): Pick<WithFiles, 'files' | 'artifacts'> {
  return work;
}
type WithFiles = Extract<Execution['work'], { kind: 'exec' }>;

export function hasFiles(execution: Pick<Execution, 'work'>): boolean {
  const { files, artifacts } = fieldsOf(execution);
  return files !== undefined || artifacts !== undefined;
}

function placedFiles(execution: Execution, inputs: readonly OwnedFile[]): PlacedFile[] {
  const byPath = new Map(inputs.map((one) => [one.path, one]));
  return (fieldsOf(execution).files ?? []).map((file) => {
    const { path } = file;
    const input = byPath.get(path);
    const bytes = bytesOf(file);
    if (bytes === null && input === undefined)
      throw new Error(`the file ${JSON.stringify(path)} has no bytes`);
    return { path, mode: modeOf(file), bytes, digest: bytes === null ? (input?.digest ?? null) : null };
  });
}

/** The bytes that a request itself has; null where it names where they lie. */
export function bytesOf({ content, base64 }: FileSpec): Buffer | null {
  if (content !== undefined) return Buffer.from(content);
  return base64 === undefined ? null : Buffer.from(base64, 'base64');
}

export const modeOf = ({ mode }: FileSpec): number =>
  mode === undefined ? DEFAULT_MODE : Number.parseInt(mode, 8);
