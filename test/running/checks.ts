// Commands that must succeed; each counts as one test.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { measure } from './cost.ts';
import { CACHE, type Report } from './report.ts';

export type Command = readonly [name: string, program: string, ...args: string[]];

/** Tests start what these make, so that they come first. The types are checked apart from the build. */
export const BUILDS: readonly Command[] = [
  ['the project builds', 'tsc', '-p', 'tsconfig.build.json', '--noCheck'],
  ['the native host builds where there is a compiler', 'sh', 'scripts/build-native.sh', '--if-possible'],
];

/** By content: a fresh clone has other times than the one before. */
const cached = (name: string) => [
  '--cache',
  '--cache-location',
  join(CACHE, name),
  '--cache-strategy',
  'content',
];
const TYPES = ['--incremental', '--tsBuildInfoFile', join(CACHE, 'types.json')];

/**
 * The others run beside the tests, the longest first. A first run, as on a fresh clone, looks at everything; later ones
 * look at what has changed since. Of single files, only those are looked at that a program knows.
 */
export function checksOf(files: readonly string[]): readonly Command[] {
  const isAll = files.includes('.');
  const code = isAll ? files : files.filter((file) => /\.[cm]?[jt]s$/.test(file));
  const prettier = ['--check', '--log-level', 'warn', '--ignore-unknown', ...cached('prettier')];
  const checks: [Command, boolean][] = [
    [['the code is linted', 'eslint', '--no-warn-ignored', ...cached('eslint'), ...code], code.length > 0],
    [['the types fit', 'tsc', '-p', 'tsconfig.json', ...TYPES], code.length > 0],
    [['the code is formatted', 'prettier', ...prettier, ...files], true],
    [
      ['the arrows between the rooms hold', 'depcruise', '--config', '.dependency-cruiser.cjs', 'src'],
      isAll || code.some((file) => file.startsWith('src/')),
    ],
  ];
  return checks.flatMap(([command, isNeeded]) => (isNeeded ? [command] : []));
}

export const SANITIZED: Command = [
  'it builds with its checks',
  ...(['sh', 'scripts/build-native.sh', '--sanitize', '--if-possible'] as const),
];

const TIMEOUT_MS = 900_000;

export async function check(report: Report, [name, program, ...args]: Command): Promise<void> {
  const cost = measure();
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await new Promise<number | null>((resolve) => {
    child.on('error', (error) => {
      said += error.message;
      resolve(null);
    });
    child.on('close', resolve);
  });
  report.took(`${program}: ${name}`, cost());
  report.test(code === 0, name, said.slice(-20_000));
}
