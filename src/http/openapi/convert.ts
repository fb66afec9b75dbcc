// From zod to the JSON Schema of the OpenAPI document. Named schemas become components; where they use one another, they
// refer to each other.
import { z } from 'zod';

export type JsonSchema = Record<string, unknown>;
export type Named = Readonly<Record<string, z.ZodType>>;

const refOf = (name: string) => `#/components/schemas/${name}`;

export class Converter {
  readonly #names: ReadonlyMap<unknown, string>;

  constructor(named: Named) {
    this.#names = new Map(Object.entries(named).map(([name, schema]) => [schema, name]));
  }

  /** Each named schema once. */
  components(): Record<string, JsonSchema> {
    const registry = z.registry<{ id: string }>();
    for (const [schema, id] of this.#names) registry.add(schema as z.ZodType, { id });
    const { schemas } = z.toJSONSchema(registry, { ...this.#options(), uri: refOf });
    return Object.fromEntries(
      Object.entries(schemas).map(([id, schema]) => [id, withoutMeta(schema as JsonSchema)]),
    );
  }

  /** A schema of a route: a reference, where it has a name. What is JSON Schema already stays as it is. */
  convert(schema: unknown): JsonSchema {
    if (!(schema instanceof z.ZodType)) return schema as JsonSchema;
    const name = this.#names.get(schema);
    if (name !== undefined) return { $ref: refOf(name) };
    return withoutMeta(z.toJSONSchema(schema, this.#options()));
  }

  #options() {
    return {
      target: 'draft-2020-12',
      io: 'input',
      unrepresentable: 'any',
      override: ({ zodSchema, jsonSchema }: Conversion) => {
        showAs(zodSchema, jsonSchema);
        tidy(jsonSchema);
        this.#discriminate(zodSchema, jsonSchema);
      },
    } as const;
  }

  /** Tells which name goes with which value, where all alternatives of a union have names. */
  #discriminate({ _zod: { def } }: z.core.$ZodType, jsonSchema: JsonSchema): void {
    if (def.type !== 'union') return;
    const { discriminator, options } = def as z.core.$ZodDiscriminatedUnionDef;
    if (typeof discriminator !== 'string') return;
    const mapping = options.flatMap((option) => {
      const name = this.#names.get(option);
      const values = [...(option._zod.propValues?.[discriminator] ?? [])];
      return name === undefined ? [] : values.map((value) => [String(value), refOf(name)] as const);
    });
    if (mapping.length < options.length) return;
    jsonSchema.discriminator = { propertyName: discriminator, mapping: Object.fromEntries(mapping) };
  }
}

interface Conversion {
  zodSchema: z.core.$ZodType;
  jsonSchema: JsonSchema;
}

/** What transforms its input says itself how it is shown. */
function showAs(zodSchema: z.core.$ZodType, jsonSchema: JsonSchema): void {
  const shownAs = z.globalRegistry.get(zodSchema)?.shownAs as object | undefined;
  if (shownAs === undefined) return;
  for (const key of Object.keys(jsonSchema)) if (key !== 'description') Reflect.deleteProperty(jsonSchema, key);
  Object.assign(jsonSchema, shownAs);
}

/** Leaves out what tells a reader nothing. */
function tidy(jsonSchema: JsonSchema): void {
  // The format says it all; the pattern is how zod checks it.
  if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  for (const key of ['isOptional', 'shownAs']) Reflect.deleteProperty(jsonSchema, key);
}

function withoutMeta({ $id: _id, $schema: _schema, ...schema }: JsonSchema): JsonSchema {
  return schema;
}
