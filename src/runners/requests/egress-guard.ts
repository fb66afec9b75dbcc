// Which addresses a request may reach. What is not plainly a public address is refused, so that a client cannot use this
// server to get at what only it can reach: itself, its network, the metadata of its cloud. Names are never judged, only
// the addresses behind them; a name in the allow-list permits whatever it resolves to.
import { BlockList, isIP, type Socket } from 'node:net';
import type { OwnAddresses } from './own-addresses.ts';
import { authority, RequestError } from './request-error.ts';

/** Where a request goes: a lower-case name or an address without brackets. */
export interface Peer {
  host: string;
  port: number;
}

// IANA special-purpose address registries (RFC 6890 and its successors), 2025.
const DENIED: readonly (readonly [why: string, ...subnets: string[]])[] = [
  ['loopback', '127.0.0.0/8', '::1/128'],
  ['unspecified', '0.0.0.0/8', '::/128'],
  ['private', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7', 'fec0::/10'],
  ['link-local', '169.254.0.0/16', 'fe80::/10'],
  ['shared by a carrier (RFC 6598)', '100.64.0.0/10'],
  ['multicast', '224.0.0.0/4', 'ff00::/8'],
  // What stands behind these is another address, which nobody here can check.
  ['a translated IPv4 address', '::/96', '::ffff:0:0:0/96', '64:ff9b::/96', '64:ff9b:1::/48'],
  ['the end of a tunnel', '2002::/16', '2001::/32', '192.88.99.0/24'],
  ['for documentation', '192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32', '3fff::/20'],
  ['for benchmarks', '198.18.0.0/15', '2001:2::/48'],
  ['reserved', '192.0.0.0/24', '240.0.0.0/4', '2001::/23', '100::/64'],
  // Azure's virtual host answers here, with secrets of the machine.
  ['an address of a cloud for its machines', '168.63.129.16/32'],
];

const denied = DENIED.map(([why, ...subnets]) => ({ why, list: blockList(subnets) }));
const mapped = blockList(['::ffff:0:0/96']);
/** All that is given out as public; the rest of IPv6 is reserved. */
const publicIpv6 = blockList(['2000::/3']);

/** What a connector asks before it connects, and once it has. Each throws when the answer is no. */
export type Guard = Pick<EgressGuard, 'check' | 'checkAll' | 'checkConnection'>;

/** For what the operator has configured: it may go anywhere. */
export const ANYWHERE: Guard = Object.freeze({
  check: () => undefined,
  checkAll: () => undefined,
  checkConnection: () => undefined,
});

const OF_THIS_MACHINE = 'an address of this machine';

export class EgressGuard {
  readonly #addresses = new BlockList();
  readonly #addressesByPort = new Map<number, BlockList>();
  readonly #hosts = new Set<string>();
  readonly #own: Pick<OwnAddresses, 'has'>;

  /**
   * @param allow `name`, `name:port`, an address with or without a port (`127.0.0.1:9000`, `[::1]:80`), or a network
   *              (`10.0.0.0/8`, `fd00::/8`)
   * @param own the addresses of this machine
   * @throws an Error that names the entry that is none of these
   */
  constructor(allow: readonly string[], own: Pick<OwnAddresses, 'has'>) {
    this.#own = own;
    for (const entry of allow) this.#allow(entry);
  }

  /** Throws when an address must not be reached on the way to a peer. */
  check(peer: Peer, address: string): void {
    const plain = withoutZone(address);
    const why = denialOf(plain) ?? (this.#own.has(plain) ? OF_THIS_MACHINE : null);
    this.#refuse(peer, address, why);
  }

  /** Throws when a connection has not gone where it may: its other end must not be reached, or is this machine. */
  checkConnection(
    peer: Peer,
    { localAddress, remoteAddress }: Pick<Socket, 'localAddress' | 'remoteAddress'>,
  ): void {
    if (remoteAddress === undefined) throw new Error('the other side closed the connection');
    this.check(peer, remoteAddress);
    if (localAddress === remoteAddress) this.#refuse(peer, remoteAddress, OF_THIS_MACHINE);
  }

  #refuse(peer: Peer, address: string, why: string | null): void {
    if (why === null || this.#isAllowed(peer, withoutZone(address))) return;
    const name = peer.host === address ? '' : ` of ${peer.host}`;
    const message = `The address ${address}${name} (port ${peer.port}) is not allowed: it is ${why}. The operator can allow it with EXECUTION_EGRESS_ALLOW.`;
    throw new RequestError('egress_denied', message);
  }

  /** Throws when any of the addresses must not be reached: a name with mixed answers is not to be trusted. */
  checkAll(peer: Peer, addresses: readonly string[]): void {
    for (const address of addresses) this.check(peer, address);
  }

  #isAllowed(peer: Peer, address: string): boolean {
    const host = withoutDot(peer.host);
    if (this.#hosts.has(host) || this.#hosts.has(authority({ host, port: peer.port }))) return true;
    const family = isIP(address);
    if (family === 0) return false;
    const type = family === 6 ? 'ipv6' : 'ipv4';
    const byPort = this.#addressesByPort.get(peer.port);
    return this.#addresses.check(address, type) || byPort?.check(address, type) === true;
  }

  #allow(entry: string): void {
    if (entry.includes('/')) return addSubnet(this.#addresses, entry);
    if (isIP(entry) !== 0) return addAddress(this.#addresses, entry);
    const { host, port } = splitEntry(entry);
    if (isIP(host) === 0) this.#hosts.add(port === null ? host : authority({ host, port }));
    else if (port === null) addAddress(this.#addresses, host);
    else {
      const list = this.#addressesByPort.get(port) ?? new BlockList();
      addAddress(list, host);
      this.#addressesByPort.set(port, list);
    }
  }
}

/** Why an address is not public; null when it is. */
function denialOf(address: string): string | null {
  const family = isIP(address);
  if (family === 0) return 'not an address';
  // A BlockList looks at an IPv4-mapped address as the IPv4 address that it is.
  const type = family === 6 ? 'ipv6' : 'ipv4';
  for (const { why, list } of denied) if (list.check(address, type)) return why;
  if (family === 4 || mapped.check(address, 'ipv6') || publicIpv6.check(address, 'ipv6')) return null;
  return 'reserved';
}

// ------------------------------------------------------------------------------------ the allow-list

/** Of a host, as the URL parser leaves it: lower case, punycode. */
const NAME = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;

function bad(entry: string, why: string): Error {
  return new Error(`"${entry}" is not a valid destination: ${why}.`);
}

/** A name or an address with or without a port. */
function splitEntry(entry: string): { host: string; port: number | null } {
  const [, written = '', digits] = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d{1,5}))?$/.exec(entry) ?? [];
  const port = digits === undefined ? null : Number(digits);
  const url = /[\s@?#\\%*]/.test(entry) ? null : URL.parse(`http://${written}/`);
  const host = withoutDot(bare(url?.hostname ?? ''));
  if (isIP(host) === 0 && !NAME.test(host)) {
    throw bad(entry, 'write name, name:port, address, address:port, [IPv6]:port or network/bits');
  }
  if (port !== null && (port < 1 || port > 65_535)) throw bad(entry, 'a port is 1 to 65535');
  // 127.1 and the like: whoever reads the configuration should see what it permits.
  if (isIP(host) !== 0 && isIP(bare(written)) === 0) throw bad(entry, `write the address as ${host}`);
  return { host, port };
}

function addAddress(list: BlockList, address: string): void {
  list.addAddress(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function addSubnet(list: BlockList, subnet: string): void {
  const [, written = '', bits = ''] = /^([^/]+)\/(\d{1,3})$/.exec(subnet) ?? [];
  const address = bare(written);
  const family = isIP(address);
  if (family === 0) throw bad(subnet, 'a network is written as 10.0.0.0/8 or fd00::/8');
  const most = family === 6 ? 128 : 32;
  if (Number(bits) > most) throw bad(subnet, `it has more than ${most} bits`);
  list.addSubnet(address, Number(bits), family === 6 ? 'ipv6' : 'ipv4');
}

function blockList(subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) addSubnet(list, subnet);
  return list;
}

/** Without the brackets that an IPv6 address has in a URL. */
export function bare(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}

function withoutDot(host: string): string {
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

function withoutZone(address: string): string {
  return address.split('%', 1)[0] as string;
}
