// API keys: making, listing, rotating and revoking them. A key itself is seen once, in the answer to its making.
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { actingUser, type Caller } from '../../domain/spec/access.ts';
import type { ApiKey } from '../../domain/access/api-key.ts';
import { type KeyRequest, keyRequest } from '../../domain/access/api-key-schema.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import {
  apiKey,
  apiKeyList,
  keyIdParams,
  newApiKey,
  type rotation,
  rotationBody,
  toKeyWire,
} from './key-schemas.ts';
import { json } from '../edge/answers.ts';

/** The keys of the store. Each call throws a RefusedError for what cannot be done. */
export interface Keys {
  list(): { key: ApiKey; source: 'store' | 'file' }[];
  create(request: KeyRequest, createdBy: string): Promise<{ secret: string; key: ApiKey }>;
  rotate(
    id: string,
    options: { overlapS?: number | undefined; createdBy: string },
  ): Promise<{ secret: string; key: ApiKey }>;
  revoke(id: string): Promise<ApiKey>;
}

export interface KeyRoutesOptions {
  keys: Keys;
  clock: Clock;
  /** Called when a key has ended. */
  onRevoked: () => void;
}

interface Params {
  Params: z.infer<typeof keyIdParams>;
}

/** Who is written down as the maker: the one who acts. */
const makerOf = (caller: Caller): string => actingUser(caller) ?? caller.userId;

/** What the audit log says of a new key. */
const factsOf = ({ id, userId, scopes, mayRun, replaces }: ApiKey) => ({
  key: { id, user: userId, scopes, may_run: mayRun, replaces },
});

export function keyRoutes(app: FastifyInstance, { keys, clock, onRevoked }: KeyRoutesOptions): void {
  const tags = ['keys'];
  const isNew = (made: { secret: string; key: ApiKey }) => ({
    ...toKeyWire(made.key, 'store', clock.now()),
    key: made.secret,
  });

  app.route<{ Body: KeyRequest }>({
    method: 'POST',
    url: '/v1/admin/keys',
    config: { access: 'admin', refuses: [409] },
    schema: {
      operationId: 'createKey',
      summary: 'Create an API key',
      description:
        'The response contains the key once. When the server has a key, every request needs one: create a key with the scope `admin` first.',
      tags,
      body: keyRequest,
      response: { 201: json('Created.', newApiKey) },
    },
    async handler(request, reply) {
      const made = await keys.create(request.body, makerOf(request.caller));
      request.auditFacts = factsOf(made.key);
      return reply.code(201).send(isNew(made));
    },
  });

  app.route({
    method: 'GET',
    url: '/v1/admin/keys',
    config: { access: 'admin' },
    schema: {
      operationId: 'listKeys',
      summary: 'List the API keys of all users',
      description: 'Lists the keys of the store and of the keys file, without the keys themselves.',
      tags,
      response: { 200: json('All keys.', apiKeyList) },
    },
    handler: async () => ({
      items: keys.list().map(({ key, source }) => toKeyWire(key, source, clock.now())),
    }),
  });

  app.route<Params & { Body: z.infer<typeof rotation> }>({
    method: 'POST',
    url: '/v1/admin/keys/:id/rotate',
    config: { access: 'admin', refuses: [409] },
    schema: {
      operationId: 'rotateKey',
      summary: 'Rotate an API key',
      description:
        'Creates a key that replaces another one. The old key stays valid for a while. The response contains the new key once.',
      tags,
      params: keyIdParams,
      body: rotationBody,
      response: { 201: json('Created.', newApiKey) },
    },
    async handler(request, reply) {
      const { params, body, caller } = request;
      const made = await keys.rotate(params.id, { overlapS: body.overlap_s, createdBy: makerOf(caller) });
      request.auditFacts = factsOf(made.key);
      return reply.code(201).send(isNew(made));
    },
  });

  app.route<Params>({
    method: 'POST',
    url: '/v1/admin/keys/:id/revoke',
    config: { access: 'admin', refuses: [409] },
    schema: {
      operationId: 'revokeKey',
      summary: 'Revoke an API key',
      description: 'Revokes the key at once, and ends all of its open requests.',
      tags,
      params: keyIdParams,
      response: { 200: json('The key.', apiKey) },
    },
    async handler({ params: { id } }) {
      const key = await keys.revoke(id);
      onRevoked();
      return toKeyWire(key, 'store', clock.now());
    },
  });
}
