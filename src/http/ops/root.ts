// The root: where a person or a program that knows only the address finds everything else.
import type { FastifyInstance } from 'fastify';

/** The page of the documents. */
const DOCS = '/docs';

export interface RootOptions {
  version: string;
  /** Paths, by what is there. */
  links: Readonly<Record<string, string>>;
  /** Where a browser is sent; null where there is no page. */
  page: string | null;
}

export const MAIN_ROOT = {
  page: DOCS,
  links: { docs: DOCS, openapi: '/openapi.json', api: '/v1', health: '/health', metrics: '/metrics' },
} as const;
export const METRICS_ROOT = {
  page: null,
  links: { metrics: '/metrics', live: '/livez', ready: '/readyz', health: '/health' },
} as const;

export function rootRoute(app: FastifyInstance, { version, links, page }: RootOptions): void {
  app.route({
    method: 'GET',
    url: '/',
    config: { access: 'public' },
    schema: { hide: true },
    handler: async (request, reply) => {
      reply.header('vary', 'accept');
      if (page !== null && wantsPage(request.headers.accept)) return reply.redirect(page, 302);
      return { name: 'execd', version, ...links };
    },
  });
}

/** Browsers ask for HTML by its name; programs for JSON, or for anything. */
function wantsPage(accept: string | undefined): boolean {
  return accept !== undefined && /\btext\/html\b/i.test(accept);
}
