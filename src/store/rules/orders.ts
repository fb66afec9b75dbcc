// What a batch is carried out under, and what a store does without a look at what is there.
import type * as ports from '../../domain/ports/group.ts';
import type { FilesPart } from '../../domain/ports/files.ts';
import type { Shares } from '../../domain/ports/store.ts';

/** What holds for all parts of a batch. */
export interface Terms {
  /** When it is carried out, by the clock of the store: ms since the epoch. */
  now: number;
  /** Deliveries of one user that may wait. */
  maxDeliveries: number;
  shares: Shares;
}

/** What a store does without a look at what is there. */
export type Order =
  | { type: 'copy_marks'; to: string; from: string }
  | ({ type: 'mark'; planId: string } & ports.StepMark)
  | { type: 'label'; userId: string; id: string; labels: readonly (readonly [name: string, value: string])[] }
  | { type: 'orphan'; executionId: string }
  | { type: 'drop_deliveries'; webhookId: string }
  | ports.DeliverySweepPart
  | { type: 'hold'; lane: string; since: number; until: number }
  | StopAsked
  | FilesPart
  | ports.CircuitsPart
  | ports.OperationsPart
  | ports.SeriesPart
  | ports.PausesPart
  | { type: 'trim_schedule_runs'; scheduleId: string; keep: number }
  | { type: 'drop_signals'; subjectId: string }
  | { type: 'keys_changed' }
  | Cache;

export type StopAsked = ports.StopAskedPart & { epoch: number };

/** Entries travel as their texts. */
export type Cache = Omit<ports.CachePart, 'put'> & { put: { key: string; storedAt: number; text: string }[] };
