// Why an execution ended as it did: which clock or limit, which signals, which words came last. A pure function of the record.
import { stripVTControlCharacters } from 'node:util';
import { type ErrorCode, type ErrorType, type Fault, visible } from '../../domain/errors.ts';
import { type FinishedExecution, operationType, type Resources } from '../../domain/execution/execution.ts';
import type { IsolationTier } from '../../domain/isolation.ts';
import { LIMITS } from '../../domain/limits.ts';
import { type Cause, judge, type Outcome, type ProcessEnd } from '../../domain/outcome.ts';
import { exitCodeWords, signalWords } from './exit-codes.ts';

export interface WhyEnded {
  cause: Cause;
  /** Null where it completed. */
  error: { code: ErrorCode; type: ErrorType; fault: Fault } | null;
  message: string;
  /** What that means, and what usually causes it; null where the message says all. */
  meaning: string | null;
  /** The clock or limit that ended it. */
  limit: { name: string; value: number; unit: 'ms' | 'bytes' | 's' | 'count' } | null;
  process: ProcessEnd | null;
  lastOutput: { stream: 'stdout' | 'stderr'; text: string } | null;
  resources: Resources | null;
  /** Name of the runner host, and the number of the attempt. */
  host: { runner: string; attempt: number; isolation: IsolationTier } | null;
  advice: string[];
}

const LAST_LINES = 10;
const LAST_CHARS = 2000;

export function whyEnded(execution: FinishedExecution): WhyEnded {
  const { outcome, attempts, isolation } = execution;
  const { error, status } = judge(outcome);
  const last = attempts.at(-1);
  const process = 'process' in outcome ? outcome.process : null;
  return {
    cause: outcome.cause,
    error: error === null ? null : { code: error.code, type: error.type, fault: error.fault },
    message: error?.message ?? (status === 'completed' ? completedWords(outcome) : status),
    meaning: meaningOf(execution, process),
    limit: limitOf(outcome),
    process,
    lastOutput: lastOutputOf(execution),
    resources: last?.resources ?? null,
    host: last === undefined ? null : { runner: last.runner, attempt: last.number, isolation },
    advice: [...networkAdvice(outcome), ...adviceOf(execution)],
  };
}

function completedWords(outcome: Outcome): string {
  switch (outcome.cause) {
    case 'exited':
      return 'The command exited with code 0.';
    case 'http_response':
      return `The target returned status ${outcome.status}.`;
    case 'steps_ended':
      return 'All steps that count completed.';
    case 'provided':
      return 'A client put the result into the cache.';
    case 'awaited':
      return AWAITED[outcome.by];
    default:
      return 'It completed.';
  }
}

const AWAITED: Record<Extract<Outcome, { cause: 'awaited' }>['by'], string> = {
  signal: 'The signal came.',
  approval: 'It was approved.',
  time: 'Its time came.',
  default: 'Nothing came in time, and its default counts.',
};

function meaningOf({ outcome, spec, work }: FinishedExecution, end: ProcessEnd | null): string | null {
  const sentences: string[] = [];
  switch (outcome.cause) {
    case 'exited':
      if (outcome.exitCode !== 0) sentences.push(exitCodeWords(outcome.exitCode, work.kind) ?? '');
      break;
    case 'signalled': {
      const isOwn = outcome.process.signals.some(({ signal }) => signal === outcome.signal);
      sentences.push(
        isOwn ? `execd sent ${outcome.signal}.` : `execd did not send it. ${signalWords(outcome.signal)}`,
      );
      break;
    }
    case 'attempt_timeout':
    case 'total_timeout':
      sentences.push('The command still ran when the time was over.');
      break;
    case 'idle_timeout':
      sentences.push(
        'The command ran, but wrote nothing. It may wait for input, for a lock or for the network.',
      );
      break;
    case 'queue_timeout':
      sentences.push('It was still in the queue when the time was over. Nothing of it has run.');
      break;
    case 'lost':
      sentences.push(
        'The progress of the command is unknown. execd retries lost attempts only with "retry_safe": true.',
      );
      break;
    case 'circuit_open':
      sentences.push(
        `Earlier calls of ${operationType({ spec })} failed, so execd rejects new ones for some time. Nothing of it has run.`,
      );
      break;
    case 'denied':
      sentences.push(
        'It was allowed when execd accepted it, and was no longer allowed when it was to start. Nothing of it has run.',
      );
      break;
    default:
  }
  if (end !== null) sentences.push(...processWords(end));
  return sentences.filter((one) => one !== '').join(' ') || null;
}

function processWords({
  signals,
  forced,
  processesFound,
  leftoverProcesses,
  survivors,
  outputLost,
}: ProcessEnd): string[] {
  const words: string[] = [];
  const names = signals.map(({ signal }) => signal).join(', then ');
  if (processesFound > 0) {
    const ended = forced
      ? 'Not all of them ended within the grace, so execd killed them.'
      : 'They ended within the grace.';
    words.push(`execd sent ${names} to ${counted(processesFound)}. ${ended}`);
  } else if (leftoverProcesses > 0) {
    words.push(`The command left ${counted(leftoverProcesses)} behind; execd ended them with ${names}.`);
  }
  if (survivors > 0) words.push(`execd could not confirm the end of ${counted(survivors)}.`);
  if (outputLost) words.push('The end of the output may be missing.');
  return words;
}

const counted = (n: number): string => (n === 1 ? '1 process' : `${n} processes`);

function limitOf(outcome: Outcome): WhyEnded['limit'] {
  switch (outcome.cause) {
    case 'queue_timeout':
    case 'attempt_timeout':
    case 'total_timeout':
    case 'idle_timeout':
      return {
        name: `timeouts.${outcome.cause.replace('_timeout', '_ms')}`,
        value: outcome.limitMs,
        unit: 'ms',
      };
    case 'output_limit':
      return { name: 'output.max_bytes', value: outcome.limitBytes, unit: 'bytes' };
    case 'resource_limit': {
      const { limit, limitValue } = outcome;
      const unit = limit === 'cpu_s' ? 's' : limit.endsWith('_bytes') ? 'bytes' : 'count';
      return { name: `limits.${limit}`, value: limitValue, unit };
    }
    default:
      return null;
  }
}

/** The last lines of standard error, or of standard output where that is empty. Its output is free of secrets already. */
function lastOutputOf({ result, status }: FinishedExecution): WhyEnded['lastOutput'] {
  if (status === 'completed' || result?.type !== 'tails') return null;
  for (const stream of ['stderr', 'stdout'] as const) {
    const plain = stripVTControlCharacters(result[stream]);
    const lines = plain.trimEnd().split('\n').slice(-LAST_LINES);
    const text = lines.map(visible).join('\n').slice(-LAST_CHARS);
    if (text.trim() !== '') return { stream, text };
  }
  return null;
}

/** What can be done about it. */
/** Of an end whose sandbox was refused hosts. */
function networkAdvice(outcome: Outcome): string[] {
  const hosts = outcome.network?.refused.hosts ?? [];
  if (hosts.length === 0 || judge(outcome).error === null) return [];
  const named = hosts.slice(0, 5).map(({ host, reason }) => `${host} (${reason})`);
  return [
    `execd refused connections of the sandbox: ${named.join(', ')}. List the host in network.allow, the template or EXECUTION_SANDBOX_NETWORK, if it may be reached.`,
  ];
}

function adviceOf({ outcome, limits, attempts, spec }: FinishedExecution): string[] {
  const used = attempts.at(-1)?.resources?.maxRssBytes ?? null;
  switch (outcome.cause) {
    case 'exited':
      if (outcome.exitCode === 0) return [];
      if (outcome.exitCode === 137 && limits.memory_bytes === undefined)
        return ['Set limits.memory_bytes: execd then ends the command at that limit and reports it.'];
      return ['Read the end of the log for the reason of the command.'];
    case 'signalled':
      if (outcome.signal !== 'SIGKILL' || outcome.process.signals.length > 0) return [];
      return [
        `Give the machine or the container more memory${used === null ? '' : `: the command used at least ${used} bytes`}.`,
        ...(limits.memory_bytes === undefined
          ? ['Set limits.memory_bytes: execd then ends the command at that limit and reports it.']
          : []),
      ];
    case 'attempt_timeout':
    case 'total_timeout':
    case 'idle_timeout':
      return [
        `Set a longer timeouts.${outcome.cause.replace('_timeout', '_ms')}, up to the maximum of the server (EXECUTION_MAX_TIMEOUT).`,
        'While an execution runs, PATCH /v1/executions/{id} extends its clocks.',
      ];
    case 'queue_timeout':
      return [
        'Set a longer timeouts.queue_ms or a higher priority, or add slots (EXECUTION_MAX_CONCURRENT).',
      ];
    case 'output_limit':
      return ['Set a larger output.max_bytes, or output.oversized to "truncate" or "spool".'];
    case 'resource_limit':
      return [
        `Set a larger limits.${outcome.limit}. The maximum is a setting of the server (${LIMITS[outcome.limit].setting}).`,
      ];
    case 'lost':
      return ['If the command can safely run twice, submit it with "retry_safe": true and a retry block.'];
    case 'circuit_open':
      return [
        `Wait ${Math.ceil(outcome.retryAfterMs / 1000)} s, or let an administrator reset the circuit ${outcome.circuit}.`,
      ];
    case 'denied':
      return ['Ask an administrator whether the policy file still allows this command.'];
    case 'spawn_failed':
      return [spawnAdvice(outcome.reason, spec.kind)];
    case 'no_credit':
      return ['Ask an administrator for credits.'];
    default:
      return [];
  }
}

function spawnAdvice(reason: Extract<Outcome, { cause: 'spawn_failed' }>['reason'], kind: string): string {
  switch (reason) {
    case 'program_not_found':
    case 'interpreter_not_found':
      return 'Check the name of the program, that it is installed on the machine of execd, and PATH in env.';
    case 'program_not_executable':
      return 'Give the file the permission to be executed (chmod +x), and check its first line.';
    case 'cwd_not_found':
    case 'cwd_not_directory':
    case 'cwd_not_accessible':
      return 'Check cwd: it must be a directory on the machine of execd that the user of the command can enter.';
    case 'arguments_too_long':
      return `Pass less in arguments and env${kind === 'exec' ? ', or use stdin' : ''}.`;
    case 'resources_unavailable':
      return 'The machine has no processes or no memory left. Run fewer executions at a time.';
    case 'isolation_unavailable':
      return 'This server does not offer the isolation that the policy requires (execd doctor).';
    default:
      return 'Read the message: it names the cause.';
  }
}
