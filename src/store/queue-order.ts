// The order of the queue, in memory, so that "how many are ahead of me" costs a search and not a count over the table.
// It mirrors what the writer has committed; who is claimed next is decided by the table, never from here. Users take turns,
// so what is ahead of an execution is its user's own, and of each other user as many as have their turns meanwhile.
import type { ExecutionId } from '../domain/ids.ts';
import type { QueuePlace } from '../domain/ports/store.ts';

/** Executions of one user in one priority. */
interface Line {
  /** Sequences, ascending; those before `head` have left. */
  seqs: number[];
  head: number;
}

interface Band {
  priority: number;
  size: number;
  lines: Map<string, Line>;
}

interface Entry {
  userId: string;
  priority: number;
  seq: number;
}

export class QueueOrder {
  readonly #entries = new Map<ExecutionId, Entry>();
  /** Highest priority first. */
  readonly #bands: Band[] = [];

  get size(): number {
    return this.#entries.size;
  }

  /** Takes in an execution that waits, or its new priority. */
  put(id: ExecutionId, entry: Entry): void {
    const known = this.#entries.get(id);
    if (known?.priority === entry.priority) return;
    if (known !== undefined) this.delete(id);
    this.#entries.set(id, entry);
    const band = this.#band(entry.priority);
    let line = band.lines.get(entry.userId);
    if (line === undefined) band.lines.set(entry.userId, (line = { seqs: [], head: 0 }));
    const at = search(line, entry.seq);
    if (at === line.seqs.length) line.seqs.push(entry.seq);
    else line.seqs.splice(at, 0, entry.seq);
    band.size += 1;
  }

  /** Takes out an execution that no longer waits; unknown ids are no matter. */
  delete(id: ExecutionId): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    const band = this.#band(entry.priority);
    const line = band.lines.get(entry.userId) as Line;
    const at = search(line, entry.seq);
    if (at === line.head) line.head += 1;
    else line.seqs.splice(at, 1);
    band.size -= 1;
    if (line.head === line.seqs.length) band.lines.delete(entry.userId);
    else if (line.head > 1024 && line.head * 2 > line.seqs.length) {
      line.seqs = line.seqs.slice(line.head);
      line.head = 0;
    }
    if (band.size === 0) this.#bands.splice(this.#bands.indexOf(band), 1);
  }

  /**
   * How many are ahead, by why; null when it does not wait.
   *
   * @param weightOf turns of a user in a round
   */
  place(id: ExecutionId, weightOf: (userId: string) => number): QueuePlace | null {
    const entry = this.#entries.get(id);
    if (entry === undefined) return null;
    let higher = 0;
    for (const band of this.#bands) {
      if (band.priority > entry.priority) higher += band.size;
      else if (band.priority === entry.priority) return { higher, ...aheadIn(band, entry, weightOf) };
      else break;
    }
    return { higher, own: 0, others: 0 };
  }

  #band(priority: number): Band {
    const at = this.#bands.findIndex((band) => band.priority <= priority);
    const found = this.#bands[at];
    if (found?.priority === priority) return found;
    const band: Band = { priority, size: 0, lines: new Map() };
    this.#bands.splice(at === -1 ? this.#bands.length : at, 0, band);
    return band;
  }
}

function aheadIn(
  band: Band,
  { userId, seq }: Entry,
  weightOf: (userId: string) => number,
): Pick<QueuePlace, 'own' | 'others'> {
  const line = band.lines.get(userId) as Line;
  const own = search(line, seq) - line.head;
  const rounds = Math.floor(own / weightOf(userId));
  let others = 0;
  for (const [other, { seqs, head }] of band.lines) {
    if (other === userId) continue;
    // In the round of its own turn, those before it in the order of names come first.
    const turns = (rounds + (other < userId ? 1 : 0)) * weightOf(other);
    others += Math.min(seqs.length - head, turns);
  }
  return { own, others };
}

/** Index of the first sequence that is not smaller. */
function search(line: Line, seq: number): number {
  let low = line.head;
  let high = line.seqs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((line.seqs[middle] as number) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
