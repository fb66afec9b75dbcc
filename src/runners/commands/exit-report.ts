// What the runner host says of an end, as a report on the attempt.
import type { AttemptReport, AttemptStart, StopRequest } from '../../domain/ports/runner.ts';
import type { Outcome, ProcessEnd } from '../../domain/outcome.ts';
import { type Exited, TAIL_BYTES } from '../../runner-host/protocol.ts';
import { stopOutcome } from '../stop-outcome.ts';

export function lacksRoom(report: AttemptReport): boolean {
  if (report.type !== 'ended' || report.outcome.cause !== 'spawn_failed') return false;
  return report.outcome.reason === 'resources_unavailable';
}

/** What was asked for of the attempt. */
interface Asked {
  start: AttemptStart;
  stop: StopRequest | null;
}

export function exited(frame: Exited, live: Asked): AttemptReport {
  const keptBytes = frame.stdoutKept + frame.stderrKept;
  const isMeasured = frame.cpuMs >= 0;
  return {
    type: 'ended',
    outcome: exitOutcome(frame, live),
    end: {
      startedAt: frame.isStarted ? frame.startedAt : null,
      endedAt: frame.endedAt,
      output: {
        stdoutBytes: frame.stdoutBytes,
        stderrBytes: frame.stderrBytes,
        stdoutKeptBytes: frame.stdoutKept,
        stderrKeptBytes: frame.stderrKept,
        records: frame.records,
        truncated: keptBytes < frame.stdoutBytes + frame.stderrBytes,
      },
      resources: isMeasured ? { cpuMs: frame.cpuMs, maxRssBytes: frame.maxRssBytes } : null,
      logComplete: frame.cause !== 'journal_failed' && !frame.outputLost,
    },
    tails: { stdout: tailText(frame.stdoutTail), stderr: tailText(frame.stderrTail) },
    response: null,
  };
}

function exitOutcome(frame: Exited, { start, stop }: Asked): Outcome {
  const process: ProcessEnd | null = frame.isStarted
    ? {
        exitCode: frame.exitCode === -1 ? null : frame.exitCode,
        signal: frame.signal === '' ? null : frame.signal,
        forced: frame.forced,
        signals: frame.signals,
        processesFound: frame.found,
        leftoverProcesses: frame.leftovers,
        survivors: frame.survivors,
        outputLost: frame.outputLost,
      }
    : null;
  switch (frame.cause) {
    case 'exited':
      if (process === null) break;
      return { cause: 'exited', exitCode: frame.exitCode, process, resultError: null };
    case 'signalled':
      if (process === null) break;
      return { cause: 'signalled', signal: frame.signal, process };
    case 'attempt_timeout':
      return { cause: 'attempt_timeout', limitMs: start.attemptMs, process };
    case 'idle_timeout':
      return { cause: 'idle_timeout', limitMs: start.idleMs ?? 0, process };
    case 'output_limit':
      return { cause: 'output_limit', limitBytes: start.keepBytes, process };
    case 'resource_limit': {
      const limitValue = frame.limit === null ? undefined : start.limits[frame.limit];
      if (frame.limit === null || limitValue === undefined) break;
      return { cause: 'resource_limit', limit: frame.limit, limitValue, process };
    }
    case 'cancelled':
    case 'total_timeout':
    case 'shutdown':
      // Nobody here has asked for it: the host itself was told to end, or the lease was over before this process knew.
      return stopOutcome(stop ?? { cause: 'lost', detail: 'runner_host_died' }, process);
    case 'journal_failed':
      return { cause: 'internal', message: frame.message, process };
    default:
      frame.cause satisfies never;
  }
  return {
    cause: 'internal',
    message: `The runner host reported "${frame.cause}" without its facts.`,
    process,
  };
}

/** The end of a stream as text. A tail that was cut out of a longer stream may begin within a character. */
function tailText(bytes: Uint8Array): string {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  return bytes.length === TAIL_BYTES ? text.replace(/^\ufffd{1,3}/, '') : text;
}
