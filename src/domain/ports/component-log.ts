// Which part of execd a line of its log is from, so that one can search for it.
import type { Log } from './clock.ts';

export const COMPONENTS = [
  'access',
  'audit',
  'cache',
  'circuit',
  'cleanup',
  'credits',
  'disk',
  'events',
  'execution',
  'files',
  'hook',
  'http',
  'mcp',
  'monitor',
  'plan',
  'queue',
  'retry',
  'runner',
  'schedule',
  'server',
  'store',
  'timeout',
  'tracing',
  'webhook',
] as const;
export type Component = (typeof COMPONENTS)[number];

/** A log whose lines name this component, unless they name one themselves. */
export function ofComponent(log: Log, component: Component): Log {
  return {
    debug: (facts, message) => log.debug({ component, ...facts }, message),
    info: (facts, message) => log.info({ component, ...facts }, message),
    warn: (facts, message) => log.warn({ component, ...facts }, message),
    error: (facts, message) => log.error({ component, ...facts }, message),
  };
}
