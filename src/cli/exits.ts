// How the command line ends. docs/reference/cli.md has the same table.
import { constants } from 'node:os';
import type { Execution, Plan } from '../client/index.ts';

export const EXIT = {
  ok: 0,
  /** What was asked about has failed, or is not there. */
  failed: 1,
  /** The arguments are wrong (EX_USAGE of sysexits.h). */
  usage: 64,
  limit: 120,
  lost: 121,
  cancelled: 122,
  disconnected: 123,
  timeout: 124,
  refused: 125,
  notExecutable: 126,
  notFound: 127,
  interrupted: 130,
  brokenPipe: 141,
} as const;

const SIGNAL_BASE = 128;
export function exitOfSignal(signal: string): number {
  const { signals } = constants as { signals: Record<string, number> };
  return SIGNAL_BASE + (signals[signal] ?? Number(/\d+$/.exec(signal)?.[0] ?? 0));
}

/** The exit code of a shell for the same end, as far as there is one. */
export function exitOf({ status, outcome }: Pick<Execution, 'status' | 'outcome'>): number {
  if (outcome === null) return EXIT.failed;
  switch (outcome.cause) {
    case 'exited':
      return outcome.exit_code ?? EXIT.failed;
    case 'signalled':
      return exitOfSignal(outcome.signal ?? '');
    case 'queue_timeout':
    case 'attempt_timeout':
    case 'total_timeout':
    case 'idle_timeout':
      return EXIT.timeout;
    case 'spawn_failed':
      return outcome.reason === 'program_not_found' ? EXIT.notFound : EXIT.notExecutable;
    case 'output_limit':
    case 'resource_limit':
      return EXIT.limit;
    case 'lost':
      return EXIT.lost;
    case 'cancelled':
      return EXIT.cancelled;
    case 'denied':
    case 'circuit_open':
    case 'no_credit':
    case 'internal':
      return EXIT.refused;
    default:
      return status === 'completed' ? EXIT.ok : EXIT.failed;
  }
}

export function exitOfPlan({ status }: Pick<Plan, 'status'>): number {
  if (status === 'completed') return EXIT.ok;
  if (status === 'timed_out') return EXIT.timeout;
  return status === 'cancelled' ? EXIT.cancelled : EXIT.failed;
}

/** An end that a command has decided on, with a message for people. */
export class Exit extends Error {
  readonly code: number;

  constructor(code: number, message = '') {
    super(message);
    this.code = code;
  }
}

export const usage = (message: string): Exit => new Exit(EXIT.usage, message);
