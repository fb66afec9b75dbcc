// From a spec to the process that carries it out: program, arguments and the whole environment.
import type { RunningExecution } from '../../domain/execution/execution.ts';
import { lastAttemptNumber } from '../../domain/execution/execution.ts';
import type { Command } from '../../domain/ports/runner.ts';
import type { FilledProcessWork } from '../../domain/spec/secrets.ts';
import type { Roots } from '../../domain/spec/sandbox.ts';
import { scriptFileName, takesMark } from './script-file.ts';

/** Work that takes a process, with its secrets in their places. */

export interface CommandOptions {
  /** PATH of commands that bring none of their own. */
  path: string;
  /** Directory in which each attempt gets its private one. */
  workDir: string;
  /** The span of this attempt: a child of the request's (https://www.w3.org/TR/trace-context/). */
  traceparent: string;
  roots: Roots;
}

/** Builds the command of the last claimed attempt of an execution, which does this work. */
export function toCommand(
  execution: RunningExecution,
  work: FilledProcessWork,
  options: CommandOptions,
): Command {
  const { path, workDir, traceparent, roots } = options;
  const attempt = lastAttemptNumber(execution);
  const privateDir = `${workDir}/${execution.runId}.${attempt}`;
  const script = scriptOf(work, privateDir);
  const env = {
    PATH: path,
    HOME: privateDir,
    TMPDIR: privateDir,
    LANG: 'C.UTF-8',
    // What cron and other services set: programs ask for them without a second thought. The runner adds USER and LOGNAME.
    TERM: work.tty === undefined ? 'dumb' : 'xterm-256color',
    SHELL: '/bin/sh',
    TRACEPARENT: traceparent,
    ...work.env,
    EXECUTION_ID: execution.id,
    EXECUTION_ATTEMPT: String(attempt),
    ...(work.progress === 'fd' ? { EXECUTION_PROGRESS_FD: '3' } : {}),
  };
  return {
    ...programOf(work, script?.path ?? ''),
    env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    cwd: work.cwd ?? null,
    privateDir,
    script,
    scriptFile: scriptFileOf(work),
    stdin: stdinOf(work),
    tty: work.tty ?? null,
    scalars: work,
    hasProgressFd: work.progress === 'fd',
    root: rootOf(execution, work, roots),
    hasGivenDir: work.files !== undefined || work.artifacts !== undefined,
  };
}

/** One that has gone since keeps its name, which is no path: the host refuses it. */
function rootOf(
  { spec, userId }: RunningExecution,
  { root }: FilledProcessWork,
  roots: Roots,
): Command['root'] {
  if (root === undefined) return null;
  const operation = spec.kind === 'operation' ? spec.name : null;
  return roots.find(root, { userId, operation }) ?? { path: root, writableBytes: null };
}

/** The file beside the private directory that a script of the request is written into; null where there is none. */
function scriptOf(work: FilledProcessWork, privateDir: string): Command['script'] {
  if (work.kind !== 'script' || work.source === undefined) return null;
  const { source, interpreter, filename } = work;
  return { path: `${privateDir}.${scriptFileName({ source, interpreter, filename })}`, source };
}

/** The script that an interpreter is to read, unless it reads a byte order mark as what it is. */
function scriptFileOf(work: FilledProcessWork): string | null {
  if (work.kind !== 'script' || work.interpreter === undefined || takesMark(work.interpreter)) return null;
  return work.path ?? null;
}

function programOf(
  spec: FilledProcessWork,
  scriptPath: string,
): Pick<Command, 'program' | 'programField' | 'args'> {
  switch (spec.kind) {
    case 'exec':
      return { program: spec.program, programField: 'program', args: spec.args ?? [] };
    case 'shell':
      return { program: spec.shell ?? 'bash', programField: 'shell', args: ['-c', spec.command] };
    case 'script': {
      const file = spec.path ?? scriptPath;
      const args = spec.args ?? [];
      if (spec.interpreter === undefined) return { program: file, programField: 'program', args };
      return { program: spec.interpreter, programField: 'interpreter', args: [file, ...args] };
    }
    case 'aws_cli': {
      const options = [
        ...(spec.profile === undefined ? [] : ['--profile', spec.profile]),
        ...(spec.region === undefined ? [] : ['--region', spec.region]),
      ];
      return {
        program: 'aws',
        programField: 'program',
        args: [spec.service, spec.operation, ...(spec.args ?? []), ...options],
      };
    }
    default:
      return spec satisfies never;
  }
}

function stdinOf({ stdin, tty }: FilledProcessWork): Command['stdin'] {
  if (tty !== undefined) return 'open';
  if (stdin === undefined) return null;
  if (typeof stdin === 'object' && 'open' in stdin) return 'open';
  return typeof stdin === 'string' ? Buffer.from(stdin, 'utf8') : Buffer.from(stdin.base64, 'base64');
}
