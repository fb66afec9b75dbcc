// The one body type: JSON in UTF-8. Looked over as bytes before it is parsed, because the parser neither minds invalid
// UTF-8 nor how deep it has to go. An empty body is none.
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RefusedError } from '../../domain/errors.ts';
import { exactly } from '../../domain/exact-json.ts';
import { measureJson } from '../../domain/json.ts';
import { pointer } from '../../domain/issues.ts';
import { jsonProblem, repeatedName } from '../../domain/json-problem.ts';

const MAX_DEPTH = 32;
/** Each may become a problem of its own, and costs far more then than its bytes. No one object may have more anywhere. */
const MAX_MEMBERS = 50_000;

/** Takes over the parsing of application/json, and refuses every other content type and every encoding. */
export function acceptJsonOnly(app: FastifyInstance, bodyBytesOf: (userId: string) => number | null): void {
  /** A body that says how long it is need not be read to be refused. */
  const whyTooLarge = (request: FastifyRequest, bytes: number): RefusedError | null => {
    const caller = request.caller as typeof request.caller | null;
    const most = caller === null ? null : bodyBytesOf(caller.userId);
    if (most === null || bytes <= most) return null;
    const detail = `The body has ${bytes} bytes; a body of this user may have at most ${most} (quotas.body_bytes).`;
    return new RefusedError('body_too_large', detail);
  };
  app.removeAllContentTypeParsers();
  app.decorateRequest('smallBody', null);
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    const charset = /charset\s*=\s*"?([^\s;"]+)/i.exec(request.headers['content-type'] ?? '')?.[1];
    if (charset !== undefined && charset.toLowerCase() !== 'utf-8') {
      return done(new RefusedError('unsupported_media_type', 'The charset must be UTF-8.'));
    }
    if (body.length === 0) return done(null, undefined);
    const tooLarge = whyTooLarge(request, body.length);
    if (tooLarge !== null) return done(tooLarge);
    const known = request.routeOptions.config.knownBodies?.find(request, body) ?? null;
    if (known !== null) return done(null, known);
    const looked = lookOver(body, request.routeOptions.config.maxMembers ?? MAX_MEMBERS);
    if (looked instanceof RefusedError) return done(looked);
    void parse(request, looked.text, (error, value: unknown) => {
      if (error !== null) return done(whyRefused(looked.text));
      const read = finish(looked, value);
      if (read instanceof RefusedError) done(read);
      else done(null, read);
    });
  });
  app.addHook('onRequest', (request, _reply, done) => {
    const encoding = request.headers['content-encoding'];
    const isFile = request.routeOptions.config.takesLong === true;
    const length = Number(request.headers['content-length'] ?? 0);
    const tooLarge = isFile ? null : whyTooLarge(request, length);
    if (tooLarge !== null) return done(tooLarge);
    if (encoding === undefined || encoding === 'identity') return done();
    done(new RefusedError('unsupported_encoding', `The content encoding ${encoding} is not accepted.`));
  });
}

/** What was found in the bytes of a body before they are parsed. */
interface Looked {
  text: string;
  members: number;
  mayHaveExact: boolean;
}

function lookOver(body: Buffer, maxMembers: number): Looked | RefusedError {
  if (!isUtf8(body)) return new RefusedError('invalid_utf8', 'The body is not valid UTF-8.');
  const most = { depth: MAX_DEPTH, members: maxMembers, width: MAX_MEMBERS };
  const { depth, members, width, mayHaveExact } = measureJson(body, most);
  if (depth > MAX_DEPTH)
    return new RefusedError('too_deep', `The body is nested deeper than ${MAX_DEPTH} levels.`);
  if (members > maxMembers) {
    const detail = `The objects of the body have more than ${maxMembers} members together.`;
    return new RefusedError('too_many_members', detail);
  }
  if (width > MAX_MEMBERS) {
    const detail = `An object of the body has more than ${MAX_MEMBERS} members.`;
    return new RefusedError('too_many_members', detail);
  }
  return { text: body.toString('utf8'), members, mayHaveExact };
}

function finish({ text, members, mayHaveExact }: Looked, value: unknown): unknown {
  // Of two members with one name the parser keeps the last; somebody else may have read the first.
  if (membersOf(value) !== members) return namedTwice(text);
  return mayHaveExact ? exactly(text, value) : value;
}

/**
 * JSON that did not come as the body of a request of the API, held to the same rules.
 *
 * @throws RefusedError
 */
export function readJsonBody(body: Buffer): unknown {
  const looked = lookOver(body, MAX_MEMBERS);
  if (looked instanceof RefusedError) throw looked;
  const value = parseOrNothing(looked.text);
  if (value === undefined || pathToPoison(value) !== null) throw whyRefused(looked.text);
  const read = finish(looked, value);
  if (read instanceof RefusedError) throw read;
  return read;
}

function parseOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let members = Array.isArray(value) ? 0 : Object.keys(value).length;
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object') members += membersOf(inner);
  }
  return members;
}

function namedTwice(text: string): RefusedError {
  const field = pointer(repeatedName(text) ?? []);
  const fields = [{ field, message: 'is a duplicate key' }];
  return new RefusedError('validation', `${field}: is a duplicate key`, { fields });
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
  const field = pointer(pathToPoison(JSON.parse(text)) ?? []);
  const fields = [{ field, message: 'must not be "__proto__"; choose another name' }];
  return new RefusedError('validation', `${field}: must not be "__proto__"; choose another name`, { fields });
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
