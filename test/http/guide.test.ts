// The serving of the docs site: what is sent, and how it may be kept. The site itself is opened in a browser (npm run
// test:console -- guide).
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fastify, { type LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { errorHandler, refuseUnknownRoutes } from '../../src/http/edge/error-handler.ts';
import { GUIDE, guideRoutes } from '../../src/http/guide/routes.ts';
import { fakeClock } from '../helpers/clock.ts';
import { tempDir } from '../helpers/temp.ts';

const HTML = 'text/html,*/*;q=0.8';

type Get = (path: string, headers?: Record<string, string>) => Promise<LightMyRequestResponse>;

async function served(t: Test, dir: string): Promise<Get> {
  const app = fastify();
  t.teardown(() => app.close());
  app.setErrorHandler(errorHandler(pino({ level: 'silent' }), fakeClock(), () => undefined));
  refuseUnknownRoutes(app);
  await app.register(guideRoutes, { prefix: GUIDE, dir });
  return (path, headers = {}) => app.inject({ url: GUIDE + path, headers: { accept: HTML, ...headers } });
}

function builtSite(t: Test): string {
  const dir = tempDir(t);
  mkdirSync(join(dir, 'assets'));
  mkdirSync(join(dir, 'operate'));
  writeFileSync(join(dir, 'index.html'), '<h1>execd</h1>');
  writeFileSync(join(dir, 'operate/deploy.html'), '<h1>Deploy</h1>');
  writeFileSync(join(dir, '404.html'), '<h1>Not here</h1>');
  writeFileSync(join(dir, 'assets/app.AbC1.js'), 'run();');
  writeFileSync(
    join(dir, 'inline.json'),
    '{"scripts":["sha256-one=","sha256-two="],"styles":["sha256-three="]}',
  );
  return dir;
}

t.test(
  'pages run only their own scripts, and are asked for each time; assets are kept for ever',
  async (t) => {
    const get = await served(t, builtSite(t));
    for (const path of ['', '/'])
      t.match(await get(path), { statusCode: 302, headers: { location: '/docs/guide/index.html' } });
    for (const [path, words] of [
      ['/index.html', 'execd'],
      ['/operate/deploy.html?x', 'Deploy'],
    ] as const) {
      const { statusCode, headers, body } = await get(path);
      t.match([statusCode, body], [200, `<h1>${words}</h1>`], path);
      t.equal(headers['cache-control'], 'no-cache');
      const policy = String(headers['content-security-policy']);
      t.match(policy, /^default-src 'none'; .*script-src 'self' 'sha256-one=' 'sha256-two=';/);
      t.match(policy, /style-src 'self' 'unsafe-hashes' 'sha256-three=';.* frame-ancestors 'none'$/);
      t.notMatch(policy, /unsafe-inline|unsafe-eval|https?:|\*/);
      const again = await get(path, { 'if-none-match': String(headers.etag) });
      t.equal(again.statusCode, 304);
    }
    const { headers } = await get('/assets/app.AbC1.js');
    t.equal(headers['cache-control'], 'public, max-age=31536000, immutable');
  },
);

t.test('a path without a page is a 404, of which a browser gets a page', async (t) => {
  const get = await served(t, builtSite(t));
  t.match(await get('/nowhere.html'), { statusCode: 404, body: '<h1>Not here</h1>' });
  for (const path of ['/nowhere.html', '/assets/gone.js', '/../inline.json', '/%2e%2e/%2e%2e/package.json']) {
    const { statusCode, headers } = await get(path, { accept: '*/*' });
    t.match([statusCode, headers['content-type']], [404, /^application\/problem\+json/], path);
    t.notMatch(headers['cache-control'], /immutable/);
  }
});

t.test('while the site has not been built, its page says what to do', async (t) => {
  const get = await served(t, join(tempDir(t), 'nothing'));
  t.match(await get('/index.html'), { statusCode: 503, body: /npm run build:guide/ });
  t.equal((await get('/index.html', { accept: '*/*' })).statusCode, 404);
});
