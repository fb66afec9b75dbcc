// Whether traces are recorded. What records them is loaded only then.
import type { Logger } from 'pino';
import type { Config } from '../config/load.ts';
import { tracingSettings } from '../config/tracing-settings.ts';
import type { Clock } from '../domain/ports/clock.ts';
import { ofComponent } from '../domain/ports/component-log.ts';
import type { Tracing } from '../domain/ports/tracing.ts';
import type { Runtime } from './runtime.ts';
import { VERSION } from './version.ts';

interface TracedSetting {
  config: Config;
  runtime: Runtime;
  clock: Clock;
  log: Logger;
}

/** @throws ConfigError for settings that cannot be */
export async function tracingOf({ config, runtime, clock, log }: TracedSetting): Promise<Tracing | null> {
  const settings = tracingSettings(runtime.env ?? {});
  if (settings === null) return null;
  const { createTracing } = await import('../tracing/tracing.ts');
  const storeSystem = config.EXECUTION_DATABASE_URL === undefined ? 'sqlite' : 'postgresql';
  return createTracing({ settings, clock, log: ofComponent(log, 'tracing'), version: VERSION, storeSystem });
}
