// How users share the slots when nothing else is said.
import type { Shares } from '../domain/ports/store.ts';

export const EQUAL_SHARES: Shares = Object.freeze({ weight: 1, running: null, users: {} });

/** Other shares, with what is paused as it was. */
export const sharedOtherwise = ({ paused }: Shares, shares: Omit<Shares, 'paused'>): Shares =>
  paused === undefined ? shares : { ...shares, paused };
