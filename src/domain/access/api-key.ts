// API keys as they are kept: what a key may do, and the hash of it, never the key itself.
import type { MayRun, Scope } from '../spec/access.ts';

export interface ApiKey {
  id: string;
  /** Lower-case hex of the SHA-256 of the whole key. */
  sha256: string;
  userId: string;
  scopes: readonly Scope[];
  mayRun: MayRun;
  description: string | null;
  createdAt: number | null;
  /** The user who has made it; null for the command and the keys file. */
  createdBy: string | null;
  /** The key that it takes the place of. */
  replaces: string | null;
  /** Milliseconds since the epoch; null is never. */
  expiresAt: number | null;
  revokedAt: number | null;
  /** To the minute. */
  lastUsedAt: number | null;
}

/** How many keys a store holds at most; every server has all of them in memory. */
export const MAX_KEYS = 10_000;
/** How long the key before goes on after a rotation, unless it is said, seconds. */
export const ROTATION_OVERLAP_S = 24 * 3600;

/** Null when the key can be used now. */
export function whyNotUsable(key: ApiKey, now: number): 'revoked' | 'expired' | null {
  if (key.revokedAt !== null) return 'revoked';
  return key.expiresAt !== null && key.expiresAt <= now ? 'expired' : null;
}
