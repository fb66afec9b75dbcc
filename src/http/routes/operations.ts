// Operations: which there are, and reading their file again.
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { RefusedError } from '../../domain/errors.ts';
import {
  effectivePolicy,
  type Operation,
  type Operations,
  type PolicyDefaults,
} from '../../domain/operation.ts';
import {
  nameParams,
  operation,
  operationList,
  type OperationWire,
  reloaded,
  toOperationWire,
} from '../operation-schemas.ts';
import { problem } from '../schemas.ts';

export interface OperationRoutesOptions {
  operations: Operations;
  /** What applies where an operation says nothing. */
  defaults: PolicyDefaults;
  /** The adaptive timeout of an operation as it is now, milliseconds; null when too little was seen. */
  adaptiveTimeoutMs: (name: string) => number | null;
  /**
   * Reads the file again.
   *
   * @throws RefusedError `invalid_operations_file`; then nothing has changed
   */
  reload: () => z.infer<typeof reloaded> | Promise<z.infer<typeof reloaded>>;
}

interface Params {
  Params: z.infer<typeof nameParams>;
}

export function operationRoutes(app: FastifyInstance, options: OperationRoutesOptions): void {
  const { operations, defaults, adaptiveTimeoutMs, reload } = options;
  const errors = { '4xx': problem, '5xx': problem };
  const toWire = (one: Operation): OperationWire =>
    toOperationWire(one, effectivePolicy(one.definition, defaults), adaptiveTimeoutMs(one.name));

  app.route({
    method: 'GET',
    url: '/v1/operations',
    config: { access: 'read' },
    schema: {
      summary: 'List the operations that there are, by name',
      tags: ['operations'],
      response: { 200: operationList, ...errors },
    },
    handler: async () => ({ items: operations.all().map(toWire) }),
  });

  app.route<Params>({
    method: 'GET',
    url: '/v1/operations/:name',
    config: { access: 'read' },
    schema: {
      summary: 'Read an operation: its parameters and its policy',
      tags: ['operations'],
      params: nameParams,
      response: { 200: operation, ...errors },
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
    config: { access: 'admin' },
    schema: {
      summary: 'Read the operations file again; one that cannot be used changes nothing',
      tags: ['operation'],
      response: { 200: reloaded, ...errors },
    },
    handler: async () => reload(),
  });
}
