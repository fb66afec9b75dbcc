// The one test command: checks, then the tests, many files to a process, because a process of its own for each file costs
// more than the tests. The last line is `N passed, N failed`.
//
//   node test/run.ts                      everything
//   node test/run.ts test/http            the test files below a folder
//   node test/http/logs.test.ts           one file, as TAP
import { type ChildProcess, spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { Parser } from 'tap-parser';

/** Commands that must succeed; each counts as one test. */
const CHECKS = [
  ['the types fit', 'tsc', '-p', 'tsconfig.json'],
  ['the code is linted', 'eslint', '.'],
  ['the code is formatted', 'prettier', '--check', '--log-level', 'warn', '.'],
  ['the arrows between the rooms hold', 'depcruise', '--config', '.dependency-cruiser.cjs', 'src'],
  ['the project builds', 'tsc', '-p', 'tsconfig.build.json'],
  ['the native host builds where there is a compiler', 'sh', 'scripts/build-native.sh', '--if-possible'],
  ['it builds with its checks', 'sh', 'scripts/build-native.sh', '--sanitize', '--if-possible'],
] as const;

/** Folders whose files share a process; two lanes of them run beside each other. */
const LANES = [
  ['process', 'runner-host'],
  ['domain', 'operations', 'plans', 'engine', 'journal', 'store', 'runners', 'http', 'project'],
];
const GROUP_TIMEOUT_MS = 900_000;
/** A test that takes so long has its time stated. */
const SLOW_S = 3;

let passed = 0;
let failed = 0;

function report(isOk: boolean, name: string, detail = ''): void {
  if (isOk) passed += 1;
  else failed += 1;
  console.log(`${isOk ? '  ok ' : 'FAIL '} ${name}`);
  if (!isOk && detail !== '') console.log(detail.replace(/^/gm, '       '));
}

/** Runs a command; answers its exit code and what it said. */
async function run(
  command: readonly [string, ...string[]],
  onLine: ((child: ChildProcess) => void) | null,
): Promise<{ code: number | null; said: string }> {
  const [program, ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  if (onLine === null) child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  else onLine(child);
  const timer = setTimeout(() => child.kill('SIGKILL'), GROUP_TIMEOUT_MS);
  const code = await new Promise<number | null>((resolve) => {
    child.on('error', () => resolve(null));
    child.on('close', resolve);
  });
  clearTimeout(timer);
  return { code, said: said.slice(-20_000) };
}

async function check([name, program, ...args]: (typeof CHECKS)[number]): Promise<void> {
  const { code, said } = await run([program, ...args], null);
  report(code === 0, name, said);
}

interface Assertion {
  ok: boolean;
  name: string;
  /** Milliseconds. */
  time?: number | null;
  diag?: { diff?: string; source?: string; stack?: string } | null;
}

/** What helps to understand a failure. */
function describe(diag: Assertion['diag']): string {
  const { diff, source, stack } = diag ?? {};
  return `${diff ?? source ?? ''}\n${stack ?? ''}`;
}

async function testGroup(files: string[]): Promise<void> {
  let tests = 0;
  let failures = 0;
  const { code, said } = await run([process.execPath, 'test/helpers/files.ts', ...files], (child) => {
    const parser = new Parser();
    const details: string[] = [];
    const collect = (one: Parser, path: string) => {
      one.on('child', (nested: Parser) => collect(nested, `${path} > ${nested.name}`));
      one.on('assert', (assertion: Assertion) => {
        if (!assertion.ok) details.push(`${path} > ${assertion.name}\n${describe(assertion.diag)}`);
      });
    };
    parser.on('child', (nested: Parser) => collect(nested, nested.name));
    parser.on('assert', (assertion: Assertion) => {
      tests += 1;
      const { ok, name, time } = assertion;
      if (!ok) failures += 1;
      const seconds = Math.round((time ?? 0) / 1000);
      report(ok, seconds >= SLOW_S ? `${name} (${seconds} s)` : name, details.splice(0).join('\n'));
    });
    child.stdout?.pipe(parser);
  });
  const isClean = code === 0 || failures > 0;
  if (!isClean || tests === 0)
    report(false, `${files.join(' ')} ended with ${code} after ${tests} tests`, said);
}

const wanted = process.argv.slice(2);
if (wanted.length === 0) for (const one of CHECKS) await check(one);
await Promise.all(
  LANES.map(async (groups) => {
    for (const group of groups) {
      const files = globSync(`test/${group}/**/*.test.ts`).sort();
      const isWanted = (file: string) => wanted.some((prefix) => file.startsWith(prefix));
      const chosen = wanted.length === 0 ? files : files.filter(isWanted);
      if (chosen.length > 0) await testGroup(chosen);
    }
  }),
);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
