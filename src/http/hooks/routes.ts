// Deliveries to hooks: other systems start an operation by a request that they have signed. There is no API key; a body is kept
// as it came until its signature is found good.
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { RefusedError } from '../../domain/errors.ts';
import { type Execution, isFinished } from '../../domain/execution/execution.ts';
import type { HookAnswering, HookDelivery, Hooks, HookVerdict } from '../../domain/operations/hook.ts';
import type { Submitted } from '../../engine/engine.ts';
import { json } from '../edge/answers.ts';
import { acceptedFacts } from '../edge/audit.ts';
import { clientGone } from '../edge/client-gone.ts';
import { FairShare } from '../edge/fair-share.ts';
import { readJsonBody } from '../edge/json-body.ts';
import { readTraceparent } from '../edge/request-headers.ts';
import { notStreamed } from '../events/routes.ts';
import { RAW_ANSWER, RawRun, type RawRunOptions, showExecution } from '../run/raw-run.ts';
import { hookAnswer, toHookAnswer, toRunAnswer } from './hook-schemas.ts';

export interface HookRoutesOptions extends RawRunOptions {
  hooks: Hooks;
  /** Whether the output of what runs may be streamed. */
  streamsOutput: boolean;
  bodyBytesOf: (userId: string) => number | null;
}

/** Deliveries whose signature is not known yet, each with a body of at most a mebibyte. */
const MAX_UNVERIFIED = 64;
/** Deliveries that wait for the end of their execution; further ones are answered at once. */
const MAX_WAITING = 256;
const REFUSES = [401, 402, 409, 410, 422, 429, 502, 503, 504] as const;
const params = z.strictObject({ operation: z.string().describe('Name of the operation.') });
interface Params {
  Params: z.infer<typeof params>;
}

export async function hookRoutes(app: FastifyInstance, options: HookRoutesOptions): Promise<void> {
  const door = new Door();
  const waiting = new FairShare(MAX_WAITING);
  // In a scope of its own: bodies of any type come as bytes here, and nowhere else.
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    scope.route<Params>({
      method: 'POST',
      url: '/v1/hooks/:operation',
      config: {
        ...{ access: 'signature', anyQuery: true, refuses: REFUSES, bodyType: '*/*' },
        headers: ['Traceparent'],
      },
      schema: {
        operationId: 'deliverToHook',
        summary: 'Deliver to the hook of an operation',
        description:
          'Runs an operation by its hook in the operations file. The signature of the request is its credential. An operation without a hook, one that does not exist, and a wrong signature have the same response.',
        tags: ['operations'],
        params,
        body: z
          .unknown()
          .describe('The body of the sender, up to 1 MiB. execd verifies its bytes before it reads them.'),
        response: {
          200: {
            ...RAW_ANSWER,
            description:
              'The delivery was skipped, or the execution has finished. With `answer: raw`, the body is the standard output of the execution, as it is written.',
            content: { ...RAW_ANSWER.content, 'application/json': { schema: hookAnswer } },
          },
          202: json('The execution was accepted, and has not finished.', hookAnswer),
        },
      },
      onRequest: (request, reply, done) => done(door.enter(request, reply) ?? undefined),
      async handler(request, reply) {
        const verdict = await options.hooks.judge(deliveryOf(request, options));
        door.leave(request);
        request.caller = verdict.caller;
        return answer(request, reply, verdict, { ...options, waiting });
      },
    });
  });
}

/** Strangers may come this far: what they make the server hold is bounded, and no address holds all of it. */
class Door {
  readonly #inside = new FairShare(MAX_UNVERIFIED);
  readonly #leave = new WeakMap<FastifyRequest, () => void>();

  enter(request: FastifyRequest, reply: FastifyReply): RefusedError | null {
    if (!this.#inside.hasRoom(request.ip, 'short')) {
      const detail = `Too many deliveries are being read at the same time; execd reads at most ${MAX_UNVERIFIED}. Send the delivery again.`;
      return new RefusedError('too_many_open_requests', detail, { retryAfterS: 1 });
    }
    this.#leave.set(request, this.#inside.take(request.ip));
    reply.raw.once('close', () => this.leave(request));
    return null;
  }

  leave(request: FastifyRequest): void {
    this.#leave.get(request)?.();
    this.#leave.delete(request);
  }
}

function deliveryOf(
  request: FastifyRequest<Params>,
  { bodyBytesOf }: Pick<HookRoutesOptions, 'bodyBytesOf'>,
): HookDelivery {
  const bytes = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const headers = Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
  );
  return {
    operation: request.params.operation,
    headers: Object.fromEntries(headers),
    query: request.query as Record<string, unknown>,
    bytes,
    read(userId) {
      const most = bodyBytesOf(userId);
      if (most !== null && bytes.length > most) {
        const detail = `The body has ${bytes.length} bytes; a body of this user may have at most ${most} (quotas.body_bytes).`;
        throw new RefusedError('body_too_large', detail);
      }
      return readBody(bytes, request.headers['content-type'] ?? '');
    },
  };
}

/** JSON and forms as what they say, other texts as they are; null for an empty body. */
function readBody(bytes: Buffer, type: string): unknown {
  if (bytes.length === 0) return null;
  if (/^application\/([^;]*\+)?json\s*(;|$)/i.test(type)) return readJsonBody(bytes);
  if (!isUtf8(bytes)) throw new RefusedError('invalid_utf8', 'The body is not valid UTF-8.');
  const text = bytes.toString('utf8');
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(type)) return text;
  // The last of a name counts. What has the name `__proto__` is a field like others.
  return Object.fromEntries(new URLSearchParams(text));
}

interface Answering extends HookRoutesOptions {
  waiting: FairShare;
}

async function answer(
  request: FastifyRequest<Params>,
  reply: FastifyReply,
  verdict: HookVerdict,
  options: Answering,
): Promise<FastifyReply | undefined> {
  request.auditFacts = { operation: request.params.operation, hook: verdict.type };
  if (verdict.type !== 'run') return reply.send(toHookAnswer(verdict));
  const { caller, spec, idempotency, answer } = verdict;
  const leave = answer.type === 'accepted' ? null : enterWaiting(caller.userId, answer, options);
  try {
    const trace = readTraceparent(request.headers.traceparent);
    const submitted = await options.engine.submit(caller, { spec, trace, idempotency, rerunOf: null });
    const { execution, isReplay } = submitted;
    request.auditFacts = { hook: verdict.type, ...acceptedFacts(spec, execution, isReplay) };
    if (answer.type === 'raw') return await answerRaw(request, reply, submitted, options);
    const ended = answer.type === 'wait' && leave !== null;
    const shown = ended ? await atEnd(request, execution, answer.s, options) : execution;
    return await reply.code(isFinished(shown) ? 200 : 202).send(toRunAnswer(shown, isReplay));
  } finally {
    leave?.();
  }
}

/**
 * Takes a place among the deliveries that wait. One that only waits does without where there is none.
 *
 * @throws RefusedError where the output is the answer, which needs the place
 */
function enterWaiting(userId: string, { type }: HookAnswering, options: Answering): (() => void) | null {
  const { waiting, streamsOutput } = options;
  if (type === 'raw' && !streamsOutput) throw notStreamed();
  if (waiting.hasRoom(userId, 'long')) return waiting.take(userId);
  if (type === 'wait') return null;
  const detail = `Too many hooks of this user wait for their executions at the same time; all users together have at most ${MAX_WAITING}. Send the delivery again.`;
  throw new RefusedError('too_many_open_requests', detail, { retryAfterS: 1 });
}

/** Whoever hangs up does not cancel it: a hook has no client that could ask for that. */
async function answerRaw(
  request: FastifyRequest,
  reply: FastifyReply,
  { execution, isReplay }: Submitted,
  options: Answering,
): Promise<FastifyReply | undefined> {
  // It may be silent for long; a connection that breaks is noticed.
  request.raw.socket.setTimeout(0);
  const gone = clientGone(reply);
  showExecution(reply, execution, isReplay);
  return new RawRun(execution, gone, options).answer(request, reply);
}

/** The execution, after the wait that the hook wants. */
async function atEnd(
  { caller, signal }: FastifyRequest,
  execution: Execution,
  waitS: number,
  { engine }: Pick<Answering, 'engine'>,
): Promise<Execution> {
  if (isFinished(execution)) return execution;
  const view = await engine.wait(caller, execution.id, { until: 'finished' }, waitS * 1000, signal);
  return view.execution;
}
