// Finds the names that somebody may have meant by one that does not exist.

/** How much two names must have in common, 0 to 1. */
const ALIKE = 0.5;
/** How much two words of them must have in common: two letters of four may have changed places. */
const ALIKE_WORD = 0.5;
const MOST = 3;

/** The names that are most like this one, best first; empty when none is. Parts are separated by `_`, in any order. */
export function nearestNames(name: string, known: readonly string[]): string[] {
  // A name comes from outside.
  if (name.length > 100) return [];
  const scored = known.map((one) => ({ one, score: likeness(name, one) }));
  const best = Math.max(0, ...scored.map(({ score }) => score));
  if (best < ALIKE) return [];
  return scored
    .filter(({ score }) => score === best)
    .slice(0, MOST)
    .map(({ one }) => one);
}

/** The share of parts that both names have. The first part is left out, because all names have it. */
function likeness(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  const common = left.reduce((sum, part) => sum + Math.max(0, ...right.map((one) => alike(part, one))), 0);
  return (2 * common) / (left.length + right.length);
}

const partsOf = (name: string): string[] => name.toUpperCase().split('_').slice(1);

/** 1 for the same word, less for a misspelt one, 0 for another one. */
function alike(a: string, b: string): number {
  const likeness = 1 - distance(a, b) / Math.max(a.length, b.length, 1);
  return likeness >= ALIKE_WORD ? likeness : 0;
}

/** How many letters have to be added, taken away or changed. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
