// How lines of the server's log are made: what is left out of them, how errors are told, and which component they are of.
import type { LoggerOptions } from 'pino';
import type { Component } from '../domain/ports/component-log.ts';

const REDACTED = ['req.headers.authorization', 'headers.authorization', 'env', 'spec.env', 'spec.stdin'];
/** What is said of the whole. */
const WHOLE = { component: 'server' satisfies Component };

export function serviceLogOptions(level: string): LoggerOptions {
  return {
    level,
    redact: REDACTED,
    serializers: { err: serializeError },
    formatters: { log: (facts) => ('component' in facts ? facts : { ...WHOLE, ...facts }) },
  };
}

/** Names what went wrong, without the values that an error may carry along. */
function serializeError(error: Error & { code?: unknown }): object {
  const { name, message, stack, code, cause } = error;
  return { name, message, code, stack, cause: cause instanceof Error ? serializeError(cause) : undefined };
}
