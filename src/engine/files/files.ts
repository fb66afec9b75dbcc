// Files that callers send and get: uploads, inputs of requests, and artifacts.
import type { Caller } from '../../domain/spec/access.ts';
import { RefusedError } from '../../domain/errors.ts';
import type { ExecutionId } from '../../domain/ids.ts';
import { type Blobs, OtherEndError, TooLargeError } from '../../domain/ports/blobs.ts';
import type { FileReads, OwnedFile } from '../../domain/ports/files.ts';
import type { Group, GroupResult } from '../../domain/ports/group.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { FileSpec } from '../../domain/spec/files.ts';
import { stored } from '../refusals.ts';
import type { BlobKeeper } from './blob-keeper.ts';
import type { FileRooms } from './file-room.ts';

export interface FilesDeps {
  store: FileReads;
  blobs: Blobs;
  keeper: BlobKeeper;
  clock: Clock;
  log: Log;
  commit: (groups: readonly Group[]) => Promise<GroupResult[]>;
  newId: () => ExecutionId;
  rooms: FileRooms;
  uploadTtlMs: number;
  /** @throws RefusedError `not_found` */
  own: (caller: Caller, id: ExecutionId) => Promise<{ id: ExecutionId; runId: ExecutionId }>;
}

/** Inputs of a request, with their bytes pinned until they are stored. */
export interface Inputs {
  files: Pick<OwnedFile, 'path' | 'digest' | 'size' | 'mode'>[];
  release: () => void;
}

export interface UploadView extends OwnedFile {
  /** Bytes that are there. */
  received: number;
}

export class Files {
  readonly #deps: FilesDeps;
  /** One request at a time for each upload. */
  readonly #busy = new Set<string>();

  constructor(deps: FilesDeps) {
    this.#deps = deps;
  }

  // ------------------------------------------------------------------------------------------ uploads

  /** Takes an upload in one request. */
  async upload(
    caller: Caller,
    bytes: AsyncIterable<Uint8Array>,
    expected: string | null,
  ): Promise<UploadView> {
    const { blobs, keeper, rooms } = this.#deps;
    const room = rooms.open(caller.userId);
    const pins: (() => void)[] = [];
    try {
      const taken = room.reserving(bytes);
      const blob = await blobs.put(taken, Infinity, (digest) => pins.push(keeper.pin(digest)));
      if (expected !== null && blob.digest !== expected) throw mismatch(blob.digest);
      return await this.#store(this.#newUpload(caller, { ...blob, expected }), blob.size);
    } catch (error) {
      if (error instanceof TooLargeError) throw await room.whyNot();
      throw error;
    } finally {
      await room.close();
      for (const unpin of pins) unpin();
      if (pins.length > 0) void keeper.sweep();
    }
  }

  /** Begins an upload that gets its bytes in parts. Its size counts from now on. */
  async begin(caller: Caller, size: number, expected: string | null): Promise<UploadView> {
    const room = this.#deps.rooms.open(caller.userId);
    try {
      if (size > (await room.take(size))) throw await room.whyNot();
      return await this.#store(this.#newUpload(caller, { digest: '', size, expected }), 0);
    } finally {
      await room.close();
    }
  }

  /**
   * Adds bytes to an upload. What has come of a request that broke off is kept.
   *
   * @throws RefusedError `upload_offset` when it continues elsewhere
   */
  async append(
    caller: Caller,
    id: string,
    offset: number,
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<UploadView> {
    const { blobs } = this.#deps;
    const upload = await this.getUpload(caller, id);
    if (upload.digest !== '') {
      if (offset === upload.size) return upload;
      throw otherOffset(upload.size);
    }
    if (this.#busy.has(id)) throw isBusy();
    this.#busy.add(id);
    try {
      const has = await blobs.received(id);
      // Bytes that were sent twice are the same bytes.
      if (offset > has) throw otherOffset(has);
      const received = await blobs.append(id, { offset, most: upload.size }, bytes);
      return received < upload.size ? { ...upload, received } : await this.#finish(upload);
    } catch (error) {
      if (error instanceof OtherEndError) throw isBusy();
      if (!(error instanceof TooLargeError)) throw error;
      throw new RefusedError(
        'body_too_large',
        `The upload has ${upload.size} bytes; there are more in this request.`,
      );
    } finally {
      this.#busy.delete(id);
    }
  }

  /** @throws RefusedError `upload_not_found` */
  async getUpload({ userId }: Caller, id: string): Promise<UploadView> {
    const upload = await this.#deps.store.file(id, 'upload', '');
    const isGone =
      upload === null || (upload.expiresAt !== null && upload.expiresAt <= this.#deps.clock.now());
    if (isGone || upload.userId !== userId)
      throw new RefusedError('upload_not_found', `There is no upload ${id}.`);
    const isOpen = upload.digest === '';
    return { ...upload, received: isOpen ? await stored(this.#deps.blobs.received(id)) : upload.size };
  }

  async removeUpload(caller: Caller, id: string): Promise<void> {
    await this.getUpload(caller, id);
    await this.#drop([id]);
  }

  /** Removes uploads whose time is over. */
  async sweep(): Promise<void> {
    const { store, clock, keeper } = this.#deps;
    const over = await store.uploads({ userId: null, expiredAt: clock.now() + 1 }, 1000);
    await this.#drop(over.map(({ ownerId }) => ownerId));
    await keeper.sweep();
  }

  async #drop(ids: readonly string[]): Promise<void> {
    const { commit, blobs, keeper } = this.#deps;
    if (ids.length === 0) return;
    await commit([[{ type: 'files', put: [], drop: ids, forget: [] }]]);
    for (const id of ids) await blobs.dropUpload(id);
    await keeper.sweep();
  }

  async #finish(upload: UploadView): Promise<UploadView> {
    const { blobs, keeper } = this.#deps;
    const { ownerId: id, expected, size } = upload;
    const pins: (() => void)[] = [];
    try {
      const blob = await blobs.finish(id, (digest) => pins.push(keeper.pin(digest)));
      if (expected !== null && blob.digest !== expected) {
        await this.#drop([id]);
        throw mismatch(blob.digest);
      }
      return await this.#store({ ...upload, digest: blob.digest, expiresAt: this.#expiry() }, size);
    } finally {
      for (const unpin of pins) unpin();
    }
  }

  #newUpload({ userId }: Caller, what: Pick<OwnedFile, 'digest' | 'size' | 'expected'>): OwnedFile {
    const { clock, newId } = this.#deps;
    const times = { createdAt: clock.now(), expiresAt: this.#expiry() };
    return { ownerId: newId(), role: 'upload', path: '', userId, mode: 0, ...times, ...what };
  }

  #expiry(): number {
    return this.#deps.clock.now() + this.#deps.uploadTtlMs;
  }

  async #store(upload: OwnedFile, received: number): Promise<UploadView> {
    const { ownerId, role, path, userId, digest, size, mode, createdAt, expiresAt, expected } = upload;
    const file = { ownerId, role, path, userId, digest, size, mode, createdAt, expiresAt, expected };
    await this.#deps.commit([[{ type: 'files', put: [file], drop: [], forget: [] }]]);
    return { ...file, received };
  }

  // ------------------------------------------------------------------------------------------- inputs

  /**
   * The bytes that the files of a request name.
   *
   * @param rerunOf where an upload is looked for that is gone by now
   * @throws RefusedError
   */
  async inputs(caller: Caller, files: readonly FileSpec[], rerunOf: ExecutionId | null): Promise<Inputs> {
    const pins: (() => void)[] = [];
    const release = () => {
      for (const unpin of pins) unpin();
    };
    const found: Inputs['files'] = [];
    try {
      for (const [i, file] of files.entries()) {
        if (file.upload === undefined && file.artifact === undefined) continue;
        const look = () => this.#source(caller, file, { field: `/files/${i}`, rerunOf });
        const { digest } = await look();
        pins.push(await stored(this.#deps.keeper.hold(digest)));
        // Its owner may have gone before the pin; now it may not.
        const { size } = await look();
        found.push({ path: file.path, digest, size, mode: 0 });
      }
      return { files: found, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  async #source(
    caller: Caller,
    { path, upload, artifact }: FileSpec,
    { field, rerunOf }: { field: string; rerunOf: ExecutionId | null },
  ): Promise<OwnedFile> {
    const before = rerunOf === null ? null : await this.#deps.store.file(rerunOf, 'input', path);
    if (before !== null) return before;
    if (artifact !== undefined) return this.artifact(caller, artifact.execution, artifact.path);
    const found = await this.getUpload(caller, upload ?? '');
    if (found.digest !== '') return found;
    const message = `the upload has ${found.received} of ${found.size} bytes`;
    throw new RefusedError('upload_incomplete', `${field}: ${message}.`, { fields: [{ field, message }] });
  }

  // ---------------------------------------------------------------------------------------- artifacts

  async artifacts(caller: Caller, id: ExecutionId): Promise<OwnedFile[]> {
    const { runId } = await this.#deps.own(caller, id);
    return this.#deps.store.files(runId, 'artifact');
  }

  /** @throws RefusedError `artifact_not_found` */
  async artifact(caller: Caller, id: ExecutionId, path: string): Promise<OwnedFile> {
    const { runId } = await this.#deps.own(caller, id);
    const found = await this.#deps.store.file(runId, 'artifact', path);
    if (found !== null) return found;
    throw new RefusedError(
      'artifact_not_found',
      `The execution ${id} has no artifact ${JSON.stringify(path)}.`,
    );
  }

  read(digest: string, range?: { first: number; last: number }): AsyncIterable<Uint8Array> {
    return this.#deps.blobs.read(digest, range);
  }

  /**
   * Keeps bytes while somebody reads them.
   *
   * @throws RefusedError `store_unavailable`
   */
  hold(digest: string): Promise<() => void> {
    return stored(this.#deps.keeper.hold(digest));
  }
}

const mismatch = (digest: string) =>
  new RefusedError('digest_mismatch', `The bytes have the SHA-256 digest ${digest}. Send them again.`);
const isBusy = () => new RefusedError('upload_offset', 'Another request adds bytes to this upload.');
const otherOffset = (has: number) =>
  new RefusedError('upload_offset', `The upload has ${has} bytes. Continue at offset ${has}.`);
