// What a process and those that it has waited for have cost.
import { readFileSync } from 'node:fs';

/** Linux counts in hundredths of a second here, whatever the machine. */
const TICKS = 100;

/** Seconds of processor time of this process and of all ended processes below it that were waited for. */
export function cpuSeconds(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  // The name in parentheses may hold anything; behind it, fields 14 to 17 are utime, stime, cutime and cstime.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (
    fields
      .slice(11, 15)
      .map(Number)
      .reduce((sum, ticks) => sum + ticks, 0) / TICKS
  );
}

export interface Cost {
  /** Seconds. */
  wall: number;
  cpu: number;
}

/** Measures from now on; the result says what it took until then. */
export function measure(): () => Cost {
  const begun = { wall: performance.now(), cpu: cpuSeconds() };
  return () => ({ wall: (performance.now() - begun.wall) / 1000, cpu: cpuSeconds() - begun.cpu });
}
