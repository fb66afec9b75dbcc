// Lines that the address points at: `#L120`, `#L120-L140`.
import { useState } from 'react';

export interface Lines {
  from: number;
  to: number;
}

export interface MarkedLines {
  lines: Lines | null;
  has: (number: number) => boolean;
  /** Marks a line, or all from the marked one to it, and puts that into the address. */
  mark: (number: number, isRange: boolean) => void;
}

export function linesOf(hash: string): Lines | null {
  const [, from, to = from] = /^#L(\d{1,12})(?:-L(\d{1,12}))?$/.exec(hash) ?? [];
  return from === undefined ? null : { from: Number(from), to: Number(to) };
}

export function useMarkedLines(): MarkedLines {
  const [lines, setLines] = useState(() => linesOf(window.location.hash));
  return {
    lines,
    has: (number) => lines !== null && number >= lines.from && number <= lines.to,
    mark(number, isRange) {
      const other = isRange && lines !== null ? lines.from : number;
      const next = { from: Math.min(other, number), to: Math.max(other, number) };
      setLines(next);
      const hash = next.from === next.to ? `#L${next.from}` : `#L${next.from}-L${next.to}`;
      const { pathname, search } = window.location;
      window.history.replaceState(window.history.state, '', `${pathname}${search}${hash}`);
    },
  };
}
