// Uploads: in one request, as a form or as bytes, or in parts that can be sent again.
import multipart from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { RefusedError } from '../../domain/errors.ts';
import type { Engine, UploadView } from '../../engine/engine.ts';
import { json } from '../edge/answers.ts';
import { idParams } from '../edge/schemas.ts';
import { isoOrNull, isoTime } from '../edge/times.ts';
import { appendQuery, bytesBody, upload, uploadQuery } from './file-schemas.ts';

type Bytes = AsyncIterable<Uint8Array>;
type Upload = z.infer<typeof upload>;

export async function uploadRoutes(app: FastifyInstance, { engine }: { engine: Engine }): Promise<void> {
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload));
    await scope.register(multipart, { limits: { files: 1, fields: 0, fileSize: Infinity } });
    createRoute(scope, engine);
    partRoutes(scope, engine);
  });
}

function createRoute(app: FastifyInstance, engine: Engine): void {
  app.route<{ Querystring: z.output<typeof uploadQuery> }>({
    method: 'POST',
    url: '/v1/uploads',
    config: { access: 'submit', takesLong: true, refuses: [422] },
    schema: {
      operationId: 'createUpload',
      summary: 'Upload a file',
      description:
        'Send the bytes as `application/octet-stream`, or as the only file of a form. Or begin with `size` and no body, and add the bytes in parts with `PATCH`.',
      tags: ['files'],
      querystring: uploadQuery,
      body: bytesBody,
      response: { 201: json('The upload.', upload, { headers: ['Location'] }) },
    },
    async handler(request, reply) {
      const { caller, query } = request;
      const { size, sha256 = null } = query;
      const bytes = await bodyOf(request);
      if (size !== undefined && bytes !== null) {
        const fields = [{ field: '?size', message: 'must be left out if the request has a body' }];
        throw new RefusedError('validation', '?size: must be left out if the request has a body', { fields });
      }
      const made =
        size === undefined
          ? await engine.files.upload(caller, bytes ?? nothing(), sha256)
          : await engine.files.begin(caller, size, sha256);
      request.auditFacts = { upload_id: made.ownerId, bytes: made.size, digest: made.digest };
      return reply.code(201).header('location', `/v1/uploads/${made.ownerId}`).send(toUpload(made));
    },
  });
}

interface OneUpload {
  Params: z.infer<typeof idParams>;
}

function partRoutes(app: FastifyInstance, engine: Engine): void {
  app.route<OneUpload & { Querystring: z.output<typeof appendQuery> }>({
    method: 'PATCH',
    url: '/v1/uploads/:id',
    config: { access: 'submit', takesLong: true, refuses: [409, 422] },
    schema: {
      operationId: 'appendUpload',
      summary: 'Add bytes to an upload',
      description:
        'Adds the bytes of the body at an offset. execd keeps the received bytes of a request that breaks off: `received` is the place to continue at. Bytes that you send again replace the earlier ones. The upload is complete when it has all of its bytes.',
      tags: ['files'],
      params: idParams,
      querystring: appendQuery,
      body: bytesBody,
      response: { 200: json('The upload.', upload) },
    },
    async handler(request) {
      const { caller, params, query } = request;
      const bytes = (await bodyOf(request)) ?? nothing();
      return toUpload(await engine.files.append(caller, params.id, query.offset, bytes));
    },
  });
  app.route<OneUpload>({
    method: 'GET',
    url: '/v1/uploads/:id',
    config: { access: 'read' },
    schema: {
      operationId: 'getUpload',
      summary: 'Get an upload',
      tags: ['files'],
      params: idParams,
      response: { 200: json('The upload.', upload) },
    },
    handler: async ({ caller, params }) => toUpload(await engine.files.getUpload(caller, params.id)),
  });
  app.route<OneUpload>({
    method: 'DELETE',
    url: '/v1/uploads/:id',
    config: { access: 'submit' },
    schema: {
      operationId: 'deleteUpload',
      summary: 'Remove an upload',
      description: 'Executions that use it keep its bytes.',
      tags: ['files'],
      params: idParams,
      response: { 204: { description: 'Removed.' } },
    },
    async handler({ caller, params }, reply) {
      await engine.files.removeUpload(caller, params.id);
      return reply.code(204).send();
    },
  });
}

/** The bytes of a request; null without a body. */
async function bodyOf(request: FastifyRequest): Promise<Bytes | null> {
  if (request.isMultipart()) {
    const part = await request.file();
    if (part !== undefined) return part.file;
    const fields = [{ field: 'body', message: 'must have one file' }];
    throw new RefusedError('validation', 'The form must have one file.', { fields });
  }
  return (request.body as Bytes | undefined) ?? null;
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  yield* [];
}

function toUpload({ ownerId, size, received, digest, createdAt, expiresAt }: UploadView): Upload {
  return {
    ...{ id: ownerId, size, received, complete: digest !== '', digest: digest === '' ? null : digest },
    created_at: isoTime(createdAt),
    expires_at: isoOrNull(expiresAt),
  };
}
