// Shares of a bounded resource. A user alone may take all of it. When it is full, a user below an equal part still gets more, so
// that other users cannot lock anybody out. Twice the bound is the limit for everybody.

export interface Taken {
  /** By the user who wants more. */
  own: number;
  /** By all of them. */
  total: number;
  /** Users who have some, with the one who wants more. */
  users: number;
}

/** What waits in the queue, of a user and of all. */
export interface QueueUse {
  /** For a slot, for a next attempt, or for a run that was joined. */
  waiting: Taken;
  /** For a next attempt. */
  retrying: Taken;
}

/** Whether a user may take so much more. */
export function mayTake({ own, total, users }: Taken, more: number, most: number): boolean {
  if (total + more <= most) return true;
  return own + more <= most / users && total + more <= 2 * most;
}
