// Takes apart what an operation runs, when its file is read, so that a mistake is found then: a tree of texts with slots,
// each in a place that says what may fill it.
import {
  fillTree,
  type Node,
  type Place,
  programIssues,
  type RunTemplate,
  type SpecSchema,
  type TextNode,
  type ValueOf,
} from './fill-run.ts';
import { type Issue, issuesOf } from '../issues.ts';
import { closedSet, environmentName, type JsonSchema, type ParamsSchema, schemaOf } from './params-schema.ts';
import {
  holdsSlot,
  parseSlotTemplate,
  type Slot,
  slotsOf,
  type SlotTemplate,
  urlSegments,
} from './template.ts';
import { BadReferenceError, parseReferences } from '../plans/reference-grammar.ts';

const PLACES: readonly [RegExp, Place][] = [
  [/^(program|path|interpreter|shell|service|operation|method)$/, 'choice'],
  [/^(args\/\d+|profile|region)$/, 'argument'],
  [/^(stdin|env\/[^/]*|headers\/[^/]*|body\/text)$/, 'text'],
  [/^cwd$/, 'path'],
  [/^(stdin|body|files\/\d+)\/base64$/, 'base64'],
  [/^files\/\d+\/content$/, 'text'],
  [/^query\/[^/]*(\/\d+)?$/, 'query'],
  [/^url$/, 'url'],
  [/^body\/json(\/|$)/, 'json'],
];

/** The place of a text; null where no slot may stand: a command, the source of a script, and what is not listed. */
export function placeOf(path: readonly PropertyKey[]): Place | null {
  // Keys are the author's, and may hold slashes.
  const text = path.map((key) => String(key).replaceAll('/', '|')).join('/');
  return PLACES.find(([where]) => where.test(text))?.[1] ?? null;
}

/** The parameters reach these by the environment. */
export const HAS_ENVIRONMENT = new Set(['shell', 'script']);

export interface Compilation {
  params: ParamsSchema;
  placeOf: (path: readonly PropertyKey[]) => Place | null;
  /** Texts may hold references of a plan beside slots. */
  hasReferences: boolean;
  issues: Issue[];
  used: Set<string>;
}

/**
 * Takes apart what an operation runs.
 *
 * @param schema of a request: the run, filled with samples, must fit it
 * @returns what is wrong, with paths below the operation; none when it can be used
 */
export function compileRun(
  run: JsonSchema,
  params: ParamsSchema,
  schema: SpecSchema,
): { template: RunTemplate; issues: Issue[] } {
  const work: Compilation = { params, placeOf, hasReferences: false, issues: [], used: new Set() };
  const kind = String(run.kind);
  const environment: [string, string][] = [];
  if (HAS_ENVIRONMENT.has(kind)) {
    for (const name of Object.keys(params.properties)) environment.push([name, environmentName(name)]);
    work.issues.push(...environmentIssues(environment, run));
  }
  const root = compileNode(run, [], work);
  const template: RunTemplate = { hasReferences: false, root, params, environment };
  work.issues.push(...policyFields(run, schema));
  if (work.issues.length === 0) work.issues.push(...sampleIssues(template, schema));
  if (!HAS_ENVIRONMENT.has(kind)) work.issues.push(...unusedIssues(work));
  return { template, issues: work.issues };
}

export function unusedIssues({ params, used }: Compilation): Issue[] {
  const unused = Object.keys(params.properties).filter((name) => !used.has(name));
  const message = 'is not used: no field of run has the slot {{NAME}} for it';
  return unused.map((name) => ({ path: ['params', 'properties', name], message }));
}

export function environmentIssues(environment: readonly [string, string][], run: JsonSchema): Issue[] {
  const own = Object.keys(run.env ?? {});
  return environment.flatMap(([name, variable], i) => {
    const path = ['params', 'properties', name];
    const other = environment.find(([, one], j) => j < i && one === variable);
    if (other !== undefined)
      return [{ path, message: `is ${variable} in the environment, as ${other[0]} is` }];
    return own.includes(variable) ? [{ path: ['run', 'env', variable], message: 'is a parameter' }] : [];
  });
}

/** What every kind of request has beside its own fields is a policy: it stands beside `run`, not in it. */
function policyFields(run: JsonSchema, schema: SpecSchema): Issue[] {
  const { kind: _kind, name: _name, params: _params, ...policies } = schema.options[5].shape;
  return Object.keys(run)
    .filter((key) => key in policies)
    .map((key) => ({ path: ['run', key], message: `unknown field; put ${key} beside run, not into it` }));
}

export function compileNode(value: unknown, path: readonly PropertyKey[], work: Compilation): Node {
  if (typeof value === 'string') return compileText(value, path, work);
  if (typeof value !== 'object' || value === null) return { type: 'literal', value };
  if (Array.isArray(value)) {
    return { type: 'list', items: value.map((item, i) => compileNode(item, [...path, i], work)) };
  }
  const entries = Object.entries(value).map(([key, one]) => {
    if (holdsSlot(key)) work.issues.push({ path: ['run', ...path, key], message: 'must not contain slots' });
    return [key, compileNode(one, [...path, key], work)] as const;
  });
  return { type: 'map', entries };
}

function compileText(text: string, path: readonly PropertyKey[], work: Compilation): Node {
  const complain = (message: string) => void work.issues.push({ path: ['run', ...path], message });
  const place = work.placeOf(path);
  if (place === null) {
    const isCode = path.at(-1) === 'command' || path.at(-1) === 'source';
    if (holdsSlot(text)) {
      complain(`must not contain slots${isCode ? ': parameters are in the environment, as PARAM_NAME' : ''}`);
    }
    return { type: 'literal', value: text };
  }
  const template = parseSlotTemplate(text);
  if (typeof template === 'string') {
    complain(template);
    return { type: 'literal', value: text };
  }
  const node: TextNode = { type: 'text', template, place };
  for (const slot of slotsOf(template)) {
    work.used.add(slot.param);
    const problem = slotProblem(slot, place, work.params);
    if (problem !== null) complain(`${slot.text} ${problem}`);
  }
  if (work.hasReferences) template.flatMap(referenceProblem).forEach(complain);
  if (place === 'url') originProblems(template, work.params).forEach(complain);
  return slotsOf(template).length === 0 ? { type: 'literal', value: template[0] } : node;
}

/** A reference stands between slots, never around one. */
function referenceProblem(piece: SlotTemplate[number]): string[] {
  if (typeof piece !== 'string') return [];
  try {
    parseReferences(piece);
    return [];
  } catch (error) {
    if (error instanceof BadReferenceError) return [error.message];
    throw error;
  }
}

function slotProblem(slot: Slot, place: Place, params: ParamsSchema): string | null {
  if (!Object.hasOwn(params.properties, slot.param)) return 'is not a parameter of the operation';
  const schema = schemaOf(slot, params);
  if (schema === 'none') return 'is not a field that the parameter can have';
  const isThere = params.required.includes(slot.param) || 'default' in (params.properties[slot.param] ?? {});
  if (!isThere && !slot.isOptional) {
    return `may be absent: write {{${[slot.param, ...slot.path].join('.')}?}}, make it required, or give it a default`;
  }
  return place === 'choice' && closedSet(schema) === null
    ? 'decides what runs, so the parameter must have an enum'
    : null;
}

/** Nothing but a closed set may decide which server is asked. */
function originProblems(template: SlotTemplate, params: ParamsSchema): string[] {
  const [scheme, empty, host] = urlSegments(template, () => 'x');
  const isAbsolute =
    /^https?:$/i.test(scheme?.text ?? '') && scheme?.slots.length === 0 && empty?.text === '';
  if (!isAbsolute || host === undefined || host.text === '' || host.text.includes('\\')) {
    return ['must begin with http:// or https:// and a host'];
  }
  return host.slots
    .filter((slot) => closedSet(schemaOf(slot, params)) === null)
    .map((slot) => `${slot.text} decides which host is called, so the parameter must have an enum`);
}

/** What may fill each slot. */
export function samplesFor({ params }: Pick<RunTemplate, 'params'>): ValueOf {
  return (slot, { place, template: { length } }) => {
    const schema = schemaOf(slot, params);
    const [first] = closedSet(schema) ?? [];
    if (first !== undefined) return first;
    if (place === 'path' && length === 1) return '/x';
    if (place === 'json' && length === 1) return sampleOf(schema);
    return place === 'base64' ? 'eHh4' : 'x';
  };
}

function sampleOf(schema: JsonSchema | 'unknown' | 'none'): unknown {
  const type = typeof schema === 'object' ? schema.type : undefined;
  if (type === 'array') return [];
  if (type === 'object') return {};
  if (type === 'boolean') return true;
  return type === 'number' || type === 'integer' ? 1 : 'x';
}

/** What the request's own schema says of the run with a sample in each slot. */
function sampleIssues(template: RunTemplate, schema: SpecSchema): Issue[] {
  const { value, problems } = fillTree(template, samplesFor(template));
  const unfit = problems.map(({ field, message }) => ({ path: ['run'], message: `${field}: ${message}` }));
  const { success, error } = schema.safeParse(value);
  const issues = [...(success ? [] : issuesOf(error)), ...programIssues((value as JsonSchema).program)];
  return [...unfit, ...issues.map(({ path, message }) => ({ path: ['run', ...path], message }))];
}
