// The native runner host, chosen once for all services of a process: each choice is a process that checks the host.
import { pino } from 'pino';
import { type Overrides } from '../../src/app/build-app.ts';
import { chooseHost } from '../../src/app/choose-host.ts';
import type { Config } from '../../src/config/load.ts';

/** Once the native host has passed its self-check in this process. */
let native: Pick<Overrides, 'host'> | null = null;

/** Nothing where a service with these settings would choose another host, or has to say why it cannot have this one. */
export async function checkedHost(config: Config): Promise<Pick<Overrides, 'host'>> {
  if (config.EXECUTION_RUNNER_HOST === 'node' || config.EXECUTION_ISOLATION === 'none') return {};
  if (native === null) {
    const chosen = chooseHost(config, process.execPath, pino({ level: 'silent' }));
    const host = await chosen.catch(() => null);
    if (host?.isNative === true) native = { host };
  }
  return native ?? {};
}
