// Configuration: one schema for the environment, read once, loudly. All problems come in one message; an unknown
// EXECUTION_ name is a problem too, because a typo must not silently leave a default in place.
import { z } from 'zod';
import { fieldMessage } from '../domain/field-messages.ts';
import { nearestNames } from '../domain/nearest-names.ts';
import { serverOf } from '../domain/spec/mail.ts';
import { SETTINGS, type Setting } from './settings.ts';

type SettingName = keyof typeof SETTINGS;

/** Set by the service for the commands that it runs; ignored, so that execd can run inside execd. */
const IGNORED = ['EXECUTION_ID', 'EXECUTION_ATTEMPT', 'EXECUTION_PROGRESS_FD'];

export type Config = Readonly<{ [name in SettingName]: z.output<(typeof SETTINGS)[name]['schema']> }>;

/** Why the server cannot start with its settings: all problems, one a line. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      problems.length === 1
        ? problems[0]
        : `${problems.length} problems with the settings:\n${problems.map((line) => `  ${line}`).join('\n')}`,
    );
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/**
 * Reads the configuration.
 *
 * @param env the environment of the process; an empty value counts as unset
 * @throws ConfigError with every problem
 */
export function loadConfig(env: Record<string, string | undefined>): Config {
  const problems: string[] = [];
  const config: Record<string, unknown> = {};
  for (const name of Object.keys(env)) {
    if (!name.startsWith('EXECUTION_') || name in SETTINGS || IGNORED.includes(name)) continue;
    problems.push(`${name}: there is no such setting${hintFor(name)}`);
  }
  for (const [name, setting] of Object.entries(SETTINGS)) {
    const text = env[name] === '' ? undefined : env[name];
    const parsed = setting.schema.safeParse(text ?? setting.default, { error: fieldMessage });
    if (parsed.success) config[name] = parsed.data;
    else
      problems.push(
        ...parsed.error.issues.map((issue) => `${name}: ${issue.message} (unit: ${setting.unit})`),
      );
  }
  if (problems.length === 0) problems.push(...contradictions(config as Config));
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(config) as Config;
}

/** The settings that an unknown name may stand for. */
function hintFor(name: string): string {
  const near = nearestNames(name, Object.keys(SETTINGS));
  return near.length === 0 ? ' (.env.example lists all settings)' : `; did you mean ${near.join(' or ')}?`;
}

/** Names of other programs that are often given for a setting: what is ignored, and what to set instead. */
export function ignoredNames(env: Record<string, string | undefined>): { name: string; setting: string }[] {
  const all: { name: string; setting: string }[] = [];
  for (const name of Object.keys(env)) {
    // execd sets it itself, for its runner host.
    if (name === 'EXECD_HOST') continue;
    const setting = `EXECUTION_${name === 'PORT' ? name : (/^EXECD?_(.+)$/.exec(name)?.[1] ?? '')}`;
    if (setting in SETTINGS && env[setting] === undefined) all.push({ name, setting });
  }
  return all;
}

/** Every setting as it is shown: as text, and without what a URL may carry along. */
export function shownSettings(
  config: Config,
): { name: string; value: string | null; is_set: boolean; unit: string; about: string }[] {
  return Object.entries<Setting>(SETTINGS).map(([name, { schema, default: fallback, unit, about }]) => {
    const value = textOf(config[name as SettingName]);
    return { name, value, is_set: value !== textOf(schema.parse(fallback)), unit, about };
  });
}

function textOf(value: unknown): string | null {
  if (value === undefined) return null;
  if (typeof value !== 'string') return Array.isArray(value) ? value.join(',') : JSON.stringify(value);
  const url = /^https?:/.test(value) ? URL.parse(value) : null;
  return url === null ? value : url.origin;
}

function mailProblems(config: Config): string[] {
  const { EXECUTION_MAIL_URL: url, EXECUTION_MAIL_PASSWORD_FILE: password } = config;
  if (url === undefined) return [];
  const problems: string[] = [];
  if (config.EXECUTION_MAIL_FROM === undefined)
    problems.push(
      'EXECUTION_MAIL_FROM: is required by EXECUTION_MAIL_URL; set it to the address of the sender',
    );
  if (config.EXECUTION_MAIL_DOMAINS.length === 0)
    problems.push(
      'EXECUTION_MAIL_DOMAINS: is required by EXECUTION_MAIL_URL; set it to the domains of recipients, or to *',
    );
  if ((serverOf(url)?.username === '') !== (password === undefined))
    problems.push(
      'EXECUTION_MAIL_PASSWORD_FILE: must be set if EXECUTION_MAIL_URL has a user, and only then',
    );
  return problems;
}

function contradictions(config: Config): string[] {
  const problems: string[] = [];
  if (config.EXECUTION_DEFAULT_TIMEOUT > config.EXECUTION_MAX_TIMEOUT) {
    problems.push('EXECUTION_DEFAULT_TIMEOUT: must not be greater than EXECUTION_MAX_TIMEOUT');
  }
  if (config.EXECUTION_KILL_GRACE_MS > config.EXECUTION_MAX_KILL_GRACE_MS) {
    problems.push('EXECUTION_KILL_GRACE_MS: must not be greater than EXECUTION_MAX_KILL_GRACE_MS');
  }
  const provider = [config.EXECUTION_OIDC_ISSUER, config.EXECUTION_OIDC_AUDIENCE, config.EXECUTION_OIDC_JWKS];
  if (provider.includes(undefined) && provider.some((one) => one !== undefined)) {
    problems.push(
      'EXECUTION_OIDC_ISSUER: set EXECUTION_OIDC_ISSUER, EXECUTION_OIDC_AUDIENCE and EXECUTION_OIDC_JWKS, or none of them',
    );
  }
  if (config.EXECUTION_EVENT_HANDLERS.includes('webhook')) {
    for (const name of ['EXECUTION_EVENT_WEBHOOK_URL', 'EXECUTION_EVENT_WEBHOOK_SECRET_FILE'] as const) {
      if (config[name] === undefined)
        problems.push(`${name}: is required by the handler "webhook" (EXECUTION_EVENT_HANDLERS)`);
    }
  }
  problems.push(...mailProblems(config));
  const { EXECUTION_ISOLATION: isolation, EXECUTION_UIDS: uids } = config;
  if (isolation === 'uid' && uids === undefined)
    problems.push('EXECUTION_UIDS: is required by the isolation tier uid (EXECUTION_ISOLATION)');
  if (uids !== undefined && uids.count < config.EXECUTION_MAX_CONCURRENT)
    problems.push('EXECUTION_UIDS: must be at least as many as EXECUTION_MAX_CONCURRENT');
  const { EXECUTION_RUNNER_HOST: host } = config;
  if (host === 'node' && isolation !== 'auto' && isolation !== 'none')
    problems.push(
      `EXECUTION_ISOLATION: the tier ${isolation} requires the native host; set EXECUTION_RUNNER_HOST=native`,
    );
  for (const name of ['EXECUTION_UIDS', 'EXECUTION_BWRAP'] as const)
    if (config[name] !== undefined && (host === 'node' || isolation === 'none'))
      problems.push(`${name}: requires the native host (EXECUTION_RUNNER_HOST, EXECUTION_ISOLATION)`);
  if (host === 'native' && isolation === 'none')
    problems.push(
      'EXECUTION_ISOLATION: must not be none with the native host, which isolates at least as supervised',
    );
  const { EXECUTION_ROLE: role } = config;
  if (role !== 'all' && config.EXECUTION_DATABASE_URL === undefined)
    problems.push(
      `EXECUTION_ROLE: ${role} requires EXECUTION_DATABASE_URL, because the embedded store has one server; set EXECUTION_ROLE=all`,
    );
  const { EXECUTION_PORT: port, EXECUTION_METRICS_PORT: metricsPort } = config;
  if (port !== 0 && port === metricsPort) {
    problems.push('EXECUTION_METRICS_PORT: must not be the same as EXECUTION_PORT');
  }
  return problems;
}

/** `.env.example`: every setting with its default and unit. */
export function envExample(): string {
  const lines = ['# Every setting with its default. Unset or empty means the default.', ''];
  for (const [name, setting] of Object.entries<Setting>(SETTINGS)) {
    lines.push(`# ${setting.about}`, `# Unit: ${setting.unit}`);
    lines.push(setting.default === undefined ? `#${name}=` : `${name}=${setting.default}`, '');
  }
  return lines.join('\n');
}
