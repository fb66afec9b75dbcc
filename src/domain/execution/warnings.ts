// What a reader of an execution has to know although its status does not show it: derived from the outcome, never stored.
import { visible } from '../errors.ts';
import type { Outcome, ProcessEnd } from '../outcome.ts';

export const WARNINGS = ['output_incomplete', 'processes_left', 'artifacts_missing', 'files_left'] as const;

export interface Warning {
  code: (typeof WARNINGS)[number];
  message: string;
}

/** In the order of `WARNINGS`; none for most. */
export function warningsOf(outcome: Outcome | null): Warning[] {
  if (outcome === null) return [];
  return [...ofProcesses(outcome), ...ofFiles(outcome)];
}

const NAMED = 5;

/** What was to be kept and is not, and what nobody asked for. */
function ofFiles({ artifacts }: Outcome): Warning[] {
  if (artifacts === undefined) return [];
  const { problems, left } = artifacts;
  const warnings: Warning[] = [];
  if (problems.length > 0) {
    const named = problems.slice(0, NAMED).map(({ path, reason }) => `${visible(path)}: ${reason}`);
    const more = problems.length > NAMED ? `; and ${problems.length - NAMED} more` : '';
    warnings.push({ code: 'artifacts_missing', message: `Not kept: ${named.join('; ')}${more}.` });
  }
  if (left.count > 0) {
    const named = left.paths.slice(0, NAMED).map(visible).join(', ');
    const more = left.count > NAMED ? ' and others' : '';
    const message = `execd removed ${left.count} files (${left.bytes} bytes) that artifacts does not name: ${named}${more}.`;
    warnings.push({ code: 'files_left', message });
  }
  return warnings;
}

function ofProcesses(outcome: Outcome): Warning[] {
  if (!('process' in outcome) || outcome.process === null) return [];
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
