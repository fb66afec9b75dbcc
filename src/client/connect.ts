// The client: what one writes by hand around every call, written once.
import { type Api, createApi, dataOf, given, paginate, urlOf } from './calls.ts';
import { ExecutionFailedError } from './errors.ts';
import { Attachment, type AttachOptions } from './attach.ts';
import { Download, type DownloadOptions } from './downloads.ts';
import type { Source } from './connections.ts';
import { type Message, messages } from './events.ts';
import { type LogOptions, type LogSource, LogStream } from './logs.ts';
import { rawLog } from './raw-log.ts';
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
import { Plans } from './plans.ts';
import { type ClientClock, systemClock } from './time.ts';
import { type Retry, Transport } from './transport.ts';
import { upload, type UploadData, type UploadOptions } from './uploads.ts';
import type {
  Artifact,
  BulkCancelRequest,
  CancelRequest,
  DryRun,
  Event,
  EventFilter,
  Execution,
  ExecutionFilter,
  Explanation,
  InputState,
  OperationsReport,
  OutputEvent,
  PatchRequest,
  Plan,
  PlanRequest,
  RawLogQuery,
  ReportQuery,
  CommandSignal,
  CommandSignalSent,
  Spec,
  Upload,
} from './types.ts';

export interface ConnectOptions {
  /** Origin of execd, with the path of a proxy where there is one. Default: http://127.0.0.1:8080. */
  url?: string;
  /** An API key or a token; a function is asked for each request. */
  apiKey?: string | (() => string | Promise<string>);
  /** As which user an administrator acts. */
  user?: string;
  /** For how long a short call is tried again, milliseconds. Default: 10 s. */
  retryMs?: number;
  /** For how long a server may be away while you wait, follow or have submitted something. Default: 5 min. */
  outageMs?: number;
  /** Fail at once when nobody listens, until the first call that was answered. */
  failsWhenRefused?: boolean;
  /** Told when something is going to be tried again. */
  onRetry?: (retry: Retry) => void;
  fetch?: (request: Request) => Promise<Response>;
  clock?: ClientClock;
}

const DEFAULT_URL = 'http://127.0.0.1:8080';
const RETRY_MS = 10_000;
const OUTAGE_MS = 300_000;

/** A client of one server, for one user. It holds no connection; make as many as you like. */
export function connect(options: ConnectOptions = {}): Execd {
  return new Execd(options);
}

export class Execd {
  /** Each path of the API, with its types. Errors are returned, as openapi-fetch does; see the other calls for thrown ones. */
  readonly api: Api;
  readonly plans: Plans;
  readonly #transport: Transport;
  readonly #outageMs: number;
  readonly #failsWhenRefused: boolean;

  constructor(options: ConnectOptions) {
    const { url = DEFAULT_URL, apiKey, user, onRetry, clock = systemClock } = options;
    const { retryMs = RETRY_MS, outageMs = OUTAGE_MS, failsWhenRefused = false } = options;
    // Not `fetch` itself: browsers want it called on their window.
    const { fetch = (request: Request) => globalThis.fetch(request) } = options;
    this.#transport = new Transport({ url: url.replace(/\/+$/, ''), apiKey, user, onRetry, clock, fetch });
    this.#outageMs = outageMs;
    this.#failsWhenRefused = failsWhenRefused;
    this.api = createApi(this.#transport, { retryMs, outageMs, failsWhenRefused });
    this.plans = new Plans({ api: this.api, transport: this.#transport, outageMs });
  }

  get url(): string {
    return this.#transport.url;
  }

  async submit(body: Spec, options: SubmitOptions = {}): Promise<Execution> {
    return this.#submit(body, submission(options));
  }

  async #submit(body: Spec, { header, ...begin }: Submission): Promise<Execution> {
    return dataOf(this.api.POST('/v1/executions', { body, params: { header }, ...begin }));
  }

  /**
   * Submits an execution and waits for its end, however long that takes.
   *
   * @throws ExecutionFailedError when it does not complete
   */
  async run(body: Spec, options: RunOptions = {}): Promise<Execution> {
    const ended = await runToEnd<Execution>(options, {
      submit: (begin) => this.#submit(body, begin),
      wait: (id, signal) => this.wait(id, { signal }),
      cancel: (id) => this.cancel(id, { reason: 'the client aborted' }),
    });
    if (ended.status !== 'completed') throw new ExecutionFailedError(ended);
    return ended;
  }

  /** Submits a plan and waits for its end. @throws PlanFailedError when it does not complete */
  plan(body: PlanRequest, options: RunOptions = {}): Promise<Plan> {
    return this.plans.run(body, options);
  }

  async dryRun(body: Spec): Promise<DryRun> {
    return dataOf(this.api.POST('/v1/executions/dry-run', { body }));
  }

  async get(id: string, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<Execution> {
    const params = { path: { id } };
    return dataOf(this.api.GET('/v1/executions/{id}', { params, ...given({ signal }) }));
  }

  /** Why it waits, why it ended as it did, what was retried, what the cache had, and what a rerun would do. */
  async explain(id: string): Promise<Explanation> {
    return dataOf(this.api.GET('/v1/executions/{id}/explain', { params: { path: { id } } }));
  }

  /** What each operation or kind came to in a window of time; without one in the last 24 hours. */
  async report(query: ReportQuery = {}): Promise<OperationsReport> {
    return dataOf(this.api.GET('/v1/reports/operations', { params: { query } }));
  }

  /** Waits until it has ended, however long that takes. */
  async wait(id: string, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<Execution> {
    return untilDone((waitS) => this.#look(id, waitS, signal));
  }

  /** Waits for the end for a while; a server may restart meanwhile. */
  #look(id: string, wait: number, signal: AbortSignal | undefined): Promise<Execution> {
    const params = { path: { id }, query: { wait } };
    return dataOf(this.api.GET('/v1/executions/{id}', { params, ...given({ signal }) }));
  }

  /** All executions that fit, newest first, page by page. */
  list(
    filter: ExecutionFilter = {},
    { signal }: { signal?: AbortSignal } = {},
  ): AsyncGenerator<Execution, void> {
    return paginate((cursor) => {
      const query = given({ ...filter, cursor });
      return dataOf(this.api.GET('/v1/executions', { params: { query }, ...given({ signal }) }));
    });
  }

  /** Asks for the end; `wait` for it to see it. */
  async cancel(id: string, body: CancelRequest = {}): Promise<Execution> {
    return dataOf(this.api.POST('/v1/executions/{id}/cancel', { params: { path: { id } }, body }));
  }

  async cancelAll(body: BulkCancelRequest): Promise<{ cancelled: number; canceling: number }> {
    return dataOf(this.api.POST('/v1/executions/cancel', { body }));
  }

  /**
   * Sends input to a command that runs. With `offset`, bytes that execd has are skipped, so that a call that broke off is made
   * again; without it, they go to the end.
   */
  async sendInput(
    id: string,
    bytes: Uint8Array | string,
    query: { offset?: number; close?: boolean; wait?: number } = {},
  ): Promise<InputState> {
    return dataOf(
      this.api.POST('/v1/executions/{id}/stdin', {
        params: { path: { id }, query },
        body: bytes as string,
        bodySerializer: (body) => body,
        headers: { 'content-type': 'application/octet-stream' },
      }),
    );
  }

  /** Sends a signal to a command that runs; see its end for what becomes of it. */
  async signal(id: string, body: CommandSignal): Promise<CommandSignalSent> {
    return dataOf(this.api.POST('/v1/executions/{id}/signals', { params: { path: { id } }, body }));
  }

  /** Output, input, signals and the size of the terminal of an execution, over one connection. */
  attach(id: string, options: AttachOptions = {}): Attachment {
    return new Attachment({ transport: this.#transport, outageMs: this.#outageMs }, id, options);
  }

  /** Runs the same request again; `params` of an operation that are given change. */
  async rerun(id: string, { params: given, ...options }: AgainOptions = {}): Promise<Execution> {
    const { header, ...begin } = submission(options);
    const params = { path: { id }, header };
    return dataOf(this.api.POST('/v1/executions/{id}/rerun', { params, ...begin, ...changed(given) }));
  }

  /** Changes the priority or extends the clocks of what lives. */
  async update(id: string, body: PatchRequest): Promise<Execution> {
    return dataOf(this.api.PATCH('/v1/executions/{id}', { params: { path: { id } }, body }));
  }

  async remove(id: string): Promise<void> {
    await dataOf(this.api.DELETE('/v1/executions/{id}', { params: { path: { id } } }));
  }

  /**
   * Sends a file, for `files[].upload` of a request. A Blob, bytes, and a stream whose size is given go on after a connection that
   * broke.
   *
   * @throws DigestMismatchError when other bytes have arrived than were sent
   */
  async upload(data: UploadData, options: UploadOptions = {}): Promise<Upload> {
    return upload(this.#files, data, options);
  }

  /** The artifacts of an execution, by path. */
  async artifacts(id: string, { signal }: { signal?: AbortSignal } = {}): Promise<Artifact[]> {
    const params = { path: { id } };
    const { items } = await dataOf(
      this.api.GET('/v1/executions/{id}/artifacts', { params, ...given({ signal }) }),
    );
    return items;
  }

  /** The bytes of an artifact, also over connections that break. They are read when they are asked for. */
  download(execution: string, path: string, options: DownloadOptions = {}): Download {
    return new Download(this.#files, execution, path, options);
  }

  get #files(): Source {
    return {
      ...{ transport: this.#transport, outageMs: this.#outageMs },
      failsWhenRefused: this.#failsWhenRefused,
    };
  }

  /** The log as it is now; with `follow`, until the execution has ended. */
  logs(id: string, options: LogOptions = {}): LogStream {
    const isDone = async (signal: AbortSignal | undefined) =>
      (await this.#look(id, 1, signal)).phase === 'done';
    const source: LogSource = { transport: this.#transport, outageMs: this.#outageMs, isDone };
    return new LogStream(source, id, options);
  }

  /**
   * The log as bytes, or the lines of it that match: fast, for what has ended or may break off.
   *
   * @throws ConnectionError when the connection breaks in the middle
   */
  rawLog(id: string, query: RawLogQuery & { signal?: AbortSignal } = {}): AsyncGenerator<Uint8Array, void> {
    const path = `/v1/executions/${encodeURIComponent(id)}/logs`;
    return rawLog({ transport: this.#transport, outageMs: this.#outageMs }, path, query);
  }

  /** The log until the execution has ended: every byte once, whatever happens to the connection. */
  follow(id: string, options: Omit<LogOptions, 'follow'> = {}): LogStream {
    return this.logs(id, { ...options, follow: true });
  }

  /** Events of all executions and plans that fit. Without `after` from the oldest on; `now`: from now on. */
  events(
    filter: EventFilter = {},
    { signal }: { signal?: AbortSignal } = {},
  ): AsyncGenerator<Message<Event>, void> {
    return this.#stream(urlOf(this.url, '/v1/events', filter), signal, () => false);
  }

  /** Events of one execution until its end; with `output` also what it writes. */
  executionEvents(
    id: string,
    { output, after, signal }: { output?: boolean; after?: string; signal?: AbortSignal } = {},
  ): AsyncGenerator<Message<Event | OutputEvent>, void> {
    const path = `/v1/executions/${encodeURIComponent(id)}/events`;
    const url = urlOf(this.url, path, { output, after });
    return this.#stream(url, signal, (_type, data) => (data as Partial<Event>).phase === 'done');
  }

  #stream<Data>(
    url: URL,
    signal: AbortSignal | undefined,
    isLast: (type: string, data: unknown) => boolean,
  ): AsyncGenerator<Message<Data>, void> {
    return messages({ transport: this.#transport, outageMs: this.#outageMs, url, signal, isLast });
  }
}
