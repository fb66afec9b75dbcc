// The audit log, for administrators.
import type { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Clock } from '../../domain/ports.ts';
import { problem } from '../schemas.ts';

export interface AuditRoutesOptions {
  /** The lines of a day; null when there are none. */
  readAudit: (day: string) => Promise<Readable | null>;
  clock: Clock;
}

const auditQuery = z.strictObject({
  day: z.iso.date({ error: 'must be a day, as 2027-01-31' }).optional().describe('UTC; default: today'),
});

export function auditRoutes(app: FastifyInstance, { readAudit, clock }: AuditRoutesOptions): void {
  app.route<{ Querystring: z.infer<typeof auditQuery> }>({
    method: 'GET',
    url: '/v1/admin/audit',
    config: { access: 'admin' },
    schema: {
      summary: 'The audit log of a day: one JSON object a line',
      tags: ['operation'],
      querystring: auditQuery,
      response: {
        200: {
          description: 'The lines',
          content: { 'application/x-ndjson': { schema: { type: 'string' } } },
        },
        '4xx': problem,
        '5xx': problem,
      },
    },
    async handler({ query: { day } }, reply) {
      const lines = await readAudit(day ?? new Date(clock.now()).toISOString().slice(0, 10));
      return reply.type('application/x-ndjson; charset=utf-8').send(lines ?? '');
    },
  });
}
