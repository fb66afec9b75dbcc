// The schemas of the requests, as the OpenAPI document of this very server has them.
import { useQuery } from '@tanstack/react-query';
import { useExecd } from '../session/session.tsx';

export interface Schema {
  $ref?: string;
  type?: string | string[];
  title?: string;
  description?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  anyOf?: Schema[];
  oneOf?: Schema[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
}

export type Schemas = Readonly<Record<string, Schema>>;

const NAMES: Readonly<Record<string, string>> = {
  shell: 'ShellSpec',
  exec: 'ExecSpec',
  script: 'ScriptSpec',
  http: 'HttpSpec',
  aws_cli: 'AwsCliSpec',
  operation: 'OperationSpec',
};

export function useSchemas() {
  const { url } = useExecd();
  return useQuery({
    queryKey: ['schemas'],
    queryFn: async ({ signal }): Promise<Schemas> => {
      const response = await fetch(`${url}/openapi.json`, { signal });
      const { components } = (await response.json()) as { components: { schemas: Schemas } };
      return components.schemas;
    },
    staleTime: Infinity,
  });
}

/** The schema of a kind; null for one that has no form. */
export const schemaOf = (schemas: Schemas, kind: string): Schema | null => schemas[NAMES[kind] ?? ''] ?? null;

/** What a reference stands for, with the words that stand beside it. */
export function resolved(schemas: Schemas, schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const { $ref, ...own } = schema;
  return { ...resolved(schemas, schemas[$ref.split('/').at(-1) ?? ''] ?? {}), ...own };
}

export type Shape = 'text' | 'number' | 'flag' | 'choice' | 'list' | 'map' | 'group' | 'json';

/** Which field of a form a schema gets. */
export function shapeOf(schemas: Schemas, schema: Schema): Shape {
  const { type, enum: words, properties, items, additionalProperties: others } = schema;
  if (words !== undefined) return 'choice';
  if (type === 'string') return 'text';
  if (type === 'integer' || type === 'number') return 'number';
  if (type === 'boolean') return 'flag';
  if (type === 'array' && items !== undefined && resolved(schemas, items).type === 'string') return 'list';
  if (properties !== undefined) return 'group';
  const other = typeof others === 'object' ? resolved(schemas, others) : {};
  const ways = [other, ...(other.anyOf ?? []), ...(other.oneOf ?? [])];
  const isText = ways.some((way) => resolved(schemas, way).type === 'string');
  return type === 'object' && isText ? 'map' : 'json';
}
