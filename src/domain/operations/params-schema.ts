// What a template needs to know about a parameter of a JSON Schema. Everything else is the validator's business.
import type { Slot } from './template.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** The schema of an operation's parameters. */
export interface ParamsSchema extends JsonSchema {
  type: 'object';
  properties: Readonly<Record<string, JsonSchema>>;
  required: readonly string[];
}

const isSchema = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const MAX_REFERENCES = 20;

/** Follows `$ref` inside the document; null when it leads nowhere. */
function resolve(schema: unknown, root: JsonSchema): JsonSchema | null {
  let current = schema;
  for (let i = 0; i < MAX_REFERENCES; i++) {
    if (!isSchema(current)) return null;
    const { $ref: ref } = current;
    if (typeof ref !== 'string') return current;
    if (!ref.startsWith('#/')) return null;
    current = ref
      .slice(2)
      .split('/')
      .reduce<unknown>((at, key) => {
        const name = key.replaceAll('~1', '/').replaceAll('~0', '~');
        return isSchema(at) && Object.hasOwn(at, name) ? at[name] : undefined;
      }, root);
  }
  return null;
}

/** What is known of the value of a slot: its schema, `unknown` when the schema is silent, `none` when there can be none. */
export function schemaOf(slot: Slot, params: ParamsSchema): JsonSchema | 'unknown' | 'none' {
  let current: JsonSchema | null = params;
  for (const key of [slot.param, ...slot.path]) {
    const { type, properties, additionalProperties, items, prefixItems }: JsonSchema = current;
    let next: unknown;
    // Without its one type, a schema leaves a way around what it says of the parts.
    if (type === 'object' && isSchema(properties)) {
      if (Object.hasOwn(properties, key)) next = properties[key];
      else if (additionalProperties === false) return 'none';
    } else if (type === 'array' && /^\d+$/.test(key)) {
      next = (Array.isArray(prefixItems) ? (prefixItems[Number(key)] as unknown) : undefined) ?? items;
    }
    current = resolve(next, params);
    if (current === null) return 'unknown';
  }
  return current;
}

/** The values that a closed set allows; null for an open one. */
export function closedSet(schema: JsonSchema | 'unknown' | 'none'): readonly unknown[] | null {
  if (!isSchema(schema)) return null;
  if ('const' in schema) return [schema.const];
  return Array.isArray(schema.enum) && schema.enum.length > 0 ? (schema.enum as unknown[]) : null;
}

/**
 * Whether a value may begin with "-" where a program would take it for an option: its schema says so, or lists every
 * value itself.
 */
export function allowsDash(schema: JsonSchema | 'unknown' | 'none'): boolean {
  return isSchema(schema) && (schema['x-allow-dash'] === true || closedSet(schema) !== null);
}

/** `userId` and `user-id` are both `PARAM_USER_ID`. */
export function environmentName(param: string): string {
  return `PARAM_${param
    .replaceAll('-', '_')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toUpperCase()}`;
}
