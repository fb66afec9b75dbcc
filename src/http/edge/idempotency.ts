// Idempotency keys (draft-ietf-httpapi-idempotency-key-header-07): what stands for "the same request".
import { hash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { RefusedError } from '../../domain/errors.ts';
import { canonicalJson } from '../../domain/json.ts';
import { idempotencyKey } from '../../domain/spec/spec.ts';

/** SHA-256 of a JSON value, whatever the order of its keys and its white space (RFC 8785). */
export function bodyHash(value: unknown): string {
  return hash('sha256', canonicalJson(value));
}

/**
 * The key of a request with what it stands for; null without one.
 *
 * @throws RefusedError
 */
export function idempotencyOf(
  request: FastifyRequest,
  standsFor: () => unknown,
): { key: string; bodyHash: string } | null {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return null;
  const parsed = idempotencyKey.safeParse(key);
  if (!parsed.success) {
    throw new RefusedError(
      'invalid_idempotency_key',
      'The Idempotency-Key must be 1 to 255 printable ASCII characters without spaces.',
    );
  }
  return { key: parsed.data, bodyHash: bodyHash(standsFor()) };
}
