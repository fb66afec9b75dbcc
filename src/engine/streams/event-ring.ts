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
      if (this.#followers === 0) this.#clear();
    };
  }

  /** Takes in the next event. After a hole in the positions it begins anew: what is missing is in the store. */
  add(record: EventRecord): void {
    const last = this.#records.at(-1);
    if (last !== undefined && record.position <= last.position) return;
    if (last !== undefined && record.position !== last.position + 1) this.#clear();
    this.#records.push(record);
    const own = this.#byExecution.get(record.executionId);
    if (own === undefined) this.#byExecution.set(record.executionId, [record]);
    else own.push(record);
    if (this.#records.length - this.#head > SIZE) this.#drop();
  }

  /** Events after a position, oldest first; null when some of them have left, or never were here. */
  after(position: number, limit: number): EventRecord[] | null {
    const first = this.#records[this.#head];
    if (first === undefined || position < first.position - 1) return null;
    const from = this.#head + (position - first.position) + 1;
    return this.#records.slice(from, from + limit);
  }

  /** Events of one execution after a sequence, oldest first; null when some of them have left, or never were here. */
  ofExecution(id: ExecutionId, sequence: number): EventRecord[] | null {
    const own = this.#byExecution.get(id);
    const first = own?.[0];
    if (own === undefined || first === undefined || sequence < first.sequence - 1) return null;
    return own.slice(sequence - first.sequence + 1);
  }

  #drop(): void {
    const oldest = this.#records[this.#head] as EventRecord;
    const own = this.#byExecution.get(oldest.executionId);
    if (own?.length === 1) this.#byExecution.delete(oldest.executionId);
    else own?.shift();
    this.#head += 1;
    if (this.#head < SIZE) return;
    this.#records = this.#records.slice(this.#head);
    this.#head = 0;
  }

  #clear(): void {
    this.#records = [];
    this.#head = 0;
    this.#byExecution.clear();
  }
}
