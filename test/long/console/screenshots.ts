// Pictures of each screen, light and dark: `npm run screenshots` makes those of the documents in docs/images, and
//
//   npm run screenshots -- --all      of every screen and dialog, on a desk and on a phone, in build/screenshots
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { freePort, scratch, type Server, startServer } from '../support.ts';
import { DESKTOP, openBrowser, openTab, PHONE } from './browser.ts';
import { fill, NETWORK, type Shown } from './data.ts';
import { type Screen, screensOf } from './pages.ts';

const OUT = 'docs/images';
const ALL = 'build/screenshots';
const THEMES = ['light', 'dark'] as const;
const SIZES = { desktop: DESKTOP, phone: PHONE };
/** What a plot needs to be more than a point. */
const WHILE_MS = 20_000;

/** Those that the documents show, and how large. */
const SHOWN: Record<string, typeof DESKTOP> = {
  ...{
    executions: DESKTOP,
    execution: DESKTOP,
    live: PHONE,
    plan: DESKTOP,
    system: DESKTOP,
    submit: DESKTOP,
  },
  ...{ approvals: DESKTOP, approval: PHONE, schedules: DESKTOP, files: DESKTOP, why: PHONE, pauses: DESKTOP },
  ...{ operations: DESKTOP, webhooks: DESKTOP, runners: DESKTOP, halfway: DESKTOP },
};

/** The list with its plot is what the documents show of it. */
function pathOf({ name, path }: Screen): string {
  return name === 'executions' ? '/?plot=1' : path;
}

/** Those that show what happens while they are open. */
const LIVE = ['executions', 'live', 'system'];

/** Until nothing on the page is being loaded. */
const loaded = (page: Page) => page.waitForFunction(`document.querySelector('.state .pulse') === null`);

/** While its live pages are open, things happen on the server. */
async function forDocuments(browser: Browser, server: Server, shown: Shown): Promise<void> {
  mkdirSync(OUT, { recursive: true });
  const screens = screensOf(shown).filter(({ name }) => name in SHOWN);
  for (const colorScheme of THEMES) {
    const opened = async (screen: Screen) => {
      const look = { colorScheme, viewport: SHOWN[screen.name] ?? DESKTOP };
      return { screen, tab: await openTab(browser, server.url + pathOf(screen), look) };
    };
    const live = await Promise.all(screens.filter(({ name }) => LIVE.includes(name)).map(opened));
    for (const _ of Array.from({ length: 8 })) {
      const command = 'echo "Compiling 214 modules"; sleep 0.8';
      await server.finished((await server.submit({ kind: 'shell', command })).id);
      await new Promise((resolve) => setTimeout(resolve, WHILE_MS / 8));
    }
    const drawn = async ({ screen, tab }: Awaited<ReturnType<typeof opened>>) => {
      await tab.page.bringToFront();
      await tab.page.locator(screen.ready).first().waitFor();
      await screen.act?.(tab.page);
      await loaded(tab.page);
      await tab.page.screenshot({ path: join(OUT, `${screen.name}-${colorScheme}.png`) });
      await tab.close();
    };
    for (const one of live) await drawn(one);
    for (const screen of screens) if (!LIVE.includes(screen.name)) await drawn(await opened(screen));
  }
}

/** Returns how many could not be made. */
async function ofAll(browser: Browser, server: Server, shown: Shown): Promise<number> {
  rmSync(ALL, { recursive: true, force: true });
  mkdirSync(ALL, { recursive: true });
  let failures = 0;
  for (const [size, viewport] of Object.entries(SIZES))
    for (const colorScheme of THEMES)
      for (const { name, path, ready, act } of screensOf(shown)) {
        const tab = await openTab(browser, server.url + path, { colorScheme, viewport });
        try {
          await tab.page.locator(ready).first().waitFor();
          await act?.(tab.page);
          await loaded(tab.page);
        } catch (error) {
          failures += 1;
          console.error(`${name}, ${size}, ${colorScheme}: ${(error as Error).message}`);
        }
        await tab.page.screenshot({ path: join(ALL, `${name}-${size}-${colorScheme}.png`) });
        await tab.close();
      }
  return failures;
}

const browser = await openBrowser();
if (browser === null) {
  console.error('screenshots: there is no Chromium (apt-get install chromium, or set CHROMIUM to its path)');
  process.exit(1);
}
const server = await startServer({
  EXECUTION_DATA_DIR: join(scratch(), 'data'),
  EXECUTION_PORT: await freePort(),
  EXECUTION_MAX_CONCURRENT: '8',
  EXECUTION_SANDBOX_NETWORK: NETWORK,
});
const shown = await fill(server);
if (process.argv.includes('--all')) process.exitCode = (await ofAll(browser, server, shown)) === 0 ? 0 : 1;
else await forDocuments(browser, server, shown);
await browser.close();
await server.kill();
