// The one body type: JSON in UTF-8. Looked over as bytes before it is parsed, because the parser neither minds invalid
// UTF-8 nor how deep it has to go. An empty body is none.
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { RefusedError } from '../domain/errors.ts';
import { pointer } from '../domain/field-messages.ts';
import { jsonProblem } from './json-problem.ts';

export const MAX_DEPTH = 32;

/** Takes over the parsing of application/json, and refuses every other content type and every encoding. */
export function acceptJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    const charset = /charset\s*=\s*"?([^\s;"]+)/i.exec(request.headers['content-type'] ?? '')?.[1];
    if (charset !== undefined && charset.toLowerCase() !== 'utf-8') {
      return done(new RefusedError('unsupported_media_type', 'JSON is UTF-8; no other charset is accepted.'));
    }
    if (body.length === 0) return done(null, undefined);
    if (!isUtf8(body)) return done(new RefusedError('invalid_utf8', 'The body is not valid UTF-8.'));
    if (depthOf(body) > MAX_DEPTH) {
      return done(new RefusedError('too_deep', `The body is nested deeper than ${MAX_DEPTH} levels.`));
    }
    const text = body.toString('utf8');
    void parse(request, text, (error, value: unknown) =>
      done(error === null ? null : whyRefused(text), value),
    );
  });
  app.addHook('onRequest', (request, _reply, done) => {
    const encoding = request.headers['content-encoding'];
    if (encoding === undefined || encoding === 'identity') return done();
    done(new RefusedError('unsupported_encoding', `The content encoding ${encoding} is not accepted.`));
  });
}

/** The parser refuses what is not JSON, and names that would change what an object is. */
function whyRefused(text: string): RefusedError {
  const problem = jsonProblem(text);
  if (problem !== null) {
    const { message, line, column } = problem;
    return new RefusedError(
      'malformed_json',
      `The body is not JSON: ${message} (line ${line}, column ${column}).`,
    );
  }
  const field = pointer(pathToPoison(JSON.parse(text)) ?? [], 'body');
  const fields = [{ field, message: 'this name cannot be used' }];
  return new RefusedError('validation', `${field}: this name cannot be used`, { fields });
}

function pathToPoison(value: unknown): string[] | null {
  if (typeof value !== 'object' || value === null) return null;
  for (const [name, inner] of Object.entries(value) as [string, unknown][]) {
    const isObject = typeof inner === 'object' && inner !== null;
    const isPoison =
      name === '__proto__' || (name === 'constructor' && isObject && Object.hasOwn(inner, 'prototype'));
    const below = isPoison ? [] : pathToPoison(inner);
    if (below !== null) return [name, ...below];
  }
  return null;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = new Set([0x5b, 0x7b]);
const CLOSE = new Set([0x5d, 0x7d]);

/** How deep arrays and objects are nested, without parsing; stops counting once it is too deep. */
export function depthOf(body: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let isInString = false;
  for (let i = 0; i < body.length && deepest <= MAX_DEPTH; i++) {
    const byte = body[i] as number;
    if (isInString) {
      if (byte === BACKSLASH) i += 1;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) {
      isInString = true;
    } else if (OPEN.has(byte)) {
      depth += 1;
      deepest = Math.max(deepest, depth);
    } else if (CLOSE.has(byte)) {
      depth -= 1;
    }
  }
  return deepest;
}
