// Operations: which there are, and reading their file again.
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { RefusedError } from '../../domain/errors.ts';
import {
  effectivePolicy,
  type Operation,
  type Operations,
  type OperationDefaults,
} from '../../domain/operations/operation.ts';
import {
  nameParams,
  operation,
  operationList,
  type OperationWire,
  reloaded,
  toOperationWire,
} from './operation-schemas.ts';
import { json } from '../edge/answers.ts';
import { storedOperationRoutes, type StoredOperationRoutesOptions } from './stored-routes.ts';

export interface OperationRoutesOptions {
  operations: Operations;
  /** What applies where an operation says nothing. */
  defaults: OperationDefaults;
  /** The adaptive timeout of an operation as it is now, milliseconds; null when too little was seen. */
  adaptiveTimeoutMs: (name: string) => number | null;
  /**
   * Reads the file again.
   *
   * @throws RefusedError `invalid_operations_file`; then nothing has changed
   */
  reload: () => z.infer<typeof reloaded> | Promise<z.infer<typeof reloaded>>;
  /** Operations put by API. */
  stored: StoredOperationRoutesOptions;
}

interface Params {
  Params: z.infer<typeof nameParams>;
}

export function operationRoutes(app: FastifyInstance, options: OperationRoutesOptions): void {
  const { operations, defaults, adaptiveTimeoutMs, reload, stored } = options;
  storedOperationRoutes(app, stored);
  const toWire = (one: Operation): OperationWire =>
    toOperationWire(one, effectivePolicy(one.definition, defaults), adaptiveTimeoutMs(one.name));

  app.route({
    method: 'GET',
    url: '/v1/operations',
    config: { access: 'read' },
    schema: {
      operationId: 'listOperations',
      summary: 'List operations',
      description: 'Lists the operations of the operations file, by name.',
      tags: ['operations'],
      response: { 200: json('All operations.', operationList) },
    },
    handler: async () => ({ items: operations.all().map(toWire) }),
  });

  app.route<Params>({
    method: 'GET',
    url: '/v1/operations/:name',
    config: { access: 'read' },
    schema: {
      operationId: 'getOperation',
      summary: 'Get an operation',
      description: 'Returns the parameters and the policy of an operation.',
      tags: ['operations'],
      params: nameParams,
      response: { 200: json('The operation.', operation) },
    },
    async handler({ params: { name } }) {
      const found = operations.get(name);
      if (found === undefined) {
        throw new RefusedError('operation_not_found', `There is no operation ${name}.`);
      }
      return toWire(found);
    },
  });

  app.route({
    method: 'POST',
    url: '/v1/admin/reload',
    config: { access: 'admin', refuses: [422] },
    schema: {
      operationId: 'reloadFiles',
      summary: 'Reload the files of the operator',
      description:
        'Reads the operations file and the other files of the operator again. If one of them is invalid, nothing changes.',
      tags: ['admin'],
      response: { 200: json('The current definitions.', reloaded) },
    },
    handler: async () => reload(),
  });
}
