// JSON Schemas that clients send: what a signal has to fit. A schema of a stranger must not be able to hold the server up: patterns are
// those of RE2, nothing refers to anything, and nothing compares each item with each other.
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { RE2JS } from 're2js';

type JsonSchema = Readonly<Record<string, unknown>>;

const MAX_SCHEMA_BYTES = 8192;
/** Keywords whose work may grow faster than what they are applied to, or that lead elsewhere. */
const FORBIDDEN = new Set(['$ref', '$dynamicRef', '$recursiveRef', 'uniqueItems', '$async', '$id']);

class LinearPattern {
  readonly #pattern: RE2JS;
  readonly #source: string;
  constructor(source: string) {
    this.#source = source;
    this.#pattern = RE2JS.compile(source);
  }
  test(text: string): boolean {
    return this.#pattern.matcher(text).find();
  }
  /** Ajv tells patterns apart by it. */
  toString(): string {
    return this.#source;
  }
}

const regExp = Object.assign((source: string) => new LinearPattern(source) as unknown as RegExp, {
  code: 'linearPattern',
});

/** Why a schema cannot be used; null when it can. */
export function schemaProblem(schema: JsonSchema): string | null {
  if (Buffer.byteLength(JSON.stringify(schema)) > MAX_SCHEMA_BYTES)
    return `must have at most ${MAX_SCHEMA_BYTES} bytes as JSON`;
  const forbidden = findForbidden(schema);
  if (forbidden !== null) return `must not use ${forbidden}: write the schema out`;
  try {
    compile(schema);
    return null;
  } catch (error) {
    return `must be a JSON Schema (2020-12): ${(error as Error).message}`;
  }
}

/** What a value has against a schema that can be used; null when it fits. */
export function payloadProblem(schema: JsonSchema, value: unknown): string | null {
  const validate = compile(schema);
  if (validate(value)) return null;
  const [first] = validate.errors ?? [];
  return first === undefined ? 'does not fit' : sentence(first);
}

function compile(schema: JsonSchema) {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, logger: false, code: { regExp } });
  return ajv.compile(schema);
}

const sentence = ({ instancePath, message = 'does not fit' }: ErrorObject): string =>
  instancePath === '' ? `the payload ${message}` : `${instancePath} ${message}`;

function findForbidden(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return null;
  for (const [name, child] of Object.entries(value)) {
    if (FORBIDDEN.has(name) && !Array.isArray(value)) return name;
    const found = findForbidden(child);
    if (found !== null) return found;
  }
  return null;
}
