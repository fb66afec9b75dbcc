// Checks answers against the OpenAPI document: openapi/openapi.json, of which test/project/generated.test.ts shows that it is
// what a server gives out. Compiling it costs more than building a server, so that all services of a process share it.
import { readFileSync } from 'node:fs';
import type { ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

interface Document {
  paths: Record<string, Record<string, { responses: Record<string, Response | { $ref: string }> }>>;
  components: { schemas: Record<string, object>; responses: Record<string, Response> };
}

interface Response {
  content?: Record<string, { schema?: object }>;
}

/** Throws when a JSON answer is not what the document says for its route and status. */
export type CheckAnswer = (method: string, path: string, status: number, body: unknown) => void;

let shared: CheckAnswer | null = null;

export function answerCheck(): CheckAnswer {
  shared ??= checkOf(JSON.parse(readFileSync('openapi/openapi.json', 'utf8')) as Document);
  return shared;
}

function checkOf({ paths, components }: Document): CheckAnswer {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  (formats as unknown as (ajv: Ajv2020) => void)(ajv);
  ajv.addSchema({ $id: 'doc', components });
  const compiled = new Map<string, ValidateFunction>();
  const routes = Object.keys(paths).map((path) => ({
    path,
    pattern: new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`),
    literals: path.split('/').filter((part) => !part.startsWith('{')).length,
  }));
  routes.sort((a, b) => b.literals - a.literals);

  return (method, path, status, body) => {
    const route = routes.find(({ pattern }) => pattern.test(path))?.path;
    if (route === undefined) return;
    const responses = paths[route]?.[method.toLowerCase()]?.responses;
    if (responses === undefined) return;
    const found = responses[String(status)] ?? responses[`${String(status)[0]}XX`];
    const response =
      found !== undefined && '$ref' in found
        ? components.responses[found.$ref.replace('#/components/responses/', '')]
        : found;
    if (response === undefined) throw new Error(`${method} ${route} does not document the status ${status}`);
    const schema =
      response.content?.['application/json']?.schema ??
      response.content?.['application/problem+json']?.schema;
    if (schema === undefined) return;
    const name = `${method} ${route} ${status}`;
    const whole = JSON.stringify(schema).replaceAll('"#/components', '"doc#/components');
    let validate = compiled.get(whole);
    if (validate === undefined) {
      validate = ajv.compile(JSON.parse(whole) as object);
      compiled.set(whole, validate);
    }
    if (!validate(body))
      throw new Error(`${name}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(body)}`);
  };
}
