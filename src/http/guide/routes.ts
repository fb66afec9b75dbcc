// The docs site: built pages and their assets, below the page of the API. It is public, as it holds nothing of anybody.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import staticFiles from '@fastify/static';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RefusedError } from '../../domain/errors.ts';
import { wantsPage } from '../edge/request-headers.ts';

/** Its pages name their assets by this path, so it is part of the build (scripts/guide/config.ts). */
export const GUIDE = '/docs/guide';

export interface GuideOptions {
  /** Directory of the built site. */
  dir: string;
}

/** The short scripts and styles that stand in the pages, as the build has found them: the hash of each. */
interface Inline {
  scripts: string[];
  styles: string[];
}

const ASSET = /\/assets\/[^?]*$/;
const ASSETS_KEPT = 'public, max-age=31536000, immutable';
const NOT_BUILT = `<!doctype html><html lang="en"><title>execd</title>
<h1>The docs site has not been built</h1>
<p>To build it, run <code>npm ci &amp;&amp; npm run build:guide</code> in the directory of execd, and load this page again.
The same pages are in its directory <code>docs</code>. The <a href="/docs">API reference</a> works without it.</p></html>`;

/** Serves the site. A test of npm run test:console opens it in a browser. */
export async function guideRoutes(app: FastifyInstance, { dir }: GuideOptions): Promise<void> {
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, access: 'public' };
    route.schema = { hide: true };
  });
  app.addHook('onRequest', async (request, reply) => {
    const inline = await inlineIn(dir);
    if (inline !== null) reply.headers(headersOf(request, inline));
    else if (wantsPage(request.headers.accept))
      return reply.code(503).type('text/html; charset=utf-8').send(NOT_BUILT);
  });
  app.setNotFoundHandler(async (request, reply) => {
    reply.header('cache-control', 'no-cache');
    const page = wantsPage(request.headers.accept) ? await textOf(join(dir, '404.html')) : null;
    if (page !== null) return reply.code(404).type('text/html; charset=utf-8').send(page);
    throw new RefusedError('route_not_found', `The docs site has no page ${request.url}.`);
  });
  // Loaded without its name, the first page stays empty: its script takes the text of the page only where it knows its path.
  app.get('/', async (_request, reply) => reply.redirect(`${GUIDE}/index.html`, 302));
  await app.register(staticFiles, {
    root: dir,
    ...{ decorateReply: false, preCompressed: true, cacheControl: false, index: false },
  });
}

function headersOf(request: FastifyRequest, inline: Inline): Record<string, string> {
  if (ASSET.test(request.url)) return { 'cache-control': ASSETS_KEPT };
  const hashes = (list: readonly string[]) => list.map((hash) => ` '${hash}'`).join('');
  return {
    'content-security-policy': [
      ...["default-src 'none'", "connect-src 'self'", `script-src 'self'${hashes(inline.scripts)}`],
      `style-src 'self' 'unsafe-hashes'${hashes(inline.styles)}`,
      ...["img-src 'self' data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
    ].join('; '),
    'cache-control': 'no-cache',
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
  };
}

/** Null while the site has not been built. */
async function inlineIn(dir: string): Promise<Inline | null> {
  const text = await textOf(join(dir, 'inline.json'));
  return text === null ? null : (JSON.parse(text) as Inline);
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return null;
  }
}
