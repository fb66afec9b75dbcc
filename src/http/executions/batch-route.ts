// Many executions in one request.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RefusedError } from '../../domain/errors.ts';
import { isFinished } from '../../domain/execution/execution.ts';
import type { Spec } from '../../domain/spec/spec.ts';
import type { Engine, Submission, Submitted } from '../../engine/engine.ts';
import { json } from '../edge/answers.ts';
import { shortly } from '../edge/audit.ts';
import { toProblem } from '../edge/error-handler.ts';
import { bodyHash } from '../edge/idempotency.ts';
import { readTraceparent } from '../edge/request-headers.ts';
import { fit, fitEach } from '../edge/zod-adapter.ts';
import { withSecret } from './execution-answers.ts';
import { batchAnswer, type RequestSchemas } from './schemas.ts';
import { toWire } from './wire.ts';

const BATCH_BODY_BYTES = 16 * 1024 * 1024;

export interface BatchRouteOptions {
  engine: Engine;
  requests: RequestSchemas;
}

export function batchRoute(app: FastifyInstance, { engine, requests }: BatchRouteOptions): void {
  app.route<{ Body: { executions: unknown[] } }>({
    method: 'POST',
    url: '/v1/executions/batch',
    bodyLimit: BATCH_BODY_BYTES,
    config: { access: 'submit', headers: ['Traceparent'] },
    schema: {
      operationId: 'submitBatch',
      summary: 'Submit up to 1,000 executions together',
      description:
        'Each item is accepted or rejected by itself. The response is 200 with one item for each, in order: check the `status` of each item.',
      tags: ['executions'],
      body: requests.batch,
      response: {
        200: json('The result of each item.', batchAnswer, { headers: ['RateLimit', 'RateLimitPolicy'] }),
      },
    },
    async handler(request) {
      if (request.headers['idempotency-key'] !== undefined) {
        throw new RefusedError(
          'invalid_idempotency_key',
          'A batch does not take the header Idempotency-Key: give each item its own idempotency_key.',
        );
      }
      const trace = readTraceparent(request.headers.traceparent);
      const drafts = fitEach(request.body.executions, (item, i) => toSubmission(item, i, trace, requests));
      const wanted = drafts.flatMap((draft) => (draft instanceof RefusedError ? [] : [draft]));
      const answers = await engine.submitAll(request.caller, wanted);
      const items: object[] = [];
      for (const draft of drafts) {
        items.push(await batchItem(engine, request, draft instanceof RefusedError ? draft : answers.shift()));
      }
      request.auditFacts = { items: items.map(batchFacts) };
      return { items };
    },
  });
}

async function batchItem(
  engine: Engine,
  request: FastifyRequest,
  answer: Submitted | RefusedError | undefined,
): Promise<object> {
  if (answer === undefined) throw new TypeError('an item of the batch has no answer');
  if (answer instanceof RefusedError) {
    const document = toProblem(answer);
    return { status: document.status, problem: document };
  }
  const view = await engine.get(request.caller, answer.execution.id);
  const status = isFinished(view.execution) ? 200 : 202;
  const { webhookSecret } = answer;
  const execution = webhookSecret === null ? toWire(view, null) : withSecret(view, webhookSecret);
  return { status, execution, replayed: answer.isReplay };
}

/** What the audit log says of an item of a batch. */
function batchFacts(item: object): object {
  const { status, execution, problem } = item as {
    status: number;
    execution?: { id: string; spec: Spec };
    problem?: { type: string };
  };
  if (execution === undefined) return { status, refused: problem?.type.replace('urn:execd:error:', '') };
  return { status, execution_id: execution.id, what: shortly(execution.spec) };
}

function toSubmission(
  item: unknown,
  index: number,
  trace: Submission['trace'],
  requests: RequestSchemas,
): Submission | RefusedError {
  const fitted = fit(requests.batchItem, item, 'body', ['executions', index]);
  if ('error' in fitted) return fitted.error;
  const { idempotency_key: key, ...spec } = fitted.value;
  const idempotency = key === undefined ? null : { key, bodyHash: bodyHash(spec) };
  return { spec, trace, idempotency, rerunOf: null };
}
