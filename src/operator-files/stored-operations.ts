// Operations put by API. They are kept in the store; the file of the operator goes before them: a name that it defines cannot be put,
// and one that it comes to define later is the file's until the file leaves it out.
import { canonicalJson } from '../domain/json.ts';
import { type FieldProblem, RefusedError } from '../domain/errors.ts';
import { type Issue, pointer } from '../domain/issues.ts';
import type { Operation } from '../domain/operations/operation.ts';
import {
  MAX_DEFINITION_BYTES,
  MAX_STORED_OPERATIONS,
  type StoredOperation,
} from '../domain/operations/stored.ts';
import type { Clock, Log } from '../domain/ports/clock.ts';
import type { Group, GroupResult } from '../domain/ports/group.ts';
import type { Store } from '../domain/ports/store.ts';
import type { LiveOperations } from './operations-file.ts';

export interface StoredOperationsDeps {
  store: Pick<Store, 'operations'>;
  commit: (groups: readonly Group[]) => Promise<GroupResult[]>;
  /** Tells other servers on the store that something has changed. */
  tell: () => void;
  live: Pick<LiveOperations, 'isInFile' | 'read' | 'setStored'>;
  clock: Pick<Clock, 'now'>;
  log: Log;
}

/** One that is kept, and what became of it. */
export interface KeptOperation extends StoredOperation {
  /** `active`; `shadowed` by that of the file; `invalid` under the settings of today. */
  state: 'active' | 'shadowed' | 'invalid';
  problems: readonly FieldProblem[];
}

type Kept = Map<string, { stored: StoredOperation; operation: Operation | null; problems: FieldProblem[] }>;

export class StoredOperations {
  readonly #deps: StoredOperationsDeps;
  #kept: Kept = new Map();
  /** One change after the other. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(deps: StoredOperationsDeps) {
    this.#deps = deps;
  }

  /**
   * Takes in what the store keeps.
   *
   * @throws StoreError
   */
  refresh(): Promise<void> {
    return this.#inTurn(async () => this.#takeIn(await this.#deps.store.operations()));
  }

  /**
   * The same after others may have changed something; returns whether they have.
   *
   * @throws StoreError
   */
  refreshChanged(): Promise<boolean> {
    return this.#inTurn(async () => {
      const found = await this.#deps.store.operations();
      const isSame = ({ name, definition }: StoredOperation) =>
        this.#kept.get(name)?.stored.definition === definition;
      if (found.length === this.#kept.size && found.every(isSame)) return false;
      this.#takeIn(found);
      this.#deps.log.info({ operations: found.length }, 'Operations changed by API at another server');
      return true;
    });
  }

  #takeIn(found: readonly StoredOperation[]): void {
    const { log } = this.#deps;
    const kept: Kept = new Map();
    for (const stored of found) {
      const { operation, problems } = this.#read(stored.name, JSON.parse(stored.definition));
      kept.set(stored.name, { stored, operation, problems });
      if (operation === null)
        log.warn(
          { operation: stored.name, fields: problems },
          'A stored operation is no longer valid, and cannot run',
        );
    }
    this.#kept = kept;
    this.#use();
  }

  list(): KeptOperation[] {
    return [...this.#kept.values()]
      .map(({ stored, operation, problems }): KeptOperation => {
        const isShadowed = this.#deps.live.isInFile(stored.name);
        const state = isShadowed ? 'shadowed' : operation === null ? 'invalid' : 'active';
        return { ...stored, state, problems };
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws RefusedError `operation_not_found` */
  get(name: string): KeptOperation {
    const found = this.list().find((one) => one.name === name);
    if (found !== undefined) return found;
    throw new RefusedError('operation_not_found', `No operation ${name} was put by API.`);
  }

  /**
   * Puts one, in place of one of the same name.
   *
   * @throws RefusedError `validation`, `operation_in_file`, `too_many_operations`
   */
  put(name: string, raw: unknown, by: string): Promise<{ kept: KeptOperation; isNew: boolean }> {
    return this.#inTurn(async () => {
      this.#mustNotBeInFile(name);
      const isNew = !this.#kept.has(name);
      if (isNew && this.#kept.size >= MAX_STORED_OPERATIONS)
        throw new RefusedError(
          'too_many_operations',
          `${MAX_STORED_OPERATIONS} operations are stored, and execd keeps no more. Remove one first.`,
        );
      const definition = canonicalJson(raw);
      const bytes = Buffer.byteLength(definition);
      if (bytes > MAX_DEFINITION_BYTES)
        throw refused([
          { field: '', message: `is ${bytes} bytes; at most ${MAX_DEFINITION_BYTES} are allowed` },
        ]);
      const { operation, problems } = this.#read(name, raw);
      if (operation === null) throw refused(problems);
      const stored: StoredOperation = { name, definition, by, at: this.#deps.clock.now() };
      await this.#deps.commit([[{ type: 'operations', put: [stored], drop: [] }]]);
      this.#kept.set(name, { stored, operation, problems: [] });
      this.#use();
      this.#deps.tell();
      this.#deps.log.info({ operation: name, version: operation.version, user: by }, 'Operation put by API');
      return { kept: this.get(name), isNew };
    });
  }

  /** @throws RefusedError `operation_not_found` */
  remove(name: string): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#kept.has(name)) this.#mustNotBeInFile(name);
      this.get(name);
      await this.#deps.commit([[{ type: 'operations', put: [], drop: [name] }]]);
      this.#kept.delete(name);
      this.#use();
      this.#deps.tell();
      this.#deps.log.info({ operation: name }, 'Operation removed by API');
    });
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#changing.then(change);
    this.#changing = changed.catch(() => undefined);
    return changed;
  }

  #mustNotBeInFile(name: string): void {
    if (!this.#deps.live.isInFile(name)) return;
    const detail = `The operations file (EXECUTION_OPERATIONS_FILE) defines ${name}. Change it there, or choose another name.`;
    throw new RefusedError('operation_in_file', detail);
  }

  #read(name: string, raw: unknown): { operation: Operation | null; problems: FieldProblem[] } {
    const { operation, issues } = this.#deps.live.read(name, raw);
    const problems = issues.map(({ path, message }: Issue) => ({ field: pointer(path), message }));
    return { operation: problems.length === 0 ? operation : null, problems };
  }

  #use(): void {
    this.#deps.live.setStored([...this.#kept.values()].flatMap(({ operation }) => operation ?? []));
  }
}

const MAX_FIELDS = 100;
function refused(problems: readonly FieldProblem[]): RefusedError {
  const fields = problems.slice(0, MAX_FIELDS);
  const detail = fields.map(({ field, message }) => `${field}: ${message}`).join('; ');
  return new RefusedError('validation', `The operation cannot be used: ${detail}`, { fields });
}
