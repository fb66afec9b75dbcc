// What a reader of an execution has to know although its status does not show it: derived from the outcome, never stored.
import type { Outcome, ProcessEnd } from '../outcome.ts';

export const WARNINGS = ['output_incomplete', 'processes_left'] as const;

export interface Warning {
  code: (typeof WARNINGS)[number];
  message: string;
}

/** In the order of `WARNINGS`; none for most. */
export function warningsOf(outcome: Outcome | null): Warning[] {
  if (outcome === null || !('process' in outcome) || outcome.process === null) return [];
  const { outputLost, survivors } = outcome.process;
  const warnings: Warning[] = [];
  if (outputLost) warnings.push({ code: 'output_incomplete', message: whyIncomplete(outcome.process) });
  if (survivors > 0) {
    const message = `execd could not prove that ${processes(survivors)} of this execution ended.`;
    warnings.push({ code: 'processes_left', message });
  }
  return warnings;
}

function whyIncomplete({ processesFound, leftoverProcesses, forced, signals }: ProcessEnd): string {
  const rest = 'The end of the output may be missing.';
  // It was not told to end itself.
  if (processesFound === 0 && leftoverProcesses > 0) {
    const sent = signals.map(({ signal }) => signal).join(' and ');
    return `The command left ${processes(leftoverProcesses)} behind that held its output. execd ended ${leftoverProcesses === 1 ? 'it' : 'them'} with ${sent}. ${rest}`;
  }
  if (processesFound === 0) return `A process that execd could not find held the output. ${rest}`;
  return forced
    ? `execd killed a process that still held the output. ${rest}`
    : `execd ended a process that still held the output. ${rest}`;
}

const processes = (count: number): string => (count === 1 ? '1 process' : `${count} processes`);
