// Which isolation tiers this server is to offer, what they need, and that those which were asked for do work.
import { existsSync, lstatSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Config, ConfigError } from '../config/load.ts';
import { isAtLeast, type IsolationTier } from '../domain/isolation.ts';
import type { FailedTier } from '../domain/ports/runner.ts';
import type { IsolationMeans } from '../runners/commands/tiers.ts';

const USUAL_BWRAP = '/usr/bin/bwrap';

export interface Isolation {
  /** Tiers to offer if they work, from the weakest; the first is the default. */
  tiers: readonly IsolationTier[];
  means: IsolationMeans;
}

export interface Directories {
  data: string;
  log: string;
}

/** Files whose content is for the server alone. */
function secretFiles(config: Config, valueFiles: readonly string[]): string[] {
  const files = [
    config.EXECUTION_API_KEYS_FILE,
    config.EXECUTION_SECRETS_FILE,
    config.EXECUTION_EVENT_WEBHOOK_SECRET_FILE,
    config.EXECUTION_MAIL_PASSWORD_FILE,
    ...valueFiles,
  ];
  return files.filter((path) => path !== undefined).map((path) => resolve(path));
}

/** Where `npm start` takes settings from. */
const ENV_FILE = '.env';

/** Places that commands in a sandbox do not see; the host follows their links. */
export function hiddenPlaces(config: Config, dirs: Directories, valueFiles: readonly string[]): string[] {
  const files = [
    config.EXECUTION_POLICY_FILE,
    config.EXECUTION_OPERATIONS_FILE,
    config.EXECUTION_CREDITS_FILE,
    config.EXECUTION_ROOTS_FILE,
    config.EXECUTION_LOG_FILE,
    ENV_FILE,
  ];
  const others = [...files, ...config.EXECUTION_SANDBOX_HIDE].filter((path) => path !== undefined);
  const all = [...secretFiles(config, valueFiles), ...others.map((path) => resolve(path))];
  return [...new Set([dirs.data, dirs.log, ...all.flatMap((path) => [path, ...volumeOf(path)])])];
}

/**
 * A file that Kubernetes has put there is hidden with its whole directory: when the content changes, its link is turned to
 * a new file, which a command that runs already would see.
 */
function volumeOf(path: string): string[] {
  const dir = dirname(path);
  return lstatSync(join(dir, '..data'), { throwIfNoEntry: false })?.isSymbolicLink() === true ? [dir] : [];
}

/** What the configuration says of isolation. */
export function isolationOf(
  config: Config,
  isNative: boolean,
  dirs: Directories,
  valueFiles: () => readonly string[],
): Isolation {
  const { EXECUTION_ISOLATION: wanted, EXECUTION_UIDS: uids = null } = config;
  const bwrap = config.EXECUTION_BWRAP ?? (existsSync(USUAL_BWRAP) ? USUAL_BWRAP : null);
  const means: IsolationMeans = {
    ...{ uids, bwrap, dataDir: dirs.data },
    hidden: () => hiddenPlaces(config, dirs, valueFiles()),
    secretFiles: () => secretFiles(config, valueFiles()),
  };
  if (!isNative) return { tiers: ['none'], means: { ...means, uids: null, bwrap: null } };
  const least = wanted === 'auto' ? 'supervised' : wanted;
  const possible: IsolationTier[] = ['supervised'];
  if (uids !== null) possible.push('uid');
  if (bwrap !== null || wanted === 'sandbox') possible.push('sandbox');
  return { tiers: possible.filter((tier) => isAtLeast(tier, least)), means };
}

/**
 * A tier that was asked for and does not work is never replaced by a weaker one.
 *
 * @throws ConfigError
 */
export function refuseFailed(config: Config, failed: readonly FailedTier[]): void {
  const { EXECUTION_ISOLATION: wanted } = config;
  const settings = {
    none: null,
    supervised: wanted === 'auto' ? 'EXECUTION_RUNNER_HOST' : null,
    uid: config.EXECUTION_UIDS === undefined ? null : 'EXECUTION_UIDS',
    sandbox: config.EXECUTION_BWRAP === undefined ? null : 'EXECUTION_BWRAP',
  } as const satisfies Record<IsolationTier, string | null>;
  const problems = failed.flatMap(({ tier, problem }) => {
    const setting = tier === wanted ? 'EXECUTION_ISOLATION' : settings[tier];
    return setting === null ? [] : [`${setting}: the isolation tier ${tier} does not work here: ${problem}`];
  });
  if (problems.length > 0) throw new ConfigError(problems);
}
