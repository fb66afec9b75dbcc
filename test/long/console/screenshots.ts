// Pictures of each screen, light and dark, for the documents: `npm run screenshots`.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, scratch, startServer } from '../support.ts';
import { DESKTOP, openBrowser, openTab, PHONE } from './browser.ts';
import { fill } from './data.ts';

const OUT = 'docs/images';
/** What a plot needs to be more than a point. */
const WHILE_MS = 20_000;

const browser = await openBrowser();
if (browser === null) {
  console.error('screenshots: there is no Chromium (apt-get install chromium, or set CHROMIUM to its path)');
  process.exit(1);
}
mkdirSync(OUT, { recursive: true });
const server = await startServer({
  EXECUTION_DATA_DIR: join(scratch(), 'data'),
  EXECUTION_PORT: await freePort(),
  EXECUTION_MAX_CONCURRENT: '8',
});
const shown = await fill(server);
const SCREENS = {
  executions: { path: '/?plot=1', viewport: DESKTOP },
  execution: { path: `/executions/${shown.failed}`, viewport: DESKTOP },
  live: { path: `/executions/${shown.running}`, viewport: PHONE },
  plan: { path: `/plans/${shown.plan}`, viewport: DESKTOP },
  system: { path: '/system', viewport: DESKTOP },
  submit: { path: '/submit', viewport: DESKTOP },
  approvals: { path: '/approvals', viewport: DESKTOP },
  approval: { path: `/plans/${shown.waiting}?step=go`, viewport: PHONE },
  schedules: { path: '/schedules', viewport: DESKTOP },
  files: { path: `/executions/${shown.files}?tab=files`, viewport: DESKTOP },
  why: { path: `/executions/${shown.failed}?tab=why`, viewport: PHONE },
  pauses: { path: '/system?tab=pauses', viewport: DESKTOP },
} as const;
for (const colorScheme of ['light', 'dark'] as const) {
  const tabs = await Promise.all(
    Object.entries(SCREENS).map(async ([name, { path, viewport }]) => ({
      name,
      tab: await openTab(browser, server.url + path, { colorScheme, viewport }),
    })),
  );
  for (const _ of Array.from({ length: 8 })) {
    await server.finished(
      (await server.submit({ kind: 'shell', command: 'echo "Compiling 214 modules"; sleep 0.8' })).id,
    );
    await new Promise((resolve) => setTimeout(resolve, WHILE_MS / 8));
  }
  for (const { name, tab } of tabs) {
    await tab.page.bringToFront();
    await tab.page.screenshot({ path: `${OUT}/${name}-${colorScheme}.png` });
    await tab.close();
  }
}
await browser.close();
await server.kill();
