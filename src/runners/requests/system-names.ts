// Resolves names as the system does, without its threads: those are few and wait as long as a name server is silent. Looks
// into /etc/hosts, then asks the name servers of /etc/resolv.conf, with its search list. Each lookup can be given up.
import { Resolver } from 'node:dns/promises';
import type { Clock, Timer } from '../../domain/ports/clock.ts';
import type { Lookup } from './lookups.ts';
import { candidatesOf, ParsedFile, parseHosts, parseResolvConf, withoutDot } from './name-files.ts';

export interface SystemNamesOptions {
  clock: Clock;
  /** Default: those of the system. */
  hostsPath?: string;
  resolvConfPath?: string;
  /** Name servers; default: those of the system's resolv.conf. */
  servers?: readonly string[];
}

/** A name server has so long for its first answer, then twice as long, milliseconds. */
const TRY_MS = 2000;
const TRIES = 2;
/** One family of addresses is there: how long the other one is waited for, milliseconds. */
const OTHER_FAMILY_MS = 1000;
/** RFC 6761 §6.3: never asked for. */
const LOOPBACK = ['127.0.0.1', '::1'] as const;

/** Why a name server gave no address, as the end of a sentence. */
const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the name does not exist',
  ENODATA: 'the name has no address',
  ESERVFAIL: 'the name server failed',
  EREFUSED: 'the name server refused the query',
  ETIMEOUT: 'no name server responded',
  ECONNREFUSED: 'no name server can be reached',
  EBADNAME: 'it is not a valid name',
  EBADRESP: 'the response of the name server is invalid',
};
/** The next name of the search list is tried after these. */
const NOT_THERE: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'ESERVFAIL']);
/** Says nothing but that there is nothing. */
const IS_EMPTY: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA']);

/** What one name yielded: addresses, or why there are none. */
type Answer = { addresses: readonly string[] } | { code: string };

export class SystemNames {
  readonly #options: SystemNamesOptions;
  readonly #hosts: ParsedFile<ReturnType<typeof parseHosts>>;
  readonly #resolvConf: ParsedFile<ReturnType<typeof parseResolvConf>>;

  constructor(options: SystemNamesOptions) {
    this.#options = options;
    this.#hosts = new ParsedFile(options.hostsPath ?? '/etc/hosts', parseHosts);
    this.#resolvConf = new ParsedFile(options.resolvConfPath ?? '/etc/resolv.conf', parseResolvConf);
  }

  readonly lookup: Lookup = async (host, signal) => {
    const name = withoutDot(host);
    const listed = this.#hosts.value.get(name);
    if (listed !== undefined) return listed;
    if (name === 'localhost' || name.endsWith('.localhost')) return LOOPBACK;
    return this.#ask(host, signal);
  };

  async #ask(host: string, signal: AbortSignal): Promise<readonly string[]> {
    // One for each lookup: it is given up as a whole, and a changed resolv.conf counts at once.
    const resolver = new Resolver({ timeout: TRY_MS, tries: TRIES });
    if (this.#options.servers !== undefined) resolver.setServers(this.#options.servers);
    const cancel = () => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      let worst: string | null = null;
      for (const name of candidatesOf(host, this.#resolvConf.value)) {
        const answer = await this.#askFor(name, resolver);
        signal.throwIfAborted();
        if ('addresses' in answer) return answer.addresses;
        if (worst === null || (IS_EMPTY.has(worst) && !IS_EMPTY.has(answer.code))) worst = answer.code;
        if (!NOT_THERE.has(answer.code)) break;
      }
      const code = worst ?? 'EBADNAME';
      throw new Error(`${REASONS[code] ?? 'the name server did not respond'} (${code})`);
    } finally {
      signal.removeEventListener('abort', cancel);
      cancel();
    }
  }

  /** Both families at once. IPv6 comes first (RFC 8305 §4); where there is no route to it, that is known at once. */
  #askFor(name: string, resolver: Resolver): Promise<Answer> {
    return new Promise((resolve) => {
      const answers: { v6: Answer | null; v4: Answer | null } = { v6: null, v4: null };
      let timer: Timer | null = null;
      const settle = () => {
        timer?.cancel();
        const both = [answers.v6, answers.v4].filter((one) => one !== null);
        const addresses = both.flatMap((one) => ('addresses' in one ? one.addresses : []));
        if (addresses.length > 0) return resolve({ addresses });
        const codes = both.flatMap((one) => ('code' in one ? [one.code] : []));
        resolve({ code: codes.find((code) => !IS_EMPTY.has(code)) ?? codes[0] ?? 'ENODATA' });
      };
      const note = (family: 'v6' | 'v4', answer: Answer) => {
        answers[family] = answer;
        if (answers.v6 !== null && answers.v4 !== null) settle();
        else if ('addresses' in answer) timer = this.#options.clock.timer(OTHER_FAMILY_MS, settle);
      };
      const ask = (family: 'v6' | 'v4', asked: Promise<readonly string[]>) =>
        void asked.then(
          (addresses) => note(family, addresses.length > 0 ? { addresses } : { code: 'ENODATA' }),
          (error: unknown) => note(family, { code: (error as NodeJS.ErrnoException).code ?? 'EBADRESP' }),
        );
      ask('v6', resolver.resolve6(name));
      ask('v4', resolver.resolve4(name));
    });
  }
}
