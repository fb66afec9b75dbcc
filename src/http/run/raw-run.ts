// The answer that is the output of a command: what it writes to standard output is the body, while it writes it. The head waits
// for the first byte, so that a failure before it is a status; how a run ends after it stands in the trailers.
import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RefusedError, type RefusalType } from '../../domain/errors.ts';
import { type Execution, isFinished } from '../../domain/execution/execution.ts';
import { lastWords } from '../../domain/execution/last-words.ts';
import { exitCodeOf, judge, type Outcome } from '../../domain/outcome.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { Engine, LogEnd, LogItem, LogQuery } from '../../engine/engine.ts';
import type { Answer } from '../edge/answers.ts';
import { type Audit, writeAudit } from '../edge/audit.ts';
import { type Piece, pump } from '../edge/pump.ts';
import { toEndWire } from '../logs/log-formats.ts';

export interface RawRunOptions {
  engine: Engine;
  audit: Audit;
  clock: Clock;
  log: Log;
}

const STDOUT: LogQuery = {
  ...{ stream: 'stdout', attempt: null, follow: true, limitBytes: null },
  start: { attempt: null, at: { from: 'offset', offset: 0 } },
};
/** The answer, as the OpenAPI document shows it. */
export const RAW_ANSWER: Answer = {
  description:
    'Standard output. How the run ended is in the headers if it wrote nothing, else in the trailers.',
  headers: [
    ...(['Location', 'IdempotencyReplayed', 'LogEnd'] as const),
    ...(['ExecutionId', 'ExecutionStatus', 'ExecutionCause', 'ExecutionExitCode'] as const),
  ],
  content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
};

/** Says which execution it is, before its output. */
export function showExecution(reply: FastifyReply, { id }: Execution, isReplay: boolean): void {
  reply.header('execution-id', id).header('location', `/v1/executions/${id}`);
  if (isReplay) reply.header('idempotency-replayed', 'true');
}

/** An execution whose standard output is the answer. */
export class RawRun {
  readonly #execution: Execution;
  readonly #gone: AbortSignal;
  readonly #options: RawRunOptions;
  /** Its end has been seen. */
  isOver = false;

  constructor(execution: Execution, gone: AbortSignal, options: RawRunOptions) {
    this.#execution = execution;
    this.#gone = gone;
    this.#options = options;
  }

  async answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const { engine, clock, log, audit } = this.#options;
    const { id } = this.#execution;
    const items = await engine.readLog(request.caller, id, STDOUT, this.#gone);
    const first = await firstOf(items);
    if (first.type === 'end') {
      const outcome = this.#outcomeOf(first);
      reply.headers(endHeaders(outcome)).header('log-end', JSON.stringify(toEndWire(first)));
      if (outcome !== null) await this.#refuseFailure(request, outcome);
      return reply.type('application/octet-stream').send('');
    }
    await writeAudit(audit, request, reply);
    const trailers = [
      'Execution-Id',
      'Execution-Status',
      'Execution-Cause',
      'Execution-Exit-Code',
      'Log-End',
    ];
    const head = {
      ...(reply.getHeaders() as OutgoingHttpHeaders),
      'content-type': 'application/octet-stream',
      'x-accel-buffering': 'no',
      ...(request.raw.httpVersion === '1.0' ? {} : { trailer: trailers.join(', ') }),
    };
    await pump(reply, { status: 200, head, pieces: this.#pieces(first, items) }, { clock, log });
    return undefined;
  }

  async *#pieces(first: LogItem, rest: AsyncIterable<LogItem>): AsyncGenerator<Piece> {
    if (first.type === 'record') yield { bytes: first.record.bytes };
    for await (const item of rest) {
      if (item.type === 'record') yield { bytes: item.record.bytes };
      if (item.type !== 'end') continue;
      const outcome = this.#outcomeOf(item);
      const trailers = { 'Execution-Id': this.#execution.id, ...endHeaders(outcome) };
      yield { end: JSON.stringify(toEndWire(item)), trailers };
    }
  }

  /** @throws RefusedError when execd stops before the run has ended, so that the answer is no whole one */
  #outcomeOf({ outcome, isCut }: LogEnd): Outcome | null {
    if (isCut || outcome === null) {
      const detail = `The response ended before execution ${this.#execution.id}, which execd continues or recovers.`;
      throw new RefusedError('shutting_down', detail, { retryAfterS: 1 });
    }
    this.isOver = true;
    return outcome;
  }

  /** @throws RefusedError for a run that has not completed */
  async #refuseFailure({ caller }: FastifyRequest, outcome: Outcome): Promise<void> {
    const { error } = judge(outcome);
    if (error === null) return;
    const { execution } = await this.#options.engine.get(caller, this.#execution.id);
    const words = isFinished(execution) ? lastWords(execution.result) : null;
    throw new RefusedError(refusalOf(outcome), words === null ? error.message : `${error.message} ${words}`);
  }
}

/** The first item that says something. */
async function firstOf(items: AsyncIterator<LogItem>): Promise<LogItem> {
  for (;;) {
    const next = await items.next();
    if (next.done === true) throw new RefusedError('execution_removed', 'The execution has been removed.');
    const { value } = next;
    if (value.type !== 'waiting' && !(value.type === 'record' && value.record.bytes.length === 0))
      return value;
  }
}

function endHeaders(outcome: Outcome | null): Record<string, string> {
  if (outcome === null) return {};
  const exitCode = exitCodeOf(outcome);
  return {
    'Execution-Status': judge(outcome).status,
    'Execution-Cause': outcome.cause,
    ...(exitCode === null ? {} : { 'Execution-Exit-Code': String(exitCode) }),
  };
}

function refusalOf(outcome: Outcome): RefusalType {
  const { status, error } = judge(outcome);
  if (status === 'timed_out') return 'run_timed_out';
  if (status === 'cancelled') return 'run_cancelled';
  return error?.fault === 'system' ? 'run_broken' : 'run_failed';
}
