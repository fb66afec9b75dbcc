// The serving of the web console: what is sent, and how it may be kept. The console itself is tested in a browser (npm run
// test:console).
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import fastify, { type LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { placeOf } from '../../src/http/console/page.ts';
import { type ConsoleOptions, consoleRoutes } from '../../src/http/console/routes.ts';
import { errorHandler, refuseUnknownRoutes } from '../../src/http/edge/error-handler.ts';
import { rootRoute } from '../../src/http/ops/root.ts';
import { fakeClock } from '../helpers/clock.ts';
import { tempDir } from '../helpers/temp.ts';

const HTML = 'text/html,application/xhtml+xml,*/*;q=0.8';
const SCRIPT = 'console.log("x");'.repeat(100);

function builtConsole(t: Test): string {
  const dir = tempDir(t);
  mkdirSync(join(dir, 'assets'));
  writeFileSync(
    join(dir, 'index.html'),
    '<head><base href="./" /><meta name="execd-root" content="./" /></head>',
  );
  writeFileSync(join(dir, 'assets/index-AbC1.js'), SCRIPT);
  writeFileSync(join(dir, 'assets/index-AbC1.js.gz'), gzipSync(SCRIPT));
  return dir;
}

type Get = (path: string, headers?: Record<string, string>) => Promise<LightMyRequestResponse>;

/** Only what concerns the console: no engine is asked. Asks as a browser does. */
async function served(t: Test, options: ConsoleOptions): Promise<Get> {
  const app = fastify();
  t.teardown(() => app.close());
  app.setErrorHandler(errorHandler(pino({ level: 'silent' }), fakeClock(), () => undefined));
  refuseUnknownRoutes(app);
  const page = await consoleRoutes(app, options);
  rootRoute(app, { version: '1.0.0', links: { api: '/v1' }, page });
  return (url, headers = {}) => app.inject({ url, headers: { accept: HTML, ...headers } });
}

t.test('a browser gets the console at the root and at its pages, a program the API', async (t) => {
  const get = await served(t, { path: '/', dir: builtConsole(t) });
  for (const [path, up] of [
    ['/', './'],
    ['/plans', './'],
    ['/plans/01a22b90', '../'],
    ['/executions/01a22b90?tab=input', '../'],
  ] as const) {
    const { statusCode, headers, body } = await get(path);
    t.equal(statusCode, 200, path);
    t.match(body, `<base href="${up}" /><meta name="execd-root" content="./" />`);
    t.equal(headers['cache-control'], 'no-cache');
    t.equal(headers.vary, 'accept');
    const policy = String(headers['content-security-policy']);
    t.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';/);
    t.match(policy, /frame-ancestors 'none'/);
    t.notMatch(policy, /unsafe|https?:|\*/);
  }
  t.match((await get('/', { accept: '*/*' })).json(), { name: 'execd', api: '/v1' });
  const none = ['/plans', '/assets/index-gone.js', '/assets/../index.html', '/assets/%2e%2e/index.html'];
  for (const path of none) {
    const { statusCode, headers } = await get(path, { accept: '*/*' });
    t.match([statusCode, headers['content-type']], [404, /^application\/problem\+json/], path);
  }
  t.equal((await get('/nowhere')).statusCode, 404, 'other paths are none of its pages');
});

t.test('assets are kept for ever, and come compressed; the path can be another one', async (t) => {
  const get = await served(t, { path: '/ui/x/', dir: builtConsole(t) });
  const asset = (encoding: string) => get('/ui/x/assets/index-AbC1.js', { 'accept-encoding': encoding });
  const plain = await asset('identity');
  t.equal(plain.body, SCRIPT);
  t.equal(plain.headers['cache-control'], 'public, max-age=31536000, immutable');
  t.match(plain.headers['content-type'], /^(text|application)\/javascript/);
  const packed = await asset('gzip, br');
  t.equal(packed.headers['content-encoding'], 'gzip');
  t.equal(gunzipSync(packed.rawPayload).toString(), SCRIPT);
  t.equal((await get('/')).headers.location, '/ui/x/');
  t.match(
    (await get('/ui/x/plans/1')).body,
    '<base href="../" /><meta name="execd-root" content="../../" />',
  );
});

t.test('while the console has not been built, its page says what to do', async (t) => {
  const get = await served(t, { path: '/', dir: join(tempDir(t), 'nothing') });
  const { statusCode, body } = await get('/');
  t.equal(statusCode, 503);
  t.match(body, 'npm run build:console');
});

t.test('the path of the console ends with a slash, and is none of the API', async (t) => {
  const pathOf = (path: string) => loadConfig({ EXECUTION_CONSOLE_PATH: path }).EXECUTION_CONSOLE_PATH;
  t.equal(loadConfig({}).EXECUTION_CONSOLE_PATH, '/');
  t.equal(pathOf('/ui'), '/ui/');
  t.equal(pathOf('/a/b.c/'), '/a/b.c/');
  for (const path of ['ui', '//', '/ui?x', '/:id', '/*', '/v1', '/v1/ui', '/docs/', '/health'])
    t.throws(() => pathOf(path), /EXECUTION_CONSOLE_PATH: must/, path);
});

t.test('a page finds the console and execd behind any proxy', async (t) => {
  const cases: [url: string, path: string, console: string, root: string][] = [
    ['/', '/', './', './'],
    ['/?status=failed&q=a/b', '/', './', './'],
    ['/plans/1', '/', '../', './'],
    ['/ui/', '/ui/', './', '../'],
    ['/ui/executions/1?tab=x', '/ui/', '../', '../'],
    ['/a/b/system', '/a/b/', './', '../../'],
  ];
  for (const [url, path, console, root] of cases) t.same(placeOf(url, path), { console, root }, url);
});
