// Starts the process of an attempt, and tells apart why one cannot be started. The checks come first because the
// system's own answer is ambiguous: execve gives ENOENT for a missing program, a missing interpreter and a missing
// working directory alike.
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, existsSync, openSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { PrivateDirs } from './private-dirs.ts';
import { interpreterOf, isForShell, beginsWithMark, whyNotExecuted } from './program.ts';
import { type Found, startElsewhere } from './elsewhere.ts';
import { letGoFirst, limiter, whyUnlimited } from './limits.ts';
import type { StartFailure, Start } from '../protocol.ts';
import { SCALAR_FIELDS } from '../protocol.ts';

export class LaunchError extends Error {
  readonly reason: StartFailure;

  constructor(reason: StartFailure, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** The file that will be executed, and the directory that it will run in. */
export interface Target {
  file: string;
  cwd: string;
}

/**
 * Finds the program and checks the working directory, before anything is made.
 *
 * @throws LaunchError
 */
export function findTarget(start: Start): Target {
  const problem = start.limits === null ? null : whyUnlimited(start.limits);
  if (problem !== null) {
    const { limit, why } = problem;
    throw new LaunchError('limit_unavailable', `This machine cannot apply limits.${limit}: ${why}.`);
  }
  const cwd = start.cwd === '' ? start.privateDir : start.cwd;
  if (start.cwd !== '') checkDirectory(cwd);
  // A script file does not exist yet: it is written into its place just before the start.
  if (start.program === start.script?.path) return { file: start.program, cwd };
  const file = findProgram(start, cwd);
  checkScript(start);
  return { file, cwd };
}

/** An interpreter takes the mark for a part of the first line, which then does not do what it shows. */
function checkScript(start: Start): void {
  if (start.scriptFile !== '' && beginsWithMark(start.scriptFile)) throw markedScript(start);
}

const markedScript = ({ scriptFile, program }: Start) =>
  new LaunchError(
    'program_not_executable',
    `The script ${scriptFile} begins with a byte order mark, which ${JSON.stringify(program)} reads as a part of the first line: save the script as UTF-8 without it.`,
  );

/**
 * What another process has found that may wait for a disk in place of this one, in the words of `findTarget`.
 *
 * @throws LaunchError
 */
export function checkFound(start: Start, found: Exclude<Found, 'all'>): never {
  const { cwd, program } = start;
  switch (found) {
    case 'noDirectory':
      throw new LaunchError('cwd_not_found', `The working directory ${cwd} does not exist.`);
    case 'notDirectory':
      throw new LaunchError('cwd_not_directory', `The working directory ${cwd} is not a directory.`);
    case 'closedDirectory':
      throw inaccessible(cwd);
    case 'marked':
      throw markedScript(start);
    case 'notExecutable':
      throw new LaunchError('program_not_executable', `The program ${program} is not an executable file.`);
    case 'noInterpreter':
      throw new LaunchError('interpreter_not_found', `The interpreter that ${program} names was not found.`);
    case 'noProgram':
      if (program === start.script?.path)
        throw new LaunchError(
          'interpreter_not_found',
          'The interpreter that the script names was not found.',
        );
      throw new LaunchError('program_not_found', whyNotFound(program, pathOf(start)));
    default:
      return found satisfies never;
  }
}

function checkDirectory(cwd: string): void {
  let isDirectory;
  try {
    isDirectory = statSync(cwd).isDirectory();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES') throw inaccessible(cwd);
    if (code === 'ENOTDIR')
      throw new LaunchError('cwd_not_directory', `A part of the path ${cwd} is not a directory.`);
    throw new LaunchError('cwd_not_found', `The working directory ${cwd} does not exist.`);
  }
  if (!isDirectory)
    throw new LaunchError('cwd_not_directory', `The working directory ${cwd} is not a directory.`);
  try {
    accessSync(cwd, constants.X_OK);
  } catch {
    throw inaccessible(cwd);
  }
}

function inaccessible(cwd: string): LaunchError {
  return new LaunchError(
    'cwd_not_accessible',
    `The working directory ${cwd} cannot be entered: permission denied.`,
  );
}

/** Searches as execvp(3) does: a name with a slash is a path, any other is looked for on the PATH of the command. */
function findProgram(start: Start, cwd: string): string {
  let denied: string | null = null;
  for (const candidate of candidatesOf(start, cwd)) {
    const found = look(candidate);
    if (found === 'executable') return candidate;
    if (found === 'not_executable') denied ??= candidate;
  }
  if (denied !== null) {
    const why = whyNotExecuted(denied, 'EACCES');
    throw new LaunchError(
      'program_not_executable',
      `The program ${denied} is not an executable file: ${why}.`,
    );
  }
  throw new LaunchError('program_not_found', whyNotFound(start.program, pathOf(start)));
}

/** Where a program may be, in the order in which it is looked for. */
export function candidatesOf(start: Pick<Start, 'program' | 'env'>, cwd: string): string[] {
  const { program } = start;
  if (program.includes('/')) return [resolve(cwd, program)];
  return pathOf(start)
    .split(':')
    .map((dir) => resolve(cwd, dir, program));
}

const pathOf = ({ env }: Pick<Start, 'env'>) => env.find((line) => line.startsWith('PATH='))?.slice(5) ?? '';

function whyNotFound(program: string, path: string): string {
  const where = program.startsWith('/')
    ? ''
    : program.includes('/')
      ? ' below the working directory'
      : ` on the PATH ${path}`;
  return `The program ${JSON.stringify(program)} was not found${where}.`;
}

export function look(file: string): 'executable' | 'not_executable' | 'missing' {
  try {
    const isFile = statSync(file).isFile();
    if (!isFile) return 'not_executable';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? 'not_executable' : 'missing';
  }
  try {
    accessSync(file, constants.X_OK);
    return 'executable';
  } catch {
    return 'not_executable';
  }
}

/**
 * Makes the private directory, the script and the input of an attempt.
 *
 * @returns a descriptor to be the standard input, or null for /dev/null
 */
export function prepareFiles(start: Start, privateDirs: PrivateDirs): number | null {
  const isGiven = start.scalars[SCALAR_FIELDS.indexOf('givenDir')] === 1;
  if (!isGiven) privateDirs.make(start.privateDir);
  if (start.script !== null) {
    writeFileSync(start.script.path, start.script.source, { flag: 'wx', mode: 0o700 });
  }
  if (start.stdin === null) return null;
  // A file that has no name any more: it needs no feeding, cannot block a process that does not read it, and can be opened
  // again as /dev/stdin, which would hang on a FIFO whose writer has finished.
  const file = `${start.privateDir}.stdin`;
  writeFileSync(file, start.stdin, { flag: 'wx', mode: 0o600 });
  const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  unlinkSync(file);
  return fd;
}

/**
 * Spawns the process in a session of its own.
 *
 * @param target null: what it may wait for is left to the process itself
 * @param stdio descriptors for stdin (null: /dev/null), stdout and stderr, and for progress where that is asked for
 * @throws LaunchError
 */
export async function launch(
  start: Start,
  target: Target | null,
  stdio: [number | null, number, number, number?],
): Promise<ChildProcess & { pid: number }> {
  // Without a prototype: inherited properties would be exported to the child (for…in in child_process).
  const env = Object.create(null) as Record<string, string>;
  for (const line of [start.marker, ...start.env]) {
    const at = line.indexOf('=');
    env[line.slice(0, at)] = line.slice(at + 1);
  }
  const limits = limiter(start);
  if (target !== null && limits.length > 0) checkInterpreter(start, target);
  if (target !== null && !isForShell(target.file)) throw notExecutable(target.file, 'ENOEXEC');
  const own = target === null ? startElsewhere(start) : [target.file, ...start.args];
  const [file, ...args] = [...limits, ...own] as [string, ...string[]];
  let child;
  try {
    child = spawn(file, args, {
      // What prlimit starts is called by its path.
      argv0: limits.length > 0 || target === null ? file : start.program,
      cwd: target?.cwd ?? '/',
      env,
      detached: true,
      stdio: [stdio[0] ?? 'ignore', ...stdio.slice(1)],
    });
  } catch (error) {
    throw launchError(error as NodeJS.ErrnoException, start, target ?? SHELL);
  }
  if (child.pid !== undefined) {
    letGoFirst(child.pid);
    return child as ChildProcess & { pid: number };
  }
  const error = await new Promise<NodeJS.ErrnoException>((resolve) => child.once('error', resolve));
  throw launchError(error, start, target ?? SHELL);
}

const SHELL: Target = { file: '/bin/sh', cwd: '/' };

// Error numbers of Linux (errno(3)).
const ENOENT = -2;
const E2BIG = -7;
const ENOEXEC = -8;
const EAGAIN = -11;
const ENOMEM = -12;
const EACCES = -13;
const ENOTDIR = -20;
const ENFILE = -23;
const EMFILE = -24;
const ETXTBSY = -26;

/** What prlimit cannot execute it tells the command's own output, where nobody looks for it. */
function checkInterpreter(start: Start, target: Target): void {
  const name = interpreterOf(target.file);
  if (name !== null && !existsSync(name))
    throw launchError({ errno: ENOENT } as NodeJS.ErrnoException, start, target);
}

/** The interpreter of a file is not there. */
function whyNoInterpreter(file: string, of: string): string {
  const name = interpreterOf(file);
  if (name === null) return `The interpreter that ${of} names was not found.`;
  const hint = name.endsWith('\r')
    ? ' Its first line ends with a carriage return: save it with Unix line ends.'
    : '';
  return `The interpreter "${name}" that ${of} names was not found.${hint}`;
}

function notExecutable(file: string, error: 'ETXTBSY' | 'ENOEXEC' | 'EACCES'): LaunchError {
  const reason = error === 'ETXTBSY' ? 'program_busy' : 'program_not_executable';
  return new LaunchError(reason, `The program ${file} cannot be executed: ${whyNotExecuted(file, error)}.`);
}

function launchError(error: NodeJS.ErrnoException, start: Start, { file }: Target): LaunchError {
  switch (error.errno) {
    case E2BIG:
      return new LaunchError(
        'arguments_too_long',
        'The arguments and the environment are too long for the system. Send long texts as stdin or as a script source.',
      );
    case ENOENT:
    case ENOTDIR:
      return new LaunchError(
        'interpreter_not_found',
        whyNoInterpreter(file, file === start.script?.path ? 'the script' : file),
      );
    case EACCES:
      return notExecutable(file, 'EACCES');
    case ENOEXEC:
      return notExecutable(file, 'ENOEXEC');
    case ETXTBSY:
      return notExecutable(file, 'ETXTBSY');
    case EAGAIN:
    case ENOMEM:
    case ENFILE:
    case EMFILE:
      return new LaunchError('resources_unavailable', 'The system cannot create another process or file.');
    default:
      return new LaunchError('spawn_error', `${file} could not be started: ${error.message}.`);
  }
}
