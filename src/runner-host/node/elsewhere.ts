// Looking for a program, and starting it, in a process other than this host: on a disk that does not answer only that one
// waits. It is a shell, so that it is small.
import { spawn } from 'node:child_process';
import type { Start } from '../protocol.ts';

/** What a look can find, by how the shell that looks ends. */
const FOUND = {
  noDirectory: 20,
  notDirectory: 21,
  closedDirectory: 22,
  marked: 23,
  noInterpreter: 24,
  notExecutable: 25,
  noProgram: 26,
} as const;
export type Found = keyof typeof FOUND | 'all';
const NAMES = new Map<number | null, Found>(
  Object.entries(FOUND).map(([name, code]) => [code, name as keyof typeof FOUND]),
);

/** Looks at what a start looks at: the directory, the script, then each program, and what its first line names. */
const LOOK = `set -f
if [ -n "$1" ]; then
  [ -e "$1" ] || exit ${FOUND.noDirectory}
  [ -d "$1" ] || exit ${FOUND.notDirectory}
  cd "$1" || exit ${FOUND.closedDirectory}
fi
if [ -f "$2" ]; then
  case $(head -c 3 <"$2" | od -An -tx1) in
  " ef bb bf" | " ff fe"* | " fe ff"*) exit ${FOUND.marked} ;;
  esac
fi
shift 2
denied=
for file; do
  [ -e "$file" ] || continue
  [ -f "$file" ] && [ -x "$file" ] || { denied=1; continue; }
  for i in 1 2 3 4 5; do
    line=$(head -c 256 <"$file" | head -n 1 | tr -d '\\0')
    case $line in
    "#!"*) set -- \${line#??}; file=$1; [ -e "$file" ] || exit ${FOUND.noInterpreter} ;;
    *) exit 0 ;;
    esac
  done
  exit 0
done
[ -z "$denied" ] || exit ${FOUND.notExecutable}
exit ${FOUND.noProgram}`;

/**
 * What a process has found that looked at all that a start looks at; null when it was not needed any more, or could not be
 * made.
 */
export async function lookElsewhere(
  start: Start,
  files: readonly string[],
  notNeeded: Promise<void>,
): Promise<Found | null> {
  const looking = spawn('/bin/sh', ['-c', LOOK, 'sh', start.cwd, start.scriptFile, ...files], {
    cwd: '/',
    // With the mark of the host: who sweeps after it finds this one, too.
    env: { ...process.env, PATH: '/usr/bin:/bin' },
    stdio: 'ignore',
    detached: true,
  });
  const looked = new Promise<number | null>((resolve) => {
    looking.once('exit', resolve);
    looking.once('error', () => resolve(null));
  });
  const code = await Promise.race([looked, notNeeded.then(() => null)]);
  // Its own children, too.
  if (looking.pid !== undefined && looking.exitCode === null && looking.signalCode === null) {
    try {
      process.kill(-looking.pid, 'SIGKILL');
    } catch {
      // It has just ended.
    }
  }
  return code === 0 ? 'all' : (NAMES.get(code) ?? null);
}

/**
 * The program by which a start goes on that may hang: what it waits for, the host does not. A file that cannot be executed
 * after all ends it as it ends a shell, with 126 or 127.
 */
export const startElsewhere = ({ cwd, privateDir, program, args }: Start): [string, ...string[]] => [
  '/bin/sh',
  '-c',
  'cd -- "$1" || exit 126; shift; exec "$@"',
  'sh',
  cwd === '' ? privateDir : cwd,
  program,
  ...args,
];
