// Shares of bounded resources, of two kinds.
//   What can go over its bound for some time (a queue, room in memory, what is kept): a user alone may take all of it. When it is
//   full, a user below an equal part still gets more, so that other users cannot lock anybody out. Twice the bound is the limit.
//   What cannot (connections, streams, places in a pool): a user holds no more than is left free. One greedy user gets half of it,
//   a second one a quarter, and there is always room for one who holds nothing yet.

export interface Taken {
  /** By the user who wants more. */
  own: number;
  /** By all of them. */
  total: number;
  /** Users who have some, with the one who wants more. */
  users: number;
}

/** What waits in the queue and what runs, of a user and of all. */
export interface QueueUse {
  /** For a slot, for a next attempt, or for a run that was joined. */
  waiting: Taken;
  /** For a next attempt. */
  retrying: Taken;
  /** What runs. */
  running: Taken;
}

/** Whether a user may take so much more. */
export function mayTake({ own, total, users }: Taken, more: number, most: number): boolean {
  if (total + more <= most) return true;
  return own + more <= most / users && total + more <= 2 * most;
}

/** What a user may hold, in terms of what is left free. */
export const HOLDS = {
  /** Of what is held for long. */
  long: 1,
  /** Of what is soon given back: who holds much for long can still do that. */
  short: 3,
  /** Nobody else can come. */
  all: Infinity,
} as const;

/** Whether a user may hold one more of what cannot go over its bound. Who holds nothing may, as long as any is left. */
export function mayHold(
  { own, total }: Pick<Taken, 'own' | 'total'>,
  most: number,
  as: keyof typeof HOLDS = 'long',
): boolean {
  const free = most - total;
  return free > 0 && own < HOLDS[as] * free;
}

/** How much more than their shares users have, so that nobody who has less pays for it: the greatest are cut down to one level. */
export function surplusOf<T>(taken: readonly (readonly [T, number])[], surplus: number): [T, number][] {
  const greatest = taken.filter(([, n]) => n > 0).sort(([, a], [, b]) => b - a);
  let left = Math.min(
    surplus,
    greatest.reduce((sum, [, n]) => sum + n, 0),
  );
  if (left <= 0) return [];
  // As many are cut as it takes until the level is not below the next one.
  let users = 0;
  let sum = 0;
  for (const [, n] of greatest) {
    if (users > 0 && sum - n * users >= left) break;
    sum += n;
    users += 1;
  }
  const level = Math.floor((sum - left) / users);
  const cuts: [T, number][] = [];
  for (const [who, n] of greatest.slice(0, users)) {
    const cut = Math.min(n - level, left);
    if (cut > 0) cuts.push([who, cut]);
    left -= cut;
  }
  return cuts;
}
