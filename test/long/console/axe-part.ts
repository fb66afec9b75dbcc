// axe on every screen and every dialog, in both themes, on a desk and on a phone.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { check } from '../support.ts';
import { DESKTOP, PHONE } from './browser.ts';
import { type Screen, screensOf } from './pages.ts';
import type { Part, World } from './world.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const FINDINGS = `axe.run().then(({ violations }) => violations.map(({ id, nodes }) =>
  id + ': ' + nodes.slice(0, 3).map(({ html }) => html.slice(0, 120)).join(' | ')))`;

const axe: Part = async (world) => {
  for (const colorScheme of ['light', 'dark'] as const)
    for (const viewport of [DESKTOP, PHONE])
      for (const screen of screensOf(world.shown)) {
        const where = `axe: ${screen.name}, ${colorScheme}, ${viewport.width} px`;
        await findings(world, screen, { colorScheme, viewport }).then(
          (found) => check(found.length === 0, [where, ...found].join('\n      ')),
          (error: unknown) => check(false, `${where}: ${(error as Error).message}`),
        );
      }
};

async function findings(
  { open }: World,
  { path, ready, act }: Screen,
  look: { colorScheme: 'light' | 'dark'; viewport: typeof DESKTOP },
): Promise<string[]> {
  const { page, close } = await open(path, { ...look, bypassCSP: true });
  try {
    await page.locator(ready).first().waitFor();
    await act?.(page);
    await page.evaluate(AXE);
    return await page.evaluate<string[]>(FINDINGS);
  } finally {
    await close();
  }
}

export const AXE_PARTS: Record<string, Part> = { axe };
