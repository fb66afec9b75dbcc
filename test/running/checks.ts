// Commands that must succeed; each counts as one test.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { measure } from './cost.ts';
import { CACHE, type Report } from './report.ts';

type Command = readonly [name: string, program: string, ...args: string[]];

/** Tests start what these make, so that they come first. The types are checked apart from the build. */
export const BUILDS: readonly Command[] = [
  ['the project builds', 'tsc', '-p', 'tsconfig.build.json', '--noCheck'],
  ['the native host builds where there is a compiler', 'sh', 'scripts/build-native.sh', '--if-possible'],
];

const cached = (name: string) => ['--cache', '--cache-location', join(CACHE, name)];
const TYPES = ['--incremental', '--tsBuildInfoFile', join(CACHE, 'types.json')];
const NOT_FOUND = '--no-error-on-unmatched-pattern';

/**
 * The others run beside the tests, the longest first. A first run, as on a fresh clone, looks at everything; later ones
 * look at what has changed since.
 */
export function checksOf(files: readonly string[]): readonly Command[] {
  return [
    ['the code is linted', 'eslint', ...cached('eslint'), '--cache-strategy', 'content', NOT_FOUND, ...files],
    ['the types fit', 'tsc', '-p', 'tsconfig.json', ...TYPES],
    [
      'the code is formatted',
      ...['prettier', '--check', '--log-level', 'warn', ...cached('prettier'), '--cache-strategy', 'content'],
      ...[NOT_FOUND, ...files],
    ] as unknown as Command,
    ['the arrows between the rooms hold', 'depcruise', '--config', '.dependency-cruiser.cjs', 'src'],
  ];
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
