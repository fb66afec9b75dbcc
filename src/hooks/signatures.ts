// Whether a delivery was signed by somebody who holds the secret of its hook. Signatures are of the bytes as they came, and
// compared in constant time.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { DEFAULT_WINDOW_S, type Hook, type HookDelivery } from '../domain/operations/hook.ts';

/** What names a good delivery; null where nothing does. */
export interface Verified {
  deliveryId: string | null;
}

type Signed = Pick<HookDelivery, 'headers' | 'query' | 'bytes'>;

/**
 * Null when no key has signed the delivery, or the time that was signed is too far from now.
 *
 * @param now milliseconds since the epoch
 */
export function verify(
  hook: Hook,
  keys: readonly string[],
  { headers, query, bytes }: Signed,
  now: number,
): Verified | null {
  const header = (name: string) => headers[name] ?? '';
  const isGood = (sign: (key: string) => string, shown: readonly string[]) =>
    // All are compared: which of them is good is not to be measured.
    keys.map((key) => shown.map((one) => isEqual(sign(key), one)).includes(true)).includes(true);
  const isNow = (seconds: string, windowS: number) =>
    /^\d{1,12}$/.test(seconds) && Math.abs(Number(seconds) - now / 1000) <= windowS;
  switch (hook.scheme) {
    case 'github': {
      const sign = (key: string) => `sha256=${hmac('sha256', key, [bytes]).toString('hex')}`;
      const isSigned = isGood(sign, [header('x-hub-signature-256')]);
      return isSigned ? { deliveryId: headers['x-github-delivery'] ?? null } : null;
    }
    case 'gitlab': {
      const isSigned = isGood((key) => key, [header('x-gitlab-token')]);
      const deliveryId = headers['idempotency-key'] ?? headers['x-gitlab-event-uuid'] ?? null;
      return isSigned ? { deliveryId } : null;
    }
    case 'slack': {
      const seconds = header('x-slack-request-timestamp');
      const shown = header('x-slack-signature');
      const sign = (key: string) => `v0=${hmac('sha256', key, [`v0:${seconds}:`, bytes]).toString('hex')}`;
      // Nothing else names a delivery of Slack: the very same one again is a replay.
      return isGood(sign, [shown]) && isNow(seconds, hook.window_s) ? { deliveryId: shown } : null;
    }
    case 'standard': {
      const id = header('webhook-id');
      const seconds = header('webhook-timestamp');
      const sign = (key: string) =>
        `v1,${hmac('sha256', standardKey(key), [`${id}.${seconds}.`, bytes]).toString('base64')}`;
      const isSigned = isGood(sign, header('webhook-signature').split(' ').slice(0, MAX_SIGNATURES));
      return isSigned && id !== '' && isNow(seconds, hook.window_s) ? { deliveryId: id } : null;
    }
    case 'hmac': {
      const {
        algorithm,
        encoding,
        prefix,
        timestamp_header: time,
        window_s: windowS = DEFAULT_WINDOW_S,
      } = hook;
      const shown = header(hook.header);
      const seconds = time === undefined ? null : header(time);
      const parts = seconds === null ? [bytes] : [`${seconds}.`, bytes];
      const sign = (key: string) => prefix + hmac(algorithm, key, parts).toString(encoding);
      if (!isGood(sign, [shown]) || (seconds !== null && !isNow(seconds, windowS))) return null;
      return { deliveryId: seconds === null ? null : shown };
    }
    case 'token': {
      const { header: name, prefix = '', query: parameter } = hook;
      const shown = name === undefined ? query[parameter ?? ''] : header(name);
      const isShown = isGood((key) => prefix + key, [typeof shown === 'string' ? shown : '']);
      return isShown ? { deliveryId: null } : null;
    }
    default:
      return hook satisfies never;
  }
}

/** The parameter of the URL that holds the proof: expressions do not see it. */
export function proofParameter(hook: Hook): string | null {
  return hook.scheme === 'token' ? (hook.query ?? null) : null;
}

/** Headers that hold the proof: expressions do not see them. */
export function proofHeaders(hook: Hook): readonly string[] {
  switch (hook.scheme) {
    case 'github':
      return ['x-hub-signature', 'x-hub-signature-256'];
    case 'gitlab':
      return ['x-gitlab-token'];
    case 'slack':
      return ['x-slack-signature'];
    case 'standard':
      return ['webhook-signature'];
    case 'hmac':
      return [hook.header];
    case 'token':
      return hook.header === undefined ? [] : [hook.header];
    default:
      return hook satisfies never;
  }
}

/** That a sender shows while its secret changes. */
const MAX_SIGNATURES = 8;

/** Standard Webhooks writes keys as base64. */
const standardKey = (key: string): Buffer => Buffer.from(key.replace(/^whsec_/, ''), 'base64');

export function hmac(
  algorithm: string,
  key: string | Buffer,
  parts: readonly (string | Uint8Array)[],
): Buffer {
  const made = createHmac(algorithm, key);
  for (const part of parts) made.update(part);
  return made.digest();
}

/** Their digests are compared, which are of one length. */
function isEqual(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
