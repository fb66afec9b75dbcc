// Decisions by a link. The link is the credential: its page shows what is to be decided, and its button decides.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { RefusedError } from '../../domain/errors.ts';
import type { ApprovalView, LinkClaims } from '../../engine/engine.ts';
import { json } from '../edge/answers.ts';
import { wantsPage } from '../edge/request-headers.ts';
import type { WaitRoutesOptions } from './options.ts';
import { approvalShown, linkParams } from './wait-schemas.ts';
import { approvalPage, toApprovalWire } from './wait-wire.ts';

/** Its form may be sent to where it came from; nothing runs on it. */
const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'content-type': 'text/html; charset=utf-8',
};

interface OfLink {
  Params: z.infer<typeof linkParams>;
}

export async function linkRoutes(
  app: FastifyInstance,
  { engine: { waits }, clock, links }: WaitRoutesOptions,
): Promise<void> {
  const approvalOf = async (token: string): Promise<{ claims: LinkClaims; view: ApprovalView }> => {
    const claims = await links.read(token);
    if (claims === null || claims.expiresAt <= clock.now()) {
      const why = claims === null ? 'not valid' : 'expired';
      throw new RefusedError('link_invalid', `The link is ${why}. Request a new one.`);
    }
    return { claims, view: await waits.approvalOf(claims) };
  };
  const answer = (request: FastifyRequest, reply: FastifyReply, view: ApprovalView, claims: LinkClaims) => {
    const approval = toApprovalWire(view, clock.now());
    if (!wantsPage(request.headers.accept)) return reply.send(approval);
    return reply.headers(PAGE_HEADERS).send(approvalPage(approval, claims));
  };
  const shared = {
    tags: ['plans'],
    params: linkParams,
    response: { 200: json('The approval; for a browser, a page.', approvalShown) },
  };

  app.route<OfLink>({
    method: 'GET',
    url: '/v1/approvals/:token',
    config: { access: 'signature' },
    schema: {
      ...shared,
      operationId: 'getApprovalByLink',
      summary: 'Read an approval by a link',
      description:
        'Shows the question of the approval. It decides nothing: programs that preview links call it.',
    },
    async handler(request, reply) {
      const { claims, view } = await approvalOf(request.params.token);
      return answer(request, reply, view, claims);
    },
  });

  // In a scope of its own: the button of the page sends a form without fields.
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null, undefined));
    scope.route<OfLink>({
      method: 'POST',
      url: '/v1/approvals/:token',
      config: { access: 'signature', refuses: [409] },
      bodyLimit: 4096,
      schema: {
        ...shared,
        operationId: 'decideByLink',
        summary: 'Decide by a link',
        description: 'Decides as the user of the link. The link is the credential.',
      },
      async handler(request, reply) {
        const { claims, view } = await approvalOf(request.params.token);
        const { user, decision } = claims;
        request.auditFacts = { user, by_link: true, id: view.plan.id, step: view.step, decision };
        return answer(request, reply, await waits.decideByLink(claims, view), claims);
      },
    });
  });
}
