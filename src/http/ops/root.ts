// The root: where a person or a program that knows only the address finds everything else.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { wantsPage } from '../edge/request-headers.ts';

/** The page of the documents. */
export const DOCS = '/docs';

export interface RootOptions {
  version: string;
  /** Paths, by what is there. */
  links: Readonly<Record<string, string>>;
  /** What a browser gets; null where there is no page. */
  page: ((request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>) | null;
}

export const MAIN_LINKS = {
  ...{ docs: DOCS, openapi: '/openapi.json', api: '/v1', health: '/health', metrics: '/metrics' },
} as const;
export const METRICS_LINKS = {
  ...{ metrics: '/metrics', live: '/livez', ready: '/readyz', health: '/health' },
} as const;

export function rootRoute(app: FastifyInstance, { version, links, page }: RootOptions): void {
  app.route({
    method: 'GET',
    url: '/',
    config: { access: 'public' },
    schema: { hide: true },
    handler: async (request, reply) => {
      reply.header('vary', 'accept');
      if (page !== null && wantsPage(request.headers.accept)) return page(request, reply);
      return { name: 'execd', version, ...links };
    },
  });
}
