// What quotas mean on the wire: how much is left, in the fields of draft-ietf-httpapi-ratelimit-headers, on the answers of
// all routes that submit.
import type { FastifyInstance } from 'fastify';
import type { Engine } from '../../engine/engine.ts';

export function quotaFields(app: FastifyInstance, engine: Pick<Engine, 'submitAllowance'>): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    const isSubmission = request.method === 'POST' && request.routeOptions.config.access === 'submit';
    // Nobody's, where the request was not let in.
    const caller = request.caller as typeof request.caller | null;
    const allowance = isSubmission && caller !== null ? engine.submitAllowance(caller.userId) : null;
    if (allowance !== null) {
      const { quota, windowS, remaining, resetS } = allowance;
      reply.header('ratelimit-policy', `"submits";q=${quota};w=${windowS}`);
      reply.header('ratelimit', `"submits";r=${remaining};t=${resetS}`);
    }
    done(null, payload);
  });
}
