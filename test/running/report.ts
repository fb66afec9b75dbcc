// Says how each test ended, at the end again what failed, and what took long. The last line is `N passed, N failed`,
// alone on its line: the continuous integration reads it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Cost, measure } from './cost.ts';

/** Where results are kept that later runs use; everything in it may be removed at any time. */
export const CACHE = 'node_modules/.cache/execd';
const TIMES = join(CACHE, 'test-times.json');
/** A test that takes so long has its time stated. */
const SLOW_S = 3;
const SLOWEST = 10;

const indented = (text: string) => text.trimEnd().replace(/^/gm, '       ');

export class Report {
  readonly #failures: string[] = [];
  readonly #costs = new Map<string, Cost>();
  readonly #cost = measure();
  #passed = 0;

  test(isOk: boolean, name: string, detail = ''): void {
    console.log(`${isOk ? '  ok ' : 'FAIL '} ${name}`);
    if (isOk) this.#passed += 1;
    else {
      const failure = detail === '' ? `FAIL  ${name}` : `FAIL  ${name}\n${indented(detail)}`;
      if (detail !== '') console.log(indented(detail));
      this.#failures.push(failure);
    }
  }

  /** A file, or a check. */
  took(what: string, cost: Cost): void {
    this.#costs.set(what, cost);
  }

  /** Ends the run; returns whether everything passed. */
  finish(): boolean {
    const failed = this.#failures.length;
    if (failed > 0) console.log(`\nWhat failed:\n\n${this.#failures.join('\n\n')}`);
    this.#saveTimes();
    const slowest = [...this.#costs].sort(([, a], [, b]) => b.cpu - a.cpu).slice(0, SLOWEST);
    const { wall, cpu } = this.#cost();
    const row = (cost: Cost, what: string) =>
      `${cost.wall.toFixed(1).padStart(8)} ${cost.cpu.toFixed(1).padStart(8)}  ${what}`;
    console.log(`\n wall, s   CPU, s`);
    for (const [what, cost] of slowest) console.log(row(cost, what));
    console.log(`${row({ wall, cpu }, 'everything')}\n`);
    console.log(`${this.#passed} passed, ${failed} failed`);
    return failed === 0;
  }

  #saveTimes(): void {
    const times = { ...lastTimes(), ...Object.fromEntries(this.#costs) };
    mkdirSync(dirname(TIMES), { recursive: true });
    writeFileSync(TIMES, JSON.stringify(times));
  }

  slow(name: string, seconds: number): string {
    return seconds >= SLOW_S ? `${name} (${Math.round(seconds)} s)` : name;
  }
}

/** What files took when they were last run here. */
export function lastTimes(): Record<string, Cost> {
  try {
    return JSON.parse(readFileSync(TIMES, 'utf8')) as Record<string, Cost>;
  } catch {
    return {};
  }
}
