// Following a log through ten ends of the server, without warning, and two hundred cut connections: with the client, with the
// command line and, where there is Chromium, with the console every byte comes once.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net';
import { execa } from 'execa';
import { connect } from '../../src/client/index.ts';
import { CLI, cliAt } from '../helpers/cli.ts';
import { until } from '../helpers/processes.ts';
import { linesIn, openBrowser, openTab } from './console/browser.ts';
import { check, finish, freePort, scratch, startServer } from './support.ts';

const RESTARTS = 10;
const CUTS = 200;
/** Of an attempt, before its server is killed. */
const LINES = 100;

const dir = scratch();
const port = await freePort();
const settings = {
  EXECUTION_PORT: port,
  EXECUTION_DATA_DIR: join(dir, 'data'),
  EXECUTION_LOG_LEVEL: 'fatal',
};
let server = await startServer(settings);
const proxy = await cuttingProxy(Number(port));

const enough = join(dir, 'enough');
const { id } = await server.submit({
  kind: 'shell',
  // An attempt ends by the kill of its server only, however far behind those who follow are; the last one when all was seen.
  command: `i=0; until [ -e ${enough} ]; do i=$((i + 1)); echo $EXECUTION_ATTEMPT.$i; sleep 0.01; done`,
  retry: { attempts: RESTARTS + 1, min_ms: 1, max_ms: 100 },
  retry_safe: true,
});
const outageMs = 600_000;
const followed = { client: '', cli: '' };
const byClient = (async () => {
  for await (const { bytes } of connect({ url: proxy.url, outageMs }).follow(id))
    followed.client += Buffer.from(bytes).toString();
})();
const cli = cliAt({ teardown: () => undefined }, proxy.url);
const child = execa(process.execPath, [CLI, 'logs', '-f', '-q', id], {
  ...{ extendEnv: false, env: cli.env, buffer: false, reject: false },
  stdio: ['ignore', 'pipe', 'inherit'],
});
child.stdout.setEncoding('utf8').on('data', (text: string) => (followed.cli += text));

const browser = await openBrowser();
if (browser === null)
  console.log('      the console is left out: there is no Chromium (apt-get install chromium)');
// Its programs come whole; then its connections are cut as those of the others are.
let isLoaded = false;
const forConsole = await cuttingProxy(Number(port), () => isLoaded);
const tab = browser === null ? null : await openTab(browser, `${forConsole.url}/executions/${id}`);
const hasShown = async (attempt: number): Promise<boolean> => {
  if (tab === null) return true;
  const [of = 0, line = 0] = ((await linesIn(tab.page)).at(-1) ?? '').split('.').map(Number);
  return of > attempt || (of === attempt && line >= LINES);
};
await until('the console shows lines', async () => tab === null || (await linesIn(tab.page)).length > 0);
isLoaded = true;

/** Until all have come so far in an attempt. */
const seen = (attempt: number) =>
  until(
    `all have seen attempt ${attempt}`,
    async () =>
      Object.values(followed).every((text) => text.includes(`\n${attempt}.${LINES}\n`)) &&
      (await hasShown(attempt)),
    300_000,
  );
for (let restart = 1; restart <= RESTARTS; restart++) {
  await seen(restart);
  await server.kill();
  server = await startServer(settings);
}
await seen(RESTARTS + 1);
const proxies = [proxy, ...(tab === null ? [] : [forConsole])];
await until(
  `${CUTS} connections of each are cut`,
  () => proxies.every(({ cuts }) => cuts() >= CUTS),
  600_000,
);
writeFileSync(enough, '');
await byClient;
check(!(await child).failed, 'the command line ends well');
const raw = await (await fetch(`${server.url}/v1/executions/${id}/logs?format=raw`)).text();
const lines = raw.split('\n').filter((line) => line !== '');
check(new Set(lines).size === lines.length, `${lines.length} lines, each of its own`);
check(
  lines.at(-1)?.startsWith(`${RESTARTS + 1}.`) === true,
  `${RESTARTS} restarts: the last line is ${lines.at(-1)}`,
);
check(proxy.cuts() >= CUTS, `${proxy.cuts()} connections were cut`);
check(followed.client === raw, `the client has every byte once: ${followed.client.length} of ${raw.length}`);
check(followed.cli === raw, `the command line has every byte once: ${followed.cli.length} of ${raw.length}`);
if (tab !== null && browser !== null) {
  const { page, problems } = tab;
  await page.getByText(`${lines.length.toLocaleString('en')} lines`).waitFor();
  await page.evaluate('navigator.clipboard.writeText = async (text) => { window.copied = text; }');
  await page.getByRole('button', { name: 'Copy the log' }).click();
  const copied = await page.evaluate('window.copied').then(String);
  check(forConsole.cuts() >= CUTS, `${forConsole.cuts()} connections of the console were cut`);
  check(
    copied.trimEnd() === raw.trimEnd(),
    `the console has every line once: ${copied.length} of ${raw.length}`,
  );
  check(problems.length === 0, `nothing goes wrong in the page ${problems.join(' | ')}`);
  await browser.close();
}
for (const one of [proxy, forConsole]) one.close();
await server.stop();
finish();

/** Cuts connections after some bytes, until there were enough; what the server cannot be reached for counts as none. */
async function cuttingProxy(
  target: number,
  isCutting = () => true,
): Promise<{ url: string; cuts: () => number; close: () => void }> {
  const sockets = new Set<Socket>();
  let cuts = 0;
  const listening = createServer((socket) => {
    const upstream = connectTcp(target, '127.0.0.1');
    for (const one of [socket, upstream]) {
      sockets.add(one);
      one.on('error', () => undefined).on('close', () => sockets.delete(one));
    }
    socket.pipe(upstream);
    let left = cuts < CUTS ? 800 + (cuts % 7) * 400 : Infinity;
    upstream.on('data', (bytes: Buffer) => {
      if (!isCutting()) {
        socket.write(bytes);
        return;
      }
      socket.write(bytes.subarray(0, left));
      left -= bytes.length;
      if (left > 0 || socket.destroyed) return;
      cuts += 1;
      socket.resetAndDestroy();
      upstream.destroy();
    });
    upstream.on('close', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port: own } = listening.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${own}`,
    cuts: () => cuts,
    close: () => {
      for (const one of sockets) one.destroy();
      listening.close();
    },
  };
}
