// Reasons to refuse a start, and its warnings.
import { statSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { type Config, ConfigError } from '../config/load.ts';
import { isLoopback } from '../config/settings.ts';
import type { Log } from '../domain/ports/clock.ts';

/** Warns about a data directory that others can look into: most of what is in it is nobody else's business. */
export function warnOfReaders(dataDir: string, log: Log): void {
  if ((statSync(dataDir).mode & 0o006) === 0) return;
  log.warn({ data_dir: dataDir }, `Other users can read the data directory: run chmod o-rw ${dataDir}`);
}

/** Whether every command runs as another user than the server. */
function hasOwnUsers({ EXECUTION_ISOLATION: isolation, EXECUTION_UIDS: uids }: Config): boolean {
  // A server that is root makes sandboxes for another user.
  return isolation === 'sandbox' || (isolation === 'uid' && uids !== undefined);
}

/** @throws ConfigError when others can reach a server whose every command is root */
export function refuseRoot(config: Config, uid: number | undefined, log: Logger): void {
  if (uid !== 0 || config.EXECUTION_ALLOW_ROOT || hasOwnUsers(config)) return;
  if (isLoopback(config.EXECUTION_HOST)) {
    return log.warn(
      {},
      'Running as root; commands run as root, too. Set EXECUTION_ALLOW_ROOT=true to accept this',
    );
  }
  throw new ConfigError([
    `EXECUTION_HOST: ${config.EXECUTION_HOST} is not a loopback address, and execd runs as root: every command would run as root, too. ` +
      'Run execd as another user, or set EXECUTION_ALLOW_ROOT=true',
  ]);
}

/** @throws ConfigError when others could reach a server that asks nobody who they are */
export function refuseStrangers(
  { EXECUTION_HOST: host, EXECUTION_ROLE: role }: Config,
  isAsking: boolean,
): void {
  if (isLoopback(host) || isAsking || role === 'runner') return;
  throw new ConfigError([
    `EXECUTION_HOST: ${host} is not a loopback address, and there are no API keys: anyone who can reach it could run ` +
      'commands. Create a key first (npm run keys -- create), or set EXECUTION_API_KEYS_FILE',
  ]);
}

/** Connections that may wait to be taken, as far as the system allows it: thousands may come back at once after a restart. */
const BACKLOG = 4096;

/** @throws ConfigError that names the setting that stands against it */
export async function listen(
  server: FastifyInstance,
  setting: 'EXECUTION_PORT' | 'EXECUTION_METRICS_PORT',
  host: string,
  port: number,
): Promise<string> {
  try {
    return await server.listen({ host, port, backlog: BACKLOG });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    switch (code) {
      case 'EADDRINUSE':
        throw new ConfigError([
          `${setting}: another program listens on port ${port} of ${host}. Stop it, or set ${setting} to another port`,
        ]);
      case 'EACCES':
        throw new ConfigError([
          `${setting}: this user may not listen on port ${port}. Set ${setting} to a port above 1023`,
        ]);
      default:
        throw new ConfigError([`EXECUTION_HOST: execd cannot listen on ${host} (${message})`]);
    }
  }
}
