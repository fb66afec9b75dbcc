// The newest events in memory, so that those who follow share one record, and what is made of it, instead of reading
// each their own from the store. It is kept only while somebody follows.
import type { EventRecord } from '../../domain/execution/events.ts';
import type { ExecutionId } from '../../domain/ids.ts';

/** Events that are kept at most: about 4 MB. */
const SIZE = 4096;

export class EventRing {
  #records: EventRecord[] = [];
  /** Index of the oldest record; those before it have left. */
  #head = 0;
  /** All events after this position are here, up to `#upTo`; positions without a record belong to nothing. */
  #from = 0;
  #upTo = -1;
  readonly #byExecution = new Map<ExecutionId, EventRecord[]>();
  #followers = 0;

  get isKept(): boolean {
    return this.#followers > 0;
  }

  /** Begins to keep what comes; answers how to end it. */
  acquire(): () => void {
    this.#followers += 1;
    return () => {
      this.#followers -= 1;
      if (this.#followers === 0) this.clear();
    };
  }

  /** What comes next has happened after this position: where that is not where it has ended, it begins again. */
  begin(from: number): void {
    if (from === this.#upTo) return;
    this.clear();
    this.#from = from;
    this.#upTo = from;
  }

  /** Takes in the next event. */
  add(record: EventRecord): void {
    if (record.position <= this.#upTo) return;
    this.#upTo = record.position;
    this.#records.push(record);
    const own = this.#byExecution.get(record.executionId);
    if (own === undefined) this.#byExecution.set(record.executionId, [record]);
    else own.push(record);
    if (this.#records.length - this.#head > SIZE) this.#drop();
  }

  /** Everything up to this position is here. */
  reach(upTo: number): void {
    this.#upTo = Math.max(this.#upTo, upTo);
  }

  /** Events after a position, oldest first; null when some of them have left, or never were here. */
  after(position: number, limit: number): EventRecord[] | null {
    if (this.#upTo < 0 || position < this.#from) return null;
    const from = this.#firstAfter(position);
    return this.#records.slice(from, from + limit);
  }

  /** Events of one execution after a sequence, oldest first; null when some of them have left, or never were here. */
  ofExecution(id: ExecutionId, sequence: number): EventRecord[] | null {
    const own = this.#byExecution.get(id);
    const first = own?.[0];
    if (own === undefined || first === undefined || sequence < first.sequence - 1) return null;
    return own.slice(sequence - first.sequence + 1);
  }

  /** Forgets all: what comes next begins anew, what is missing is in the store. */
  clear(): void {
    this.#records = [];
    this.#head = 0;
    this.#upTo = -1;
    this.#byExecution.clear();
  }

  #firstAfter(position: number): number {
    let [low, high] = [this.#head, this.#records.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#records[middle] as EventRecord).position > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #drop(): void {
    const oldest = this.#records[this.#head] as EventRecord;
    const own = this.#byExecution.get(oldest.executionId);
    if (own?.length === 1) this.#byExecution.delete(oldest.executionId);
    else own?.shift();
    this.#from = oldest.position;
    this.#head += 1;
    if (this.#head < SIZE) return;
    this.#records = this.#records.slice(this.#head);
    this.#head = 0;
  }
}
