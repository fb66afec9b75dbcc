// Reads that may look at much: in pieces, between which others have their turn.
import type { Execution } from '../../../domain/execution/execution.ts';
import type { EndFacts } from '../../../domain/execution/report.ts';
import type { ExecutionId } from '../../../domain/ids.ts';
import type { ListFilter, ListPage, ReportWindow, Store } from '../../../domain/ports/store.ts';
import { PIECE } from '../../results.ts';
import type { Reads } from './reads.ts';
import type { EndsPlace } from '../../end-rows.ts';
import { readEnds } from './report-reads.ts';

/** Ends of a report that are read without a pause. */
const REPORT_PIECE = 1000;
/** Executions that a page of a listing looks at, at most. */
const MOST_LOOKED_AT = 20_000;

type Read = <T>(query: (reads: Reads) => T) => T;

export class LongReads {
  readonly #read: Read;
  readonly #pause: () => Promise<void> | undefined;
  #line: Promise<void> = Promise.resolve();

  /** @param pause lets others have their turn */
  constructor(read: Read, pause: () => Promise<void> | undefined) {
    this.#read = read;
    this.#pause = pause;
  }

  /** They wait in one line and go on one at a time, so that others wait for one piece of one of them. */
  async turn(): Promise<void> {
    this.#line = this.#line.then(() => this.#pause());
    await this.#line;
  }

  async list(filter: ListFilter, limit: number, after: ExecutionId | null): Promise<ListPage> {
    const executions: Execution[] = [];
    const listing = this.#read((reads) => reads.listing(filter));
    let next = after;
    let left = Math.max(MOST_LOOKED_AT, limit);
    // One more than is wanted shows whether there is a next page.
    for (let size = Math.min(PIECE, limit + 1); ; size = Math.min(PIECE, size * 4)) {
      const piece = this.#read((reads) => {
        const { rows, ...others } = listing.piece(limit - executions.length, Math.min(size, left), next);
        return { found: reads.toExecutions(rows), ...others };
      });
      executions.push(...piece.found);
      ({ next } = piece);
      left -= piece.looked;
      if (next === null || executions.length === limit || left <= 0) return { executions, next };
      await this.turn();
    }
  }

  async ends(window: ReportWindow, limit: number): ReturnType<Store['ends']> {
    const ends: EndFacts[] = [];
    let place: EndsPlace = { finishedAt: window.to, id: '' };
    while (ends.length < limit) {
      const before = place;
      const size = Math.min(REPORT_PIECE, limit - ends.length);
      const piece = this.#read((reads) => readEnds(reads, window, before, size));
      ends.push(...piece.ends);
      if (piece.next === null) return { ends, isComplete: true };
      place = piece.next;
      await this.turn();
    }
    return { ends, isComplete: false };
  }
}
