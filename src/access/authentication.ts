// Who calls: from the Authorization header, and from nothing else.
import { type Caller, type Credential, LOCAL_CALLER } from '../domain/spec/access.ts';
import { RefusedError } from '../domain/errors.ts';
import type { Clock } from '../domain/ports/clock.ts';
import type { KeyRing } from './key-ring.ts';
import type { TokenReader } from './tokens.ts';

export interface AuthenticationDeps {
  keys: KeyRing;
  /** Null: no identity provider. */
  tokens: TokenReader | null;
  clock: Clock;
}

type Answer = Caller | RefusedError;

/** 8 KiB is more than any token, and less than what a hash of it would be worth. */
const BEARER = /^Bearer ([\x21-\x7e]{1,8192})$/i;
const MISSING = 'Send an API key as "Authorization: Bearer ek_…".';

export class Authentication {
  readonly #deps: AuthenticationDeps;

  constructor(deps: AuthenticationDeps) {
    this.#deps = deps;
  }

  /** Who calls, or why that is not known. Answers at once when there is nothing to be looked up. */
  callerOf(authorization: string | undefined): Answer | Promise<Answer> {
    const refreshing = this.#deps.keys.refresh();
    if (refreshing === null) return this.#answer(authorization);
    return refreshing.then(() => this.#answer(authorization));
  }

  /** Whether what a caller has shown is still good. */
  isStillGood({ type, id, expiresAt }: Credential): boolean {
    const { keys, clock } = this.#deps;
    if (expiresAt !== null && expiresAt <= clock.now()) return false;
    return type === 'token' || (id !== null && keys.isUsable(id));
  }

  /** Learns what others have changed. */
  async refresh(): Promise<void> {
    await this.#deps.keys.refresh();
  }

  #answer(authorization: string | undefined): Answer | Promise<Answer> {
    const { keys, tokens } = this.#deps;
    if (!keys.isInUse && tokens === null) return LOCAL_CALLER;
    const token = BEARER.exec(authorization ?? '')?.[1];
    if (token === undefined) return new RefusedError('unauthorized', MISSING);
    const byKey = keys.callerOf(token);
    if (byKey !== null) return byKey;
    if (tokens === null || token.split('.').length !== 3) return new RefusedError('unauthorized', MISSING);
    return tokens(token);
  }
}
