// Links by which a user decides on an approval without an API key: whoever has one decides as its user, until it expires. What a link
// says is signed with a secret of the store.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Decision } from '../domain/plans/waits.ts';

/** What a link says. */
export interface LinkClaims {
  executionId: string;
  user: string;
  decision: Decision;
  /** Ms since the epoch. */
  expiresAt: number;
}

export class Links {
  readonly #readKey: () => Promise<string>;
  #key: Promise<string> | null = null;

  /** @param readKey the secret of the store, once it is open */
  constructor(readKey: () => Promise<string>) {
    this.#readKey = readKey;
  }

  async token({ executionId, user, decision, expiresAt }: LinkClaims): Promise<string> {
    const text = JSON.stringify([VERSION, executionId, user, decision, expiresAt]);
    const claims = Buffer.from(text).toString('base64url');
    return `${claims}.${(await this.#sign(claims)).toString('base64url')}`;
  }

  /** What a token says; null for one that this store has not made. It may have expired. */
  async read(token: string): Promise<LinkClaims | null> {
    const [claims, signature, more] = token.split('.');
    if (claims === undefined || signature === undefined || more !== undefined) return null;
    const expected = await this.#sign(claims);
    const given = Buffer.from(signature, 'base64url');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
    const [version, executionId, user, decision, expiresAt] = JSON.parse(
      Buffer.from(claims, 'base64url').toString('utf8'),
    ) as [number, string, string, Decision, number];
    return version === VERSION ? { executionId, user, decision, expiresAt } : null;
  }

  async #sign(claims: string): Promise<Buffer> {
    this.#key ??= this.#readKey();
    try {
      return createHmac('sha256', await this.#key)
        .update(`approval ${claims}`)
        .digest();
    } catch (error) {
      this.#key = null;
      throw error;
    }
  }
}

const VERSION = 1;
