// The servers that share a store: who is there, and what runs on each of them.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { POOLS } from '../../domain/execution/execution.ts';
import { ROLES } from '../../domain/ports/replica.ts';
import type { Engine, RunnerView } from '../../engine/engine.ts';
import { json } from '../edge/answers.ts';
import { count, time } from '../edge/schemas.ts';
import { isoTime } from '../edge/times.ts';

const runnerSlots = z
  .strictObject({
    max: count.nullable().describe('How many attempts may run at a time; null if it is unknown.'),
    running: count.describe('How many attempts run.'),
    executions: z.array(z.string()).describe('Ids of what runs, the oldest first, at most 100.'),
  })
  .describe('Slots of a server.');
const runner = z
  .strictObject({
    name: z.string().describe('`EXECUTION_REPLICA_NAME`, or the host name; `only` with the embedded store.'),
    self: z.boolean().describe('Whether this server sends the response.'),
    host: z.string().nullable().describe('Its host name; null if it is unknown.'),
    version: z.string().nullable().describe('Its version; null if it is unknown.'),
    role: z.enum(ROLES).nullable().describe('`EXECUTION_ROLE`; null if it is unknown.'),
    since: time.describe('When it started.'),
    lease_until: time
      .nullable()
      .describe('Until when others leave its work to it; it renews that. Null with the embedded store.'),
    slots: z
      .strictObject({
        process: runnerSlots.describe('For commands.'),
        http: runnerSlots.describe('For HTTP calls.'),
      })
      .describe('Its slots and running executions.'),
  })
  .describe('A server.');
const runnerList = z
  .strictObject({ items: z.array(runner).describe('The longest running first.') })
  .describe('Servers.');

/** What stands under its own name in the OpenAPI document. */
export const runnerComponents = (): Record<string, z.ZodType> => ({
  RunnerSlots: runnerSlots,
  Runner: runner,
  RunnerList: runnerList,
});

export function runnerRoutes(app: FastifyInstance, { runners }: Pick<Engine, 'runners'>): void {
  app.route({
    method: 'GET',
    url: '/v1/runners',
    config: { access: 'admin' },
    schema: {
      operationId: 'listRunners',
      summary: 'List the servers and what they run',
      description:
        'Lists the servers that share the PostgreSQL database and whose lease is not over. With the embedded store there is one.',
      tags: ['admin'],
      response: { 200: json('The servers.', runnerList) },
    },
    handler: async () => ({ items: (await runners.list()).map(toWire) }),
  });
}

function toWire({ about, running, ...view }: RunnerView): z.infer<typeof runner> {
  const { name, isSelf: self, since, until } = view;
  const slots = Object.fromEntries(
    POOLS.map((pool) => {
      const { count: n, runs } = running[pool];
      return [pool, { max: about.slots?.[pool] ?? null, running: n, executions: runs }];
    }),
  ) as z.infer<typeof runner>['slots'];
  return {
    ...{ name, self, host: about.host ?? null, version: about.version ?? null, role: about.role ?? null },
    ...{ since: isoTime(since), lease_until: until === null ? null : isoTime(until), slots },
  };
}
