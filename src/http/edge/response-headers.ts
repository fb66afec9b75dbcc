// Headers as the OpenAPI document shows them. Each is written down once, as a component, and routes name those that they
// read or send.
import { MAX_WAIT_S } from './schemas.ts';

interface Header {
  /** As HTTP writes it. */
  name: string;
  description: string;
  schema: object;
  example?: string;
}

const text = { type: 'string' };
const whole = { type: 'integer', minimum: 0 };

/** Request headers, by the name of their component. */
export const REQUEST_HEADERS = {
  IdempotencyKey: {
    name: 'Idempotency-Key',
    description:
      'A key of your choice. For 24 hours, the same key with the same request returns the first resource instead of creating another one.',
    schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$' },
  },
  Prefer: {
    name: 'Prefer',
    description: `\`wait=N\`: respond when the work has finished, or after N seconds (at most ${MAX_WAIT_S}).`,
    schema: text,
    example: 'wait=10',
  },
  Traceparent: {
    name: 'traceparent',
    description: 'W3C trace context. Commands get it as `TRACEPARENT`, HTTP calls as a header.',
    schema: text,
  },
  IfNoneMatch: {
    name: 'If-None-Match',
    description: 'The `ETag` of an earlier response. If nothing has changed, the response is 304.',
    schema: text,
  },
  LastEventId: {
    name: 'Last-Event-ID',
    description:
      'The `id` of the last message that you have received. The stream continues after it. Takes precedence over the query parameter.',
    schema: text,
  },
  Range: {
    name: 'Range',
    description: 'With `format=raw`: one range of bytes of the log, for example `bytes=0-1023`.',
    schema: text,
  },
  ExecutionUser: {
    name: 'Execution-User',
    description: 'Act for this user. Requires the scope `admin`.',
    schema: text,
  },
} as const satisfies Record<string, Header>;
export type RequestHeader = keyof typeof REQUEST_HEADERS;

/** Response headers, by the name of their component. */
export const RESPONSE_HEADERS = {
  Location: {
    name: 'Location',
    description: 'Path of the resource.',
    schema: { type: 'string', format: 'uri-reference' },
  },
  ETag: {
    name: 'ETag',
    description: 'Changes whenever the resource changes. Send it as `If-None-Match`.',
    schema: text,
  },
  RetryAfter: {
    name: 'Retry-After',
    description: 'Seconds to wait before the next request.',
    schema: whole,
  },
  IdempotencyReplayed: {
    name: 'Idempotency-Replayed',
    description: '`true` if an earlier request with the same Idempotency-Key created the resource.',
    schema: { type: 'string', const: 'true' },
  },
  PreferenceApplied: {
    name: 'Preference-Applied',
    description: 'The wait that execd applied, for example `wait=10`.',
    schema: text,
  },
  Age: { name: 'Age', description: 'For a cache hit: age of the result, seconds.', schema: whole },
  RateLimit: {
    name: 'RateLimit',
    description: 'For a user with a quota: submissions that are left, and seconds until the window resets.',
    schema: text,
    example: '"submits";r=4;t=30',
  },
  RateLimitPolicy: {
    name: 'RateLimit-Policy',
    description: 'For a user with a quota: submissions per window, and the window in seconds.',
    schema: text,
    example: '"submits";q=10;w=60',
  },
  ContentRange: {
    name: 'Content-Range',
    description: 'The range of bytes that the body holds, and the size of the log.',
    schema: text,
    example: 'bytes 0-1023/4096',
  },
  AcceptRanges: {
    name: 'Accept-Ranges',
    description: 'With `format=raw`: `bytes`.',
    schema: text,
  },
  ExecutionId: {
    name: 'Execution-Id',
    description: 'Id of the execution. Also a trailer.',
    schema: text,
  },
  ExecutionStatus: {
    name: 'Execution-Status',
    description:
      'How the execution ended: `completed`, `failed`, `timed_out` or `cancelled`. A header or a trailer.',
    schema: text,
  },
  ExecutionCause: {
    name: 'Execution-Cause',
    description: '`outcome.cause` of the execution. A header or a trailer.',
    schema: text,
  },
  ExecutionExitCode: {
    name: 'Execution-Exit-Code',
    description: 'Exit code of the command, if it has one. A header or a trailer.',
    schema: whole,
  },
  LogEnd: {
    name: 'Log-End',
    description: 'Trailer after the body: the `LogEnd` object as JSON.',
    schema: text,
  },
  WwwAuthenticate: { name: 'WWW-Authenticate', description: '`Bearer`', schema: text },
} as const satisfies Record<string, Header>;
export type ResponseHeader = keyof typeof RESPONSE_HEADERS;

/** Components of the document. */
export function headerComponents(): { parameters: object; headers: object } {
  const parameters = Object.entries(REQUEST_HEADERS).map(([key, header]) => [
    key,
    { in: 'header', ...header },
  ]);
  const headers = Object.entries(RESPONSE_HEADERS).map(([key, { name: _name, ...header }]) => [key, header]);
  return {
    parameters: Object.fromEntries(parameters) as object,
    headers: Object.fromEntries(headers) as object,
  };
}

/** The headers of a response, as references. */
export function referHeaders(keys: readonly ResponseHeader[]): Record<string, object> {
  return Object.fromEntries(
    keys.map((key) => [RESPONSE_HEADERS[key].name, { $ref: `#/components/headers/${key}` }]),
  );
}
