// Writes the figures of a run, with the machine that they were measured on: JSON for programs, Markdown for people.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { type Measured, measured, RESULTS, ROUNDS, SECONDS } from './figures.ts';

/** @param left sections for which there was no time */
export function writeResults(left: readonly string[]): string {
  mkdirSync(RESULTS, { recursive: true });
  const now = new Date().toISOString();
  const machine = {
    ...{ cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, memory_bytes: totalmem() },
    ...{ kernel: release(), node: process.version, load: loadavg()[0], commit: commitNow() },
  };
  const path = join(RESULTS, now.slice(0, 19).replaceAll(':', '-'));
  const run = { at: now, machine, rounds: ROUNDS, seconds: SECONDS, left, figures: measured };
  writeFileSync(`${path}.json`, `${JSON.stringify(run, null, 2)}\n`);
  const facts = Object.entries(machine).map(([name, value]) => `${name} ${value}`);
  const table = [
    '| figure | execd /s | yardstick /s | ratio | of rounds: min, median, max | expected |',
    '| --- | --- | --- | --- | --- | --- |',
    ...measured.map(rowOf),
  ];
  writeFileSync(`${path}.md`, `# ${now}\n\n${facts.join(', ')}\n\n${table.join('\n')}\n`);
  return `${path}.md`;
}

function rowOf({ name, expected, ours, yardstick, ratio, ratios }: Measured): string {
  const spread = [ratios.min, ratios.median, ratios.max].map((one) => one.toFixed(2)).join(', ');
  const best = (all: number[]) => Math.max(...all).toFixed(0);
  return `| ${name} | ${best(ours)} | ${best(yardstick)} | ${ratio.toFixed(2)} | ${spread} | ${expected?.toFixed(2) ?? ''} |`;
}

function commitNow(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}
