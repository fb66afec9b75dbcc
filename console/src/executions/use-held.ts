// While the pointer is in the table no row moves away from under it: what is new is held back, and said.
import { useMemo, useState } from 'react';
import type { Execution } from '../../../src/client/types.ts';

export interface Held {
  rows: Execution[];
  heldBack: number;
  hold: () => void;
  release: () => void;
}

export function useHeld(all: Execution[]): Held {
  /** The newest id that is shown; null: all are. */
  const [newest, setNewest] = useState<string | null>(null);
  const rows = useMemo(() => (newest === null ? all : all.filter(({ id }) => id <= newest)), [all, newest]);
  return {
    rows,
    heldBack: all.length - rows.length,
    hold: () => setNewest((before) => before ?? all[0]?.id ?? null),
    release: () => setNewest(null),
  };
}
