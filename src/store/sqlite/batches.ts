// Carries out groups in the writer's transaction. A batch ends where something is claimed, so that what is claimed, and
// whatever tells of it, comes in the order of the groups; what the batches have changed is in memory once it is committed.
import type { Shares } from '../../domain/ports/store.ts';
import type { Needs, Source } from '../rules/facts.ts';
import { applyGroup, firstNeeds, secondNeeds } from '../rules/groups.ts';
import { changeNeeds } from '../rules/moves.ts';
import type { Terms } from '../rules/orders.ts';
import type { ClaimNext, GroupReply, RulePart } from '../rules/parts.ts';
import { claimNeeds, claimNext, type Heads } from '../rules/picking.ts';
import { type Changes, WorkingSet } from '../rules/working-set.ts';
import { EQUAL_SHARES } from '../shares.ts';
import { ChangeWriter } from './changes.ts';
import { type Memory, REMEMBERED, type Remembered, type UserUsage } from '../memory.ts';
import { readMemory } from './memory.ts';
import { load, sqliteSource } from './source.ts';
import type { Statements } from './statements.ts';
import { Waiting } from './waiting.ts';

type WriterGroup = readonly RulePart[];

export interface BatchOptions {
  /** Deliveries of one user that may wait. */
  maxDeliveries: number;
  /** Serves the rules what their needs name, loaded before each batch, and nothing else: as a store over a network does. */
  isStrict: boolean;
}

export class Batches {
  readonly memory: Memory;
  readonly #source: Source;
  readonly #writer: ChangeWriter;
  readonly #waiting: Waiting;
  readonly #isStrict: boolean;
  #terms: Omit<Terms, 'now'>;
  /** Of the transaction that is under way. */
  #changes: Changes[] = [];

  constructor(db: Statements, { maxDeliveries, isStrict }: BatchOptions) {
    this.memory = readMemory(db);
    this.#source = sqliteSource(db, this.memory.source);
    this.#writer = new ChangeWriter(db);
    this.#waiting = new Waiting(db);
    this.#isStrict = isStrict;
    this.#terms = { maxDeliveries, shares: EQUAL_SHARES };
  }

  setShares(shares: Shares): void {
    this.#terms = { ...this.#terms, shares };
    this.#waiting.queue.openAll();
  }

  /** Carries out groups at a time, in a transaction of the caller, who then says how that has ended. */
  apply(groups: readonly WriterGroup[], now: number): GroupReply[] {
    const replies: GroupReply[] = [];
    let set = this.#newSet(now);
    for (const { decided, claim } of batchesOf(groups)) {
      this.#load(set, () => firstNeeds(decided, now));
      this.#load(set, () => secondNeeds(decided, set));
      for (const group of decided) replies.push(applyGroup(set, group));
      this.#waiting.follow(this.#write(set));
      if (claim !== null) replies.push(this.#claim(set, claim));
      if (this.#isStrict) set = this.#newSet(now);
    }
    return replies;
  }

  /** What was carried out is committed; returns the usage of the users for whom something has changed. */
  committed(): UserUsage[] {
    const users = new Set<string>();
    for (const changes of this.#changes.splice(0)) {
      this.memory.follow(changes);
      for (const userId of changes.before.users?.keys() ?? []) users.add(userId);
    }
    return [...users].map((userId) => [userId, this.memory.source.users(userId)]);
  }

  /** Nothing of what was carried out is stored. */
  undone(): void {
    this.#changes = [];
    this.#waiting.reload();
  }

  #newSet(now: number): WorkingSet {
    return new WorkingSet({ ...this.#terms, now }, this.#isStrict ? null : this.#source);
  }

  #write(set: WorkingSet): Changes {
    const changes = set.changes();
    this.#writer.write(changes, set.now);
    this.#changes.push(changes);
    return changes;
  }

  #claim(set: WorkingSet, part: ClaimNext): GroupReply {
    const { queue } = this.#waiting;
    this.#load(set, () => claimNeeds(queue, part));
    const heads: Heads = (...place) => {
      const rows = this.#waiting.heads(...place);
      this.#load(set, () => changeNeeds(rows));
      return rows;
    };
    const work = claimNext({ set, queue, heads }, part);
    // What it takes out of the queue it has taken out already.
    this.#write(set);
    return { status: 'applied', ...work };
  }

  /** In strict mode only: otherwise each fact is looked up when it is asked for. */
  #load(set: WorkingSet, needs: () => Needs): void {
    if (!this.#isStrict) return;
    const written = (kind: Remembered, key: string) =>
      this.#changes.findLast(({ before }) => before[kind]?.has(key) === true)?.after[kind].get(key);
    const remembered = REMEMBERED.map((kind) => [
      kind,
      (key: string) => written(kind, key) ?? this.#source[kind](key),
    ]);
    load(set, { ...this.#source, ...(Object.fromEntries(remembered) as Pick<Source, Remembered>) }, needs());
  }
}

interface Batch {
  decided: readonly WriterGroup[];
  claim: ClaimNext | null;
}

/** Each ends with a claim, but for the last one. */
function batchesOf(groups: readonly WriterGroup[]): Batch[] {
  const batches: Batch[] = [];
  let decided: WriterGroup[] = [];
  for (const group of groups) {
    const [only] = group;
    if (only?.type !== 'claim_next') {
      decided.push(group);
      continue;
    }
    batches.push({ decided, claim: only });
    decided = [];
  }
  if (decided.length > 0) batches.push({ decided, claim: null });
  return batches;
}
