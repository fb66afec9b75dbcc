// What screens take from the live parts of a tab.
import { useEffect, useEffectEvent, useState, useSyncExternalStore } from 'react';
import type { Event, Stats } from '../../../src/client/types.ts';
import { useTab } from '../session/session.tsx';
import type { Sample } from './stats-ring.ts';

/** Calls back with the events that come while the component is shown. */
export function useEvents(onEvents: (events: readonly Event[]) => void): void {
  const { live } = useTab();
  const listener = useEffectEvent(onEvents);
  useEffect(() => live.listen((events) => listener(events)), [live]);
}

export function useSamples(): readonly Sample[] {
  const { ring } = useTab();
  return useSyncExternalStore(ring.subscribe, ring.samples);
}

export function useStats(): Stats | null {
  return useSamples().at(-1)?.stats ?? null;
}

/** The time, again and again while something on the page gets older. */
export function useNow(everyMs: number | null): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (everyMs === null) return;
    setNow(Date.now());
    const timer = window.setInterval(() => setNow(Date.now()), everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs]);
  return now;
}
