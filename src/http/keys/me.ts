// Who a caller is, and what they may do: for programs that offer only what will not be refused.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { actingUser, type Caller, grant, mayRun, SCOPES } from '../../domain/spec/access.ts';
import type { Engine } from '../../engine/engine.ts';
import { json } from '../edge/answers.ts';
import { time } from '../edge/schemas.ts';

const credential = z
  .strictObject({
    type: z.enum(['key', 'token']).describe('The kind of credential of the request.'),
    id: z.string().nullable().describe('Id of the key, or `jti` of the token; null if the token has none.'),
    expires_at: time.nullable().describe('When it expires; null: never.'),
  })
  .describe('An API key or a token.');
export const me = z
  .strictObject({
    user_id: z.string().describe('The user whose executions you see and submit.'),
    acting_user: z
      .string()
      .nullable()
      .describe('The administrator who acts for this user; null if you act for yourself.'),
    scopes: z.array(z.enum(SCOPES)).describe('Your rights on the API.'),
    may_run: mayRun.describe(
      'The work that your key or token allows; `policy`: all that the policy file allows.',
    ),
    policy_may_run: z
      .union([z.literal('any'), z.array(grant)])
      .nullable()
      .describe(
        'The work that the policy file allows you, beside `may_run`; null on a server without a policy file.',
      ),
    credential: credential.nullable().describe('Null on a server without keys, which has one user: `local`.'),
  })
  .describe('Your user and your rights.');

const count = z.int().min(0);
const use = z
  .strictObject({
    what: z
      .enum(['running', 'queued', 'store_bytes', 'log_bytes', 'logs'])
      .describe(
        '`running` and `queued`: executions. `store_bytes`: requests, results and steps of plans. `logs`: one for each attempt.',
      ),
    used: count.describe('Your use of it.'),
    limit: count.nullable().describe('Your limit; null: none of your own.'),
    used_by_all: count.describe('The use by all users.'),
    limit_of_all: count.nullable().describe('The limit of all users; null: none.'),
  })
  .describe('Something that users share.');
export const usage = z
  .strictObject({
    user_id: z.string().describe('The user.'),
    items: z.array(use).describe('The shared resource.'),
  })
  .describe('The use of the server by a user.');

const WORDS = {
  ...{ running: 'running', queued: 'queued' },
  ...{ storeBytes: 'store_bytes', logBytes: 'log_bytes', logs: 'logs' },
} as const;

interface MeRouteOptions {
  engine: Pick<Engine, 'policyMayRun' | 'usageOf'>;
}

export function meRoute(app: FastifyInstance, { engine }: MeRouteOptions): void {
  app.route({
    method: 'GET',
    url: '/v1/me',
    config: { access: 'read' },
    schema: {
      operationId: 'getMe',
      summary: 'Get who you are',
      description: 'Returns the user and the rights of your key or token.',
      tags: ['keys'],
      response: { 200: json('You.', me) },
    },
    handler: async ({ caller }) => toMeWire(caller, engine.policyMayRun(caller.userId)),
  });
}

export function usageRoute(app: FastifyInstance, { engine }: MeRouteOptions): void {
  app.route({
    method: 'GET',
    url: '/v1/me/usage',
    config: { access: 'read' },
    schema: {
      operationId: 'getUsage',
      summary: 'Get your use of the server',
      description:
        'Returns the numbers of your running and waiting executions, your kept data, and the limits. An administrator gets the same of another user with `Execution-User`.',
      tags: ['keys'],
      response: { 200: json('Your use.', usage) },
    },
    handler: async ({ caller: { userId } }) => {
      const uses = engine.usageOf(userId);
      const items = Object.entries(WORDS).map(([name, what]) => {
        const { own, most, all, mostOfAll } = uses[name as keyof typeof uses];
        return { what, used: own, limit: most, used_by_all: all, limit_of_all: mostOfAll };
      });
      return { user_id: userId, items };
    },
  });
}

function toMeWire(caller: Caller, ofPolicy: ReturnType<Engine['policyMayRun']>): z.infer<typeof me> {
  const { userId, scopes, mayRun, credential = null } = caller;
  // The local user who acts for another one has shown nothing.
  const shown =
    credential === null || (credential.id === null && credential.type === 'key') ? null : credential;
  return {
    user_id: userId,
    acting_user: actingUser(caller),
    scopes: SCOPES.filter((one) => scopes.has(one)),
    may_run: mayRun,
    policy_may_run: ofPolicy === 'any' || ofPolicy === null ? ofPolicy : [...ofPolicy],
    credential: shown && {
      type: shown.type,
      id: shown.id,
      expires_at: shown.expiresAt === null ? null : new Date(shown.expiresAt).toISOString(),
    },
  };
}
