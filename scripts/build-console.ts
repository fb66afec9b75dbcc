// Builds the web console (console/) into dist/console, unless that is newer than its sources.
//
//   node scripts/build-console.ts                  fails if it cannot
//   ... --if-possible    before a start: without it the server starts, too, and its page says what to do
import { globSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = `${root}dist/console/index.html`;
const sources = ['console/**/*', 'src/client/*.ts', 'package-lock.json', 'scripts/build-console.ts'];

const changedAt = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

function isBuilt(): boolean {
  const builtAt = changedAt(target);
  return globSync(sources, { cwd: root }).every((path) => changedAt(root + path) <= builtAt);
}

/** Of the packages for development, which a production install leaves out. */
async function build(): Promise<void> {
  const vite = await import('vite');
  console.error('Building the web console (some seconds) …');
  await vite.build({ configFile: `${root}console/vite.config.ts`, logLevel: 'warn' });
}

if (!isBuilt()) {
  try {
    await build();
  } catch (error) {
    console.error(`dist/console was not built: ${(error as Error).message.split('\n')[0]}`);
    if (!process.argv.includes('--if-possible')) process.exitCode = 1;
  }
}
