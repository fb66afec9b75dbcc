// A command that runs: its input in parts, and signals.
import type { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import type { Engine } from '../../engine/engine.ts';
import { json } from '../edge/answers.ts';
import { clientGone } from '../edge/client-gone.ts';
import { oneExecution, type Params } from '../executions/one-execution.ts';
import { bytesBody } from '../files/file-schemas.ts';
import { inputQuery, inputState, signalBody, signalSent } from './live-schemas.ts';

/** How long a signal waits for a command that is just being started, milliseconds. */
const SIGNAL_WAIT_MS = 5000;

export async function liveRoutes(app: FastifyInstance, { engine }: { engine: Engine }): Promise<void> {
  signalRoute(app, engine);
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    // Any text is bytes as well.
    for (const type of ['application/octet-stream', 'text/plain'])
      scope.addContentTypeParser(type, (_request, payload, done) => done(null, payload));
    inputRoute(scope, engine);
  });
}

function inputRoute(app: FastifyInstance, engine: Engine): void {
  app.route<Params & { Querystring: z.output<typeof inputQuery> }>({
    method: 'POST',
    url: '/v1/executions/:id/stdin',
    config: { access: 'submit', takesLong: true, refuses: [409, 410] },
    schema: {
      ...oneExecution,
      operationId: 'sendExecutionInput',
      summary: 'Send input to a command that runs',
      description:
        'Adds the bytes of the body to standard input, as fast as the command reads it. The execution needs `stdin: {"open": true}` or `tty`. Bytes that execd has already taken in are skipped by their `offset`, so that you can repeat a request that broke off.',
      querystring: inputQuery,
      body: bytesBody,
      response: { 200: json('How much input there is.', inputState) },
    },
    async handler(request, reply) {
      const { caller, params, query } = request;
      // A refusal in the middle must reach the client: the rest of the body is not read, but its connection is not cut.
      const bytes =
        (request.body as Readable | null | undefined)?.iterator({ destroyOnReturn: false }) ?? NOTHING;
      const { offset = null, close: isLast, wait } = query;
      const patience = { waitMs: wait * 1000, signal: clientGone(reply) };
      const state = await engine.commands.input(caller, params.id, { bytes, offset, isLast }, patience);
      request.auditFacts = { bytes: state.offset };
      return {
        execution_id: params.id,
        attempt: state.attempt,
        offset: state.offset,
        open: state.isOpen,
      } satisfies z.infer<typeof inputState>;
    },
  });
}

function signalRoute(app: FastifyInstance, engine: Engine): void {
  app.route<Params & { Body: z.output<typeof signalBody> }>({
    method: 'POST',
    url: '/v1/executions/:id/signals',
    config: { access: 'cancel', refuses: [409, 410] },
    schema: {
      ...oneExecution,
      operationId: 'signalExecution',
      summary: 'Send a signal to a command that runs',
      description:
        'Sends the signal and returns at once. If the command ends by it, the execution fails with the cause `signalled`. To stop an execution with a proof that its processes have ended, cancel it.',
      body: signalBody,
      response: { 202: json('The signal was sent.', signalSent) },
    },
    async handler(request, reply) {
      const { caller, params, body } = request;
      const { signal, scope = 'all' } = body;
      request.auditFacts = { signal, scope };
      const patience = { waitMs: SIGNAL_WAIT_MS, signal: clientGone(reply) };
      const { attempt } = await engine.commands.signal(caller, params.id, { signal, scope }, patience);
      const sent: z.infer<typeof signalSent> = { execution_id: params.id, attempt, signal, scope };
      return reply.code(202).send(sent);
    },
  });
}

const NOTHING: AsyncIterable<Uint8Array> = {
  async *[Symbol.asyncIterator]() {
    yield* [];
  },
};
