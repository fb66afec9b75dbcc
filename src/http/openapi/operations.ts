// An operation of the OpenAPI document, made of what its route says.
import type { FastifySchema, RouteOptions } from 'fastify';
import { z } from 'zod';
import { noBody, noQuery } from '../edge/schemas.ts';
import { type Answer, referRefusals } from '../edge/answers.ts';
import type { Converter, JsonSchema } from './convert.ts';
import { examplesOf } from './examples.ts';
import { referHeaders, type RequestHeader } from '../edge/response-headers.ts';

export type Operation = Readonly<Record<string, unknown>>;

/** Refused before a route is reached. */
const ALWAYS = [400, 401, 403];

export function operationOf(route: RouteOptions, converter: Converter): Operation {
  const { schema = {}, config = {}, url } = route;
  const { operationId = '', summary, description = '', tags } = schema;
  const isPublic = config.access === 'public';
  const takesKey = !isPublic && config.access !== 'signature';
  const body = requestBody(schema, converter, operationId, config.bodyType);
  const parameters = [
    ...valueParameters('path', schema.params, converter),
    ...valueParameters('query', schema.querystring === noQuery ? undefined : schema.querystring, converter),
    ...headerParameters([...(config.headers ?? []), ...(takesKey ? (['ExecutionUser'] as const) : [])]),
  ];
  const refusals = new Set([
    ...ALWAYS,
    ...(url.includes(':') && takesKey ? [404] : []),
    ...(body === undefined ? [] : [413, 415]),
    ...(config.access === 'submit' ? [429, 503] : []),
    ...(config.refuses ?? []),
  ]);
  const statuses = [...refusals].sort((a, b) => a - b);
  return {
    operationId,
    summary,
    description: !takesKey ? description : `${description}\n\nRequires the scope \`${config.access}\`.`,
    tags,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: { ...responses(schema, converter), ...referRefusals(isPublic ? [] : statuses) },
    ...(takesKey ? {} : { security: [] }),
  };
}

function valueParameters(place: 'path' | 'query', schema: unknown, converter: Converter): object[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = converter.convert(schema) as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  const shown = Object.entries(properties).filter(([, schema]) => schema.isHidden !== true);
  return shown.map(([name, { description, example, ...rest }]) => ({
    name: name === '*' ? 'path' : name,
    in: place,
    ...(description === undefined ? {} : { description }),
    ...(place === 'path' || required.includes(name) ? { required: true } : {}),
    schema: rest,
    ...(example === undefined ? {} : { example }),
  }));
}

function headerParameters(keys: readonly RequestHeader[]): object[] {
  return keys.map((key) => ({ $ref: `#/components/parameters/${key}` }));
}

function requestBody(
  { body }: FastifySchema,
  converter: Converter,
  operationId: string,
  type = 'application/json',
): object | undefined {
  if (body === undefined || body === noBody) return undefined;
  if (body instanceof z.ZodType && z.globalRegistry.get(body)?.isBytes === true) return BYTES;
  const isOptional = body instanceof z.ZodType && z.globalRegistry.get(body)?.isOptional === true;
  const examples = examplesOf(operationId);
  const content = { schema: converter.convert(body), ...(examples === undefined ? {} : { examples }) };
  return { required: !isOptional, content: { [type]: content } };
}

const BINARY = { type: 'string', format: 'binary' };
/** A body that is a file. */
const BYTES = {
  required: false,
  content: {
    'application/octet-stream': { schema: BINARY },
    'multipart/form-data': { schema: { type: 'object', properties: { file: BINARY } } },
  },
};

function responses({ response = {} }: FastifySchema, converter: Converter): Record<string, object> {
  const shown = Object.entries(response as Record<string, Answer>).map(([status, answer]) => {
    const { description, headers, links, content } = answer;
    const types = Object.entries(content ?? {}).map(([type, { schema }]) => [
      type,
      { schema: converter.convert(schema) },
    ]);
    const one = {
      description,
      ...(headers === undefined ? {} : { headers: referHeaders(headers) }),
      ...(content === undefined ? {} : { content: Object.fromEntries(types) as object }),
      ...(links === undefined ? {} : { links }),
    };
    return [status, one] as const;
  });
  return Object.fromEntries(shown);
}
