// Bodies that are nearly what the OpenAPI document asks for: each place has what its schema says, or, now and then, something
// else. Texts come from a short list, since some of the bodies are right, and then what they ask for is run.
import fc from 'fast-check';

interface Schema {
  $ref?: string;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  const?: unknown;
  enum?: unknown[];
  type?: string | string[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
}

const TEXTS = [
  '',
  'a',
  'b',
  'true',
  'é',
  '\0',
  '\ud800',
  '-',
  '0',
  'x'.repeat(300),
  '${steps.a.result}',
  '${',
];
const NAMES = ['a', 'b', 'kind', 'name', 'constructor', 'toString', '0', '${item}'];
const DEPTH = 6;

const text = fc.constantFrom(...TEXTS);
const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, -1, 1.5, 1e300, [], {}, [null], [[]], { a: null }),
  text,
);

/** @param components schemas of the document by name */
export function bodiesOf(schema: object, components: Record<string, object>): fc.Arbitrary<unknown> {
  const near = (one: Schema, depth: number): fc.Arbitrary<unknown> =>
    fc.oneof({ weight: 9, arbitrary: fitting(one, depth) }, { weight: 1, arbitrary: junk });

  function fitting(one: Schema, depth: number): fc.Arbitrary<unknown> {
    if (depth > DEPTH) return junk;
    if (one.$ref !== undefined) return fitting(components[one.$ref.split('/').at(-1) ?? ''] ?? {}, depth);
    const branches = one.oneOf ?? one.anyOf ?? one.allOf;
    if (branches !== undefined) return fc.oneof(...branches.map((branch) => fitting(branch, depth)));
    if (one.enum !== undefined) return fc.constantFrom(...one.enum);
    if (one.const !== undefined) return fc.constant(one.const);
    switch (Array.isArray(one.type) ? one.type[0] : one.type) {
      case 'object':
        return object(one, depth);
      case 'array':
        return fc.array(near(one.items ?? {}, depth + 1), { maxLength: 3 });
      case 'string':
        return text;
      case 'integer':
      case 'number':
        return fc.constantFrom(0, 1, 2, 100, -1);
      case 'boolean':
        return fc.boolean();
      default:
        return junk;
    }
  }

  function object({ properties = {}, required = [], additionalProperties }: Schema, depth: number) {
    const known = Object.fromEntries(
      Object.entries(properties).map(([name, child]) => [name, near(child, depth + 1)]),
    );
    // Nearly always there, since what is missing hides what else is wrong.
    const fields = fc
      .record(known, { requiredKeys: [] })
      .chain((some) =>
        fc
          .record(Object.fromEntries(required.flatMap((name) => (known[name] ? [[name, known[name]]] : []))))
          .map((needed) => ({ ...needed, ...some })),
      );
    if (typeof additionalProperties !== 'object') return fields;
    const more = fc.dictionary(fc.constantFrom(...NAMES), near(additionalProperties, depth + 1), {
      maxKeys: 2,
    });
    return fc.tuple(fields, more).map(([some, others]) => ({ ...others, ...some }));
  }

  return near(schema, 0);
}
