// The addresses of this machine, also those that are public: whoever reaches one of them is inside already, behind whatever
// keeps others out. Looked up again now and then, because addresses come and go.
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Clock } from '../../domain/ports/clock.ts';

const REFRESH_MS = 10_000;

/** The addresses of all interfaces. */
export const interfaceAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));

export class OwnAddresses {
  readonly #clock: Clock;
  readonly #read: () => readonly string[];
  #known: { list: BlockList; readAt: number } | null = null;

  constructor(clock: Clock, read = interfaceAddresses) {
    this.#clock = clock;
    this.#read = read;
  }

  /** @param address without a zone */
  has(address: string): boolean {
    return this.#list().check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }

  #list(): BlockList {
    const now = this.#clock.monotonic();
    if (this.#known === null || now - this.#known.readAt >= REFRESH_MS) {
      const list = new BlockList();
      for (const one of this.#read()) {
        const [address = ''] = one.split('%', 1);
        list.addAddress(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
      }
      this.#known = { list, readAt: now };
    }
    return this.#known.list;
  }
}
