// Points in time as they go over the wire.

/** The two times that were written last: those of an execution often are the same, and writing one takes a microsecond. */
let last = { ms: 0, text: new Date(0).toISOString() };
let before = last;

export function isoTime(ms: number): string {
  if (ms === last.ms) return last.text;
  [last, before] = [before, last];
  if (ms !== last.ms) last = { ms, text: new Date(ms).toISOString() };
  return last.text;
}

export const isoOrNull = (ms: number | null): string | null => (ms === null ? null : isoTime(ms));
