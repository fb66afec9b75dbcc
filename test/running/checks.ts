// Commands that must succeed; each counts as one test.
import { spawn } from 'node:child_process';
import { measure } from './cost.ts';
import type { Report } from './report.ts';

export type Command = readonly [name: string, program: string, ...args: string[]];

/** Tests start what these make, so that they come first. */
export const BUILDS: readonly Command[] = [
  ['the programs build', 'node', 'scripts/bundle.ts'],
  ['the native host builds where there is a compiler', 'sh', 'scripts/build-native.sh', '--if-possible'],
];

/** The others run beside the tests, the longest first. Of single files, only those are looked at that a program knows. */
export function checksOf(files: readonly string[]): readonly Command[] {
  const isAll = files.includes('.');
  const code = isAll ? [] : files.filter((file) => /\.[cm]?[jt]sx?$/.test(file));
  const isCode = isAll || code.length > 0;
  const isConsole = code.some((file) => /^(console|src\/client)\//.test(file));
  const checks: [Command, boolean][] = [
    // Beside tests there is no other core for it, and threads that share a program check parts of it twice.
    [['the types fit', 'tsc', '-p', 'tsconfig.json', '--singleThreaded'], isCode],
    [
      ['the types of the console fit', 'tsc', '-p', 'console/tsconfig.json', '--singleThreaded'],
      isAll || isConsole,
    ],
    [['the code is linted', 'oxlint', ...code], isCode],
    [['the code is formatted', 'oxfmt', '--check', '--no-error-on-unmatched-pattern', ...files], true],
    [
      [
        'the arrows between the rooms hold',
        'depcruise',
        '--config',
        '.dependency-cruiser.cjs',
        'src',
        'console',
      ],
      isAll || code.some((file) => /^(src|console)\//.test(file)),
    ],
  ];
  return checks.flatMap(([command, isNeeded]) => (isNeeded ? [command] : []));
}

const TIMEOUT_MS = 900_000;

export async function check(report: Report, [name, program, ...args]: Command): Promise<void> {
  const cost = measure();
  // The compiler of TypeScript is a Go program, which collects garbage less often so: a tenth of its time.
  const env = { GOGC: '400', ...process.env };
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS });
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
