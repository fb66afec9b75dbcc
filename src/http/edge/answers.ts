// What a route answers, as the OpenAPI document shows it: a description, headers and a body; and the refusals that routes
// have in common, made of the catalogue.
import type { z } from 'zod';
import { CATALOGUE } from '../../domain/errors.ts';
import { referHeaders, type ResponseHeader } from './response-headers.ts';

/** A link to what can be done with the resource, by the operation that does it. */
export type Links = Readonly<Record<string, { operationId: string; parameters: Record<string, string> }>>;

export interface Answer {
  description: string;
  headers?: readonly ResponseHeader[];
  links?: Links;
  content?: Record<string, { schema: z.ZodType | object }>;
}

/** An answer in JSON. */
export function json(
  description: string,
  schema: z.ZodType,
  rest: Pick<Answer, 'headers' | 'links'> = {},
): Answer {
  return { description, ...rest, content: { 'application/json': { schema } } };
}

const NAMES: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  402: 'PaymentRequired',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Gone',
  413: 'ContentTooLarge',
  415: 'UnsupportedMediaType',
  416: 'RangeNotSatisfiable',
  422: 'UnprocessableContent',
  429: 'TooManyRequests',
  502: 'BadGateway',
  503: 'ServiceUnavailable',
  504: 'GatewayTimeout',
};

const HEADERS: Readonly<Record<number, readonly ResponseHeader[]>> = {
  401: ['WwwAuthenticate'],
  416: ['ContentRange'],
  429: ['RetryAfter', 'RateLimit', 'RateLimitPolicy'],
  503: ['RetryAfter'],
};

const PROBLEM = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };

/** A refusal of each status, with the types that have it; and one for whatever else there is. */
export function refusalComponents(): Record<string, object> {
  const responses: Record<string, object> = {
    ClientError: {
      description: 'execd rejects the request. `type` and `detail` have the reason.',
      content: PROBLEM,
    },
    ServerError: { description: 'execd failed to handle the request.', content: PROBLEM },
  };
  for (const [status, name] of Object.entries(NAMES)) {
    const types = Object.entries(CATALOGUE).filter(([, entry]) => entry.status === Number(status));
    const list = types.map(([type, { title }]) => `- \`${type}\`: ${title}`).join('\n');
    const headers = HEADERS[Number(status)];
    responses[name] = {
      description: `One of these types:\n\n${list}`,
      ...(headers === undefined ? {} : { headers: referHeaders(headers) }),
      content: PROBLEM,
    };
  }
  return responses;
}

/** References to the refusals of these statuses. */
export function referRefusals(statuses: readonly number[]): Record<string, object> {
  const refer = (name: string) => ({ $ref: `#/components/responses/${name}` });
  return {
    ...Object.fromEntries(statuses.map((status) => [status, refer(NAMES[status] ?? 'ClientError')])),
    '4XX': refer('ClientError'),
    '5XX': refer('ServerError'),
  };
}
