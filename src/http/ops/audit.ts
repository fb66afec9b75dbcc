// The audit log, for administrators.
import type { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Clock } from '../../domain/ports/clock.ts';

export interface AuditRoutesOptions {
  /** The lines of a day; null when there are none. */
  readAudit: (day: string) => Promise<Readable | null>;
  clock: Clock;
}

const auditQuery = z.strictObject({
  day: z.iso
    .date({ error: 'must be a day, for example 2027-01-31' })
    .optional()
    .describe('A day in UTC, for example 2027-01-31. Default: today.'),
});

export function auditRoutes(app: FastifyInstance, { readAudit, clock }: AuditRoutesOptions): void {
  app.route<{ Querystring: z.infer<typeof auditQuery> }>({
    method: 'GET',
    url: '/v1/admin/audit',
    config: { access: 'admin' },
    schema: {
      operationId: 'getAuditLog',
      summary: 'Get the audit log of a day',
      description:
        'Returns one JSON object for each request that changed something or that was rejected for its credential.',
      tags: ['admin'],
      querystring: auditQuery,
      response: {
        200: {
          description: 'The lines. The schema describes one line.',
          content: { 'application/x-ndjson': { schema: { type: 'object' } } },
        },
      },
    },
    async handler({ query: { day } }, reply) {
      const lines = await readAudit(day ?? new Date(clock.now()).toISOString().slice(0, 10));
      return reply.type('application/x-ndjson; charset=utf-8').send(lines ?? '');
    },
  });
}
