// Executions: submit, read, list, change, cancel, run again, remove.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { type FieldProblem, RefusedError } from '../../domain/errors.ts';
import { type Execution, isFinished } from '../../domain/execution/execution.ts';
import type { ListFilter } from '../../domain/ports/store.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import type { Spec } from '../../domain/spec/spec.ts';
import type { Engine, ExecutionView, Submission, Submitted } from '../../engine/engine.ts';
import { AlikeBodies } from './alike.ts';
import { toDryRun } from './dry-run-wire.ts';
import { toProblem } from '../edge/error-handler.ts';
import { matchesEtag, preferredWait, readTraceparent } from '../edge/request-headers.ts';
import { bodyHash, idempotencyOf } from '../edge/idempotency.ts';
import { json } from '../edge/answers.ts';
import { KnownBodies } from '../edge/known-bodies.ts';
import { acceptedFacts, shortly } from '../edge/audit.ts';
import { cursorAfter, readCursor, toFilter } from '../edge/listing.ts';
import {
  batchAnswer,
  bulkCancelAnswer,
  dryRun,
  execution,
  executionList,
  type ExecutionWire,
  getQuery,
  type RequestSchemas,
  stepResult,
  submitQuery,
} from './schemas.ts';
import { idParams, listQuery, MAX_WAIT_S } from '../edge/schemas.ts';
import { etagOf, toStepResult, toWire } from './wire.ts';
import { fit, fitEach, knowing } from '../edge/zod-adapter.ts';
import { ACCEPT_HEADERS, ACCEPT_REFUSALS, FIRST_LOOK_S } from './accepting.ts';

export interface ExecutionRoutesOptions {
  engine: Engine;
  requests: RequestSchemas;
  logPath: (runId: string, attempt: number) => string;
  clock: Clock;
}
const ACCEPTED = [
  ...(['Location', 'ETag', 'RetryAfter', 'IdempotencyReplayed', 'PreferenceApplied', 'Age'] as const),
  ...(['RateLimit', 'RateLimitPolicy'] as const),
];
const DONE = ACCEPTED.filter((name) => name !== 'RetryAfter');
const LINKS = {
  read: { operationId: 'getExecution', parameters: { id: '$response.body#/id' } },
  log: { operationId: 'getExecutionLog', parameters: { id: '$response.body#/id' } },
  cancel: { operationId: 'cancelExecution', parameters: { id: '$response.body#/id' } },
};
/** What a submission answers. */
const accepted = {
  200: json('It has finished: at once, from the cache, or while `Prefer: wait` waited.', execution, {
    headers: DONE,
  }),
  202: json('It was accepted, and has not finished.', execution, { headers: ACCEPTED, links: LINKS }),
};
const BATCH_BODY_BYTES = 16 * 1024 * 1024;
/** Executions that a listing reads at a time, and characters at which it ends a page early. */
const LIST_READ = 50;
const PAGE_BYTES = 8 * 1024 * 1024;

interface Params {
  Params: z.infer<typeof idParams>;
}

export function executionRoutes(
  app: FastifyInstance,
  { engine, requests, logPath, clock }: ExecutionRoutesOptions,
): void {
  const oneOf = { params: idParams, tags: ['executions'] };

  /** Bodies of finished executions, which never change; with and without what only administrators see. */
  const finished = { withPath: new WeakMap<Execution, string>(), plain: new WeakMap<Execution, string>() };

  const knownBodies = new KnownBodies();
  const alikeBodies = new AlikeBodies();

  function bodyOf({ caller }: FastifyRequest, view: ExecutionView): string {
    const isAdmin = caller.scopes.has('admin');
    const bodies = isAdmin ? finished.withPath : finished.plain;
    let body = bodies.get(view.execution);
    if (body === undefined) {
      const { runId, attempts } = view.execution;
      const last = attempts.at(-1);
      body = JSON.stringify(toWire(view, isAdmin && last !== undefined ? logPath(runId, last.number) : null));
      // A hit is mostly answered once: remembering each one costs more than it spares.
      if (isFinished(view.execution) && view.execution.cache?.status !== 'hit')
        bodies.set(view.execution, body);
    }
    return body;
  }

  /** An execution as this caller may see it. */
  function send(
    request: FastifyRequest,
    reply: FastifyReply,
    view: ExecutionView,
    body = bodyOf(request, view),
  ): FastifyReply {
    reply.header('etag', etagOf(view)).type('application/json; charset=utf-8');
    return reply.send(body);
  }

  /** Answers an accepted execution: 200 when it has finished, else 202, after the wait that was asked for. */
  async function sendAccepted(
    request: FastifyRequest,
    reply: FastifyReply,
    submitted: Submitted,
  ): Promise<FastifyReply> {
    const { id, spec } = submitted.execution;
    request.auditFacts = acceptedFacts(spec, submitted.execution, submitted.isReplay);
    const waitS = preferredWait(request.headers.prefer as string | undefined, MAX_WAIT_S);
    const view =
      waitS === null || isFinished(submitted.execution)
        ? await engine.view(submitted.execution)
        : await engine.wait(request.caller, id, { until: 'finished' }, waitS * 1000, request.signal);
    const isDone = isFinished(view.execution);
    if (waitS !== null) reply.header('preference-applied', `wait=${waitS}`);
    if (submitted.isReplay) reply.header('idempotency-replayed', 'true');
    if (!isDone) reply.header('retry-after', FIRST_LOOK_S);
    const storedAt = view.execution.cache?.storedAt ?? null;
    // RFC 9111 §5.1
    if (storedAt !== null)
      reply.header('age', String(Math.max(0, Math.floor((clock.now() - storedAt) / 1000))));
    reply.code(isDone ? 200 : 202).header('location', `/v1/executions/${id}`);
    if (submitted.webhookSecret !== null) return reply.send(withSecret(view, submitted.webhookSecret));
    const { like } = submitted;
    // Answers from the cache have no log whose place could be shown.
    if (like === undefined) return send(request, reply, view);
    return send(
      request,
      reply,
      view,
      alikeBodies.body(like, view, () => toWire(view, null)),
    );
  }

  /**
   * A page as JSON texts, and the id after which the next one begins; null when it is the last. It is bounded by bytes
   * too: specs and results can be large.
   */
  async function readPage(
    filter: ListFilter,
    limit: number,
    after: string | null,
  ): Promise<{ items: string[]; nextAfter: string | null }> {
    const items: string[] = [];
    let bytes = 0;
    for (let from = after; ;) {
      const wanted = Math.min(LIST_READ, limit - items.length);
      const { views, next } = await engine.list(filter, wanted, from);
      for (const view of views) {
        const item = JSON.stringify(toWire(view, null));
        bytes += item.length;
        if (items.length > 0 && bytes > PAGE_BYTES) return { items, nextAfter: from };
        items.push(item);
        from = view.execution.id;
      }
      if (next === null || items.length === limit || views.length < wanted) return { items, nextAfter: next };
    }
  }

  app.route<{ Body: Spec }>({
    method: 'POST',
    url: '/v1/executions',
    config: { access: 'submit', headers: ACCEPT_HEADERS, refuses: ACCEPT_REFUSALS, knownBodies },
    validatorCompiler: knowing(knownBodies) as never,
    schema: {
      operationId: 'submitExecution',
      summary: 'Submit an execution',
      description:
        'execd stores the execution before it responds, and runs it as soon as a slot is free. Send an Idempotency-Key to be able to repeat the request safely.',
      tags: ['executions'],
      querystring: submitQuery,
      body: requests.spec,
      response: accepted,
    },
    async handler(request, reply) {
      const idempotency = idempotencyOf(request, () => request.body);
      const trace = readTraceparent(request.headers.traceparent);
      const isRepeated = knownBodies.has(request.body);
      request.auditFacts = { what: shortly(request.body) };
      const submission = { spec: request.body, trace, idempotency, rerunOf: null, isRepeated };
      const submitted = await engine.submit(request.caller, submission);
      // Of all that repeats itself, what is answered from the cache spends most of its time on being read.
      if (!isRepeated && submitted.execution.cache?.status === 'hit')
        knownBodies.learn(request, request.body);
      return sendAccepted(request, reply, submitted);
    },
  });

  app.route<{ Body: Spec }>({
    method: 'POST',
    url: '/v1/executions/dry-run',
    config: { access: 'submit' },
    schema: {
      operationId: 'dryRunExecution',
      summary: 'Try an execution without submitting it',
      description:
        'Returns whether execd would accept the request now, how it would begin, the policy that would apply, its cache key and its cost. Nothing is stored and nothing runs.',
      tags: ['executions'],
      body: requests.spec,
      response: { 200: json('What would happen.', dryRun) },
    },
    async handler(request, reply) {
      if (request.headers['idempotency-key'] !== undefined) {
        const why = 'A dry run stores nothing: send it without the header Idempotency-Key.';
        throw new RefusedError('invalid_idempotency_key', why);
      }
      request.auditFacts = { what: shortly(request.body), dry_run: true };
      const submission = { spec: request.body, trace: null, idempotency: null, rerunOf: null };
      return reply.send(toDryRun(request.body, await engine.dryRun(request.caller, submission)));
    },
  });

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
        items.push(await batchItem(request, draft instanceof RefusedError ? draft : answers.shift()));
      }
      request.auditFacts = { items: items.map(batchFacts) };
      return { items };
    },
  });

  async function batchItem(
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

  app.route<{ Querystring: z.output<typeof listQuery> }>({
    method: 'GET',
    url: '/v1/executions',
    config: { access: 'read' },
    schema: {
      operationId: 'listExecutions',
      summary: 'List executions, newest first',
      description:
        'Lists your executions that match all filters. A page can have fewer items than `limit`, or none: continue while `next_cursor` is not null.',
      tags: ['executions'],
      querystring: listQuery,
      response: { 200: json('A page.', executionList) },
    },
    async handler(request, reply) {
      const { limit, cursor, ...query } = request.query;
      const filter = toFilter(request.caller.userId, query);
      const after = cursor === undefined ? null : readCursor(cursor, filter);
      const { items, nextAfter } = await readPage(filter, limit, after);
      const nextCursor = nextAfter === null ? null : cursorAfter(nextAfter, filter);
      reply.type('application/json; charset=utf-8');
      return reply.send(`{"items":[${items.join(',')}],"next_cursor":${JSON.stringify(nextCursor)}}`);
    },
  });

  app.route<Params & { Querystring: z.output<typeof getQuery> }>({
    method: 'GET',
    url: '/v1/executions/:id',
    config: { access: 'read', headers: ['IfNoneMatch'], refuses: [410, 429] },
    schema: {
      ...oneOf,
      operationId: 'getExecution',
      summary: 'Get an execution',
      description:
        'Responds at once, or with `wait` when the execution has finished, or when its revision is greater than `after_revision`. When the time is up, the response is the execution as it is then.',
      querystring: getQuery,
      response: {
        200: json('The execution.', execution, { headers: ['ETag'] }),
        304: { description: 'The execution has not changed since `If-None-Match`.', headers: ['ETag'] },
      },
    },
    async handler(request, reply) {
      const { caller, params, query } = request;
      const { wait, after_revision: after } = query;
      if (after !== undefined && wait === undefined) {
        const fields: FieldProblem[] = [{ field: '?after_revision', message: 'requires wait' }];
        throw new RefusedError('validation', '?after_revision: requires wait', { fields });
      }
      const until =
        after === undefined ? ({ until: 'finished' } as const) : ({ until: 'revision', after } as const);
      const view =
        wait === undefined
          ? await engine.get(caller, params.id)
          : await engine.wait(caller, params.id, until, wait * 1000, request.signal);
      const etag = etagOf(view);
      if (matchesEtag(request.headers['if-none-match'], etag))
        return reply.code(304).header('etag', etag).send();
      return send(request, reply, view);
    },
  });

  app.route<Params>({
    method: 'GET',
    url: '/v1/executions/:id/result',
    config: { access: 'read', refuses: [410] },
    schema: {
      ...oneOf,
      operationId: 'getExecutionResult',
      summary: 'Get the result of an execution',
      description: 'Returns the result in short, in every state. Its `result` is null until the end.',
      response: { 200: json('The result.', stepResult) },
    },
    handler: async ({ caller, params }) => toStepResult(await engine.get(caller, params.id)),
  });

  app.route<Params & { Body: z.output<RequestSchemas['patch']> }>({
    method: 'PATCH',
    url: '/v1/executions/:id',
    config: { access: 'submit', refuses: [409, 410] },
    schema: {
      ...oneOf,
      operationId: 'updateExecution',
      summary: 'Change an execution that has not finished',
      description:
        'Changes the priority, or extends time limits. You cannot shorten a limit, or set one that is off.',
      body: requests.patch,
      response: { 200: json('The execution.', execution, { headers: ['ETag'] }) },
    },
    async handler(request, reply) {
      const { priority = null, timeouts = null } = request.body;
      return send(
        request,
        reply,
        await engine.patch(request.caller, request.params.id, { priority, timeouts }),
      );
    },
  });

  app.route<Params & { Body: z.output<RequestSchemas['cancel']> }>({
    method: 'POST',
    url: '/v1/executions/:id/cancel',
    config: { access: 'cancel', refuses: [410] },
    schema: {
      ...oneOf,
      operationId: 'cancelExecution',
      summary: 'Cancel an execution',
      description:
        'A waiting execution ends at once. A running one gets the stop signal, and SIGKILL after the grace; its status becomes `cancelled` when all of its processes have ended. An execution that has finished stays as it is.',
      body: requests.cancel,
      response: {
        200: json('It has finished.', execution, { headers: ['ETag'] }),
        202: json('execd is stopping it.', execution, { headers: ['ETag'] }),
      },
    },
    async handler(request, reply) {
      const { reason = null, grace_ms: graceMs = null } = request.body;
      const view = await engine.cancel(request.caller, request.params.id, reason, graceMs);
      return send(request, reply.code(isFinished(view.execution) ? 200 : 202), view);
    },
  });

  app.route<{ Body: z.output<RequestSchemas['bulkCancel']> }>({
    method: 'POST',
    url: '/v1/executions/cancel',
    config: { access: 'cancel' },
    schema: {
      operationId: 'cancelExecutions',
      summary: 'Cancel many executions',
      description: 'Cancels each of your executions that has not finished and that matches all filters.',
      tags: ['executions'],
      body: requests.bulkCancel,
      response: { 202: json('How many were cancelled.', bulkCancelAnswer) },
    },
    async handler(request, reply) {
      const { reason = null, grace_ms: graceMs = null, labels, status, kind, ...rest } = request.body;
      const label = Object.entries(labels ?? {}).map(([name, value]) => ({ name, value }));
      const { userId } = request.caller;
      const filter = { ...toFilter(userId, { ...rest, status, kind, label }), userId };
      return reply.code(202).send(await engine.cancelMany(filter, reason, graceMs));
    },
  });

  app.route<Params>({
    method: 'POST',
    url: '/v1/executions/:id/rerun',
    config: { access: 'submit', headers: ACCEPT_HEADERS, refuses: [409, ...ACCEPT_REFUSALS] },
    schema: {
      ...oneOf,
      operationId: 'rerunExecution',
      summary: 'Run an execution again',
      description: 'Submits a new execution with the spec of a finished one.',
      response: accepted,
    },
    async handler(request, reply) {
      const { id } = request.params;
      const submitted = await engine.rerun(request.caller, id, {
        trace: readTraceparent(request.headers.traceparent),
        idempotency: idempotencyOf(request, () => ({ rerun_of: id })),
      });
      return sendAccepted(request, reply, submitted);
    },
  });

  app.route<Params>({
    method: 'DELETE',
    url: '/v1/executions/:id',
    config: { access: 'cancel', refuses: [409, 410] },
    schema: {
      ...oneOf,
      operationId: 'deleteExecution',
      summary: 'Remove an execution and its log',
      description: 'Removes an execution that has finished. Cancel a running one first.',
      response: { 204: { description: 'Removed.' } },
    },
    async handler(request, reply) {
      await engine.remove(request.caller, request.params.id);
      return reply.code(204).send();
    },
  });
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

/** One item of a batch, or why it cannot be one. */
/** The answer to a submission whose webhook got a secret: told here, and never again. */
function withSecret(view: ExecutionView, secret: string): ExecutionWire {
  const wire = toWire(view, null);
  return { ...wire, webhook: wire.webhook === null ? null : { ...wire.webhook, secret } };
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
