// The OpenAPI document, made of the same schemas that validate. Served as /openapi.json, shown under /docs, committed as
// openapi/openapi.json.
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { z } from 'zod';
import { eventComponents } from '../event-schemas.ts';
import { webhookComponents } from '../webhook-schemas.ts';
import { components, noBody, noQuery, problem, type RequestSchemas } from '../schemas.ts';
import { DOCS_LOOK } from './docs-look.ts';

type JsonSchema = Record<string, unknown>;

export async function openapi(
  app: FastifyInstance,
  version: string,
  requests: RequestSchemas,
): Promise<void> {
  const named = { ...components(requests), ...eventComponents, ...webhookComponents };
  const names = new Map(Object.entries(named).map(([name, schema]) => [schema, name]));
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'execd', version, description: 'Runs commands over HTTP, durably.' },
      components: {
        // Not before somebody asks for the document: writing them down takes longer than the rest of a start.
        get schemas() {
          return componentSchemas(named) as never;
        },
        securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } },
      },
      security: [{ apiKey: [] }],
    },
    transform: ({ schema, url, route }) => {
      const { hide, body, querystring, ...rest } = schema;
      const { access, headers } = route.config ?? {};
      const shown = {
        ...rest,
        ...(body === undefined || body === noBody ? {} : { body }),
        ...(querystring === undefined || querystring === noQuery ? {} : { querystring }),
      };
      return {
        schema: {
          ...(hide === undefined ? {} : { hide }),
          ...toJsonSchemas(shown, names),
          ...(isOptional(body) ? { [OPTIONAL_BODY]: true } : {}),
          ...(headers === undefined ? {} : { headers: headerSchema(headers) }),
          ...(access === 'public' ? { security: [] } : {}),
        },
        url,
      };
    },
    transformObject: (document) =>
      withOptionalBodies((document as { openapiObject: OpenApi }).openapiObject) as never,
  });
  await app.register(async (docs) => {
    docs.addHook('onRoute', (route) => {
      route.config = { ...route.config, access: 'public' };
    });
    await docs.register(swaggerUi, {
      routePrefix: '/docs',
      uiConfig: { deepLinking: true },
      staticCSP: CONTENT_POLICY,
      ...DOCS_LOOK,
    });
  });
  app.route({
    method: 'GET',
    url: '/openapi.json',
    config: { access: 'public' },
    schema: { hide: true },
    handler: async () => app.swagger(),
  });
}

/** Without upgrade-insecure-requests: over plain HTTP, which is what this server speaks, a page would stay empty. */
const CONTENT_POLICY =
  "default-src 'self'; base-uri 'self'; frame-ancestors 'self'; img-src 'self' data:; object-src 'none'; " +
  "script-src 'self'; script-src-attr 'none'; style-src 'self'";

interface OpenApi {
  paths?: Record<string, Record<string, { requestBody?: { required: boolean } }>>;
}

/** Marks an operation until the document is made: the plugin takes every body for required. */
const OPTIONAL_BODY = 'x-optional-body';

function isOptional(body: unknown): boolean {
  return body instanceof z.ZodType && z.globalRegistry.get(body)?.isOptional === true;
}

function withOptionalBodies(document: OpenApi): OpenApi {
  for (const operation of Object.values(document.paths ?? {}).flatMap((methods) => Object.values(methods))) {
    if (!Reflect.has(operation, OPTIONAL_BODY)) continue;
    Reflect.deleteProperty(operation, OPTIONAL_BODY);
    if (operation.requestBody !== undefined) operation.requestBody.required = false;
  }
  return document;
}

const CONVERSION = {
  target: 'draft-2020-12',
  io: 'input',
  unrepresentable: 'any',
  override({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodType; jsonSchema: JsonSchema }) {
    const shownAs = z.globalRegistry.get(zodSchema)?.shownAs as object | undefined;
    if (shownAs !== undefined) {
      for (const key of Object.keys(jsonSchema)) Reflect.deleteProperty(jsonSchema, key);
      Object.assign(jsonSchema, shownAs);
    }
    // The format says it all; the pattern is how zod checks it.
    if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
  },
} as const;

function headerSchema(headers: Record<string, string>): JsonSchema {
  const properties = Object.entries(headers).map(([name, description]) => [
    name,
    { type: 'string', description },
  ]);
  return { type: 'object', properties: Object.fromEntries(properties) as unknown };
}

/** Each named schema once; where they use one another they refer to it. */
function componentSchemas(named: Record<string, z.ZodType>): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    ...CONVERSION,
    uri: (id) => `#/components/schemas/${id}`,
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, schema]) => [id, withoutMeta(schema as JsonSchema)]),
  );
}

function withoutMeta({ $id: _id, $schema: _schema, ...schema }: JsonSchema): JsonSchema {
  return schema;
}

/** The schemas of a route: references to the named ones, query and path parameters in place. */
function toJsonSchemas(schema: FastifySchema, names: ReadonlyMap<z.ZodType, string>): FastifySchema {
  const convert = (one: unknown): JsonSchema => {
    if (!(one instanceof z.ZodType)) return one as JsonSchema;
    const name = names.get(one);
    if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
    return withoutMeta(z.toJSONSchema(one, CONVERSION));
  };
  const { body, querystring, params, headers, response, ...rest } = schema;
  const converted: FastifySchema = { ...rest };
  if (body !== undefined) converted.body = convert(body);
  if (querystring !== undefined) converted.querystring = convert(querystring);
  if (params !== undefined) converted.params = convert(params);
  if (headers !== undefined) converted.headers = convert(headers);
  if (response !== undefined) {
    converted.response = Object.fromEntries(
      Object.entries(response as Record<string, unknown>).map(([status, one]) => [
        status,
        answer(one, convert),
      ]),
    );
  }
  return converted;
}

function answer(one: unknown, convert: (schema: unknown) => JsonSchema): unknown {
  if (one instanceof z.ZodType) {
    const type = one === problem ? 'application/problem+json' : 'application/json';
    return { description: one.description ?? 'The answer', content: { [type]: { schema: convert(one) } } };
  }
  const { content, ...rest } = one as { content?: Record<string, { schema: unknown }> };
  if (content === undefined) return rest;
  const converted = Object.entries(content).map(([type, { schema }]) => [type, { schema: convert(schema) }]);
  return { ...rest, content: Object.fromEntries(converted) as unknown };
}
