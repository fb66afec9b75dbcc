// The order of the queue, in memory, so that "how many are ahead of me" costs a search and not a count over the table.
// It mirrors what the writer has committed; who is claimed next is decided by the table, never from here.
import type { ExecutionId } from '../../domain/ids.ts';

interface Band {
  priority: number;
  /** Sequences, ascending; those before `head` have left. */
  seqs: number[];
  head: number;
}

export class QueueOrder {
  readonly #entries = new Map<ExecutionId, { priority: number; seq: number }>();
  /** Highest priority first. */
  readonly #bands: Band[] = [];

  get size(): number {
    return this.#entries.size;
  }

  /** Takes in an execution that waits, or its new priority. */
  put(id: ExecutionId, priority: number, seq: number): void {
    const known = this.#entries.get(id);
    if (known?.priority === priority) return;
    if (known !== undefined) this.delete(id);
    this.#entries.set(id, { priority, seq });
    const band = this.#band(priority);
    const at = search(band, seq);
    if (at === band.seqs.length) band.seqs.push(seq);
    else band.seqs.splice(at, 0, seq);
  }

  /** Takes out an execution that no longer waits; unknown ids are no matter. */
  delete(id: ExecutionId): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    const band = this.#band(entry.priority);
    const at = search(band, entry.seq);
    if (at === band.head) band.head += 1;
    else band.seqs.splice(at, 1);
    if (band.head === band.seqs.length) this.#bands.splice(this.#bands.indexOf(band), 1);
    else if (band.head > 1024 && band.head * 2 > band.seqs.length) {
      band.seqs = band.seqs.slice(band.head);
      band.head = 0;
    }
  }

  /** How many are ahead; null when it does not wait. */
  position(id: ExecutionId): number | null {
    const entry = this.#entries.get(id);
    if (entry === undefined) return null;
    let ahead = 0;
    for (const band of this.#bands) {
      if (band.priority > entry.priority) ahead += band.seqs.length - band.head;
      else if (band.priority === entry.priority) ahead += search(band, entry.seq) - band.head;
      else break;
    }
    return ahead;
  }

  #band(priority: number): Band {
    const at = this.#bands.findIndex((band) => band.priority <= priority);
    const found = this.#bands[at];
    if (found?.priority === priority) return found;
    const band: Band = { priority, seqs: [], head: 0 };
    this.#bands.splice(at === -1 ? this.#bands.length : at, 0, band);
    return band;
  }
}

/** Index of the first sequence that is not smaller. */
function search(band: Band, seq: number): number {
  let low = band.head;
  let high = band.seqs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((band.seqs[middle] as number) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
