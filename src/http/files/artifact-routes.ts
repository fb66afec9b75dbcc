// Artifacts: listed, one of them with ranges, and all of them as an archive.
import { extname } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { OwnedFile } from '../../domain/ports/files.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { Engine } from '../../engine/engine.ts';
import { json } from '../edge/answers.ts';
import { type Piece, pump, sendHead } from '../edge/pump.ts';
import { matchesEtag, readRange } from '../edge/request-headers.ts';
import { idParams } from '../edge/schemas.ts';
import { artifactList } from './file-schemas.ts';
import { tar } from './tar.ts';

export interface ArtifactRoutesOptions {
  engine: Engine;
  clock: Clock;
  log: Log;
  mediaTypeOf: (ending: string) => string;
}

interface One {
  Params: z.infer<typeof idParams>;
}
const BINARY = { type: 'string', format: 'binary' };
const artifactParams = z.strictObject({
  id: z.string().max(100).describe('The execution.'),
  '*': z.string().max(4096).describe('Path of the artifact.'),
});

export function artifactRoutes(app: FastifyInstance, options: ArtifactRoutesOptions): void {
  listRoute(app, options);
  archiveRoute(app, options);
  oneRoute(app, options);
}

function listRoute(app: FastifyInstance, { engine, mediaTypeOf }: ArtifactRoutesOptions): void {
  app.route<One>({
    method: 'GET',
    url: '/v1/executions/:id/artifacts',
    config: { access: 'read', refuses: [410] },
    schema: {
      operationId: 'listArtifacts',
      summary: 'List the artifacts of an execution',
      tags: ['files'],
      params: idParams,
      response: { 200: json('The artifacts.', artifactList) },
    },
    async handler({ caller, params }) {
      const files = await engine.files.artifacts(caller, params.id);
      const items = files.map(({ path, size, digest }) => {
        return { path, size, digest, media_type: mediaTypeOf(extname(path)) };
      });
      return { items, count: items.length, bytes: items.reduce((sum, { size }) => sum + size, 0) };
    },
  });
}

function oneRoute(app: FastifyInstance, options: ArtifactRoutesOptions): void {
  const { engine, mediaTypeOf } = options;
  app.route<{ Params: z.infer<typeof artifactParams> }>({
    method: 'GET',
    url: '/v1/executions/:id/artifacts/*',
    config: { access: 'read', headers: ['Range', 'IfNoneMatch'], refuses: [410, 416] },
    schema: {
      operationId: 'getArtifact',
      summary: 'Download an artifact',
      description: 'The `ETag` is the SHA-256 digest. Browsers save the file and never show it.',
      tags: ['files'],
      params: artifactParams,
      response: {
        200: {
          description: 'The bytes.',
          headers: ['ETag', 'AcceptRanges'],
          content: { 'application/octet-stream': { schema: BINARY } },
        },
        206: {
          description: 'The range of the bytes.',
          headers: ['ETag', 'ContentRange', 'AcceptRanges'],
          content: { 'application/octet-stream': { schema: BINARY } },
        },
        304: { description: 'The digest of the bytes is in `If-None-Match`.', headers: ['ETag'] },
      },
    },
    async handler(request, reply) {
      const { caller, params, headers } = request;
      const file = await engine.files.artifact(caller, params.id, params['*']);
      const etag = `"${file.digest}"`;
      if (matchesEtag(headers['if-none-match'], etag)) return reply.code(304).header('etag', etag).send();
      const { range: header, 'if-range': ifRange } = headers;
      const isPart = header !== undefined && (ifRange === undefined || ifRange === etag);
      if (isPart) reply.header('content-range', `bytes */${file.size}`);
      const range = isPart ? readRange(header, file.size) : { first: 0, last: file.size - 1 };
      const head = {
        ...{ etag, 'accept-ranges': 'bytes', 'content-type': mediaTypeOf(extname(file.path)) },
        'content-disposition': dispositionOf(file.path.split('/').at(-1) ?? 'artifact'),
        'content-length': range.last - range.first + 1,
        ...(isPart ? { 'content-range': `bytes ${range.first}-${range.last}/${file.size}` } : {}),
      };
      if (request.method === 'HEAD') {
        sendHead(reply, head);
        return undefined;
      }
      const pieces = piecesOf(engine, file, range);
      await pump(reply, { status: isPart ? 206 : 200, head, pieces }, options);
      return undefined;
    },
  });
}

async function* piecesOf(
  { files }: Engine,
  { digest, size }: OwnedFile,
  range: { first: number; last: number },
): AsyncGenerator<Piece> {
  const release = await files.hold(digest);
  try {
    yield { bytes: '' };
    if (size > 0) for await (const bytes of files.read(digest, range)) yield { bytes };
  } finally {
    release();
  }
}

function archiveRoute(app: FastifyInstance, options: ArtifactRoutesOptions): void {
  const { engine } = options;
  app.route<One>({
    method: 'GET',
    url: '/v1/executions/:id/artifacts.tar.gz',
    config: { access: 'read', refuses: [410] },
    schema: {
      operationId: 'getArtifactArchive',
      summary: 'Download all artifacts as one archive',
      tags: ['files'],
      params: idParams,
      response: {
        200: {
          description: 'A tar archive, compressed by gzip.',
          content: { 'application/gzip': { schema: BINARY } },
        },
      },
    },
    async handler(request, reply: FastifyReply) {
      const { caller, params } = request;
      const files = await engine.files.artifacts(caller, params.id);
      const head = {
        'content-type': 'application/gzip',
        'content-disposition': dispositionOf(`${params.id}.tar.gz`),
      };
      if (request.method === 'HEAD') {
        sendHead(reply, head);
        return undefined;
      }
      await pump(reply, { status: 200, head, pieces: archive(engine, files) }, options);
      return undefined;
    },
  });
}

async function* archive(engine: Engine, files: readonly OwnedFile[]): AsyncGenerator<Piece> {
  const releases: (() => void)[] = [];
  const entries = files.map(({ path, size, mode, createdAt, digest }) => {
    const bytes = () => (size === 0 ? Readable.from([]) : engine.files.read(digest));
    return { path, size, mode, time: Math.floor(createdAt / 1000), bytes };
  });
  const packed = createGzip();
  try {
    for (const { digest } of files) releases.push(await engine.files.hold(digest));
    // A source that fails ends the archive with that failure.
    pipeline(Readable.from(tar(entries)), packed, () => undefined);
    for await (const bytes of packed) yield { bytes: bytes as Uint8Array };
  } finally {
    packed.destroy();
    for (const release of releases) release();
  }
}

/** A name for browsers, whatever it is (RFC 6266, RFC 8187). */
function dispositionOf(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16)}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
