// What open consoles cost the server: its processor time with 100 of them and without, idle and while executions end all the time.
// They are their requests, without browsers; a console in Chromium, where there is one, shows that these are the right ones.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openBrowser, openTab } from './console/browser.ts';
import {
  check,
  finish,
  freePort,
  megabytes,
  memoryOf,
  scratch,
  type Server,
  startServer,
} from './support.ts';

const CONSOLES = 100;
const SECONDS = 20;
/** Executions in a second, while it is busy. */
const RATE = 5;
/** As in console/src/live/stats-ring.ts and console/src/executions/use-executions.ts. */
const [BUSY_MS, QUIET_MS, REFRESH_MS, WHOLE_MS] = [2000, 10_000, 1000, 15_000];
const TICKS_PER_SECOND = 100;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Processor time of a process and of the children it waited for, seconds. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

let requests = 0;

async function get(url: string): Promise<string> {
  requests += 1;
  return (await fetch(url)).text();
}

/** The requests of a console that shows the list, until the signal. */
async function openOne({ url }: Server, signal: AbortSignal): Promise<void> {
  await get(`${url}/v1/me`);
  await get(`${url}/v1/executions?limit=100`);
  const news = { forList: false, forStats: false };
  const events = (async () => {
    const { body } = await fetch(`${url}/v1/events?after=now`, { signal });
    for await (const piece of body as unknown as AsyncIterable<Uint8Array>)
      if (Buffer.from(piece).includes('data:')) Object.assign(news, { forList: true, forStats: true });
  })().catch(() => undefined);
  let [statsAt, listAt, wholeAt] = [0, 0, Date.now()];
  while (!signal.aborted) {
    const now = Date.now();
    if (now - statsAt >= (news.forStats ? BUSY_MS : QUIET_MS)) {
      statsAt = now;
      news.forStats = false;
      await get(`${url}/v1/stats`);
    }
    if (news.forList && now - listAt >= REFRESH_MS) {
      news.forList = false;
      listAt = now;
      const isWhole = now - wholeAt > WHOLE_MS;
      if (isWhole) wholeAt = now;
      const after = isWhole ? '' : `&created_after=${new Date(now - 2000).toISOString()}`;
      await get(`${url}/v1/executions?limit=100${after}`);
    }
    await sleep(200 + Math.random() * 100);
  }
  await events;
}

/** Cores that the server uses meanwhile. */
async function coresOf(server: Server, isBusy: boolean): Promise<number> {
  const before = cpuOf(server.pid);
  const end = Date.now() + SECONDS * 1000;
  for (let i = 0; Date.now() < end; i++) {
    if (isBusy) await server.submit({ kind: 'exec', program: 'true', labels: { round: String(i) } });
    await sleep(isBusy ? 1000 / RATE : 500);
  }
  return (cpuOf(server.pid) - before) / SECONDS;
}

const server = await startServer({
  EXECUTION_DATA_DIR: join(scratch(), 'data'),
  EXECUTION_PORT: await freePort(),
});
for (let i = 0; i < 100; i++) await server.submit({ kind: 'exec', program: 'true' });
const alone = { idle: await coresOf(server, false), busy: await coresOf(server, true) };
const memory = memoryOf(server.pid);
const stop = new AbortController();
const consoles = Array.from({ length: CONSOLES }, () => openOne(server, stop.signal));
await sleep(3000);
requests = 0;
const watched = { idle: await coresOf(server, false), busy: 0 };
const idleRequests = requests / CONSOLES;
requests = 0;
watched.busy = await coresOf(server, true);
const busyRequests = requests / CONSOLES;
const more = memoryOf(server.pid) - memory;
stop.abort();
await Promise.all(consoles);
const shown = (cores: number) => cores.toFixed(3);
console.log(
  `      idle: ${shown(alone.idle)} of a core without, ${shown(watched.idle)} with ${CONSOLES} consoles (${idleRequests.toFixed(1)} requests each in ${SECONDS} s)\n` +
    `      busy, ${RATE} executions a second: ${shown(alone.busy)} without, ${shown(watched.busy)} with (${busyRequests.toFixed(1)} requests each): ${(watched.busy / alone.busy).toFixed(1)} times as much\n` +
    `      memory: ${megabytes(more)} more, ${(more / CONSOLES / 1e3).toFixed(0)} kB a console`,
);
check(watched.idle < 0.5, 'idle consoles leave the server idle');
check(more < 200e6, 'and its memory bounded');

const browser = await openBrowser();
if (browser === null) console.log('skipped: there is no Chromium to compare with');
else {
  const tab = await openTab(browser, server.url);
  await tab.page.locator('.table-body .row').first().waitFor();
  let seen = 0;
  tab.page.on('request', () => (seen += 1));
  await coresOf(server, true);
  console.log(`      a console in Chromium made ${seen} requests while it was busy`);
  check(seen <= busyRequests * 1.5 + 5, 'which is what the others did');
  await browser.close();
}
await server.stop();
finish();
