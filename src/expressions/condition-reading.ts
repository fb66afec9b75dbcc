// What an expression reads and what it costs, found in its tree. It refuses what could take time or memory beyond bounds before
// anything runs: a call of the platform, unlike a loop of the evaluator, cannot be stopped.
import type { ASTNode } from '@marcbachmann/cel-js';
import { ConditionError } from '../domain/plans/conditions.ts';
import { FUNCTIONS as OWN_FUNCTIONS } from '../domain/plans/functions.ts';

/** How many `+` may join texts or lists: each is at most as long as all that they join. */
const MAX_JOINS = 16;
/** Searching a text may take its length times this. */
const MAX_PATTERN_LENGTH = 256;

interface Callable {
  /** Numbers of arguments that it takes. */
  arity: readonly number[];
  /** Its argument decides how long it runs, so it has to be a short text that stands in the condition. */
  isPattern?: true;
  /** It gives neither a text nor a list. */
  isScalar?: true;
  /** The platform does it at the speed of memory. */
  isCheap?: true;
}

const SCALAR: Callable = { arity: [0], isScalar: true };
const CONVERSION: Callable = { arity: [1], isScalar: true };

/** Functions of the CEL standard that take time in proportion to what they are given, if that much. */
const FUNCTIONS: ReadonlyMap<string, Callable> = new Map<string, Callable>([
  ['has', { arity: [1], isScalar: true, isCheap: true }],
  ['size', CONVERSION],
  ['int', CONVERSION],
  ['uint', CONVERSION],
  ['double', CONVERSION],
  ['bool', CONVERSION],
  ['type', CONVERSION],
  ['timestamp', CONVERSION],
  ['duration', { arity: [1], isScalar: true, isPattern: true }],
  ['string', { arity: [1] }],
  ['dyn', { arity: [1] }],
  ...OWN_FUNCTIONS.map((name) => [name, { arity: name === 'join' ? [1, 2] : [1] }] as const),
]);

const METHODS = new Map<string, Callable>([
  ['size', SCALAR],
  ['startsWith', { arity: [1], isScalar: true, isCheap: true }],
  ['endsWith', { arity: [1], isScalar: true, isCheap: true }],
  ['contains', { arity: [1], isScalar: true, isPattern: true }],
  ['matches', { arity: [1], isScalar: true, isPattern: true }],
  ['trim', { arity: [0] }],
  ...[
    'FullYear',
    'Month',
    'Date',
    'DayOfMonth',
    'DayOfWeek',
    'Hours',
    'Minutes',
    'Seconds',
    'Milliseconds',
  ].map((unit) => [`get${unit}`, SCALAR] as const),
]);

/** Loops over a list or the keys of a map: the first argument is the name of the item. */
const COMPREHENSIONS = new Map<string, readonly number[]>([
  ['all', [2]],
  ['exists', [2]],
  ['exists_one', [2]],
  ['filter', [2]],
  ['map', [2, 3]],
]);

const TYPES = new Set([
  'bool',
  'bytes',
  'double',
  'int',
  'list',
  'map',
  'null_type',
  'string',
  'type',
  'uint',
]);
const ARITHMETIC = new Set(['-_', '-', '*', '/', '%']);
/** What hands numbers on as they are. */
const HANDS_ON: ReadonlySet<string> = new Set([
  ...['value', 'id', '.', '.?', '[]', '[?]', 'list', 'map', '?:', '||', '&&', '!_', 'rcall'],
]);
const HANDING_FUNCTIONS: ReadonlySet<string> = new Set([...OWN_FUNCTIONS, 'has', 'size', 'string', 'dyn']);

/** The result of reading a tree. */
export interface Reading {
  roots: ReadonlySet<string>;
  /** Names of steps that are constant; null when `steps` is read in another way. */
  steps: ReadonlySet<string> | null;
  /** The same of `plan.params`. */
  params: ReadonlySet<string> | null;
  /** It takes next to no time, whatever the values are. */
  isCheap: boolean;
  /** It compares values that may be objects. */
  comparesObjects: boolean;
  /** Its numbers are only handed on, so that each may keep its digits. */
  keepsDigits: boolean;
  /** It takes time in proportion to what it reads. */
  isLinear: boolean;
  /** Its value is that of `quote`. */
  isQuoted: boolean;
}

/**
 * @param roots names that the condition may read
 * @throws ConditionError
 */
export function readCondition(ast: ASTNode, roots: readonly string[]): Reading {
  const reader = new Reader(roots);
  reader.isQuoted = ast.op === 'call' && ast.args[0] === 'quote';
  reader.visit(ast, NO_NAMES);
  const { roots: read, steps, params, isCheap, isLinear, isQuoted, keepsDigits, comparesObjects } = reader;
  return { roots: read, steps, params, isCheap, isLinear, isQuoted, keepsDigits, comparesObjects };
}

/** Where a node stands: names of items that comprehensions around it have bound. */
type Bound = ReadonlySet<string>;
const NO_NAMES: Bound = new Set();

class Reader implements Reading {
  readonly #allowed: readonly string[];
  readonly roots = new Set<string>();
  readonly #steps = new Set<string>();
  #readsAnyStep = false;
  readonly #params = new Set<string>();
  #readsAnyParam = false;
  #joins = 0;
  isCheap = true;
  comparesObjects = false;
  keepsDigits = true;
  isLinear = true;
  isQuoted = false;

  constructor(allowed: readonly string[]) {
    this.#allowed = allowed;
  }

  get steps(): ReadonlySet<string> | null {
    return this.#readsAnyStep ? null : this.#steps;
  }

  get params(): ReadonlySet<string> | null {
    return this.#readsAnyParam ? null : this.#params;
  }

  visit(node: ASTNode, bound: Bound): void {
    const handsOn = node.op === 'call' ? HANDING_FUNCTIONS.has(node.args[0]) : HANDS_ON.has(node.op);
    if (!handsOn) this.keepsDigits = false;
    switch (node.op) {
      case 'value':
        return;
      case 'id':
        return this.#name(node, node.args, bound);
      case '.':
      case '.?':
        return this.#field(node.args[0], node.args[1], bound);
      case '[]':
      case '[?]':
        return this.#item(node.args, bound);
      case 'call':
        return this.#call(node, node.args[0], node.args[1], bound);
      case 'rcall':
        return this.#method(node, node.args, bound);
      case 'map':
        this.isCheap = false;
        return this.#visitAll(node.args.flat(), bound);
      case 'list':
        this.isCheap = false;
        return this.#visitAll(node.args, bound);
      case '!_':
      case '-_':
        return this.visit(node.args, bound);
      case '==':
      case '!=':
        return this.#equality(node.args, bound);
      case 'in':
        return this.#membership(node.args, bound);
      case '+':
        return this.#sum(node, node.args, bound);
      default:
        return this.#visitAll(node.args, bound);
    }
  }

  #visitAll(nodes: readonly ASTNode[], bound: Bound): void {
    for (const node of nodes) this.visit(node, bound);
  }

  #name(node: ASTNode, name: string, bound: Bound): void {
    if (bound.has(name) || TYPES.has(name)) return;
    if (!this.#allowed.includes(name)) throw this.#unknownVariable(node, name);
    this.roots.add(name);
    if (name === 'steps') this.#readsAnyStep = true;
    if (name === 'plan') this.#readsAnyParam = true;
  }

  #unknownVariable(node: ASTNode, name: string): ConditionError {
    const isAfterHyphen = node.input[node.start - 1] === '-';
    const hint = isAfterHyphen ? '; a name with a hyphen is written steps["a-b"]' : '';
    return errorAt(node, `unknown variable "${name}"; there are ${this.#allowed.join(', ')}${hint}`);
  }

  #field(object: ASTNode, field: string, bound: Bound): void {
    if (this.#isRoot('steps', object, bound)) this.#steps.add(field);
    else if (this.#isParams(object, bound)) this.#params.add(field);
    else if (field !== 'id' || !this.#isRoot('plan', object, bound)) this.visit(object, bound);
  }

  #item([object, index]: readonly [ASTNode, ASTNode], bound: Bound): void {
    if (index.op === 'value' && typeof index.args === 'string') return this.#field(object, index.args, bound);
    this.visit(object, bound);
    this.visit(index, bound);
  }

  /** Whether it is this root, about to be read by a name. */
  #isRoot(name: 'steps' | 'plan', node: ASTNode, bound: Bound): boolean {
    const isRoot = node.op === 'id' && node.args === name && !bound.has(name) && this.#allowed.includes(name);
    if (isRoot) this.roots.add(name);
    return isRoot;
  }

  /** Whether it is `plan.params`. */
  #isParams(node: ASTNode, bound: Bound): boolean {
    if (node.op !== '.' && node.op !== '[]') return false;
    const [object, index] = node.args;
    const name = typeof index === 'string' ? index : index.op === 'value' ? index.args : null;
    return name === 'params' && this.#isRoot('plan', object, bound);
  }

  #call(node: ASTNode, name: string, args: readonly ASTNode[], bound: Bound): void {
    this.#check(node, name, FUNCTIONS.get(name), args);
    this.#visitAll(args, bound);
  }

  #method(
    node: ASTNode,
    [name, receiver, args]: readonly [string, ASTNode, readonly ASTNode[]],
    bound: Bound,
  ): void {
    this.visit(receiver, bound);
    if (!COMPREHENSIONS.has(name)) {
      this.#check(node, name, METHODS.get(name), args);
      this.#visitAll(args, bound);
      return;
    }
    this.isCheap = false;
    this.isLinear = false;
    const [item, ...body] = args;
    if (item?.op !== 'id' || COMPREHENSIONS.get(name)?.includes(args.length) !== true) {
      throw errorAt(node, `${name} takes an item name and an expression: list.${name}(x, …)`);
    }
    this.#visitAll(body, new Set([...bound, item.args]));
  }

  #check(node: ASTNode, name: string, callable: Callable | undefined, args: readonly ASTNode[]): void {
    if (callable === undefined) throw errorAt(node, `unknown function "${name}"`);
    if (!callable.arity.includes(args.length)) {
      throw errorAt(node, `${name} takes ${callable.arity.join(' or ')} arguments, not ${args.length}`);
    }
    if (callable.isCheap !== true) this.isCheap = false;
    const [pattern] = args;
    if (callable.isPattern !== true || pattern === undefined) return;
    if (pattern.op !== 'value' || typeof pattern.args !== 'string') {
      throw errorAt(pattern, `${name} takes a literal text in quotes, not a computed one`);
    }
    if (pattern.args.length > MAX_PATTERN_LENGTH) {
      throw errorAt(pattern, `the text of ${name} is longer than ${MAX_PATTERN_LENGTH} characters`);
    }
    if (name !== 'matches') return;
    this.isLinear = false;
    checkPattern(pattern, pattern.args);
  }

  #equality(sides: readonly [ASTNode, ASTNode], bound: Bound): void {
    if (!sides.some(isLiteral)) {
      this.isCheap = false;
      this.comparesObjects = true;
    }
    this.#visitAll(sides, bound);
  }

  #membership([item, list]: readonly [ASTNode, ASTNode], bound: Bound): void {
    this.visit(item, bound);
    if (list.op === 'list' && list.args.every(isLiteral)) return;
    this.isCheap = false;
    this.isLinear = false;
    this.comparesObjects = true;
    this.visit(list, bound);
  }

  /** Within a comprehension, a text that grows with each item would take memory without bounds. */
  #sum(node: ASTNode, sides: readonly [ASTNode, ASTNode], bound: Bound): void {
    if (!sides.some(isScalar)) {
      this.isCheap = false;
      this.#joins += 1;
      if (bound.size > 0 && operandsOf(node).filter(mayBeLong).length > 1) {
        throw errorAt(
          node,
          '"+" in a comprehension joins numbers, or literal texts with one other; use double(x), or join([x, y])',
        );
      }
      if (this.#joins > MAX_JOINS) throw errorAt(node, `more than ${MAX_JOINS} "+" that may join texts`);
    }
    this.#visitAll(sides, bound);
  }
}

/** What a chain of "+" joins. */
const operandsOf = (node: ASTNode): ASTNode[] => (node.op === '+' ? node.args.flatMap(operandsOf) : [node]);

const mayBeLong = (node: ASTNode): boolean => !isLiteral(node) && !isScalar(node);

/** It has a value that is compared at once. */
const isLiteral = (node: ASTNode): boolean =>
  (node.op === 'value' && !(node.args instanceof Uint8Array)) || (node.op === '-_' && isLiteral(node.args));

/** Its value is neither a text nor a list, and so is what is added to it. */
function isScalar(node: ASTNode): boolean {
  switch (node.op) {
    case 'value':
      return typeof node.args === 'number' || typeof node.args === 'bigint';
    case 'call':
      return FUNCTIONS.get(node.args[0])?.isScalar === true;
    case 'rcall':
      return METHODS.get(node.args[0])?.isScalar === true;
    case '+':
      return node.args.some(isScalar);
    default:
      return ARITHMETIC.has(node.op);
  }
}

function checkPattern(node: ASTNode, pattern: string): void {
  try {
    new RegExp(pattern);
  } catch (error) {
    throw errorAt(node, (error as Error).message.replace(/^Invalid/, 'invalid'), error);
  }
}

function errorAt(node: ASTNode, problem: string, cause?: unknown): ConditionError {
  return new ConditionError(`${problem} (at character ${node.start + 1})`, { cause });
}
