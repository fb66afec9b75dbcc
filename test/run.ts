// The one test command: checks and tests beside each other. The last line is `N passed, N failed`.
//
//   node test/run.ts                      everything but the list of faults
//   node test/run.ts test/http            the test files whose paths begin so
//   node test/run.ts --changed [COMMIT]   what concerns the files that differ from a commit (default: HEAD)
//   node test/http/logs.test.ts           one file, as TAP
import { availableParallelism } from 'node:os';
import { globSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { concerned } from './running/changed.ts';
import { BUILDS, check, checksOf, type Command } from './running/checks.ts';
import { type Job, runLane } from './running/queue.ts';
import { CACHE, lastTimes, Report } from './running/report.ts';

// Node keeps what it has compiled; servers that tests start use it, too.
process.env.NODE_COMPILE_CACHE = resolve(join(CACHE, 'compiled'));

/** Tests wait most of their time: for processes, disks and each other. */
const LANES = 3 * availableParallelism();

/** What needs longer has commands of its own: `npm run test:faults`, `npm run test:postgres`. */
const APART = ['test/faults/', 'test/postgres/'];

const times = lastTimes();
/** The longest first, so that none runs alone at the end; a file that has never run here counts by its size. */
const weightOf = (file: string) => times[file]?.wall ?? statSync(file).size / 1000;

function chosen(args: string[]): { checks: readonly Command[]; files: string[] } {
  const all = globSync('test/**/*.test.ts');
  if (args[0] === '--changed') {
    const { changed, tests, left } = concerned(args[1] ?? 'HEAD', times);
    if (left.length > 0) console.log(`Not run, although they use what has changed: ${left.join(' ')}\n`);
    return { checks: changed.length === 0 ? [] : checksOf(changed), files: tests };
  }
  if (args.length > 0)
    return { checks: [], files: all.filter((file) => args.some((prefix) => file.startsWith(prefix))) };
  return { checks: checksOf(['.']), files: all.filter((file) => !APART.some((dir) => file.startsWith(dir))) };
}

const report = new Report();
const { checks, files } = chosen(process.argv.slice(2));
files.sort((a, b) => weightOf(b) - weightOf(a));
const jobs: Job[] = [
  ...checks.map((one): Job => ({ kind: 'check', run: () => check(report, one) })),
  ...files.map((file): Job => ({ kind: 'file', file })),
];
const builds = jobs.length === 0 ? [] : BUILDS;
const built = Promise.all(builds.map((one) => check(report, one))).then(() => undefined);
await Promise.all(Array.from({ length: LANES }, () => runLane(report, jobs, built)));
await built;
process.exitCode = report.finish() ? 0 : 1;
