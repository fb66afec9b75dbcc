// Tells the audit log of every request that changes something, or was refused for who it comes from: who, for whom, from
// where, what, and with what result. What was asked for is told by its kind and its first words, never by its environment or
// its input.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { actingUser } from '../../domain/spec/access.ts';
import { type RefusedError, visible } from '../../domain/errors.ts';
import { type Execution, policyVersionOf } from '../../domain/execution/execution.ts';
import type { AnySpec } from '../../domain/spec/any.ts';

/** Takes a line; resolves when it is written. */
export interface Audit {
  write(entry: Readonly<Record<string, unknown>>): Promise<void>;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** What the route has to say of what it did. */
    auditFacts: Record<string, unknown> | null;
    /** Why it was refused. */
    refusal: RefusedError | null;
  }
}

const MAX_WHAT = 500;
const READS = new Set(['GET', 'HEAD', 'OPTIONS']);
const SUSPECT = new Set([401, 403]);

/** @param now wall clock, ms since the epoch */
export function audit(app: FastifyInstance, log: Audit, now: () => number): void {
  const strangers = new Strangers(now);
  app.decorateRequest('auditFacts', null);
  app.decorateRequest('refusal', null);
  app.addHook('onSend', async (request, reply, payload) => {
    const { access, isAudited = true } = request.routeOptions.config;
    const isChange = isAudited && !READS.has(request.method) && access !== 'public';
    const isSuspect = SUSPECT.has(reply.statusCode);
    if (!isSuspect && (!isChange || request.is404)) return payload;
    const isStranger = (request.caller as typeof request.caller | null) === null;
    const omitted = isStranger ? strangers.admit() : 0;
    if (omitted === null) return payload;
    await log.write({ ...entryOf(request, reply), ...(omitted > 0 ? { omitted } : {}) });
    return payload;
  });
}

/** Tells of a request whose answer is written piece by piece, which passes no hook. */
export async function writeAudit(log: Audit, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  await log.write(entryOf(request, reply));
}

/** Whoever has shown nothing must not be able to fill the disk: of theirs so many lines are written in a second. */
class Strangers {
  readonly #now: () => number;
  #second = 0;
  #written = 0;
  #omitted = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** How many were left out since the last line; null when this one is left out too. */
  admit(): number | null {
    const second = Math.floor(this.#now() / 1000);
    if (second !== this.#second) [this.#second, this.#written] = [second, 0];
    this.#written += 1;
    if (this.#written > MAX_STRANGERS_PER_S) {
      this.#omitted += 1;
      return null;
    }
    const omitted = this.#omitted;
    this.#omitted = 0;
    return omitted;
  }
}
const MAX_STRANGERS_PER_S = 10;

function entryOf(request: FastifyRequest, reply: FastifyReply): Record<string, unknown> {
  const caller = request.caller as typeof request.caller | null;
  const { id = null } = request.params as { id?: string };
  return {
    user: caller === null ? null : (actingUser(caller) ?? caller.userId),
    ...(caller !== null && actingUser(caller) !== null ? { for_user: caller.userId } : {}),
    credential: caller?.credential?.id ?? null,
    address: request.ip,
    request_id: request.id,
    method: request.method,
    route: request.routeOptions.url ?? null,
    ...(id === null ? {} : { id: id.slice(0, 100) }),
    status: reply.statusCode,
    ...(request.refusal === null ? {} : refusedFacts(request.refusal)),
    ...request.auditFacts,
  };
}

function refusedFacts({ type, message }: RefusedError): Record<string, unknown> {
  return { refused: type, reason: visible(message.slice(0, MAX_WHAT)) };
}

/** What was asked for, in a few words. Arguments may hold what others must not see, but that is what was run. */
export function shortly(spec: AnySpec): string {
  return `${spec.kind} ${wordsOf(spec).join(' ')}`.slice(0, MAX_WHAT);
}

function wordsOf(spec: AnySpec): string[] {
  switch (spec.kind) {
    case 'exec':
      return [spec.program, ...(spec.args ?? []).map((arg) => JSON.stringify(arg))];
    case 'shell':
      return [JSON.stringify(spec.command)];
    case 'script':
      return [
        spec.path ?? JSON.stringify(spec.source),
        ...(spec.args ?? []).map((arg) => JSON.stringify(arg)),
      ];
    case 'aws_cli':
      return [spec.service, spec.operation, ...(spec.args ?? []).map((arg) => JSON.stringify(arg))];
    case 'http':
      // A query may hold keys.
      return [spec.method ?? 'GET', spec.url.replace(/\?.*/s, '?…')];
    case 'operation':
      return [spec.name, JSON.stringify(spec.params ?? {})];
    case 'plan':
      return [`of ${spec.steps.length} steps`, ...(spec.description === undefined ? [] : [spec.description])];
    case 'wait':
      return ['for', spec.signal?.name ?? (spec.approval === undefined ? 'a time' : 'an approval')];
    default:
      return spec satisfies never;
  }
}

/** Facts of an execution that was accepted. */
export function acceptedFacts(
  spec: AnySpec,
  execution: Execution,
  isReplay: boolean,
): Record<string, unknown> {
  const policyVersion = policyVersionOf(execution);
  return {
    execution_id: execution.id,
    what: shortly(spec),
    ...(policyVersion === null ? {} : { policy_version: policyVersion }),
    ...(isReplay ? { replayed: true } : {}),
  };
}
