// A WebSocket to an execution: its output, and what its command is told.
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { RefusedError } from '../../domain/errors.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { Engine } from '../../engine/engine.ts';
import { type Audit, writeAudit } from '../edge/audit.ts';
import type { SseClients } from '../edge/sse.ts';
import { notStreamed } from '../events/routes.ts';
import { oneExecution, type Params } from '../executions/one-execution.ts';
import { Attached } from './attached.ts';
import { attachQuery } from './live-schemas.ts';

export interface AttachRouteOptions {
  engine: Engine;
  clock: Clock;
  log: Log;
  sse: SseClients;
  audit: Audit;
  /** Whether the output of what runs may be streamed. */
  streamsOutput: boolean;
}

type AttachRoute = Params & { Querystring: z.output<typeof attachQuery> };

export function attachRoute(app: FastifyInstance, options: AttachRouteOptions): void {
  const { engine, sse, audit, streamsOutput } = options;
  app.route<AttachRoute>({
    method: 'GET',
    url: '/v1/executions/:id/attach',
    config: { access: 'read', refuses: [410, 429] },
    schema: {
      ...oneExecution,
      operationId: 'attachExecution',
      summary: 'Attach to an execution by WebSocket',
      description:
        'Sends output as it is written, and takes input, signals and terminal sizes. docs/reference/live.md has the messages. Input requires the scope `submit`, signals the scope `cancel`.',
      querystring: attachQuery,
      response: {
        101: { description: 'The connection is a WebSocket from here on.' },
        200: { description: 'Never sent: a WebSocket begins with 101.' },
      },
    },
    // A refusal is an answer in HTTP, as long as the connection is not a WebSocket.
    async preHandler(request, reply) {
      if (!request.ws) throw notUpgraded();
      if (!streamsOutput) throw notStreamed();
      sse.checkRoom(request.caller);
      await engine.get(request.caller, request.params.id);
      request.auditFacts = { attached: true };
      await writeAudit(audit, request, reply);
    },
    handler: () => {
      throw notUpgraded();
    },
    wsHandler(socket, request) {
      const { caller, params, query } = request;
      const release = sse.hold(caller.userId, 'attach');
      socket.once('close', release);
      new Attached(socket, { ...options, caller, id: params.id, cursor: query.cursor ?? null }).begin();
    },
  });
}

const notUpgraded = () =>
  new RefusedError('websocket_required', 'Send the headers "Connection: Upgrade" and "Upgrade: websocket".');
