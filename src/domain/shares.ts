// What many users share has a bound for all together. A user alone may have all of it. When it is full, a user who has less than
// an equal part gets more all the same, so that nobody is kept out by what others have; twice the bound is the end for everybody.

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
