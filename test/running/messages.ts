// What the parent and the process of a lane send each other. tap writes messages of its own to the same channel.
import type { Cost } from './cost.ts';

/** Sent instead of the name of a file: the process is to end by itself. */
export const NO_MORE = 'there are no more files';

export interface FileEnded {
  file: string;
  cost: Cost;
}
