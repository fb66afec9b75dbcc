// From a spec to the process that carries it out: program, arguments and the whole environment.
import type { RunningExecution } from '../domain/execution.ts';
import { lastAttemptNumber } from '../domain/execution.ts';
import type { Command } from '../domain/ports.ts';
import type { Spec } from '../domain/spec.ts';

export interface CommandOptions {
  /** PATH of commands that bring none of their own. */
  path: string;
  /** Directory in which each attempt gets its private one. */
  workDir: string;
  /** A new W3C span id. */
  spanId: () => string;
}

/** Builds the command of the last claimed attempt of an execution. */
export function toCommand(execution: RunningExecution, { path, workDir, spanId }: CommandOptions): Command {
  const { spec, trace } = execution;
  const attempt = lastAttemptNumber(execution);
  const privateDir = `${workDir}/${execution.runId}.${attempt}`;
  const script = spec.kind === 'script' && spec.source !== undefined ? spec.source : null;
  const scriptPath = `${privateDir}.script`;
  const env = {
    PATH: path,
    HOME: privateDir,
    TMPDIR: privateDir,
    LANG: 'C.UTF-8',
    // The span of this attempt: a child of the request's (https://www.w3.org/TR/trace-context/).
    TRACEPARENT: `00-${trace.traceId}-${spanId()}-${trace.flags}`,
    ...spec.env,
    EXECUTION_ID: execution.id,
    EXECUTION_ATTEMPT: String(attempt),
  };
  return {
    ...programOf(spec, scriptPath),
    env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    cwd: spec.cwd ?? null,
    privateDir,
    script: script === null ? null : { path: scriptPath, source: script },
    stdin: stdinOf(spec),
  };
}

function programOf(spec: Spec, scriptPath: string): Pick<Command, 'program' | 'args'> {
  switch (spec.kind) {
    case 'exec':
      return { program: spec.program, args: spec.args ?? [] };
    case 'shell':
      return { program: spec.shell ?? 'bash', args: ['-c', spec.command] };
    case 'script': {
      const file = spec.path ?? scriptPath;
      const args = spec.args ?? [];
      if (spec.interpreter === undefined) return { program: file, args };
      return { program: spec.interpreter, args: [file, ...args] };
    }
    case 'aws_cli': {
      const options = [
        ...(spec.profile === undefined ? [] : ['--profile', spec.profile]),
        ...(spec.region === undefined ? [] : ['--region', spec.region]),
      ];
      return { program: 'aws', args: [spec.service, spec.operation, ...(spec.args ?? []), ...options] };
    }
    default:
      return spec satisfies never;
  }
}

function stdinOf(spec: Spec): Uint8Array | null {
  if (spec.stdin === undefined) return null;
  return typeof spec.stdin === 'string'
    ? Buffer.from(spec.stdin, 'utf8')
    : Buffer.from(spec.stdin.base64, 'base64');
}
