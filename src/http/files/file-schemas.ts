// Uploads and artifacts, as they are asked for and shown.
import { z } from 'zod';
import { artifact } from '../edge/file-words.ts';
import { digits } from '../edge/query.ts';
import { count, time } from '../edge/schemas.ts';

const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits in lower case')
  .optional()
  .describe(
    'SHA-256 digest that the bytes must have. If the bytes have another digest, the response is 422.',
  );

export const uploadQuery = z.strictObject({
  size: digits(
    0,
    Number.MAX_SAFE_INTEGER,
    'Bytes of an upload that you send in parts: the request has no body, and `PATCH` adds bytes.',
  ).optional(),
  sha256,
});
export const appendQuery = z.strictObject({
  offset: digits(
    0,
    Number.MAX_SAFE_INTEGER,
    'The place of the first byte of the body in the upload.',
  ).default(0),
});

/** A body of bytes, which no schema looks at. */
export const bytesBody = z.unknown().meta({ isBytes: true, isOptional: true });

export const upload = z
  .strictObject({
    id: z.string().describe('Its id, for `files[].upload`.'),
    size: count.describe('Bytes that it has, or will have.'),
    received: count.describe('Bytes that execd has. Continue an upload there.'),
    complete: z.boolean().describe('Whether all bytes are there.'),
    digest: z.string().nullable().describe('SHA-256 of the bytes; null until execd has all bytes.'),
    created_at: time.describe('When it was begun.'),
    expires_at: time.nullable().describe('When execd removes it. Executions that use it keep its bytes.'),
  })
  .describe('An upload.');

export const artifactList = z
  .strictObject({
    items: z.array(artifact).describe('By path.'),
    count: count.describe('How many there are.'),
    bytes: count.describe('Bytes of all.'),
  })
  .describe('The artifacts of an execution.');

export { artifact };
