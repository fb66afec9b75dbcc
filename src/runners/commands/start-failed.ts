// The report of an attempt that could not be started. The host says what the system said; what may have been meant is
// known here.
import { visible } from '../../domain/errors.ts';
import { NO_OUTPUT } from '../../domain/execution/execution.ts';
import type { AttemptReport, Command } from '../../domain/ports/runner.ts';
import type { AttemptEnd } from '../../domain/ports/group.ts';
import type { StartFailed } from '../../runner-host/protocol.ts';

export const NO_TAILS = { stdout: '', stderr: '' };

export function notStarted(endedAt: number): AttemptEnd {
  return { startedAt: null, endedAt, output: NO_OUTPUT, resources: null, logComplete: true };
}

export function startFailed(
  { reason, message }: Pick<StartFailed, 'reason' | 'message'>,
  command: Pick<Command, 'program' | 'programField'>,
  now: number,
): AttemptReport {
  const hint = reason === 'program_not_found' ? hintFor(command) : '';
  const outcome = { cause: 'spawn_failed', reason, message: visible(message) + hint } as const;
  return { type: 'ended', outcome, end: notStarted(now), tails: NO_TAILS, response: null };
}

function hintFor({ program, programField }: Pick<Command, 'program' | 'programField'>): string {
  if (program.startsWith('~')) return ' "~" is not expanded: give the whole path.';
  if (!/\s/.test(program)) return '';
  switch (programField) {
    case 'program':
      return ' Arguments go into args; for a command line use the kind "shell".';
    case 'shell':
      return ' shell names a program, without options: set them in command, for example with "set -e".';
    case 'interpreter':
      return ` interpreter names a program, without options: leave it out, and begin the script with "#!/usr/bin/env -S ${visible(program)}".`;
    default:
      return programField satisfies never;
  }
}
