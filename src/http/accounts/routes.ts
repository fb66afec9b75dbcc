// Accounts: what there is, how it came to be, and adding to it.
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import type { Engine } from '../../engine/engine.ts';
import {
  account,
  grantBody,
  ledgerEntry,
  ledgerPage,
  toAccountWire,
  toEntryWire,
  userParams,
} from './account-schemas.ts';
import { idempotencyOf } from '../edge/idempotency.ts';
import { cursorAfter, readPosition } from '../edge/listing.ts';
import { json } from '../edge/answers.ts';
import { pageQuery } from '../edge/schemas.ts';

interface Params {
  Params: z.infer<typeof userParams>;
}

export function accountRoutes(app: FastifyInstance, { engine }: { engine: Engine }): void {
  const oneOf = { params: userParams, tags: ['accounts'] };

  app.route<Params>({
    method: 'GET',
    url: '/v1/accounts/:user_id',
    config: { access: 'read' },
    schema: {
      ...oneOf,
      operationId: 'getAccount',
      summary: 'Get the credits of a user',
      description: 'Returns your account. Requires the scope `admin` for another user.',
      response: { 200: json('The account.', account) },
    },
    handler: async ({ caller, params }) => toAccountWire(await engine.accounts.get(caller, params.user_id)),
  });

  app.route<Params & { Querystring: z.output<typeof pageQuery> }>({
    method: 'GET',
    url: '/v1/accounts/:user_id/entries',
    config: { access: 'read' },
    schema: {
      ...oneOf,
      operationId: 'listAccountEntries',
      summary: 'List the entries of an account, newest first',
      description: 'Lists grants, charges and refunds.',
      querystring: pageQuery,
      response: { 200: json('A page.', ledgerPage) },
    },
    async handler({ caller, params, query }) {
      const { user_id: userId } = params;
      const filter = { entriesOf: userId };
      const before = query.cursor === undefined ? null : readPosition(query.cursor, filter);
      // One more than asked for tells whether there is another page.
      const found = await engine.accounts.entries(caller, userId, query.limit + 1, before);
      const items = found.slice(0, query.limit);
      const last = items.at(-1);
      const isMore = last !== undefined && found.length > items.length;
      return {
        items: items.map(toEntryWire),
        next_cursor: isMore ? cursorAfter(last.position, filter) : null,
      };
    },
  });

  app.route<Params & { Body: z.output<typeof grantBody> }>({
    method: 'POST',
    url: '/v1/accounts/:user_id/grants',
    config: { access: 'admin', headers: ['IdempotencyKey'], refuses: [422] },
    schema: {
      ...oneOf,
      operationId: 'grantCredits',
      summary: 'Grant credits to a user, or take them back',
      description:
        'Adds an entry to the account. Send an Idempotency-Key to be able to repeat the request safely.',
      body: grantBody,
      response: {
        200: json('An earlier request with the same key made the grant.', ledgerEntry, {
          headers: ['IdempotencyReplayed'],
        }),
        201: json('Granted.', ledgerEntry),
      },
    },
    async handler(request, reply) {
      const { user_id: userId } = request.params;
      const { amount, note = null } = request.body;
      const idempotency = idempotencyOf(request, () => ({ grant_to: userId, ...request.body }));
      const { entry, isReplay } = await engine.accounts.grant(request.caller, {
        ...{ userId, amount, note, idempotency },
      });
      if (isReplay) reply.header('idempotency-replayed', 'true');
      return reply.code(isReplay ? 200 : 201).send(toEntryWire(entry));
    },
  });
}
