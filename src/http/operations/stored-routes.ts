// Operations put by API: listed, read, put and removed by administrators.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { actingUser } from '../../domain/spec/access.ts';
import { operationName } from '../../domain/spec/spec.ts';
import { json } from '../edge/answers.ts';
import { time } from '../edge/schemas.ts';
import { isoTime } from '../edge/times.ts';

interface Kept {
  name: string;
  definition: string;
  by: string;
  at: number;
  state: 'active' | 'shadowed' | 'invalid';
  problems: readonly { field: string; message: string }[];
}

export interface StoredOperationRoutesOptions {
  list: () => Kept[];
  /** @throws RefusedError `operation_not_found` */
  get: (name: string) => Kept;
  /** @throws RefusedError `validation`, `operation_in_file`, `too_many_operations` */
  put: (name: string, definition: unknown, by: string) => Promise<{ kept: Kept; isNew: boolean }>;
  /** @throws RefusedError `operation_not_found`, `operation_in_file` */
  remove: (name: string) => Promise<void>;
}

export const operationDefinition = z
  .record(z.string(), z.unknown())
  .describe(
    'The definition of an operation, as in the operations file: `description`, `params`, `run` and policies.',
  );
export const storedOperation = z
  .strictObject({
    name: z.string().describe('Name of the operation.'),
    definition: operationDefinition,
    put_by: z.string().describe('The user who stored it last.'),
    put_at: time.describe('When.'),
    state: z
      .enum(['active', 'shadowed', 'invalid'])
      .describe(
        '`active`: it can run. `shadowed`: the operations file defines this name too, and that definition applies. `invalid`: the settings of the server no longer allow it.',
      ),
    problems: z
      .array(
        z.strictObject({
          field: z.string().describe('JSON Pointer into the definition.'),
          message: z.string().describe('The fault.'),
        }),
      )
      .describe('Why it is `invalid`.'),
  })
  .describe('An operation that was put by API.');
export const storedOperationList = z
  .strictObject({ items: z.array(storedOperation).describe('By name.') })
  .describe('Operations that were put by API.');

const nameParams = z.strictObject({ name: operationName.describe('Name of the operation.') });
interface One {
  Params: z.infer<typeof nameParams>;
}

const toWire = ({ name, definition, by, at, state, problems }: Kept): z.infer<typeof storedOperation> => ({
  name,
  definition: JSON.parse(definition) as Record<string, unknown>,
  put_by: by,
  put_at: isoTime(at),
  state,
  problems: [...problems],
});

export function storedOperationRoutes(app: FastifyInstance, stored: StoredOperationRoutesOptions): void {
  const tags = ['admin'];
  app.route({
    method: 'GET',
    url: '/v1/admin/operations',
    config: { access: 'admin' },
    schema: {
      operationId: 'listStoredOperations',
      summary: 'List operations that were put by API',
      description:
        'Lists definitions, by name. `GET /v1/operations` lists all operations, also those of the file.',
      tags,
      response: { 200: json('All of them.', storedOperationList) },
    },
    handler: async () => ({ items: stored.list().map(toWire) }),
  });

  app.route<One>({
    method: 'GET',
    url: '/v1/admin/operations/:name',
    config: { access: 'admin' },
    schema: {
      operationId: 'getStoredOperation',
      summary: 'Get an operation that was put by API',
      description: 'Returns the stored definition.',
      tags,
      params: nameParams,
      response: { 200: json('The operation.', storedOperation) },
    },
    handler: async ({ params: { name } }) => toWire(stored.get(name)),
  });

  app.route<One & { Body: z.output<typeof operationDefinition> }>({
    method: 'PUT',
    url: '/v1/admin/operations/:name',
    config: { access: 'admin', refuses: [409] },
    schema: {
      operationId: 'putOperation',
      summary: 'Put an operation',
      description:
        'Defines an operation, or replaces the one of this name. The definition survives a restart. Accepted executions keep their definition. execd rejects a name of the operations file.',
      tags,
      params: nameParams,
      body: operationDefinition,
      response: {
        200: json('It was replaced.', storedOperation),
        201: json('It is new.', storedOperation),
      },
    },
    async handler(request, reply) {
      const { caller, params, body } = request;
      request.auditFacts = { operation: params.name };
      const { kept, isNew } = await stored.put(params.name, body, actingUser(caller) ?? caller.userId);
      return reply.code(isNew ? 201 : 200).send(toWire(kept));
    },
  });

  app.route<One>({
    method: 'DELETE',
    url: '/v1/admin/operations/:name',
    config: { access: 'admin', refuses: [409] },
    schema: {
      operationId: 'removeOperation',
      summary: 'Remove an operation that was put by API',
      description: 'Accepted executions continue. Change operations of the file in the file.',
      tags,
      params: nameParams,
      response: { 204: { description: 'Removed.' } },
    },
    async handler(request, reply) {
      request.auditFacts = { operation: request.params.name };
      await stored.remove(request.params.name);
      return reply.code(204).send();
    },
  });
}
