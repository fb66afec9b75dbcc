// Tokens of an identity provider (OpenID Connect): signed by one of its keys, meant for this service, and not expired.
// What a token may run is what the policy file says of its user.
import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, jwtVerify, type JWTPayload } from 'jose';
import { type Caller, type Scope, SCOPES, userId as userIdSchema } from '../domain/spec/access.ts';
import { RefusedError } from '../domain/errors.ts';
import type { Clock, Log } from '../domain/ports/clock.ts';
import { LastGood } from '../resilience/last-good.ts';

export interface TokenOptions {
  issuer: string;
  audience: string;
  /** Where the provider publishes its keys, or the keys themselves. */
  jwks: URL | { keys: object[] };
  /** Gets the provider's keys. */
  fetch: (url: string, signal: AbortSignal) => Promise<Response>;
  /** The claim that names the user. */
  userClaim: string;
  /** The claim with the scopes, as one text with spaces or as a list; those of this service begin with `execd:`. */
  scopesClaim: string;
  clock: Clock;
  log: Log;
}

/** Says who shows a token. */
export type TokenReader = (token: string) => Promise<Caller | RefusedError>;

/** Signatures that need the provider's private key: a shared secret would let every service make tokens. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
/** Clocks of two machines may differ by so much, seconds. */
const TOLERANCE_S = 5;
const FETCH_MS = 5000;
/** The provider is asked again for its keys at most so often, however many tokens name keys that are not known. */
const COOLDOWN_MS = 30_000;
const KEYS_MAX_AGE_MS = 600_000;
/** While the provider cannot be reached its last keys are good for so long: longer than an outage, not for ever. */
const KEYS_MOST_AGE_MS = 24 * 3_600_000;
const SCOPE_PREFIX = 'execd:';
const RETRY_S = 5;

export function tokenReader(options: TokenOptions): TokenReader {
  const { issuer, audience, jwks, clock } = options;
  const source = jwks instanceof URL ? publishedKeys(jwks, options) : null;
  const keys =
    jwks instanceof URL
      ? createRemoteJWKSet(jwks, {
          // The source has a limit of its own, and never asks for longer.
          timeoutDuration: 2 * FETCH_MS,
          cooldownDuration: COOLDOWN_MS,
          cacheMaxAge: KEYS_MAX_AGE_MS,
          [customFetch]: async () => new Response(await source?.get()),
        })
      : createLocalJWKSet(jwks);
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        clockTolerance: TOLERANCE_S,
        currentDate: new Date(clock.now()),
        requiredClaims: ['exp', options.userClaim],
      });
      return callerOf(payload, options);
    } catch (error) {
      return refusalOf(error as Error, source?.isStale ?? false);
    }
  };
}

/** The keys as the provider publishes them, as JSON. */
function publishedKeys(url: URL, { fetch, clock, log }: TokenOptions): LastGood<string> {
  return new LastGood({
    ...{ clock, timeoutMs: FETCH_MS, maxAgeMs: KEYS_MOST_AGE_MS },
    async read(signal) {
      const response = await fetch(url.href, signal);
      if (response.status !== 200)
        throw new Error(`the identity provider returned status ${response.status}`);
      const text = await response.text();
      const { keys } = JSON.parse(text) as { keys?: unknown };
      if (!Array.isArray(keys)) throw new Error('the identity provider returned no list of keys');
      return text;
    },
    failed: (err) => log.warn({ err }, 'Cannot read the keys of the identity provider'),
  });
}

function callerOf(payload: JWTPayload, { userClaim, scopesClaim }: TokenOptions): Caller | RefusedError {
  const user = userIdSchema.safeParse(payload[userClaim]);
  if (!user.success)
    return new RefusedError('unauthorized', `The claim "${userClaim}" of the token is not a valid user.`);
  const credential = {
    type: 'token',
    id: payload.jti?.slice(0, MAX_JTI) ?? null,
    userId: user.data,
    expiresAt: (payload.exp as number) * 1000,
  } as const;
  return { userId: user.data, scopes: scopesIn(payload[scopesClaim]), mayRun: 'policy', credential };
}
const MAX_JTI = 200;

function scopesIn(claim: unknown): ReadonlySet<Scope> {
  const words: unknown[] = typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : [];
  return new Set(SCOPES.filter((scope) => words.includes(SCOPE_PREFIX + scope)));
}

/** @param isStale the keys could not be read of late, so that a newer one may be missing */
function refusalOf(error: Error, isStale: boolean): RefusedError {
  if (error instanceof errors.JWTExpired) return new RefusedError('unauthorized', 'The token has expired.');
  if (error instanceof errors.JWTClaimValidationFailed)
    return new RefusedError(
      'unauthorized',
      `The claim "${error.claim}" of the token has an unexpected value.`,
    );
  const isUnknownKey = error instanceof errors.JWKSNoMatchingKey;
  const isAboutToken =
    error instanceof errors.JWSInvalid ||
    error instanceof errors.JWTInvalid ||
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JOSENotSupported ||
    (isUnknownKey && !isStale) ||
    error instanceof errors.JWKSMultipleMatchingKeys;
  if (isAboutToken)
    return new RefusedError('unauthorized', 'The token is not signed by a key of the identity provider.');
  const detail = 'execd cannot read the keys of the identity provider. Try again later.';
  return new RefusedError('identity_unavailable', detail, { retryAfterS: RETRY_S, cause: error });
}
