// TLS contexts: what a connection trusts. The usual one is made once. One with certificates of a client's own takes time of
// the only thread, so that they are made one at a time, users in turn, with room for others in between, and kept.
import { hash, X509Certificate } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import type { Clock } from '../../domain/ports/clock.ts';
import { FairShares } from './fair-shares.ts';

const MAX_KEPT = 64;
/** Others have the thread for so many times as long as a context took. */
const REST = 3;

export class TlsContexts {
  readonly #clock: Clock;
  readonly #turns = new FairShares(1);
  /** By their content; the one that was used last is the last. */
  readonly #kept = new Map<string, { context: SecureContext; user: string }>();
  #usual: SecureContext | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Rejects when the signal aborts before its turn, and when the certificates cannot be read.
   *
   * @param ca PEM; null trusts the usual certificates only
   */
  async get(ca: string | null, user: string, signal: AbortSignal): Promise<SecureContext> {
    if (ca === null) return (this.#usual ??= createSecureContext({}));
    const key = hash('sha256', ca);
    const known = this.#find(key);
    if (known !== null) return known;
    const end = await this.#turns.take(user, signal);
    // What has come meanwhile has its turn before.
    await this.#clock.sleep(0);
    const began = this.#clock.monotonic();
    try {
      signal.throwIfAborted();
      return this.#find(key) ?? this.#make(ca, key, user);
    } finally {
      void this.#clock.sleep(REST * (this.#clock.monotonic() - began)).then(end);
    }
  }

  #find(key: string): SecureContext | null {
    const found = this.#kept.get(key);
    if (found === undefined) return null;
    this.#kept.delete(key);
    this.#kept.set(key, found);
    return found.context;
  }

  #make(ca: string, key: string, user: string): SecureContext {
    const context = contextWith(ca);
    if (this.#kept.size >= MAX_KEPT) this.#forgetOne();
    this.#kept.set(key, { context, user });
    return context;
  }

  /** The one that was used longest ago, of the user who has most. */
  #forgetOne(): void {
    const counts = new Map<string, number>();
    for (const { user } of this.#kept.values()) counts.set(user, (counts.get(user) ?? 0) + 1);
    const most = Math.max(...counts.values());
    const oldest = [...this.#kept].find(([, { user }]) => counts.get(user) === most);
    if (oldest !== undefined) this.#kept.delete(oldest[0]);
  }
}

/** The native side of a context. Adding to the usual certificates takes a fiftieth of parsing all of them once more. */
interface NativeContext {
  addCACert?: (pem: string) => void;
}

/** @throws an Error that says what is wrong with the certificates */
function contextWith(ca: string): SecureContext {
  try {
    new X509Certificate(ca);
  } catch {
    throw new Error('tls.ca has no certificate that can be read; it takes one or more, as PEM');
  }
  const context = createSecureContext({});
  const native = (context as { context?: NativeContext }).context;
  if (typeof native?.addCACert !== 'function')
    return createSecureContext({ ca: [...getCACertificates('default'), ca] });
  native.addCACert(ca);
  return context;
}
