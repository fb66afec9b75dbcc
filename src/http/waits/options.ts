import type { Clock } from '../../domain/ports/clock.ts';
import type { Engine, LinkClaims } from '../../engine/engine.ts';

/** Makes and reads the secret part of links. */
export interface LinkTokens {
  token(claims: LinkClaims): Promise<string>;
  read(token: string): Promise<LinkClaims | null>;
}

export interface WaitRoutesOptions {
  engine: Engine;
  clock: Clock;
  links: LinkTokens;
  /** Where users reach execd; null: where the request came to. */
  publicUrl: string | null;
}
