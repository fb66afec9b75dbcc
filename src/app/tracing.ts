// Whether traces are recorded. What records them is loaded only then.
import { tracingSettings } from '../config/tracing-settings.ts';
import { ofComponent } from '../domain/ports/component-log.ts';
import type { Tracing } from '../domain/ports/tracing.ts';
import type { Setting } from './parts.ts';
import { VERSION } from './version.ts';

/** @throws ConfigError for settings that cannot be */
export async function tracingOf({ config, runtime, clock, log }: Setting): Promise<Tracing | null> {
  const settings = tracingSettings(runtime.env ?? {});
  if (settings === null) return null;
  const { createTracing } = await import('../tracing/tracing.ts');
  const storeSystem = config.EXECUTION_DATABASE_URL === undefined ? 'sqlite' : 'postgresql';
  return createTracing({ settings, clock, log: ofComponent(log, 'tracing'), version: VERSION, storeSystem });
}
