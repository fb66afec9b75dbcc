// Plans: several steps in one request.
import { type Api, dataOf, given, paginate, urlOf } from './calls.ts';
import { PlanFailedError } from './errors.ts';
import { type Message, messages } from './events.ts';
import { rawLog } from './raw-log.ts';
import type { LogSource } from './logs.ts';
import { planLog, type PlanLogChunk, type PlanLogOptions } from './plan-logs.ts';
import {
  runToEnd,
  type RunOptions,
  submission,
  type Submission,
  type AgainOptions,
  changed,
  type SubmitOptions,
  untilDone,
} from './options.ts';
import type { Transport } from './transport.ts';
import type {
  Approval,
  CancelRequest,
  DecisionRequest,
  Event,
  Plan,
  PlanFilter,
  PlanLogEnd,
  PlanReport,
  PlanRequest,
  Signal,
  RawPlanLogQuery,
} from './types.ts';

export interface PlansOptions {
  api: Api;
  transport: Transport;
  outageMs: number;
}

export class Plans {
  readonly #options: PlansOptions;

  constructor(options: PlansOptions) {
    this.#options = options;
  }

  async submit(body: PlanRequest, options: SubmitOptions = {}): Promise<Plan> {
    return this.#submit(body, submission(options));
  }

  async #submit(body: PlanRequest, { header, ...begin }: Submission): Promise<Plan> {
    return dataOf(this.#options.api.POST('/v1/plans', { body, params: { header }, ...begin }));
  }

  /**
   * Submits a plan and waits for its end.
   *
   * @throws PlanFailedError when it does not complete
   */
  async run(body: PlanRequest, options: RunOptions = {}): Promise<Plan> {
    const ended = await runToEnd<Plan>(options, {
      submit: (begin) => this.#submit(body, begin),
      wait: (id, signal) => this.wait(id, { signal }),
      cancel: (id) => this.cancel(id, { reason: 'the client aborted' }),
    });
    if (ended.status !== 'completed') throw new PlanFailedError(ended);
    return ended;
  }

  async get(id: string, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<Plan> {
    const params = { path: { id } };
    return dataOf(this.#options.api.GET('/v1/plans/{id}', { params, ...given({ signal }) }));
  }

  /** Waits until it has ended, however long that takes. */
  async wait(id: string, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<Plan> {
    return untilDone((waitS) => this.#look(id, waitS, signal));
  }

  /** Waits for the end for a while; a server may restart meanwhile. */
  #look(id: string, wait: number, signal: AbortSignal | undefined): Promise<Plan> {
    const params = { path: { id }, query: { wait } };
    return dataOf(this.#options.api.GET('/v1/plans/{id}', { params, ...given({ signal }) }));
  }

  list(filter: PlanFilter = {}, { signal }: { signal?: AbortSignal } = {}): AsyncGenerator<Plan, void> {
    return paginate((cursor) => {
      const query = given({ ...filter, cursor });
      return dataOf(this.#options.api.GET('/v1/plans', { params: { query }, ...given({ signal }) }));
    });
  }

  async cancel(id: string, body: CancelRequest = {}): Promise<Plan> {
    return dataOf(this.#options.api.POST('/v1/plans/{id}/cancel', { params: { path: { id } }, body }));
  }

  async validate(body: PlanRequest): Promise<PlanReport> {
    return dataOf(this.#options.api.POST('/v1/plans/validate', { body }));
  }

  /** Runs the plan again; `params` that are given change. */
  async rerun(id: string, options: AgainOptions = {}): Promise<Plan> {
    return dataOf(this.#options.api.POST('/v1/plans/{id}/rerun', again(id, options)));
  }

  /** Runs the plan again, with the results of the steps that have completed. */
  async redrive(id: string, options: AgainOptions = {}): Promise<Plan> {
    return dataOf(this.#options.api.POST('/v1/plans/{id}/redrive', again(id, options)));
  }

  /** Sends a signal: steps that wait for it end with its payload. */
  async signal(
    id: string,
    name: string,
    payload: unknown = null,
    options: Pick<SubmitOptions, 'idempotencyKey'> = {},
  ): Promise<Signal> {
    const { header } = submission(options);
    const params = { path: { id, name }, header };
    return dataOf(this.#options.api.POST('/v1/plans/{id}/signals/{name}', { params, body: { payload } }));
  }

  /** Approvals that wait for your decision. */
  async approvals(): Promise<Approval[]> {
    const { items } = await dataOf(this.#options.api.GET('/v1/approvals', {}));
    return items;
  }

  async decide(id: string, step: string, body: DecisionRequest): Promise<Approval> {
    const params = { path: { id, step } };
    return dataOf(this.#options.api.POST('/v1/plans/{id}/approvals/{step}', { params, body }));
  }

  async remove(id: string): Promise<void> {
    await dataOf(this.#options.api.DELETE('/v1/plans/{id}', { params: { path: { id } } }));
  }

  /** What the steps write; the value at the end are the totals. */
  logs(id: string, options: PlanLogOptions = {}): AsyncGenerator<PlanLogChunk, PlanLogEnd> {
    const { transport, outageMs } = this.#options;
    const isDone = async (signal: AbortSignal | undefined) =>
      (await this.#look(id, 1, signal)).phase === 'done';
    const source: LogSource = { transport, outageMs, isDone };
    return planLog(source, id, options);
  }

  /**
   * The logs of all steps as the server writes them, or the lines of them that match.
   *
   * @throws ConnectionError when the connection breaks in the middle
   */
  rawLog(
    id: string,
    query: RawPlanLogQuery & { signal?: AbortSignal } = {},
  ): AsyncGenerator<Uint8Array, void> {
    const { transport, outageMs } = this.#options;
    return rawLog({ transport, outageMs }, `/v1/plans/${encodeURIComponent(id)}/logs`, query);
  }

  /** Events of the plan and of its steps, until the plan has ended. */
  events(
    id: string,
    { after, signal }: { after?: string; signal?: AbortSignal } = {},
  ): AsyncGenerator<Message<Event>, void> {
    const { transport, outageMs } = this.#options;
    const url = urlOf(transport.url, `/v1/plans/${encodeURIComponent(id)}/events`, { after });
    const isLast = (_type: string, data: unknown) => {
      const { execution_id: of, phase } = data as Event;
      return of === id && phase === 'done';
    };
    return messages({ transport, outageMs, url, signal, isLast });
  }
}

function again(id: string, { params, ...options }: AgainOptions) {
  const { header, ...begin } = submission(options);
  return { params: { path: { id }, header }, ...begin, ...changed(params) };
}
