// Typed calls of the API: every path and field of the OpenAPI document. An answer is its data; an error is thrown.
import createClient, { type Client } from 'openapi-fetch';
import { problemError } from './errors.ts';
import type { paths } from './schema.ts';
import type { Transport } from './transport.ts';

export type Api = Client<paths>;

export interface CallOptions {
  /** For how long a call is tried again. */
  retryMs: number;
  /** The same for calls that wait, and for those that began something: a server may restart meanwhile. */
  outageMs: number;
  /** Fail at once when nobody listens at the first call. */
  failsWhenRefused: boolean;
}

/** A try may take so long, besides what it is asked to wait. */
const TIMEOUT_MS = 30_000;

export function createApi(transport: Transport, options: CallOptions): Api {
  return createClient<paths>({
    baseUrl: transport.url,
    fetch: (request) => {
      const waitMs = waitOf(request) * 1000;
      const isPatient = waitMs > 0 || request.headers.has('idempotency-key');
      return transport.send(request, {
        retryMs: isPatient ? options.outageMs : options.retryMs,
        timeoutMs: TIMEOUT_MS + waitMs,
        failsWhenRefused: options.failsWhenRefused,
        // openapi-fetch hands on what it does not know itself.
        lastTry: (request as { lastTry?: AbortSignal }).lastTry,
      });
    },
    querySerializer: { array: { style: 'form', explode: true } },
  });
}

function waitOf({ url, headers }: Request): number {
  const prefer = /\bwait=(\d+)/.exec(headers.get('prefer') ?? '')?.[1];
  return Number(new URL(url).searchParams.get('wait') ?? prefer ?? 0);
}

/** @throws ProblemError when the answer is an error */
export async function dataOf<Data>(
  call: Promise<{ data?: Data; error?: unknown; response: Response }>,
): Promise<Data> {
  const { data, error, response } = await call;
  if (!response.ok) throw problemError(response, error);
  return data as Data;
}

/** A page of a list. */
export interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
}

/** All items of a list, page by page; the next page is read when the items before it have been taken. */
export async function* paginate<Item>(
  read: (cursor: string | undefined) => Promise<Page<Item>>,
): AsyncGenerator<Item, void> {
  let cursor: string | undefined;
  do {
    const { items, next_cursor: next } = await read(cursor);
    yield* items;
    cursor = next ?? undefined;
  } while (cursor !== undefined);
}

/** The fields that have a value: a query and a header have no other. */
export function given<Fields extends object>(fields: Fields): Given<Fields> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Given<Fields>;
}
type Given<Fields> = { [Name in keyof Fields]: Exclude<Fields[Name], undefined> };

/** The URL of a route with a query; a list is given value by value. */
export function urlOf(base: string, path: string, query: object): URL {
  const url = new URL(base + path);
  for (const [name, value] of Object.entries(given(query)))
    for (const one of Array.isArray(value) ? value : [value]) url.searchParams.append(name, String(one));
  return url;
}

/** A key that no other request has. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
