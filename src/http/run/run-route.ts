// A run whose output is the answer: what the command writes to standard output is the body, while it writes it. The head
// waits for the first byte, so that a failure before it is a status; how a run ends after it stands in the trailers.
import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { RefusedError, type RefusalType } from '../../domain/errors.ts';
import type { Execution } from '../../domain/execution/execution.ts';
import { isFinished } from '../../domain/execution/execution.ts';
import { lastWords } from '../../domain/execution/last-words.ts';
import { exitCodeOf, judge, type Outcome } from '../../domain/outcome.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { Engine, LogEnd, LogItem, LogQuery } from '../../engine/engine.ts';
import { acceptedFacts, type Audit, shortly, writeAudit } from '../edge/audit.ts';
import { clientGone } from '../edge/client-gone.ts';
import { idempotencyOf } from '../edge/idempotency.ts';
import { type Piece, pump } from '../edge/pump.ts';
import { readTraceparent } from '../edge/request-headers.ts';
import { notStreamed } from '../events/routes.ts';
import { toEndWire } from '../logs/log-formats.ts';
import { ACCEPT_REFUSALS } from '../executions/accepting.ts';
import type { RequestSchemas, RunRequest } from '../executions/schemas.ts';

export interface RunRouteOptions {
  engine: Engine;
  requests: RequestSchemas;
  audit: Audit;
  clock: Clock;
  log: Log;
  /** Whether the output of what runs may be streamed. */
  streamsOutput: boolean;
}

const STDOUT: LogQuery = {
  ...{ stream: 'stdout', attempt: null, follow: true, limitBytes: null },
  start: { attempt: null, at: { from: 'offset', offset: 0 } },
};
const END_HEADERS = ['ExecutionId', 'ExecutionStatus', 'ExecutionCause', 'ExecutionExitCode'] as const;
const BINARY = { type: 'string', format: 'binary' };

export function runRoute(app: FastifyInstance, options: RunRouteOptions): void {
  const { engine, requests, streamsOutput } = options;
  app.route<{ Body: RunRequest }>({
    method: 'POST',
    url: '/v1/run',
    config: {
      access: 'submit',
      headers: ['IdempotencyKey', 'Traceparent'],
      refuses: [409, 502, 504, ...ACCEPT_REFUSALS],
    },
    schema: {
      operationId: 'runExecution',
      summary: 'Run something and stream its output as the response',
      description:
        'Submits an execution and responds with what it writes to standard output, as it is written. The response begins with the first byte, or with the end. If the run fails before it has written anything, the response is an error: 422 if the command failed, 504 if it ran out of time, 409 if it was cancelled, 502 if execd or a target failed. If it fails later, the trailers tell how.',
      tags: ['executions'],
      body: requests.run,
      response: {
        200: {
          description:
            'Standard output. How the run ended is in the headers if it wrote nothing, else in the trailers.',
          headers: ['Location', 'IdempotencyReplayed', 'LogEnd', ...END_HEADERS],
          content: { 'application/octet-stream': { schema: BINARY } },
        },
      },
    },
    async handler(request, reply) {
      if (!streamsOutput) throw notStreamed();
      // It may be silent for long; a connection that breaks is noticed.
      request.raw.socket.setTimeout(0);
      const gone = clientGone(reply);
      const { on_disconnect: onDisconnect = 'continue', ...spec } = request.body;
      const idempotency = idempotencyOf(request, () => request.body);
      const trace = readTraceparent(request.headers.traceparent);
      request.auditFacts = { what: shortly(spec) };
      const submitted = await engine.submit(request.caller, {
        ...{ spec, trace, idempotency, rerunOf: null },
        ...(onDisconnect === 'cancel' ? { onDisconnect } : {}),
      });
      const { execution } = submitted;
      request.auditFacts = acceptedFacts(spec, execution, submitted.isReplay);
      reply.header('execution-id', execution.id).header('location', `/v1/executions/${execution.id}`);
      if (submitted.isReplay) reply.header('idempotency-replayed', 'true');
      const run = new RawRun(execution, gone, options);
      try {
        await run.answer(request, reply);
      } finally {
        // Of a replay, it is the first client that reads along.
        const isOrphaned = !run.isOver && !submitted.isReplay;
        if (isOrphaned && onDisconnect === 'cancel') await cancelUnread(request, execution, options);
      }
    },
  });
}

/** Cancels what nobody reads any more. It may have ended meanwhile, and the next start cancels what this one cannot. */
async function cancelUnread(
  { caller }: FastifyRequest,
  { id }: Execution,
  { engine, log }: Pick<RunRouteOptions, 'engine' | 'log'>,
): Promise<void> {
  try {
    await engine.cancel(caller, id, 'The client disconnected (on_disconnect: cancel).');
  } catch (error) {
    if (error instanceof RefusedError && error.type === 'execution_finished') return;
    log.warn({ err: error, execution_id: id }, 'Cannot cancel a run whose client has disconnected');
  }
}

class RawRun {
  readonly #execution: Execution;
  readonly #gone: AbortSignal;
  readonly #options: RunRouteOptions;
  /** Its end has been seen. */
  isOver = false;

  constructor(execution: Execution, gone: AbortSignal, options: RunRouteOptions) {
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
