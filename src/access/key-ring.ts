// The keys that there are: those of the keys file, and those of the store. All of them are in memory, so that a wrong id
// costs as much as a wrong secret; whether the store has others by now is looked up once a second, because a command, or
// another server, may have changed them.
import type { Caller } from '../domain/spec/access.ts';
import { type ApiKey, ROTATION_OVERLAP_S, whyNotUsable } from '../domain/access/api-key.ts';
import type { KeyRequest } from '../domain/access/api-key-schema.ts';
import { quoted, RefusedError } from '../domain/errors.ts';
import type { Store } from '../domain/ports/store.ts';
import type { ApiKeysPart, Group, GroupResult } from '../domain/ports/group.ts';
import type { Clock, Log } from '../domain/ports/clock.ts';
import { idIn, isKey, mintKey, mintSuccessor, type NewKey } from './mint.ts';

export interface KeyRingDeps {
  store: Pick<Store, 'apiKeys'>;
  commit(groups: readonly Group[]): Promise<GroupResult[]>;
  clock: Clock;
  log: Log;
}

/** A key as administrators see it. */
export interface ListedKey {
  key: ApiKey;
  source: 'store' | 'file';
}

const CHECK_MS = 1000;
/** The last use is stored to this precision, so that a key costs at most one write in this time. */
const USE_MS = 60_000;

export class KeyRing {
  readonly #deps: KeyRingDeps;
  #fromFile = new Map<string, ApiKey>();
  #hasFile = false;
  #stored = new Map<string, ApiKey>();
  #version = -1;
  #checkedAt = -Infinity;
  #callers = new WeakMap<ApiKey, Caller>();
  readonly #usedAt = new Map<string, number>();

  constructor(deps: KeyRingDeps) {
    this.#deps = deps;
  }

  /** Takes in the keys of the keys file; null when there is no file. */
  setFileKeys(keys: readonly ApiKey[] | null): void {
    this.#hasFile = keys !== null;
    this.#fromFile = new Map((keys ?? []).map((key) => [key.id, key]));
  }

  /** Whether keys are asked for: as soon as there has been one, also when it cannot be used any more. */
  get isInUse(): boolean {
    return this.#hasFile || this.#stored.size > 0;
  }

  /** Null when what the store has is known; else a promise of that. Never rejects. */
  refresh(): Promise<void> | null {
    if (this.#deps.clock.monotonic() - this.#checkedAt < CHECK_MS) return null;
    return this.#load().catch((error: unknown) => {
      this.#deps.log.warn(
        { err: error },
        'Cannot read the API keys of the store; the keys that are known stay valid',
      );
    });
  }

  /**
   * Reads the keys of the store.
   *
   * @throws StoreError
   */
  async #load(): Promise<void> {
    this.#checkedAt = this.#deps.clock.monotonic();
    const read = await this.#deps.store.apiKeys(this.#version);
    if (read === null) return;
    this.#version = read.version;
    this.#stored = new Map(read.keys.map((key) => [key.id, key]));
  }

  /** Who shows this key; null when it is none. `refresh` comes first. */
  callerOf(token: string): Caller | RefusedError | null {
    const id = idIn(token);
    if (id === null) return null;
    const key = this.#find(id);
    if (!isKey(token, key)) return new RefusedError('unauthorized', 'The API key is unknown.');
    const now = this.#deps.clock.now();
    const problem = whyNotUsable(key, now);
    if (problem === 'revoked') return new RefusedError('unauthorized', 'The API key was revoked.');
    if (problem === 'expired') return new RefusedError('unauthorized', 'The API key has expired.');
    if (!this.#fromFile.has(id)) this.#noteUse(id, now);
    let caller = this.#callers.get(key);
    if (caller === undefined) {
      const { userId, expiresAt, mayRun } = key;
      const credential = { type: 'key', id, userId, expiresAt } as const;
      caller = { userId, scopes: new Set(key.scopes), mayRun, credential };
      this.#callers.set(key, caller);
    }
    return caller;
  }

  /** Whether a key that was good is still good. */
  isUsable(id: string): boolean {
    const key = this.#find(id);
    return key !== undefined && whyNotUsable(key, this.#deps.clock.now()) === null;
  }

  /** Whether a key that was good has been revoked, or taken out of the keys file. What has expired is not revoked. */
  isRevoked(id: string): boolean {
    void this.refresh();
    const key = this.#find(id);
    return key === undefined ? this.#version >= 0 : key.revokedAt !== null;
  }

  list(): ListedKey[] {
    const listed = (keys: Iterable<ApiKey>, source: ListedKey['source']) =>
      [...keys].map((key): ListedKey => ({ key, source }));
    return [...listed(this.#fromFile.values(), 'file'), ...listed(this.#stored.values(), 'store')];
  }

  /**
   * Makes a key.
   *
   * @param createdBy the user who asks for it
   * @throws RefusedError `key_exists`, `too_many_keys`; StoreError
   */
  async create(request: KeyRequest, createdBy: string): Promise<NewKey> {
    const made = mintKey(request, { now: this.#deps.clock.now(), createdBy });
    await this.#change({ type: 'api_keys', add: [made.key] });
    return made;
  }

  /**
   * Makes a key that takes the place of another one, which goes on for a while.
   *
   * @param overlapS how long, seconds
   * @throws RefusedError `key_not_found`, `key_in_file`, `key_unusable`; StoreError
   */
  async rotate(
    id: string,
    { overlapS = ROTATION_OVERLAP_S, createdBy }: { overlapS?: number | undefined; createdBy: string },
  ): Promise<NewKey> {
    const key = await this.#changeable(id);
    const now = this.#deps.clock.now();
    const problem = whyNotUsable(key, now);
    if (problem !== null) {
      throw new RefusedError('key_unusable', `The key ${id} is ${problem}. Create a new one.`);
    }
    const made = mintSuccessor(key, { now, createdBy });
    await this.#change({
      type: 'api_keys',
      add: [made.key],
      end: [{ id, expiresAt: now + overlapS * 1000 }],
    });
    return made;
  }

  /**
   * Ends a key at once, for good.
   *
   * @throws RefusedError `key_not_found`, `key_in_file`; StoreError
   */
  async revoke(id: string): Promise<ApiKey> {
    await this.#changeable(id);
    await this.#change({ type: 'api_keys', revoke: [id] });
    return this.#stored.get(id) as ApiKey;
  }

  #find(id: string): ApiKey | undefined {
    return this.#fromFile.get(id) ?? this.#stored.get(id);
  }

  async #changeable(id: string): Promise<ApiKey> {
    await this.#load();
    if (this.#fromFile.has(id)) {
      const detail = `The key ${id} is in the keys file. Change it there, and reload the file.`;
      throw new RefusedError('key_in_file', detail);
    }
    const key = this.#stored.get(id);
    if (key === undefined) throw new RefusedError('key_not_found', `There is no key ${quoted(id)}.`);
    return key;
  }

  async #change(part: ApiKeysPart): Promise<void> {
    const taken = part.add?.find(({ id }) => this.#fromFile.has(id));
    const [result] = taken === undefined ? await this.#deps.commit([[part]]) : [];
    if (result?.status !== 'applied') {
      const isFull = result?.status === 'refused' && result.reason === 'too_many_keys';
      if (isFull) throw new RefusedError('too_many_keys', 'There are too many keys.');
      throw new RefusedError('key_exists', `There is a key ${part.add?.[0]?.id ?? ''} already.`);
    }
    await this.#load();
  }

  /** In the background: nobody waits for it, and a loss costs nothing. */
  #noteUse(id: string, at: number): void {
    if (at - (this.#usedAt.get(id) ?? -Infinity) < USE_MS) return;
    this.#usedAt.set(id, at);
    this.#deps.commit([[{ type: 'api_keys', used: [{ id, at }] }]]).then(
      () => {
        const key = this.#stored.get(id);
        if (key !== undefined) key.lastUsedAt = at;
      },
      (error: unknown) => this.#deps.log.debug({ err: error }, 'Cannot store when a key was last used'),
    );
  }
}
