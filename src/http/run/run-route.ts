// POST /v1/run: an execution is submitted, and its output is the answer.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RefusedError } from '../../domain/errors.ts';
import type { Execution } from '../../domain/execution/execution.ts';
import { acceptedFacts, shortly } from '../edge/audit.ts';
import { clientGone } from '../edge/client-gone.ts';
import { idempotencyOf } from '../edge/idempotency.ts';
import { readTraceparent } from '../edge/request-headers.ts';
import { notStreamed } from '../events/routes.ts';
import { RAW_ANSWER, RawRun, type RawRunOptions, showExecution } from './raw-run.ts';
import { ACCEPT_REFUSALS } from '../executions/accepting.ts';
import type { RequestSchemas, RunRequest } from '../executions/schemas.ts';

export interface RunRouteOptions extends RawRunOptions {
  requests: RequestSchemas;
  /** Whether the output of what runs may be streamed. */
  streamsOutput: boolean;
}

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
        'Submits an execution and streams its standard output as the response. The response begins with the first byte, or with the end. If the run fails before it has written anything, the response is an error: 422 if the command failed, 504 if it ran out of time, 409 if it was cancelled, 502 if execd or a target failed. If it fails later, the trailers tell how.',
      tags: ['executions'],
      body: requests.run,
      response: {
        200: RAW_ANSWER,
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
        ...{ spec, trace, idempotency, rerunOf: null, isRaw: true },
        ...(onDisconnect === 'cancel' ? { onDisconnect } : {}),
      });
      const { execution } = submitted;
      request.auditFacts = acceptedFacts(spec, execution, submitted.isReplay);
      showExecution(reply, execution, submitted.isReplay);
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
