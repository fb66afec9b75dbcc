// The headers of an HTTP message that execd sends for somebody.
import { z } from 'zod';
import { secretRef } from '../secret-ref.ts';
import { boundedRecord } from './bounded.ts';

// RFC 9110 §5.1 and §5.5; what the connection is made of (§7.6.1) belongs to the service.
const headerName = z
  .string()
  .regex(
    /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}$/,
    'must be a header name: letters, digits and -, at most 200 characters',
  )
  .refine((name) => !CONNECTION_HEADERS.has(name.toLowerCase()), 'must be left out: execd sets this header')
  .refine((name) => !name.toLowerCase().startsWith('execution-'), 'must be left out: execd sets this header');
const headerValue = z
  .string()
  .max(8192)
  .regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'must not contain control characters or characters above U+00FF');
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  ...[
    'connection',
    'content-length',
    'expect',
    'host',
    'keep-alive',
    'proxy-authorization',
    'proxy-connection',
  ],
  ...['te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings'],
]);

export const httpHeaders = boundedRecord(
  headerName,
  z.union([
    headerValue,
    secretRef.extend({
      prefix: headerValue.max(200).optional().describe('A text before the secret, for example `Bearer `.'),
    }),
  ]),
  { most: 1000, what: 'headers' },
).describe('Request headers. A value may be a secret: `{"secret": "NAME", "prefix": "Bearer "}`.');
