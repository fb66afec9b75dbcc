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

/** Whether a user may take so much more. */
export function mayTake({ own, total, users }: Taken, more: number, most: number): boolean {
  if (total + more <= most) return true;
  return own + more <= most / users && total + more <= 2 * most;
}
