// The messages of an HTTP request, pure: what is sent, whether and how a redirect is followed, what an answer means.
import { Buffer } from 'node:buffer';
import { hostOf } from '../../domain/spec/access.ts';
import type { HttpResponse } from '../../domain/execution/execution.ts';
import type { RequestStart } from '../../domain/ports/runner.ts';
import type { HttpWork } from '../../domain/spec/spec.ts';
import { WEEK_MS } from '../../domain/spec/spec.ts';
import { bare, type Peer } from './egress-guard.ts';
import type { TlsOptions } from './guarded-connect.ts';
import { RequestError } from './request-error.ts';

/** One request that is sent: the first one, or what a redirect has made of it. */
export interface Message {
  method: string;
  url: URL;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  body: Buffer | null;
  tls: TlsOptions | undefined;
  /** Headers that go to no other server. */
  secretHeaders: readonly string[];
  /** Whose request it is. */
  user: string;
  /** The other side knows it again when it is sent twice; default: where its method is safe. */
  isRepeatable?: boolean;
}

export interface AnswerHead {
  status: number;
  headers: HttpResponse['headers'];
}

const DEFAULT_REDIRECTS = 5;

/** Where a URL leads to. */
export function peerOf({ hostname, port, protocol }: URL): Peer {
  const usual = protocol === 'https:' ? 443 : 80;
  return { host: bare(hostname), port: port === '' ? usual : Number(port) };
}

/** The request as the client has asked for it. */
export function firstMessage(start: RequestStart): Message {
  const { work, executionId, attempt, traceparent, secretHeaders, userId } = start;
  const { body, contentType } = encodeBody(work.body);
  const given = Object.entries(work.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]);
  return {
    method: work.method ?? 'GET',
    url: withQuery(new URL(work.url), work.query ?? {}),
    headers: {
      'user-agent': 'execd',
      // What is logged is what was sent; a client that can unpack asks for it.
      'accept-encoding': 'identity',
      ...(contentType === null ? {} : { 'content-type': contentType }),
      ...(Object.fromEntries(given) as Record<string, string>),
      traceparent,
      'execution-id': executionId,
      'execution-attempt': String(attempt),
    },
    body,
    tls: work.tls,
    secretHeaders,
    user: userId,
  };
}

function encodeBody(body: HttpWork['body']): { body: Buffer | null; contentType: string | null } {
  if (body === undefined) return { body: null, contentType: null };
  if ('base64' in body) return { body: Buffer.from(body.base64, 'base64'), contentType: null };
  if ('text' in body) return { body: Buffer.from(body.text), contentType: 'text/plain; charset=utf-8' };
  return { body: Buffer.from(JSON.stringify(body.json ?? null)), contentType: 'application/json' };
}

/** Adds pairs behind the query that the URL has, which stays as it was written. */
function withQuery(url: URL, query: NonNullable<HttpWork['query']>): URL {
  const pairs = Object.entries(query).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  if (pairs.length === 0) return url;
  const added = new URLSearchParams(pairs as [string, string][]).toString();
  url.search = url.search === '' ? added : `${url.search}&${added}`;
  return url;
}

// ------------------------------------------------------------------------------------------ redirects

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const CREDENTIALS = ['authorization', 'cookie', 'proxy-authorization'];
const ABOUT_THE_BODY = ['content-encoding', 'content-language', 'content-location', 'content-type'];
/** What another server may learn that the request does not name: nothing that a client may have made up for the first. */
const FOR_ANYBODY: ReadonlySet<string> = new Set([
  ...[
    'user-agent',
    'accept',
    'accept-charset',
    'accept-encoding',
    'accept-language',
    'cache-control',
    'range',
  ],
  ...['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range', ...ABOUT_THE_BODY],
  ...['traceparent', 'execution-id', 'execution-attempt'],
]);

export interface RedirectOptions {
  start: Pick<RequestStart, 'work' | 'redirectHosts'>;
  /** How many redirects have been followed. */
  followed: number;
}

/**
 * The request that a redirect asks for (WHATWG fetch, HTTP-redirect fetch); null when the answer is the end.
 */
export function redirectOf(
  message: Message,
  { status, headers }: AnswerHead,
  { start, followed }: RedirectOptions,
): Message | null {
  const { work } = start;
  const most = work.max_redirects ?? DEFAULT_REDIRECTS;
  const { location } = headers;
  if (!REDIRECTS.has(status) || typeof location !== 'string' || most === 0) return null;
  if (work.expect !== undefined && isExpected(work, status)) return null;
  const { host } = message.url;
  if (followed >= most) {
    const message = `${host} redirected again after ${most} redirects; execd follows at most ${most}.`;
    throw new RequestError('too_many_redirects', message);
  }
  const url = targetOf(location, message.url);
  checkHost(url, message.url, start.redirectHosts);
  const isSame = isSameServer(message.url, url);
  const becomesGet =
    status === 303
      ? message.method !== 'GET' && message.method !== 'HEAD'
      : (status === 301 || status === 302) && message.method === 'POST';
  const body = becomesGet ? null : message.body;
  const isListed = Array.isArray(work.redirect_hosts) && work.redirect_hosts.includes(hostOf(url));
  if (body !== null && !isSame && !isListed) {
    const what = `${host} redirected to another server, ${url.host}, with status ${status}`;
    const remedy = `list ${hostOf(url)} in redirect_hosts to send it there`;
    throw new RequestError('egress_denied', `${what}. execd does not send the body to it; ${remedy}.`);
  }
  const dropped = (name: string) =>
    (becomesGet && ABOUT_THE_BODY.includes(name)) ||
    (!isSame && (CREDENTIALS.includes(name) || message.secretHeaders.includes(name))) ||
    (!isSame && !isListed && !FOR_ANYBODY.has(name));
  return {
    ...message,
    method: becomesGet ? 'GET' : message.method,
    url,
    headers: Object.fromEntries(Object.entries(message.headers).filter(([name]) => !dropped(name))),
    body,
    tls: url.origin === message.url.origin ? message.tls : withoutServerName(message.tls),
  };
}

/** Where the grants of its user, or its operation, do not let it go, it is not led either. */
function checkHost(url: URL, from: URL, hosts: readonly string[] | null): void {
  if (hosts === null || hosts.includes(hostOf(url))) return;
  const listed = hosts.length > MAX_LISTED ? `${hosts.slice(0, MAX_LISTED).join(', ')}, …` : hosts.join(', ');
  const message = `${from.host} redirected to ${url.host}, which this call may not reach; it may reach ${listed}.`;
  const remedy = 'Add the host to redirect_hosts, and to may_run where it lists hosts.';
  throw new RequestError('egress_denied', `${message} ${remedy}`);
}
const MAX_LISTED = 5;

/** The same origin, or the same host that asks to be spoken to over TLS. */
function isSameServer(from: URL, to: URL): boolean {
  if (to.origin === from.origin) return true;
  return (
    `${from.protocol}${to.protocol}` === 'http:https:' &&
    to.hostname === from.hostname &&
    from.port + to.port === ''
  );
}

function targetOf(location: string, base: URL): URL {
  const url = URL.parse(location, base.href);
  if (url === null) {
    throw new RequestError(
      'invalid_response',
      `${base.host} redirected to ${JSON.stringify(location.slice(0, 200))}, which is not a URL.`,
    );
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new RequestError(
      'egress_denied',
      `${base.host} redirected to "${url.protocol}", which execd does not follow.`,
    );
  }
  if (base.protocol === 'https:' && url.protocol === 'http:') {
    throw new RequestError('egress_denied', `${base.host} redirected from https to http://${url.host}.`);
  }
  // The answer of a server must not make this one send a password, nor is a fragment ever sent.
  Object.assign(url, { username: '', password: '', hash: '' });
  return url;
}

/** The name belongs to the server that the client has asked, not to the one that it is sent on to. */
function withoutServerName(tls: TlsOptions | undefined): TlsOptions | undefined {
  if (tls === undefined) return undefined;
  const { server_name: _, ...rest } = tls;
  return rest;
}

// -------------------------------------------------------------------------------------------- answers

/** Whether a status is one that the client takes for a success. */
export function isExpected({ expect }: HttpWork, status: number): boolean {
  const statuses = expect?.statuses ?? ['2xx'];
  return statuses.includes(status) || statuses.includes(`${Math.floor(status / 100)}xx`);
}

/** Headers from the names and values that follow each other on the wire. */
export function collectHeaders(raw: readonly string[]): HttpResponse['headers'] {
  const headers = new Map<string, string | string[]>();
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    const value = raw[i + 1] as string;
    const before = headers.get(name);
    // Its values may contain commas, so that they cannot be joined (RFC 6265 §3).
    if (name === 'set-cookie') headers.set(name, [before ?? [], value].flat());
    else headers.set(name, before === undefined ? value : `${before.toString()}, ${value}`);
  }
  return Object.fromEntries(headers);
}

const HTTP_DATE = /^[A-Z][a-z]{2,8}, \d{2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT$/;
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/** What Retry-After says (RFC 9110 §10.2.3): milliseconds from now, at most a week; null when nothing that is valid. */
export function retryAfterMs({ headers }: AnswerHead, now: number): number | null {
  const value = headers['retry-after'];
  if (typeof value !== 'string') return null;
  let waitMs = NaN;
  if (/^\d+$/.test(value)) waitMs = Number(value) * 1000;
  else if (HTTP_DATE.test(value)) waitMs = Date.parse(value) - now;
  else if (ASCTIME.test(value)) waitMs = Date.parse(`${value} GMT`) - now;
  return Number.isNaN(waitMs) ? null : Math.min(Math.max(waitMs, 0), WEEK_MS);
}
