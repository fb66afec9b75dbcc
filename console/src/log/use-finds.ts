// What was found of a text, and stepping from find to find.
import { useEffect, useRef, useState } from 'react';
import type { LogStore } from './log-store.ts';
import { search } from './search.ts';

export interface Finds {
  count: number;
  /** Which one is shown, from 1; 0: none yet. */
  at: number;
  next: () => void;
  previous: () => void;
}

const NOTHING: readonly number[] = [];
/** While a log grows, it is searched again at most so often. */
const AGAIN_MS = 1000;

export function useFinds(
  store: LogStore,
  version: number,
  query: string,
  onFind: (number: number) => void,
): Finds {
  const [numbers, setNumbers] = useState<readonly number[]>([]);
  const [at, setAt] = useState(0);
  const lastAt = useRef(0);
  useEffect(() => setAt(0), [query]);
  useEffect(() => {
    if (query === '') return setNumbers(NOTHING);
    const stop = new AbortController();
    const wait = Math.max(0, lastAt.current + AGAIN_MS - Date.now());
    const timer = window.setTimeout(() => {
      lastAt.current = Date.now();
      void search(store, query, { signal: stop.signal, onFound: setNumbers });
    }, wait);
    return () => {
      window.clearTimeout(timer);
      stop.abort();
    };
  }, [store, version, query]);
  const go = (to: number) => {
    if (numbers.length === 0) return;
    const next = ((to - 1 + numbers.length) % numbers.length) + 1;
    setAt(next);
    onFind(numbers[next - 1] ?? 1);
  };
  return {
    count: numbers.length,
    at,
    next: () => go(at + 1),
    previous: () => go(at === 0 ? 0 : at - 1),
  };
}
