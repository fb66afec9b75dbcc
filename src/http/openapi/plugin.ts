// The OpenAPI document, made of the same schemas that validate. Served as /openapi.json, shown under /docs, committed as
// openapi/openapi.json.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, RouteOptions } from 'fastify';
import { type Converter } from './convert.ts';
import { converterOf, documentOf } from './document.ts';
import { type Operation, operationOf } from './operations.ts';
import type { Requests } from './components.ts';
import { DOCS_LOOK } from './docs-look.ts';

declare module 'fastify' {
  interface FastifySchema {
    operationId?: string;
    summary?: string;
    description?: string;
  }
}

export async function openapi(
  app: FastifyInstance,
  version: string,
  requests: Requests,
): Promise<void> {
  const paths = new Paths(requests);
  await app.register(swagger, {
    openapi: { openapi: '3.1.0' },
    transform: ({ schema, url, route }) => {
      paths.add(route);
      return { schema: { ...schema, hide: true }, url };
    },
    // Not before somebody asks for the document: writing it down takes longer than the rest of a start.
    transformObject: () => documentOf(version, paths.all(), paths.converter) as never,
  });
  await app.register(async (docs) => {
    docs.addHook('onRoute', (route) => {
      route.config = { ...route.config, access: 'public' };
    });
    await docs.register(swaggerUi, {
      routePrefix: '/docs',
      uiConfig: { deepLinking: true, displayRequestDuration: true, tryItOutEnabled: true },
      staticCSP: CONTENT_POLICY,
      // In a bundle, the package does not lie beside its files.
      baseDir: join(dirname(createRequire(import.meta.url).resolve('@fastify/swagger-ui')), 'static'),
      ...DOCS_LOOK,
    });
  });
  app.route({
    method: 'GET',
    url: '/openapi.json',
    config: { access: 'public' },
    schema: { hide: true },
    handler: async () => app.swagger(),
  });
}

/** A style that the page of swagger-ui sets by itself; the console of the browser names the hash where it is missing. */
const OWN_STYLE = "'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='";
/** Without upgrade-insecure-requests: over plain HTTP, which is what this server speaks, a page would stay empty. */
const CONTENT_POLICY =
  "default-src 'self'; base-uri 'self'; frame-ancestors 'self'; img-src 'self' data:; object-src 'none'; " +
  "script-src 'self'; script-src-attr 'none'; " +
  `style-src 'self' 'unsafe-hashes' ${OWN_STYLE}`;

/** Operations by path and method. */
class Paths {
  readonly #requests: Requests;
  readonly #operations: Record<string, Record<string, Operation>> = {};
  #converter: Converter | null = null;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  get converter(): Converter {
    return (this.#converter ??= converterOf(this.#requests));
  }

  add(route: RouteOptions): void {
    if (route.schema?.operationId === undefined) return;
    const path = route.url.replaceAll(/:(\w+)/g, '{$1}').replace('*', '{path}');
    const methods = (this.#operations[path] ??= {});
    for (const method of [route.method].flat())
      methods[method.toLowerCase()] = operationOf(route, this.converter);
  }

  all(): Readonly<Record<string, Readonly<Record<string, Operation>>>> {
    return this.#operations;
  }
}
