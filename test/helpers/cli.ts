// The command line as a process of its own, as it is shipped.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Lifetime } from './scope.ts';
import { tempDir } from './temp.ts';

export interface Ended {
  code: number;
  out: string;
  err: string;
}

export interface Cli {
  /** Runs it to its end. Bytes are shown as Latin-1, so that each is one character. */
  (args: readonly string[], options?: CliOptions): Promise<Ended>;
  home: string;
  env: NodeJS.ProcessEnv;
}

export interface CliOptions {
  stdin?: string | Buffer;
  env?: NodeJS.ProcessEnv;
  /** Its input stays open, for `with` to write. */
  isOpen?: boolean;
  /** Called with the process, to send it signals or close its output. */
  with?: (child: ReturnType<typeof spawn>, seen: { out: string; err: string }) => void | Promise<void>;
}

export const CLI = 'dist/cli/main.js';

/** A user of its own, with nothing in the home directory, at a server. */
export function cliAt(t: Lifetime, url: string): Cli {
  const home = tempDir(t);
  const env = {
    ...{ PATH: process.env.PATH, HOME: home, EXECD_URL: url, EXECD_CONFIG: join(home, 'config.json') },
    ...(process.env.NODE_COMPILE_CACHE === undefined
      ? {}
      : { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE }),
  };
  const run = (args: readonly string[], options: CliOptions = {}) =>
    runProgram([process.execPath, CLI, ...args], { ...options, env: { ...env, ...options.env } });
  return Object.assign(run, { home, env });
}

export async function runProgram(
  [program, ...args]: readonly string[],
  { stdin, env, isOpen = false, with: meanwhile }: CliOptions,
): Promise<Ended> {
  const child = spawn(program as string, args, {
    env,
    stdio: [stdin === undefined && !isOpen ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const seen = { out: '', err: '' };
  child.stdout?.setEncoding('latin1').on('data', (text: string) => (seen.out += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (seen.err += text));
  child.stdin?.on('error', () => undefined);
  if (!isOpen) child.stdin?.end(stdin);
  const closed = new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? (signal === null ? -1 : -2)));
  });
  await meanwhile?.(child, seen);
  return { code: await closed, ...seen };
}
