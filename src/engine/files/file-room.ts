// How much room is left for the files of a user: a bound of their own, and a bound for all. Bytes are reserved before they are
// taken in, and until their owner is stored, so that two requests at once never pass a bound together.
import { quoted, RefusedError } from '../../domain/errors.ts';
import { TooLargeError } from '../../domain/ports/blobs.ts';
import type { FileReads, FileUse } from '../../domain/ports/files.ts';

export interface FileBounds {
  userBytes: number;
  allBytes: number;
  /** Artifacts of one execution, and their bytes. */
  artifacts: number;
  artifactBytes: number;
}

interface Uses {
  own: FileUse;
  all: FileUse;
}

/** Bytes that a stream reserves at once, where there is room. */
const STEP = 8 * 1024 * 1024;

export class FileRooms {
  readonly #store: Pick<FileReads, 'fileUse'>;
  readonly #bounds: (userId: string) => FileBounds;
  readonly #reserved = new Map<string, number>();
  #ofAll = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(store: Pick<FileReads, 'fileUse'>, bounds: (userId: string) => FileBounds) {
    this.#store = store;
    this.#bounds = bounds;
  }

  open(userId: string): FileRoom {
    return new FileRoom(userId, this);
  }

  bounds(userId: string): FileBounds {
    return this.#bounds(userId);
  }

  /** Answers how many bytes there is room for; reserves those that are asked for, if that is enough. */
  take(userId: string, bytes: number): Promise<number> {
    return this.#inTurn(async () => {
      const { own, all } = await this.#uses(userId);
      const { userBytes, allBytes } = this.#bounds(userId);
      const left = Math.max(0, Math.min(userBytes - own.bytes, allBytes - all.bytes));
      if (bytes <= left) this.#add(userId, bytes);
      return left;
    });
  }

  /** Not while somebody reads what is stored: until then, it may be missing there. */
  giveBack(userId: string, bytes: number): Promise<void> {
    return this.#inTurn(async () => this.#add(userId, -bytes));
  }

  async whyNot(userId: string): Promise<RefusedError> {
    const { own, all } = await this.#uses(userId);
    const { userBytes, allBytes } = this.#bounds(userId);
    const detail =
      userBytes - own.bytes <= allBytes - all.bytes
        ? `The files of user ${quoted(userId)} have ${own.bytes} bytes; at most ${userBytes} are allowed (EXECUTION_USER_FILE_BYTES).`
        : `The files of all users have ${all.bytes} bytes; at most ${allBytes} are allowed (EXECUTION_MAX_FILE_BYTES).`;
    const remedy = 'Remove uploads or finished executions.';
    return new RefusedError('file_quota_exceeded', `${detail} ${remedy}`, { retryAfterS: 60 });
  }

  /** With what is reserved. */
  async #uses(userId: string): Promise<Uses> {
    const { own, all } = await this.#store.fileUse(userId);
    return {
      own: { ...own, bytes: own.bytes + (this.#reserved.get(userId) ?? 0) },
      all: { ...all, bytes: all.bytes + this.#ofAll },
    };
  }

  #add(userId: string, bytes: number): void {
    const reserved = (this.#reserved.get(userId) ?? 0) + bytes;
    if (reserved === 0) this.#reserved.delete(userId);
    else this.#reserved.set(userId, reserved);
    this.#ofAll += bytes;
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(act, act);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}

/** What one request, or one end of an execution, has reserved. */
export class FileRoom {
  readonly #userId: string;
  readonly #rooms: FileRooms;
  #reserved = 0;
  #spare = 0;

  constructor(userId: string, rooms: FileRooms) {
    this.#userId = userId;
    this.#rooms = rooms;
  }

  /** Reserves bytes; answers how many there is room for. */
  async take(bytes: number): Promise<number> {
    const left = await this.#rooms.take(this.#userId, bytes);
    if (bytes <= left) this.#reserved += bytes;
    return left;
  }

  /** The bytes, each reserved before it is handed on. Ends with `TooLargeError` where there is no room. */
  async *reserving(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of bytes) {
      if (this.#spare < piece.length && !(await this.#widen(piece.length)))
        throw new TooLargeError(this.#reserved);
      this.#spare -= piece.length;
      yield piece;
    }
  }

  whyNot(): Promise<RefusedError> {
    return this.#rooms.whyNot(this.#userId);
  }

  /** To be called when the owner of the bytes is stored, or never will be. */
  async close(): Promise<void> {
    const reserved = this.#reserved;
    this.#reserved = 0;
    await this.#rooms.giveBack(this.#userId, reserved);
  }

  async #widen(needed: number): Promise<boolean> {
    for (const bytes of [STEP, needed - this.#spare]) {
      if (bytes < needed - this.#spare || bytes > (await this.take(bytes))) continue;
      this.#spare += bytes;
      return true;
    }
    return false;
  }
}
