// How users share the slots when nothing else is said.
import type { Shares } from '../domain/ports/store.ts';

export const EQUAL_SHARES: Shares = Object.freeze({ weight: 1, running: null, users: {} });
