// The servers that share a store: who is there, what runs on each of them, and who is drained.
import { SLOT_KINDS } from '../../domain/kinds.ts';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { ROLES } from '../../domain/ports/replica.ts';
import type { Engine, RunnerView } from '../../engine/engine.ts';
import type { Pause } from '../../domain/pauses.ts';
import { actingUser } from '../../domain/spec/access.ts';
import { osString } from '../../domain/spec/spec.ts';
import { json } from '../edge/answers.ts';
import { count, optional, time } from '../edge/schemas.ts';
import { isoTime } from '../edge/times.ts';

const runnerSlots = z
  .strictObject({
    max: count.nullable().describe('How many attempts may run at a time; null if it is unknown.'),
    running: count.describe('How many attempts run.'),
    executions: z.array(z.string()).describe('Ids of running executions, the oldest first, at most 100.'),
  })
  .describe('Slots of a server.');
const runnerDrain = z
  .strictObject({
    since: time.describe('Since when.'),
    by: z.string().describe('Who drained it.'),
    reason: z.string().nullable().describe('The reason; null if none was given.'),
  })
  .describe('A server that starts nothing new.');
const drainRequest = z
  .strictObject({ reason: osString.min(1).max(1000).optional().describe('Why, for those who wait.') })
  .describe('A drain of a server.');
const drainBody = optional(drainRequest, 'DrainRequest');
const params = z.strictObject({
  name: z.string().min(1).max(255).describe('The `name` of the server in the list.'),
});
const runner = z
  .strictObject({
    name: z.string().describe('`EXECUTION_REPLICA_NAME`, or the host name; `only` with the embedded store.'),
    self: z.boolean().describe('Whether this server sends the response.'),
    host: z.string().nullable().describe('Its host name; null if it is unknown.'),
    version: z.string().nullable().describe('Its version; null if it is unknown.'),
    policy_version: z
      .string()
      .nullable()
      .describe('Version of its policy file; null without one, or if it is unknown.'),
    operations_version: z
      .string()
      .nullable()
      .describe('Version of its operations file; null without one, or if it is unknown.'),
    role: z.enum(ROLES).nullable().describe('`EXECUTION_ROLE`; null if it is unknown.'),
    pools: z
      .array(z.string())
      .nullable()
      .describe('The pools that it serves (`EXECUTION_POOL`); null if they are unknown.'),
    since: time.describe('When it started.'),
    lease_until: time
      .nullable()
      .describe('Until when others leave its work to it; it renews that. Null with the embedded store.'),
    drain: runnerDrain.nullable().describe('Since when it is drained; null if it is not.'),
    slots: z
      .strictObject({
        process: runnerSlots.describe('For commands.'),
        http: runnerSlots.describe('For HTTP calls.'),
      })
      .describe('Its slots and running executions.'),
  })
  .describe('A server.');
const poolCounts = z
  .strictObject({ process: count.describe('For commands.'), http: count.describe('For HTTP calls.') })
  .describe('Counts by the kind of slots.');
const pool = z
  .strictObject({
    name: z.string().describe('Its name.'),
    queued: poolCounts.describe('Executions that wait for a slot of it.'),
    slots: poolCounts.describe('Slots of the servers that serve it.'),
    servers: z.array(z.string()).describe('Names of these servers; empty if no server serves it.'),
  })
  .describe('A pool of servers.');
const runnerList = z
  .strictObject({
    items: z.array(runner).describe('The longest running first.'),
    pools: z.array(pool).describe('Pools that servers serve or that executions wait for, by name.'),
  })
  .describe('Servers.');

/** What stands under its own name in the OpenAPI document. */
export const runnerComponents = (): Record<string, z.ZodType> => ({
  RunnerSlots: runnerSlots,
  RunnerDrain: runnerDrain,
  DrainRequest: drainRequest,
  Runner: runner,
  RunnerPoolCounts: poolCounts,
  RunnerPool: pool,
  RunnerList: runnerList,
});

export function runnerRoutes(
  app: FastifyInstance,
  { runners, pools }: Pick<Engine, 'runners' | 'pools'>,
): void {
  app.route({
    method: 'GET',
    url: '/v1/runners',
    config: { access: 'admin' },
    schema: {
      operationId: 'listRunners',
      summary: 'List the servers and their executions',
      description:
        'Lists the servers that share the PostgreSQL database and whose lease is not over. With the embedded store there is one.',
      tags: ['admin'],
      response: { 200: json('The servers.', runnerList) },
    },
    handler: async () => ({ items: (await runners.list()).map(toWire), pools: await pools.list() }),
  });

  app.route<{ Params: z.infer<typeof params>; Body: z.output<typeof drainRequest> }>({
    method: 'POST',
    url: '/v1/runners/:name/drain',
    config: { access: 'admin' },
    schema: {
      operationId: 'drainRunner',
      summary: 'Let a server start nothing new',
      description:
        'The server starts no more work, also after a restart. If another server responds, this takes up to a second. Running commands continue, queued work starts on other servers, and the server still serves the API. If the server is already drained, the new reason replaces the old one.',
      tags: ['admin'],
      params,
      body: drainBody,
      response: { 200: json('The drain.', runnerDrain) },
    },
    async handler(request) {
      const { caller, body } = request;
      const { name } = request.params;
      request.auditFacts = { drained: name, ...(body.reason === undefined ? {} : { why: body.reason }) };
      return drainToWire(await runners.drain(name, actingUser(caller) ?? caller.userId, body.reason ?? null));
    },
  });

  app.route<{ Params: z.infer<typeof params> }>({
    method: 'POST',
    url: '/v1/runners/:name/resume',
    config: { access: 'admin' },
    schema: {
      operationId: 'resumeRunner',
      summary: 'Let a drained server start work again',
      description: 'The server starts queued work again when it has free slots.',
      tags: ['admin'],
      params,
      response: { 204: { description: 'Resumed.' } },
    },
    async handler(request, reply) {
      const { name } = request.params;
      request.auditFacts = { resumed: `runner:${name}` };
      await runners.resume(name);
      return reply.code(204).send();
    },
  });
}

const drainToWire = ({ since, by, reason }: Pause): z.infer<typeof runnerDrain> => ({
  since: isoTime(since),
  by,
  reason,
});

function toWire({ about, running, drain, ...view }: RunnerView): z.infer<typeof runner> {
  const { name, isSelf: self, since, until } = view;
  const slots = Object.fromEntries(
    SLOT_KINDS.map((slotKind) => {
      const { count: n, runs } = running[slotKind];
      return [slotKind, { max: about.slots?.[slotKind] ?? null, running: n, executions: runs }];
    }),
  ) as z.infer<typeof runner>['slots'];
  return {
    ...{ name, self, host: about.host ?? null, version: about.version ?? null, role: about.role ?? null },
    pools: about.pools === undefined ? null : [...about.pools],
    policy_version: about.versions?.policy ?? null,
    operations_version: about.versions?.operations ?? null,
    ...{ since: isoTime(since), lease_until: until === null ? null : isoTime(until) },
    ...{ drain: drain === null ? null : drainToWire(drain), slots },
  };
}
