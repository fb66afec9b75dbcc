// `execd doctor`: what is well between here and the server, and what to do about what is not.
import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { type Execd, type Health, ProblemError } from '../../client/index.ts';
import { wallNow } from '../../client/time.ts';
import { EXIT } from '../exits.ts';
import type { Session } from '../session.ts';

interface Finding {
  name: string;
  isWell: boolean;
  detail: string;
  remedy?: string;
}

const MAX_CLOCK_MS = 30_000;

export function doctorCommand(program: Command, session: Session, end: (code: number) => void): void {
  program
    .command('doctor')
    .summary('check the server, the key, the clock and this machine, and suggest what to do')
    .action(async () => end(await doctor(session)));
}

async function doctor(session: Session): Promise<number> {
  const { terminal } = session;
  const findings = await examine(session);
  const isWell = findings.every((one) => one.isWell);
  if (session.isJson) await terminal.json({ well: isWell, findings });
  else
    for (const { name, isWell: isGood, detail, remedy } of findings) {
      const mark = isGood ? terminal.out.style('green', '✔') : terminal.out.style('red', '✘');
      await terminal.line(`${mark} ${name}: ${detail}`);
      if (remedy !== undefined && !isGood) await terminal.line(`  ${remedy}`);
    }
  return isWell ? EXIT.ok : EXIT.failed;
}

async function examine(session: Session): Promise<Finding[]> {
  const { place, client, settings } = session;
  const source =
    place.context === null
      ? 'from a flag, the environment or the default'
      : `of the context ${place.context}`;
  const config = configOf(settings.path);
  let health: Health;
  let answeredAt: number;
  try {
    const { data, error } = await client.api.GET('/health');
    health = (data ?? error) as Health;
    answeredAt = Date.parse(health.timestamp);
  } catch (error) {
    const remedy = 'Start it with `execd serve`, or name another one with --url, EXECD_URL or `execd login`.';
    return [
      { name: 'Server', isWell: false, detail: `${(error as Error).message} (${source})`, remedy },
      ...config,
    ];
  }
  return [
    { name: 'Server', isWell: true, detail: `${place.url} (${source}), execd ${health.version}` },
    await keyOf(client, place.api_key !== undefined),
    clockOf(answeredAt),
    ...Object.entries(health.components).map(([name, part]) => componentOf(name, part)),
    tierOf(health),
    ...config,
  ];
}

async function keyOf(client: Execd, hasKey: boolean): Promise<Finding> {
  const { response, error } = await client.api.GET('/v1/stats');
  const detail = response.ok
    ? hasKey
      ? 'is accepted'
      : 'none; the server requires none'
    : new ProblemError(error as never).message;
  return {
    name: 'Key',
    isWell: response.ok,
    detail,
    remedy: '`execd login` stores a key; EXECD_API_KEY sets one.',
  };
}

function clockOf(serverMs: number): Finding {
  const apart = Math.abs(wallNow() - serverMs);
  const isWell = apart < MAX_CLOCK_MS;
  const remedy = 'Synchronize both clocks with NTP: times such as --since refer to the clock of the server.';
  return {
    name: 'Clock',
    isWell,
    detail: isWell ? 'agrees with that of the server' : `${Math.round(apart / 1000)} s apart`,
    remedy,
  };
}

function componentOf(name: string, { status, detail }: { status: string; detail: string | null }): Finding {
  const isWell = status === 'healthy';
  const remedy = REMEDIES[name];
  return {
    name: `Server, ${name.replaceAll('_', ' ')}`,
    isWell,
    detail: detail ?? status,
    ...(remedy === undefined ? {} : { remedy }),
  };
}

const REMEDIES: Record<string, string> = {
  store: 'Check the disk of EXECUTION_DATA_DIR: space, permissions, read-only mounts.',
  logs: 'Check the disk of EXECUTION_LOG_DIR: space, permissions, read-only mounts.',
  work_directories: 'Check the disk of the private directories: space, permissions, read-only mounts.',
  runner_host: 'Check the log of the server. The server starts the runner host again by itself.',
  intake: 'The server is starting or stopping.',
};

function tierOf({ components: { runner_host: host } }: Health): Finding {
  const [tier = 'none'] = host.isolation;
  const isWell = host.name === 'native';
  const detail = `${host.name} host, isolation ${tier}`;
  return {
    name: 'Server, commands',
    isWell,
    detail,
    remedy: 'Build the native host where the server runs: npm run build:native',
  };
}

function configOf(path: string): Finding[] {
  let mode: number;
  try {
    ({ mode } = statSync(path));
  } catch {
    return [];
  }
  const isWell = (mode & 0o077) === 0;
  const detail = isWell
    ? `${path} can be read by you alone`
    : `${path} can be read by others (mode ${(mode & 0o777).toString(8)})`;
  return [{ name: 'Configuration', isWell, detail, remedy: `chmod 600 ${path}` }];
}
