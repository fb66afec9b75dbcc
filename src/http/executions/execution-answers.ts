// Executions as a client gets them: one that was read, and one that was accepted.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Execution, isFinished } from '../../domain/execution/execution.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import type { Caller } from '../../domain/spec/access.ts';
import type { Engine, ExecutionView, Submitted } from '../../engine/engine.ts';
import { json } from '../edge/answers.ts';
import { acceptedFacts } from '../edge/audit.ts';
import { preferredWait } from '../edge/request-headers.ts';
import { MAX_WAIT_S } from '../edge/schemas.ts';
import { FIRST_LOOK_S } from './accepting.ts';
import type { ProgressWire } from './progress.ts';
import { AlikeBodies } from './alike.ts';
import { execution, type ExecutionWire } from './schemas.ts';
import { etagOf, toWire } from './wire.ts';

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
export const accepted = {
  200: json('It has finished: at once, from the cache, or while `Prefer: wait` waited.', execution, {
    headers: DONE,
  }),
  202: json('It was accepted, and has not finished.', execution, { headers: ACCEPTED, links: LINKS }),
};

export interface ExecutionAnswersDeps {
  engine: Engine;
  logPath: (runId: string, attempt: number) => string;
  clock: Clock;
}

type Progressing = ExecutionView & { progress?: ProgressWire | null };

interface Last {
  changing: string;
  body: string;
}

export class ExecutionAnswers {
  readonly #deps: ExecutionAnswersDeps;
  /** Bodies of finished executions, which never change; with and without what only administrators see. */
  readonly #finished = {
    withPath: new WeakMap<Execution, string>(),
    plain: new WeakMap<Execution, string>(),
  };
  /** The last body of each that has not finished, by what changes in it without a new revision. */
  readonly #unfinished = {
    withPath: new WeakMap<Execution, Last>(),
    plain: new WeakMap<Execution, Last>(),
  };
  readonly #alike = new AlikeBodies();

  constructor(deps: ExecutionAnswersDeps) {
    this.#deps = deps;
  }

  /** An execution as this caller may see it: the body, which the handler returns. A handler that returns the reply costs listeners. */
  bodyOf(
    request: FastifyRequest,
    reply: FastifyReply,
    view: ExecutionView,
    body = this.#bodyOf(request, view),
  ): string {
    reply.header('etag', etagOf(view)).type('application/json; charset=utf-8');
    return body;
  }

  /** The body for somebody who may look again soon, or with others: while nothing has changed, it is written once. */
  polledBody(
    { caller }: FastifyRequest,
    reply: FastifyReply,
    { view, etag }: { view: Progressing; etag: string },
  ): string {
    reply.header('etag', etag).type('application/json; charset=utf-8');
    if (isFinished(view.execution)) return this.#bodyOf({ caller }, view);
    const bodies = caller.scopes.has('admin') ? this.#unfinished.withPath : this.#unfinished.plain;
    const { phase, startedAt, live, queue, progress } = view;
    const changing = JSON.stringify([phase, startedAt, live, queue, progress]);
    const last = bodies.get(view.execution);
    if (last?.changing === changing) return last.body;
    const body = this.#write(caller, view);
    bodies.set(view.execution, { changing, body });
    return body;
  }

  /** The body of the answer to an accepted execution: 200 when it has finished, else 202, after the wait that was asked for. */
  async acceptedBody(
    request: FastifyRequest,
    reply: FastifyReply,
    submitted: Submitted,
  ): Promise<string | ExecutionWire> {
    const { engine, clock } = this.#deps;
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
    if (submitted.webhookSecret !== null) return withSecret(view, submitted.webhookSecret);
    const { like } = submitted;
    // Answers from the cache have no log whose place could be shown.
    if (like === undefined) return this.bodyOf(request, reply, view);
    return this.bodyOf(
      request,
      reply,
      view,
      this.#alike.body(like, view, () => toWire(view, null)),
    );
  }

  #bodyOf({ caller }: Pick<FastifyRequest, 'caller'>, view: Progressing): string {
    const bodies = caller.scopes.has('admin') ? this.#finished.withPath : this.#finished.plain;
    let body = bodies.get(view.execution);
    if (body === undefined) {
      body = this.#write(caller, view);
      // A hit is mostly answered once: remembering each one costs more than it spares.
      if (isFinished(view.execution) && view.execution.cache?.status !== 'hit')
        bodies.set(view.execution, body);
    }
    return body;
  }

  #write({ scopes }: Caller, view: Progressing): string {
    const { runId, attempts } = view.execution;
    const last = attempts.at(-1);
    const hasLog = last !== undefined && last.output.logRemoved !== true;
    return JSON.stringify(
      toWire(view, scopes.has('admin') && hasLog ? this.#deps.logPath(runId, last.number) : null),
    );
  }
}

/** The answer to a submission whose webhook got a secret: told here, and never again. */
export function withSecret(view: ExecutionView, secret: string): ExecutionWire {
  const wire = toWire(view, null);
  return { ...wire, webhook: wire.webhook === null ? null : { ...wire.webhook, secret } };
}
