// The documents across `kill -9`: a reader types their commands, and after each of them the server is killed and started again in the
// same place. What stands below each command must come all the same. Where a kill ends a process, its execution must be told as lost,
// its log must have what was written, nothing of it may live; the page then begins again and is spared that kill.
//
//   npm run test:jobs                           all pages
//   npm run test:jobs -- docs/concepts/waits.md   these pages
import { globSync, readFileSync } from 'node:fs';
import {
  missingIn,
  NPM_START,
  pattern,
  readersCheckout,
  SETTINGS,
  Shell,
  stepsOf,
  withFiles,
} from '../helpers/console-blocks.ts';
import { Scope } from '../helpers/lifetime.ts';
import { withEnvironment } from '../helpers/processes.ts';
import { server, type ServerProcess } from '../helpers/server-process.ts';
import { midway } from './jobs-midway.ts';
import { check, finish, freePort } from './support.ts';

/** Needs a root directory: test/long/untrusted.ts. Its last command lets nobody in who has no key. */
const APART = ['docs/guides/untrusted-python.md', 'docs/operate/api-keys.md'];
/** Counters begin at 0 when the server starts: test/project/readme.test.ts compares them. */
const COUNTERS = /localhost:8080\/(metrics|v1\/cache;)/;
const pages = process.argv.slice(2);
const all = ['README.md', ...globSync('docs/**/*.md').sort()].filter((page) => !APART.includes(page));

interface Lost {
  id: string;
  outcome: { cause: string; process?: object | null } | null;
  attempts: { number: number }[];
}

/** What kills have ended, of a server that has started again: also where it was being cancelled, and nobody saw the end. */
async function lostAt(it: ServerProcess): Promise<Lost[]> {
  const { items } = await it.get<{ items: Lost[] }>('/v1/executions?status=failed,cancelled&limit=1000');
  return items.filter(
    ({ outcome, attempts }) =>
      outcome?.cause === 'lost' ||
      (outcome?.cause === 'cancelled' && outcome.process === null && attempts.length > 0),
  );
}

/** A kill that comes while a process runs ends it. True when it is told so, and nothing of it lives. */
async function isToldOf({ id, outcome }: Lost, it: ServerProcess): Promise<boolean> {
  const why = await it.get<{ summary?: string }>(`/v1/executions/${id}/explain`);
  const log = await fetch(`${it.url}/v1/executions/${id}/logs?format=ndjson`);
  await log.text();
  return (
    log.ok &&
    JSON.stringify(why).includes(outcome?.cause ?? 'lost') &&
    withEnvironment(`EXECUTION_ID=${id}`).length === 0
  );
}

/**
 * Types the commands of a page. Kills the server after each command but the last, except after the ones whose index is in `spared`.
 * Answers the index of the command whose kill has ended a process, or null when the page has been typed to its end.
 */
async function typed(page: string, spared: ReadonlySet<number>): Promise<number | null> {
  const text = readFileSync(page, 'utf8');
  const steps = stepsOf(text);
  const scope = new Scope();
  try {
    const dir = withFiles(readersCheckout(scope), text);
    const port = await freePort();
    const start = () =>
      server(scope, { EXECUTION_PORT: port, ...SETTINGS[page] }, { program: NPM_START, cwd: dir });
    let it = await start();
    let kills = 0;
    const shell = new Shell(scope, it.url, dir);
    for (const [i, { command, expected }] of steps.entries()) {
      const said = await shell.run(command);
      if (!COUNTERS.test(command) && !pattern(expected).test(said)) {
        check(false, `${page}, command ${i + 1}: ${command}\nexpected: ${expected}\nanswered: ${said}`);
        return null;
      }
      if (i === steps.length - 1 || spared.has(i)) continue;
      kills += 1;
      it.signal('SIGKILL');
      await it.ended();
      it = await start();
      const lost = await lostAt(it);
      if (lost.length === 0) continue;
      for (const one of lost)
        check(
          await isToldOf(one, it),
          `${page}: what ran after command ${i + 1} is told as lost, and is gone`,
        );
      return i;
    }
    check(true, `${page}: ${steps.length} commands, ${kills} kills between them`);
    return null;
  } finally {
    await scope.end();
  }
}

for (const page of pages.length > 0 ? pages : all) {
  const steps = stepsOf(readFileSync(page, 'utf8'));
  const missing = missingIn(steps);
  if (steps.length === 0) continue;
  if (missing.length > 0) {
    check(false, `${page}: apt-get install ${missing.join(' ')}`);
    continue;
  }
  const spared = new Set<number>();
  for (let at = await typed(page, spared); at !== null; at = await typed(page, spared)) spared.add(at);
}
if (pages.length === 0) await midway();
finish();
