// Which runner host serves: the native one (src/runner-host/native) where it was built and works, else the one in Node.
import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { type Config, ConfigError } from '../config/load.ts';
import type { Log } from '../domain/ports/clock.ts';
import { VERSION } from '../runner-host/protocol.ts';

/** A small host forks fast: its heap is kept small. Nobody gets a debugger of it. */
const NODE_FLAGS = ['--disable-sigusr1', '--max-semi-space-size=1', '--max-old-space-size=256'];
const CHECK_MS = 10_000;
/** The same place from src/ and from dist/. */
const NATIVE_HOST = fileURLToPath(new URL('../../build/runner-host', import.meta.url));
// The same source runs as .ts in development and as .js when built.
const NODE_HOST = fileURLToPath(
  new URL(`../runner-host/node/main${extname(import.meta.url)}`, import.meta.url),
);

export interface ChosenHost {
  command: readonly [string, ...string[]];
  isNative: boolean;
}

/**
 * The command of the runner host.
 *
 * @throws ConfigError when the native host is asked for, or the tier that is needs it, and it cannot serve
 */
export async function chooseHost(config: Config, execPath: string, log: Log): Promise<ChosenHost> {
  const { EXECUTION_RUNNER_HOST: wanted, EXECUTION_ISOLATION: isolation } = config;
  const needing = (['EXECUTION_UIDS', 'EXECUTION_BWRAP'] as const).find((name) => config[name] !== undefined);
  const node = { command: [execPath, ...NODE_FLAGS, NODE_HOST], isNative: false } as const;
  if (wanted === 'node' || isolation === 'none') return node;
  const problem = await whyNotNative();
  if (problem === null) return { command: [NATIVE_HOST], isNative: true };
  if (wanted === 'native') throw new ConfigError([`EXECUTION_RUNNER_HOST: the native host ${problem}`]);
  if (isolation !== 'auto' || needing !== undefined)
    throw new ConfigError([
      `${needing ?? 'EXECUTION_ISOLATION'}: requires the native host, which ${problem}`,
    ]);
  log.warn({ problem }, 'The native runner host is not available; execd uses the Node host');
  return node;
}

/** Has the native host check what it builds on; null when it works. */
async function whyNotNative(): Promise<string | null> {
  if (!existsSync(NATIVE_HOST)) return 'was not built (npm run build:native)';
  const check = await execa(NATIVE_HOST, ['--check', String(VERSION)], {
    ...{
      extendEnv: false,
      env: {},
      stdio: 'ignore',
      reject: false,
      timeout: CHECK_MS,
      killSignal: 'SIGKILL',
    },
  });
  if (!check.failed) return null;
  const why = check.timedOut
    ? `self-check: no end within ${CHECK_MS} ms`
    : (check.originalMessage ?? `self-check: ${check.exitCode}`);
  return `does not work here (${why})`;
}
