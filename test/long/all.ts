// All longer checks, one after the other, each within a bound: `npm run test:long [NAME…]`. The last line is
// `N passed, N failed`; what a check that failed has said last stands above it.
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

/** Minutes. The longest take a third of it on two cores. */
const BOUND_MIN = 30;
const LAST_LINES = 40;

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
const all = Object.keys(scripts)
  .filter((name) => name.startsWith('test:') && name !== 'test:long')
  .map((name) => name.slice('test:'.length));

interface Ended {
  /** Null: it has passed. */
  problem: string | null;
  seconds: number;
  log: string;
}

async function run(name: string, dir: string): Promise<Ended> {
  const begun = performance.now();
  const log = join(dir, `${name}.log`);
  const file = { file: log, append: true };
  // Nothing of it is left when it takes too long, or when this ends.
  const end = await execa('npm', ['run', '--silent', `test:${name}`], {
    ...{ reject: false, timeout: BOUND_MIN * 60_000, killSignal: 'SIGKILL', killDescendants: true },
    stdio: ['ignore', file, file],
  });
  const problem = end.timedOut
    ? `took longer than ${BOUND_MIN} min`
    : end.failed
      ? `ended with ${end.exitCode ?? end.signal}`
      : null;
  return { problem, seconds: Math.round((performance.now() - begun) / 1000), log };
}

const names = process.argv.slice(2);
const unknown = names.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`test:long: ${unknown.join(', ')}: no such check. There are: ${all.join(', ')}`);
  process.exit(64);
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const dir = mkdtempSync(join(tmpdir(), 'execd-long-logs-'));
console.log(`What each check says is in ${dir}.`);
const chosen = names.length > 0 ? names : all;
let failed = 0;
for (const name of chosen) {
  console.log(`      test:${name}`);
  const { problem, seconds, log } = await run(name, dir);
  if (problem === null) {
    console.log(`  ok  test:${name} (${seconds} s)`);
    continue;
  }
  failed += 1;
  console.log(`FAIL  test:${name} ${problem} (${seconds} s):`);
  for (const line of readFileSync(log, 'utf8').trimEnd().split('\n').slice(-LAST_LINES))
    console.log(`      ${line}`);
}
console.log(`${chosen.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
