// Pauses: of the queue, of an operation, of a concurrency key; and maintenance.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { quoted, RefusedError } from '../../domain/errors.ts';
import { ownKey } from '../../domain/execution/execution.ts';
import { KEY, OPERATION, type Pause } from '../../domain/pauses.ts';
import { actingUser, type Caller } from '../../domain/spec/access.ts';
import { operationName, osString } from '../../domain/spec/spec.ts';
import type { Engine } from '../../engine/engine.ts';
import { json } from '../edge/answers.ts';
import { optional, time } from '../edge/schemas.ts';
import { isoTime } from '../edge/times.ts';

const params = z.strictObject({
  what: z
    .string()
    .max(300)
    .describe(
      '`queue`, `maintenance`, `operation:NAME`, or `key:KEY` for a concurrency key of the user that you act for.',
    ),
});
interface One {
  Params: z.infer<typeof params>;
}

const pauseRequest = z
  .strictObject({ reason: osString.min(1).max(1000).optional().describe('Why, for those who wait.') })
  .describe('A pause.');
const pauseBody = optional(pauseRequest, 'PauseRequest');
const pause = z
  .strictObject({
    what: z.string().describe('The paused thing, as in the path.'),
    user_id: z.string().nullable().describe('The user of a concurrency key; else null.'),
    reason: z.string().nullable().describe('The reason; null if none was given.'),
    by: z.string().describe('The user who paused it.'),
    since: time.describe('The time of the pause.'),
  })
  .describe('A pause.');
const pauseList = z
  .strictObject({ items: z.array(pause).describe('The oldest first.') })
  .describe('The current pauses.');

/** What stands under its own name in the OpenAPI document. */
export const pauseComponents = (): Record<string, z.ZodType> => ({
  PauseRequest: pauseRequest,
  Pause: pause,
  PauseList: pauseList,
});

export function pauseRoutes(app: FastifyInstance, { pauses }: Pick<Engine, 'pauses'>): void {
  const tags = ['admin'];
  app.route({
    method: 'GET',
    url: '/v1/admin/pauses',
    config: { access: 'admin' },
    schema: {
      operationId: 'listPauses',
      summary: 'List what is paused',
      description: 'Lists the pauses of the queue, of operations and of concurrency keys, and maintenance.',
      tags,
      response: { 200: json('All pauses.', pauseList) },
    },
    handler: async () => ({ items: pauses.list().map(toWire) }),
  });

  app.route<One & { Body: z.output<typeof pauseRequest> }>({
    method: 'PUT',
    url: '/v1/admin/pauses/:what',
    config: { access: 'admin' },
    schema: {
      operationId: 'pause',
      summary: 'Pause the queue, an operation or a key, or begin maintenance',
      description:
        'Nothing of it starts from now on. Running work continues, and new work waits. In maintenance, execd continues accepted work and rejects new work with 503.',
      tags,
      params,
      body: pauseBody,
      response: { 200: json('The pause.', pause) },
    },
    async handler(request) {
      const { caller, body } = request;
      const name = nameOf(request.params.what, caller);
      request.auditFacts = { paused: name, ...(body.reason === undefined ? {} : { why: body.reason }) };
      return toWire(await pauses.pause(name, actingUser(caller) ?? caller.userId, body.reason ?? null));
    },
  });

  app.route<One>({
    method: 'DELETE',
    url: '/v1/admin/pauses/:what',
    config: { access: 'admin' },
    schema: {
      operationId: 'resume',
      summary: 'Resume the queue, an operation or a key, or end maintenance',
      description: 'Waiting work starts as slots are free.',
      tags,
      params,
      response: { 204: { description: 'Resumed.' } },
    },
    async handler(request, reply) {
      const name = nameOf(request.params.what, request.caller);
      request.auditFacts = { resumed: name };
      if (await pauses.resume(name)) return reply.code(204).send();
      throw new RefusedError('pause_not_found', `${quoted(request.params.what)} is not paused.`);
    },
  });
}

const OWN = `${KEY}user:`;

function nameOf(what: string, { userId }: Caller): string {
  if (what === 'queue' || what === 'maintenance') return what;
  const name = what.slice(what.indexOf(':') + 1);
  if (what.startsWith(OPERATION) && operationName.safeParse(name).success) return what;
  if (what.startsWith(KEY) && /^[\x21-\x7e]{1,200}$/.test(name)) return KEY + ownKey(userId, name);
  const message = `must be queue, maintenance, operation:NAME or key:KEY, not ${quoted(what)}`;
  throw new RefusedError('validation', `The name in the path ${message}.`, {
    fields: [{ field: 'what', message }],
  });
}

function toWire({ name, by, reason, since }: Pause): z.infer<typeof pause> {
  const [userId, key] = name.startsWith(OWN) ? splitKey(name.slice(OWN.length)) : [null, null];
  const what = key === null ? name : KEY + key;
  return { what, user_id: userId, reason, by, since: isoTime(since) };
}

/** A user may have a colon in its name; a key too: the first one ends the user, as `ownKey` writes it. */
function splitKey(text: string): [string, string] {
  const at = text.indexOf(':');
  return [text.slice(0, at), text.slice(at + 1)];
}
