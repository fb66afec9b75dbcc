// A browser for the console: Chromium of the system. What goes wrong in a page, in its script or in its console, is kept.
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const PATHS = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];
const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

/** Null where there is no Chromium. */
export async function openBrowser(): Promise<Browser | null> {
  const executablePath = PATHS.find((path) => path !== undefined && existsSync(path));
  return executablePath === undefined ? null : chromium.launch({ executablePath, args: ARGS });
}

export interface Tab {
  page: Page;
  /** Errors of its scripts, and what the browser has refused it. */
  problems: string[];
  close(): Promise<void>;
}

export async function openTab(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Tab> {
  const context = await browser.newContext({ viewport: DESKTOP, colorScheme: 'light', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('dialog', (dialog) => {
    problems.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('console', (message) => {
    // A request that is refused, or not answered while the server is away, is no fault of the page.
    if (message.type() === 'error' && !message.text().includes('Failed to load resource'))
      problems.push(message.text());
  });
  await page.goto(url);
  return { page, problems, close: () => context.close() };
}

/** The text of the lines of a log that are in the page. */
export async function linesIn(page: Page): Promise<string[]> {
  return page.locator('.log-row .log-text').allTextContents();
}
