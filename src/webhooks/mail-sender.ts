// Sends the mail of webhooks to the mail server of the operator. Its address comes from a setting alone, so that no user can reach
// another host by it; recipients have domains that the operator allows. nodemailer is loaded with the first mail.
import { LRUCache } from 'lru-cache';
import type { Transporter } from 'nodemailer';
import type { Clock, Log } from '../domain/ports/clock.ts';
import { domainOf, type MailFrom, recipientsOf } from '../domain/spec/mail.ts';
import {
  userOfLane,
  type WebhookAnswer,
  type WebhookMessage,
  type WebhookSender,
} from '../domain/webhooks/webhooks.ts';
import { TokenBucket } from '../resilience/token-bucket.ts';

/** A domain that stands for all. */
export const ANY_DOMAIN = '*';

export interface MailSettings {
  /** smtp: or smtps:, with a user or without. */
  url: URL;
  from: MailFrom;
  /** Of recipients, in lower case; `*` for all. */
  domains: readonly string[];
  /** What the mail server takes for a password now; null: it wants none. */
  password: () => string | null;
  /** Recipients that a user may write to in an hour. */
  perHour: number;
  /** For one try, all together. */
  timeoutMs: number;
}

export interface MailSenderDeps {
  /** Null: there is no mail server. */
  settings: MailSettings | null;
  clock: Clock;
  log: Log;
}

const HOUR_S = 3600;
const MAX_USERS = 10_000;
const MAX_SAID = 200;
/** The server goes away: that is nothing of this message. */
const GOING_AWAY = 421;
/** Where a mail server judges a message. Before that, it judges execd. */
const OF_MESSAGE = ['RCPT TO', 'DATA'];

/** What nodemailer says of a mail that was not sent. */
interface MailError extends Error {
  code?: string;
  command?: string;
  response?: string;
  responseCode?: number;
}

export class MailSender implements WebhookSender {
  readonly #deps: MailSenderDeps;
  readonly #shares = new LRUCache<string, TokenBucket>({ max: MAX_USERS });

  constructor(deps: MailSenderDeps) {
    this.#deps = deps;
  }

  whyNotAllowed(url: string): string | null {
    const { settings } = this.#deps;
    if (settings === null)
      return 'is a mailto: URL, and this server sends no mail; the operator sets EXECUTION_MAIL_URL for that';
    const { domains } = settings;
    const other = recipientsOf(url).find((one) => !domains.includes(domainOf(one)));
    if (other === undefined || domains.includes(ANY_DOMAIN)) return null;
    return `has the address ${other}; mail goes to ${domains.join(', ')} only (EXECUTION_MAIL_DOMAINS)`;
  }

  waitMs(lane: string): number {
    const { settings } = this.#deps;
    if (settings === null) return 0;
    const missing = 1 - this.#shareOf(userOfLane(lane), settings.perHour);
    return missing <= 0 ? 0 : Math.ceil((missing * HOUR_S * 1000) / settings.perHour);
  }

  async send(message: WebhookMessage, signal: AbortSignal): Promise<WebhookAnswer> {
    const { settings, clock } = this.#deps;
    const why = this.whyNotAllowed(message.url);
    if (settings === null || why !== null)
      return { status: null, retryAfterMs: null, error: `the URL ${why ?? ''}`, isLast: true };
    const { userId, url } = message;
    this.#shareOf(userId, settings.perHour, recipientsOf(url).length);
    const late = new AbortController();
    const { timeoutMs } = settings;
    const timer = clock.timer(timeoutMs, () => late.abort());
    try {
      return await this.#sendNow(message, settings, AbortSignal.any([signal, late.signal]));
    } catch (error) {
      if (signal.aborted) return unsent('the server was stopped');
      if (late.signal.aborted) return unsent(`the mail server did not accept it within ${timeoutMs} ms`);
      return this.#answerTo(error as MailError, message);
    } finally {
      timer.cancel();
    }
  }

  close(): void {
    // Each mail has a connection of its own, which `send` ends.
  }

  async #sendNow(
    { url, headers, body }: WebhookMessage,
    settings: MailSettings,
    signal: AbortSignal,
  ): Promise<WebhookAnswer> {
    const { from } = settings;
    const transport = await transportTo(settings);
    const to = recipientsOf(url);
    const { subject = '', 'message-id': id = '', 'content-type': type = '' } = headers;
    try {
      const { rejected } = await transport.sendMail({
        ...{ from, to: to.map((address) => ({ name: '', address })), subject, signal },
        envelope: { from: from.address, to },
        messageId: `<${id}@${domainOf(from.address)}>`,
        // Nobody answers it, and it answers nobody (RFC 3834).
        headers: { 'Auto-Submitted': 'auto-generated' },
        ...(type.startsWith('text/html') ? { html: body } : { text: body }),
      });
      const refused = rejected ?? [];
      const error = refused.length === 0 ? null : `the mail server refused ${refused.join(', ')}`;
      return { status: 250, retryAfterMs: null, error, isLast: true };
    } finally {
      transport.close();
    }
  }

  /** Users see what the mail server says of a message; the rest is in the log. */
  #answerTo(error: MailError, { userId }: WebhookMessage): WebhookAnswer {
    const { code = 'error', command = '', response = '', responseCode } = error;
    const isOfMessage = OF_MESSAGE.includes(command) && responseCode !== undefined;
    if (!isOfMessage || responseCode === GOING_AWAY) {
      this.#deps.log.warn({ err: error, user_id: userId }, 'The mail server takes no mail; execd retries');
      return unsent(`the mail server takes no mail now (${code})`);
    }
    const said = response.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, MAX_SAID);
    const isLast = responseCode >= 500;
    return { status: responseCode, retryAfterMs: null, error: `the mail server responded: ${said}`, isLast };
  }

  /** What a user may still send, after they have sent so much. */
  #shareOf(userId: string, perHour: number, sent = 0): number {
    let share = this.#shares.get(userId);
    if (share === undefined) {
      share = new TokenBucket(perHour, () => this.#deps.clock.monotonic());
      this.#shares.set(userId, share);
    }
    share.add(-sent, perHour);
    return share.fill(perHour / HOUR_S, perHour);
  }
}

const unsent = (error: string): WebhookAnswer => ({ status: null, retryAfterMs: null, error });

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** A connection for one mail. A password goes over an encrypted connection only, or within the machine. */
async function transportTo({ url, password, timeoutMs }: MailSettings): Promise<Transporter> {
  const { createTransport } = await import('nodemailer');
  const isSecure = url.protocol === 'smtps:';
  const pass = password();
  const limits = {
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
  };
  return createTransport({
    host: url.hostname.replaceAll(/^\[|\]$/g, ''),
    port: Number(url.port || (isSecure ? 465 : 587)),
    secure: isSecure,
    requireTLS: pass !== null && !LOOPBACK.test(url.hostname),
    ...(pass === null ? {} : { auth: { user: decodeURIComponent(url.username), pass } }),
    ...limits,
    socketCloseTimeout: 0,
    // A body is text, never the name of a file or a URL to fetch.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}
