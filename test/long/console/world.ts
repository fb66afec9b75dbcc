// What each part of the tests of the console works with.
import type { Browser } from 'playwright-core';
import { check, type Server } from '../support.ts';
import type { openTab, Tab } from './browser.ts';
import type { Shown } from './data.ts';

export interface World {
  browser: Browser;
  server: Server;
  shown: Shown;
  /** Opens a page of the console; problems of it are checked when it is closed. */
  open(path: string, options?: Parameters<typeof openTab>[2]): Promise<Tab>;
}

export type Part = (world: World) => Promise<void>;

export async function closed(tab: Tab, what: string): Promise<void> {
  check(tab.problems.length === 0, `${what}: nothing goes wrong in the page ${tab.problems.join(' | ')}`);
  await tab.close();
}
