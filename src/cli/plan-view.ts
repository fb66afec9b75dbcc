// A plan while it runs: its steps with their states and times, and a bar.
import type { Plan, StepState } from '../client/index.ts';
import { levelsOf, stepsOfPlan } from './plan-graph.ts';
import { statusStyle } from './table.ts';
import type { Sink } from './terminal.ts';
import { bar, plain, shownDuration } from './units.ts';

const MARKS: Record<string, string> = {
  completed: '✔',
  failed: '✘',
  timed_out: '✘',
  cancelled: '■',
  skipped: '–',
  running: '▶',
  pending: '·',
};
const BAR = 24;

export function planView(sink: Sink, plan: Plan, now: number): string {
  const steps = plan.steps ?? [];
  const levels = levelsOf(stepsOfPlan(plan));
  const indent = (name: string) => '  '.repeat(Math.min(8, levels.get(name) ?? 0));
  const width = Math.max(0, ...steps.map(({ name }) => indent(name).length + name.length));
  const lines = steps.map((step) => {
    const mark = sink.style(statusStyle(step.status) ?? 'reset', MARKS[step.status] ?? '?');
    const name = `${indent(step.name)}${plain(step.name)}`.padEnd(width);
    return `${mark} ${name}  ${shownDuration(tookMs(step, now)).padStart(7)}  ${wordsOf(sink, step)}`.trimEnd();
  });
  return [...lines, barOf(sink, plan, now)].join('\n');
}

function wordsOf(
  sink: Sink,
  { status, phase, skip_reason: skipped, error, attempts, percent, kept_from: kept }: StepState,
): string {
  if (kept !== null) return sink.style('dim', 'kept');
  if (skipped !== null) return sink.style('dim', skipped);
  if (error !== null) return sink.style('red', plain(error.message));
  const words = [
    status === phase || phase === 'done' ? '' : phase,
    percent === null ? '' : `${Math.floor(percent)} %`,
    attempts > 1 ? `attempt ${attempts}` : '',
  ];
  return sink.style('dim', words.filter((one) => one !== '').join(' '));
}

function tookMs(
  { started_at: from, duration_ms: took, finished_at: to }: StepState,
  now: number,
): number | null {
  if (took !== null || from === null || to !== null) return took;
  return Math.max(0, now - Date.parse(from));
}

function barOf(
  sink: Sink,
  { progress, counts, status, phase, timestamps, duration_ms: took }: Plan,
  now: number,
): string {
  const ended = counts.total - counts.pending - counts.running;
  const time = phase === 'done' ? took : Math.max(0, now - Date.parse(timestamps.created));
  const word = sink.style(statusStyle(status) ?? 'reset', phase === 'canceling' ? 'canceling' : status);
  return `${bar(progress, BAR)} ${ended}/${counts.total}  ${shownDuration(time)}  ${word}`;
}
