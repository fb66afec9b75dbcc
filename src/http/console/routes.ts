// The web console: a built page and its assets. It is public, as it holds nothing: what it shows comes from the API, with the
// key of whoever looks at it.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import staticFiles from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { RefusedError } from '../../domain/errors.ts';
import { wantsPage } from '../edge/request-headers.ts';
import { placed, placeOf } from './page.ts';

export interface ConsoleOptions {
  /** Where it is: `/`, or a path that begins and ends with a slash. */
  path: string;
  /** Directory of the built console. */
  dir: string;
}

/** Its pages below its path; the router of the console knows the same ones. */
const PAGES = [
  ...[
    'executions/:id',
    'plans',
    'plans/:id',
    'approvals',
    'schedules',
    'schedules/:name',
    'submit',
    'system',
  ],
];

/** It may load its own files and call its own server; no page may frame it, and nothing in it runs that is written inline. */
const CONTENT_POLICY = [
  ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"],
  ...["img-src 'self' data: blob:", "base-uri 'self'", "form-action 'none'", "frame-ancestors 'none'"],
].join('; ');
const PAGE_HEADERS = {
  'content-security-policy': CONTENT_POLICY,
  // Its assets have their hash in their name: the page says which ones are current, and is asked for each time.
  'cache-control': 'no-cache',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  vary: 'accept',
};
const NOT_BUILT = `<!doctype html><html lang="en"><title>execd</title>
<h1>The console has not been built</h1>
<p>execd itself is running. To build its console, run <code>npm ci &amp;&amp; npm run build:console</code> in the directory of
execd, and load this page again. The API and its <a href="/docs">documentation</a> work without it.</p></html>`;
const YEAR_MS = 365 * 86_400_000;

/** What a browser gets. */
export type SendPage = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

/** Serves the console. Returns the handler of the root path for browsers. */
export async function consoleRoutes(app: FastifyInstance, { path, dir }: ConsoleOptions): Promise<SendPage> {
  const sendPage: SendPage = async (request, reply) => {
    reply.headers(PAGE_HEADERS).type('text/html; charset=utf-8');
    const page = await pageIn(dir);
    if (page === null) return reply.code(503).send(NOT_BUILT);
    return reply.send(placed(page, placeOf(request.url, path)));
  };
  for (const page of path === '/' ? PAGES : ['', ...PAGES]) {
    app.route({
      method: 'GET',
      url: path + page,
      config: { access: 'public' },
      schema: { hide: true },
      handler: (request, reply) => {
        if (!wantsPage(request.headers.accept)) throw notAPage(request.url);
        return sendPage(request, reply);
      },
    });
  }
  await app.register(assetRoutes, { prefix: `${path}assets`, dir: join(dir, 'assets') });
  return path === '/' ? sendPage : async (_request, reply) => reply.redirect(path, 302);
}

async function assetRoutes(app: FastifyInstance, { dir }: { dir: string }): Promise<void> {
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, access: 'public' };
    route.schema = { hide: true };
  });
  app.setNotFoundHandler((request) => {
    throw new RefusedError('route_not_found', `The console has no file ${request.url}. Load its page again.`);
  });
  await app.register(staticFiles, {
    root: dir,
    ...{ decorateReply: false, preCompressed: true, index: false, maxAge: YEAR_MS, immutable: true },
  });
}

/** Null while it has not been built. */
async function pageIn(dir: string): Promise<string | null> {
  try {
    return await readFile(join(dir, 'index.html'), 'utf8');
  } catch {
    return null;
  }
}

/** Programs that leave out `/v1` get no page. */
function notAPage(url: string): RefusedError {
  return new RefusedError('route_not_found', `${url} is a page of the console; the API is under /v1.`);
}
