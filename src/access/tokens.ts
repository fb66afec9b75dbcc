// Tokens of an identity provider (OpenID Connect): signed by one of its keys, meant for this service, and not expired.
// What a token may run is what the policy file says of its user.
import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, jwtVerify, type JWTPayload } from 'jose';
import { type Caller, type Scope, SCOPES, userId as userIdSchema } from '../domain/spec/access.ts';
import { RefusedError } from '../domain/errors.ts';
import type { Clock, Log } from '../domain/ports/clock.ts';

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
const SCOPE_PREFIX = 'execd:';
const RETRY_S = 5;

export function tokenReader(options: TokenOptions): TokenReader {
  const { issuer, audience, jwks, clock, log } = options;
  const keys =
    jwks instanceof URL
      ? createRemoteJWKSet(jwks, {
          timeoutDuration: FETCH_MS,
          cooldownDuration: COOLDOWN_MS,
          cacheMaxAge: KEYS_MAX_AGE_MS,
          [customFetch]: (url, { signal }) => options.fetch(url, signal),
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
      return refusalOf(error as Error, log);
    }
  };
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

function refusalOf(error: Error, log: Log): RefusedError {
  if (error instanceof errors.JWTExpired) return new RefusedError('unauthorized', 'The token has expired.');
  if (error instanceof errors.JWTClaimValidationFailed)
    return new RefusedError(
      'unauthorized',
      `The claim "${error.claim}" of the token has an unexpected value.`,
    );
  const isAboutToken =
    error instanceof errors.JWSInvalid ||
    error instanceof errors.JWTInvalid ||
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JOSENotSupported ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys;
  if (isAboutToken)
    return new RefusedError('unauthorized', 'The token is not signed by a key of the identity provider.');
  log.warn({ err: error }, 'Cannot read the keys of the identity provider');
  const detail = 'execd cannot read the keys of the identity provider. Try again later.';
  return new RefusedError('identity_unavailable', detail, { retryAfterS: RETRY_S, cause: error });
}
